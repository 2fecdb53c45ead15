"""The guards of an order, one function each, and `judge`, which calls them in order of precedence.

A guard returns a reason number (0 = passes) and changes nothing. An order stops at the first
guard that fails; a marketplace's fact goes through all of them and collects the failures as bits.
The exception that a line names may exempt it from a guard; nothing else does.
"""

import numpy as np

from tidegate.domain.reasons import Reason
from tidegate.engine.charges import floor_of, line_rules
from tidegate.engine.index import NONE
from tidegate.domain.jit import kernel
from tidegate.engine.layout import (
    CHARGES_MAX,
    DEMAND_MAX,
    HOLD_CAP,
    MERGED_MAX,
    NOW_MS,
    ORDER_AGE_MAX_MS,
    ORDERS,
    PAUSED,
    QUANTITY_MAX_ORDER,
    SHOP_FLAGS,
    Array,
    State,
)
from tidegate.engine.tables import (
    HINTS,
    find_key,
    hinted_counter,
    running_window,
    token_of,
)
from tidegate.record.lines import FACT, PAID

OK = 0
ID_REUSED = int(Reason.ID_REUSED)
ORDER_TOO_OLD = int(Reason.ORDER_TOO_OLD)
SHOP_PAUSED = int(Reason.SHOP_PAUSED)
PROMOTION_PAUSED = int(Reason.PROMOTION_PAUSED)
SKU_PAUSED = int(Reason.SKU_PAUSED)
UNKNOWN_SKU = int(Reason.UNKNOWN_SKU)
ORDER_TOO_LARGE = int(Reason.ORDER_TOO_LARGE)
QUANTITY_BELOW_MINIMUM = int(Reason.QUANTITY_BELOW_MINIMUM)
PRICE_CHANGED = int(Reason.PRICE_CHANGED)
PRICE_MISMATCH = int(Reason.PRICE_MISMATCH)
COST_MISSING = int(Reason.COST_MISSING)
PRICE_BELOW_FLOOR = int(Reason.PRICE_BELOW_FLOOR)
IDENTITY_MISSING = int(Reason.IDENTITY_MISSING)
LIMIT_EXCEEDED = int(Reason.LIMIT_EXCEEDED)
HOLDS_EXCEEDED = int(Reason.HOLDS_EXCEEDED)
BUDGET_EXHAUSTED = int(Reason.BUDGET_EXHAUSTED)
STOCK_SHORT = int(Reason.STOCK_SHORT)

COST_UNKNOWN = -1


@kernel
def known_sku(s: State, sku: int) -> bool:
    """Whether the number is a SKU of the catalogue."""
    return sku < s.skus.shape[0] and s.skus[sku]["known"] != 0


@kernel
def exception_holds(s: State, line: Array) -> bool:
    """Whether the exception that a line names exists, has not expired and covers its SKU."""
    number = np.int64(line["exception"])
    if number == 0 or number >= s.exceptions.shape[0]:
        return False
    e = s.exceptions[number]
    if e["known"] == 0 or np.int64(e["expires_ms"]) <= s.scalars[NOW_MS]:
        return False
    start = np.int64(e["skus_start"])
    if start == 0:
        return True
    sku = np.int64(line["sku"])
    for i in range(start + 1, start + 1 + s.recipes[start]):
        if s.recipes[i] == sku:
            return True
    return False


@kernel
def exempt(s: State, line: Array, reason: int) -> bool:
    """Whether a line's exception lifts the guard with this reason."""
    if line["exception"] == 0 or not exception_holds(s, line):
        return False
    return (np.int64(s.exceptions[np.int64(line["exception"])]["exempt"]) >> reason) & 1 == 1


@kernel
def too_old(s: State, lines: Array, first: int) -> int:
    """Orders placed more than 24 hours ago are not taken."""
    if np.int64(lines[first]["placed_at_ms"]) + s.scalars[ORDER_AGE_MAX_MS] < s.scalars[NOW_MS]:
        return ORDER_TOO_OLD
    return OK


