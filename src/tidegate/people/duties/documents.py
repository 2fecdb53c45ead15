"""What the documents of a shop's duties say: fields that the law names, none of them left out.

Always complete when it is filed: an empty field that the law asks for is refused by name. Never
with personal data: who was hurt is a number and tokens, found when it is needed.
"""

from functools import lru_cache
from pathlib import Path
from typing import Literal

import msgspec

from tidegate.people.filter import find

FILE = Path(__file__).with_name("terms.json")
TEXT_CHARS_MAX = 4_000


class DutyTerms(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Numbers and articles, from a dated file."""

    version: str
    keep_days: int
    keep_law: str
    keep_verified: bool
    provision_keep_law: str
    triggers: dict[str, str]
    assessment_content: str
    breach_content: str


@lru_cache(maxsize=1)
def load_duty_terms() -> DutyTerms:
    """The file of this release."""
    return msgspec.json.decode(FILE.read_bytes(), type=DutyTerms)


class DocumentIncomplete(ValueError):
    """A document that says too little, or too much; the message names the field."""


class Assessment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An impact assessment: Art. 55 says when, Art. 56 says what."""

    purpose: str
    trigger: str
    lawful_and_necessary: str  # 56(1): purpose and method lawful, proper, necessary
    effect_and_risk: str  # 56(2): effect on rights, and risk
    measures: str  # 56(3): measures lawful, effective, fitting the risk
    residual: str = ""


class Breach(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A leak, tampering or loss, or the chance of one: Art. 57."""

    happened: str  # what and when, as far as known
    kinds: tuple[str, ...]  # 57(1): fields of the register
    cause: str
    harm: str
    measures: str  # 57(2): what was done, and what persons can do
    contact: str  # 57(3)
    persons: int
    authority_told: str = ""  # when and whom, or why not yet
    persons_told: str = ""  # when and how, or the decision that harm was avoided effectively
    is_harm_avoided: bool = False  # only then may persons be left untold
    judged_by: str = ""  # who decided that


class Paper(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Internal rules, an incident plan, a training: that it is there, and since when (Art. 51)."""

    kind: Literal["rules", "plan", "training", "audit", "contract"]
    title: str
    held: str  # where it lies, or who took part, as a number
    sha256: str = ""


AnyDocument = Assessment | Breach | Paper


def check(document: AnyDocument, fields: frozenset[str]) -> None:
    """Raises DocumentIncomplete. `fields` are those of the register."""
    for name in document.__struct_fields__:
        value = getattr(document, name)
        if isinstance(value, str):
            if len(value) > TEXT_CHARS_MAX:
                raise DocumentIncomplete(f"{name}: at most {TEXT_CHARS_MAX} characters")
            pieces = [value[at : at + 180] for at in range(0, len(value), 160)]
            if any(find(piece) for piece in pieces):
                raise DocumentIncomplete(f"{name}: leave personal data out")
    _require(document, *_NEEDED[type(document)])
    if isinstance(document, Assessment) and document.trigger not in load_duty_terms().triggers:
        raise DocumentIncomplete(f"trigger: one of {', '.join(load_duty_terms().triggers)}")
    if isinstance(document, Breach):
        if not document.kinds or set(document.kinds) - fields:
            raise DocumentIncomplete("kinds: fields of the register that were hit (57(1))")
        if document.is_harm_avoided and not (document.judged_by and document.persons_told):
            raise DocumentIncomplete("judged_by, persons_told: who decided that, and why (57)")


_NEEDED: dict[type, tuple[str, ...]] = {
    Assessment: ("purpose", "lawful_and_necessary", "effect_and_risk", "measures"),
    Breach: ("happened", "cause", "harm", "measures", "contact"),
    Paper: ("title", "held"),
}


def _require(document: AnyDocument, *names: str) -> None:
    for name in names:
        if not str(getattr(document, name)).strip():
            raise DocumentIncomplete(f"{name}: must be said")
