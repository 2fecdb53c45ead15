"""Stock out: what a channel is shown, how it is pushed, and what happens when nobody answers."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

from tidegate.channels.alarms import SHOWS_MORE
from tidegate.channels.capabilities import capabilities_of
from tidegate.channels.feeds import Feed, FeedState, FeedTerms
from tidegate.channels.offers import OfferTerms, target, to_show
from tidegate.channels.stock_out import REFUSED, StockOut, Told, put_offers
from tidegate.record import facts as f
from tidegate.testing.outside import Faults, Marketplace

spec = importlib.util.spec_from_file_location(
    "channels_house", Path(__file__).with_name("channels_house.py")
)
assert spec is not None
assert spec.loader is not None
made = importlib.util.module_from_spec(spec)
spec.loader.exec_module(made)
order, NOW_MS, TMALL = made.order, made.NOW_MS, made.TMALL
MINUTE_MS = 60_000
CURRENT = FeedState(1_000, 1_000, True, "")


@pytest.mark.parametrize(
    ("available", "terms", "shown"),
    [
        (100, OfferTerms(), 100),
        (100, OfferTerms(ratio_bp=3_333), 33),
        (100, OfferTerms(addition=50), 100),  # never more than there is
        (100, OfferTerms(ratio_bp=5_000, addition=20), 70),
        (100, OfferTerms(addition=-30), 70),
        (100, OfferTerms(ceiling=9), 9),
        (100, OfferTerms(safety=99), 1),
        (100, OfferTerms(safety=100), 0),
        (9, OfferTerms(floor=10), 0),
        (10, OfferTerms(floor=10), 10),
        (0, OfferTerms(addition=5), 0),
    ],
)
def test_the_terms_of_an_offer(available: int, terms: OfferTerms, shown: int) -> None:
    assert to_show(available, terms) == shown


@pytest.mark.parametrize(
    ("late_ms", "shown", "goal"),
    [
        (600_000, 100, 50),  # a whole limit late: half
        (1_199_999, 100, 50),
        (1_200_000, 100, 25),
        (6_000_000, 100, 0),
        (600_000, 10, 10),  # never a refill
    ],
)
def test_a_late_feed_shows_less_by_itself(late_ms: int, shown: int, goal: int) -> None:
    late = FeedState(late_ms, 0, False, "late")
    assert target(100, shown, OfferTerms(), late, 600_000) == goal


class Channel:
    """The house with a marketplace that is polled and pushed to."""

    def __init__(self, folder: Path, kind: str = "webhook", **faults: object) -> None:
        self.house = made.ChannelHouse(folder)
        self.market = Marketplace(TMALL, 1, Faults(**faults))
        self.feed = Feed(
            self.house.intake, self.house.ledger, self.market, FeedTerms(every_ms=MINUTE_MS)
        )
        self.out = StockOut(
            TMALL, self.house.ledger, self.house.shop, self.market, self.feed,
            capabilities_of(kind),
        )  # fmt: skip
        put_offers(self.house.ledger, TMALL, [("A", "A", None)])
        self.now_ms = NOW_MS
        self.pass_ms(0)
        self.market.stock["A"] = self.market.stock.get("A", 0)
        self.begin()

    def begin(self) -> None:
        """The first reading, and the feed catches up with it."""
        self.feed.turn(self.now_ms)
        assert self.out.turn(self.now_ms).pushed == 0
        self.pass_ms(MINUTE_MS)
        self.feed.turn(self.now_ms)

    def pass_ms(self, milliseconds: int) -> None:
        self.now_ms += milliseconds
        self.market.now_ms = self.now_ms
        self.house.house.clock.wall_ms = self.now_ms
        self.house.house.clock.at_s += milliseconds / 1000

    def turn(self) -> Told:
        return self.out.turn(self.now_ms)

    def offer(self, *fields: str) -> tuple[object, ...]:
        row = self.house.ledger.one(f"SELECT {', '.join(fields)} FROM offer")
        assert row is not None
        return row


@pytest.fixture
def channel(tmp_path: Path) -> Iterator[Channel]:
    opened = Channel(tmp_path)
    yield opened
    opened.house.close()


def test_what_the_pool_has_is_granted_once_and_a_sale_needs_no_push(channel: Channel) -> None:
    assert channel.turn() == Told(pushed=1, listed=1)
    assert channel.market.stock == {"A": 100}
    channel.market.buy("A", 3, 1_000)
    channel.pass_ms(MINUTE_MS)
    channel.feed.turn(channel.now_ms)
    assert channel.turn() == Told()
    assert (channel.market.stock, channel.offer("shown")) == ({"A": 97}, (97,))


def test_what_a_channel_shows_when_it_is_connected_is_not_added_to(tmp_path: Path) -> None:
    house = made.ChannelHouse(tmp_path)
    market = Marketplace(TMALL, 1)
    market.stock["A"], market.now_ms = 70, NOW_MS
    feed = Feed(house.intake, house.ledger, market, FeedTerms(every_ms=MINUTE_MS))
    out = StockOut(TMALL, house.ledger, house.shop, market, feed, capabilities_of("webhook"))
    put_offers(house.ledger, TMALL, [("A", "A", None)])
    assert out.turn(NOW_MS) == Told(read=1)  # nothing was heard: what it shows stays
    assert (market.stock, market.off_shelf) == ({"A": 70}, set())
    market.now_ms = NOW_MS + MINUTE_MS
    feed.turn(NOW_MS + MINUTE_MS)
    out.turn(NOW_MS + MINUTE_MS)
    assert market.stock == {"A": 100}
    house.close()


def test_a_sale_elsewhere_and_a_receipt_are_pushed_as_steps(channel: Channel) -> None:
    channel.turn()
    channel.market.buy("A", 10, 1_000)  # not heard yet
    channel.house.say(f.AdjustStock("A", -40, TMALL))
    assert channel.turn() == Told(pushed=1)
    assert channel.market.stock == {"A": 50}  # 90 - 40: the unheard sale is not put back
    channel.house.say(f.ReceiveStock("A", 5, TMALL))
    channel.turn()
    assert [c.quantity for pushed in channel.market.pushes for c in pushed] == [100, -40, 5]


@pytest.mark.parametrize("kind", ["douyin", "files"])
def test_a_channel_that_is_only_set_is_read_first(tmp_path: Path, kind: str) -> None:
    channel = Channel(tmp_path, kind)
    channel.turn()
    channel.market.buy("A", 10, 1_000)
    channel.house.say(f.ReceiveStock("A", 5, TMALL))
    channel.turn()
    assert channel.market.stock == {"A": 95}
    assert [c.is_increment for pushed in channel.market.pushes for c in pushed] == [False, False]
    channel.house.close()


@pytest.mark.parametrize("lost", ["lost_answer", "lost_question"])
def test_a_push_that_nobody_answered_is_read_back_and_not_refilled_before_the_feed_caught_up(
    channel: Channel, lost: str
) -> None:
    channel.turn()
    channel.house.say(f.ReceiveStock("A", 20, TMALL))
    setattr(channel.market.faults, lost, 1.0)
    assert channel.turn() == Told(unknown=1)
    assert channel.offer("pushing") == (20,)
    setattr(channel.market.faults, lost, 0.0)
    channel.market.buy("A", 7, 1_000)
    channel.pass_ms(1_000)
    there = 113 if lost == "lost_answer" else 93
    assert channel.turn() == Told(read=1)
    assert channel.offer("shown", "pushing", "is_unknown") == (there, None, 1)
    assert len(channel.market.pushes) == 2
    channel.pass_ms(MINUTE_MS)
    channel.feed.turn(channel.now_ms)  # hears the seven, which the reading had seen
    channel.turn()
    assert channel.market.stock == {"A": 113}
    assert channel.offer("shown") == (113,)
    cell = channel.house.cell()
    assert cell.get("committed", 0) + cell.get("pre_held", 0) == 7


def test_no_refill_while_the_feed_lags_and_what_is_shown_shrinks(channel: Channel) -> None:
    channel.turn()
    channel.market.faults.silent = ((channel.now_ms, channel.now_ms + 100 * MINUTE_MS),)
    channel.house.say(f.ReceiveStock("A", 20, TMALL))
    shown = []
    for _ in range(9):
        channel.pass_ms(10 * MINUTE_MS + 1)
        channel.feed.turn(channel.now_ms)
        channel.turn()
        shown.append(channel.market.stock["A"])
    assert shown == [60, 30, 15, 7, 3, 1, 0, 0, 0]
    assert channel.market.off_shelf == {"A"}
    channel.pass_ms(11 * MINUTE_MS)
    channel.feed.turn(channel.now_ms)
    channel.turn()
    assert (channel.market.stock, channel.market.off_shelf) == ({"A": 120}, set())


def test_a_refused_reduction_leads_to_delisting(channel: Channel) -> None:
    channel.turn()
    channel.market.faults.refused_reduction = 1.0
    channel.house.say(f.AdjustStock("A", -40, TMALL))
    channel.turn()
    assert channel.market.off_shelf == {"A"}
    assert channel.offer("shown", "fault", "listed") == (100, REFUSED, 0)
    channel.turn()
    assert channel.market.refusals == 1  # not asked again at once
    channel.market.faults.refused_reduction = 0.0
    channel.pass_ms(MINUTE_MS + 1)
    channel.feed.turn(channel.now_ms)
    channel.turn()
    channel.turn()
    assert (channel.market.stock, channel.market.off_shelf) == ({"A": 60}, set())


def test_somebody_who_raises_the_quantity_over_there_is_noticed(channel: Channel) -> None:
    channel.turn()
    channel.market.stock["A"] = 500
    channel.pass_ms(5 * MINUTE_MS)
    channel.turn()
    assert channel.offer("fault") == (SHOWS_MORE,)
    channel.turn()
    assert channel.market.stock == {"A": 100}


def test_a_stopped_channel_is_shown_nothing(channel: Channel) -> None:
    channel.turn()
    with channel.house.ledger.writing() as connection:
        connection.execute(
            "INSERT INTO connection (channel, kind, adapter, settings, stopped)"
            " VALUES ('tmall', 'webhook', 'pull', '{}', 1)"
        )
    channel.turn()
    assert (channel.market.stock, channel.market.off_shelf) == ({"A": 0}, {"A"})


def test_a_paused_sku_is_shown_nowhere(channel: Channel) -> None:
    channel.turn()
    channel.house.say(f.SetFlag("sku", "paused", True, "A"))
    channel.turn()
    assert channel.market.stock == {"A": 0}


def test_a_killed_push_is_unknown_when_it_comes_back(channel: Channel) -> None:
    def killed(_: object) -> None:
        raise SystemExit

    channel.market.push, kept = killed, channel.market.push
    with pytest.raises(SystemExit):
        channel.turn()
    channel.market.push = kept
    channel.market.stock["A"] = 0
    channel.turn()
    assert channel.offer("shown", "pushing", "is_unknown") == (0, None, 1)
    channel.pass_ms(MINUTE_MS)
    channel.feed.turn(channel.now_ms)
    channel.turn()
    assert channel.market.stock == {"A": 100}
