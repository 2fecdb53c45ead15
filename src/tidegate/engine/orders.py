"""Deciding a batch of orders, and folding a batch that was decided before.

`decide_orders` looks an id up, judges, and applies; `fold_orders` applies what a record says.
Both go through `effects` in the same order, so a fold reaches the state that the decision left.
"""

import numpy as np

from tidegate.domain.jit import Word, i64, kernel, u64
from tidegate.engine import blocks as bk
from tidegate.engine.effects import accept_order
from tidegate.engine.expiry import forget_orders, settle_queues
from tidegate.engine.guards import ID_REUSED
from tidegate.engine.index import NONE, index_bucket, index_hint
from tidegate.engine.judge import judge
from tidegate.engine.layout import (
    CLOSED,
    DECIDED_COUNT,
    OPERATION_DONE,
    ORDER_MEMORY_S,
    REFUSAL_MEMORY_S,
    REFUSED_BIT,
    State,
)
from tidegate.engine.tables import (
    HINT_COUNT,
    HINT_WORDS,
    HINTED_COUNTERS,
    HINTS,
    find_id,
    fingerprint,
    forget_refusals,
    hash_counter,
    hash_id,
    hash_key,
    remember_refusal,
    token_of,
)
from tidegate.record.lines import CONTINUES, DUPLICATE, FACT, PAID, Array

TOUCH = 192  # orders whose table rows are fetched ahead of judging them


@kernel
def order_end(lines: Array, first: int) -> int:
    """The line after the last line of the order that begins at `first`."""
    last = first + 1
    while last < lines.shape[0] and lines[last]["flags"] & CONTINUES:
        last += 1
    return last


@kernel
def touch_ahead(s: State, lines: Array, first: int, last: int) -> None:
    """Look up the table rows of the next lines, stage by stage, so that cache misses overlap.

    Only reads, and leaves hints (see `tables.HINTS`): rows whose tag matches, not compared yet,
    since a branch that waits for memory ends the overlap. What is read for nothing but the cache
    is summed up and kept, or the compiler would leave the reads out.
    """
    seen = u64(0)
    kinds = 0
    for i in range(first, last):
        line = lines[i]
        bucket = index_bucket(s.order_index, hash_id(s, line["id_hi"], line["id_lo"]))
        seen += u64(s.order_index.words[bucket + 15])
        kinds |= i64(line["verified"])
    for kind in range(4):
        if (kinds >> kind) & 1:
            seen += touch_keys(s, lines, first, last, kind)
        else:
            for i in range(first, last):
                s.scratch_touch[(i - first) * HINT_WORDS + kind] = NONE
    for i in range(first, last):
        seen += touch_counters(s, lines[i], (i - first) * HINT_WORDS)
    for i in range(first, last):
        hints = (i - first) * HINT_WORDS + 4
        for h in range(hints, hints + s.scratch_touch[hints - 4 + HINT_COUNT]):
            if s.scratch_touch[h + HINTED_COUNTERS] == NONE:
                rule_kind = s.scratch_touch[h]
                key = s.scratch_touch[hints - 4 + (rule_kind & 3)]
                row = index_hint(s.counter_index, hash_counter(s, rule_kind, key))
                s.scratch_touch[h + HINTED_COUNTERS] = row
    for i in range(first, last):
        hints = (i - first) * HINT_WORDS + 4 + HINTED_COUNTERS
        for h in range(hints, hints + s.scratch_touch[hints - 4 - HINTED_COUNTERS + HINT_COUNT]):
            seen += u64(s.counters[max(s.scratch_touch[h], 0)]["key"])
    s.scratch_keys[15] = i64(seen & u64(0xFFFF))


@kernel
def touch_keys(s: State, lines: Array, first: int, last: int, kind: int) -> Word:
    """Look up one kind of identity key of the next lines: the buckets, then the rows."""
    seen = u64(0)
    for i in range(first, last):
        bucket = index_bucket(s.key_index, hash_key(s, token_of(lines[i], kind)))
        seen += u64(s.key_index.words[bucket + 15])
    for i in range(first, last):
        token = token_of(lines[i], kind)
        key = NONE
        if token != u64(0):
            key = index_hint(s.key_index, hash_key(s, token))
        s.scratch_touch[(i - first) * HINT_WORDS + kind] = key
    for i in range(first, last):
        seen += s.keys[max(s.scratch_touch[(i - first) * HINT_WORDS + kind], 0)]["token"]
    for i in range(first, last):
        key = max(s.scratch_touch[(i - first) * HINT_WORDS + kind], 0)
        counter = max(i64(s.keys[key]["first_counter"]) - 1, 0)
        seen += u64(s.counters[counter]["key"])
    return seen


