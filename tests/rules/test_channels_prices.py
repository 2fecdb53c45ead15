"""Prices read back: on a schedule and after every start; what is wrong is an alarm and a flag.

Always the real desk, its price book and the ledger. Never: time passes by itself.
"""

import importlib.util
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import pytest

from tidegate.bootstrap.channel_prices import ServedPrices
from tidegate.channels.alarms import AlarmFlags, Alarms
from tidegate.channels.first_orders import ORDERS_MAX, FirstOrders
from tidegate.channels.ledger import Ledger
from tidegate.channels.ports import OurPrice, RefusedOutside, Unanswered
from tidegate.channels.price_reading import (
    AGAIN_MS,
    FAILURES_MAX,
    SHOP_FLAG_SKUS,
    START_FIRST_MS,
    START_READ_MS,
    Compared,
    PriceReading,
    verdict,
)
from tidegate.channels.stock_out import put_offers
from tidegate.engine import layout as lo
from tidegate.pricing.effects import PercentOff
from tidegate.pricing.promotion import Promotion, Scope
from tidegate.publishing.books import PriceBooks
from tidegate.record import facts as f

spec = importlib.util.spec_from_file_location(
    "channels_house", Path(__file__).with_name("channels_house.py")
)
assert spec is not None
assert spec.loader is not None
made = importlib.util.module_from_spec(spec)
spec.loader.exec_module(made)
order, NOW_MS, TMALL = made.order, made.NOW_MS, made.TMALL
EVERY_MS, DAY_MS = 300_000, 86_400_000


class Board:
    """The prices that a channel shows, and how it answers."""

    def __init__(self, prices: dict[str, int]) -> None:
        self.prices = prices
        self.error: Exception | None = None
        self.asked: list[tuple[tuple[str, ...], int]] = []

    def read_prices(self, items: Sequence[str], not_before_ms: int) -> dict[str, int]:
        self.asked.append((tuple(items), not_before_ms))
        if self.error is not None:
            raise self.error
        return {item: self.prices[item] for item in items if item in self.prices}


class Shop:
    """A channel that shows A and B, and what reads its prices."""

    def __init__(self, folder: Path) -> None:
        self.house = made.ChannelHouse(folder)
        self.now_ms = NOW_MS
        self.board = Board({"A": 1_000, "B": 2_000})
        self.offer("A", "B")
        books = PriceBooks(self.house.house.desk, lambda: self.now_ms)
        self.ours = ServedPrices(self.house.shop, books)
        self.starts = 0
        ledger = self.house.ledger
        self.reading = PriceReading(TMALL, ledger, self.ours, self.board, EVERY_MS, self.started)
        self.first = FirstOrders(TMALL, ledger, self.ours)
        self.alarms = Alarms(ledger)
        self.flags = AlarmFlags(ledger, self.house.shop)

    def offer(self, *skus: str) -> None:
        put_offers(self.house.ledger, TMALL, [(sku, sku, None) for sku in skus])
        with self.house.ledger.writing() as connection:
            connection.execute("UPDATE offer SET shown = 5, pushing = NULL")

    def started(self) -> None:
        self.starts += 1

    def turn(self, passed_ms: int = 0) -> Compared:
        self.now_ms += passed_ms
        self.house.house.clock.pass_s(passed_ms / 1000)
        found: Compared = self.reading.turn(self.now_ms)
        self.flags.turn()
        return found

    def publish(self, start_ms: int, pay_bp: int = 5_000) -> None:
        """So much off A, from a moment on, for a day."""
        promotion = Promotion(
            code="P", level="item", effect=PercentOff(pay_bp=pay_bp), start_ms=start_ms,
            end_ms=start_ms + DAY_MS, scope=Scope(skus=("A",)),
        )  # fmt: skip
        machine = self.house.house.desk.machine
        version = int(machine.state.scalars[lo.PRICING_VERSION])
        document = msgspec.json.encode(promotion).decode()
        self.house.say(f.PublishPromotion("P", document, "0" * 64, version))

    def flagged(self, sku: str = "A") -> bool:
        machine = self.house.house.desk.machine
        return bool(machine.state.skus[machine.catalogue.skus[sku]]["flags"] & lo.ALARM)

    def shop_flagged(self) -> bool:
        return bool(self.house.house.desk.machine.state.scalars[lo.SHOP_FLAGS] & lo.ALARM)

    def open(self) -> list[tuple[str, str]]:
        return [(one.kind, one.sku) for one in self.alarms.open()]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    opened = Shop(tmp_path)
    yield opened
    opened.house.close()


