"""What is processed, what for, on which ground and how long: the processing register as data.

A field belongs to one class (which has a key of its own) and to every purpose that names it; a
purpose has one basis of Art. 13 and an end. What the law says stands in the register's file with
its source, not here.
This module never knows a person and never fills a gap: an unknown name is an error.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import msgspec

from tidegate.people.vault.masking import MASKS

DEFAULT_FILE = Path(__file__).with_name("register_default.json")
DAYS_MAX = 36_500
_NAME = re.compile(r"[a-z][a-z0-9_.\-]{0,63}")

Basis = Literal[
    "consent", "contract", "legal_duty", "emergency", "public_interest", "disclosed", "other_law"
]


class RegisterWrong(ValueError):
    """The register contradicts itself; the message names the place."""


class FieldRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One kind of personal data. `index_bits` 0: nobody is found by it."""

    data_class: str
    mask: str
    english: str
    chinese: str
    spelling: str = ""  # account, phone, address, device: the one spelling it is indexed under
    index_bits: int = 0
    is_sensitive: bool = False
    handle_only: bool = False  # a platform's handle or ciphertext, never the plain value


class Statute(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A law that asks for keeping: no deletion before, and nothing but keeping until then."""

    law: str
    days: int
    source: str
    verified: bool


class Purpose(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What data is for. `days`: how long it is kept from the day that it was stored."""

    basis: Basis
    fields: tuple[str, ...]
    days: int
    english: str
    chinese: str
    method: str
    recipients: tuple[str, ...] = ()
    kept_by: Statute | None = None
    while_restricted: bool = False  # may be read though the person had processing restricted
    needs_assessment: bool = False  # Art. 55: not before an assessment is approved
    portable: bool = True  # given by consent or under a contract: may be taken along


class Register(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of it."""

    version: str
    data_classes: dict[str, int]
    fields: dict[str, FieldRule]
    purposes: dict[str, Purpose]

    def class_of(self, field_name: str) -> int:
        """The number of a field's class."""
        return self.data_classes[self.fields[field_name].data_class]


@dataclass(frozen=True)
class PurposeEnds:
    """The purposes a value is bound to, each with its last day: the text that is authenticated."""

    days: Mapping[str, int] = field(default_factory=dict)

    def text(self) -> str:
        """`order.fulfil@20811 tax.keep@21906`, in the order of names."""
        return " ".join(f"{name}@{day}" for name, day in sorted(self.days.items()))

    @classmethod
    def of(cls, text: str) -> "PurposeEnds":
        """The inverse of `text`."""
        parts = (part.rpartition("@") for part in text.split())
        return cls({name: int(day) for name, _, day in parts})

    def running(self, today: int) -> "PurposeEnds":
        """Those whose last day is not over."""
        return PurposeEnds({name: day for name, day in self.days.items() if day >= today})

    @property
    def first_end(self) -> int:
        """The day on which the first of them ends."""
        return min(self.days.values())


def load_register(path: Path = DEFAULT_FILE) -> Register:
    """Read and check a register. Raises RegisterWrong, OSError."""
    try:
        register = msgspec.convert(json.loads(path.read_text("utf-8")), Register)
    except (msgspec.ValidationError, json.JSONDecodeError) as error:
        raise RegisterWrong(f"{path}: {error}") from error
    check(register)
    return register


def check(register: Register) -> None:
    """Raises RegisterWrong unless every name leads somewhere and every end is an end."""
    numbers = list(register.data_classes.values())
    if len(set(numbers)) != len(numbers) or min(numbers, default=1) < 1:
        raise RegisterWrong("data_classes: each class has a number of its own, from 1 on")
    for name, rule in register.fields.items():
        if rule.data_class not in register.data_classes:
            raise RegisterWrong(f"fields.{name}: there is no class {rule.data_class!r}")
        if rule.mask not in MASKS:
            raise RegisterWrong(f"fields.{name}: there is no mask {rule.mask!r}")
    used: set[str] = set()
    for name, purpose in register.purposes.items():
        if not _NAME.fullmatch(name):
            raise RegisterWrong(f"purposes: {name!r} is not a name as notices have them")
        if missing := [one for one in purpose.fields if one not in register.fields]:
            raise RegisterWrong(f"purposes.{name}: there is no field {missing[0]!r}")
        if not 1 <= purpose.days <= DAYS_MAX:
            raise RegisterWrong(f"purposes.{name}: kept for {purpose.days} days; say an end")
        kept = purpose.kept_by
        if kept is not None and purpose.days < kept.days:
            raise RegisterWrong(f"purposes.{name}: {kept.law} asks for {kept.days} days at least")
        used.update(purpose.fields)
    if unused := sorted(set(register.fields) - used):
        raise RegisterWrong(f"fields.{unused[0]}: no purpose needs it, so it can't be stored")