@kernel
def touch_counters(s: State, line: Array, hints: int) -> Word:
    """Note the counters that a line's SKU will ask for; those that are not their key's first are
    looked up in the index, whose buckets are read here.
    """
    seen = u64(0)
    found = 0
    sku = i64(line["sku"])
    if sku < s.skus.shape[0]:
        start = i64(s.skus[sku]["plan_start"])
        for p in range(start, start + i64(s.skus[sku]["plan_count"])):
            rule = i64(s.plans[p])
            keyed = i64(s.rules[rule]["keyed"])
            kind = 0
            while keyed != 0:
                key = s.scratch_touch[hints + kind]
                if keyed & 1 and key != NONE and found < HINTED_COUNTERS:
                    row = i64(s.keys[key]["first_counter"]) - 1
                    if row != NONE:
                        rule_kind = rule * 4 + kind
                        if s.counters[row]["rule_kind"] != rule_kind:
                            row = NONE
                            hashed = hash_counter(s, rule_kind, key)
                            bucket = index_bucket(s.counter_index, hashed)
                            seen += u64(s.counter_index.words[bucket + 15])
                        s.scratch_touch[hints + 4 + found] = rule_kind
                        s.scratch_touch[hints + 4 + found + HINTED_COUNTERS] = row
                        found += 1
                keyed >>= 1
                kind += 1
    s.scratch_touch[hints + HINT_COUNT] = found
    return seen


@kernel
def answer_again(s: State, entry: int, print_: Word, fact: bool, out: Array) -> None:
    """Repeat the answer that an id was given; other content is `id_reused`.

    A fact's judgement is kept too; how many of its units are short is said as it is now.
    """
    out["flags"] = DUPLICATE
    if entry & REFUSED_BIT:
        r = s.refusals[entry & 0x7FFFFFFF]
        if r["fingerprint"] != print_:
            out["reason"] = ID_REUSED
            return
        out["reason"] = r["reason"]
        out["rule"] = r["rule"]
        out["has"] = r["has"]
        return
    o = s.orders[entry]
    if o["fingerprint"] != print_ or o["state"] == OPERATION_DONE:
        out["reason"] = ID_REUSED
        return
    block = i64(o["block"])
    if fact:
        if o["state"] == CLOSED:
            out["mask"] = o["block"]
        else:
            out["mask"] = s.blocks[block + 2]
            out["short"] = np.uint32(bk.short_left(s, block))


@kernel
def answer_operation(s: State, entry: int, print_: Word, out: Array) -> None:
    """Repeat the answer that an operation's id was given; other content is `id_reused`."""
    out["flags"] = DUPLICATE
    if entry & REFUSED_BIT:
        r = s.refusals[entry & 0x7FFFFFFF]
        if r["fingerprint"] != print_:
            out["reason"] = ID_REUSED
            return
        out["reason"] = r["reason"]
        out["mask"] = r["has"]
        return
    o = s.orders[entry]
    if o["state"] != OPERATION_DONE or o["fingerprint"] != print_:
        out["reason"] = ID_REUSED
        return
    out["reason"] = i64(o["block"]) & 0xFF
    out["mask"] = i64(o["block"]) >> 8


@kernel
def forget(s: State) -> None:
    """Move past ended holds and forget old ids, a bounded number a batch."""
    settle_queues(s)
    forget_refusals(s, s.scalars[REFUSAL_MEMORY_S])
    forget_orders(s, s.scalars[ORDER_MEMORY_S])


@kernel
def decide_orders(s: State, lines: Array, outcomes: Array) -> int:
    """Decide every order of a batch, in order; the number of orders (outcome rows) comes back.

    `outcomes` must be zeroed. Never raises: what cannot be taken is refused with its reason.
    """
    forget(s)
    count = 0
    first = 0
    touched, base = 0, 0
    while first < lines.shape[0]:
        if first >= touched:
            touched = min(first + TOUCH, lines.shape[0])
            touch_ahead(s, lines, first, touched)
            base = first
        s.scratch_keys[HINTS] = (first - base) * HINT_WORDS
        last = order_end(lines, first)
        out = outcomes[count]
        line = lines[first]
        hashed = hash_id(s, line["id_hi"], line["id_lo"])
        print_ = fingerprint(s, lines, first, last)
        fact = line["flags"] & FACT != 0
        entry = find_id(s, line["id_hi"], line["id_lo"], hashed)
        if entry != NONE:
            answer_again(s, entry, print_, fact, out)
        elif judge(s, lines, first, last, out, False):
            out["short"] = np.uint32(
                accept_order(s, lines, first, last, i64(out["mask"]), hashed, print_, not fact)
            )
        else:
            remember_refusal(
                s,
                line["id_hi"],
                line["id_lo"],
                hashed,
                print_,
                i64(out["reason"]),
                i64(out["rule"]),
                i64(out["has"]),
            )
        count += 1
        first = last
    s.scratch_keys[HINTS] = NONE
    s.scalars[DECIDED_COUNT] += count
    return count


