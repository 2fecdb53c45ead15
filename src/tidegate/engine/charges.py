"""What a line charges: the limits and budgets that reach it, and how to take a charge back.

A charge in a block is one word, `row | code << 28`, followed by what its code needs:

    code 0  counter row, units            code 4  budget of a rule, units
    code 1  counter row, units × word     code 5  budget, units × word
    code 2  counter row, fen in 2 words   code 6  budget, fen in 2 words
    code 3  counter row, the order once   code 7  budget, the order once

Nothing here judges; `guards` compares the same amounts with the limits before they are charged.
"""

import numpy as np

from tidegate.domain.jit import i64, kernel
from tidegate.engine.layout import (
    CHARGES_MAX,
    DISCOUNT,
    MINUTE,
    MONEY,
    ORDERS,
    SECOND,
    SHOP_PLAN_COUNT,
    SHOP_PLAN_START,
    UNITS,
    State,
)
from tidegate.engine.tables import counter_row, running_window, window_at
from tidegate.record.lines import Array

BUDGET_BIT = 4
AMOUNT_MAX = 1 << 51  # above every budget; sums of a line's amounts stay far below 2^63
FLOOR_MAX = 1 << 41  # a unit's; above every price


@kernel
def floor_of(s: State, sku: int) -> int:
    """The floor of one unit in fen: the higher of computed floor and red line; -1 = cost missing.

    A bundle without a cost of its own has the sum of its parts' floors.
    """
    k = s.skus[sku]
    cost = i64(k["cost_floor_fen"])
    recipe = i64(k["recipe"])
    if cost < 0 and recipe != 0:
        cost = 0
        for p in range(s.recipes[recipe]):
            part = floor_of_part(s, i64(s.recipes[recipe + 1 + 2 * p]))
            if part < 0:
                return -1
            cost = min(cost + part * i64(s.recipes[recipe + 2 + 2 * p]), FLOOR_MAX)
    if cost < 0:
        return -1
    return max(cost, i64(k["red_line_fen"]))


@kernel
def floor_of_part(s: State, sku: int) -> int:
    """The floor of a part, which is never a bundle itself."""
    cost = i64(s.skus[sku]["cost_floor_fen"])
    if cost < 0:
        return -1
    return max(cost, i64(s.skus[sku]["red_line_fen"]))


@kernel
def amount_of(s: State, rule: int, line: Array, multiple: int) -> int:
    """What one line counts under one rule: units, one order, or fen."""
    basis = s.rules[rule]["basis"]
    quantity = i64(line["quantity"])
    if basis == UNITS:
        return quantity * multiple
    if basis == ORDERS:
        return 1
    receivable = i64(line["receivable_fen"])
    if basis == MONEY:
        return receivable
    sku = i64(line["sku"])
    if sku >= s.skus.shape[0]:
        return 0
    if basis == DISCOUNT:
        whole = i64(s.skus[sku]["list_price_fen"]) * quantity
    else:  # LOSS
        whole = floor_of(s, sku) * quantity
    return min(max(0, whole - receivable), AMOUNT_MAX)


@kernel
def add_plan(
    s: State, start: int, count: int, line: Array, multiple: int, units_only: bool, found: int
) -> int:
    """Append a plan's rules with their amounts to the scratch list; its new length comes back."""
    for p in range(start, start + count):
        rule = i64(s.plans[p])
        if s.rules[rule]["known"] == 0 or (units_only and s.rules[rule]["basis"] != UNITS):
            continue
        if found < CHARGES_MAX:
            s.scratch_rule[found] = rule
            s.scratch_multiple[found] = multiple
            s.scratch_amount[found] = amount_of(s, rule, line, multiple)
            found += 1
    return found


