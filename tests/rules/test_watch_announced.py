"""The calendar: what publications announce by themselves, what people announce, and until when."""

from pathlib import Path

import msgspec
import pytest

from tidegate.followers.announced import PRICE_LEAST, RATE, SHOP_RATE, UNITS, Announcements
from tidegate.pricing.effects import AnyEffect, FixedPrice, PercentOff
from tidegate.pricing.promotion import Budget, Promotion, Scope, canonical
from tidegate.record import facts as f
from tidegate.watch import layout as lo
from tidegate.watch.announcements import (
    ANNOUNCED_MAX,
    KEPT_MS,
    Announcement,
    AnnouncementRefused,
    AnnouncementStore,
)
from tidegate.watch.calendar import Window
from tidegate.watch.watch_file import WatchFile
from tidegate.watch.watching import Names, Watch

NOW, HOUR = 1_790_553_600_000, 3_600_000
ANY = -1


@pytest.fixture
def file(tmp_path: Path) -> WatchFile:
    return WatchFile(tmp_path / "watch.db")


def a_watch(announcements: Announcements) -> Watch:
    names = Names({0: "A", 1: "B"}, {}, {0: "web"})
    watch = Watch(capacity=lo.Capacity(16, 16, 16), names=names)
    watch.state.list_fen[:2] = 10_000, 20_000
    watch.planner = announcements.windows_of
    return watch


def published(
    effect: AnyEffect, scope: Scope, verdict: str = "proved", budget: Budget | None = None
) -> f.PromotionPublished:
    promotion = Promotion(
        code="P", level="item", effect=effect, start_ms=NOW, end_ms=NOW + 2 * HOUR, scope=scope,
        budget=budget or Budget(),
    )  # fmt: skip
    return f.PromotionPublished(7, "P", canonical(promotion).decode(), "", verdict, 0, 1)


def told(watch: Watch) -> list[Window]:
    count = int(watch.state.counts[lo.CALENDAR_COUNT])
    return [Window(*row) for row in watch.state.calendar[:count].tolist()]


@pytest.mark.parametrize(
    ("effect", "verdict", "price"),
    [
        (PercentOff(pay_bp=8_000), "proved", 0.8),
        (PercentOff(pay_bp=500), "proved", PRICE_LEAST),
        (PercentOff(pay_bp=8_000), "below_floor", 1.0),
        (FixedPrice(prices_fen={"A": 9_000, "B": 8_000}), "proved", 0.4),
        (FixedPrice(price_fen=1), "proved", 0.5),
    ],
)
def test_a_proved_price_is_announced_down_to_a_fifth(
    file: WatchFile, effect: AnyEffect, verdict: str, price: float
) -> None:
    watch = a_watch(Announcements(file))
    watch.take_fact(published(effect, Scope(skus=("A", "B")), verdict))
    promotion, *others = watch.names.planned[7]
    span = (NOW, NOW + 2 * HOUR)
    assert promotion == Window(lo.PROMOTION, 7, *span, RATE, pytest.approx(price), UNITS, 0.0)
    assert others == [
        Window(lo.SKU, 0, *span, RATE, 1.0, UNITS),
        Window(lo.SKU, 1, *span, RATE, 1.0, UNITS),
        Window(lo.CHANNEL, ANY, *span, SHOP_RATE),
    ]


def test_what_is_for_all_announces_all_and_a_withdrawal_takes_it_back(file: WatchFile) -> None:
    announcements = Announcements(file)
    watch = a_watch(announcements)
    budget = Budget(money_fen=100_000)
    watch.take_fact(published(PercentOff(pay_bp=9_000), Scope(all=True), "proved", budget))
    announcements.refresh(watch, NOW)
    plan = [window.plan_fen_per_h for window in told(watch) if window.scope == lo.PROMOTION]
    assert plan == [50_000.0]
    assert [(one.scope, one.number, one.rate) for one in told(watch) if one.number == ANY] == [
        (lo.SKU, ANY, RATE), (lo.CHANNEL, ANY, RATE),
    ]  # fmt: skip
    watch.take_fact(f.PromotionPublished(7, "P", "", "", "", 0, 2))
    announcements.refresh(watch, NOW)
    assert (told(watch), watch.names.planned, announcements.count) == ([], {}, 0)


def test_what_people_announce_counts_by_code_until_an_hour_after_its_end(file: WatchFile) -> None:
    store, announcements = AnnouncementStore(file), Announcements(file)
    watch = a_watch(announcements)
    kept = store.put(Announcement("sku", "B", NOW, NOW + HOUR, rate=50.0, price=0.3), 11, NOW)
    store.put(Announcement("sku", "unknown", NOW, NOW + HOUR), 11, NOW)
    store.put(Announcement("channel", "", NOW, NOW + HOUR, orders_per_h=900.0), 11, NOW, "mine")
    announcements.refresh(watch, NOW)
    assert sorted((one.scope, one.number, one.rate, one.orders_per_h) for one in told(watch)) == [
        (lo.SKU, 1, 50.0, 0.0), (lo.CHANNEL, ANY, 1.0, 900.0),
    ]  # fmt: skip
    assert not any(sign.isdigit() for sign in kept.id)
    assert store.drop(kept.id)
    assert not store.drop(kept.id)
    announcements.refresh(watch, NOW)
    assert len(told(watch)) == 1
    announcements.refresh(watch, NOW + HOUR + KEPT_MS)
    assert told(watch) == []


def test_the_soonest_64_are_told(file: WatchFile) -> None:
    store, announcements = AnnouncementStore(file), Announcements(file)
    watch = a_watch(announcements)
    for number in range(70):
        begins = NOW + (70 - number) * 1000
        store.put(Announcement("sku", "A", begins, NOW + HOUR), 11, NOW, f"n{number}")
    announcements.refresh(watch, NOW)
    begin = [one.from_ms for one in told(watch)]
    assert (len(begin), begin[0], begin[-1]) == (64, NOW + 1000, NOW + 64_000)


def test_what_cannot_be_announced_is_refused(file: WatchFile) -> None:
    store = AnnouncementStore(file)
    with pytest.raises(AnnouncementRefused, match="ends before it begins"):
        store.put(Announcement("sku", "A", NOW, NOW), 11, NOW)
    with pytest.raises(AnnouncementRefused, match="over already"):
        store.put(Announcement("sku", "A", NOW - 2, NOW - 1), 11, NOW)
    for number in range(ANNOUNCED_MAX):
        store.put(Announcement("sku", "A", NOW, NOW + 1), 11, NOW, f"n{number}")
    with pytest.raises(AnnouncementRefused, match="drop some"):
        store.put(Announcement("sku", "A", NOW, NOW + 1), 11, NOW)
    later = NOW + KEPT_MS + 2
    assert store.put(Announcement("sku", "A", later, later + 1), 11, later).person == 11
    assert len(store.current(later)) == 1


def test_a_memory_from_before_there_were_plans_is_read(file: WatchFile) -> None:
    names = msgspec.json.decode(b'{"skus":{"0":"A"},"zone":"Asia/Shanghai"}', type=Names)
    assert names.planned == {}
