"""Finding and adding rows: orders and refusals by id, identity keys by token, limit counters.

Rows are compared in full, so two that share a hash never share a fate. Nothing here judges.
"""

import numpy as np

from tidegate.domain.jit import Word, i64, kernel, u64
from tidegate.engine.index import (
    NONE,
    index_bucket,
    index_insert,
    index_remove,
    index_seek,
    tag_of,
)
from tidegate.engine.layout import (
    COUNTER_COUNT,
    DAY,
    KEY_COUNT,
    LOCAL_DAY,
    MINUTE,
    MONTH,
    NOW_MS,
    ORDER_COUNT,
    REFUSAL_BASE,
    REFUSAL_COUNT,
    REFUSED_BIT,
    SECOND,
    WEEK,
    State,
)
from tidegate.record.lines import Array

DAY_MS = 86_400_000
EVICT_MAX = 4_096  # rows forgotten a batch

# Looked up ahead for one line (`orders.touch_ahead`), in `scratch_touch`: four key rows, then the
# counters of its SKU's rules as (rule and kind), then their rows, last how many. Where the order
# being decided has its own stands in `scratch_keys[HINTS]`, NONE = nowhere. A hint is a row
# whose tag matched: whoever uses it compares the row, and looks up again if it is another's.
HINTED_COUNTERS = 5
HINT_WORDS = 16
HINT_COUNT = 15
HINTS = 14
LISTED = 9  # place in `scratch_keys`: how many rules the line judged last reaches


@kernel
def mix(h: Word) -> Word:
    """A 64-bit finaliser (splitmix64); keyed by what its callers add before."""
    h = (h ^ (h >> u64(30))) * u64(0xBF58476D1CE4E5B9)
    h = (h ^ (h >> u64(27))) * u64(0x94D049BB133111EB)
    return h ^ (h >> u64(31))


@kernel
def token_of(line: Array, kind: int) -> Word:
    """The token of one kind of key on a line; 0 = not supplied."""
    if kind == 0:
        return line["key0"]
    if kind == 1:
        return line["key1"]
    if kind == 2:
        return line["key2"]
    return line["key3"]


@kernel
def hash_id(s: State, hi: Word, lo: Word) -> Word:
    """Where an order's id lives in the index."""
    return mix(lo * s.secrets[1] + hi * s.secrets[2] + s.secrets[0])


@kernel
def hash_key(s: State, token: Word) -> Word:
    """Where an identity key lives in its index."""
    return mix(token * s.secrets[3] + s.secrets[0])


@kernel
def hash_counter(s: State, rule_kind: int, key_row: int) -> Word:
    """Where a limit counter lives in its index."""
    return mix(u64(rule_kind) * s.secrets[4] + u64(key_row) * s.secrets[5] + s.secrets[0])


@kernel
def fingerprint(s: State, lines: Array, first: int, last: int) -> Word:
    """A keyed hash of an order's content; `placed_at` is left out, so a repeat may carry a new one.

    Multilinear over 64-bit words with secret odd multipliers, finalised per line.
    """
    h = s.secrets[0]
    for i in range(first, last):
        line = lines[i]
        w = h
        w += line["key0"] * s.secrets[8] + line["key1"] * s.secrets[9]
        w += line["key2"] * s.secrets[10] + line["key3"] * s.secrets[11]
        w += u64(line["receivable_fen"]) * s.secrets[12]
        w += u64(i64(line["platform_fen"])) * s.secrets[13]
        w += u64(i64(line["mismatch_fen"])) * s.secrets[14]
        w += u64(line["pricing_version"]) * s.secrets[15]
        w += u64(line["hold_ttl_s"]) * s.secrets[16]
        w += u64(line["sku"]) * s.secrets[17]
        w += u64(i64(line["quantity"])) * s.secrets[18]
        w += u64(line["promotion"]) * s.secrets[19]
        w += u64(line["exception"]) * s.secrets[20]
        w += u64(line["channel"]) * s.secrets[21]
        w += u64(line["gift_of"]) * s.secrets[22]
        w += u64(line["flags"]) * s.secrets[23]
        w += u64(line["verified"]) * s.secrets[24]
        h = mix(w)
    return h


