"""The shop's own prices as channels compare with them: from what is published, on the desk's loop.

Always the same price engine that quotes and decides. Never: a price is kept longer than the book
that it came from, or reckoned on the loop: a channel's thread does that.
"""

from collections.abc import Sequence

from tidegate.bootstrap.channel_shop import ServedShop
from tidegate.channels.ports import OurPrice, PromotionStart
from tidegate.pricing.price import BasketRefused, price
from tidegate.pricing.promotion import Basket, Buyer, Line
from tidegate.pricing.standing import ShopPrices, floors_by_code
from tidegate.publishing.books import PriceBooks, Prices


class ServedPrices:
    """See `channels.ports.OurPrices`."""

    def __init__(self, shop: ServedShop, books: PriceBooks) -> None:
        self._shop = shop
        self._books = books

    def of(self, channel: str, skus: Sequence[str], at_ms: int) -> dict[str, OurPrice]:
        """One unit of each SKU at a moment, its floor no higher than what two people approved."""
        prices, facts = self._shop.on_loop(self._present())
        floors = floors_by_code(facts)
        for one in facts.allowances:
            floors[one.sku] = min(floors.get(one.sku, 0), one.floor_fen)
        found: dict[str, OurPrice] = {}
        for sku in skus:
            if sku not in prices.book.number_of:
                continue
            priced = price(prices.book, Basket((Line(sku, 1),), 0), _anybody(channel), (), at_ms)
            found[sku] = OurPrice(
                priced.lines[0].payable_fen, priced.lines[0].receivable_fen, floors.get(sku, 0)
            )
        return found

    def receivable_fen(
        self, channel: str, lines: Sequence[tuple[str, int]], at_ms: int
    ) -> int | None:
        """What the merchant receives for a basket at a moment; None where it has no price."""
        prices, _ = self._shop.on_loop(self._present())
        units: dict[str, int] = {}
        for sku, quantity in lines:
            units[sku] = units.get(sku, 0) + quantity
        basket = Basket(tuple(Line(sku, quantity) for sku, quantity in units.items()), 0)
        try:
            return price(prices.book, basket, _anybody(channel), (), at_ms).receivable_fen
        except BasketRefused:
            return None

    def starts(self, from_ms: int, to_ms: int) -> list[PromotionStart]:
        """Promotions that begin in [from, to)."""
        prices, _ = self._shop.on_loop(self._present())
        return [
            PromotionStart(one.code, one.start_ms)
            for one in prices.standing.promotions
            if from_ms <= one.start_ms < to_ms
        ]

    async def _present(self) -> tuple[Prices, ShopPrices]:
        return await self._books.ready(), self._books.facts()


def _anybody(channel: str) -> Buyer:
    """A buyer of whom nothing is known but the channel."""
    return Buyer(False, "", "", channel)
