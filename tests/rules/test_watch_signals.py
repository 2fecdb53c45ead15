"""What people are shown of the watch's memory is what was fed to it."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from tidegate.domain.reasons import Reason
from tidegate.record import facts as f
from tidegate.watch import layout as lo
from tidegate.watch.alarms import LEVEL_NAMES, NOTE, alarm_of
from tidegate.watch.evaluate.figures import garwood
from tidegate.watch.signals import shop_signals, stream_signals
from tidegate.watch.watching import Watch

spec = importlib.util.spec_from_file_location(
    "watch_shop", Path(__file__).with_name("watch_shop.py")
)
assert spec is not None
assert spec.loader is not None
shop = importlib.util.module_from_spec(spec)
spec.loader.exec_module(shop)

NOW_MS = shop.START_MS + shop.DAYS * shop.DAY_MS + 12 * shop.HOUR_MS


def test_the_shop_is_counted() -> None:
    watch = Watch(capacity=shop.CAPACITY)
    events = shop.crowd(NOW_MS, 10, 60_000, 7, 1700)
    events.lines["key0"][5:] = shop.STRANGER  # the last five are the first buyer's
    events.outcomes["reason"][:3] = Reason.STOCK_SHORT
    shop.fed(watch, events)
    seen = shop_signals(watch.state)
    assert (seen.orders, seen.lines, seen.refused) == (10, 10, {"stock_short": 3})
    # Five strangers, then the first of them five more times; its count wears off within the hour.
    assert (seen.new_buyer_share, seen.repeat_share) == (0.5, 0.4)
    assert (seen.duplicates, seen.late, seen.limit_units, seen.evicted) == (0, 0, 0, 0)


def test_the_stream_nearest_to_an_alarm_comes_first() -> None:
    watch = shop.warm_watch()
    watch.take_fact(
        f.SkuPut(7, "S7", 1700, 900, 0, 0, 1, 0, 1, []),
    )
    shop.fed(watch, shop.crowd(NOW_MS, 1, 1000, 7, 170))
    nearest = {
        signals.scope: signals for signals in reversed(stream_signals(watch.state, watch.names))
    }
    first = nearest["sku"]
    assert (first.code, first.channel, first.list_price_fen) == ("S7", "web", 1700)
    assert (first.usual_price_fen, round(first.usual_units)) == (1700, 1)
    assert 0.4 < first.scores["cheap"] < 1.0
    assert 0.1 < first.usual_per_h < 1.0


def test_facts_give_the_codes() -> None:
    watch = Watch(capacity=shop.CAPACITY)
    watch.take_fact(f.CodePut("promotion", 3, "SPRING"))
    watch.take_fact(f.CodePut("channel", 2, "tmall"))
    names = watch.names
    assert (names.code(lo.PROMOTION, 3), names.code(lo.CHANNEL, 2)) == ("SPRING", "tmall")
    assert names.code(lo.SKU, 9) == "#9"


@pytest.mark.parametrize(
    ("count", "low", "high"), [(0, 0.0, 3.689), (1, 0.025, 5.572), (10, 4.795, 18.390)]
)
def test_intervals_of_small_counts_are_exact(count: int, low: float, high: float) -> None:
    np.testing.assert_allclose(garwood(count), (low, high), atol=5e-4)


@pytest.mark.parametrize(
    ("hypothesis", "listed", "level"),
    [
        (lo.CHEAP, 1, "pause_sku"),
        (lo.RUSH, 1, "pause_sku"),
        (lo.CHEAP, 0, "note"),
        (lo.REPEAT, 1, "note"),
        (lo.BULK, 1, "note"),
        (lo.CROWD, 1, "note"),
        (lo.BURN, 0, "pause_promotion"),
    ],
)
def test_of_a_new_shop_only_list_prices_and_plans_stop_anything(
    hypothesis: int, listed: int, level: str
) -> None:
    row = np.zeros(1, lo.ALARM)[0]
    row["hypothesis"], row["listed"], row["saw"], row["expected"] = hypothesis, listed, 0.5, 2.0
    cold, warm = alarm_of(row, "A", is_cold=True), alarm_of(row, "A", is_cold=False)
    assert LEVEL_NAMES[cold.level] == level
    assert warm.level != NOTE
    assert (cold.saw, cold.expected) == (0.5, 2.0)
