"""What `price` answers: amounts of every line, who pays for what, and, when asked, every step.

Always adds up: a line's list amount less its discounts is what the buyer pays for it, and that plus
the platform's parts is what the merchant receives (商家应收). Nothing here computes anything else.
"""

import msgspec


class Quote(msgspec.Struct, frozen=True):
    """Which prices these are: the shop's pricing version and the hash of what was compiled."""

    version: int
    hash: str


class LineDiscount(msgspec.Struct, frozen=True, array_like=True):
    """What one promotion took off one line, and how much of it the platform pays."""

    promotion: str
    discount_fen: int
    platform_fen: int


class PricedLine(msgspec.Struct, frozen=True):
    """A line of the basket with its price."""

    sku: str
    quantity: int
    list_fen: int  # of all its units
    discounts: tuple[LineDiscount, ...]
    payable_fen: int  # by the buyer
    receivable_fen: int  # by the merchant: payable + what the platform pays


class PromotionTotal(msgspec.Struct, frozen=True):
    """What one promotion gave to the whole basket. Free shipping counts here too."""

    promotion: str
    discount_fen: int
    shop_fen: int
    platform_fen: int


class GiftLine(msgspec.Struct, frozen=True):
    """A gift: it costs the buyer nothing, takes stock, and its cost burdens the parent line."""

    promotion: str
    sku: str
    quantity: int
    parent_sku: str


class Clamp(msgspec.Struct, frozen=True):
    """A promotion that asked for more than was left: a finding, never a mend."""

    promotion: str
    wanted_fen: int
    given_fen: int


class LineStep(msgspec.Struct, frozen=True, array_like=True):
    """What a step did to a line."""

    sku: str
    before_fen: int
    discount_fen: int
    platform_fen: int
    units: int  # that became cheaper (unit kinds), or that stood in the scope


class Step(msgspec.Struct, frozen=True):
    """One promotion's turn: what it saw and did, or why it did nothing."""

    promotion: str
    level: str
    outcome: str  # one of OUTCOMES
    measured_fen: int = 0
    pieces: int = 0
    times: int = 0  # tier reached (from 1), or how often it applied
    wanted_fen: int = 0
    given_fen: int = 0
    platform_fen: int = 0
    lines: tuple[LineStep, ...] = ()


APPLIED = "applied"
NOT_REACHED = "not_reached"
CONFLICT = "conflict"  # every line of it is taken by a promotion that it does not combine with
LOCKED = "locked"  # what it requires did not apply before
NO_ROOM = "no_room"  # its budget or a buyer's cap does not cover the whole
NO_EFFECT = "no_effect"  # prices are as low already, or nothing is left
OUTCOMES = (APPLIED, NOT_REACHED, CONFLICT, LOCKED, NO_ROOM, NO_EFFECT)


class Priced(msgspec.Struct, frozen=True):
    """The price of a basket."""

    quote: Quote
    lines: tuple[PricedLine, ...]  # in the basket's order, lines of one SKU as one
    promotions: tuple[PromotionTotal, ...]  # that applied, in order of evaluation
    gifts: tuple[GiftLine, ...]
    list_fen: int
    goods_fen: int  # what the buyer pays for goods
    receivable_fen: int  # what the merchant receives for goods
    shipping_list_fen: int
    shipping_fen: int  # what the buyer pays for shipping
    shipping_platform_fen: int  # what the platform pays for shipping
    payable_fen: int  # goods + shipping
    clamps: tuple[Clamp, ...] = ()
    unused_choices: tuple[str, ...] = ()  # asked for, but unknown, over, suspended or of no effect
    trace: tuple[Step, ...] | None = None