@kernel
def paused(s: State, lines: Array, first: int, last: int, scope: int) -> int:
    """Shop, promotion (an unknown one counts as paused) or SKU paused; `scope` is the reason."""
    for i in range(first, last):
        line = lines[i]
        stopped = False
        if scope == SHOP_PAUSED:
            stopped = s.scalars[SHOP_FLAGS] & PAUSED != 0
        elif scope == PROMOTION_PAUSED:
            if line["promotion"] != 0:
                p = s.promotions[np.int64(line["promotion"])]
                stopped = p["known"] == 0 or p["flags"] & PAUSED != 0
        elif np.int64(line["sku"]) < s.skus.shape[0]:
            stopped = s.skus[np.int64(line["sku"])]["flags"] & PAUSED != 0
        if stopped and not exempt(s, line, scope):
            return scope
    return OK


@kernel
def unknown_sku(s: State, lines: Array, first: int, last: int) -> int:
    """Every line must name a SKU of the catalogue."""
    for i in range(first, last):
        if not known_sku(s, np.int64(lines[i]["sku"])):
            return UNKNOWN_SKU
    return OK


@kernel
def add_demand(s: State, count: int, sku: int, units: int, direct: int) -> int:
    """Count units of a SKU into the order's demand; the number of different SKUs comes back."""
    for d in range(count):
        if s.scratch_demand[d, 0] == sku:
            s.scratch_demand[d, 1] += units
            s.scratch_demand[d, 2] |= direct
            return count
    if count < DEMAND_MAX:
        s.scratch_demand[count, 0] = sku
        s.scratch_demand[count, 1] = units
        s.scratch_demand[count, 2] = direct
        count += 1
    return count


@kernel
def demand_of(s: State, lines: Array, first: int, last: int) -> int:
    """Gather units per SKU over all lines, gifts and bundles' parts, into the scratch."""
    count = 0
    for i in range(first, last):
        sku = np.int64(lines[i]["sku"])
        if not known_sku(s, sku):
            continue
        units = max(0, np.int64(lines[i]["quantity"]))
        count = add_demand(s, count, sku, units, 1)
        recipe = np.int64(s.skus[sku]["recipe"])
        if recipe != 0:
            for p in range(s.recipes[recipe]):
                part = np.int64(s.recipes[recipe + 1 + 2 * p])
                count = add_demand(
                    s, count, part, units * np.int64(s.recipes[recipe + 2 + 2 * p]), 0
                )
    return count


@kernel
def too_large(s: State, lines: Array, first: int, last: int, demand: int) -> int:
    """No more units of a SKU than one order may have, nor of all SKUs together."""
    total = 0
    for i in range(first, last):
        total += max(0, np.int64(lines[i]["quantity"]))
        if np.int64(lines[i]["quantity"]) > 1_000_000:
            return ORDER_TOO_LARGE
    if total > s.scalars[QUANTITY_MAX_ORDER] and not exempt(s, lines[first], ORDER_TOO_LARGE):
        return ORDER_TOO_LARGE
    for d in range(demand):
        most = np.int64(s.skus[s.scratch_demand[d, 0]]["quantity_max"])
        if most != 0 and s.scratch_demand[d, 1] > most:
            if not exempt(s, lines[first], ORDER_TOO_LARGE):
                return ORDER_TOO_LARGE
    return OK


@kernel
def too_small(s: State, lines: Array, first: int, last: int, demand: int) -> int:
    """At least one unit a line, and the minimum of each SKU ordered."""
    for i in range(first, last):
        if lines[i]["quantity"] <= 0:
            return QUANTITY_BELOW_MINIMUM
    for d in range(demand):
        least = np.int64(s.skus[s.scratch_demand[d, 0]]["quantity_min"])
        if s.scratch_demand[d, 2] == 1 and s.scratch_demand[d, 1] < least:
            if not exempt(s, lines[first], QUANTITY_BELOW_MINIMUM):
                return QUANTITY_BELOW_MINIMUM
    return OK