@kernel
def find_id(s: State, hi: Word, lo: Word, hashed: Word) -> int:
    """The index entry of an id (a refusal's has REFUSED_BIT), or NONE."""
    words = s.order_index.words
    cursor = index_bucket(s.order_index, hashed)
    tag = tag_of(hashed)
    while True:
        cursor = index_seek(words, cursor, tag)
        if cursor == NONE:
            return NONE
        entry = i64(words[cursor])
        row = entry & 0x7FFFFFFF
        if entry & REFUSED_BIT:
            if s.refusals[row]["id_lo"] == lo and s.refusals[row]["id_hi"] == hi:
                return entry
        elif s.orders[row]["id_lo"] == lo and s.orders[row]["id_hi"] == hi:
            return entry
        cursor += 1


@kernel
def find_key(s: State, token: Word) -> int:
    """The row of an identity key, or NONE."""
    hashed = hash_key(s, token)
    words = s.key_index.words
    cursor = index_bucket(s.key_index, hashed)
    tag = tag_of(hashed)
    while True:
        cursor = index_seek(words, cursor, tag)
        if cursor == NONE:
            return NONE
        row = i64(words[cursor])
        if s.keys[row]["token"] == token:
            return row
        cursor += 1


@kernel
def new_key(s: State, token: Word) -> int:
    """A row for an identity key that has none."""
    row = s.scalars[KEY_COUNT]
    s.scalars[KEY_COUNT] += 1
    s.keys[row]["token"] = token
    s.keys[row]["open_holds"] = 0
    s.keys[row]["first_counter"] = 0
    index_insert(s.key_index, hash_key(s, token), row)
    return row


@kernel
def is_counter(s: State, row: int, rule_kind: int, key: int) -> bool:
    """Whether a row is the limit counter of this rule, kind and key."""
    return s.counters[row]["key"] == key and s.counters[row]["rule_kind"] == rule_kind


@kernel
def find_counter(s: State, rule_kind: int, key: int) -> int:
    """The row of a limit counter, or NONE."""
    first = i64(s.keys[key]["first_counter"])
    if first == 0:
        return NONE
    if s.counters[first - 1]["rule_kind"] == rule_kind:
        return first - 1
    hashed = hash_counter(s, rule_kind, key)
    words = s.counter_index.words
    cursor = index_bucket(s.counter_index, hashed)
    tag = tag_of(hashed)
    while True:
        cursor = index_seek(words, cursor, tag)
        if cursor == NONE:
            return NONE
        row = i64(words[cursor])
        if is_counter(s, row, rule_kind, key):
            return row
        cursor += 1


@kernel
def hinted_counter(s: State, rule_kind: int, key: int) -> int:
    """The row of a limit counter, or NONE; what was looked up ahead is not looked up again."""
    hints = s.scratch_keys[HINTS]
    if hints != NONE:
        for h in range(hints + 4, hints + 4 + s.scratch_touch[hints + HINT_COUNT]):
            if s.scratch_touch[h] == rule_kind:
                row = s.scratch_touch[h + HINTED_COUNTERS]
                if row != NONE and is_counter(s, row, rule_kind, key):
                    return row
                return find_counter(s, rule_kind, key)
    return find_counter(s, rule_kind, key)


@kernel
def counter_row(s: State, rule_kind: int, key: int) -> int:
    """The row of a limit counter, made when it is new."""
    row = hinted_counter(s, rule_kind, key)
    if row != NONE:
        return row
    row = s.scalars[COUNTER_COUNT]
    s.scalars[COUNTER_COUNT] += 1
    s.counters[row]["rule_kind"] = rule_kind
    s.counters[row]["key"] = key
    s.counters[row]["window"] = 0
    s.counters[row]["value"] = 0
    if s.keys[key]["first_counter"] == 0:
        s.keys[key]["first_counter"] = row + 1
    else:
        index_insert(s.counter_index, hash_counter(s, rule_kind, key), row)
    return row