@pytest.mark.parametrize(
    ("read_fen", "price", "kind"),
    [
        (1_000, OurPrice(1_000, 1_000, 500), ""),
        (990, OurPrice(1_000, 1_000, 500), "price_differs"),
        (1_001, OurPrice(1_000, 1_000, 500), "price_differs"),
        (499, OurPrice(1_000, 1_000, 500), "price_below_floor"),
        (500, OurPrice(1_000, 1_000, 500), "price_differs"),
        (450, OurPrice(450, 550, 500), ""),  # the platform pays the rest, and we know of it
        (449, OurPrice(450, 550, 500), "price_below_floor"),  # who pays is unknown: the shop does
        (450, OurPrice(450, 450, 500), "price_below_floor"),
    ],
)
def test_a_price_is_right_differs_or_is_below_its_floor(
    read_fen: int, price: OurPrice, kind: str
) -> None:
    assert verdict(read_fen, price) == kind


def test_prices_are_read_on_a_schedule_and_right_ones_raise_nothing(shop: Shop) -> None:
    assert shop.turn() == Compared(read=2)
    assert shop.turn(EVERY_MS - 1) == Compared()
    assert shop.turn(1) == Compared(read=2)
    assert [items for items, _ in shop.board.asked] == [("A", "B")] * 2
    assert shop.open() == []


def test_a_wrong_price_is_an_alarm_and_keeps_orders_from_release(shop: Shop) -> None:
    shop.board.prices["A"] = 38
    assert shop.turn() == Compared(read=2, wrong=1)
    assert shop.open() == [("price_below_floor", "A")]
    assert (shop.flagged("A"), shop.flagged("B")) == (True, False)
    (alarm,) = shop.alarms.after(0)
    assert alarm.english == "tmall: A costs a buyer 38 fen there, its floor is 500 fen"
    assert alarm.chinese == "tmall：A 到手价 38 分，低于底价 500 分"
    house = shop.house
    house.say(f.ReceiveStock("B", 5, TMALL))
    house.intake.take([order("1", 2), order("2", 1, item="B", fen=2_000)])
    house.gate.turn(NOW_MS)
    assert house.orders("number", "state") == [("1", "waiting"), ("2", "released")]
    shop.turn(EVERY_MS)
    assert len(shop.alarms.after(0)) == 1, "the same is raised once"
    assert shop.alarms.settle(alarm.id, "token:000000000000004d", "mended", shop.now_ms)
    shop.board.prices["A"] = 1_000
    shop.turn(EVERY_MS)
    assert (shop.open(), shop.flagged("A")) == ([], False)
    house.gate.turn(NOW_MS + DAY_MS)
    assert house.orders("number", "state") == [("1", "released"), ("2", "released")]


def test_a_flag_stays_while_another_alarm_needs_it(shop: Shop) -> None:
    shop.board.prices["A"] = 900
    shop.turn()
    shop.board.prices["A"] = 38
    shop.turn(EVERY_MS)
    differs, below = shop.alarms.open()
    assert (differs.kind, below.kind) == ("price_differs", "price_below_floor")
    shop.alarms.settle(differs.id, "token:01", "", shop.now_ms)
    shop.flags.turn()
    assert shop.flagged()
    shop.alarms.settle(below.id, "token:01", "", shop.now_ms)
    shop.flags.turn()
    assert not shop.flagged()


def test_a_price_that_cannot_be_read_is_an_alarm_that_ends_when_it_can(shop: Shop) -> None:
    del shop.board.prices["A"]
    assert shop.turn() == Compared(read=1, unreadable=1)
    assert (shop.open(), shop.flagged()) == ([("price_unreadable", "A")], True)
    shop.board.prices["A"] = 1_000
    shop.turn(EVERY_MS)
    shop.flags.turn()
    assert (shop.open(), shop.flagged()) == ([], False)


def test_a_channel_that_does_not_answer_is_an_alarm_after_some_tries(shop: Shop) -> None:
    shop.board.error = Unanswered("timed out")
    for tried in range(1, FAILURES_MAX):
        shop.turn(AGAIN_MS * tried)
        assert shop.open() == []
    shop.turn(AGAIN_MS * FAILURES_MAX)
    assert shop.open() == [("price_unreadable", "")]
    shop.board.error = None
    shop.turn(AGAIN_MS * 12)
    assert shop.open() == []