@kernel
def fold_orders(s: State, lines: Array, outcomes: Array) -> int:
    """Apply a batch as it was decided; the number of orders comes back."""
    forget(s)
    count = 0
    first = 0
    touched, base = 0, 0
    while first < lines.shape[0]:
        if first >= touched:
            touched = min(first + TOUCH, lines.shape[0])
            touch_ahead(s, lines, first, touched)
            base = first
        s.scratch_keys[HINTS] = (first - base) * HINT_WORDS
        last = order_end(lines, first)
        out = outcomes[count]
        line = lines[first]
        if out["flags"] & DUPLICATE == 0:
            hashed = hash_id(s, line["id_hi"], line["id_lo"])
            print_ = fingerprint(s, lines, first, last)
            if out["reason"] == 0:
                accept_order(s, lines, first, last, i64(out["mask"]), hashed, print_, False)
            else:
                remember_refusal(
                    s,
                    line["id_hi"],
                    line["id_lo"],
                    hashed,
                    print_,
                    i64(out["reason"]),
                    i64(out["rule"]),
                    i64(out["has"]),
                )
        count += 1
        first = last
    s.scratch_keys[HINTS] = NONE
    s.scalars[DECIDED_COUNT] += count
    return count


@kernel
def order_lines_back(s: State, row: int) -> int:
    """Write an order's lines back into `scratch_lines` from its block; how many there are.

    For taking an expired order again: quantities and money are those not cancelled (a line that
    was cancelled whole has none), the keys the same, and it is paid.
    """
    o = s.orders[row]
    block = i64(o["block"])
    flags = bk.block_flags(s, block)
    place = bk.first_line(s, block)
    count = bk.block_lines(s, block)
    for i in range(count):
        line = s.scratch_lines[i]
        line["id_hi"] = o["id_hi"]
        line["id_lo"] = o["id_lo"]
        line["placed_at_ms"] = i  # not judged again; `drop_cancelled` needs the line's number
        line["sku"] = s.blocks[place + bk.L_SKU]
        line["quantity"] = bk.line_units(s, place, flags, bk.ORDERED) - bk.line_units(
            s, place, flags, bk.CANCELLED
        )
        line["receivable_fen"] = bk.share_left(s, place, flags, bk.line_money(s, place))
        line["platform_fen"] = bk.share_left(s, place, flags, bk.line_platform(s, place, flags))
        offer = i64(s.blocks[place + bk.L_OFFER])
        line["promotion"] = offer & 0xFFFF
        line["exception"] = offer >> 16
        line["channel"] = o["channel"]
        line["gift_of"] = bk.line_gift_of(s, place)
        line["mismatch_fen"] = 0
        line["hold_ttl_s"] = 0
        line["pricing_version"] = 0
        line["flags"] = PAID | CONTINUES if i > 0 else PAID
        keys_back(s, block, line)
        place = bk.next_line(s, place, flags)
    return count


@kernel
def keys_back(s: State, block: int, line: Array) -> None:
    """Write an order's identity keys back into a line."""
    line["verified"] = 0
    line["key0"] = 0
    line["key1"] = 0
    line["key2"] = 0
    line["key3"] = 0
    place = bk.first_key(s, block)
    for k in range(bk.block_keys(s, block)):
        word = i64(s.blocks[place + k])
        token = s.keys[word & 0x3FFFFFFF]["token"]
        kind = word >> 30
        line["verified"] |= np.uint8(1 << kind)
        if kind == 0:
            line["key0"] = token
        elif kind == 1:
            line["key1"] = token
        elif kind == 2:
            line["key2"] = token
        else:
            line["key3"] = token


@kernel
def drop_cancelled(s: State, count: int) -> int:
    """Leave lines without units out of `scratch_lines`; how many remain.

    A gift whose parent is gone is no longer a gift.
    """
    kept = 0
    for i in range(count):
        if s.scratch_lines[i]["quantity"] > 0:
            if kept != i:
                s.scratch_lines[kept] = s.scratch_lines[i]
            kept += 1
    for i in range(kept):
        line = s.scratch_lines[i]
        gift_of = i64(line["gift_of"])
        line["gift_of"] = 0
        for j in range(i):
            if gift_of != 0 and s.scratch_lines[j]["placed_at_ms"] == gift_of - 1:
                line["gift_of"] = j + 1
    s.scratch_lines[0]["flags"] = PAID
    return kept
