"""The bodies of the vault's and the rights desk's routes, with a bound on every field.

Values of persons stand in bodies only, never in a path or query. Nothing here asks anything.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from tidegate.http.schemas import Body, Buyer, Id

Name = Annotated[str, Meta(min_length=1, max_length=64)]
Value = Annotated[str, Meta(min_length=1, max_length=4096)]
Words = Annotated[str, Meta(max_length=2000)]
Ticket = Annotated[str, Meta(max_length=200, description="Why now; no personal data")]
PersonName = Annotated[str, Meta(min_length=16, max_length=16, pattern="^[a-p]*$")]
Names = Annotated[list[Name], Meta(min_length=1, max_length=64)]
Item = Annotated[str, Meta(max_length=32, pattern="^[a-z0-9-]*$")]


class PersonAsked(Body, frozen=True):
    """As the channel knows them: the token that their orders have, made where there was none."""

    person: Buyer


class PersonAnswered(msgspec.Struct, frozen=True):
    """A person by their token; "" where there is nobody."""

    person: str


class FieldValue(Body, frozen=True):
    """One value, and what it is for."""

    field: Name
    value: Value
    purposes: Names
    item: Item = ""


class FieldsPut(Body, frozen=True):
    """Values of one person."""

    values: Annotated[list[FieldValue], Meta(min_length=1, max_length=64)]
    ticket: Ticket = ""


class Found(Body, frozen=True):
    """Who has this value."""

    field: Name
    value: Value
    purpose: Name
    ticket: Ticket = ""


class ReadingAsked(Body, frozen=True):
    """Which fields, for what, on their way to whom."""

    fields: Names
    purpose: Name
    recipient: Annotated[str, Meta(max_length=64)] = ""
    channel: Annotated[str, Meta(max_length=64)] = ""
    ticket: Ticket = ""
    whole: bool = False


class ReadingGiven(msgspec.Struct, frozen=True):
    """Values by name; masked unless the whole was asked for."""

    values: dict[str, str]
    masked: bool


class HeldShown(msgspec.Struct, frozen=True):
    """One value without itself: what it is for, with the last day of each purpose."""

    name: str
    field: str
    data_class: str
    purposes: dict[str, str]
    since: str


class HeldPage(msgspec.Struct, frozen=True):
    """What is held of a person."""

    items: list[HeldShown]
    only_kept_since: str


class RequestOpened(Body, frozen=True):
    """A request about one's own data. The same id again is the same request."""

    id: Id
    person: PersonName
    kind: Name
    asked_by: Literal["self", "kin", "guardian", "agent"] = "self"
    text: Words = ""


class Proof(Body, frozen=True):
    """How it is shown who asks."""

    way: Name
    proof: Annotated[str, Meta(min_length=1, max_length=64)]


class CodeWanted(Body, frozen=True):
    """By which channel a one-time code goes to an address that is held."""

    channel: Name


class Refused(Body, frozen=True):
    """Why not: a ground of the list, and a reason in words for the person."""

    ground: Name
    reason: Words


class Corrected(Body, frozen=True):
    """What is right."""

    values: Annotated[list[FieldValue], Meta(min_length=1, max_length=64)]


class Answered(Body, frozen=True):
    """An answer in words."""

    text: Words


class Deleted(Body, frozen=True):
    """Values that the person names and the vault does not hold, by field."""

    told: Annotated[dict[str, Value], Meta(max_length=16)] = msgspec.field(default_factory=dict)


class RequestShown(msgspec.Struct, frozen=True):
    """A request as it stands."""

    id: str
    person: str
    kind: str
    asked_by: str
    state: str
    checked_by: str
    opened: str
    due: str
    ended: str
    ground: str
    outcome: dict[str, Any]


class RequestPage(msgspec.Struct, frozen=True):
    """Requests, the most urgent first."""

    items: list[RequestShown]


class DocumentPut(Body, frozen=True):
    """A document of the shop's duties: an assessment, a breach, a paper."""

    name: Annotated[str, Meta(min_length=1, max_length=64, pattern="^[a-z][a-z0-9._-]*$")]
    document: dict[str, Any]


class DocumentShown(msgspec.Struct, frozen=True):
    """One version of it."""

    kind: str
    name: str
    version: int
    sha256: str
    approved: bool
    valid_until: str
    kept_until: str


class DocumentPage(msgspec.Struct, frozen=True):
    """Every version. `missing`: purposes that wait for an assessment."""

    items: list[DocumentShown]
    missing: list[str]
