"""Small shops to price in: promotions in one line each, and a large shop for measuring.

Always the same shop for the same arguments. Never a real price.
"""

import random
from collections.abc import Sequence
from typing import Any

from tidegate.pricing.book import PriceBook
from tidegate.pricing.effects import (
    AnyEffect,
    Every,
    NPieces,
    PercentOff,
    PieceTier,
    Spend,
    Tier,
)
from tidegate.pricing.price import price
from tidegate.pricing.promotion import Basket, Buyer, Level, Line, Promotion, Scope, Sku
from tidegate.pricing.result import Priced
from tidegate.pricing.running import Rooms

START_MS = 1_792_944_000_000  # 2026-10-26 00:00 in China
END_MS = START_MS + 86_400_000
NOW_MS = START_MS + 1
ALL = Scope(all=True)


def promotion(
    code: str,
    level: Level,
    effect: AnyEffect,
    **more: Any,  # noqa: ANN401 -- any other field of a promotion
) -> Promotion:
    """A promotion on everything, all that day long, unless `more` says otherwise."""
    given: dict[str, Any] = {"scope": ALL, "start_ms": START_MS, "end_ms": END_MS} | more
    return Promotion(code=code, level=level, effect=effect, **given)


def catalogue(**list_prices_fen: int) -> tuple[Sku, ...]:
    """SKUs at these list prices, each with a cost."""
    return tuple(
        Sku(code=code, list_price_fen=list_fen, cost_fen=1)
        for code, list_fen in list_prices_fen.items()
    )


def basket(shipping_fen: int = 0, **quantities: int) -> Basket:
    """So many of each SKU."""
    return Basket(tuple(Line(code, count) for code, count in quantities.items()), shipping_fen)


def priced(
    promotions: Sequence[Promotion],
    skus: Sequence[Sku],
    wanted: Basket,
    *choices: str,
    room: Rooms = None,
    trace: bool = False,
) -> Priced:
    """A basket's price, compiled and computed at once, for nobody in particular."""
    return price(
        PriceBook(promotions, skus), wanted, Buyer(), choices, NOW_MS, room=room, trace=trace
    )


FIVE_KINDS: tuple[tuple[Level, AnyEffect], ...] = (
    ("item", PercentOff(pay_bp=9000)),
    ("item", NPieces(tiers=(PieceTier(2, 9500), PieceTier(3, 9000)))),
    ("shop", Spend(tiers=(Tier(19_900, off_fen=1_000), Tier(39_900, off_fen=3_000)))),
    ("shop", Spend(tiers=(Tier(29_900, off_fen=1_000),))),
    ("platform", Every(spend_fen=30_000, off_fen=3_000)),
)


def large_shop(
    seed: int, skus: int, *, per_sku: int = 5, circles: int = 10
) -> tuple[tuple[Promotion, ...], tuple[Sku, ...]]:
    """`circles` circles of SKUs that share nothing, `per_sku` (up to 5) promotions on each."""
    rng = random.Random(seed)
    codes = [f"S{number:06d}" for number in range(skus)]
    rows = tuple(Sku(code, rng.randrange(1_000, 50_000), 500) for code in codes)
    promotions = []
    for circle in range(circles):
        scope = Scope(skus=tuple(codes[circle::circles]))
        for number, (level, effect) in enumerate(FIVE_KINDS[:per_sku]):
            row = promotion(
                f"P{circle:03d}-{number}",
                level,
                effect,
                scope=scope,
                measured_on="level_start" if level == "platform" else "running",
                shop_share_bp=5_000 if level == "platform" else None,
            )
            promotions.append(row)
    return tuple(promotions), rows


def baskets_of(seed: int, skus: Sequence[Sku], lines: int, count: int) -> list[Basket]:
    """Baskets of so many different SKUs, one to three units each."""
    rng = random.Random(seed)
    return [
        Basket(tuple(Line(sku.code, rng.randrange(1, 4)) for sku in rng.sample(skus, lines)))
        for _ in range(count)
    ]