@kernel
def price_changed(s: State, lines: Array, first: int, last: int) -> int:
    """A quote made before the last change of a SKU's or promotion's price is stale."""
    for i in range(first, last):
        quoted = lines[i]["pricing_version"]
        if quoted == 0:
            continue
        if s.skus[np.int64(lines[i]["sku"])]["pricing_version"] > quoted:
            return PRICE_CHANGED
        promotion = np.int64(lines[i]["promotion"])
        if promotion != 0 and s.promotions[promotion]["pricing_version"] > quoted:
            return PRICE_CHANGED
    return OK


@kernel
def line_floor(s: State, line: Array) -> int:
    """The floor of a whole line in fen, or COST_UNKNOWN; an approved exception replaces it."""
    quantity = np.int64(line["quantity"])
    if line["exception"] != 0 and exception_holds(s, line):
        return np.int64(s.exceptions[np.int64(line["exception"])]["floor_fen"]) * quantity
    floor = floor_of(s, np.int64(line["sku"]))
    if floor < 0:
        return COST_UNKNOWN
    return floor * quantity


@kernel
def cost_missing(s: State, lines: Array, first: int, last: int) -> int:
    """A SKU without a cost sells at list price only, outside promotions, and is no gift."""
    for i in range(first, last):
        line = lines[i]
        if line_floor(s, line) != COST_UNKNOWN:
            continue
        whole = np.int64(s.skus[np.int64(line["sku"])]["list_price_fen"]) * np.int64(
            line["quantity"]
        )
        at_list = np.int64(line["receivable_fen"]) >= whole
        if line["promotion"] != 0 or line["gift_of"] != 0 or not at_list or whole <= 0:
            return COST_MISSING
    return OK


@kernel
def group_of(lines: Array, first: int, i: int) -> int:
    """The first line of the group that line `i` is priced with.

    Lines of one SKU form a group, and so do a gift and its parent; a gift's parent stands before
    it, so following parents and same SKUs downwards ends at the group's first line.
    """
    while True:
        parent = i
        gift_of = np.int64(lines[i]["gift_of"])
        if gift_of != 0 and first + gift_of - 1 < i:
            parent = first + gift_of - 1
        else:
            for j in range(first, i):
                if lines[j]["sku"] == lines[i]["sku"]:
                    parent = j
                    break
        if parent == i:
            return i
        i = parent


@kernel
def below_floor(s: State, lines: Array, first: int, last: int) -> int:
    """What the merchant receives for each group of lines must reach the sum of their floors."""
    for root in range(first, last):
        if last - first > 1 and group_of(lines, first, root) != root:
            continue
        received, floor = 0, 0
        for i in range(root, last):
            if i != root and group_of(lines, first, i) != root:
                continue
            money = np.int64(lines[i]["receivable_fen"])
            if money < 0:
                return PRICE_BELOW_FLOOR
            line = line_floor(s, lines[i])
            received += money
            floor += money if line == COST_UNKNOWN else line
        if received < floor:
            return PRICE_BELOW_FLOOR
    return OK


@kernel
def find_keys(s: State, line: Array) -> None:
    """Look up the order's verified identity keys: rows (NONE = new) and presence in the scratch."""
    hints = s.scratch_keys[HINTS]
    for kind in range(4):
        token = token_of(line, kind)
        present = token != np.uint64(0) and (np.int64(line["verified"]) >> kind) & 1 == 1
        row = NONE
        if present:
            if hints != NONE:
                row = s.scratch_touch[hints + kind]
            if row == NONE:
                row = find_key(s, token)
        s.scratch_keys[4 + kind] = 1 if present else 0
        s.scratch_keys[kind] = row


@kernel
def rule_limit(s: State, rule: int, kind: int) -> int:
    """The limit of a rule for one kind of key."""
    r = s.rules[rule]
    if kind == 0:
        return np.int64(r["limit0"])
    if kind == 1:
        return np.int64(r["limit1"])
    if kind == 2:
        return np.int64(r["limit2"])
    return np.int64(r["limit3"])


