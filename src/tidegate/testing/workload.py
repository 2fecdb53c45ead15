"""Made-up orders in columns, ready to decide: for benches, simulations and the demo's load.

The same arguments always give the same rows, on every machine; every distinct order has its own
128-bit id, and a duplicate is a byte-for-byte repeat of an order that came earlier.
This module never decides anything and never reads a clock: time comes in as `start_ms`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tidegate.record.lines import CONTINUES, LINE, NO_SKU, PAID

Rows = NDArray[np.void]
Numbers = NDArray[np.int64]
Tokens = NDArray[np.uint64]

START_MS = 1_792_944_000_000  # 2026-10-26T00:00:00+08:00, the night
DUPLICATE_WINDOW = 50_000  # a retry follows its original within so many orders

HOT_PRICE_FEN = 3_990
HOT_FLOOR_FEN = 3_000
HOT_LIMIT_UNITS = 5
HOT_PROMOTION = 1


@dataclass(frozen=True)
class Terms:
    """What the shop must be set up with before the rows mean anything (arrays: one per SKU)."""

    stock_units: Numbers
    price_fen: Numbers
    price_floor_fen: Numbers
    limit_units: tuple[int, ...]  # by kind of identity key, in total; 0 = no limit
    limit_groups: int  # SKU n counts in group n % limit_groups; 0 = each SKU counts alone
    promotions: int  # promotions 1..n
    budget_fen: int  # of each promotion; every receivable is drawn from it
    channels: int  # channels 0..n-1
    hold_ttl_s: int

    @property
    def skus(self) -> int:
        """Number of SKUs; they are numbered 0..skus-1."""
        return len(self.stock_units)


@dataclass(frozen=True)
class Workload:
    """Rows in the order they arrive, with where each order starts (`starts` has orders + 1)."""

    rows: Rows
    starts: Numbers
    terms: Terms
    start_ms: int
    orders_per_s: int

    @property
    def orders(self) -> int:
        """Number of orders, duplicates included."""
        return len(self.starts) - 1

    def now_ms(self, orders_seen: int) -> int:
        """The workload's own time when so many orders have arrived."""
        return self.start_ms + orders_seen * 1000 // self.orders_per_s

    def batches(self, orders_per_batch: int) -> Iterator[tuple[Rows, int]]:
        """Whole orders in slices of at most `orders_per_batch`, each with its time in ms."""
        for first in range(0, self.orders, orders_per_batch):
            last = min(first + orders_per_batch, self.orders)
            yield self.rows[self.starts[first] : self.starts[last]], self.now_ms(last)


def mixed_bits(numbers: Tokens) -> Tokens:
    """SplitMix64's finaliser: a bijection on 64 bits, so distinct numbers stay distinct."""
    bits = numbers + np.uint64(0x9E3779B97F4A7C15)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


def tokens(numbers: Numbers, space: int) -> Tokens:
    """Random-looking tokens for the numbers (0 .. 2^48-1) of one space; distinct and never 0."""
    made = mixed_bits(numbers.astype(np.uint64) + np.uint64((space & 0xFFFF) << 48))
    # One of 2^64 numbers maps to 0, which means "not supplied": give it another token.
    return np.where(made == 0, np.uint64(1), made)


