"""The floor of every SKU, per unit: the computed one (保本价) or the merchant's red line (红线价).

Always the higher of the two. A price below it is not sold without an approved exception. Nothing
here knows a promotion.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from tidegate.pricing.effects import BP, PIECES_MAX, Fen
from tidegate.pricing.promotion import Sku

PartBp = Annotated[int, Meta(ge=0, le=BP - 1)]


class FloorPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a price must cover beside the cost of the goods, for a unit."""

    shipping_fen: Fen = 0  # what it costs to send one unit
    fees_fen: Fen = 0  # fixed fees of one unit
    fee_bp: PartBp = 0  # fees that are a part of the price
    margin_bp: PartBp = 0  # the part of the price that must be left as margin
    waived_fee_fen: Fen = 0  # a basket's fee that counts as cost when waived; 0 = it does not


class Floors(msgspec.Struct, frozen=True):
    """What the guard holds prices against, in the order of a price book's SKU numbers."""

    fen: tuple[int, ...]  # a unit's floor by SKU number
    waived_fee_fen: int = 0  # the fee of a basket, a cost of the shop where it is waived
    line_units_max: int = PIECES_MAX  # as many units of a SKU as one order may have

    def __post_init__(self) -> None:
        """Bounds that the search relies on."""
        assert 1 <= self.line_units_max <= PIECES_MAX
        assert self.waived_fee_fen >= 0
        assert all(floor_fen >= 0 for floor_fen in self.fen)


def computed_floor_fen(cost_fen: int, policy: FloorPolicy) -> int:
    """保本价: the lowest whole fen of which fees and margin leave cost, shipping and fixed fees."""
    kept_bp = BP - policy.fee_bp - policy.margin_bp
    if kept_bp <= 0:
        raise ValueError("fees and margin take the whole price: lower one of them")
    return -(-(cost_fen + policy.shipping_fen + policy.fees_fen) * BP // kept_bp)


def floors_of(
    skus: Sequence[Sku],
    policy: FloorPolicy,
    red_lines_fen: Mapping[str, int],
    line_units_max: int = PIECES_MAX,
) -> Floors:
    """The floors of SKUs sorted by code, as `PriceBook.skus` are.

    A SKU without a cost has its red line only: no promotion reaches it. Raises ValueError where a
    red line names an unknown SKU.
    """
    unknown = sorted(set(red_lines_fen) - {sku.code for sku in skus})
    if unknown:
        raise ValueError(f"a red line for an unknown SKU {unknown[0]!r}: correct the code")
    fen = tuple(
        max(
            red_lines_fen.get(sku.code, 0),
            0 if sku.cost_fen is None else computed_floor_fen(sku.cost_fen, policy),
        )
        for sku in skus
    )
    return Floors(fen, policy.waived_fee_fen, line_units_max)
