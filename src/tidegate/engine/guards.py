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
    ORDER_MEMORY_S,
    PAUSED,
    PRICES_FROM,
    QUANTITY_MAX_ORDER,
    SHOP_FLAGS,
    State,
)
from tidegate.record.lines import MONEY_FEN_MAX, QUANTITY_MAX, Array

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
LINE_FLOOR_MAX = 1 << 50  # above the price of any line; 64 of them add up without overflow
CLOCK_SKEW_MS = 300_000  # how far a front process's clock may run ahead of ours
DAY_MS = 86_400_000


@kernel
def known_sku(s: State, sku: int) -> bool:
    """Whether the number is a SKU of the catalogue."""
    return sku < s.skus.shape[0] and s.skus[sku]["known"] != 0


@kernel
def exception_holds(s: State, line: Array) -> bool:
    """Whether the exception that a line names exists, has not expired and covers its SKU."""
    return exception_covers(s, i64(line["exception"]), i64(line["sku"]))


@kernel
def exception_covers(s: State, number: int, sku: int) -> bool:
    """Whether an exception exists, has not expired and covers a SKU."""
    if number == 0 or number >= s.exceptions.shape[0]:
        return False
    e = s.exceptions[number]
    if e["known"] == 0 or i64(e["expires_ms"]) <= s.scalars[NOW_MS]:
        return False
    start = i64(e["skus_start"])
    if start == 0:
        return True
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
    """Orders placed more than 24 hours ago are not taken, nor orders of the future.

    A refusal is remembered longer than the order could be placed again (`REFUSAL_MEMORY_S`).
    """
    placed, now = i64(lines[first]["placed_at_ms"]), s.scalars[NOW_MS]
    if placed < now - s.scalars[ORDER_AGE_MAX_MS] or placed > now + CLOCK_SKEW_MS:
        return ORDER_TOO_OLD
    return OK


@kernel
def no_fact(s: State, lines: Array, first: int, last: int) -> int:
    """What no sale of a marketplace can be, so that even a fact is refused.

    Counts and sums that would break the books, and a time from which nobody could tell whether it
    is a repeat of one that has left the memory.
    """
    placed, now = i64(lines[first]["placed_at_ms"]), s.scalars[NOW_MS]
    if placed < now - 1000 * s.scalars[ORDER_MEMORY_S] + 2 * DAY_MS or placed > now + DAY_MS:
        return ORDER_TOO_OLD
    for i in range(first, last):
        quantity, money = i64(lines[i]["quantity"]), i64(lines[i]["receivable_fen"])
        if quantity > QUANTITY_MAX:
            return ORDER_TOO_LARGE
        if quantity <= 0:
            return QUANTITY_BELOW_MINIMUM
        if money > MONEY_FEN_MAX:
            return PRICE_MISMATCH
        if money < 0:
            return PRICE_BELOW_FLOOR
    return OK


@kernel
def no_channel(s: State, line: Array) -> int:
    """Through a channel that does not exist the shop sells nothing."""
    return OK if s.channels[i64(line["channel"])]["known"] != 0 else SHOP_PAUSED


@kernel
def paused(s: State, lines: Array, first: int, last: int, scope: int) -> int:
    """Shop, promotion or SKU (with a bundle's parts) paused; `scope` is the reason.

    A promotion that does not exist counts as paused, whatever an exception says.
    """
    for i in range(first, last):
        line = lines[i]
        stopped = False
        if scope == SHOP_PAUSED:
            stopped = s.scalars[SHOP_FLAGS] & PAUSED != 0
        elif scope == PROMOTION_PAUSED:
            if line["promotion"] != 0:
                p = s.promotions[i64(line["promotion"])]
                if p["known"] == 0:
                    return PROMOTION_PAUSED
                stopped = p["flags"] & PAUSED != 0
        else:
            stopped = sku_flags(s, i64(line["sku"])) & PAUSED != 0
        if stopped and not exempt(s, line, scope):
            return scope
    return OK


