"""The watch's kernel: compiled as uncompiled, saved and loaded as if nothing had been."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.domain import jit
from tidegate.record.entry import EntryWriter
from tidegate.record.lines import CONTINUES
from tidegate.watch import layout as lo
from tidegate.watch import marks
from tidegate.watch.extremes import fit_tail
from tidegate.watch.settings import Settings
from tidegate.watch.storing import StateUnreadable, load, save
from tidegate.watch.watching import Watch

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "tests" / "rules"
spec = importlib.util.spec_from_file_location("watch_shop", RULES / "watch_shop.py")
assert spec is not None
assert spec.loader is not None
shop = importlib.util.module_from_spec(spec)
spec.loader.exec_module(shop)

LOW = Settings(wrong_pauses=1e4, wrong_caps=1e4)  # thresholds near 0: many alarms
PRINTED = """
import sys; sys.path.insert(0, {rules!r})
import watch_shop as shop
from tidegate.watch.settings import Settings
from tidegate.watch.watching import Watch
watch = Watch(Settings(wrong_pauses=1e4, wrong_caps=1e4), shop.CAPACITY)
found = shop.fed(watch, shop.weeks(9, 150))
found += shop.fed(watch, shop.crowd(shop.START_MS + 9 * shop.DAY_MS, 30, 1000, 7, 170))
print(found, repr(float(watch.state.scores.sum())))
"""


def printed(uncompiled: str) -> str:
    environment = {**os.environ, "TIDEGATE_UNCOMPILED": uncompiled, "PYTHONPATH": str(ROOT / "src")}
    return subprocess.run(
        [sys.executable, "-c", PRINTED.format(rules=str(RULES))],
        env=environment, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip


def test_compiled_and_uncompiled_say_the_same() -> None:
    compiled = printed("0")
    assert compiled == printed("1")
    assert "'cheap-sku-7-1', 'rush-sku-7-1'" in compiled


@pytest.mark.parametrize("cut", [1, 777, 2000])
def test_a_restart_forgets_nothing(cut: int) -> None:
    events = shop.weeks(14)
    whole = Watch(LOW, shop.CAPACITY)
    expected = shop.fed(whole, events)
    first = Watch(LOW, shop.CAPACITY)
    found = shop.fed(first, events.between(0, cut))
    state, saved = load(save(first.state, first.names, 5, "ab"))
    assert (saved.seq, saved.head_hash) == (5, "ab")
    second = Watch(LOW, state=state, names=saved.names)
    found += shop.fed(second, events.between(cut, len(events.outcomes)))
    assert found == expected
    assert len(found) > 20
    for name, table in whole.state._asdict().items():
        if name not in ("steps", "alarms"):
            np.testing.assert_array_equal(table, getattr(second.state, name), name)


def test_entries_are_taken_as_their_orders_are() -> None:
    events = shop.weeks(3)
    writer, by_entry, by_order = EntryWriter(), Watch(LOW, shop.CAPACITY), Watch(LOW, shop.CAPACITY)
    for number, at_ms in enumerate(events.at_ms.tolist()):
        one = events.between(number, number + 1)
        writer.orders(one.lines, one.outcomes)
        by_entry.take_entry(writer.take(at_ms, 1, 1))
    by_order.take_events(events.lines, events.outcomes, events.at_ms, events.flags)
    np.testing.assert_allclose(by_entry.state.scores, by_order.state.scores)
    np.testing.assert_array_equal(by_entry.state.shop_price, by_order.state.shop_price)


@given(st.binary(max_size=200), st.integers(0, 3000))
@settings(max_examples=30, deadline=None)
def test_damaged_bytes_are_no_state(noise: bytes, at: int) -> None:
    data = SAVED[:at] + noise + SAVED[at + len(noise) :]
    if data != SAVED:
        with pytest.raises(StateUnreadable):
            load(data)


SAVED = save(lo.new_state(lo.Capacity(16, 16, 16)), Watch(capacity=shop.CAPACITY).names, 1, "")


def test_every_hypothesis_is_a_likelihood_ratio_with_mean_at_most_one() -> None:
    random = np.random.default_rng(5)
    prior, wrong = marks.PRICE_PRIOR_ARRAY, marks.PRICE_WRONG_ARRAY
    for _ in range(50):
        own = random.integers(0, 50, lo.PRICE_BINS).astype(float)
        counts = random.integers(0, 500, lo.PRICE_BINS).astype(float)
        usual = (counts + marks.PRIOR * prior) / (counts.sum() + marks.PRIOR)
        usual = (own + marks.POOL * usual) / (own.sum() + marks.POOL)
        gains = [
            marks.pooled_log_ratio(place, own, counts, wrong, prior)
            for place in range(lo.PRICE_BINS)
        ]
        assert float((usual * np.exp(gains)).sum()) <= 1.0 + 1e-9
    units = (marks.UNITS_WRONG_ARRAY, marks.UNITS_PRIOR_ARRAY)
    gaps = (marks.GAP_WRONG_ARRAY, marks.GAP_PRIOR_ARRAY)
    for table in (wrong, prior, *units, *gaps, marks.REPEAT_PRIOR_ARRAY):
        assert abs(float(table.sum()) - 1.0) < 0.01


def test_a_stated_rate_is_kept_where_orders_are_as_learnt() -> None:
    """Four shops of eight weeks, ten wrong pauses and caps in 180 days: six are allowed in each."""
    pauses = 0
    for seed in range(4):
        watch = Watch(Settings(wrong_pauses=10.0, wrong_caps=10.0), shop.CAPACITY)
        events = shop.weeks(seed=seed)
        found = watch.take_events(events.lines, events.outcomes, events.at_ms, events.flags)
        pauses += sum(alarm.level >= 1 for alarm in found)
    assert pauses <= 4 * 56 / 180 * 20


def test_a_tail_is_found_again() -> None:
    random = np.random.default_rng(1)
    shape, scale = 0.4, 30.0
    drawn = scale / shape * ((1.0 - random.random(20_000)) ** -shape - 1.0)
    tail = fit_tail(drawn, 100.0, 0.02)
    assert abs(tail.shape - shape) < 0.04
    assert abs(tail.exceeded(tail.quantile(1e-5)) - 1e-5) < 1e-9


def test_a_full_table_forgets_the_quietest_and_stays_as_large() -> None:
    watch = Watch(capacity=lo.Capacity(16, 16, 16))
    shop.fed(watch, shop.weeks(2))
    counts = watch.state.counts
    assert int(counts[lo.STREAMS]) <= 16
    assert int(counts[lo.EVICTED]) > 100


def test_the_watch_has_a_stamp_of_its_own() -> None:
    assert jit.watch_stamp() != jit.STAMP
    source = (ROOT / "src" / "tidegate" / "watch" / "scoring.py").read_bytes()
    assert b"\n@kernel\n" in source
    assert CONTINUES == 1
