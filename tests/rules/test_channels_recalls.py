"""Recalls: off sale, acknowledged by the channel, sales in flight heard, and only then shared."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

from tidegate.channels.capabilities import capabilities_of
from tidegate.channels.feeds import Feed, FeedTerms
from tidegate.channels.recalls import Recall, Recalls, ask_recall, recall_of
from tidegate.channels.stock_out import StockOut, put_offers
from tidegate.testing.outside import Marketplace

spec = importlib.util.spec_from_file_location(
    "channels_house", Path(__file__).with_name("channels_house.py")
)
assert spec is not None
assert spec.loader is not None
made = importlib.util.module_from_spec(spec)
spec.loader.exec_module(made)
NOW_MS, TMALL, KIND = made.NOW_MS, made.TMALL, made.KIND


class Shelf:
    """A channel with 20 units of A, its shelf and its recalls."""

    def __init__(self, folder: Path) -> None:
        self.house = made.ChannelHouse(folder, units=20)
        self.market = Marketplace(TMALL, 1)
        self.now_ms = NOW_MS
        self.market.now_ms = NOW_MS
        ledger = self.house.ledger
        self.feed = Feed(self.house.intake, ledger, self.market, FeedTerms(every_ms=1_000))
        self.out = StockOut(TMALL, ledger, self.house.shop, self.market, self.feed,
                            capabilities_of(KIND))  # fmt: skip
        self.recalls = Recalls(ledger, self.house.asking, lambda _: self.feed.state(self.now_ms))
        put_offers(ledger, TMALL, [("A", "A", None)])
        for _ in range(3):
            self.turn()
        assert self.market.stock == {"A": 20}

    def turn(self, passed_ms: int = 2_000, *, hears: bool = True) -> Recall | None:
        self.now_ms += passed_ms
        self.house.house.clock.pass_s(passed_ms / 1000)
        self.market.now_ms = self.now_ms
        if hears:
            self.feed.turn(self.now_ms)
        self.out.turn(self.now_ms)
        self.recalls.turn(self.now_ms)
        row = self.house.ledger.one("SELECT name FROM recall")
        return recall_of(self.house.ledger, row[0]) if row else None

    def ask(self, units: int) -> None:
        ask_recall(self.house.ledger, "back", TMALL, "A", units, "token:01", self.now_ms)

    def shared(self) -> int:
        return int(self.house.cell("A", "shared").get("on_hand", 0))


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    made_shelf = Shelf(tmp_path)
    yield made_shelf
    made_shelf.house.close()


def settled(shelf: Shelf, turns: int = 8) -> Recall:
    for _ in range(turns):
        found = shelf.turn()
        assert found is not None
        if found.state in ("done", "refused"):
            return found
    raise AssertionError(found)


def test_units_come_back_when_the_channel_agreed_and_was_heard(shelf: Shelf) -> None:
    before = shelf.shared()
    shelf.ask(8)
    found = settled(shelf)
    assert (found.state, found.back) == ("done", 8)
    assert shelf.market.stock == {"A": 12}
    assert (shelf.shared(), shelf.house.cell()["on_hand"]) == (before + 8, 12)


def test_a_sale_in_flight_keeps_what_it_needs(shelf: Shelf) -> None:
    """Eighteen are sold over there while the reduction is on its way."""
    before = shelf.shared()
    shelf.ask(8)
    begun = shelf.turn(hears=False)
    assert begun is not None
    assert (begun.state, shelf.market.stock["A"]) == ("lowering", 20)
    sold = shelf.market.buy("A", 18, 1_000)
    assert sold is not None
    shelf.market.change(sold.number, "paid")
    found = settled(shelf)
    assert (found.state, found.back) == ("done", 2)
    assert shelf.shared() == before + 2
    assert shelf.house.cell() == {"on_hand": 18, "committed": 12, "debt": 6}
    shelf.house.gate.turn(shelf.now_ms)
    assert shelf.house.cell() == {"on_hand": 18, "committed": 18, "released": 18}


def test_nothing_comes_back_while_the_channel_does_not_answer(shelf: Shelf) -> None:
    shelf.market.faults.lost_question = 1.0
    shelf.ask(8)
    for _ in range(6):
        found = shelf.turn()
    assert found is not None
    assert found.state == "lowering"
    shelf.market.faults.lost_question = 0.0
    assert settled(shelf).back == 8


def test_nothing_comes_back_while_the_feed_is_silent(shelf: Shelf) -> None:
    shelf.ask(8)
    for _ in range(6):
        found = shelf.turn(hears=False)
    assert found is not None
    assert (found.state, shelf.market.stock["A"]) == ("draining", 12)
    assert settled(shelf).back == 8


def test_more_than_there_is_is_refused_and_nothing_goes_off_sale(shelf: Shelf) -> None:
    shelf.ask(21)
    found = settled(shelf)
    assert found.state == "refused"
    assert "nothing was taken off sale" in found.told
    assert shelf.market.stock == {"A": 20}


def test_the_same_name_counts_once_also_after_a_crash(shelf: Shelf) -> None:
    shelf.ask(8)
    shelf.turn()
    shelf.house.ledger.ask("SELECT 1")
    ask_recall(shelf.house.ledger, "back", TMALL, "A", 5, "token:01", shelf.now_ms)
    with shelf.house.ledger.writing() as connection:  # the process ended before it was stored
        connection.execute("UPDATE recall SET state = 'asked'")
    assert settled(shelf).back == 8
    assert shelf.house.cell()["on_hand"] == 12