def test_a_channel_that_tells_no_prices_raises_nothing(shop: Shop) -> None:
    shop.board.error = RefusedOutside("no such path")
    assert shop.turn() == Compared()
    assert (shop.open(), shop.reading.untold) == ([], "no such path")


def test_an_item_off_the_shelf_is_not_read(shop: Shop) -> None:
    with shop.house.ledger.writing() as connection:
        connection.execute("UPDATE offer SET listed = 0 WHERE sku = 'B'")
    assert shop.turn() == Compared(read=1)


def test_wrong_prices_everywhere_flag_the_whole_shop_once(shop: Shop) -> None:
    skus = [f"S{n}" for n in range(SHOP_FLAG_SKUS + 1)]
    for sku in skus:
        shop.house.say(f.PutSku(sku, 1_000, 500))
    shop.offer(*skus)
    shop.board.prices |= dict.fromkeys(skus, 38)
    assert shop.turn().wrong == len(skus)
    assert shop.shop_flagged()
    assert not shop.flagged("S0")


def test_prices_are_read_within_a_minute_of_every_start(shop: Shop) -> None:
    start_ms = NOW_MS + 100_000
    shop.publish(start_ms)
    shop.turn()
    assert shop.turn(100_000) == Compared(), "a platform may still show the price of before"
    shop.board.prices["A"] = 500
    assert shop.turn(START_FIRST_MS) == Compared(read=2)
    assert shop.starts == 1
    assert shop.board.asked[-1][1] >= start_ms, "an older sheet says nothing of now"
    assert shop.turn(1_000) == Compared()
    assert shop.open() == []


def test_a_start_whose_price_is_still_the_old_one_is_an_alarm(shop: Shop) -> None:
    shop.publish(NOW_MS + 100_000)
    shop.turn()
    shop.turn(100_000 + START_FIRST_MS)
    assert shop.open() == [("price_differs", "A")]


def test_a_start_that_cannot_be_read_in_its_minute_flags_the_promotion(shop: Shop) -> None:
    shop.publish(NOW_MS + 10_000)
    shop.turn()
    shop.board.error = Unanswered("timed out")
    passed_ms = 0
    while passed_ms < 10_000 + START_READ_MS:
        shop.turn(1_000)
        passed_ms += 1_000
    assert shop.open() == [("price_unreadable", "")]
    machine = shop.house.house.desk.machine
    assert machine.state.promotions[machine.catalogue.promotions["P"]]["flags"] & lo.ALARM
    assert len(shop.board.asked) >= 10, "it is asked again and again"


def test_the_first_paid_orders_after_a_start_are_compared(shop: Shop) -> None:
    start_ms = NOW_MS
    shop.publish(start_ms)
    take = shop.house.intake.take
    take([order("0", 1, placed_at=start_ms - 1), order("1", 1, fen=500),
          order("2", 2, fen=1_000), order("3", 1, fen=500, status="unpaid")])  # fmt: skip
    assert shop.first.turn(shop.now_ms + 1_000) == 2
    assert (shop.open(), shop.first.turn(shop.now_ms + 1_000)) == ([], 0)
    take([order("3", 1, fen=500, changed_at=start_ms + 5), order("4", 1, fen=40)])
    assert shop.first.turn(shop.now_ms + 2_000) == 2
    assert shop.open() == [("first_order_differs", "A")]
    (alarm,) = shop.alarms.open()
    assert alarm.figures == {"read_fen": 40, "price_fen": 500, "lines": 1}
    shop.flags.turn()
    assert shop.flagged()
    take([order(f"x{n}", 1, fen=500) for n in range(ORDERS_MAX)])
    assert shop.first.turn(shop.now_ms + 3_000) == ORDERS_MAX - 4


def test_alarms_are_followed_by_a_cursor_also_from_another_process(shop: Shop) -> None:
    for n in range(3):
        shop.alarms.raise_one(TMALL, "off_shelf_there", NOW_MS + n, sku=f"S{n}")
    assert not shop.alarms.raise_one(TMALL, "off_shelf_there", NOW_MS, sku="S0")
    other = Ledger(shop.house.path)
    first = Alarms(other).after(0, 2)
    rest = Alarms(other).after(first[-1].id)
    assert [one.sku for one in (*first, *rest)] == ["S0", "S1", "S2"]
    assert Alarms(other).after(rest[-1].id) == []
    other.close()
