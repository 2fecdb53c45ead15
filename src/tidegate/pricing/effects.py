"""What a promotion does: one frozen struct a kind, money in fen, rates in basis points.

A rate is always the part that is *paid* (`pay_bp`; 8 折 is 8000), so that no reader has to ask
which way round it goes. Bounds that one field can be judged by stand in the types; everything that
needs two fields, or the catalogue, is judged in `tidegate.pricing.checks`. Nothing here computes.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

MONEY_FEN_MAX = 1 << 40  # as a line of an order: about 11 billion yuan
PIECES_MAX = 1_000_000
TIERS_MAX = 20
SKUS_NAMED_MAX = 100_000
BP = 10_000

Code = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^\S(.*\S)?$")]
Fen = Annotated[int, Meta(ge=0, le=MONEY_FEN_MAX)]
FenAboveZero = Annotated[int, Meta(ge=1, le=MONEY_FEN_MAX)]
Pieces = Annotated[int, Meta(ge=1, le=PIECES_MAX)]
Times = Annotated[int, Meta(ge=0, le=PIECES_MAX)]  # 0 = as often as it fits
PayBp = Annotated[int, Meta(ge=0, le=BP - 1)]  # basis points of the price that are paid
PricesFen = Annotated[dict[Code, Fen], Meta(max_length=SKUS_NAMED_MAX)]


class Effect(
    msgspec.Struct, tag_field="kind", frozen=True, forbid_unknown_fields=True, omit_defaults=True
):
    """What a promotion does once it applies."""


class PercentOff(Effect, tag="percent_off", frozen=True):
    """折: every unit at `pay_bp` of its price; above item level, the scope's sum."""

    pay_bp: PayBp


class AmountOff(Effect, tag="amount_off", frozen=True):
    """直降: `off_fen` off every unit; above item level, once off the scope's sum."""

    off_fen: FenAboveZero


class FixedPrice(Effect, tag="fixed_price", frozen=True):
    """一口价: a unit costs `price_fen`, or what `prices_fen` says of its SKU; never more."""

    price_fen: Fen | None = None
    prices_fen: PricesFen = {}


class MemberPrice(Effect, tag="member_price", frozen=True):
    """会员价: a fixed price for the member levels that `buyers` names."""

    price_fen: Fen | None = None
    prices_fen: PricesFen = {}


class PieceTier(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From `pieces` units on, `pay_bp` of the price."""

    pieces: Pieces
    pay_bp: PayBp


class NPieces(Effect, tag="n_pieces", frozen=True):
    """N 件 x 折: by the number of units, all units or only those from each tier on are cheaper."""

    tiers: Annotated[tuple[PieceTier, ...], Meta(min_length=1, max_length=TIERS_MAX)]
    applies_to: Literal["all_units", "units_in_band"] = "all_units"
    mixed: bool = True  # different SKUs of the scope count together


class NthPiece(Effect, tag="nth_piece", frozen=True):
    """第 N 件 x 折: of every `nth` units the cheapest one at `pay_bp`."""

    nth: Annotated[int, Meta(ge=2, le=1000)]
    pay_bp: PayBp
    mixed: bool = True
    times_max: Times = 0


class CheapestFree(Effect, tag="cheapest_free", frozen=True):
    """N 件免最低价: of every `pieces` units the `free` cheapest cost nothing."""

    pieces: Annotated[int, Meta(ge=2, le=1000)]
    free: Annotated[int, Meta(ge=1, le=999)] = 1
    mixed: bool = True
    times_max: Times = 0


class Tier(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From `spend_fen` or else `pieces` on: `off_fen` off, or else `pay_bp` of it."""

    spend_fen: Fen | None = None
    pieces: Pieces | None = None
    off_fen: FenAboveZero | None = None
    pay_bp: PayBp | None = None


class Spend(Effect, tag="spend", frozen=True):
    """满减: the highest tier that is reached applies, once, to the scope's sum."""

    tiers: Annotated[tuple[Tier, ...], Meta(min_length=1, max_length=TIERS_MAX)]


class Every(Effect, tag="every", frozen=True):
    """每满减: `off_fen` for every full `spend_fen`, or every `pieces`, at most `times_max`."""

    off_fen: FenAboveZero
    spend_fen: FenAboveZero | None = None
    pieces: Pieces | None = None
    times_max: Times = 0


class BundlePrice(Effect, tag="bundle_price", frozen=True):
    """套装价: the parts together cost `price_fen`; each unit has a fixed part of it."""

    parts: Annotated[dict[Code, Pieces], Meta(min_length=1, max_length=20)]
    price_fen: Fen
    times_max: Times = 0


class Gift(Effect, tag="gift", frozen=True):
    """赠品: `quantity` of `sku` for `spend_fen`, or for `pieces` units (which it then takes)."""

    sku: Code
    quantity: Pieces = 1
    spend_fen: Fen | None = None
    pieces: Pieces | None = None
    repeat: bool = False  # once more for every further spend_fen or pieces
    times_max: Times = 0


class AddOn(Effect, tag="add_on", frozen=True):
    """换购: `units_each` units of the SKUs in `prices_fen` at those prices, for spend or pieces."""

    prices_fen: Annotated[dict[Code, Fen], Meta(min_length=1, max_length=1000)]
    units_each: Pieces = 1
    spend_fen: Fen | None = None
    pieces: Pieces | None = None
    repeat: bool = False
    times_max: Times = 0


class FreeShipping(Effect, tag="free_shipping", frozen=True):
    """包邮: the shipping fee, up to `up_to_fen`, from `spend_fen` or `pieces` on, or always."""

    spend_fen: Fen | None = None
    pieces: Pieces | None = None
    up_to_fen: FenAboveZero | None = None


AnyEffect = (
    PercentOff
    | AmountOff
    | FixedPrice
    | MemberPrice
    | NPieces
    | NthPiece
    | CheapestFree
    | Spend
    | Every
    | BundlePrice
    | Gift
    | AddOn
    | FreeShipping
)
