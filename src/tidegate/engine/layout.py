"""How a shop's state lies in memory: every table, its row and its bounds.

All tables are flat arrays in reserved address space: the operating system gives a page when it is
first written, so a table grows without ever being copied. Nothing outside this module allocates
state, and no row holds anything but numbers.
"""

import mmap
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tidegate.record.lines import Array

ENGINE_VERSION = 2  # changes when the same order may be decided otherwise
# Changes when the same books may lie otherwise in memory: snapshots and digests of another layout
# are not compared with ours.
LAYOUT_VERSION = 2

# An accepted order, or an accepted operation, remembered for 400 days (34 bytes).
ORDER = np.dtype(
    [
        ("id_hi", "<u8"),
        ("id_lo", "<u8"),
        ("fingerprint", "<u8"),
        ("decided_at_s", "<u4"),
        # First word of its block, 0 = none. A closed order keeps a fact's judgement here, an
        # operation its reason (8 bits) and mask.
        ("block", "<u4"),
        ("state", "u1"),
        ("channel", "u1"),
    ]
)
PRE_HELD, COMMITTED, RELEASED, CLOSED, EXPIRED, OPERATION_DONE, ON_HOLD = 1, 2, 3, 4, 5, 6, 7
STATE_NAMES = ("", "pre_held", "committed", "released", "closed", "expired", "operation", "on_hold")

# A refusal, remembered for 24 hours (36 bytes).
REFUSAL = np.dtype(
    [
        ("id_hi", "<u8"),
        ("id_lo", "<u8"),
        ("fingerprint", "<u8"),
        ("decided_at_s", "<u4"),
        ("has", "<u4"),  # of an operation: its mask
        ("rule", "<u2"),
        ("reason", "u1"),
        ("pad", "u1"),
    ]
)
REFUSED_BIT = 0x8000_0000  # in an index entry: the row is a refusal's

# `first_counter`: the row after the key's first counter, 0 = it has none. Most keys have one, which
# is found by this and needs no place in the index.
KEY = np.dtype([("token", "<u8"), ("open_holds", "<u4"), ("first_counter", "<u4")])
COUNTER = np.dtype([("rule_kind", "<u2"), ("window", "<u2"), ("key", "<u4"), ("value", "<i8")])

CELL = np.dtype(  # one SKU in one pool
    [
        ("on_hand", "<i8"),  # physical units, shipped ones left
        ("pre_held", "<i8"),
        ("committed", "<i8"),  # paid or sold by a marketplace, covered, not shipped
        ("released", "<i8"),  # the part of committed that may go to the warehouse
        ("debt", "<i8"),  # oversold by a marketplace, not covered
        ("recalling", "<i8"),  # being taken back from a channel: not for sale
        ("received", "<i8"),  # ever received, adjusted and moved in, minus moved out
        ("shipped", "<i8"),
        ("returned", "<i8"),  # good returns
        ("defective", "<i8"),  # returns that do not go back into stock
    ]
)

SKU = np.dtype(
    [
        ("list_price_fen", "<i8"),
        ("cost_floor_fen", "<i8"),  # computed floor, -1 = no cost known
        ("red_line_fen", "<i8"),  # set by the merchant, 0 = none
        ("pricing_version", "<u4"),
        ("quantity_max", "<u4"),
        ("quantity_min", "<u4"),
        ("safety_stock", "<u4"),
        ("plan_start", "<u4"),
        ("recipe", "<u4"),  # parts of a bundle: place in `recipes`, 0 = not a bundle
        ("plan_count", "<u2"),
        ("flags", "u1"),
        ("known", "u1"),
    ]
)
PAUSED, ALARM, INCIDENT = 1, 2, 4  # flags of shop, promotion and SKU

SCOPE = np.dtype(  # promotion, channel or exception: what rules hang on it
    [
        ("plan_start", "<u4"),
        ("pricing_version", "<u4"),
        ("plan_count", "<u2"),
        ("flags", "u1"),
        ("known", "u1"),
        ("pool", "u1"),  # channels: the pool it sells from
        ("pad", "u1"),
    ]
)

EXCEPTION = np.dtype(
    [
        ("floor_fen", "<i8"),
        ("units_left", "<i8"),
        ("expires_ms", "<i8"),
        ("skus_start", "<u4"),  # place in `recipes`: a count, then SKU numbers; 0 = every SKU
        ("exempt", "<u4"),  # bit n: the guard with reason n does not apply
        ("plan_start", "<u4"),
        ("plan_count", "<u2"),
        ("known", "u1"),
    ]
)

