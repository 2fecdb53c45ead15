"""Channels of one pool: together they never show more than it has, whatever their ratios say."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

from tidegate.channels.alarms import Alarms
from tidegate.channels.capabilities import capabilities_of
from tidegate.channels.feeds import Feed, FeedTerms
from tidegate.channels.intake import Intake
from tidegate.channels.offers import OfferTerms
from tidegate.channels.shares import SharedShelves, room, scaled
from tidegate.channels.stock_out import StockOut, put_offers
from tidegate.record import facts as f
from tidegate.testing.outside import Marketplace

spec = importlib.util.spec_from_file_location(
    "channels_house", Path(__file__).with_name("channels_house.py")
)
assert spec is not None
assert spec.loader is not None
made = importlib.util.module_from_spec(spec)
spec.loader.exec_module(made)
NOW_MS, TMALL, KIND = made.NOW_MS, made.TMALL, made.KIND
JD = "jd"


class Two:
    """Two channels that sell A from one pool of 100."""

    def __init__(self, folder: Path, *ratios_bp: int) -> None:
        self.house = made.ChannelHouse(folder)
        self.house.say(f.PutChannel(JD, kind="marketplace", pool=TMALL))
        self.now_ms = NOW_MS
        self.shelves = SharedShelves(self.house.ledger, self.house.shop)
        self.markets, self.feeds, self.outs = {}, {}, {}
        for name, ratio_bp in zip((TMALL, JD), ratios_bp, strict=True):
            market = Marketplace(name, 1)
            intake = Intake(name, self.house.ledger, self.house.asking, capabilities_of(KIND))
            feed = Feed(intake, self.house.ledger, market, FeedTerms(every_ms=1_000))
            self.markets[name], self.feeds[name] = market, feed
            self.outs[name] = StockOut(
                name, self.house.ledger, self.house.shop, market, feed, capabilities_of(KIND),
                shelves=self.shelves,
            )  # fmt: skip
            terms = OfferTerms(ratio_bp=ratio_bp)
            put_offers(self.house.ledger, name, [("A", "A", terms)])

    def turn(self, *names: str, hears: bool = True) -> tuple[int, int]:
        self.now_ms += 3_000
        self.house.house.clock.pass_s(3)
        for name in names or (TMALL, JD):
            self.markets[name].now_ms = self.now_ms
            if hears:
                self.feeds[name].turn(self.now_ms)
            self.outs[name].turn(self.now_ms)
        shown = (self.markets[TMALL].stock.get("A", 0), self.markets[JD].stock.get("A", 0))
        assert sum(shown) <= self.house.cell()["on_hand"], shown
        return shown


@pytest.fixture
def two(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Two]:
    opened = Two(tmp_path, *request.param)
    yield opened
    opened.house.close()


def settled(two: Two) -> tuple[int, int]:
    for _ in range(4):
        shown = two.turn()
    return shown


@pytest.mark.parametrize("two", [(6_000, 4_000)], indirect=True)
def test_ratios_that_add_up_to_all_are_shown_as_they_are(two: Two) -> None:
    assert settled(two) == (60, 40)
    assert Alarms(two.house.ledger).open() == []


@pytest.mark.parametrize("two", [(10_000, 10_000)], indirect=True)
def test_ratios_over_all_are_scaled_down_and_said(two: Two) -> None:
    assert settled(two) == (50, 50)
    (alarm, *_) = Alarms(two.house.ledger).open()
    assert alarm.english == ("tmall: of A in pool tmall more than all is promised (20000 of 10000)")


@pytest.mark.parametrize("two", [(6_000, 4_000)], indirect=True)
def test_a_refill_waits_until_the_other_channel_shows_less(two: Two) -> None:
    assert settled(two) == (60, 40)
    two.markets[JD].faults.lost_question = 1.0  # it takes no reduction
    put_offers(two.house.ledger, TMALL, [("A", "A", OfferTerms(ratio_bp=9_000))])
    put_offers(two.house.ledger, JD, [("A", "A", OfferTerms(ratio_bp=1_000))])
    for _ in range(3):
        assert two.turn() == (60, 40)
    two.markets[JD].faults.lost_question = 0.0
    assert settled(two) == (90, 10)


@pytest.mark.parametrize("two", [(6_000, 4_000)], indirect=True)
def test_a_channel_that_was_never_read_leaves_no_room_for_others(two: Two) -> None:
    two.markets[JD].stock["A"] = 70  # what it showed before we came
    assert two.turn(TMALL)[0] == 0
    settled(two)
    assert settled(two) == (60, 40)


def test_sums() -> None:
    assert (scaled(100, 8_000), scaled(100, 20_000), scaled(99, 30_000)) == (100, 50, 33)
    assert (room(100, 10, 60), room(100, 50, 60), room(100, 10, None)) == (40, 50, 10)
