"""The prices of a shop that stand now: one price book, built anew when the pricing version moves.

Always of one moment of the desk's tables: collected on the desk's loop, compiled on a thread, so no
order waits for a compilation that it does not need. A book that is not the present one is never
given out.
"""

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import msgspec
import structlog

from tidegate.engine import layout as lo
from tidegate.pricing.book import PriceBook
from tidegate.pricing.publishing import base_of
from tidegate.pricing.standing import (
    Allowance,
    PricedSku,
    ShopPrices,
    Standing,
    standing_book,
    with_bundles,
)

# So little is compiled at once, in a few milliseconds; more would keep orders waiting.
INLINE_SKUS_MAX = 500
INLINE_PROMOTIONS_MAX = 10

log = structlog.get_logger("tidegate.publishing")


class DeskSeen(Protocol):
    """What is read of a desk."""

    shop: str

    @property
    def machine(self) -> Any:  # noqa: ANN401  the engine's
        """The engine, to look at."""


class Key(NamedTuple):
    """What a book depends on that may move. Lists of a group are replaced, never changed."""

    version: int
    groups: tuple[list[int], ...]
    line_units_max: int  # of an order: more units may reach lower prices

    def is_same(self, other: "Key") -> bool:
        """By identity: equal lists may be different groups' at different times, never the same."""
        return (
            self.version == other.version
            and self.line_units_max == other.line_units_max
            and len(self.groups) == len(other.groups)
            and all(one is there for one, there in zip(self.groups, other.groups, strict=True))
        )


@dataclass(frozen=True)
class Prices:
    """The book, what stands in it, and the exceptions under which something sells."""

    key: Key
    version: int
    book: PriceBook
    standing: Standing
    floors: dict[str, int]
    exceptions: dict[tuple[str, str], int]  # (promotion, SKU) -> number
    limited: frozenset[str]  # promotions with a budget or a buyer's cap
    budgeted: frozenset[str]  # of these, those with a budget


def key_of(desk: DeskSeen) -> Key:
    """What the present prices depend on."""
    machine = desk.machine
    version = int(machine.state.scalars[lo.PRICING_VERSION])
    line_units_max = int(machine.state.scalars[lo.QUANTITY_MAX_ORDER])
    return Key(version, tuple(machine.catalogue.group_skus.values()), line_units_max)


def surroundings_of(desk: DeskSeen) -> str:
    """What prices depend on that moves no pricing version, as a hash: groups, and units of a line.

    An engine that knows nothing of documents cannot refuse what was checked before those moved.
    """
    machine = desk.machine
    cat = machine.catalogue
    groups = {code: cat.group_skus.get(number, ()) for code, number in cat.groups.items()}
    line_units_max = int(machine.state.scalars[lo.QUANTITY_MAX_ORDER])
    said = msgspec.json.encode((sorted(groups.items()), line_units_max))
    return hashlib.sha256(said).hexdigest()


def exceptions_of(machine: Any, now_ms: int) -> list[tuple[str, str, int, int, bool]]:  # noqa: ANN401  a Machine or its view
    """(promotion, SKU, number, floor, whether it holds) of every published exception."""
    cat, state = machine.catalogue, machine.state
    if not cat.published_exceptions:
        return []
    names = {number: code for code, number in cat.exceptions.items()}
    bases = {base_of(names[n]): code for code, n in cat.published_exceptions.items()}
    found = []
    for code, number in cat.exceptions.items():
        promotion = bases.get(base_of(code))
        if promotion is None:
            continue
        row = state.exceptions[number]
        start = int(row["skus_start"])
        # Units that are used up end nothing here: the desk refuses each order beyond them.
        holds = bool(row["known"] and int(row["expires_ms"]) > now_ms)
        for one in state.recipes[start + 1 : start + 1 + int(state.recipes[start])]:
            sku = cat.sku_codes[int(one)]
            found.append((promotion, sku, number, int(row["floor_fen"]), holds))
    return found


