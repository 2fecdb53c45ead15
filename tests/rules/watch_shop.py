"""A shop for tests of the watch: eight weeks of ordinary orders, drawn from a seed."""

import numpy as np

from tidegate.record.lines import CONTINUES, LINE, OUTCOME, Array
from tidegate.watch import layout as lo
from tidegate.watch.evaluate.stream import Events
from tidegate.watch.watching import Names, Watch

DAY_MS, HOUR_MS = 86_400_000, 3_600_000
START_MS = 1_790_553_600_000  # a Monday, 00:00 UTC
SKUS, DAYS, OPEN_H, CLOSE_H = 40, 56, 8, 20
CAPACITY = lo.Capacity(1 << 10, 1 << 12, 1 << 8)
STRANGER = 1 << 50


def price_fen(sku: int) -> int:
    """The list price of an item."""
    return 1_000 + 100 * sku


def orders(
    at_ms: Array, skus: Array, units: Array, receivable_fen: Array, buyers: Array, first_id: int = 0
) -> Events:
    """Orders of one line each on channel 1."""
    lines = np.zeros(len(at_ms), LINE)
    lines["id_hi"] = lines["id_lo"] = np.arange(first_id, first_id + len(at_ms))
    lines["placed_at_ms"], lines["sku"], lines["quantity"] = at_ms, skus, units
    lines["receivable_fen"], lines["channel"], lines["key0"] = receivable_fen, 1, buyers
    assert not np.any(lines["flags"] & CONTINUES)
    nothing = np.zeros(len(at_ms), np.uint8)
    return Events(lines, np.zeros(len(at_ms), OUTCOME), np.asarray(at_ms, np.int64), nothing)


def weeks(days: int = DAYS, per_day: int = 240, seed: int = 1) -> Events:
    """Ordinary days: Poisson in opening hours, one to three units, at the list price."""
    random = np.random.default_rng(seed)
    counts = random.poisson(per_day, days)
    day = np.repeat(np.arange(days), counts)
    within = random.integers(OPEN_H * HOUR_MS, CLOSE_H * HOUR_MS, len(day))
    at_ms = np.sort(START_MS + day * DAY_MS + within)
    skus = random.integers(0, SKUS, len(at_ms))
    units = random.geometric(0.6, len(at_ms))
    money = units * (1_000 + 100 * skus)
    buyers = random.integers(1, 5_000, len(at_ms)).astype(np.uint64)
    return orders(at_ms, skus, units, money, buyers)


def crowd(at_ms: int, count: int, gap_ms: int, sku: int, unit_fen: int, units: int = 1) -> Events:
    """Strangers for one item, one after the other."""
    times = at_ms + 1 + np.arange(count) * gap_ms
    buyers = np.arange(STRANGER, STRANGER + count, dtype=np.uint64)
    filled = np.full(count, units)
    return orders(times, np.full(count, sku), filled, filled * unit_fen, buyers, 1 << 40)


def fed(watch: Watch, events: Events) -> list[str]:
    """Feed events; the keys of the alarms, without their time."""
    alarms = watch.take_events(events.lines, events.outcomes, events.at_ms, events.flags)
    return [alarm.key.rpartition("-")[0] for alarm in alarms]


def warm_watch(days: int = DAYS) -> Watch:
    """A watch after eight ordinary weeks."""
    names = Names({sku: f"S{sku}" for sku in range(SKUS)}, {1: "P1"}, {1: "web"})
    watch = Watch(capacity=CAPACITY, names=names)
    fed(watch, weeks(days))
    return watch
