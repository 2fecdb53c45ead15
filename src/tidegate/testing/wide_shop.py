"""A large shop for measuring the price guard: many SKUs, promotions of all levels, many moments.

Always the same shop for the same arguments: 50 promotions of which up to 6 reach a SKU, 12 cells
of time and 8 classes of buyer in which different ones are on. Never a real price.
"""

from random import Random

from tidegate.pricing.effects import Every, NPieces, PercentOff, PieceTier, Spend, Tier
from tidegate.pricing.promotion import Buyers, Coupon, Promotion, Scope, Sku
from tidegate.testing.prices import START_MS, promotion

CATEGORIES, BRANDS, RANGES, SEGMENTS = 8, 25, 15, 12
HOUR_MS = 3_600_000
CELLS = 12
BUYERS = (
    Buyers(),
    Buyers(new=True),
    Buyers(levels=("gold",)),
    Buyers(channels=("app",)),
)


def wide_shop(seed: int, skus: int) -> tuple[tuple[Promotion, ...], tuple[Sku, ...]]:
    """Promotions and catalogue."""
    rng = Random(seed)
    rows = []
    for number in range(skus):
        groups = (
            f"category-{rng.randrange(CATEGORIES)}",
            f"brand-{rng.randrange(BRANDS)}",
            f"range-{rng.randrange(RANGES)}",
            f"segment-{rng.randrange(SEGMENTS)}",
        )
        rows.append(Sku(f"S{number:06d}", rng.randrange(2_000, 60_000), 500, groups))
    return wide_promotions(rng), tuple(rows)


def wide_promotions(rng: Random) -> tuple[Promotion, ...]:
    """50 promotions: 2 on everything, 8 by category, 20 by brand, 10 by range, 10 by segment."""
    found = [
        promotion("A-SPEND", "shop", Spend(tiers=(Tier(19_900, off_fen=1_500),
                  Tier(39_900, off_fen=4_000))), priority=10),
        promotion("A-EVERY", "platform", Every(spend_fen=30_000, off_fen=3_000),
                  measured_on="level_start", shop_share_bp=5_000, opt_in=True),
    ]  # fmt: skip
    found += [
        promotion(f"C-{number}", "shop", Spend(tiers=(Tier(29_900, off_fen=2_000),)),
                  scope=Scope(categories=(f"category-{number}",)), coupon=Coupon(),
                  buyers=BUYERS[number % 4], **window(rng))
        for number in range(CATEGORIES)
    ]  # fmt: skip
    found += [
        promotion(f"B-{number:02d}", "item", PercentOff(pay_bp=rng.choice((9_000, 9_500))),
                  scope=Scope(categories=(f"brand-{number}",)),
                  exclusive_group="item" if number % 3 == 0 else "", **window(rng))
        for number in range(20)
    ]  # fmt: skip
    tiers = (PieceTier(2, 9_500), PieceTier(3, 9_000))
    found += [
        promotion(f"R-{number}", "item", NPieces(tiers=tiers),
                  scope=Scope(categories=(f"range-{number}",)), opt_in=number % 2 == 0,
                  exclusive_group="item" if number % 3 == 0 else "", **window(rng))
        for number in range(10)
    ]  # fmt: skip
    found += [
        promotion(f"S-{number}", "item", PercentOff(pay_bp=9_500),
                  scope=Scope(categories=(f"segment-{number}",)),
                  buyers=BUYERS[1 + number % 3], **window(rng))
        for number in range(10)
    ]  # fmt: skip
    return tuple(found)


def window(rng: Random) -> dict[str, int]:
    """Some hours of the day, in steps of two."""
    first = rng.randrange(CELLS)
    last = rng.randrange(first + 1, CELLS + 1)
    return {
        "start_ms": START_MS + first * 2 * HOUR_MS,
        "end_ms": START_MS + last * 2 * HOUR_MS,
    }
