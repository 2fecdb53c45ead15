"""The guards in their order of precedence: the one place where an order is judged.

It changes nothing but the outcome row and scratch. An order ends at its first failure; a fact
collects every failure in `mask` and is never refused.
"""

import numpy as np

from tidegate.domain.jit import kernel
from tidegate.engine import claims as c
from tidegate.engine import guards as g
from tidegate.engine.layout import PAUSES, State
from tidegate.record.lines import FACT, Array

LIMITS = g.LIMIT_EXCEEDED
BUDGETS = g.BUDGET_EXHAUSTED


@kernel
def fails(out: Array, reason: int, fact: bool) -> bool:
    """Note a guard's answer; True when it ends the judgement."""
    if reason == g.OK:
        return False
    if fact:
        out["mask"] |= np.uint32(1 << reason)
        return False
    out["reason"] = reason
    return True


@kernel
def any_exception(lines: Array, first: int, last: int) -> bool:
    """Whether a line names an exception."""
    for i in range(first, last):
        if lines[i]["exception"] != 0:
            return True
    return False


@kernel
def judge(s: State, lines: Array, first: int, last: int, out: Array, retake: bool) -> bool:
    """Whether the order passes every guard. `retake` leaves out those about the quote's age.

    Duplicates and reused ids are looked up before (`orders.decide_orders`).
    """
    fact = lines[first]["flags"] & FACT != 0
    if fact and fails(out, g.no_fact(s, lines, first, last), False):
        return False
    if not retake and fails(out, g.too_old(s, lines, first), fact):
        return False
    if fails(out, g.no_channel(s, lines[first]), fact):
        return False
    if s.scalars[PAUSES] != 0 and fails(out, g.paused(s, lines, first, last, g.SHOP_PAUSED), fact):
        return False
    if fails(out, g.paused(s, lines, first, last, g.PROMOTION_PAUSED), fact):
        return False
    if s.scalars[PAUSES] != 0 and fails(out, g.paused(s, lines, first, last, g.SKU_PAUSED), fact):
        return False
    if fails(out, g.unknown_sku(s, lines, first, last), fact):
        return False
    if out["mask"] & np.uint32(1 << g.UNKNOWN_SKU):
        return True  # a fact whose SKU is not mapped cannot be judged further
    demand = g.demand_of(s, lines, first, last)
    if fails(out, g.too_large(s, lines, first, last, demand), fact):
        return False
    if fails(out, g.too_small(s, lines, first, last, demand), fact):
        return False
    return judge_price(s, lines, first, last, out, retake, fact) and judge_claims(
        s, lines, first, last, out, demand, fact
    )


@kernel
def judge_price(
    s: State, lines: Array, first: int, last: int, out: Array, retake: bool, fact: bool
) -> bool:
    """The guards about money."""
    if not retake and fails(out, g.price_changed(s, lines, first, last), fact):
        return False
    if fails(out, g.price_mismatch(lines, first, last), fact):
        return False
    if fails(out, g.cost_missing(s, lines, first, last), fact):
        return False
    return not fails(out, g.below_floor(s, lines, first, last), fact)


@kernel
def judge_claims(
    s: State, lines: Array, first: int, last: int, out: Array, demand: int, fact: bool
) -> bool:
    """The guards about what is used up: limits, unpaid holds, budgets, stock."""
    c.find_keys(s, lines[first])
    merged = c.merged_rules(s, lines, first, last, LIMITS)
    if merged < 0 and fails(out, LIMITS, False):
        return False
    if fails(out, c.identity_missing(s, merged), fact):
        return False
    if fails(out, c.limit_exceeded(s, merged, out), fact):
        return False
    if fails(out, c.holds_exceeded(s, lines[first], out), fact):
        return False
    if any_exception(lines, first, last):
        merged = c.merged_rules(s, lines, first, last, BUDGETS)
        if merged < 0 and fails(out, BUDGETS, False):
            return False
    if fails(out, c.budget_exhausted(s, lines, first, last, merged, out), fact):
        return False
    return not fails(out, c.stock_short(s, lines[first], demand, out), fact)
