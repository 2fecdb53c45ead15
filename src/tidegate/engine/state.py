"""Making a shop's state, measuring it, and the parts of it that a snapshot keeps.

Everything outside the scratch arrays is state and is reached by folding the journal; the scratch
is never read before it is written.
"""

import hashlib
from typing import NamedTuple

import numpy as np

from tidegate.engine import layout as lo
from tidegate.engine.index import BUCKETS, OVERFLOW_BASE, OVERFLOW_TOP, OVERFLOW_USED, new_index
from tidegate.engine.layout import Capacity, State, reserve
from tidegate.record.lines import LINE, Array

DEFAULTS = {
    lo.HOLD_TTL_S: 900,
    lo.HOLD_TTL_MAX_S: 7 * 86_400,
    lo.HOLD_CAP: 0,
    lo.LATE_PAYMENT_S: 3_600,
    lo.QUANTITY_MAX_ORDER: 1_000_000,
    lo.REFUSAL_MEMORY_S: 86_400 + 600,  # longer than an order may be old (`guards.too_old`)
    lo.ORDER_MEMORY_S: 400 * 86_400,
    lo.ORDER_AGE_MAX_MS: 86_400_000,
    lo.PRICING_VERSION: 1,
    lo.BLOCK_TOP: 16,
    lo.PLAN_TOP: 1,
    lo.RECIPE_TOP: 1,
}


def secret_words(seed: bytes) -> Array:
    """The secret odd multipliers that key every hash of a shop."""
    words = np.zeros(lo.SECRETS, np.uint64)
    for i in range(lo.SECRETS):
        digest = hashlib.blake2b(i.to_bytes(2, "little"), key=seed[:64], digest_size=8).digest()
        words[i] = int.from_bytes(digest, "little") | 1
    return words


def new_state(capacity: Capacity, seed: bytes) -> State:
    """An empty state; address space is reserved, memory is not."""
    scalars = np.zeros(lo.SCALAR_COUNT, np.int64)
    for place, value in DEFAULTS.items():
        scalars[place] = value
    channels = np.zeros(256, lo.SCOPE)
    return State(
        scalars=scalars,
        orders=reserve(capacity.orders, lo.ORDER),
        order_index=new_index(capacity.orders + capacity.refusals),
        refusals=reserve(capacity.refusals, lo.REFUSAL),
        keys=reserve(capacity.keys, lo.KEY),
        key_index=new_index(capacity.keys),
        counters=reserve(capacity.counters, lo.COUNTER),
        counter_index=new_index(capacity.counters),
        blocks=reserve(min(capacity.orders * 20, (1 << 32) - 1), np.uint32),
        block_free=reserve(lo.BLOCK_WORDS_MAX + 1, np.uint32),
        heap=reserve(capacity.orders, np.uint64),
        late=reserve(capacity.orders, np.uint32),
        cells=reserve(lo.POOLS_MAX * capacity.skus, lo.CELL).reshape(lo.POOLS_MAX, capacity.skus),
        skus=reserve(capacity.skus, lo.SKU),
        promotions=reserve(1 << 16, lo.SCOPE),
        channels=channels,
        exceptions=reserve(1 << 16, lo.EXCEPTION),
        rules=reserve(capacity.rules, lo.RULE),
        plans=reserve(capacity.skus * 16, np.uint16),
        recipes=reserve(capacity.skus * 8, np.uint32),
        secrets=secret_words(seed),
        scratch_rule=np.zeros(lo.CHARGES_MAX + lo.MERGED_MAX, np.int64),
        scratch_amount=np.zeros(lo.CHARGES_MAX + lo.MERGED_MAX, np.int64),
        scratch_multiple=np.zeros(lo.CHARGES_MAX, np.int64),
        scratch_words=reserve(lo.BLOCK_WORDS_MAX, np.uint32),
        scratch_demand=np.zeros((lo.DEMAND_MAX, 4), np.int64),
        scratch_keys=np.full(16, -1, np.int64),
        scratch_once=np.zeros(2 * lo.MERGED_MAX, np.int64),
        scratch_touch=np.zeros(1 << 12, np.int64),
        scratch_lines=np.zeros(64, LINE),
    )


class Room(NamedTuple):
    """How much of each table a batch may still take, at worst."""

    orders: int
    keys: int
    counters: int
    words: int


def room(s: State) -> Room:
    """Rows left in each table."""
    live = s.scalars[lo.ORDER_COUNT] - s.scalars[lo.ORDER_BASE]
    refused = s.scalars[lo.REFUSAL_COUNT] - s.scalars[lo.REFUSAL_BASE]
    return Room(
        int(min(len(s.orders) - live, len(s.refusals) - refused)),
        int(len(s.keys) - s.scalars[lo.KEY_COUNT]),
        int(len(s.counters) - s.scalars[lo.COUNTER_COUNT]),
        int(len(s.blocks) - s.scalars[lo.BLOCK_TOP]),
    )


