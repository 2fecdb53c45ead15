"""What the doors of channels take and give: connections, parked orders, alarms, debts, recalls.

Always with a bound on every field. Never a buyer: orders are named by the platform's own number.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from tidegate.channels.feed_order import FeedOrder
from tidegate.channels.wire import ORDERS_MAX
from tidegate.http.schemas import Body, Code, Id, Moment, Note, OptionalCode, StockQuantity

PAGE_MAX = 500
NUMBERS_MAX = 1_000

OrderNumber = Annotated[str, Meta(min_length=1, max_length=64, description="The platform's own")]


class OrdersTaken(msgspec.Struct, frozen=True):
    """What became of a push, counted."""

    heard: int
    recorded: int
    parked: int
    changed: int
    repeated: int


class OrdersPushed(msgspec.Struct, frozen=True):
    """Orders of a channel, as docs/reference/channel-bridge.md has them; none = a heartbeat."""

    orders: Annotated[tuple[FeedOrder, ...], Meta(max_length=ORDERS_MAX)] = ()


class Connections(msgspec.Struct, frozen=True):
    """Every connected channel, and what the shop owes."""

    connections: list[dict[str, Any]]
    debts: dict[str, int]
    alarms_open: int


class ParkedOrder(msgspec.Struct, frozen=True):
    """An order that was not recorded, or that changed afterwards; and why."""

    channel: str
    number: str
    why: str
    since: int
    state: str  # parked; or how the recorded order stands


class ParkedOrders(msgspec.Struct, frozen=True):
    """What a person looks at."""

    orders: list[ParkedOrder]


class Dismissal(Body, frozen=True):
    """A parked order that a person is done with."""

    id: Id
    number: OrderNumber
    note: Note = ""


class Dismissed(msgspec.Struct, frozen=True):
    """It is not parked any more."""

    number: str
    dismissed: bool


class StopSelling(Body, frozen=True):
    """Why a sale is stopped, or goes on."""

    id: Id
    reason: Note = ""


class ChannelsStopped(msgspec.Struct, frozen=True):
    """Channels that are being stopped now, and those that were stopped already."""

    now: list[str]
    before: list[str]


class ChannelResumed(msgspec.Struct, frozen=True):
    """A channel that sells again."""

    channel: str
    stopped: bool


class Run(Body, frozen=True):
    """A bulk hold or release; `id` is its name, and counts once."""

    id: Id
    kind: Literal["hold", "release"]
    channel: OptionalCode = ""
    sku: OptionalCode = ""
    placed_from: Moment | None = None
    placed_to: Moment | None = None
    numbers: Annotated[tuple[OrderNumber, ...], Meta(max_length=NUMBERS_MAX)] = ()
    exception: OptionalCode = ""


class RunStands(msgspec.Struct, frozen=True):
    """How a run stands."""

    name: str
    kind: str
    orders: int
    open: int
    results: dict[str, int]


class AlarmShown(msgspec.Struct, frozen=True):
    """One channel alarm."""

    id: int
    at: int
    channel: str
    kind: str
    sku: str
    item: str
    promotion: str
    figures: dict[str, Any]
    flagged: str  # the scope that the desk was asked to flag; "" = none
    english: str
    chinese: str
    settled_at: int


class AlarmsShown(msgspec.Struct, frozen=True):
    """Alarms behind a cursor; `next` is the cursor for the following ones."""

    alarms: list[AlarmShown]
    next: int


class AlarmSettled(msgspec.Struct, frozen=True):
    """An alarm that a person has looked at."""

    alarm: int
    settled: bool


class Settlement(Body, frozen=True):
    """A person's word on an alarm."""

    id: Id
    note: Note = ""


class DebtShown(msgspec.Struct, frozen=True):
    """One debt, with its owner, its way out and its deadline."""

    channel: str
    number: str
    units: int
    opened_at: int
    due_at: int
    owner: str
    way: str
    note: str
    closing: str
    settled_at: int
    outcome: str


class DebtsShown(msgspec.Struct, frozen=True):
    """Debts by deadline, and all open ones in figures."""

    debts: list[DebtShown]
    open: dict[str, int]


class DebtDecision(Body, frozen=True):
    """Who takes a debt, how it is to end, and by when."""

    id: Id
    way: Literal["restock", "substitute", "ask_buyer", "close"]
    owner: Annotated[str, Meta(max_length=64, description="A desk or team, not a person")] = ""
    due_at: Moment | None = None
    note: Note = ""


class RecallWish(Body, frozen=True):
    """Units of a channel's pool that are to come back; `id` is the recall's name."""

    id: Id
    sku: Code
    quantity: StockQuantity


class RecallShown(msgspec.Struct, frozen=True):
    """How a recall stands; `back`: units in the shared pool."""

    name: str
    channel: str
    sku: str
    quantity: int
    state: str
    back: int
    told: str


class RecallsShown(msgspec.Struct, frozen=True):
    """Recalls, the newest first."""

    recalls: list[RecallShown]
