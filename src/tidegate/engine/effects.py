"""What an acceptance does to the state, and what taking units back undoes.

Called when a decision is made and when its record is folded, with the same arguments, so both
reach the same state. From here on nothing may fail; nothing here judges.
"""

import numpy as np

from tidegate.domain.jit import Word, i64, kernel, u64
from tidegate.engine import blocks as bk
from tidegate.engine.charges import (
    charge_budget,
    charge_counter,
    line_rules,
    reverse_charges,
    write_charge,
)
from tidegate.engine.claims import available_units, find_keys
from tidegate.engine.guards import (
    BUDGET_EXHAUSTED,
    LIMIT_EXCEEDED,
    exception_holds,
    exempt,
    known_sku,
)
from tidegate.engine.index import NONE
from tidegate.engine.layout import (
    ACCEPTED_COUNT,
    CLOSED,
    COMMITTED,
    HEAP_COUNT,
    HOLD_LAST_S,
    HOLD_TTL_MAX_S,
    HOLD_TTL_S,
    LIVE_COUNT,
    LOCAL_DAY,
    NOW_MS,
    ORDERS,
    PRE_HELD,
    RELEASED,
    State,
)
from tidegate.engine.tables import LISTED, new_key, remember_order, token_of
from tidegate.record.lines import FACT, NO_SKU, PAID, Array


@kernel
def hold_expiry_s(s: State, line: Array) -> int:
    """When the hold of an order accepted now ends; 0 = never (paid, or a marketplace's)."""
    if line["flags"] & (PAID | FACT):
        return 0
    ttl = i64(line["hold_ttl_s"])
    if ttl == 0:
        ttl = s.scalars[HOLD_TTL_S]
    return s.scalars[NOW_MS] // 1000 + min(ttl, s.scalars[HOLD_TTL_MAX_S])


@kernel
def heap_push(s: State, expires_s: int, row: int) -> None:
    """Add a hold that does not end in the order of acceptance to the heap of expiries."""
    i = s.scalars[HEAP_COUNT]
    s.scalars[HEAP_COUNT] += 1
    item = u64((expires_s << 32) | row)
    while i > 0 and s.heap[(i - 1) >> 1] > item:
        s.heap[i] = s.heap[(i - 1) >> 1]
        i = (i - 1) >> 1
    s.heap[i] = item


@kernel
def heap_pop(s: State) -> None:
    """Take the earliest hold off the heap."""
    s.scalars[HEAP_COUNT] -= 1
    count = s.scalars[HEAP_COUNT]
    item = s.heap[count]
    i = 0
    while 2 * i + 1 < count:
        child = 2 * i + 1
        if child + 1 < count and s.heap[child + 1] < s.heap[child]:
            child += 1
        if s.heap[child] >= item:
            break
        s.heap[i] = s.heap[child]
        i = child
    s.heap[i] = item


@kernel
def optional_flags(s: State, lines: Array, first: int, last: int) -> int:
    """Which optional words the block's lines have."""
    flags = bk.IS_FACT if lines[first]["flags"] & FACT else 0
    for i in range(first, last):
        if lines[i]["platform_fen"] != 0:
            flags |= bk.HAS_PLATFORM
        if lines[i]["quantity"] > bk.NARROW_UNITS_MAX:
            flags |= bk.WIDE
        sku = i64(lines[i]["sku"])
        if known_sku(s, sku) and s.skus[sku]["recipe"] != 0:
            flags |= bk.HAS_RECIPE
    return flags


