"""A file of rules against every law that was in force on a day.

Always: each finding names its law, article, quotation, place, line and mend; what the checker
cannot judge is asked, not passed over. Never: a file passes because something stands nowhere.
"""

import datetime as dt
from collections.abc import Iterable
from typing import NamedTuple

from tidegate.domain.yaml_nodes import Node, parse
from tidegate.people.lint.conditions import Scene, Test, test_of
from tidegate.people.lint.form import misfits
from tidegate.people.lint.packs import LawPack, Level, Rule, Words, law_packs
from tidegate.people.lint.paths import elements, found, said, words

FORM_LAW = Words("文件格式", "the file's form")


class Finding(NamedTuple):
    """One rule that one place does not keep, or one question about it."""

    rule: str
    level: Level
    line: int
    place: str
    say: Words
    mend: Words
    law: Words
    article: str
    quote: str
    source: str
    verified: bool


class Report(NamedTuple):
    """What a check came to. `rules` were looked at, at so many `places` altogether."""

    on: dt.date
    findings: tuple[Finding, ...]
    questions: tuple[Finding, ...]
    rules: int
    places: int
    laws: tuple[LawPack, ...]
    skipped: tuple[LawPack, ...]  # not in force on that day

    @property
    def blocks(self) -> int:
        """How many findings must be mended before the rules may be published."""
        return sum(one.level == "block" for one in self.findings)


class Compiled(NamedTuple):
    """A rule, ready to ask."""

    rule: Rule
    when: list[Test]
    must: list[Test]


def compiled(rule: Rule) -> Compiled:
    """Raises BadCondition or BadPath."""
    return Compiled(rule, [test_of(one) for one in rule.when], [test_of(one) for one in rule.must])


def check(text: str, on: dt.date, packs: Iterable[LawPack] | None = None) -> Report:
    """Check a file's text. Raises YamlRefused when it is no plain YAML."""
    root = parse(text)
    findings = [
        Finding("form", "block", one.line, one.place, Words(one.zh, one.en),
                Words(one.mend, one.mend), FORM_LAW, "", "", "", verified=True)
        for one in misfits(root)
    ]  # fmt: skip
    questions: list[Finding] = []
    every = tuple(packs) if packs is not None else law_packs()
    laws = tuple(pack for pack in every if pack.in_force <= on)
    places = rules = 0
    for pack in laws:
        for rule in pack.rules:
            rules += 1
            asked = compiled(rule)
            for place, item in _items(root, rule.each):
                scene = Scene(root, item, on)
                if not all(test(scene) for test in asked.when):
                    continue
                places += 1
                if rule.level == "ask":
                    if not (rule.judged and said(scene.nodes(rule.judged))):
                        questions.append(_finding(pack, rule, item.line, place))
                elif not all(test(scene) for test in asked.must):
                    findings.append(_finding(pack, rule, item.line, place))
    skipped = tuple(pack for pack in every if pack.in_force > on)
    findings.sort(key=lambda one: (one.line, one.rule))
    return Report(on, tuple(findings), tuple(questions), rules, places, laws, skipped)


def _items(root: Node, each: str) -> list[tuple[str, Node]]:
    """The items that a rule looks at, with how a person finds them."""
    if not each:
        return [("", root)]
    nodes = elements(found(root, root, each))
    return [(f"{each}[{number}]{_name(node)}", node) for number, node in enumerate(nodes, 1)]


def _name(node: Node) -> str:
    if node.fields is None:
        return ""
    names = words([node.fields[key] for key in ("name", "kind") if key in node.fields][:1])
    return f" {names[0]}" if names else ""


def _finding(pack: LawPack, rule: Rule, line: int, place: str) -> Finding:
    return Finding(
        rule.id, rule.level, line, place, rule.say, rule.mend, pack.law, rule.article,
        rule.quote, pack.source, pack.is_verified(rule),
    )  # fmt: skip
