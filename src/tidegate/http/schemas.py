"""The bodies that the doors take and give, with a bound on every field.

What is not named here is refused, numbers past 64 bits included; money is integer fen, times are
UTC milliseconds or RFC 3339 with an offset. Nothing here asks a catalogue, a clock or a table.
"""

import datetime as dt
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from tidegate.record.lines import LINES_PER_ORDER_MAX, MONEY_FEN_MAX, QUANTITY_MAX

ID_CHARS_MAX = 64
NOTE_CHARS_MAX = 200
IDENTITY_CHARS_MAX = 512
INT32_MAX = 2**31 - 1
UINT32_MAX = 2**32 - 1
LINE_NUMBER_MAX = LINES_PER_ORDER_MAX - 1
PARTS_MAX = 64
SKUS_MAX = 10_000
CHOICES_MAX = 32
LINES_MAX = LINES_PER_ORDER_MAX
TTL_S_MAX = 30 * 86_400
STOCK_UNITS_MAX = 1_000_000_000

Id = Annotated[
    str, Meta(min_length=1, max_length=ID_CHARS_MAX, description="Printable; no / \\ ? # %")
]
Code = Annotated[str, Meta(min_length=1, max_length=ID_CHARS_MAX, description="Printable")]
OptionalCode = Annotated[str, Meta(max_length=ID_CHARS_MAX)]
Note = Annotated[str, Meta(max_length=NOTE_CHARS_MAX, description="No personal data")]
IdentityValue = Annotated[str, Meta(min_length=1, max_length=IDENTITY_CHARS_MAX)]
Quantity = Annotated[int, Meta(ge=1, le=QUANTITY_MAX)]
StockQuantity = Annotated[int, Meta(ge=1, le=STOCK_UNITS_MAX)]
Delta = Annotated[int, Meta(ge=-STOCK_UNITS_MAX, le=STOCK_UNITS_MAX)]
Counted = Annotated[int, Meta(ge=0, le=STOCK_UNITS_MAX)]
Fen = Annotated[int, Meta(ge=0, le=MONEY_FEN_MAX, description="Integer fen")]
PlatformFen = Annotated[int, Meta(ge=0, le=INT32_MAX, description="Integer fen")]
Digest = Annotated[str, Meta(min_length=64, max_length=64, pattern="^[0-9a-f]*$")]
Moment = (
    Annotated[int, Meta(ge=0, le=2**53, description="UTC milliseconds")]
    | Annotated[dt.datetime, Meta(tz=True, description="RFC 3339 with an offset")]
)
Choices = Annotated[
    list[Code], Meta(max_length=CHOICES_MAX, description="Coupons and promotions to opt into")
]
KeyKind = Literal["account", "phone", "address", "device"]
PauseScope = Literal["shop", "sku", "promotion"]


class Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A request's body: unknown fields are refused, so that a misspelt guard is not left out."""


# -- orders ----------------------------------------------------------------------------------------


class Buyer(Body, frozen=True):
    """Who buys, as far as the channel knows. Exchanged for random tokens at once, never stored."""

    account: IdentityValue | UnsetType = UNSET
    phone: IdentityValue | UnsetType = UNSET
    address: IdentityValue | UnsetType = UNSET
    device: IdentityValue | UnsetType = UNSET


class BuyerClass(Body, frozen=True):
    """What promotions may ask about a buyer; never who it is."""

    new: bool | UnsetType = UNSET
    level: OptionalCode | UnsetType = UNSET
    region: OptionalCode | UnsetType = UNSET


class OrderLine(Body, frozen=True):
    """One line: what the merchant receives for all its units, platform's share included.

    An order without any of these amounts is priced here, at the prices that stand now.
    """

    sku: Code
    quantity: Quantity
    receivable_fen: Fen | UnsetType = UNSET
    promotion: OptionalCode | UnsetType = UNSET
    exception: OptionalCode | UnsetType = UNSET
    gift_of: Annotated[
        int, Meta(ge=0, le=LINES_PER_ORDER_MAX, description="1 = first line; 0 = not a gift")
    ] | UnsetType = UNSET  # fmt: skip


