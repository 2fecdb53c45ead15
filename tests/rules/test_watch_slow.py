"""Days above what was due, announced items and their channel, the intervals of evaluations."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from tidegate.watch import layout as lo
from tidegate.watch.alarms import NOTE
from tidegate.watch.calendar import Window
from tidegate.watch.evaluate.figures import clopper, garwood
from tidegate.watch.slow import close_day
from tidegate.watch.watching import Watch

spec = importlib.util.spec_from_file_location(
    "watch_shop", Path(__file__).with_name("watch_shop.py")
)
assert spec is not None
assert spec.loader is not None
shop = importlib.util.module_from_spec(spec)
spec.loader.exec_module(shop)

NOW_MS = shop.START_MS + shop.DAYS * shop.DAY_MS + 12 * shop.HOUR_MS


def days_alarmed(counts: list[float]) -> list[int]:
    """A channel with so many orders a day; the days after which a slow leak was noted."""
    state = Watch(capacity=shop.CAPACITY).state
    state.channel_levels[1, lo.CH_BORN_MS] = 1
    found = []
    for day, count in enumerate(counts, 1):
        if len(close_day(state, day)):
            found.append(day - 1)
        state.channel_levels[1, lo.DAY_COUNT] = count
    return found


def test_a_leak_is_noted_though_the_season_fell_before_it() -> None:
    fell = [200.0] * 56 + [120.0] * 21  # after a feast: what was due eight weeks ago is not now
    assert days_alarmed([*fell, *[120.0] * 14]) == []
    (day, *_) = days_alarmed([*fell, *[156.0] * 14])  # 1.3 times the days before, below the feast
    assert len(fell) < day <= len(fell) + 14


def test_a_level_that_rises_for_good_becomes_usual() -> None:
    found = days_alarmed([*[100.0] * 56, *[150.0] * 70])
    assert found[0] <= 56 + 14
    assert [day for day in found if day > 56 + 42] == []


def test_a_channel_expects_what_was_announced_of_its_items() -> None:
    """Ten items announced at 60 orders an hour each are 600 of the channel, which nobody named."""
    alarms = {}
    for told in (True, False):
        watch = shop.warm_watch()
        until = NOW_MS + shop.HOUR_MS
        windows = [
            Window(lo.SKU, sku, NOW_MS, until, orders_per_h=60.0, units=8.0) for sku in range(10)
        ]
        if told:
            watch.announce(tuple(windows))
        sale = shop.crowd(NOW_MS, 600, 6_000, 0, shop.price_fen(0))
        sale.lines["sku"] = np.arange(600) % 10
        sale.lines["receivable_fen"] = [shop.price_fen(sku) for sku in sale.lines["sku"].tolist()]
        found = watch.take_events(sale.lines, sale.outcomes, sale.at_ms, sale.flags)
        alarms[told] = {alarm.scope for alarm in found if alarm.level > NOTE}
    assert alarms[True] == set()
    assert lo.CHANNEL in alarms[False]


@pytest.mark.parametrize(
    ("count", "runs", "low", "high"),
    [(0, 20, 0.0, 0.1684), (20, 20, 0.8316, 1.0), (3, 20, 0.0321, 0.3789), (1, 1, 0.025, 1.0)],
)
def test_shares_have_their_exact_interval(count: int, runs: int, low: float, high: float) -> None:
    assert clopper(count, runs) == pytest.approx((low, high), abs=1e-4)


def test_counts_have_theirs() -> None:
    assert garwood(0) == pytest.approx((0.0, 3.6889), abs=1e-4)
    assert garwood(1) == pytest.approx((0.0253, 5.5716), abs=1e-4)
