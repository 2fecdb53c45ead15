"""The guards of an order, one function each, and `judge`, which calls them in order of precedence.

A guard returns a reason number (0 = passes) and changes nothing. An order stops at the first
guard that fails; a marketplace's fact goes through all of them and collects the failures as bits.
The exception that a line names may exempt it from a guard; nothing else does.
"""

from tidegate.domain.jit import i64, kernel
from tidegate.domain.reasons import Reason
from tidegate.engine.charges import floor_of
from tidegate.engine.layout import (
    DEMAND_MAX,
    NOW_MS,
    ORDER_AGE_MAX_MS,
    PAUSED,
    QUANTITY_MAX_ORDER,
    SHOP_FLAGS,
    State,
)
from tidegate.record.lines import Array

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
    number = i64(line["exception"])
    if number == 0 or number >= s.exceptions.shape[0]:
        return False
    e = s.exceptions[number]
    if e["known"] == 0 or i64(e["expires_ms"]) <= s.scalars[NOW_MS]:
        return False
    start = i64(e["skus_start"])
    if start == 0:
        return True
    sku = i64(line["sku"])
    for i in range(start + 1, start + 1 + s.recipes[start]):
        if s.recipes[i] == sku:
            return True
    return False


@kernel
def exempt(s: State, line: Array, reason: int) -> bool:
    """Whether a line's exception lifts the guard with this reason."""
    if line["exception"] == 0 or not exception_holds(s, line):
        return False
    return (i64(s.exceptions[i64(line["exception"])]["exempt"]) >> reason) & 1 == 1


@kernel
def too_old(s: State, lines: Array, first: int) -> int:
    """Orders placed more than 24 hours ago are not taken."""
    if i64(lines[first]["placed_at_ms"]) + s.scalars[ORDER_AGE_MAX_MS] < s.scalars[NOW_MS]:
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
                p = s.promotions[i64(line["promotion"])]
                stopped = p["known"] == 0 or p["flags"] & PAUSED != 0
        elif i64(line["sku"]) < s.skus.shape[0]:
            stopped = s.skus[i64(line["sku"])]["flags"] & PAUSED != 0
        if stopped and not exempt(s, line, scope):
            return scope
    return OK


@kernel
def unknown_sku(s: State, lines: Array, first: int, last: int) -> int:
    """Every line must name a SKU of the catalogue."""
    for i in range(first, last):
        if not known_sku(s, i64(lines[i]["sku"])):
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
        sku = i64(lines[i]["sku"])
        if not known_sku(s, sku):
            continue
        units = max(0, i64(lines[i]["quantity"]))
        count = add_demand(s, count, sku, units, 1)
        recipe = i64(s.skus[sku]["recipe"])
        if recipe != 0:
            for p in range(s.recipes[recipe]):
                part = i64(s.recipes[recipe + 1 + 2 * p])
                count = add_demand(s, count, part, units * i64(s.recipes[recipe + 2 + 2 * p]), 0)
    return count


@kernel
def too_large(s: State, lines: Array, first: int, last: int, demand: int) -> int:
    """No more units of a SKU than one order may have, nor of all SKUs together."""
    total = 0
    for i in range(first, last):
        total += max(0, i64(lines[i]["quantity"]))
        if i64(lines[i]["quantity"]) > 1_000_000:
            return ORDER_TOO_LARGE
    if total > s.scalars[QUANTITY_MAX_ORDER] and not exempt(s, lines[first], ORDER_TOO_LARGE):
        return ORDER_TOO_LARGE
    for d in range(demand):
        most = i64(s.skus[s.scratch_demand[d, 0]]["quantity_max"])
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
        least = i64(s.skus[s.scratch_demand[d, 0]]["quantity_min"])
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
        if s.skus[i64(lines[i]["sku"])]["pricing_version"] > quoted:
            return PRICE_CHANGED
        promotion = i64(lines[i]["promotion"])
        if promotion != 0 and s.promotions[promotion]["pricing_version"] > quoted:
            return PRICE_CHANGED
    return OK


@kernel
def line_floor(s: State, line: Array) -> int:
    """The floor of a whole line in fen, or COST_UNKNOWN; an approved exception replaces it."""
    quantity = i64(line["quantity"])
    if line["exception"] != 0 and exception_holds(s, line):
        return i64(s.exceptions[i64(line["exception"])]["floor_fen"]) * quantity
    floor = floor_of(s, i64(line["sku"]))
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
        whole = i64(s.skus[i64(line["sku"])]["list_price_fen"]) * i64(line["quantity"])
        at_list = i64(line["receivable_fen"]) >= whole
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
        gift_of = i64(lines[i]["gift_of"])
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
            money = i64(lines[i]["receivable_fen"])
            if money < 0:
                return PRICE_BELOW_FLOOR
            line = line_floor(s, lines[i])
            received += money
            floor += money if line == COST_UNKNOWN else line
        if received < floor:
            return PRICE_BELOW_FLOOR
    return OK