@kernel
def merged_rules(s: State, lines: Array, first: int, last: int, exempted: int) -> int:
    """Add up, over the order's lines, what each rule would be charged; how many rules there are.

    Amounts stand in the scratch from CHARGES_MAX on. Lines whose exception lifts the guard with
    reason `exempted` are left out.
    """
    merged = 0
    for i in range(first, last):
        if exempt(s, lines[i], exempted):
            continue
        for k in range(line_rules(s, lines[i])):
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
    return merged


@kernel
def identity_missing(s: State, merged: int) -> int:
    """A rule's every kind of identity key must be there and verified."""
    for m in range(CHARGES_MAX, CHARGES_MAX + merged):
        keyed = np.int64(s.rules[s.scratch_rule[m]]["keyed"])
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
    if row == NONE or np.int64(s.counters[row]["window"]) != running_window(s, rule):
        return 0
    return np.int64(s.counters[row]["value"])


@kernel
def limit_exceeded(s: State, merged: int, out: Array) -> int:
    """No key may pass a rule's limit for its kind; the smallest that applies wins."""
    for m in range(CHARGES_MAX, CHARGES_MAX + merged):
        rule = s.scratch_rule[m]
        keyed = np.int64(s.rules[rule]["keyed"])
        for kind in range(4):
            if (keyed >> kind) & 1 and s.scratch_keys[4 + kind] == 1:
                has = counted(s, rule, kind)
                if has + s.scratch_amount[m] > rule_limit(s, rule, kind):
                    out["rule"] = rule
                    out["has"] = np.uint32(min(max(has, 0), 0xFFFFFFFF))
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
        if key != NONE and np.int64(s.keys[key]["open_holds"]) >= cap:
            out["has"] = np.uint32(s.keys[key]["open_holds"])
            return HOLDS_EXCEEDED
    return OK


@kernel
def budget_exhausted(
    s: State, lines: Array, first: int, last: int, merged: int, out: Array
) -> int:
    """Budgets, rates and the units of an exception must suffice."""
    for m in range(CHARGES_MAX, CHARGES_MAX + merged):
        rule = s.scratch_rule[m]
        r = s.rules[rule]
        if r["budget"] >= 0:
            used = np.int64(r["used"]) if r["used_window"] == running_window(s, rule) else 0
            if used + s.scratch_amount[m] > r["budget"]:
                out["rule"] = rule
                out["has"] = np.uint32(min(max(used, 0), 0xFFFFFFFF))
                return BUDGET_EXHAUSTED
    for i in range(first, last):
        number = np.int64(lines[i]["exception"])
        if number == 0 or not exception_holds(s, lines[i]):
            continue
        units = 0
        for j in range(first, last):
            if np.int64(lines[j]["exception"]) == number:
                units += np.int64(lines[j]["quantity"])
        if units > s.exceptions[number]["units_left"]:
            return BUDGET_EXHAUSTED
    return OK


@kernel
def available_units(s: State, sku: int, pool: int, for_sale: bool) -> int:
    """Units of a SKU in a pool that nothing has a claim on; safety stock only counts for sales."""
    c = s.cells[pool, sku]
    free = c["on_hand"] - c["pre_held"] - c["committed"] - c["recalling"] - c["debt"]
    if for_sale:
        free -= np.int64(s.skus[sku]["safety_stock"])
    return free


@kernel
def stock_short(s: State, line: Array, demand: int, out: Array) -> int:
    """Every SKU of the order, parts of bundles included, must be available in its pool."""
    pool = np.int64(s.channels[np.int64(line["channel"])]["pool"])
    for d in range(demand):
        sku = s.scratch_demand[d, 0]
        if s.skus[sku]["recipe"] != 0:
            continue
        free = available_units(s, sku, pool, True)
        if free < s.scratch_demand[d, 1]:
            out["has"] = np.uint32(min(max(free, 0), 0xFFFFFFFF))
            return STOCK_SHORT
    return OK
