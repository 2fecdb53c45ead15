"""Baskets priced for the guard: each basket, set of promotions and fee once, by `price` itself.

Always the smallest figure by fee: with a fee that free shipping may waive, and without. Nothing is
rounded here: a figure is of a whole line.
"""

from typing import NamedTuple

from tidegate.pricing.book import PriceBook
from tidegate.pricing.effects import FreeShipping
from tidegate.pricing.guard.figures import line_figures
from tidegate.pricing.guard.floors import Floors
from tidegate.pricing.guard.scenes import How, Scene, how_to
from tidegate.pricing.price import price
from tidegate.pricing.promotion import Basket, Line
from tidegate.pricing.result import Priced

Units = tuple[tuple[int, int], ...]  # (SKU number, units), by SKU number
PRICED_MAX = 200_000  # baskets that are remembered


class Tried(NamedTuple):
    """One basket under one set of promotions, at the fee that is worse for a line."""

    basket: Basket
    how: How
    priced: Priced
    figures: tuple[int, ...]


class Pricer:
    """Prices for one book and its floors."""

    def __init__(self, book: PriceBook, floors: Floors) -> None:
        self.book = book
        self.floors = floors
        frees = [k for k, p in enumerate(book.promotions) if isinstance(p.effect, FreeShipping)]
        self.shipping_mask = sum(1 << k for k in frees)
        self.priced_count = 0
        self._known: dict[tuple[Units, int], tuple[tuple[int, ...], ...]] = {}

    def fees_fen(self, mask: int) -> tuple[int, ...]:
        """The fees that make a difference: none, and, where one may be waived, the greatest."""
        if mask & self.shipping_mask:
            return (0, self.floors.waived_fee_fen or 1)
        return (0,)

    def figures(self, units: Units, scene: Scene, mask: int, reach: int) -> tuple[int, ...]:
        """The least figure of each line, over the fees."""
        key = (units, mask)
        known = self._known.get(key)
        if known is None:
            rows = [
                self.tried(units, scene, mask, reach, fee_fen).figures
                for fee_fen in self.fees_fen(mask)
            ]
            known = tuple(rows)
            if len(self._known) < PRICED_MAX:
                self._known[key] = known
        return tuple(min(column) for column in zip(*known, strict=True))

    def tried(
        self, units: Units, scene: Scene, mask: int, reach: int, fee_fen: int, *,
        trace: bool = False,
    ) -> Tried:  # fmt: skip
        """One basket, priced."""
        basket = Basket(
            tuple(Line(self.book.skus[sku].code, count) for sku, count in units), fee_fen
        )
        how = how_to(self.book, scene, mask, reach)
        is_cost = bool(self.floors.waived_fee_fen and fee_fen)
        priced = price(
            self.book, basket, how.buyer, how.choices, how.time_ms,
            room=how.room, trace=trace or is_cost,
        )  # fmt: skip
        self.priced_count += 1
        figures = line_figures(self.book, priced, fee_is_cost=is_cost)
        return Tried(basket, how, priced, tuple(figures))