@kernel
def sku_flags(s: State, sku: int) -> int:
    """The flags of a SKU and, for a bundle, of its parts."""
    if not known_sku(s, sku):
        return 0
    flags = i64(s.skus[sku]["flags"])
    recipe = i64(s.skus[sku]["recipe"])
    if recipe != 0:
        for p in range(s.recipes[recipe]):
            flags |= i64(s.skus[i64(s.recipes[recipe + 1 + 2 * p])]["flags"])
    return flags


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
        if i64(lines[i]["quantity"]) > QUANTITY_MAX:
            return ORDER_TOO_LARGE
        if not exempt(s, lines[i], ORDER_TOO_LARGE):
            total += max(0, i64(lines[i]["quantity"]))
    if total > s.scalars[QUANTITY_MAX_ORDER]:
        return ORDER_TOO_LARGE
    for d in range(demand):
        sku = s.scratch_demand[d, 0]
        most = i64(s.skus[sku]["quantity_max"])
        if most != 0 and s.scratch_demand[d, 1] > most:
            if unexempted_units(s, lines, first, last, sku) > most:
                return ORDER_TOO_LARGE
    return OK


@kernel
def unexempted_units(s: State, lines: Array, first: int, last: int, sku: int) -> int:
    """Units of a SKU, in bundles too, on lines that no exception lets be large."""
    units = 0
    for i in range(first, last):
        if exempt(s, lines[i], ORDER_TOO_LARGE):
            continue
        quantity, ordered = max(0, i64(lines[i]["quantity"])), i64(lines[i]["sku"])
        if ordered == sku:
            units += quantity
        recipe = i64(s.skus[ordered]["recipe"])
        if recipe != 0:
            for p in range(s.recipes[recipe]):
                if s.recipes[recipe + 1 + 2 * p] == sku:
                    units += quantity * i64(s.recipes[recipe + 2 + 2 * p])
    return units


@kernel
def too_small(s: State, lines: Array, first: int, last: int, demand: int) -> int:
    """At least one unit a line, and the minimum of each SKU ordered."""
    for i in range(first, last):
        if lines[i]["quantity"] <= 0:
            return QUANTITY_BELOW_MINIMUM
    for d in range(demand):
        sku = s.scratch_demand[d, 0]
        if s.scratch_demand[d, 2] == 1 and s.scratch_demand[d, 1] < i64(
            s.skus[sku]["quantity_min"]
        ):
            for i in range(first, last):
                if lines[i]["sku"] == sku and not exempt(s, lines[i], QUANTITY_BELOW_MINIMUM):
                    return QUANTITY_BELOW_MINIMUM
    return OK


@kernel
def price_changed(s: State, lines: Array, first: int, last: int) -> int:
    """A quote made before the last change of a SKU's or promotion's price is stale.

    Publishing, withdrawing or pausing a promotion that has a document makes every older one stale.
    """
    for i in range(first, last):
        quoted = lines[i]["pricing_version"]
        if quoted == 0:
            continue
        if quoted < s.scalars[PRICES_FROM]:
            return PRICE_CHANGED
        if s.skus[i64(lines[i]["sku"])]["pricing_version"] > quoted:
            return PRICE_CHANGED
        promotion = i64(lines[i]["promotion"])
        if promotion != 0 and s.promotions[promotion]["pricing_version"] > quoted:
            return PRICE_CHANGED
    return OK


@kernel
def price_mismatch(lines: Array, first: int, last: int) -> int:
    """The lines must add up to what was charged, and each amount must be possible."""
    if lines[first]["mismatch_fen"] != 0:
        return PRICE_MISMATCH
    for i in range(first, last):
        money, platform = i64(lines[i]["receivable_fen"]), i64(lines[i]["platform_fen"])
        if money > MONEY_FEN_MAX or platform < 0 or platform > max(0, money):
            return PRICE_MISMATCH
    return OK


@kernel
def line_floor(s: State, line: Array) -> int:
    """The floor of a whole line in fen, or COST_UNKNOWN; an approved exception replaces it."""
    quantity = i64(line["quantity"])
    if line["exception"] != 0 and exception_holds(s, line):
        floor = i64(s.exceptions[i64(line["exception"])]["floor_fen"])
    else:
        floor = floor_of(s, i64(line["sku"]))
    if floor < 0:
        return COST_UNKNOWN
    return min(floor * quantity, LINE_FLOOR_MAX)


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