def hot(
    orders: int,
    seed: int,
    *,
    first_order: int = 0,
    buyers: int = 0,
    duplicate_share: float = 0.01,
    start_ms: int = START_MS,
    orders_per_s: int = 3_000_000,
) -> Workload:
    """One SKU, one promotion with a budget, one identity key, limit 5; about 80 % are acceptable.

    `buyers` 0 means two for every five orders. Workloads of one seed share their people, and
    `first_order` keeps their ids and draws apart. Stock and budget cover five sixths of what is
    asked for.
    """
    random = np.random.default_rng([seed, 1, first_order])
    base = np.zeros(orders, LINE)
    numbers = np.arange(first_order, first_order + orders, dtype=np.int64)
    quantity = random.choice(np.array([1, 2, 3], np.int32), orders, p=[0.6, 0.3, 0.1])
    price_fen = np.where(random.random(orders) < 0.03, HOT_FLOOR_FEN - 10, HOT_PRICE_FEN)
    _set_ids(base, numbers, seed)
    base["placed_at_ms"] = start_ms + np.arange(orders, dtype=np.int64) * 1000 // orders_per_s
    base["key0"] = tokens(random.integers(0, buyers or max(1, orders * 2 // 5), orders), seed)
    base["verified"] = 1
    base["quantity"] = quantity
    base["receivable_fen"] = quantity * price_fen
    base["pricing_version"] = 1
    base["promotion"] = HOT_PROMOTION
    base["flags"] = PAID
    content = _content_with_duplicates(orders, duplicate_share, random)
    terms = Terms(
        stock_units=np.array([orders * 5 // 4], np.int64),
        price_fen=np.array([HOT_PRICE_FEN], np.int64),
        price_floor_fen=np.array([HOT_FLOOR_FEN], np.int64),
        limit_units=(HOT_LIMIT_UNITS, 0, 0, 0),
        limit_groups=0,
        promotions=1,
        budget_fen=orders * HOT_PRICE_FEN * 5 // 4,
        channels=1,
        hold_ttl_s=900,
    )
    starts = np.arange(orders + 1, dtype=np.int64)
    return Workload(base[content], starts, terms, start_ms, orders_per_s)


def mixed(
    orders: int,
    seed: int,
    *,
    first_order: int = 0,
    skus: int = 10_000,
    channels: int = 4,
    duplicate_share: float = 0.01,
    unpaid_share: float = 0.15,
    hold_ttl_s: int = 30,
    start_ms: int = START_MS,
    orders_per_s: int = 20_000,
) -> Workload:
    """Account, phone and address; SKUs by Zipf's law; one order in eight has 2 to 4 lines.

    Unpaid orders expire after `hold_ttl_s` of the workload's own time, so a run of more than
    `hold_ttl_s * orders_per_s` orders sees holds end while new ones come. The share of unpaid
    orders keeps expiries under the desk's 1,024 a batch at 4,096 orders a batch.
    """
    random = np.random.default_rng([seed, 2, first_order])
    line_counts = np.where(random.random(orders) < 0.125, random.integers(2, 5, orders), 1)
    first_line = np.concatenate(([0], np.cumsum(line_counts)))
    order_of = np.repeat(np.arange(orders, dtype=np.int64), line_counts)
    lines = len(order_of)
    base = np.zeros(lines, LINE)
    _set_ids(base, order_of + first_order, seed)
    base["placed_at_ms"] = start_ms + order_of * 1000 // orders_per_s
    buyer = random.integers(0, max(1, orders // 3), orders)[order_of]
    base["key0"] = tokens(buyer, seed)
    base["key1"] = tokens(buyer, seed + 1)
    base["key2"] = tokens(buyer // 2, seed + 2)  # two people a household
    base["verified"] = 0b111
    base["sku"] = _zipf(lines, skus, random)
    quantity = random.choice(np.array([1, 2, 3], np.int32), lines, p=[0.7, 0.2, 0.1])
    price_fen = 1_000 + base["sku"].astype(np.int64) * 7 % 9_000
    base["quantity"] = quantity
    below = random.random(lines) < 0.01
    base["receivable_fen"] = quantity * np.where(below, price_fen * 4 // 10, price_fen)
    base["pricing_version"] = 1
    base["promotion"] = np.where(random.random(lines) < 0.5, base["sku"] % 8 + 1, 0)
    base["channel"] = random.integers(0, channels, orders)[order_of]
    unpaid = (random.random(orders) < unpaid_share)[order_of]
    base["hold_ttl_s"] = np.where(unpaid, hold_ttl_s, 0)
    base["flags"] = np.where(unpaid, 0, PAID)
    base["flags"][_continues(first_line, lines)] |= CONTINUES
    rows, starts = _repeated(base, first_line, line_counts, duplicate_share, random)
    sku_price_fen = 1_000 + np.arange(skus, dtype=np.int64) * 7 % 9_000
    terms = Terms(
        stock_units=_zipf_expectation(lines, skus) * 3 + 50,
        price_fen=sku_price_fen,
        price_floor_fen=sku_price_fen // 2,
        limit_units=(5, 5, 10, 0),
        limit_groups=100,
        promotions=8,
        budget_fen=lines * 10_000,
        channels=channels,
        hold_ttl_s=hold_ttl_s,
    )
    return Workload(rows, starts, terms, start_ms, orders_per_s)


HOSTILE_KINDS = (
    "one_buyer",  # every order by the same person
    "one_id",  # one id, ever new content
    "colliding_ids",  # ids that differ only in their highest bits
    "colliding_keys",  # people whose tokens differ only in their highest bits
    "wild_values",  # each field at or past its bounds
)


def hostile(kind: str, orders: int, seed: int, *, start_ms: int = START_MS) -> Workload:
    """Single-line orders of somebody who means harm; `kind` is one of HOSTILE_KINDS."""
    made = hot(orders, seed, duplicate_share=0.0, start_ms=start_ms)
    rows = made.rows
    numbers = np.arange(orders, dtype=np.uint64)
    if kind == "one_buyer":
        rows["key0"] = rows["key0"][:1]
    elif kind == "one_id":
        rows["id_hi"], rows["id_lo"] = rows["id_hi"][:1], rows["id_lo"][:1]
        rows["quantity"] = 1 + numbers % np.uint64(5)
    elif kind == "colliding_ids":
        rows["id_lo"] = 7
        rows["id_hi"] = (numbers << np.uint64(40)) | np.uint64(1)
    elif kind == "colliding_keys":
        rows["key0"] = (numbers << np.uint64(40)) | np.uint64(1)
    elif kind == "wild_values":
        _make_wild(rows, np.random.default_rng([seed, 3]))
    else:
        raise ValueError(f"no hostile workload {kind!r}; there are {', '.join(HOSTILE_KINDS)}")
    return made


def _set_ids(rows: Rows, numbers: Numbers, seed: int) -> None:
    rows["id_hi"] = tokens(numbers, seed + 0x4000)
    rows["id_lo"] = tokens(numbers, seed + 0x8000)


def _content_with_duplicates(orders: int, share: float, random: np.random.Generator) -> Numbers:
    """For every place in the stream the order it carries: its own, or an earlier one again."""
    content = np.arange(orders, dtype=np.int64)
    repeats = np.flatnonzero(random.random(orders) < share)
    repeats = repeats[repeats > 0]
    back = random.integers(1, np.minimum(repeats, DUPLICATE_WINDOW) + 1)
    # An original may itself be a repeat: then the same order simply comes a third time. Resolve
    # in stream order, which is what reading through `content` one by one does.
    for place, source in zip(repeats, repeats - back, strict=True):
        content[place] = content[source]
    return content


def _repeated(
    base: Rows,
    first_line: Numbers,
    line_counts: Numbers,
    share: float,
    random: np.random.Generator,
) -> tuple[Rows, Numbers]:
    content = _content_with_duplicates(len(line_counts), share, random)
    counts = line_counts[content]
    starts = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
    within = np.arange(starts[-1], dtype=np.int64) - np.repeat(starts[:-1], counts)
    return base[np.repeat(first_line[content], counts) + within], starts


def _continues(first_line: Numbers, lines: int) -> NDArray[np.bool_]:
    mask = np.ones(lines, np.bool_)
    mask[first_line[:-1]] = False
    return mask


def _zipf_shares(skus: int) -> NDArray[np.float64]:
    weights = 1.0 / np.arange(1, skus + 1)
    return np.asarray(weights / weights.sum())


def _zipf(lines: int, skus: int, random: np.random.Generator) -> Numbers:
    edges = np.cumsum(_zipf_shares(skus))
    edges[-1] = 1.0  # rounding must not leave a gap above the last SKU
    return np.searchsorted(edges, random.random(lines), side="right").astype(np.int64)


def _zipf_expectation(lines: int, skus: int) -> Numbers:
    return (_zipf_shares(skus) * lines).astype(np.int64)


def _make_wild(rows: Rows, random: np.random.Generator) -> None:
    """Give each row one field with a value at or past its bound."""
    wild: tuple[tuple[str, tuple[int, ...]], ...] = (
        ("quantity", (0, -1, -5, 1_000_000, 1_000_001, 2**31 - 1, -(2**31))),
        ("receivable_fen", (0, -1, 1 << 40, (1 << 40) + 1, 2**63 - 1, -(2**63))),
        ("platform_fen", (-1, 2**31 - 1, -(2**31))),
        ("mismatch_fen", (1, -1, 2**31 - 1, -(2**31))),
        ("placed_at_ms", (0, -1, 2**63 - 1, -(2**63))),
        ("pricing_version", (0, 2, 2**32 - 1)),
        ("hold_ttl_s", (1, 2**32 - 1)),
        ("sku", (1, 2, NO_SKU - 1, NO_SKU)),
        ("promotion", (0, 2, 2**16 - 1)),
        ("exception", (1, 2**16 - 1)),
        ("channel", (1, 255)),
        ("gift_of", (1, 2, 64, 255)),
        ("flags", (0, 2, 4, 6)),  # CONTINUES would join strangers' lines: the door forbids it
        ("verified", (0, 2, 255)),
        ("key0", (0, 1, 2**64 - 1)),
    )
    fields = random.integers(0, len(wild), len(rows))
    for number, (name, values) in enumerate(wild):
        of_field = np.flatnonzero(fields == number)
        rows[name][of_field] = np.array(values, rows.dtype[name])[
            random.integers(0, len(values), len(of_field))
        ]
