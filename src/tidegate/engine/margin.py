"""What a batch may need of each table at worst: asked before it, so that the kernel, which runs
without bounds checks, never writes past an array.

Always an upper bound, from the rules as they are. Changes nothing.
"""

import numpy as np

from tidegate.engine import layout as lo
from tidegate.engine.catalogue import Catalogue
from tidegate.engine.layout import State
from tidegate.record.lines import KEY_KIND_COUNT, LINES_PER_ORDER_MAX

ORDER_WORDS = 3 + KEY_KIND_COUNT  # of a block, before its lines
LINE_WORDS = 11  # before a line's charges
CHARGE_WORDS = 3


def reach(s: State, catalogue: Catalogue) -> tuple[int, int]:
    """The most rules that one line may reach, and how many kinds of key rules count by."""
    skus = s.skus[: len(catalogue.skus)]["plan_count"]
    most = int(skus.max(initial=0))
    parts = max((len(parts) for parts in catalogue.parts.values()), default=0)
    rules = int(s.scalars[lo.SHOP_PLAN_COUNT]) + most * (1 + parts)
    rules += int(s.promotions[: len(catalogue.promotions) + 1]["plan_count"].max())
    rules += int(s.channels["plan_count"].max())
    rules += int(s.exceptions[: len(catalogue.exceptions) + 1]["plan_count"].max())
    keyed = s.rules[: len(catalogue.rules) + 1]["keyed"]
    return min(rules, lo.CHARGES_MAX), int(np.bitwise_or.reduce(keyed)).bit_count()


def fits(s: State, reached: tuple[int, int], lines: int, operations: int) -> bool:
    """Whether every table has room for a batch of so many lines and operations (or commands).

    `reached` is `reach` of this state. A late payment builds its order's block anew, with as many
    lines as an order may have; there are no more of those than orders that expired. Holds that end
    (`Machine.expire`) need not be counted: each takes a place in `late`, which has one an order.
    """
    c = s.scalars
    rules, kinds = reached
    rows = lines + operations
    late = int(c[lo.LATE_COUNT] - c[lo.LATE_BASE])
    again = LINES_PER_ORDER_MAX * min(operations, late)
    words = ORDER_WORDS + LINE_WORDS + rules * (kinds + 1) * CHARGE_WORDS
    return bool(
        c[lo.ORDER_COUNT] - c[lo.ORDER_BASE] + rows <= len(s.orders)
        and c[lo.REFUSAL_COUNT] - c[lo.REFUSAL_BASE] + rows <= len(s.refusals)
        and c[lo.HEAP_COUNT] + rows <= len(s.heap)
        and c[lo.KEY_COUNT] + KEY_KIND_COUNT * lines <= len(s.keys)
        and c[lo.COUNTER_COUNT] + rules * kinds * (lines + again) <= len(s.counters)
        and c[lo.BLOCK_TOP] + words * (lines + again) <= len(s.blocks)
    )
