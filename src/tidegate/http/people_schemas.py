"""The bodies of notices, consents, the gate and messages, with a bound on every field.

A person stands in a body as they are known to the channel; an answer never repeats who they are.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from tidegate.http.schemas import Body, Buyer, Id, Note
from tidegate.people.consent.ledger import Screen
from tidegate.people.messages.templates import Template
from tidegate.people.notices.document import Language, Name, Notice
from tidegate.people.notices.render import Form

Code = Annotated[str, Meta(min_length=1, max_length=64)]
Value = str | int


# -- notices ---------------------------------------------------------------------------------------


class NoticePut(Body, frozen=True):
    """A version of a notice. `same_meaning`: purposes whose words alone changed, and why."""

    document: Notice
    same_meaning: Annotated[dict[Name, Note], Meta(max_length=64)] = {}  # noqa: RUF012 -- msgspec makes each its own
    id: Id | None = None


class GapShown(msgspec.Struct, frozen=True):
    """Something that a notice must say and does not."""

    article: str
    place: str
    mend: str


class NoticeChecked(msgspec.Struct, frozen=True):
    """What would come of publishing: gaps, and purposes that people would be asked about again."""

    sha256: str
    gaps: list[GapShown]
    asked_again: dict[str, list[str]]


class NoticeShown(msgspec.Struct, frozen=True):
    """A version in force."""

    notice: str
    version: int
    sha256: str
    entry: str
    published_at: int
    asked_again: dict[str, list[str]]
    purposes: list[str]


class NoticesShown(msgspec.Struct, frozen=True):
    """Every notice of a shop."""

    notices: list[NoticeShown]


class Serve(Body, frozen=True):
    """Show a person the notice that stands."""

    person: Buyer
    language: Language = "zh-CN"
    form: Form = "plain"
    screen: Code = "start"
    id: Id | None = None


class Served(msgspec.Struct, frozen=True):
    """The text to show, and where its showing stands on record."""

    text: str
    sha256: str
    version: int
    entry: str


# -- consents --------------------------------------------------------------------------------------


class Ask(Body, frozen=True):
    """Ask a person about one purpose, on a screen as described."""

    person: Buyer
    purpose: Name
    screen: Screen
    by_person: bool = False
    id: Id | None = None


class AskRecorded(msgspec.Struct, frozen=True):
    """The question is on record; its answer names `ask`."""

    ask: str
    entry: str


class AnswerGiven(Body, frozen=True):
    """A person's answer to one question. `action` is the click's own id."""

    person: Buyer
    ask: Code
    action: Code
    agrees: bool
    guardian: Buyer | None = None  # who answers for a child
    id: Id | None = None


class Withdraw(Body, frozen=True):
    """Take consent back, or say no before anybody asked."""

    person: Buyer
    purpose: Name
    action: Code
    id: Id | None = None


class ChoiceRecorded(msgspec.Struct, frozen=True):
    """How the purpose stands now, and where that is on record."""

    state: str
    entry: str


class OfPerson(Body, frozen=True):
    """A person, to be shown their own choices."""

    person: Buyer
    language: Language = "zh-CN"


class ConsentSwitch(msgspec.Struct, frozen=True):
    """One purpose of consent as the person sees it."""

    purpose: str
    words: str
    mode: str
    state: str
    is_open: bool
    entry: str
    at_ms: int


class ChoicesShown(msgspec.Struct, frozen=True):
    """Every switch of a person, and whether they refused automated decisions."""

    switches: list[ConsentSwitch]
    profiling_refused: bool
    age: str


class Receipt(Body, frozen=True):
    """The receipt of one purpose."""

    person: Buyer
    purpose: Name
    language: Language = "zh-CN"


class Profiling(Body, frozen=True):
    """The switch "not personalised"."""

    person: Buyer
    refused: bool
    id: Id | None = None


class AgeDeclared(Body, frozen=True):
    """What became known of a person's age; never a date."""

    person: Buyer
    age: Literal["child", "minor", "adult"]
    id: Id | None = None


class GuardianLinked(Body, frozen=True):
    """Who answers for a child; `evidence` is the id of what showed it."""

    person: Buyer
    guardian: Buyer
    evidence: Code
    id: Id | None = None


class Noted(msgspec.Struct, frozen=True):
    """It is on record."""

    entry: str


class MayAsked(Body, frozen=True):
    """Whether fields of a person may be used for a purpose now."""

    person: Buyer
    purpose: Name
    fields: Annotated[list[Name], Meta(max_length=64)] = []  # noqa: RUF012 -- msgspec makes each its own
    recipient: Annotated[str, Meta(max_length=64)] = ""
    channel: Annotated[str, Meta(max_length=64)] = ""


class MayAnswered(msgspec.Struct, frozen=True):
    """The gate's answer: evidence, or the reason with its article."""

    allowed: bool
    evidence: str = ""
    reason: str = ""
    article: str = ""
    words: str = ""


class SaidNo(Body, frozen=True):
    """One person's no to one purpose."""

    person: Buyer
    purpose: Name


class Settle(Body, frozen=True):
    """Every no that was said after the copy that was restored; a person vouches that it is all."""

    said_no: Annotated[list[SaidNo], Meta(max_length=10_000)]
    reason: Annotated[str, Meta(min_length=1, max_length=200)]
    id: Id | None = None


# -- messages --------------------------------------------------------------------------------------


class TemplatePut(Body, frozen=True):
    """A version of a template."""

    document: Template
    id: Id | None = None


class TemplateShown(msgspec.Struct, frozen=True):
    """A template as messages are made from it now."""

    version: int
    sha256: str
    document: Template


class TemplatesShown(msgspec.Struct, frozen=True):
    """Every template of a shop."""

    templates: list[TemplateShown]


class MessageWanted(Body, frozen=True):
    """One message to one person; `id` counts once."""

    id: Id
    person: Buyer
    template: Name
    channel: Name
    language: Language = "zh-CN"
    values: Annotated[dict[Name, Value], Meta(max_length=16)] = {}  # noqa: RUF012 -- msgspec makes each its own


class PushWanted(Body, frozen=True):
    """One marketing message to everybody who agreed to its purpose; `id` counts once."""

    id: Id
    template: Name
    channel: Name
    language: Language = "zh-CN"
    values: Annotated[dict[Name, Value], Meta(max_length=16)] = {}  # noqa: RUF012 -- msgspec makes each its own


class PushDecided(msgspec.Struct, frozen=True):
    """How many were asked about, and what the gate said, by reason."""

    id: str
    asked: int
    decided: dict[str, int]


class PersonMessage(msgspec.Struct, frozen=True):
    """Where a message stands; whom it goes to is a token."""

    number: int
    id: str
    person: str
    template: str
    version: int
    channel: str
    state: str
    reason: str
    queued_at: int
    changed_at: int
    attempts: int


class MessagesShown(msgspec.Struct, frozen=True):
    """Messages in one state, and how many stand how."""

    counts: dict[str, int]
    messages: list[PersonMessage]


class Unsubscribe(Body, frozen=True):
    """The id of the message that was replied to."""

    message: Id
    id: Id | None = None


class Unsubscribed(msgspec.Struct, frozen=True):
    """Consent to this purpose has ended for whoever got the message."""

    purpose: str


class Resolve(Body, frozen=True):
    """What became of a message whose fate is unknown, as a person found out."""

    resolution: Literal["sent", "again", "drop"]
    id: Id | None = None


ReceiptShown = dict[str, Any]