class Order(Body, frozen=True):
    """An order to be decided, or a marketplace's sale to be judged."""

    id: Id
    channel: Code
    placed_at: Moment
    charged_fen: Fen
    lines: Annotated[list[OrderLine], Meta(min_length=1, max_length=LINES_PER_ORDER_MAX)]
    paid: bool | UnsetType = UNSET
    platform_fen: PlatformFen | UnsetType = UNSET
    pricing_version: Annotated[int, Meta(ge=0, le=UINT32_MAX)] | UnsetType = UNSET
    buyer: Buyer | UnsetType = UNSET
    verified: Annotated[list[KeyKind], Meta(max_length=4)] | UnsetType = UNSET
    choices: Choices | UnsetType = UNSET
    buyer_class: BuyerClass | UnsetType = UNSET
    shipping_fen: (
        Annotated[Fen, Meta(description="The fee before promotions, of an order priced here")]
        | UnsetType
    ) = UNSET


class OrderAccepted(msgspec.Struct, frozen=True, omit_defaults=True):
    """An accepted order: where its decision stands on record."""

    id: str
    reason: str
    seq: int
    position: int
    duplicate: bool = False
    hold_expires_at: int = 0


class SaleJudged(msgspec.Struct, frozen=True, omit_defaults=True):
    """A recorded sale: the guards that it fails (none = may be released), units not in stock."""

    id: str
    reason: str
    judgement: list[str]
    short: int
    seq: int
    position: int
    duplicate: bool = False


# -- operations on an order ------------------------------------------------------------------------


class Payment(Body, frozen=True):
    """A payment result. `id` is the payment's own."""

    id: Id
    amount_fen: Fen


class PartOfOrder(Body, frozen=True):
    """A whole order, one line, or some units of it."""

    id: Id
    line: Annotated[int, Meta(ge=0, le=LINE_NUMBER_MAX, description="0 = first line")] | None = None
    quantity: Quantity | None = None


class Return(Body, frozen=True):
    """Units that came back; defective ones do not go back into stock."""

    id: Id
    line: Annotated[int, Meta(ge=0, le=LINE_NUMBER_MAX, description="0 = first line")] | None = None
    quantity: Quantity | None = None
    defective: bool = False


class WholeOrder(Body, frozen=True):
    """An operation on the order as a whole."""

    id: Id


class Extension(Body, frozen=True):
    """A longer hold, in seconds from now."""

    id: Id
    seconds: Annotated[int, Meta(ge=1, le=TTL_S_MAX)]


class Operation(Body, frozen=True):
    """One operation of many, with the fields that its own route takes."""

    operation: Literal["pay", "cancel", "ship", "return", "release", "hold", "extend"]
    id: Id
    channel: Code
    order: Annotated[str, Meta(min_length=1, max_length=ID_CHARS_MAX, description="Its id")]
    line: Annotated[int, Meta(ge=0, le=LINE_NUMBER_MAX)] | UnsetType = UNSET
    quantity: Quantity | UnsetType = UNSET
    amount_fen: Fen | UnsetType = UNSET
    seconds: Annotated[int, Meta(ge=1, le=TTL_S_MAX)] | UnsetType = UNSET
    defective: bool | UnsetType = UNSET


class OperationDone(msgspec.Struct, frozen=True, omit_defaults=True):
    """An operation that was accepted."""

    id: str
    reason: str
    seq: int
    position: int
    duplicate: bool = False


# -- catalogue, rules, stock, switches -------------------------------------------------------------


class Sku(Body, frozen=True):
    """A SKU: list price, floors, bounds of an order, parts of a bundle."""

    list_price_fen: Fen
    cost_floor_fen: Fen | None = None
    red_line_fen: Fen = 0
    quantity_max: Annotated[int, Meta(ge=0, le=QUANTITY_MAX)] = 0
    quantity_min: Quantity = 1
    safety_stock: Annotated[int, Meta(ge=0, le=QUANTITY_MAX)] = 0
    parts: Annotated[dict[Code, Quantity], Meta(max_length=PARTS_MAX)] = {}
    id: Id | None = None


class Named(Body, frozen=True):
    """Something that only has a code (pool, promotion)."""

    id: Id | None = None


class Channel(Body, frozen=True):
    """A channel and the pool it sells from."""

    kind: Literal["own", "marketplace"] = "own"
    pool: Code = "shared"
    id: Id | None = None