def facts_of(desk: DeskSeen, now_ms: int) -> ShopPrices:
    """Everything that prices depend on, from the desk's tables. On the desk's loop."""
    machine = desk.machine
    cat, state = machine.catalogue, machine.state
    groups = {number: code for code, number in cat.groups.items()}
    count = len(cat.sku_codes)
    rows = state.skus[:count]
    columns = [
        rows[name].tolist()
        for name in ("known", "list_price_fen", "cost_floor_fen", "red_line_fen")
    ]
    skus = [
        PricedSku(
            code, list_fen, None if cost_fen < 0 else cost_fen, red_fen,
            tuple(groups[group] for group in cat.sku_groups.get(number, ())),
        )
        for number, (code, known, list_fen, cost_fen, red_fen) in enumerate(
            zip(cat.sku_codes, *columns, strict=True)
        )
        if known
    ]  # fmt: skip
    parts = {
        cat.sku_codes[number]: {cat.sku_codes[part]: each for part, each in of}
        for number, of in cat.parts.items()
    }
    flags = {code: int(state.promotions[cat.promotions[code]]["flags"]) for code in cat.published}
    return ShopPrices(
        version=int(state.scalars[lo.PRICING_VERSION]),
        skus=with_bundles(skus, parts),
        documents=tuple(cat.published.values()),
        paused=frozenset(code for code, bits in flags.items() if bits & lo.PAUSED),
        allowances=tuple(
            Allowance(promotion, sku, floor_fen)
            for promotion, sku, _, floor_fen, holds in exceptions_of(machine, now_ms)
            if holds and not flags[promotion] & lo.PAUSED
        ),
        line_units_max=int(state.scalars[lo.QUANTITY_MAX_ORDER]),
    )


class PriceBooks:
    """The present prices of one shop. Lives on the desk's loop."""

    def __init__(self, desk: DeskSeen, now_ms: Callable[[], int]) -> None:
        self._desk = desk
        self._now_ms = now_ms
        self._prices: Prices | None = None
        self._building: asyncio.Task[None] | None = None
        self._waiting: list[Callable[[BaseException | None], None]] = []

    def present(self) -> Prices | None:
        """The prices that stand, if they are compiled. Small catalogues are compiled at once."""
        key = key_of(self._desk)
        prices = self._prices
        if prices is not None and prices.key.is_same(key):
            return prices
        catalogue = self._desk.machine.catalogue
        is_small = (
            len(catalogue.sku_codes) < INLINE_SKUS_MAX
            and len(catalogue.published) <= INLINE_PROMOTIONS_MAX
        )
        if self._building is None and is_small:
            self._prices = self._compile(key, self._collect())
            return self._prices
        return None

    def when_ready(self, done: Callable[[BaseException | None], None]) -> None:
        """`done(None)` once prices are compiled (maybe no longer the present), or `done(error)`."""
        self._waiting.append(done)
        if self._building is None:
            self._building = asyncio.get_running_loop().create_task(self._build())

    async def ready(self) -> Prices:
        """The prices that stand, awaited."""
        while True:
            prices = self.present()
            if prices is not None:
                return prices
            loop = asyncio.get_running_loop()
            future: asyncio.Future[None] = loop.create_future()

            def done(error: BaseException | None, future: asyncio.Future[None] = future) -> None:
                if not future.done():
                    future.set_exception(error) if error else future.set_result(None)

            self.when_ready(done)
            await future

    def facts(self) -> ShopPrices:
        """What a check is asked about."""
        return facts_of(self._desk, self._now_ms())

    def _collect(self) -> tuple[ShopPrices, Sequence[tuple[str, str, int, int, bool]]]:
        now_ms = self._now_ms()
        return facts_of(self._desk, now_ms), exceptions_of(self._desk.machine, now_ms)

    def _compile(
        self, key: Key, collected: tuple[ShopPrices, Sequence[tuple[str, str, int, int, bool]]]
    ) -> Prices:
        facts, exceptions = collected
        book, standing = standing_book(facts, self._now_ms())
        for code, why in standing.left_out.items():
            log.warning("promotion_left_out", shop=self._desk.shop, promotion=code, why=why)
        return Prices(
            key,
            facts.version,
            book,
            standing,
            {sku.code: sku.floor_fen for sku in facts.skus},
            {(promotion, sku): number for promotion, sku, number, _, _ in exceptions},
            frozenset(one.code for one in standing.promotions if one.is_counted),
            frozenset(one.code for one in standing.promotions if one.has_budget),
        )

    async def _build(self) -> None:
        error: BaseException | None = None
        try:
            key, collected = key_of(self._desk), self._collect()
            self._prices = await asyncio.to_thread(self._compile, key, collected)
        except Exception as failed:  # told to whoever waits
            log.exception("prices_failed", shop=self._desk.shop)
            error = failed
        self._building = None
        waiting, self._waiting = self._waiting, []
        for done in waiting:
            done(error)