RULE = np.dtype(
    [
        ("limit0", "<i8"),  # per key kind, -1 = not by that kind
        ("limit1", "<i8"),
        ("limit2", "<i8"),
        ("limit3", "<i8"),
        ("budget", "<i8"),  # without a key, -1 = none
        ("used", "<i8"),  # of the budget, in the window below
        ("used_window", "<i8"),
        ("basis", "u1"),
        ("window", "u1"),
        ("keyed", "u1"),  # bit k: limit k is set
        ("known", "u1"),
    ]
)
UNITS, ORDERS, MONEY, DISCOUNT, LOSS = 0, 1, 2, 3, 4
BASIS_NAMES = ("units", "orders", "money", "discount", "loss")
TOTAL, DAY, WEEK, MONTH, MINUTE, SECOND = 0, 1, 2, 3, 4, 5
WINDOW_NAMES = ("total", "day", "week", "month", "minute", "second")

# Places in `State.scalars`.
(
    NOW_MS, LOCAL_DAY, SHOP_FLAGS, ORDER_COUNT, ORDER_BASE, REFUSAL_COUNT, REFUSAL_BASE, KEY_COUNT,
    COUNTER_COUNT, BLOCK_TOP, HOLD_CURSOR, HOLD_LAST_S, HEAP_COUNT, LATE_COUNT, LATE_BASE,
    SHOP_PLAN_START, SHOP_PLAN_COUNT, PRICING_VERSION, HOLD_TTL_S, HOLD_TTL_MAX_S, HOLD_CAP,
    LATE_PAYMENT_S, QUANTITY_MAX_ORDER, REFUSAL_MEMORY_S, ORDER_MEMORY_S, ORDER_AGE_MAX_MS,
    LIVE_COUNT, BLOCK_FREE_WORDS, ACCEPTED_COUNT, DECIDED_COUNT, ENTRY_SEQ, PLAN_TOP, RECIPE_TOP,
    PAUSES, PRICES_FROM,
) = range(35)  # fmt: skip
SCALAR_COUNT = 40

SECRETS = 40  # secret multipliers from the shop's seed
PLAN_MAX = 8  # rules on one scope (a SKU with its groups, the shop, a promotion, a channel)
PARTS_MAX = 8  # different parts of a bundle
# 64 lines of at most 11 words and the charges of 40 rules on the line (3 words each for 4 kinds of
# key and a budget) and 64 on its parts (2 words each).
BLOCK_WORDS_MAX = 1 << 17
CHARGES_MAX = 128  # rules that one line may reach, parts included
MERGED_MAX = 2048  # different rules that one order may reach
DEMAND_MAX = 1024  # different SKUs of one order, parts included

POOLS_MAX = 16
SKUS_MAX = 1 << 20


class Index(NamedTuple):
    """A linear hash table of row numbers: `words` in buckets of 16, `meta` its size."""

    words: Array
    meta: Array


class State(NamedTuple):
    """Everything one shop's engine knows. Scratch arrays at the end are not part of the state."""

    scalars: Array
    orders: Array
    order_index: Index
    refusals: Array
    keys: Array
    key_index: Index
    counters: Array
    counter_index: Index
    blocks: Array
    block_free: Array
    heap: Array
    late: Array
    cells: Array
    skus: Array
    promotions: Array
    channels: Array
    exceptions: Array
    rules: Array
    plans: Array
    recipes: Array
    secrets: Array
    scratch_rule: Array
    scratch_amount: Array
    scratch_multiple: Array
    scratch_words: Array
    scratch_demand: Array
    scratch_keys: Array
    scratch_once: Array
    scratch_touch: Array
    scratch_lines: Array


class Capacity(NamedTuple):
    """How much address space to reserve, in rows; memory is used only as rows are written."""

    orders: int = 1 << 26
    refusals: int = 1 << 26
    keys: int = 1 << 26
    counters: int = 1 << 26
    skus: int = SKUS_MAX
    rules: int = 1 << 14

    @classmethod
    def small(cls) -> "Capacity":
        """For tests and small machines: about 100,000 orders."""
        return cls(1 << 17, 1 << 17, 1 << 17, 1 << 18, 1 << 12, 1 << 10)


def reserve(count: int, dtype: npt.DTypeLike) -> Array:
    """Zeroed rows in reserved address space; pages are given when first written.

    Raises OSError when the operating system refuses to reserve (strict overcommit).
    """
    kind = np.dtype(dtype)
    size = max(count * kind.itemsize, mmap.PAGESIZE)
    no_reserve = getattr(mmap, "MAP_NORESERVE", 0x4000)
    region = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | no_reserve)
    if size >= 1 << 22 and hasattr(mmap, "MADV_HUGEPAGE"):
        region.madvise(mmap.MADV_HUGEPAGE)
    return np.frombuffer(region, dtype=kind, count=count)