class Memory(NamedTuple):
    """Bytes in use, and what they are used for."""

    orders: int
    refusals: int
    order_index: int
    blocks: int
    keys: int
    counters: int


def index_bytes(index: lo.Index) -> int:
    """Bytes of the buckets in use."""
    return 64 * int(index.meta[BUCKETS] + index.meta[OVERFLOW_USED])


def memory(s: State) -> Memory:
    """Bytes in use by the tables that grow with orders and buyers."""
    c = s.scalars
    return Memory(
        int(c[lo.ORDER_COUNT] - c[lo.ORDER_BASE]) * lo.ORDER.itemsize,
        int(c[lo.REFUSAL_COUNT] - c[lo.REFUSAL_BASE]) * lo.REFUSAL.itemsize,
        index_bytes(s.order_index),
        4 * int(c[lo.BLOCK_TOP] - c[lo.BLOCK_FREE_WORDS]),
        int(c[lo.KEY_COUNT]) * lo.KEY.itemsize + index_bytes(s.key_index),
        int(c[lo.COUNTER_COUNT]) * lo.COUNTER.itemsize + index_bytes(s.counter_index),
    )


def ring_parts(name: str, rows: Array, base: int, count: int) -> list[tuple[str, Array]]:
    """The rows base..count of a ring, as one or two slices."""
    size = len(rows)
    first, last = base % size, count % size
    if count == base:
        return [(name, rows[:0])]
    if first < last:
        return [(f"{name}@{first}", rows[first:last])]
    return [(f"{name}@{first}", rows[first:]), (f"{name}@0", rows[:last])]


def index_parts(name: str, index: lo.Index) -> list[tuple[str, Array]]:
    """The buckets of an index that were ever used."""
    over = int(index.meta[OVERFLOW_BASE]) * 16
    return [
        (f"{name}.meta@0", index.meta),
        (f"{name}.words@0", index.words[: 16 * int(index.meta[BUCKETS])]),
        (f"{name}.words@{over}", index.words[over : over + 16 * int(index.meta[OVERFLOW_TOP])]),
    ]


class Counts(NamedTuple):
    """How many rows the catalogue has used of the tables that have no count of their own."""

    skus: int
    pools: int
    rules: int
    promotions: int
    exceptions: int


def state_parts(s: State, used: Counts) -> list[tuple[str, Array]]:
    """Every used slice of the state, named `table@first_row`, in a fixed order."""
    c = [int(v) for v in s.scalars]
    parts: list[tuple[str, Array]] = [("scalars@0", s.scalars)]
    parts += ring_parts("orders", s.orders, c[lo.ORDER_BASE], c[lo.ORDER_COUNT])
    parts += ring_parts("refusals", s.refusals, c[lo.REFUSAL_BASE], c[lo.REFUSAL_COUNT])
    parts += ring_parts("late", s.late, c[lo.LATE_BASE], c[lo.LATE_COUNT])
    parts += index_parts("order_index", s.order_index)
    parts += [("keys@0", s.keys[: c[lo.KEY_COUNT]]), *index_parts("key_index", s.key_index)]
    parts += [("counters@0", s.counters[: c[lo.COUNTER_COUNT]])]
    parts += index_parts("counter_index", s.counter_index)
    parts += [("blocks@0", s.blocks[: c[lo.BLOCK_TOP]]), ("block_free@0", s.block_free)]
    parts += [("heap@0", s.heap[: c[lo.HEAP_COUNT]])]
    parts += [(f"cells.{p}@0", s.cells[p, : used.skus]) for p in range(used.pools)]
    parts += [("skus@0", s.skus[: used.skus]), ("promotions@0", s.promotions[: used.promotions])]
    parts += [("channels@0", s.channels), ("exceptions@0", s.exceptions[: used.exceptions])]
    parts += [("rules@0", s.rules[: used.rules]), ("plans@0", s.plans[: c[lo.PLAN_TOP]])]
    parts += [("recipes@0", s.recipes[: c[lo.RECIPE_TOP]])]
    return parts


def target_of(s: State, name: str) -> tuple[Array, int]:
    """The array and first row that a part's name means, for loading a snapshot."""
    table, _, first = name.partition("@")
    head, _, tail = table.partition(".")
    if head == "cells":
        return s.cells[int(tail)], int(first or 0)
    owner = getattr(s, head)
    return (getattr(owner, tail) if tail else owner), int(first or 0)
