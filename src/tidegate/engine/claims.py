"""The guards about what is used up: identity keys, limits, unpaid holds, budgets and stock.

Like those in `guards`: a reason number comes back (0 = passes) and nothing but scratch changes.
"""

import numpy as np

from tidegate.domain.jit import i64, kernel, u64
from tidegate.engine.charges import line_rules
from tidegate.engine.guards import (
    BUDGET_EXHAUSTED,
    HOLDS_EXCEEDED,
    IDENTITY_MISSING,
    LIMIT_EXCEEDED,
    OK,
    STOCK_SHORT,
    exception_holds,
    exempt,
)
from tidegate.engine.index import NONE
from tidegate.engine.layout import (
    CHARGES_MAX,
    HOLD_CAP,
    MERGED_MAX,
    ORDERS,
    State,
)
from tidegate.engine.tables import HINTS, LISTED, find_key, hinted_counter, running_window, token_of
from tidegate.record.lines import FACT, PAID, Array

EXPLAINED = 1 << LIMIT_EXCEEDED | 1 << HOLDS_EXCEEDED | 1 << BUDGET_EXHAUSTED


@kernel
def find_keys(s: State, line: Array) -> None:
    """Look up the order's verified identity keys: rows (NONE = new) and presence in the scratch."""
    hints = s.scratch_keys[HINTS]
    for kind in range(4):
        token = token_of(line, kind)
        present = token != u64(0) and (i64(line["verified"]) >> kind) & 1 == 1
        row = NONE
        if present:
            if hints != NONE:
                row = s.scratch_touch[hints + kind]
            if row == NONE or s.keys[row]["token"] != token:
                row = find_key(s, token)
        s.scratch_keys[4 + kind] = 1 if present else 0
        s.scratch_keys[kind] = row


@kernel
def rule_limit(s: State, rule: int, kind: int) -> int:
    """The limit of a rule for one kind of key."""
    r = s.rules[rule]
    if kind == 0:
        return i64(r["limit0"])
    if kind == 1:
        return i64(r["limit1"])
    if kind == 2:
        return i64(r["limit2"])
    return i64(r["limit3"])


@kernel
def merged_rules(s: State, lines: Array, first: int, last: int, exempted: int) -> int:
    """Add up, over the order's lines, what each rule would be charged; how many rules there are.

    Amounts stand in the scratch from CHARGES_MAX on. Lines whose exception lifts the guard with
    reason `exempted` are left out. -1 when there are more rules than there is room for.
    """
    merged = 0
    for i in range(first, last):
        if exempt(s, lines[i], exempted):
            continue
        s.scratch_keys[LISTED] = line_rules(s, lines[i], i64(lines[first]["channel"]))
        for k in range(s.scratch_keys[LISTED]):
            rule = s.scratch_rule[k]
            place = CHARGES_MAX
            while place < CHARGES_MAX + merged and s.scratch_rule[place] != rule:
                place += 1
            if place < CHARGES_MAX + merged:
                if s.rules[rule]["basis"] != ORDERS:
                    s.scratch_amount[place] += s.scratch_amount[k]
            elif merged < MERGED_MAX:
                s.scratch_rule[place] = rule
                s.scratch_amount[place] = s.scratch_amount[k]
                merged += 1
            else:
                return -1
    return merged


@kernel
def explain(out: Array, rule: int, has: int) -> None:
    """Say which rule failed and what it had counted; a fact's judgement keeps the first."""
    if out["mask"] & np.uint32(EXPLAINED) == 0:
        out["rule"] = rule
        out["has"] = np.uint32(min(max(has, 0), 0xFFFFFFFF))


@kernel
def identity_missing(s: State, merged: int) -> int:
    """A rule's every kind of identity key must be there and verified."""
    for m in range(CHARGES_MAX, CHARGES_MAX + merged):
        keyed = i64(s.rules[s.scratch_rule[m]]["keyed"])
        for kind in range(4):
            if (keyed >> kind) & 1 and s.scratch_keys[4 + kind] == 0:
                return IDENTITY_MISSING
    return OK


@kernel
def counted(s: State, rule: int, kind: int) -> int:
    """What the order's key of one kind has used of a rule in the running window."""
    key = s.scratch_keys[kind]
    if key == NONE:
        return 0
    row = hinted_counter(s, rule * 4 + kind, key)
    if row == NONE or i64(s.counters[row]["window"]) != running_window(s, rule):
        return 0
    return i64(s.counters[row]["value"])


@kernel
def limit_exceeded(s: State, merged: int, out: Array) -> int:
    """No key may pass a rule's limit for its kind; the smallest that applies wins."""
    for m in range(CHARGES_MAX, CHARGES_MAX + merged):
        rule = s.scratch_rule[m]
        keyed = i64(s.rules[rule]["keyed"])
        for kind in range(4):
            if (keyed >> kind) & 1 and s.scratch_keys[4 + kind] == 1:
                has = counted(s, rule, kind)
                if has + s.scratch_amount[m] > rule_limit(s, rule, kind):
                    explain(out, rule, has)
                    return LIMIT_EXCEEDED
    return OK


@kernel
def holds_exceeded(s: State, line: Array, out: Array) -> int:
    """No key may have more unpaid orders than the shop allows."""
    cap = s.scalars[HOLD_CAP]
    if cap == 0 or line["flags"] & (PAID | FACT):
        return OK
    for kind in range(4):
        key = s.scratch_keys[kind]
        if key != NONE and i64(s.keys[key]["open_holds"]) >= cap:
            explain(out, 0, i64(s.keys[key]["open_holds"]))
            return HOLDS_EXCEEDED
    return OK


@kernel
def budget_exhausted(s: State, lines: Array, first: int, last: int, merged: int, out: Array) -> int:
    """Budgets, rates and the units of an exception must suffice."""
    for m in range(CHARGES_MAX, CHARGES_MAX + merged):
        rule = s.scratch_rule[m]
        r = s.rules[rule]
        if r["budget"] >= 0:
            used = i64(r["used"]) if r["used_window"] == running_window(s, rule) else 0
            if used + s.scratch_amount[m] > r["budget"]:
                explain(out, rule, used)
                return BUDGET_EXHAUSTED
    for i in range(first, last):
        number = i64(lines[i]["exception"])
        if number == 0 or not exception_holds(s, lines[i]):
            continue
        units = 0
        for j in range(first, last):
            if i64(lines[j]["exception"]) == number:
                units += i64(lines[j]["quantity"])
        if units > s.exceptions[number]["units_left"]:
            explain(out, 0, i64(s.exceptions[number]["units_left"]))
            return BUDGET_EXHAUSTED
    return OK


@kernel
def available_units(s: State, sku: int, pool: int, for_sale: bool) -> int:
    """Units of a SKU in a pool that nothing has a claim on; safety stock only counts for sales."""
    c = s.cells[pool, sku]
    free = c["on_hand"] - c["pre_held"] - c["committed"] - c["recalling"] - c["debt"]
    if for_sale:
        free -= i64(s.skus[sku]["safety_stock"])
    return free


@kernel
def stock_short(s: State, line: Array, demand: int, out: Array) -> int:
    """Every SKU of the order, parts of bundles included, must be available in its pool."""
    pool = i64(s.channels[i64(line["channel"])]["pool"])
    for d in range(demand):
        sku = s.scratch_demand[d, 0]
        if s.skus[sku]["recipe"] != 0:
            continue
        free = available_units(s, sku, pool, True)
        if free < s.scratch_demand[d, 1]:
            explain(out, 0, free)
            return STOCK_SHORT
    return OK
