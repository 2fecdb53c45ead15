"""A promotion (促销) as it is stored: what it does, for what, when, for whom, beside what.

Always complete: every question that pricing asks has an answer here, so no order of evaluation is
left to chance. Times are UTC milliseconds; the shop's zone is known only to who reads and writes
files. Nothing here judges whether promotions go together: that is `tidegate.pricing.checks`.
"""

import hashlib
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from tidegate.pricing.effects import BP, AnyEffect, Code, Fen, FenAboveZero, Pieces

LEVELS = ("item", "shop", "platform", "payment")  # 单品, 店铺, 平台, 支付: in this order
TIME_MS_MAX = 253_402_300_800_000  # the year 10000
CODES_MAX = 100_000

Level = Literal["item", "shop", "platform", "payment"]
Codes = Annotated[tuple[Code, ...], Meta(max_length=CODES_MAX)]
TimeMs = Annotated[int, Meta(ge=0, le=TIME_MS_MAX)]


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A part of a promotion; fields that say nothing are not written."""


class Scope(Part, frozen=True):
    """Which SKUs: all, or those named, or of a category named; less the exceptions."""

    all: bool = False
    skus: Codes = ()
    categories: Codes = ()
    except_skus: Codes = ()
    except_categories: Codes = ()


class Buyers(Part, frozen=True):
    """Who: every condition that is set must hold; an empty one holds for everybody."""

    new: bool | None = None
    levels: Codes = ()
    regions: Codes = ()
    channels: Codes = ()


class Coupon(Part, frozen=True):
    """券: what a buyer must have claimed. Claims are counted where they are made, not here."""

    code: Code | None = None  # what a buyer types, where it is not the promotion's own code
    claims_max: Pieces | None = None
    claims_per_buyer_max: Pieces | None = None


class Budget(Part, frozen=True):
    """What the promotion may give away in all; asked before it applies, wholly or not at all."""

    units: Pieces | None = None
    money_fen: FenAboveZero | None = None


class Limits(Part, frozen=True):
    """Caps by order and by buyer. An order's cap gives less; a buyer's leaves the promotion out."""

    order_units: Pieces | None = None  # unit kinds: so many units are cheaper, cheapest first
    order_discount_fen: FenAboveZero | None = None  # kinds that take money off a sum
    buyer_orders: Pieces | None = None
    buyer_units: Pieces | None = None
    buyer_discount_fen: FenAboveZero | None = None


class Promotion(Part, frozen=True, kw_only=True):
    """One promotion. Compile a set of them with `tidegate.pricing.book.PriceBook`."""

    code: Code
    level: Level
    effect: AnyEffect
    start_ms: TimeMs  # from here on
    end_ms: TimeMs  # until just before here
    scope: Scope = Scope()
    name: Annotated[str, Meta(max_length=200)] = ""
    priority: Annotated[int, Meta(ge=0, le=1_000_000)] = 100  # smaller first, then by code
    opt_in: bool = False
    coupon: Coupon | None = None  # a coupon is always opt-in
    buyers: Buyers = Buyers()
    measured_on: Literal["running", "level_start", "list"] = "running"
    exclusive_group: Annotated[str, Meta(max_length=64)] = ""
    combines_with: Codes | None = None  # promotions that may touch the same line; None = every one
    requires: Codes = ()  # that must have applied to the same order before
    budget: Budget = Budget()
    limits: Limits = Limits()
    shop_share_bp: Annotated[int, Meta(ge=0, le=BP)] | None = None  # None = unknown = all of it
    state: Literal["active", "suspended"] = "active"

    @property
    def is_chosen(self) -> bool:
        """Whether it applies only to a buyer who asks for it."""
        return self.opt_in or self.coupon is not None

    @property
    def may_run_out(self) -> bool:
        """Whether a budget or a buyer's cap can take it away from an order."""
        limits = self.limits
        caps = (limits.buyer_orders, limits.buyer_units, limits.buyer_discount_fen)
        return self.budget != Budget() or any(cap is not None for cap in caps)

    @property
    def is_counted(self) -> bool:
        """Whether anything of it is counted where orders are decided: budget, cap or claims."""
        coupon = self.coupon or Coupon()
        claims = (coupon.claims_max, coupon.claims_per_buyer_max)
        return self.may_run_out or any(count is not None for count in claims)

    @property
    def has_budget(self) -> bool:
        """Whether what is counted is counted over all buyers."""
        claims_max = None if self.coupon is None else self.coupon.claims_max
        return self.budget != Budget() or claims_max is not None


class Sku(Part, frozen=True):
    """What pricing knows of a SKU. Without a cost no promotion reaches it."""

    code: Code
    list_price_fen: Fen
    cost_fen: Fen | None = None
    categories: Codes = ()


class Line(Part, frozen=True):
    """So many units of a SKU in a basket."""

    sku: Code
    quantity: Pieces


class Basket(Part, frozen=True):
    """What a buyer wants. Lines of one SKU count as one line."""

    lines: tuple[Line, ...]
    shipping_fen: Fen = 0  # the fee before any promotion


class Buyer(Part, frozen=True):
    """What promotions may ask about a buyer; never who it is."""

    new: bool = False
    level: str = ""
    region: str = ""
    channel: str = ""


class Room(Part, frozen=True):
    """What a promotion may still give to this order and buyer; None = no bound."""

    units: int | None = None
    money_fen: int | None = None
    uses: int | None = None


def canonical(promotion: Promotion) -> bytes:
    """The promotion as bytes that are the same wherever it was written; what approvals sign."""
    return msgspec.json.encode(promotion, order="deterministic")


def promotion_hash(promotion: Promotion) -> str:
    """SHA-256 over the canonical bytes, in hexadecimal."""
    return hashlib.sha256(canonical(promotion)).hexdigest()
