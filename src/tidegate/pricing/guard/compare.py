"""What a change does beside the floors: how far it reaches, what it newly allows, and the collar.

Always from what the guard certified, so a price told here is never above what a buyer can reach. A
cost may be wrong, and a floor with it; the collar does not know costs. Nothing here proves.
"""

from collections.abc import Mapping, Sequence

import msgspec

from tidegate.pricing.book import PriceBook
from tidegate.pricing.effects import BP
from tidegate.pricing.guard.check import Checked
from tidegate.pricing.guard.since import changed_codes, codes_of
from tidegate.pricing.promotion import Sku


class Collar(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far a price may fall, whatever the goods cost. 0 = not asked."""

    list_bp: int = 0  # of the list price
    median_bp: int = 0  # of the median of what was paid in 30 days


class Outside(msgspec.Struct, frozen=True):
    """A SKU whose lowest price is outside the collar."""

    sku: str
    lowest_fen: int
    list_bp: int  # lowest over list price, rounded down
    median_bp: int | None  # over the median; None where nothing was sold


def outside_collar(
    checked: Checked, collar: Collar, medians_fen: Mapping[str, int]
) -> tuple[Outside, ...]:
    """The SKUs whose certified lowest price is below the collar, by code."""
    found = []
    for sku, lowest in zip(checked.book.skus, checked.answer.lowest, strict=True):
        median_fen = medians_fen.get(sku.code)
        list_bp = part_bp(lowest.fen, sku.list_price_fen)
        median_bp = None if median_fen is None else part_bp(lowest.fen, median_fen)
        if list_bp < collar.list_bp or (median_bp is not None and median_bp < collar.median_bp):
            found.append(Outside(sku.code, lowest.fen, list_bp, median_bp))
    return tuple(found)


def part_bp(amount_fen: int, whole_fen: int) -> int:
    """One amount over another in basis points, rounded down; nothing is all of nothing."""
    return amount_fen * BP // whole_fen if whole_fen else BP


class Radius(msgspec.Struct, frozen=True):
    """How many SKUs a change touches (波及范围)."""

    skus: int
    of_skus: int
    by_promotion: dict[str, int]  # promotions that are new, gone or changed

    @property
    def is_whole_shop(self) -> bool:
        """Whether it is every product of the shop, as on that night."""
        return self.of_skus > 0 and self.skus == self.of_skus


def blast_radius(before: PriceBook, after: PriceBook) -> Radius:
    """The SKUs that a changed promotion reaches, before or after, or whose own row changed."""
    old = {promotion.code: promotion for promotion in before.promotions}
    new = {promotion.code: promotion for promotion in after.promotions}
    changed = {code for code in old.keys() | new.keys() if old.get(code) != new.get(code)}
    touched = changed_codes(before, after)
    by_promotion = dict.fromkeys(sorted(changed), 0)
    for sku in sorted({row.code for book in (before, after) for row in book.skus}):
        reached = {
            code
            for book in (before, after)
            if sku in book.number_of
            for code in codes_of(book, book.masks[book.number_of[sku]])
        }
        for code in reached & changed:
            by_promotion[code] += 1
            touched.add(sku)
    return Radius(len(touched), len(after.skus), by_promotion)


class Fallen(msgspec.Struct, frozen=True):
    """A SKU that may now cost less than was possible before."""

    sku: str
    before_fen: int
    after_fen: int


def newly_allowed(before: Checked, after: Checked) -> tuple[Fallen, ...]:
    """The SKUs whose certified lowest price fell, the greatest fall first.

    Both are certified bounds: where neither is reached by a known basket, the fall is between
    bounds. A SKU that is new is compared with its list price.
    """
    known = lowest_by_code(before.book.skus, [row.fen for row in before.rows])
    fallen = []
    for sku, row in zip(after.book.skus, after.rows, strict=True):
        before_fen = known.get(sku.code, sku.list_price_fen)
        if row.fen < before_fen:
            fallen.append(Fallen(sku.code, before_fen, row.fen))
    return tuple(sorted(fallen, key=lambda row: (row.after_fen - row.before_fen, row.sku)))


def lowest_by_code(skus: Sequence[Sku], fen: Sequence[int]) -> dict[str, int]:
    """Lowest prices by SKU code."""
    return {sku.code: amount for sku, amount in zip(skus, fen, strict=True)}
