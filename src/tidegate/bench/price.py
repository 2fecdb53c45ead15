"""What one price costs: a basket of 20 lines, five promotions on each line, in plain Python.

Always a compiled book and a fresh basket each time; figures are medians of single calls. Beside the
target stand how it grows with lines, with promotions that share nothing, and with SKUs, and what a
book costs to compile.
"""

import statistics
import time
from collections.abc import Sequence

from tidegate.bench.figures import LOWER, Context, Round
from tidegate.pricing.book import PriceBook
from tidegate.pricing.price import price
from tidegate.pricing.promotion import Basket, Buyer
from tidegate.testing.prices import NOW_MS, baskets_of, large_shop

BASKETS = 500
SKUS = 10_000
# name -> (SKUs, lines, promotions on a SKU, circles of SKUs that share no promotion)
SHAPES = {
    "basket_20": (SKUS, 20, 5, 10),
    "lines_1": (SKUS, 1, 5, 10),
    "lines_60": (SKUS, 60, 5, 10),
    "one_circle": (SKUS, 20, 5, 1),
    "promotions_1": (SKUS, 20, 1, 10),
    "skus_1000": (1_000, 20, 5, 10),
}
TRACED = "basket_20"


def run(context: Context) -> Round:
    """One round: each shape for its share of the seconds."""
    result = Round()
    share_s = context.seconds / (len(SHAPES) + 1)
    for number, (name, (skus, lines, per_sku, circles)) in enumerate(SHAPES.items()):
        context.progress(number / len(SHAPES), name)
        promotions, rows = large_shop(context.seed, skus, per_sku=per_sku, circles=circles)
        started_s = time.perf_counter()
        book = PriceBook(promotions, rows)
        compiled_s = time.perf_counter() - started_s
        baskets = baskets_of(context.seed, rows, lines, BASKETS)
        spent_us = calls_us(book, baskets, share_s, trace=False)
        result.add(f"price.{name}.median_us", statistics.median(spent_us), "us", LOWER)
        result.add(f"price.{name}.p99_us", sorted(spent_us)[len(spent_us) * 99 // 100], "us", LOWER)
        if name == TRACED:
            traced_us = calls_us(book, baskets, share_s, trace=True)
            result.add("price.traced.median_us", statistics.median(traced_us), "us", LOWER)
            result.add("price.compile.ms", compiled_s * 1000, "ms", LOWER)
    return result


def calls_us(
    book: PriceBook, baskets: Sequence[Basket], seconds: float, *, trace: bool
) -> list[float]:
    """What single calls took, over and over the baskets until the seconds are gone."""
    spent_us: list[float] = []
    buyer = Buyer()
    end_s = time.perf_counter() + seconds
    while True:
        for basket in baskets:
            started_s = time.perf_counter()
            price(book, basket, buyer, (), NOW_MS, trace=trace)
            spent_us.append((time.perf_counter() - started_s) * 1e6)
        if time.perf_counter() > end_s:
            return spent_us
