"""Nights of marketplaces that sell on their own: whatever feeds, pushes and processes do, what goes
to the warehouse is covered by stock, each order is recorded once, and the debt is what anybody
counts.

Always the real desk, ledger, feeds, gate, outbox and stock out; one seed drives what is outside.
"""

import importlib.util
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest

from tidegate.channels.bulk import Bulk, Scope, ask_bulk
from tidegate.channels.capabilities import capabilities_of
from tidegate.channels.feed_order import FeedOrder
from tidegate.channels.feeds import Feed, FeedTerms
from tidegate.channels.intake import Intake
from tidegate.channels.order_rows import fact_rows
from tidegate.channels.outbox import Outbox
from tidegate.channels.sales import Sale, SaleIntake
from tidegate.channels.stock_out import StockOut, put_offers
from tidegate.journal.follow import BATCH
from tidegate.record import entry as en
from tidegate.record import facts as f
from tidegate.record.lines import CANCEL, CONTINUES, RELEASE, SHIP
from tidegate.testing.outside import Faults, Marketplace, Stores

RULES = Path(__file__).resolve().parents[1] / "rules"
spec = importlib.util.spec_from_file_location("channels_house", RULES / "channels_house.py")
assert spec is not None
assert spec.loader is not None
made = importlib.util.module_from_spec(spec)
spec.loader.exec_module(made)
NOW_MS = made.NOW_MS

STEPS, STEP_MS = 40, 45_000
STOCK = {"mall": 30, "bazaar": 25}
KINDS = {"mall": "webhook", "bazaar": "douyin"}  # one that adds, one of which nothing is known
POLL_MS = {"mall": 60_000, "bazaar": 300_000}
SEEDS = range(50)
LONG_SEEDS = 1_000  # in pieces, each a test
PIECE = 100


@dataclass
class Books:
    """What the journal says, counted by somebody who knows nothing of the engine."""

    on_hand: Counter[int] = field(default_factory=Counter)  # by pool
    open: dict[tuple[int, int], list[int]] = field(default_factory=dict)  # pool, units, short
    facts: Counter[tuple[int, int]] = field(default_factory=Counter)
    released: set[tuple[int, int]] = field(default_factory=set)

    def read(self, night: "Night") -> "Books":
        """Every entry from the first."""
        pools = night.house.house.desk.machine.state.channels["pool"]
        for entry in night.house.house.store.entries:
            if entry.kind == BATCH:
                for frame in en.read_frames(en.aligned(entry.payload)):
                    self.frame(frame, pools)
        return self

    def frame(self, frame: en.Frame, pools: object) -> None:
        if frame.kind == en.COMMAND:
            fact = f.decode_envelope(frame.body.tobytes()).fact
            if isinstance(fact, f.StockChanged) and fact.sku == 0:
                self.on_hand[fact.pool] = fact.on_hand
        elif frame.kind == en.ORDERS:
            rows, outcomes = en.read_orders(frame.body)
            firsts = rows[rows["flags"] & CONTINUES == 0]
            for row, outcome in zip(firsts, outcomes, strict=True):
                if outcome["reason"] == 0 and outcome["flags"] == 0:
                    self.sold((int(row["id_hi"]), int(row["id_lo"])), int(row["quantity"]),
                              int(pools[row["channel"]]))  # fmt: skip
        elif frame.kind == en.OPERATIONS:
            rows, outcomes = en.read_operations(frame.body)
            for row, outcome in zip(rows, outcomes, strict=True):
                if outcome["reason"] == 0 and outcome["flags"] == 0:
                    self.operated((int(row["order_hi"]), int(row["order_lo"])), int(row["kind"]))

    def sold(self, key: tuple[int, int], units: int, pool: int) -> None:
        claimed = sum(took for at, took, _ in self.open.values() if at == pool)
        covered = min(units, max(0, self.on_hand[pool] - claimed))
        self.open[key] = [pool, units, units - covered]
        self.facts[key] += 1

    def operated(self, key: tuple[int, int], kind: int) -> None:
        if kind == RELEASE:
            self.released.add(key)
            self.open[key][2] = 0
        elif kind in (CANCEL, SHIP) and key in self.open:
            pool, units, _ = self.open.pop(key)
            self.on_hand[pool] -= units * (kind == SHIP)

    def debt(self, pool: int) -> int:
        return sum(short for at, _, short in self.open.values() if at == pool)


