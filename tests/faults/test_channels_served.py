"""A real `tidegate serve` with a connected marketplace and warehouse over HTTP, killed in between.

Always the command line and the wire. Never: a state is believed that the other side's books do not
show.
"""

import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from tidegate.bench.served_shop import NAME, ServedShop
from tidegate.bootstrap.channel_store import open_ledger
from tidegate.channels.bulk import tally_of
from tidegate.cli.channel import app
from tidegate.testing.bridge_peer import Peer, served
from tidegate.testing.outside import Faults, Marketplace, Stores
from tidegate.testing.workload import Terms

STOCK = 400
SKU, CHANNEL = "sku-0", "channel-0"
DEADLINE_S, LONG_S = 60.0, 240.0
FEW, MANY = 3_000, 50_000


class LiveMarket(Marketplace):
    """A marketplace on the machine's clock."""

    @property
    def now_ms(self) -> int:  # type: ignore[override]
        return time.time_ns() // 1_000_000

    @now_ms.setter
    def now_ms(self, _: int) -> None:
        """It has its own."""


class World:
    """The served shop, and what it is connected to."""

    def __init__(self, shop: ServedShop, peer: Peer) -> None:
        self.shop, self.peer = shop, peer
        self.market, self.stores = peer.market, peer.stores

    def say(self, *arguments: str) -> str:
        """A command of `tidegate channel`."""
        store = ["--store", str(self.shop.folder), "--shop", NAME]
        done = CliRunner().invoke(app, [*arguments, *store], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    def until(
        self, condition: Callable[[], bool], what: str, deadline_s: float = DEADLINE_S
    ) -> None:
        """Poll with a deadline."""
        end_s = time.monotonic() + deadline_s
        while not condition():
            self.shop.require_running()
            assert time.monotonic() < end_s, f"{what}: {self.say('status')}"
            time.sleep(0.02)

    def ask(self, statement: str) -> list[tuple[object, ...]]:
        """A question to the ledger, beside the server."""
        ledger = open_ledger(self.shop.folder, NAME)
        try:
            return ledger.ask(statement)
        finally:
            ledger.close()

    def results(self, name: str) -> tuple[int, int, dict[str, int]]:
        ledger = open_ledger(self.shop.folder, NAME)
        try:
            tally = tally_of(ledger, name)
            return tally.orders, tally.open, tally.results
        finally:
            ledger.close()


@pytest.fixture
def world() -> Iterator[World]:
    market = LiveMarket("m", 1, Faults(page=500))
    peer = Peer(market, Stores(), b"")
    units = np.array([STOCK], np.int64)
    terms = Terms(units, np.array([1_000]), np.array([500]), (0, 0, 0, 0), 0, 0, 0, 1, 900)
    with (
        tempfile.TemporaryDirectory(prefix="chan-") as folder,
        ServedShop(Path(folder), terms) as shop,
        served(peer) as address,
    ):
        world = World(shop, peer)
        said = world.say("connect", CHANNEL, "--adapter", "bridge", "--address", address,
                         "--settings", '{"poll_s": 1}')  # fmt: skip
        peer.key = bytes.fromhex(said.rsplit(" ", 1)[1].strip())
        offers = Path(folder) / "offers.csv"
        offers.write_text(f"sku\n{SKU}\n", "utf-8")
        world.say("offer", CHANNEL, str(offers))
        shop.start()
        yield world
        if os.environ.get("TIDEGATE_SHOW_LOG"):
            print((Path(folder) / "server.log").read_text()[-3_000:])


def test_a_marketplace_is_shown_pulled_released_held_and_stopped(world: World) -> None:
    market, stores = world.market, world.stores
    world.until(lambda: market.stock.get(SKU) == STOCK and not market.off_shelf, "shown")
    for n in range(40):
        assert market.buy(SKU, 2, 1_000, f"buyer {n}")
    for number, order in list(market.orders.items()):
        if order.status == "unpaid":
            market.change(number, "paid")
    world.until(lambda: len(stores.arrived) == 40, "released and handed over")
    assert market.stock[SKU] == STOCK - 80
    market.buy(SKU, 3, 300, "cheap")  # below the floor
    market.change("m-41", "paid")
    world.until(lambda: bool(world.ask("SELECT 1 FROM orders WHERE state = 'on_hold'")), "held")
    assert world.ask("SELECT number, reason FROM orders WHERE state = 'on_hold'") == [("m-41", 12)]
    world.say("stop", CHANNEL)
    world.until(lambda: market.stock[SKU] == 0 and SKU in market.off_shelf, "stopped")
    world.until(lambda: "delist: done" in world.say("status"), "read back")
    assert (stores.audit, market.activity) == (False, False)
    world.say("resume", CHANNEL)
    world.until(lambda: market.stock[SKU] == STOCK - 83, "sold again")
    world.until(lambda: not market.off_shelf, "listed again")
    assert world.peer.unsigned == 0


def held_over_a_kill(world: World, count: int) -> None:
    """Far more was sold than there is; everything is held, and the server dies meanwhile."""
    market, stores = world.market, world.stores
    world.until(lambda: market.stock.get(SKU) == STOCK and not market.off_shelf, "shown")
    for _ in range(count):  # over there somebody types a wrong number, again and again
        market.off_shelf.clear()
        market.stock[SKU] = count
        assert market.buy(SKU, 1, 1_000)
    world.until(lambda: world.ask("SELECT count(*) FROM orders") == [(count,)], "all are known")
    world.until(lambda: len(stores.arrived) >= 50, "some are at the warehouse")
    gone = stores.arrived[:7]
    for number in gone:
        stores.there[number] = "gone"
    world.say("hold", "--name", "night", "--as", "bench")
    orders = world.results("night")[0]
    world.until(lambda: 0 < world.results("night")[1] < orders, "begun")
    world.shop.kill()
    assert world.results("night")[1] > 0, "killed in between"
    world.shop.start()
    began_s = time.monotonic()
    world.until(lambda: world.results("night")[1] == 0, "ended", LONG_S)
    print(f"the rest of the run took {time.monotonic() - began_s:.1f} s after the restart")
    total, _, results = world.results("night")
    assert total == sum(results.values()) == orders
    assert set(results) <= {"on_hold", "too_late", "unknown"}
    assert results["too_late"] == 7
    there = Counter(stores.there.values())
    assert there["waiting"] == 0, "nothing that was held is still waiting there"
    assert len(stores.arrived) == len(set(stores.arrived)) <= STOCK
    print(f"{orders:,} orders held over a kill: {results}; at the warehouse {dict(there)}")


def test_a_bulk_hold_survives_a_kill_and_ends_each_order_in_one_word(world: World) -> None:
    held_over_a_kill(world, FEW)


@pytest.mark.long
def test_a_bulk_hold_of_fifty_thousand_survives_a_kill(world: World) -> None:
    held_over_a_kill(world, MANY)