class Group(Body, frozen=True):
    """The SKUs of a group."""

    skus: Annotated[list[Code], Meta(max_length=SKUS_MAX)]
    id: Id | None = None


class Rule(Body, frozen=True):
    """A purchase limit by kind of identity key, or a budget or rate."""

    scope: Literal["shop", "sku", "group", "promotion", "channel", "exception"]
    target: OptionalCode = ""
    basis: Literal["units", "orders", "money", "discount", "loss"] = "units"
    window: Literal["total", "day", "week", "month", "minute", "second"] = "total"
    limits: Annotated[
        dict[KeyKind, Annotated[int, Meta(ge=0, le=UINT32_MAX)]], Meta(max_length=4)
    ] = {}  # fmt: skip
    budget: Annotated[int, Meta(ge=0, le=MONEY_FEN_MAX)] | None = None
    id: Id | None = None


class StockReceipt(Body, frozen=True):
    """Units arrived."""

    id: Id
    sku: Code
    quantity: StockQuantity
    pool: Code = "shared"


class StockAdjustment(Body, frozen=True):
    """Units found (positive) or written off (negative)."""

    id: Id
    sku: Code
    delta: Delta
    pool: Code = "shared"


class StockCount(Body, frozen=True):
    """Units counted on the shelf."""

    id: Id
    sku: Code
    counted: Counted
    pool: Code = "shared"


class StockTransfer(Body, frozen=True):
    """Available units from one pool to another."""

    id: Id
    sku: Code
    quantity: StockQuantity
    from_pool: Code
    to_pool: Code


class StockRecall(Body, frozen=True):
    """Units of a channel's pool: `start` takes them off sale, `finish` brings them to shared."""

    id: Id
    sku: Code
    quantity: StockQuantity
    pool: Code
    step: Literal["start", "finish"] = "start"


class Pause(Body, frozen=True):
    """What to stop or start: the shop, a SKU or a promotion."""

    id: Id
    scope: PauseScope = "shop"
    target: OptionalCode = ""
    note: Note = ""


class ExceptionProposed(Body, frozen=True):
    """A way past guards for some SKUs, for a second person to approve."""

    code: Code
    skus: Annotated[list[Code], Meta(min_length=1, max_length=SKUS_MAX)]
    floor_fen: Fen
    units: StockQuantity
    expires_at: Moment
    exempt: Annotated[list[Code], Meta(max_length=16)] = []
    note: Note = ""
    id: Id | None = None


class Approve(Body, frozen=True):
    """The second person's word: the digest of what they read, and why (for a publication)."""

    digest: Digest
    reason: Note = ""


class Proposed(msgspec.Struct, frozen=True):
    """What waits for a second person."""

    proposal: str
    digest: str
    content: msgspec.Raw
    reason: str
    created_at: int
    expires_at: int


class Nothing(Body, frozen=True):
    """An empty object."""


class Withdrawn(msgspec.Struct, frozen=True):
    """A proposal that was taken back."""

    proposal: str
    withdrawn: bool


class Proposals(msgspec.Struct, frozen=True):
    """Everything that waits in a shop, oldest first."""

    proposals: list[Proposed]


class Policy(Body, frozen=True):
    """The shop's own settings; what is left out stays as it is."""

    id: Id
    hold_ttl_s: Annotated[int, Meta(ge=1, le=TTL_S_MAX)] | None = None
    hold_ttl_max_s: Annotated[int, Meta(ge=1, le=TTL_S_MAX)] | None = None
    hold_cap: Annotated[int, Meta(ge=0, le=UINT32_MAX)] | None = None
    late_payment_s: Annotated[int, Meta(ge=0, le=TTL_S_MAX)] | None = None
    quantity_max_order: Quantity | None = None
    zone: Annotated[str, Meta(min_length=1, max_length=64)] | None = None
    pricing_version: Annotated[int, Meta(ge=0, le=UINT32_MAX)] | None = None


class Confirmation(Body, frozen=True):
    """A person confirms something, and may say why."""

    id: Id
    note: Note = ""


class CommandDone(msgspec.Struct, frozen=True, omit_defaults=True):
    """A command that was accepted: what it became is at `seq`."""

    id: str
    reason: str
    seq: int
    duplicate: bool = False
    number: int = 0
    shortfall: int = 0