class Night:
    """One seed's night."""

    def __init__(self, seed: int, folder: Path, *, careless: bool = False) -> None:
        self.random = random.Random(seed)
        self.careless = careless
        self.house = made.ChannelHouse(folder, units=0)
        self.received = Counter(STOCK)
        self.now_ms = NOW_MS
        self.kills = self.bulks = self.sales = 0
        self.late: list[tuple[str, FeedOrder]] = []  # pushes that come later, in any order
        self.markets = {name: self._market(name) for name in STOCK}
        self.stores = Stores(seed, 0.1, 0.1)
        for name, units in STOCK.items():
            self.house.say(f.PutPool(name))
            self.house.say(f.PutChannel(name, "marketplace", name))
            self.house.say(f.ReceiveStock("A", units, name))
        self.open()
        for name in STOCK:
            put_offers(self.house.ledger, name, [("A", "A", None)])

    def _market(self, name: str) -> Marketplace:
        starts = [NOW_MS + self.random.randrange(STEPS) * STEP_MS for _ in range(2)]
        faults = Faults(
            lost_answer=self.random.choice((0.0, 0.1, 0.3)),
            lost_question=self.random.choice((0.0, 0.1, 0.3)),
            refused_reduction=self.random.choice((0.0, 0.0, 0.5)),
            repeated=0.2,
            hidden=self.random.choice((0.0, 0.1)),
            silent=tuple((at, at + self.random.randrange(20) * 60_000) for at in starts),
            skew_ms=self.random.choice((0, 0, 40_000, -40_000, 900_000)),
            page=self.random.choice((5, 50)),
        )
        market = Marketplace(name, self.random.randrange(1 << 30), faults)
        market.stock["A"] = self.random.choice((0, 10))  # what was offered before we came
        return market

    def open(self) -> None:
        """What a process does when it starts."""
        house = self.house
        self.intakes = {
            name: Intake(name, house.ledger, house.asking, capabilities_of(KINDS[name]))
            for name in STOCK
        }
        self.feeds = {
            name: Feed(self.intakes[name], house.ledger, self.markets[name],
                       FeedTerms(every_ms=POLL_MS[name], sweep_every_ms=600_000))
            for name in STOCK
        }  # fmt: skip
        self.outs = {
            name: StockOut(name, house.ledger, house.shop, self.markets[name], self.feeds[name],
                           capabilities_of(KINDS[name]))
            for name in STOCK
        }  # fmt: skip
        self.boxes = [Outbox(name, house.ledger, house.asking, self.stores) for name in STOCK]
        self.bulk = Bulk(house.ledger, house.asking, dict.fromkeys(STOCK, self.stores))
        for intake in self.intakes.values():
            intake.resume()

    def play(self) -> "Night":
        """The night, and the quiet morning in which everything that was lost comes back."""
        for _ in range(STEPS):
            self.step()
        for market in self.markets.values():
            market.faults = Faults()
        self.stores.lost_answer = self.stores.lost_question = 0.0
        for _ in range(8):
            self.pass_ms(400_000)
            self.turns()
        return self

    def step(self) -> None:
        """Buyers, changes of mind, trouble, and a turn of everything that runs."""
        self.pass_ms(STEP_MS)
        for market in self.markets.values():
            for _ in range(self.random.randrange(4)):
                bought = market.buy("A", self.random.choice((1, 1, 2, 5)), 1_000)
                if bought is not None and self.random.random() < 0.3:
                    self.late.append((market.name, bought))
            for number in self.random.sample(sorted(market.orders), min(2, len(market.orders))):
                self.change_mind(market, number)
        self.trouble()
        self.turns()

    def change_mind(self, market: Marketplace, number: str) -> None:
        status = market.orders[number].status
        if status == "unpaid" and self.random.random() < 0.7:
            self.late.append((market.name, market.change(number, "paid")))
        elif status != "cancelled" and self.random.random() < 0.15:
            market.change(number, "cancelled")

    def trouble(self) -> None:
        match self.random.randrange(12):
            case 0:
                self.house.kill()
                self.house.open()
                self.open()
                self.kills += 1
            case 1:
                name = self.random.choice(list(STOCK))
                units = self.random.choice((3, 10))
                self.house.say(f.ReceiveStock("A", units, name))
                self.received[name] += units
            case 2 if self.bulks < 2:
                self.bulks += 1
                ask_bulk(self.house.ledger, "hold", f"hold {self.bulks}", Scope(), "ann", NOW_MS)
            case 3 if self.bulks:
                ask_bulk(self.house.ledger, "release", f"go {self.bulks}", Scope(), "ann", NOW_MS)
            case 4:
                self.stores.ship(0.5)
            case _:
                pass

    def turns(self) -> None:
        """What a process does all the time, in an order of the seed's."""
        self.random.shuffle(self.late)
        pushed, self.late = self.late[:3], self.late[3:]
        for name, order in pushed:
            if order.status in ("unpaid", "paid") and self.random.random() < 0.5:
                self.sell(name, order)
            self.intakes[name].take([order, order])
        names = list(STOCK)
        self.random.shuffle(names)
        for name in names:
            self.feeds[name].turn(self.now_ms)
        if self.careless:
            with self.house.ledger.writing() as connection:
                connection.execute("UPDATE orders SET state = 'released', push = 'due'"
                                   " WHERE state = 'recorded'")  # fmt: skip
        self.house.gate.turn(self.now_ms)
        self.house.journal.turn()
        self.bulk.turn()
        self.house.journal.turn()
        for box in self.boxes:
            box.turn()
        for name in names:
            self.outs[name].turn(self.now_ms)

    def sell(self, name: str, order: FeedOrder) -> None:
        """An application pushes it as a sale, before or after the feed tells of it."""
        shop = self.house.shop
        key = shop.order_key(name, order.number)
        number = shop.channel_number(name)
        rows = fact_rows(order, key, number, [shop.sku_number("A")], [0], (0, 0, 0, 0), 0)
        sale = Sale(name, order.number, key, order.placed_at, rows)
        self.sales += 1
        answers = SaleIntake(self.intakes[name]).take([sale, sale])
        assert {answer.reason for answer in answers} == {0}, "it is never other content"

    def pass_ms(self, milliseconds: int) -> None:
        self.now_ms += milliseconds
        self.house.house.clock.pass_s(milliseconds / 1000)
        for market in self.markets.values():
            market.now_ms = self.now_ms

    # -- the morning -----------------------------------------------------------------------------

    def require_order(self) -> None:
        """Everything that must hold in the morning."""
        books = Books().read(self)
        keys = {
            self.house.shop.order_key(name, number): (name, order)
            for name, market in self.markets.items()
            for number, order in market.orders.items()
        }
        known = {number for (number,) in self.house.orders("number")}
        assert known == {order.number for _, order in keys.values()}, "every order is known"
        assert max(books.facts.values(), default=1) == 1, "and recorded once"
        assert set(books.facts) <= set(keys)
        unheard = [order for key, (_, order) in keys.items() if key not in books.facts]
        assert {order.status for order in unheard} <= {"cancelled"}
        assert self.house.parked() == []
        self.require_covered(books, keys)
        machine = self.house.house.desk.machine
        for name in STOCK:
            pool = machine.catalogue.pools[name]
            cell = machine.state.cells[pool, 0]
            assert int(cell["debt"]) == books.debt(pool), "the debt is what anybody counts"
            assert int(cell["released"]) <= int(cell["on_hand"])
            assert int(cell["on_hand"]) == self.received[name]

    def require_covered(self, books: Books, keys: dict[tuple[int, int], object]) -> None:
        """What is at the warehouse was released, and is no more than there was."""
        units: Counter[str] = Counter()
        by_number = {order.number: (key, name, order) for key, (name, order) in keys.items()}
        for number in set(self.stores.arrived):
            key, name, order = by_number[number]
            assert key in books.released, f"{number} went without a release"
            if self.stores.there[number] != "held":
                units[name] += order.lines[0].quantity
        for name, most in self.received.items():
            assert units[name] <= most, f"{units[name]} of {most} left for {name}"
        assert len(set(self.stores.arrived)) == len(self.stores.arrived), "and went once"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Memory where there is some: what a crash leaves on a disk has tests of its own."""
    memory = Path("/dev/shm")
    if not memory.is_dir():
        yield tmp_path
        return
    made_here = Path(tempfile.mkdtemp(prefix="tidegate-", dir=memory))
    yield made_here
    shutil.rmtree(made_here)


def played(seed: int, folder: Path) -> Night:
    night = Night(seed, folder)
    try:
        night.play().require_order()
    except AssertionError as wrong:
        raise AssertionError(f"seed {seed}: {wrong}") from wrong
    finally:
        night.house.close()
    return night


@pytest.mark.parametrize("seed", SEEDS)
def test_a_night_of_channels_ends_in_order(seed: int, folder: Path) -> None:
    played(seed, folder)


@pytest.mark.long
@pytest.mark.parametrize("first", range(1_000, 1_000 + LONG_SEEDS, PIECE))
def test_a_thousand_nights_end_in_order(first: int, folder: Path) -> None:
    for seed in range(first, first + PIECE):
        place = folder / str(seed)
        place.mkdir()
        played(seed, place)
        shutil.rmtree(place)


def test_the_nights_reach_what_they_are_for(folder: Path) -> None:
    """Kills, bulk runs, debts, silence, lost answers and refusals happen."""
    seen: Counter[str] = Counter()
    for seed in range(12):
        place = folder / str(seed)
        place.mkdir()
        night = Night(seed, place)
        night.play()
        states = Counter(state for (state,) in night.house.orders("state"))
        seen["debts"] += Books().read(night).debt(night.house.house.desk.machine.catalogue
                                                  .pools["mall"]) > 0  # fmt: skip
        seen["kills"] += night.kills
        seen["bulks"] += night.bulks
        seen["sales"] += night.sales
        seen["released"] += states["released"]
        seen["held"] += states["on_hold"]
        seen["closed"] += states["closed"]
        seen["refused"] += sum(market.refusals for market in night.markets.values())
        seen["flags"] += len(night.house.orders("flags", where="flags <> ''"))
        night.house.close()
    names = ("debts", "kills", "bulks", "sales", "released", "held", "closed", "refused", "flags")
    assert [name for name in names if not seen[name]] == []


def test_canary_a_gate_that_lets_everything_pass_is_convicted(folder: Path) -> None:
    night = Night(3, folder, careless=True)
    night.play()
    with pytest.raises(AssertionError, match=r"without a release|left for"):
        night.require_order()
    night.house.close()


def test_a_night_is_played_the_same_way_twice(folder: Path) -> None:
    told = []
    for place in ("one", "two"):
        (folder / place).mkdir()
        night = played(5, folder / place)
        told.append(msgspec.json.encode([night.stores.arrived, night.markets["mall"].stock]))
    assert told[0] == told[1]
