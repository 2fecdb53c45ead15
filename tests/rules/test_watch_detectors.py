"""What the watch sees and what it leaves alone, one case a row, over eight ordinary weeks."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from tidegate.domain.reasons import Reason
from tidegate.record.lines import DUPLICATE, FACT
from tidegate.watch import layout as lo
from tidegate.watch.alarms import CAP, NOTE, PAUSE_PROMOTION, PAUSE_SHOP, PAUSE_SKU
from tidegate.watch.calendar import CalendarFull, Window
from tidegate.watch.evaluate.replay import copied
from tidegate.watch.scoring import STANDING
from tidegate.watch.watching import Watch

spec = importlib.util.spec_from_file_location(
    "watch_shop", Path(__file__).with_name("watch_shop.py")
)
assert spec is not None
assert spec.loader is not None
shop = importlib.util.module_from_spec(spec)
spec.loader.exec_module(shop)

NOW_MS = shop.START_MS + shop.DAYS * shop.DAY_MS + 12 * shop.HOUR_MS
PRICE_7 = shop.price_fen(7)


@pytest.fixture(scope="module")
def known() -> Watch:
    return shop.warm_watch()


@pytest.fixture
def watch(known: Watch) -> Watch:
    return copied(known)


def taken(watch: Watch, events: "shop.Events") -> list:
    return watch.take_events(events.lines, events.outcomes, events.at_ms, events.flags)


def test_eight_ordinary_weeks_open_nothing(known: Watch) -> None:
    again = Watch(capacity=shop.CAPACITY)
    assert [a for a in taken(again, shop.weeks()) if a.level >= CAP] == []


def test_a_tenth_of_the_price_is_paused_at_the_second_order(watch: Watch) -> None:
    alarm = taken(watch, shop.crowd(NOW_MS, 10, 1000, 7, PRICE_7 // 10))[0]
    assert (alarm.level, alarm.code, alarm.orders) == (PAUSE_SKU, "S7", 2)
    assert alarm.at_ms == NOW_MS + 1 + 1000
    assert int(alarm.first_order[16:], 16) == 1 << 40


def test_every_item_at_a_26th_stops_the_shop_within_three_orders(watch: Watch) -> None:
    skus = np.arange(20)
    prices = np.array([shop.price_fen(sku) // 26 for sku in skus])
    buyers = np.arange(shop.STRANGER, shop.STRANGER + 20, dtype=np.uint64)
    night = shop.orders(NOW_MS + skus * 13, skus, np.ones(20, int), prices, buyers, 1 << 40)
    alarm = taken(watch, night)[0]
    assert (alarm.level, alarm.code) == (PAUSE_SHOP, "web")
    assert alarm.orders <= 3
    assert alarm.at_ms - NOW_MS <= 26


def test_one_order_at_a_tenth_opens_nothing(watch: Watch) -> None:
    assert taken(watch, shop.crowd(NOW_MS, 1, 1000, 7, PRICE_7 // 10)) == []


def test_half_the_price_opens_no_pause_however_many_buy(watch: Watch) -> None:
    found = taken(watch, shop.crowd(NOW_MS, 40, 3_600_000 // 4, 7, PRICE_7 // 2))
    assert [alarm for alarm in found if alarm.level > CAP] == []


def test_a_crowd_at_the_usual_price_is_capped_and_never_paused(watch: Watch) -> None:
    found = taken(watch, shop.crowd(NOW_MS, 200, 100, 7, PRICE_7))
    assert {alarm.level for alarm in found} == {CAP}
    assert {lo.HYPOTHESIS_NAMES[alarm.hypothesis] for alarm in found} == {"crowd"}


def test_an_announced_crowd_opens_nothing(watch: Watch) -> None:
    until = NOW_MS + shop.HOUR_MS
    watch.announce(
        (
            Window(lo.SKU, 7, NOW_MS, until, rate=5000.0, price=0.5),
            Window(lo.CHANNEL, 1, NOW_MS, until, rate=100.0),
        )
    )
    random = np.random.default_rng(3)
    sale = shop.crowd(NOW_MS, 900, 4000, 7, PRICE_7 // 2)
    at_ms = np.sort(NOW_MS + random.integers(1, shop.HOUR_MS, 900))
    assert taken(watch, sale._replace(at_ms=at_ms)) == []


def test_an_announced_price_is_no_licence_for_a_tenth_of_it(watch: Watch) -> None:
    watch.announce((Window(lo.SKU, 7, NOW_MS, NOW_MS + shop.HOUR_MS, rate=5000.0, price=0.5),))
    alarm = taken(watch, shop.crowd(NOW_MS, 10, 1000, 7, PRICE_7 // 20))[0]
    assert (alarm.level, alarm.code) == (PAUSE_SKU, "S7")


def test_units_beyond_the_tail_are_caught_in_one_order(watch: Watch) -> None:
    alarm = taken(watch, shop.crowd(NOW_MS, 1, 1000, 7, PRICE_7, units=41_000))[0]
    assert (alarm.level, alarm.units, alarm.hypothesis) == (CAP, 41_000, lo.EXTREME)
    assert alarm.english.startswith("SKU S7: one order of 41,000 units where no order of this shop")


def test_a_hoarder_is_capped(watch: Watch) -> None:
    found = taken(watch, shop.crowd(NOW_MS, 8, 60_000, 7, PRICE_7, units=20))
    assert (lo.BULK, CAP) in {(alarm.hypothesis, alarm.level) for alarm in found}


def test_one_buyer_again_and_again_is_capped(watch: Watch) -> None:
    series = shop.crowd(NOW_MS, 20, 120_000, 7, PRICE_7)
    series.lines["key0"] = shop.STRANGER
    found = taken(watch, series)
    assert lo.REPEAT in {alarm.hypothesis for alarm in found if alarm.level == CAP}


def test_discounts_far_beyond_plan_pause_the_promotion(watch: Watch) -> None:
    window = Window(lo.PROMOTION, 1, NOW_MS, NOW_MS + shop.DAY_MS, price=0.5, plan_fen_per_h=2000.0)
    watch.announce((window,))
    leak = shop.crowd(NOW_MS, 60, 20_000, 7, PRICE_7 // 2)
    leak.lines["promotion"] = 1
    found = [alarm for alarm in taken(watch, leak) if alarm.hypothesis == lo.BURN]
    assert (found[0].level, found[0].code) == (PAUSE_PROMOTION, "P1")


@pytest.mark.parametrize("reason", [Reason.SHOP_PAUSED, Reason.PROMOTION_PAUSED, Reason.SKU_PAUSED])
def test_what_was_paused_already_says_nothing_of_its_stream(watch: Watch, reason: Reason) -> None:
    events = shop.crowd(NOW_MS, 10, 1000, 7, PRICE_7 // 10)
    events.outcomes["reason"] = reason
    assert [alarm for alarm in taken(watch, events) if alarm.level > NOTE] == []


def test_a_refusal_below_the_floor_says_as_much_as_a_sale(watch: Watch) -> None:
    events = shop.crowd(NOW_MS, 10, 1000, 7, PRICE_7 // 10)
    events.outcomes["reason"] = Reason.PRICE_BELOW_FLOOR
    assert taken(watch, events)[0].level == PAUSE_SKU


def test_duplicates_are_counted_and_nothing_else(watch: Watch) -> None:
    events = shop.crowd(NOW_MS, 300, 1, 7, PRICE_7 // 10)
    events.outcomes["flags"] = DUPLICATE
    assert taken(watch, events) == []
    assert int(watch.state.counts[lo.DUPLICATES]) == 300


def test_a_late_delivery_is_no_crowd(watch: Watch) -> None:
    taken(watch, shop.crowd(NOW_MS, 1, 1000, 3, shop.price_fen(3)))
    late = shop.crowd(NOW_MS - shop.HOUR_MS, 200, 10, 7, PRICE_7)
    late.lines["flags"] |= FACT
    assert taken(watch, late) == []
    assert int(watch.state.counts[lo.LATE]) == 200


def test_a_standing_clock_is_no_crowd(watch: Watch) -> None:
    stood = shop.crowd(NOW_MS, 100, 0, 7, PRICE_7)
    assert taken(watch, stood._replace(flags=np.full(100, STANDING, np.uint8))) == []


def test_a_silent_feed_is_a_note_once_and_a_night_is_none(watch: Watch) -> None:
    last_ms = int(watch.state.channel_levels[1, lo.CH_LAST_MS])
    next_day = shop.START_MS + shop.DAYS * shop.DAY_MS
    assert watch.tick(next_day + shop.OPEN_H * shop.HOUR_MS) == []
    found = watch.tick(next_day + 11 * shop.HOUR_MS)
    assert [(alarm.level, alarm.hypothesis, alarm.code) for alarm in found] == [
        (NOTE, lo.SILENCE, "web")
    ]
    assert last_ms < next_day
    assert watch.tick(next_day + 12 * shop.HOUR_MS) == []


def test_a_cold_shop_says_what_it_sees_and_opens_nothing() -> None:
    young = shop.warm_watch(days=10)
    found = taken(young, shop.crowd(shop.START_MS + 10 * shop.DAY_MS, 10, 1000, 7, PRICE_7 // 10))
    assert found
    assert {alarm.level for alarm in found} == {NOTE}


def test_a_list_price_is_believed_from_the_first_day() -> None:
    young = Watch(capacity=shop.CAPACITY)
    young.state.list_fen[:] = PRICE_7
    found = taken(young, shop.crowd(shop.START_MS, 10, 1000, 7, PRICE_7 // 10))
    assert [alarm.level for alarm in found][:1] == [PAUSE_SKU]


def test_a_calendar_has_a_bound(watch: Watch) -> None:
    window = Window(lo.SKU, 1, 0, 1)
    with pytest.raises(CalendarFull):
        watch.announce((window,) * (lo.CALENDAR_MAX + 1))


def test_both_sentences_have_the_numbers(watch: Watch) -> None:
    alarm = taken(watch, shop.crowd(NOW_MS, 10, 1000, 7, PRICE_7 // 10))[0]
    assert alarm.english == (
        "SKU S7: 2 orders below half the usual price, the last at 10.0% of it; "
        "first order 0000010000000000, 30.60 yuan at stake"
    )
    assert alarm.chinese == (
        "商品 S7：2 单低于平常价的一半，最近一单为平常价的 10.0%；"
        "首单 0000010000000000，涉及金额 30.60 元"
    )


def test_announced_orders_an_hour_and_units_are_expected(watch: Watch) -> None:
    until = NOW_MS + shop.HOUR_MS
    watch.announce(
        (
            Window(lo.SKU, 7, NOW_MS, until, units=16.0, orders_per_h=900.0),
            Window(lo.CHANNEL, 1, NOW_MS, until, orders_per_h=900.0),
        )
    )
    assert taken(watch, shop.crowd(NOW_MS, 890, 4000, 7, PRICE_7, units=16)) == []
