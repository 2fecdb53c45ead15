"""What each SKU may not fall below in a check: its floor, or a collar where that is higher.

Always the highest of floor (保本价, 红线价), a part of the list price, and a part of the median of
what was received in 30 days; what two people approved replaces all three. A cost may be wrong, and
the floor with it: the collar knows no costs. Nothing here proves anything.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from tidegate.pricing.book import PriceBook
from tidegate.pricing.effects import BP
from tidegate.pricing.guard.compare import Collar
from tidegate.pricing.guard.floors import Floors
from tidegate.pricing.publishing import FLOOR, LIST_COLLAR, MEDIAN_COLLAR, BoundKind
from tidegate.pricing.standing import Allowance

# 3 折 of the list price, and half of what was received: below, two people look. See ADR 0083.
COLLAR = Collar(list_bp=3_000, median_bp=5_000)
NO_COLLAR = Collar()


class Bound(NamedTuple):
    """The lowest price of a unit that is let pass, and where it comes from."""

    fen: int
    kind: BoundKind = FLOOR


def bounds_of(
    book: PriceBook,
    floors_fen: Mapping[str, int],
    collar: Collar,
    medians_fen: Mapping[str, int],
    reached: Collection[int],
) -> list[Bound]:
    """The bound of every SKU, by its number in the book; the collar is for those `reached`."""
    bounds = [Bound(floors_fen.get(sku.code, 0)) for sku in book.skus]
    for number in reached:
        sku = book.skus[number]
        median_fen = medians_fen.get(sku.code, 0)
        bounds[number] = max(
            bounds[number],
            Bound(part_fen(sku.list_price_fen, collar.list_bp), LIST_COLLAR),
            Bound(part_fen(median_fen, collar.median_bp), MEDIAN_COLLAR),
            key=lambda bound: bound.fen,
        )
    return bounds


def lowered(
    book: PriceBook, bounds: Sequence[Bound], allowances: Sequence[Allowance]
) -> list[Bound]:
    """The bounds with what two people approved in their place."""
    changed = list(bounds)
    for one in allowances:
        number = book.number_of.get(one.sku)
        if number is not None and one.floor_fen < changed[number].fen:
            changed[number] = Bound(one.floor_fen)
    return changed


def part_fen(amount_fen: int, part_bp: int) -> int:
    """A part of an amount, rounded up: at least so much must be left."""
    return -(-amount_fen * part_bp // BP)


def guarded(bounds: Sequence[Bound], line_units_max: int) -> Floors:
    """The bounds as the guard takes them."""
    return Floors(tuple(bound.fen for bound in bounds), line_units_max=max(1, line_units_max))
