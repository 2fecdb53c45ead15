"""The bodies of quotes, drafts and publishing, with a bound on every field.

A promotion comes in the form of docs/reference/promotion.schema.json: fen and basis points paid, as
the names of its fields say. Nothing here asks a catalogue.
"""

from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from tidegate.http.schemas import (
    INT32_MAX,
    LINES_MAX,
    Body,
    BuyerClass,
    Choices,
    Code,
    Digest,
    Fen,
    Id,
    Moment,
    Note,
    OptionalCode,
    Quantity,
    StockQuantity,
)
from tidegate.pricing.promotion import Promotion
from tidegate.pricing.publishing import EXCEPTIONS_MAX, Checked
from tidegate.pricing.result import Priced
from tidegate.pricing.sheet_cells import CELL_CHARS_MAX
from tidegate.pricing.sheets import ROWS_MAX
from tidegate.publishing.shadows import Expected

SHEET_COLUMNS_MAX = 256
SHEET_BYTES_MAX = 8 << 20

T = TypeVar("T")
BySku = Annotated[dict[Code, T], Meta(max_length=EXCEPTIONS_MAX)]


class QuoteLine(Body, frozen=True):
    """So many units of a SKU."""

    sku: Code
    quantity: Quantity


class QuoteAsked(Body, frozen=True):
    """A basket to be priced now, as an order through that channel would be."""

    channel: Code
    lines: Annotated[list[QuoteLine], Meta(min_length=1, max_length=LINES_MAX)]
    choices: Choices = []  # noqa: RUF012 -- msgspec makes each its own
    buyer_class: BuyerClass = BuyerClass()
    shipping_fen: Fen = 0
    receipt: bool = False


class Quoted(msgspec.Struct, frozen=True):
    """The price, its version and hash; with a receipt, every step in words.

    `spent`: promotions that it leaves out, since too little is left of their budgets.
    """

    priced: Priced
    receipt: list[str]
    spent: list[str]


class DraftPut(Body, frozen=True):
    """A promotion as it is to be. `shadow_channel`: it is set up at that platform, only watched."""

    promotion: Promotion
    shadow_channel: OptionalCode = ""
    id: Id | None = None


class DraftShown(msgspec.Struct, frozen=True):
    """A draft, how far it is, and what the guard said of it."""

    code: str
    state: str
    shadow_channel: str
    changed_at: int
    promotion: Promotion
    digest: str
    pricing_version: int
    checked: Checked | None
    proposal: str


class DraftsShown(msgspec.Struct, frozen=True):
    """Every draft and shadow of a shop, by code."""

    drafts: list[DraftShown]


Cell = Annotated[str, Meta(max_length=CELL_CHARS_MAX)]
Row = Annotated[list[Cell], Meta(max_length=SHEET_COLUMNS_MAX)]
Unit = Annotated[str, Meta(max_length=32)]


class ShadowSheet(Body, frozen=True):
    """A platform's own promotion sheet as text cells; `lines`: where each row stood in the file.

    `columns`: role -> the column's own name, where it is none that is known. `discount_unit` and
    `money_unit`: of bare numbers; without them those are refused.
    """

    header: Row
    rows: Annotated[list[Row], Meta(max_length=ROWS_MAX)]
    lines: Annotated[list[Annotated[int, Meta(ge=1, le=INT32_MAX)]], Meta(max_length=ROWS_MAX)] = []  # noqa: RUF012 -- msgspec makes each its own
    columns: Annotated[dict[Cell, Cell], Meta(max_length=SHEET_COLUMNS_MAX)] = {}  # noqa: RUF012 -- msgspec makes each its own
    discount_unit: Unit = ""
    money_unit: Unit = ""
    id: Id | None = None


class Shadowed(msgspec.Struct, frozen=True):
    """A sheet's promotions as they are kept, and what the guard said of all of them together."""

    channel: str
    codes: list[str]
    checked: Checked


class ExpectedPrices(msgspec.Struct, frozen=True):
    """What a unit of each SKU should cost at a channel, by stretches of time from now on."""

    channel: str
    promotions: list[str]
    expected: list[Expected]


class Publish(Body, frozen=True):
    """Put it in force: the digest of the check that was read."""

    digest: Digest
    id: Id | None = None


class Force(Body, frozen=True):
    """The first of two people: publish what was not proved, so many units, until a moment."""

    digest: Digest
    reason: Annotated[str, Meta(min_length=1, max_length=200)]
    units: StockQuantity
    expires_at: Moment
    units_by_sku: BySku[StockQuantity] | None = None
    floors_fen: BySku[Fen] | None = None
    id: Id | None = None


class PromotionStop(Body, frozen=True):
    """Suspend or withdraw a promotion, and why."""

    note: Note = ""
    id: Id | None = None


class PublishedShown(msgspec.Struct, frozen=True):
    """A published promotion: where it stands, and the exceptions it sells under."""

    code: str
    phase: str
    start_ms: int
    end_ms: int
    exceptions: list[str]
    promotion: Promotion


class Publications(msgspec.Struct, frozen=True):
    """What is published, at which pricing version, and what people should know of it."""

    pricing_version: int
    hash: str
    remark: str
    published: list[PublishedShown]


class DraftDropped(msgspec.Struct, frozen=True):
    """A draft that is gone."""

    code: str
    dropped: bool
