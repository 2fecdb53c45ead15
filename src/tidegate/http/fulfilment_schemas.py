"""The bodies of what happens around an order: presales, gifts, parcels, warehouses, returns.

As in `schemas`: every field has a bound, and what is not named here is refused. A recipient or
buyer is the platform's handle, exchanged or hashed at once and never stored.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from tidegate.channels.feed_order import FeedOrder
from tidegate.http.schemas import (
    LINE_NUMBER_MAX,
    LINES_MAX,
    Body,
    Code,
    Counted,
    Fen,
    Id,
    IdentityValue,
    Moment,
    OptionalCode,
    Quantity,
)

PARCEL_ID_CHARS_MAX = 40  # a split parcel's pieces have longer ones
SKUS_COUNTED_MAX = 10_000
DISTANCE_MAX = 100_000
REGIONS_MAX = 1_000

LineNumber = Annotated[int, Meta(ge=0, le=LINE_NUMBER_MAX, description="0 = first line")]
ParcelId = Annotated[str, Meta(min_length=1, max_length=PARCEL_ID_CHARS_MAX)]
Distances = Annotated[
    dict[Code, Annotated[int, Meta(ge=0, le=DISTANCE_MAX)]], Meta(max_length=REGIONS_MAX)
]
Fate = Literal["kept", "refunded"]


class PresaleOpened(Body, frozen=True):
    """An unpaid order of the own shop becomes a presale; its price is deposit + balance."""

    id: Id
    channel: Code
    order: Annotated[str, Meta(min_length=1, max_length=64, description="The order's id")]
    deposit_fen: Fen
    balance_fen: Fen
    deposit_until: Moment
    balance_until: Moment
    unpaid_balance: Annotated[Fate, Meta(description="The deposit's fate without a balance")]


class PresalePayment(Body, frozen=True):
    """A deposit or a balance was paid. `id` is the payment's own."""

    id: Id
    part: Literal["deposit", "balance"]
    amount_fen: Fen


class PresaleSettled(Body, frozen=True):
    """A kept deposit is let go (`refund_due`), or a refund was paid out (`refunded`)."""

    id: Id
    payment: Id
    state: Literal["refund_due", "refunded"]


class PresaleTold(Body, frozen=True):
    """An event of a marketplace's presale with the whole order, as in the channels' protocol."""

    channel: Code
    event: Literal["deposit", "balance", "closed"]
    at: Moment
    order: FeedOrder
    deposit_fen: Fen
    balance_fen: Fen
    balance_until: Moment = 0
    deposit: Literal["", "kept", "refunded"] = ""


class GiftAdded(Body, frozen=True):
    """A gift that an ERP or a platform added to a line of an order. `id` is the gift's own."""

    id: Id
    channel: Code
    order: Annotated[str, Meta(min_length=1, max_length=64, description="The order's id")]
    item: Annotated[str, Meta(min_length=1, max_length=64, description="The channel's item code")]
    quantity: Quantity
    line: LineNumber = 0


class GiftReleased(Body, frozen=True):
    """A held gift may go with its parent, past a guard under an exception that two approved."""

    channel: Code
    order: Annotated[str, Meta(min_length=1, max_length=64, description="The order's id")]
    gift: Id
    exception: OptionalCode = ""


class ParcelPart(Body, frozen=True):
    """Units of one line of an order, or of a gift that was added to it."""

    channel: Code
    order: Annotated[str, Meta(min_length=1, max_length=64, description="The order's id")]
    quantity: Quantity
    line: LineNumber = 0
    gift: OptionalCode = ""


class ParcelPlanned(Body, frozen=True):
    """What goes together; orders of one recipient only, by the platform's handle."""

    id: ParcelId
    lines: Annotated[list[ParcelPart], Meta(min_length=1, max_length=LINES_MAX)]
    recipient: IdentityValue | None = None
    region: OptionalCode = ""


class ParcelRefused(Body, frozen=True):
    """The warehouse that a parcel was given to will not send it."""

    warehouse: Code


class WarehousePut(Body, frozen=True):
    """How a warehouse is from now on; a region that it does not name is far."""

    priority: Annotated[int, Meta(ge=0, le=1_000)] = 100
    distances: Distances | None = None
    open: bool = True
    id: Id | None = None


class WarehouseCounted(Body, frozen=True):
    """What a warehouse has, counted now."""

    skus: Annotated[dict[Code, Counted], Meta(min_length=1, max_length=SKUS_COUNTED_MAX)]


class SourcingRule(Body, frozen=True):
    """By which rule a parcel gets its warehouse."""

    rule: Literal["fewest_parcels", "nearest", "priority"]


class GoodsBack(Body, frozen=True):
    """Units of a line came back and wait for inspection."""

    id: Id
    channel: Code
    order: Annotated[str, Meta(min_length=1, max_length=64, description="The order's id")]
    quantity: Quantity
    line: LineNumber = 0
    gift: OptionalCode = ""
    warehouse: OptionalCode = ""


class Inspected(Body, frozen=True):
    """So many were found good and so many defective."""

    id: Id
    good: Annotated[int, Meta(ge=0, le=1_000_000)]
    defective: Annotated[int, Meta(ge=0, le=1_000_000)]


class DefectiveDisposed(Body, frozen=True):
    """Defective units leave their place; repaired ones are for sale again."""

    id: Id
    sku: Code
    quantity: Quantity
    outcome: Literal["scrapped", "to_supplier", "repaired"]
    pool: Code = "shared"


class Standing(msgspec.Struct, frozen=True, omit_defaults=True):
    """How something stands after a request; `reason` says why it is not further."""

    id: str
    state: str
    reason: str = ""
    warehouse: str = ""


class Listed(msgspec.Struct, frozen=True):
    """Rows, the oldest or the most urgent first."""

    rows: list[dict[str, Any]]