@kernel
def month_of(day: int) -> int:
    """Months since 1970-01 of a day number since 1970-01-01 (proleptic Gregorian).

    Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", days_to_civil.
    """
    z = day + 719_468
    era = z // 146_097
    doe = z - era * 146_097
    yoe = (doe - doe // 1460 + doe // 36_524 - doe // 146_096) // 365
    doy = doe - (365 * yoe + yoe // 4 - yoe // 100)
    mp = (5 * doy + 2) // 153
    month = mp + 2 if mp < 10 else mp - 10
    year = yoe + era * 400
    if month <= 1:
        year += 1
    return (year - 1970) * 12 + month


@kernel
def window_at(kind: int, day: int, now_ms: int) -> int:
    """The number of the running window of one kind; weeks begin on Monday."""
    if kind == DAY:
        return day
    if kind == WEEK:
        return (day + 3) // 7
    if kind == MONTH:
        return month_of(day)
    if kind == MINUTE:
        return now_ms // 60_000
    if kind == SECOND:
        return now_ms // 1_000
    return 0


@kernel
def running_window(s: State, rule: int) -> int:
    """The window that a rule counts in at this moment of the batch."""
    return window_at(i64(s.rules[rule]["window"]), s.scalars[LOCAL_DAY], s.scalars[NOW_MS])


@kernel
def remember_order(
    s: State,
    hi: Word,
    lo: Word,
    hashed: Word,
    print_: Word,
    state: int,
    channel: int,
    block: int,
) -> int:
    """Add an accepted order (or operation) to the 400-day memory; its running number comes back."""
    number = s.scalars[ORDER_COUNT]
    s.scalars[ORDER_COUNT] += 1
    row = number % s.orders.shape[0]
    o = s.orders[row]
    o["id_hi"] = hi
    o["id_lo"] = lo
    o["fingerprint"] = print_
    o["decided_at_s"] = np.uint32(s.scalars[NOW_MS] // 1000)
    o["block"] = np.uint32(block)
    o["state"] = state
    o["channel"] = channel
    index_insert(s.order_index, hashed, row)
    return number


@kernel
def remember_refusal(
    s: State,
    hi: Word,
    lo: Word,
    hashed: Word,
    print_: Word,
    reason: int,
    rule: int,
    has: int,
) -> None:
    """Add a refusal to the 24-hour memory."""
    number = s.scalars[REFUSAL_COUNT]
    s.scalars[REFUSAL_COUNT] += 1
    row = number % s.refusals.shape[0]
    r = s.refusals[row]
    r["id_hi"] = hi
    r["id_lo"] = lo
    r["fingerprint"] = print_
    r["decided_at_s"] = np.uint32(s.scalars[NOW_MS] // 1000)
    r["reason"] = reason
    r["rule"] = rule
    r["has"] = np.uint32(has)
    index_insert(s.order_index, hashed, row | REFUSED_BIT)


@kernel
def forget_refusals(s: State, memory_s: int) -> None:
    """Forget refusals older than the memory, at most EVICT_MAX a batch."""
    now_s = s.scalars[NOW_MS] // 1000
    for _ in range(EVICT_MAX):
        number = s.scalars[REFUSAL_BASE]
        if number == s.scalars[REFUSAL_COUNT]:
            return
        row = number % s.refusals.shape[0]
        r = s.refusals[row]
        if i64(r["decided_at_s"]) + memory_s > now_s:
            return
        index_remove(s.order_index, hash_id(s, r["id_hi"], r["id_lo"]), row | REFUSED_BIT)
        s.scalars[REFUSAL_BASE] += 1
