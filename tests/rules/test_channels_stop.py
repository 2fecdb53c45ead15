"""The stop ladder: each rung is read back; a refusal says what to do and whom to phone."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

from tidegate.channels.capabilities import UnknownKind, capabilities_of
from tidegate.channels.connection import (
    Settings,
    connections,
    put_connection,
    set_stopped,
)
from tidegate.channels.feeds import Feed, FeedTerms
from tidegate.channels.status import status_of
from tidegate.channels.stock_out import StockOut, put_offers
from tidegate.channels.stop_ladder import StopLadder, rungs
from tidegate.testing.outside import Marketplace, Stores

spec = importlib.util.spec_from_file_location(
    "channels_house", Path(__file__).with_name("channels_house.py")
)
assert spec is not None
assert spec.loader is not None
made = importlib.util.module_from_spec(spec)
spec.loader.exec_module(made)
NOW_MS, TMALL = made.NOW_MS, made.TMALL
House = made.ChannelHouse


class Sold:
    """A channel that sells, and its ladder."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.market, self.stores = Marketplace(TMALL, 1), Stores()
        self.market.now_ms = NOW_MS
        put_connection(house.ledger, TMALL, "webhook", "push", Settings(phone="400-1"))
        feed = Feed(house.intake, house.ledger, self.market, FeedTerms())
        feed.turn(NOW_MS)
        put_offers(house.ledger, TMALL, [("A", "A", None)])
        self.out = StockOut(TMALL, house.ledger, house.shop, self.market, feed,
                            capabilities_of("webhook"))  # fmt: skip
        self.out.turn(NOW_MS - 90_000)  # the first reading, older than what the feed knows
        self.out.turn(NOW_MS)
        self.ladder = StopLadder(TMALL, house.ledger, self.market, self.stores, "400-1")

    def turn(self, now_ms: int) -> dict[str, str]:
        self.out.turn(now_ms)
        return {rung.step: rung.state for rung in self.ladder.turn(now_ms)}


@pytest.fixture
def sold(tmp_path: Path) -> Iterator[Sold]:
    house = made.ChannelHouse(tmp_path)
    yield Sold(house)
    house.close()


def test_every_rung_is_confirmed_by_reading_back(sold: Sold) -> None:
    assert sold.market.stock == {"A": 100}
    assert set_stopped(sold.house.ledger, TMALL, stopped=True)
    assert sold.turn(NOW_MS) == {
        "audit": "done", "activity": "done", "stock": "done", "delist": "done", "shop": "person",
    }  # fmt: skip
    assert (sold.stores.audit, sold.market.activity) == (False, False)
    assert (sold.market.stock, sold.market.off_shelf) == ({"A": 0}, {"A"})
    set_stopped(sold.house.ledger, TMALL, stopped=False)
    assert rungs(sold.house.ledger, TMALL) == []
    sold.out.turn(NOW_MS)
    sold.out.turn(NOW_MS)
    assert (sold.market.stock, sold.market.off_shelf) == ({"A": 100}, set())


def test_a_refusal_is_shown_with_the_next_step_and_whom_to_phone(sold: Sold) -> None:
    sold.market.faults.refused_reduction = 1.0
    set_stopped(sold.house.ledger, TMALL, stopped=True)
    assert sold.turn(NOW_MS) == {
        "audit": "done", "activity": "refused", "stock": "refused", "delist": "done",
        "shop": "person",
    }  # fmt: skip
    told = {rung.step: rung.told for rung in rungs(sold.house.ledger, TMALL)}
    assert told["activity"] == (
        "the campaign is locked; the next rungs go on; withdraw from the activity in the back"
        " office; phone 400-1"
    )
    assert told["stock"].startswith("1 of 1 items still sell: A; what refuses a reduction")
    sold.market.faults.refused_reduction = 0.0
    assert sold.turn(NOW_MS + 9_000)["activity"] == "refused"  # not asked again at once
    assert sold.turn(NOW_MS + 61_000) == {
        "audit": "done", "activity": "done", "stock": "done", "delist": "done", "shop": "person",
    }  # fmt: skip


def test_silence_keeps_a_rung_waiting(sold: Sold) -> None:
    sold.market.faults.lost_question = 1.0
    set_stopped(sold.house.ledger, TMALL, stopped=True)
    states = sold.turn(NOW_MS)
    assert (states["stock"], states["delist"], states["activity"]) == ("waiting", "waiting", "done")
    sold.market.faults.lost_question = 0.0
    sold.turn(NOW_MS + 61_000)
    assert sold.turn(NOW_MS + 122_000)["delist"] == "done"


def test_what_has_no_adapter_is_a_person_s(sold: Sold) -> None:
    ladder = StopLadder(TMALL, sold.house.ledger, None, None)
    assert {rung.state for rung in ladder.turn(NOW_MS)} == {"person"}


def test_a_connection_names_a_kind_and_an_address(sold: Sold) -> None:
    ledger = sold.house.ledger
    with pytest.raises(UnknownKind):
        put_connection(ledger, "x", "ebay", "push", Settings())
    with pytest.raises(ValueError, match="a bridge needs its address"):
        put_connection(ledger, "x", "taobao", "bridge", Settings())
    assert set_stopped(ledger, "x", stopped=True) is False
    assert [one.channel for one in connections(ledger)] == [TMALL]
    assert Settings(verified=("account", "address")).verified_bits() == 5


def test_the_status_says_what_is_late(sold: Sold) -> None:
    row = status_of(sold.house.ledger, NOW_MS)[0]
    assert (row["feed"], row["parked"], row["faults"], row["stopped"]) == ("", 0, 0, False)
    late = status_of(sold.house.ledger, NOW_MS + 700_000)[0]
    assert late["feed"] == "700 s late"