@kernel
def line_rules(s: State, line: Array, channel: int) -> int:
    """List every rule that a line reaches, with amounts, in the scratch; how many there are.

    The SKU's own and its groups', the shop's, the promotion's, the channel's, the exception's,
    and for a bundle those of each part, counted in parts.
    """
    sku = i64(line["sku"])
    found = 0
    if s.scalars[SHOP_PLAN_COUNT] > 0:
        found = add_plan(
            s, s.scalars[SHOP_PLAN_START], s.scalars[SHOP_PLAN_COUNT], line, 1, False, found
        )
    if sku < s.skus.shape[0]:
        k = s.skus[sku]
        found = add_plan(s, i64(k["plan_start"]), i64(k["plan_count"]), line, 1, False, found)
        recipe = i64(k["recipe"])
        if recipe != 0:
            for p in range(s.recipes[recipe]):
                part = s.skus[i64(s.recipes[recipe + 1 + 2 * p])]
                found = add_plan(
                    s,
                    i64(part["plan_start"]),
                    i64(part["plan_count"]),
                    line,
                    i64(s.recipes[recipe + 2 + 2 * p]),
                    True,
                    found,
                )
    if line["promotion"] != 0:
        o = s.promotions[i64(line["promotion"])]
        found = add_plan(s, i64(o["plan_start"]), i64(o["plan_count"]), line, 1, False, found)
    c = s.channels[channel]
    if c["plan_count"] != 0:
        found = add_plan(s, i64(c["plan_start"]), i64(c["plan_count"]), line, 1, False, found)
    if line["exception"] != 0:
        e = s.exceptions[i64(line["exception"])]
        found = add_plan(s, i64(e["plan_start"]), i64(e["plan_count"]), line, 1, False, found)
    return found


@kernel
def charge_counter(s: State, rule: int, kind: int, key: int, amount: int) -> int:
    """Count an amount on one key under one rule; the counter's row comes back."""
    row = counter_row(s, rule * 4 + kind, key)
    window = running_window(s, rule)
    c = s.counters[row]
    if i64(c["window"]) != window:
        c["window"] = window
        c["value"] = amount
    else:
        c["value"] += amount
    return row


@kernel
def charge_budget(s: State, rule: int, amount: int) -> None:
    """Count an amount on a rule's budget."""
    r = s.rules[rule]
    window = running_window(s, rule)
    if r["used_window"] != window:
        r["used_window"] = window
        r["used"] = amount
    else:
        r["used"] += amount


@kernel
def write_charge(s: State, top: int, row: int, code: int, rule: int, k: int) -> int:
    """Note a charge in the scratch words; the new top comes back."""
    w = s.scratch_words
    basis = s.rules[rule]["basis"]
    if basis == ORDERS:
        w[top] = np.uint32(row | ((code + 3) << 28))
        return top + 1
    if basis == UNITS:
        if s.scratch_multiple[k] == 1:
            w[top] = np.uint32(row | (code << 28))
            return top + 1
        w[top] = np.uint32(row | ((code + 1) << 28))
        w[top + 1] = np.uint32(s.scratch_multiple[k])
        return top + 2
    amount = s.scratch_amount[k]
    w[top] = np.uint32(row | ((code + 2) << 28))
    w[top + 1] = np.uint32(amount & 0xFFFFFFFF)
    w[top + 2] = np.uint32(amount >> 32)
    return top + 3


@kernel
def take_counter_back(s: State, row: int, amount: int, day: int) -> None:
    """Take an amount off a counter, unless its window has ended since."""
    c = s.counters[row]
    rule = i64(c["rule_kind"]) >> 2
    if i64(c["window"]) == window_at(i64(s.rules[rule]["window"]), day, 0):
        c["value"] -= amount


@kernel
def take_budget_back(s: State, rule: int, amount: int, day: int) -> None:
    """Take an amount off a budget, unless its window has ended since; rates are not given back."""
    r = s.rules[rule]
    if r["window"] == MINUTE or r["window"] == SECOND:
        return
    if r["used_window"] == window_at(i64(r["window"]), day, 0):
        r["used"] -= amount


@kernel
def reverse_charges(
    s: State, place: int, count: int, units: int, left: int, whole: bool, day: int
) -> None:
    """Take back the charges of `units` out of the `left` units of a line.

    Money goes back in proportion (rounded down, the last unit takes the rest); an order counted
    once goes back when the whole order does. Windows of minutes and seconds are not refunded.
    """
    end = place + count
    b = s.blocks
    while place < end:
        word = i64(b[place])
        code, row = word >> 28, word & 0x0FFFFFFF
        amount = units
        step = 1
        if code & 3 == 1:
            amount = units * i64(b[place + 1])
            step = 2
        elif code & 3 == 2:
            rest = i64(b[place + 1]) | (i64(b[place + 2]) << 32)
            amount = rest if units == left else rest * units // left
            b[place + 1] = np.uint32((rest - amount) & 0xFFFFFFFF)
            b[place + 2] = np.uint32((rest - amount) >> 32)
            step = 3
        elif code & 3 == 3:
            amount = 1 if whole else 0
        if code & BUDGET_BIT:
            take_budget_back(s, row, amount, day)
        else:
            take_counter_back(s, row, amount, day)
        place += step
