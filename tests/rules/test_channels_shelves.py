"""Shelves and quantities read back, what an alarm does to a shelf, and the order of a stop."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

from tidegate.channels.alarms import BELOW_FLOOR, PRICE_DIFFERS, AlarmFlags, Alarms
from tidegate.channels.capabilities import capabilities_of
from tidegate.channels.feeds import Feed, FeedTerms
from tidegate.channels.stock_out import READ_EVERY_MS, StockOut, put_offers
from tidegate.channels.stop_ladder import StopLadder
from tidegate.channels.stopping import resume_one, stop_all, stop_some
from tidegate.testing.outside import Marketplace, Stores

spec = importlib.util.spec_from_file_location(
    "channels_house", Path(__file__).with_name("channels_house.py")
)
assert spec is not None
assert spec.loader is not None
made = importlib.util.module_from_spec(spec)
spec.loader.exec_module(made)
NOW_MS, TMALL, KIND = made.NOW_MS, made.TMALL, made.KIND


class Shelf:
    """A channel with 100 units of A on its shelf."""

    def __init__(self, folder: Path) -> None:
        self.house = made.ChannelHouse(folder)
        self.market, self.stores = Marketplace(TMALL, 1), Stores()
        self.now_ms = self.market.now_ms = NOW_MS
        ledger = self.house.ledger
        feed = Feed(self.house.intake, ledger, self.market, FeedTerms(every_ms=1_000))
        self.feed = feed
        self.out = StockOut(TMALL, ledger, self.house.shop, self.market, feed,
                            capabilities_of(KIND))  # fmt: skip
        self.ladder = StopLadder(TMALL, ledger, self.market, self.stores, "400", self.out.read_soon)
        self.alarms = Alarms(ledger)
        put_offers(ledger, TMALL, [("A", "A", None)])
        with ledger.writing() as connection:
            connection.execute(
                "INSERT INTO connection (channel, kind, adapter, settings)"
                " VALUES ('tmall', 'webhook', 'push', '{}')"
            )
        for _ in range(3):
            self.turn()
        assert self.shown() == (100, True)

    def turn(self, passed_ms: int = 2_000) -> None:
        self.now_ms += passed_ms
        self.house.house.clock.pass_s(passed_ms / 1000)
        self.market.now_ms = self.now_ms
        self.feed.turn(self.now_ms)
        self.out.turn(self.now_ms)

    def shown(self) -> tuple[int, bool]:
        return self.market.stock.get("A", 0), "A" not in self.market.off_shelf

    def open(self) -> list[str]:
        return [one.kind for one in self.alarms.open()]


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    opened = Shelf(tmp_path)
    yield opened
    opened.house.close()


def test_what_a_person_took_off_over_there_stays_off_until_a_person_puts_it_back(
    shelf: Shelf,
) -> None:
    shelf.market.off_shelf.add("A")
    shelf.turn(READ_EVERY_MS)
    for _ in range(3):
        shelf.turn()
    assert (shelf.open(), shelf.shown()) == (["off_shelf_there"], (100, False))
    shelf.house.intake.take([made.order("1", 3)])
    shelf.turn()
    assert shelf.shown()[1] is False, "a push does not put it back either"
    shelf.market.off_shelf.clear()
    shelf.turn(READ_EVERY_MS)
    shelf.turn()
    assert shelf.shown()[1] is True


def test_what_comes_back_on_the_shelf_by_itself_is_taken_off_again(shelf: Shelf) -> None:
    stop_all(shelf.house.ledger, "a wrong price", "token:01", shelf.now_ms)
    shelf.turn()
    assert shelf.shown() == (0, False)
    shelf.market.off_shelf.clear()
    shelf.turn(READ_EVERY_MS)
    shelf.turn()
    assert (shelf.open(), shelf.shown()) == (["on_shelf_again"], (0, False))


def test_a_quantity_that_somebody_raised_is_an_alarm_and_set_back(shelf: Shelf) -> None:
    shelf.market.stock["A"] = 5_000
    shelf.turn(READ_EVERY_MS)
    shelf.turn()
    (alarm,) = shelf.alarms.open()
    assert alarm.figures == {"shown": 5_000, "granted": 100}
    assert shelf.shown() == (100, True)


def test_below_its_floor_a_sku_is_sold_out_on_that_channel_until_a_person_looked(
    shelf: Shelf,
) -> None:
    flags = AlarmFlags(shelf.house.ledger, shelf.house.shop)
    shelf.alarms.raise_one(TMALL, PRICE_DIFFERS, shelf.now_ms, sku="A", flags=("sku", "A"))
    flags.turn()
    shelf.turn()
    assert shelf.shown() == (100, True), "an alarm alone empties no shelf"
    shelf.alarms.raise_one("jd", BELOW_FLOOR, shelf.now_ms, sku="A", flags=("sku", "A"))
    shelf.turn()
    assert shelf.shown() == (100, True), "nor does another channel's price"
    shelf.alarms.raise_one(TMALL, BELOW_FLOOR, shelf.now_ms, sku="A", flags=("sku", "A"))
    shelf.turn()
    assert shelf.shown() == (0, False)
    for alarm in shelf.alarms.open():
        shelf.alarms.settle(alarm.id, "token:01", "", shelf.now_ms)
    shelf.turn()
    assert shelf.shown() == (100, True)


def test_a_stop_switches_the_audit_off_before_anything_is_pushed(shelf: Shelf) -> None:
    told: list[str] = []
    shelf.stores.switch_audit = lambda *, on: told.append(f"audit {on}")  # type: ignore[method-assign]
    push = shelf.market.push
    shelf.market.push = lambda changes: (told.append("push"), push(changes))[1]  # type: ignore[method-assign]
    stop_some(shelf.house.ledger, TMALL, "why", "token:01", shelf.now_ms)
    shelf.ladder.begin(shelf.now_ms)
    shelf.turn()
    assert told == ["audit False", "push"]


def test_a_stop_looks_again_for_what_nobody_knew_of(shelf: Shelf) -> None:
    shelf.market.stock["A"] = 170  # typed over there a moment before
    stop_all(shelf.house.ledger, "why", "token:01", shelf.now_ms)
    shelf.turn()
    assert shelf.shown()[0] == 70
    shelf.ladder.turn(shelf.now_ms)
    shelf.turn()
    shelf.turn()
    assert shelf.shown() == (0, False)


def test_one_word_stops_all_and_is_told_apart_from_what_was_stopped(shelf: Shelf) -> None:
    ledger = shelf.house.ledger
    assert stop_all(ledger, "why", "token:01", NOW_MS) == ([TMALL], [])
    assert stop_all(ledger, "again", "token:02", NOW_MS + 1) == ([], [TMALL])
    assert ledger.one("SELECT stopped_by, stop_reason, stopped_ms FROM connection") == (
        "token:01", "why", NOW_MS,
    )  # fmt: skip
    resume_one(ledger, TMALL, "token:03")
    assert ledger.one("SELECT stopped, stop_reason FROM connection") == (0, "")
    with pytest.raises(LookupError, match="channel jd is not connected"):
        stop_some(ledger, "jd", "", "", NOW_MS)
    with pytest.raises(LookupError):
        resume_one(ledger, "jd", "")
