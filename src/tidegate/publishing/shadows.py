"""Shadowed promotions (影子促销): what a platform's own back office was told, as prices to expect.

Always of one platform alone: what stands there is what was entered for it, never what is published
here. A port for who reads prices back: by SKU and stretch of time, what a unit should cost. Nothing
here changes a price or asks a platform.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise

import msgspec

from tidegate.pricing.book import PriceBook
from tidegate.pricing.price import price
from tidegate.pricing.promotion import Basket, Buyer, Line, Promotion, canonical
from tidegate.pricing.standing import ShopPrices, standing_book
from tidegate.publishing.store import Draft, Drafts

EXPECTED_MAX = 100_000  # rows of one answer


class Expected(msgspec.Struct, frozen=True):
    """What one unit of a SKU should cost on a channel over a stretch of time.

    For a buyer of whom nothing but the channel is known, who chooses nothing: what a shelf shows.
    """

    sku: str
    start_ms: int  # from here on
    end_ms: int  # until just before here
    price_fen: int  # in hand (到手价): what the buyer pays
    receivable_fen: int  # what the merchant receives
    floor_fen: int
    promotions: tuple[str, ...]  # that make it so


class Shadows:
    """One shop's shadowed promotions, for who reads prices back. Lives on the desk's loop."""

    def __init__(self, drafts: Drafts, facts: Callable[[], ShopPrices]) -> None:
        """`facts`: what prices depend on now."""
        self._drafts = drafts
        self._facts = facts

    async def channels(self) -> tuple[str, ...]:
        """The channels that any promotion is shadowed for."""
        drafts = await asyncio.to_thread(self._drafts.all)
        return tuple(sorted({one.shadow_channel for one in drafts if one.shadow_channel}))

    async def promotions(self, channel: str, now_ms: int) -> tuple[Promotion, ...]:
        """What was entered for a channel and is not over."""
        return shadowed(await asyncio.to_thread(self._drafts.all), channel, now_ms)

    async def book(self, channel: str, now_ms: int) -> PriceBook:
        """The prices as that channel was told them. SKUs that nothing reaches are at list price."""
        prices = as_told(self._facts(), await self.promotions(channel, now_ms))
        return (await asyncio.to_thread(standing_book, prices, now_ms))[0]

    async def expected(self, channel: str, now_ms: int) -> tuple[Expected, ...]:
        """What to find there from now on, by SKU and time; only SKUs that a promotion reaches."""
        prices = as_told(self._facts(), await self.promotions(channel, now_ms))
        return await asyncio.to_thread(expected_of, prices, channel, now_ms)


def shadowed(drafts: Iterable[Draft], channel: str, now_ms: int) -> tuple[Promotion, ...]:
    """The promotions of a channel among drafts that are on or still to come."""
    return tuple(
        one.promotion
        for one in drafts
        if one.shadow_channel == channel and one.promotion.end_ms > now_ms
    )


def as_told(prices: ShopPrices, promotions: Sequence[Promotion]) -> ShopPrices:
    """The prices of a shop with a platform's promotions in the place of its own."""
    documents = tuple(canonical(one).decode() for one in promotions)
    return msgspec.structs.replace(prices, documents=documents, paused=frozenset(), allowances=())


def expected_of(prices: ShopPrices, channel: str, now_ms: int) -> tuple[Expected, ...]:
    """What a unit of each SKU that a promotion reaches costs, stretch by stretch."""
    book, _ = standing_book(prices, now_ms)
    floors_fen = {sku.code: sku.floor_fen for sku in prices.skus}
    edges = [now_ms, *(edge for edge in book.edges_ms if edge > now_ms)]
    found: list[Expected] = []
    for number, mask in enumerate(book.masks):
        if mask:
            sku = book.skus[number].code
            found += merged(stretches(book, sku, channel, edges, floors_fen[sku]))
            if len(found) > EXPECTED_MAX:
                return tuple(found[:EXPECTED_MAX])
    return tuple(found)


def stretches(
    book: PriceBook, sku: str, channel: str, edges: Sequence[int], floor_fen: int
) -> Iterator[Expected]:
    """The price between each two neighbouring edges."""
    buyer = Buyer(channel=channel)
    basket = Basket((Line(sku, 1),))
    for start_ms, end_ms in pairwise(edges):
        priced = price(book, basket, buyer, (), start_ms)
        (line,) = priced.lines
        codes = tuple(total.promotion for total in priced.promotions)
        yield Expected(
            sku, start_ms, end_ms, line.payable_fen, line.receivable_fen, floor_fen, codes
        )


def merged(rows: Iterable[Expected]) -> Iterator[Expected]:
    """Neighbouring stretches of one price as one."""
    last: Expected | None = None
    for row in rows:
        if (
            last is not None
            and msgspec.structs.replace(row, start_ms=last.start_ms, end_ms=last.end_ms) == last
        ):
            last = msgspec.structs.replace(last, end_ms=row.end_ms)
            continue
        if last is not None:
            yield last
        last = row
    if last is not None:
        yield last
