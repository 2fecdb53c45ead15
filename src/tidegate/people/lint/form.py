"""The form of a file of rules: which words it may hold, and where.

Always: an unknown word is a finding of its own, with the nearest known ones, because a misspelt
field would look like a missing one. Never: says what a value ought to be; packs do.
"""

import difflib
from collections.abc import Iterator
from typing import Any, NamedTuple

from tidegate.domain.yaml_nodes import Node

FORM_VERSION = "1"


def _form(names: str, **nested: dict[str, Any]) -> dict[str, Any]:
    """Words that hold anything, and words that hold more of a form."""
    return {**{name: {} for name in names.split()}, **nested}


_ASSESSMENT = _form("on covers kept_years by")
_OPERATOR = _form(
    "name contact address persons abroad audited_on trained_on",
    officer=_form("name contact reported_on"),
    breach_plan=_form("on tells"),
    records=_form("assessment_years provision_years trade_years"),
)
_RULES = _form(
    "version changed_on published_on taps saveable list languages rights complaint text"
    " changes_told large_print",
    answers=_form("working_days reasons conditions"),
)
_PURPOSE = _form(
    "name why basis fields method core kind consent category changed_on automated personalised"
    " neutral_choice refusable major_effect human_review publishes minors",
    necessity=_form("by on because"),
    retention=_form("days until how then"),
    sensitive=_form("necessity effect"),
    assessment=_ASSESSMENT,
)
_FACE = _form(
    "necessity effect stored_persons filed_on reached_on stored_at transmit_consent image"
    " with_identity one_to_many consent encrypted audited changed_on retention analysis"
    " accessible_notice",
    assessment=_ASSESSMENT,
)
FORM: dict[str, Any] = _form(
    "form",
    operator=_OPERATOR,
    rules=_RULES,
    fields=_form("name category"),
    purposes=_PURPOSE,
    consents=_form(
        "name purposes screen default mode refusal give_steps withdraw_steps ask_again_days"
        " incentive together_with without_it validity_days"
    ),
    recipients=_form(
        "name contact purpose method fields role region consent contract_on mechanism"
        " rights_there basis"
    ),
    messages=_form(
        "name kind channel consent sender contact unsubscribe stops personalised neutral_choice"
        " text"
    ),
    pricing=_form("reads"),
    search=_form("personalised neutral_choice"),
    stores=_form("name holds region encrypted access reads_on_record"),
    screens=_form("name kind requires asks membership follow ticked collects_before_consent"),
    checkpoints=_form(
        "name place hours classes exit by_hand revoked_for",
        methods=_form("kind classes hours fee_fen seconds benefit chosen_by"),
    ),
    face=_FACE,
    devices=_form("name kind place place_kind purpose sign other_use other_use_consent"),
    minors=_form("possible guardian rules staff_access audited_on refusal_in_writing"),
)
LISTS = frozenset(name for name in FORM if name.endswith("s") and name not in ("rules", "minors"))
LISTS |= {"methods"}


class Misfit(NamedTuple):
    """A place where a file has not the form."""

    line: int
    place: str
    zh: str
    en: str
    mend: str


def misfits(root: Node) -> Iterator[Misfit]:
    """Everything in a file that has not the form."""
    if root.fields is None:
        yield Misfit(root.line, "", "文件应当是字段的集合", "the file is no set of fields",
                     "write operator:, rules:, purposes: and so on")  # fmt: skip
        return
    if root.fields.get("form", Node(0, text="")).text != FORM_VERSION:
        yield Misfit(root.line, "form", "缺少表格版本", "the form's version is missing",
                     f"write form: {FORM_VERSION}")  # fmt: skip
    yield from _fields(root, FORM, "")


def _fields(node: Node, form: dict[str, Any], place: str) -> Iterator[Misfit]:
    assert node.fields is not None
    for name, child in node.fields.items():
        here = f"{place}.{name}" if place else name
        if name not in form:
            near = difflib.get_close_matches(name, form, n=3) or sorted(form)[:8]
            yield Misfit(node.key_lines[name], here, "未知字段", "an unknown field",
                         f"one of: {', '.join(near)}")  # fmt: skip
        elif form[name]:
            yield from _child(child, form[name], here, is_list=name in LISTS)


def _child(node: Node, form: dict[str, Any], place: str, *, is_list: bool) -> Iterator[Misfit]:
    if node.text is not None and not node.text.strip():
        return  # nothing was filled in; whether it may be missing is the packs' business
    nodes = [node] if not is_list else node.items
    if nodes is None:
        yield Misfit(node.line, place, "应当是列表", "it should be a list", "begin each with '- '")
        return
    for number, one in enumerate(nodes, 1):
        here = f"{place}[{number}]" if is_list else place
        if one.fields is None:
            yield Misfit(one.line, here, "应当是字段的集合", "it should be a set of fields",
                         f"one of: {', '.join(sorted(form)[:8])}")  # fmt: skip
        else:
            yield from _fields(one, form, here)
