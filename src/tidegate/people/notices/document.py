"""A notice: what a shop processes of persons, why, how long, who receives it, in two languages.

It is also the shop's processing rules: the gate allows what stands here and nothing else. Every
text is there in both languages, and equal notices have equal hashes.
This module never judges whether a notice says enough; `required` does.
"""

from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from tidegate.people.canonical import digest_of

TEXT_CHARS_MAX = 4_000
ID_PATTERN = r"^[a-z][a-z0-9_.\-]{0,63}$"

Language = Literal["zh-CN", "en"]
Words = Annotated[str, Meta(max_length=TEXT_CHARS_MAX)]
Name = Annotated[str, Meta(max_length=64, pattern=ID_PATTERN)]
Basis = Literal["consent", "contract", "duty", "emergency", "news", "published", "other_law"]
Act = Literal["use", "share", "publish", "abroad"]
Minute = Annotated[int, Meta(ge=0, le=1440)]
Days = Annotated[int, Meta(ge=0, le=36_500)]


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A part of a notice; what is not named here is refused.

    What is left as it is by default is not written, so that a field added later changes no hash.
    """


class Text(Part, frozen=True):
    """The same words in both languages."""

    zh: Words
    en: Words

    def of(self, language: Language) -> str:
        """The words in one language."""
        return self.zh if language == "zh-CN" else self.en

    @property
    def is_whole(self) -> bool:
        """Whether both languages say something."""
        return bool(self.zh.strip() and self.en.strip())


NOTHING = Text("", "")


class Operator(Part, frozen=True):
    """Who processes: Art. 17(1). `officer` is the person in charge where there must be one."""

    name: Text
    contact: Text
    officer: Text = NOTHING


class Field(Part, frozen=True):
    """One kind of information on the list (清单), and which category of the pack it is."""

    title: Text
    category: Name


class Recipient(Part, frozen=True):
    """Somebody outside who receives fields: Art. 23, and Art. 39 where abroad."""

    name: Text
    contact: Text
    purpose: Text
    method: Text
    region: Annotated[str, Meta(min_length=2, max_length=8)] = "CN"
    entrusted: bool = False  # works on the shop's word only (Art. 21): no consent of its own
    rights: Text = NOTHING  # abroad: how to use one's rights there
    mechanism: Text = NOTHING  # abroad: assessment, certificate or standard contract (Art. 38)


class Retention(Part, frozen=True):
    """How long, and what happens then. `days` 0: `rule` says how the end is fixed."""

    at_end: Text
    days: Days = 0
    rule: Text = NOTHING


class Frequency(Part, frozen=True):
    """At most so many messages in so many days."""

    count: Annotated[int, Meta(ge=1, le=100)]
    days: Annotated[int, Meta(ge=1, le=366)]


class ChannelTerms(Part, frozen=True):
    """A way by which messages leave: who sends, how to stop it, when it is quiet."""

    sender: Text = NOTHING
    contact: Text = NOTHING
    unsubscribe: Text = NOTHING
    quiet_from_minute: Minute | None = None  # of the shop's day; None = as the pack says
    quiet_to_minute: Minute | None = None
    frequency: Frequency | None = None


class Purpose(Part, frozen=True):
    """One purpose on one basis. A consent is for exactly one of these."""

    title: Text
    method: Text
    basis: Basis
    fields: Annotated[list[Name], Meta(max_length=64)]
    retention: Retention
    act: Act = "use"
    marketing: bool = False
    personalised: bool = False  # chosen by automated decisions (Art. 24)
    recipients: list[Name] = []
    channels: list[Name] = []
    necessary_for: list[Name] = []  # services that cannot be given without it
    why: Text = NOTHING  # for any basis but consent: why it applies, and who judged
    judged_by: Words = ""
    necessity: Text = NOTHING  # Art. 30, for sensitive fields
    effect: Text = NOTHING
    withdraw: Text = NOTHING  # how consent is taken back
    consent_days: Days = 0  # 0 = until withdrawn


class Minors(Part, frozen=True):
    """Whether children are expected, and the special rules for them (Art. 31)."""

    expected: bool
    rules: Text = NOTHING


class Notice(Part, frozen=True):
    """One version of one notice, whole."""

    notice: Name
    title: Text
    operator: Operator
    fields: dict[Name, Field]
    purposes: dict[Name, Purpose]
    rights: dict[Name, Text]
    storage: Text
    minors: Minors
    recipients: dict[Name, Recipient] = {}
    channels: dict[Name, ChannelTerms] = {}
    jurisdiction: Text = Text("中华人民共和国", "People's Republic of China")

    @property
    def sha256(self) -> str:
        """The hash that names this version wherever it is mentioned."""
        return digest_of(self)

    def sensitive_fields(self, purpose: Purpose, sensitive: frozenset[str]) -> list[str]:
        """The purpose's fields whose category is among the sensitive ones."""
        return [
            name
            for name in purpose.fields
            if name not in self.fields or self.fields[name].category in sensitive
        ]


def texts_of(part: object, place: str = "") -> Iterator[tuple[str, Text]]:
    """Every text of a notice that says something in one language at least, with its place."""
    if isinstance(part, Text):
        if part != NOTHING:
            yield place, part
    elif isinstance(part, msgspec.Struct):
        for name in part.__struct_fields__:
            yield from texts_of(getattr(part, name), f"{place}.{name}".lstrip("."))
    elif isinstance(part, dict):
        for name, inner in part.items():
            yield from texts_of(inner, f"{place}.{name}".lstrip("."))


def consent_mode(notice: Notice, purpose: Purpose, sensitive: frozenset[str]) -> str:
    """`separate` where the law asks for its own consent (Art. 23, 25, 29, 39), else `express`."""
    if purpose.act != "use" or notice.sensitive_fields(purpose, sensitive):
        return "separate"
    return "express"