@kernel
def take_units(
    s: State, sku: int, recipe: int, pool: int, units: int, paid: bool, cover_only: bool
) -> int:
    """Claim units of a SKU (of its parts, for a bundle); how many are not covered.

    `cover_only` is for facts: what stock does not cover becomes debt. Orders were judged before
    and are covered in full.
    """
    if recipe == 0:
        return take_cell(s, sku, pool, units, paid, cover_only)
    covered = units
    if cover_only:
        for p in range(s.recipes[recipe]):
            part = i64(s.recipes[recipe + 1 + 2 * p])
            free = max(0, available_units(s, part, pool, False))
            covered = min(covered, free // i64(s.recipes[recipe + 2 + 2 * p]))
    for p in range(s.recipes[recipe]):
        part = i64(s.recipes[recipe + 1 + 2 * p])
        each = i64(s.recipes[recipe + 2 + 2 * p])
        take_cell(s, part, pool, covered * each, paid, False)
        s.cells[pool, part]["debt"] += (units - covered) * each
    return units - covered


@kernel
def take_cell(s: State, sku: int, pool: int, units: int, paid: bool, cover_only: bool) -> int:
    """Claim units of one SKU in one pool; how many are not covered (and now debt)."""
    c = s.cells[pool, sku]
    short = 0
    if cover_only:
        short = units - min(units, max(0, available_units(s, sku, pool, False)))
        c["debt"] += short
    if paid:
        c["committed"] += units - short
    else:
        c["pre_held"] += units - short
    return short


@kernel
def write_line(
    s: State, head: Array, line: Array, number: int, top: int, flags: int, pool: int, listed: bool
) -> int:
    """Claim a line's units and write it to the scratch words; the new top comes back.

    What holds for the whole order (paid, a fact, its channel) stands on its first line, `head`.
    """
    w = s.scratch_words
    sku = i64(line["sku"])
    quantity = i64(line["quantity"])
    recipe = 0
    short = quantity
    if known_sku(s, sku):
        recipe = i64(s.skus[sku]["recipe"])
        fact = flags & bk.IS_FACT != 0
        short = take_units(s, sku, recipe, pool, quantity, head["flags"] & PAID != 0, fact)
    else:
        sku = NO_SKU  # the number may be given to a SKU later: that one was not ordered
    money = i64(line["receivable_fen"])
    w[top + bk.L_SKU] = np.uint32(sku)
    w[top + bk.L_MONEY] = np.uint32(money & 0xFFFFFFFF)
    exception = i64(line["exception"]) if exception_holds(s, line) else 0
    w[top + bk.L_OFFER] = np.uint32(i64(line["promotion"]) | (exception << 16))
    bk.write_units(w, top, flags, quantity)
    if flags & bk.IS_FACT:
        w[bk.short_place(top, flags)] = np.uint32(short)
    if flags & bk.HAS_PLATFORM:
        w[bk.platform_place(top, flags)] = np.uint32(i64(line["platform_fen"]) & 0xFFFFFFFF)
    if flags & bk.HAS_RECIPE:
        w[bk.recipe_place(top, flags)] = np.uint32(recipe)
    start = top + bk.line_stride(flags)
    end = charge_line(s, head, line, start, listed)
    gift_of = i64(line["gift_of"])
    w[top + bk.L_MONEY_HIGH] = bk.money_high(
        money, end - start, pool, gift_of if gift_of <= number else 0
    )
    return end


@kernel
def first_of_order(s: State, rule: int, budget: int) -> bool:
    """Whether this order has not been counted under an once-per-order rule yet; notes it.

    A rule's limits and its budget (`budget` 1) are noted apart: an exception may lift only one.
    """
    count = s.scratch_keys[8]
    noted = 2 * rule + budget
    for i in range(count):
        if s.scratch_once[i] == noted:
            return False
    if count < s.scratch_once.shape[0]:
        s.scratch_once[count] = noted
        s.scratch_keys[8] = count + 1
    return True


@kernel
def charge_line(s: State, head: Array, line: Array, top: int, listed: bool) -> int:
    """Charge every rule that the line reaches and note each charge; the new top comes back.

    `listed`: the scratch holds the line's rules from judging it just now.
    """
    if line["quantity"] == 0:
        return top  # cancelled before its order expired and was paid late
    if line["exception"] != 0 and exception_holds(s, line):
        s.exceptions[i64(line["exception"])]["units_left"] -= i64(line["quantity"])
    limits = not exempt(s, line, LIMIT_EXCEEDED)
    budgets = not exempt(s, line, BUDGET_EXHAUSTED)
    count = s.scratch_keys[LISTED] if listed else line_rules(s, line, i64(head["channel"]))
    for k in range(count):
        rule = s.scratch_rule[k]
        once = s.rules[rule]["basis"] == ORDERS
        keyed = i64(s.rules[rule]["keyed"])
        if limits and keyed != 0 and (not once or first_of_order(s, rule, 0)):
            for kind in range(4):
                key = s.scratch_keys[kind]
                if (keyed >> kind) & 1 and key != NONE:
                    row = charge_counter(s, rule, kind, key, s.scratch_amount[k])
                    top = write_charge(s, top, row, 0, rule, k)
        if budgets and s.rules[rule]["budget"] >= 0 and (not once or first_of_order(s, rule, 1)):
            charge_budget(s, rule, s.scratch_amount[k])
            top = write_charge(s, top, rule, 4, rule, k)
    return top


@kernel
def key_just_made(s: State, line: Array, kind: int) -> int:
    """A new key's row; two kinds of key with one token are one key."""
    token = token_of(line, kind)
    for earlier in range(kind):
        if s.scratch_keys[4 + earlier] == 1 and token_of(line, earlier) == token:
            return s.scratch_keys[earlier]
    return new_key(s, token)


@kernel
def take_keys(s: State, line: Array, unpaid: bool, judged: bool) -> int:
    """Make rows for the order's verified keys, count the unpaid hold; how many keys there are."""
    if not judged:
        find_keys(s, line)
    count = 0
    for kind in range(4):
        if s.scratch_keys[4 + kind] == 0:
            continue
        row = s.scratch_keys[kind]
        if row == NONE:
            row = key_just_made(s, line, kind)
            s.scratch_keys[kind] = row
        if unpaid:
            s.keys[row]["open_holds"] += 1
        count += 1
    return count


@kernel
def build_block(
    s: State, lines: Array, first: int, last: int, mask: int, expires_s: int, judged: bool
) -> int:
    """Claim and charge everything the order asks for and write its block; the block comes back."""
    w = s.scratch_words
    flags = optional_flags(s, lines, first, last)
    keys = take_keys(s, lines[first], lines[first]["flags"] & PAID == 0, judged)
    listed = judged and last - first == 1 and lines[first]["exception"] == 0
    top = 2
    if flags & bk.IS_FACT:
        w[2] = np.uint32(mask)
        top = 3
    for kind in range(4):
        if s.scratch_keys[4 + kind] == 1:
            # The kind travels in the top bits, so that a retake knows which key is which.
            w[top] = np.uint32(s.scratch_keys[kind] | (kind << 30))
            top += 1
    s.scratch_keys[8] = 0
    pool = i64(s.channels[i64(lines[first]["channel"])]["pool"])
    # A hold longer than the policy's would keep every later one out of the queue until it ends.
    usual = i64(lines[first]["hold_ttl_s"]) <= s.scalars[HOLD_TTL_S]
    if expires_s != 0 and usual and expires_s >= s.scalars[HOLD_LAST_S]:
        flags |= bk.IN_QUEUE
        s.scalars[HOLD_LAST_S] = expires_s
    for i in range(first, last):
        top = write_line(s, lines[first], lines[i], i - first, top, flags, pool, listed)
    w[0] = np.uint32(expires_s)
    w[1] = bk.shape_word(last - first, keys, flags, s.scalars[LOCAL_DAY])
    block = bk.block_alloc(s, top)
    for k in range(top):
        s.blocks[block + k] = w[k]
    s.scalars[LIVE_COUNT] += 1
    return block


@kernel
def accept_order(
    s: State,
    lines: Array,
    first: int,
    last: int,
    mask: int,
    hashed: Word,
    print_: Word,
    judged: bool,
) -> int:
    """Everything an acceptance does; units not covered (facts only) come back.

    `judged`: all guards passed just now, so keys and rules stand in the scratch already.
    """
    line = lines[first]
    expires_s = hold_expiry_s(s, line)
    block = build_block(s, lines, first, last, mask, expires_s, judged)
    state = COMMITTED if line["flags"] & PAID else PRE_HELD
    number = remember_order(
        s, line["id_hi"], line["id_lo"], hashed, print_, state, i64(line["channel"]), block
    )
    if expires_s != 0 and not bk.block_flags(s, block) & bk.IN_QUEUE:
        heap_push(s, expires_s, number % s.orders.shape[0])
    s.scalars[ACCEPTED_COUNT] += 1
    return bk.short_left(s, block)


@kernel
def give_back_cell(s: State, sku: int, pool: int, covered: int, short: int, state: int) -> None:
    """Take a claim off one cell: covered units and debt."""
    c = s.cells[pool, sku]
    c["debt"] -= short
    if state == PRE_HELD:
        c["pre_held"] -= covered
    else:
        c["committed"] -= covered
    if state == RELEASED:
        c["released"] -= covered


@kernel
def give_back_units(s: State, line: int, flags: int, units: int, state: int) -> None:
    """Take the claim of `units` of a line off the stock, uncovered units first."""
    sku = i64(s.blocks[line + bk.L_SKU])
    short = min(bk.line_short(s, line, flags), units)
    if short > 0:
        s.blocks[bk.short_place(line, flags)] -= np.uint32(short)
    if not known_sku(s, sku):
        return
    pool = bk.line_pool(s, line)
    recipe = bk.line_recipe(s, line, flags)
    if recipe == 0:
        give_back_cell(s, sku, pool, units - short, short, state)
        return
    for p in range(s.recipes[recipe]):
        each = i64(s.recipes[recipe + 2 + 2 * p])
        part = i64(s.recipes[recipe + 1 + 2 * p])
        give_back_cell(s, part, pool, (units - short) * each, short * each, state)


@kernel
def reverse_line(s: State, block: int, line: int, flags: int, units: int, whole: bool) -> None:
    """Take back limits, budgets and exception units for `units` that were cancelled or returned."""
    gone = bk.line_units(s, line, flags, bk.CANCELLED) + bk.line_units(s, line, flags, bk.RETURNED)
    left = bk.line_units(s, line, flags, bk.ORDERED) - gone
    reverse_charges(
        s,
        line + bk.line_stride(flags),
        bk.charge_words(s, line),
        units,
        left,
        whole,
        bk.block_day(s, block),
    )
    exception = i64(s.blocks[line + bk.L_OFFER]) >> 16
    if exception != 0:
        s.exceptions[exception]["units_left"] += units


@kernel
def end_hold(s: State, block: int) -> None:
    """An unpaid order stops counting against its keys."""
    place = bk.first_key(s, block)
    for k in range(bk.block_keys(s, block)):
        s.keys[i64(s.blocks[place + k]) & 0x3FFFFFFF]["open_holds"] -= np.uint32(1)


@kernel
def close_order(s: State, row: int) -> None:
    """Nothing of the order is left: its block is free, its id and judgement stay remembered."""
    block = i64(s.orders[row]["block"])
    mask = s.blocks[block + 2] if bk.block_flags(s, block) & bk.IS_FACT else np.uint32(0)
    bk.block_free(s, block)
    s.orders[row]["block"] = mask
    s.orders[row]["state"] = CLOSED
