"""The bodies of stopping, of the breaker and of announced windows, with a bound on every field.

What is to be stopped is named by `subject`, a code that the shop has; it is looked up and never
recorded as it was sent. Nothing here asks a desk.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from tidegate.http.schemas import Body, Id, Moment, Note, PauseScope

Subject = Annotated[str, Meta(max_length=64, description="A code; empty for the shop")]
Reason = Annotated[str, Meta(min_length=1, max_length=200, description="No personal data")]


class StopShop(Body, frozen=True):
    """一键停售: stop the shop and its channels, and why."""

    id: Id
    reason: Reason


class ShopStopped(msgspec.Struct, frozen=True):
    """The shop takes no order any more; `remarks`: what else could not be done."""

    id: str
    reason: str
    seq: int
    duplicate: bool
    remarks: list[str]


class OpenBreaker(Body, frozen=True):
    """Pause something, or cap it at one unit an order."""

    id: Id
    scope: PauseScope
    kind: Literal["pause", "cap"]
    subject: Subject = ""
    note: Note = ""


class InForceShown(msgspec.Struct, frozen=True):
    """How it is at the desk now."""

    known: bool
    paused: bool
    quantity_min: int
    quantity_max: int
    trickles: bool


class TurnBreaker(Body, frozen=True):
    """Let a trickle through, or end it, and why."""

    scope: PauseScope
    reason: Reason
    subject: Subject = ""


class BreakerTurned(msgspec.Struct, frozen=True):
    """How the breaker stands; `waits_for_second`: another person must agree within an hour."""

    phase: str
    waits_for_second: bool
    in_force: bool


class SwitchShown(msgspec.Struct, frozen=True):
    """One switch that is not closed: since when, why, and whether the desk has it in force."""

    scope: str
    subject: str
    phase: str
    level: str
    since_ms: int
    alarm: str
    sentence: str
    in_force: bool
    waits_for_second: bool
    fault: str


class BreakerEvent(msgspec.Struct, frozen=True):
    """One line of the breaker's history; `person` is a token, in hex."""

    at_ms: int
    scope: str
    subject: str
    phase: str
    level: str
    why: str
    person: str


class BreakerShown(msgspec.Struct, frozen=True):
    """The breaker of a shop: what is not closed, and the newest of its history, newest first."""

    switches: list[SwitchShown]
    history: list[BreakerEvent]


class Announce(Body, frozen=True):
    """What is announced of a SKU, promotion, channel or all: more orders, other prices."""

    scope: Literal["sku", "promotion", "channel"]
    from_at: Moment
    until_at: Moment
    subject: Subject = ""
    rate: Annotated[float, Meta(ge=1.0, le=100_000.0, description="times the usual orders")] = 1.0
    orders_per_h: Annotated[float, Meta(ge=0.0, le=1e9)] = 0.0
    price: Annotated[float, Meta(gt=0.0, le=1.0, description="of the usual price")] = 1.0
    units: Annotated[float, Meta(ge=1.0, le=100_000.0, description="times the usual units")] = 1.0
    plan_fen_per_h: Annotated[float, Meta(ge=0.0, le=1e15)] = 0.0
    note: Note = ""
    id: Id | None = None


class Announced(msgspec.Struct, frozen=True):
    """One announced window, as it is kept; `by` is a token, in hex, "" = published."""

    id: str
    scope: str
    subject: str
    from_ms: int
    until_ms: int
    rate: float
    orders_per_h: float
    price: float
    units: float
    plan_fen_per_h: float
    note: str
    by: str


class Calendar(msgspec.Struct, frozen=True):
    """What people announced of a shop, soonest first."""

    announced: list[Announced]


class AnnouncementDropped(msgspec.Struct, frozen=True):
    """A window that is gone."""

    id: str
    dropped: bool
