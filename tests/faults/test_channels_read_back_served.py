"""A real `tidegate serve` beside a marketplace that answers over HTTP: prices read back, a
promotion's start, a recall, a debt that the platform closes, a stop whose first rung is the audit.

Always the wire and the other side's books. Never: a clock is moved; what takes a minute there is
waited for with a deadline.
"""

import importlib.util
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tidegate.bench.served_shop import NAME, ServedShop
from tidegate.testing.bridge_peer import Peer, served
from tidegate.testing.live_market import LiveMarket
from tidegate.testing.outside import Faults, Stores
from tidegate.testing.workload import Terms

DOORS = Path(__file__).with_name("test_channels_doors.py")
spec = importlib.util.spec_from_file_location("channels_doors", DOORS)
assert spec is not None
assert spec.loader is not None
doors = importlib.util.module_from_spec(spec)
spec.loader.exec_module(doors)

SKU, CHANNEL, STOCK = doors.SKU, doors.CHANNEL, 30
SHOP = f"/v1/shops/{NAME}"


class Slow(Stores):
    """A warehouse that writes down what it is asked first."""

    def switch_audit(self, *, on: bool) -> None:
        """The automatic audit."""
        super().switch_audit(on=on)
        self.arrived.append("audit on" if on else "audit off")


class World(doors.House):  # type: ignore[misc,name-defined]  # a module that is loaded by hand
    """The served shop and what it is connected to."""

    def __init__(self, shop: ServedShop, peer: Peer, address: str) -> None:
        super().__init__(shop)
        self.peer, self.market, self.stores = peer, peer.market, peer.stores
        settings = json.dumps({"poll_s": 1, "price_s": 1})
        self.say("connect", CHANNEL, "--kind", "webhook", "--adapter", "bridge", "--address",
                 address, "--settings", settings)  # fmt: skip
        peer.key = self.key

    def get(self, path: str) -> Any:  # noqa: ANN401  JSON
        status, found = self.ask("GET", f"{SHOP}/{path}")
        assert status == 200, found
        return found

    def done(self, path: str, body: object, status: int = 200) -> Any:  # noqa: ANN401  JSON
        answer = self.ask("POST", f"{SHOP}/{path}", body)
        assert answer[0] == status, answer
        return answer[1]

    def own_pool(self) -> None:
        """All of the stock goes into a pool that only this channel sells from."""
        for method, path, body in (
            ("PUT", "pools/mine", {"id": "m-1"}),
            ("PUT", f"channels/{CHANNEL}", {"id": "m-2", "kind": "marketplace", "pool": "mine"}),
            ("POST", "stock/transfers", {"id": "m-3", "sku": SKU, "quantity": STOCK,
                                         "from_pool": "shared", "to_pool": "mine"}),
        ):  # fmt: skip
            status, found = self.ask(method, f"{SHOP}/{path}", body)
            assert status == 200, found

    def bought(self, units: int = 1) -> str:
        order = self.market.buy(SKU, units, 1_000)
        assert order is not None
        self.market.change(order.number, "paid")
        return str(order.number)

    def alarms(self) -> list[tuple[str, str]]:
        rows = self.get("connections/alarms")["alarms"]
        return [(row["kind"], row["promotion"]) for row in rows if not row["settled_at"]]

    def state_of(self, number: str) -> str:
        rows = self.look(f"SELECT state FROM orders WHERE number = '{number}'")
        return str(rows[0][0]) if rows else ""

    def look(self, statement: str) -> list[tuple[Any, ...]]:
        from tidegate.bootstrap.channel_store import open_ledger

        ledger = open_ledger(self.shop.folder, NAME)
        try:
            return ledger.ask(statement)
        finally:
            ledger.close()


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    market = LiveMarket("m", 1, Faults(page=500))
    market.prices = {SKU: 1_000}
    peer = Peer(market, Slow(), b"")
    terms = Terms(np.array([STOCK], np.int64), np.array([1_000]), np.array([500]), (0, 0, 0, 0), 0,
                  0, 0, 1, 900)  # fmt: skip
    with (
        tempfile.TemporaryDirectory(prefix="back-") as folder,
        ServedShop(Path(folder), terms) as shop,
        served(peer) as address,
    ):
        made = World(shop, peer, address)
        offers = Path(folder) / "offers.csv"
        offers.write_text(f"sku\n{SKU}\n", "utf-8")
        made.say("offer", CHANNEL, str(offers))
        shop.start()
        made.own_pool()
        made.until(lambda: market.stock.get(SKU) == STOCK, "it is shown")
        made.until(lambda: not market.off_shelf, "and listed")
        yield made


def test_a_wrong_price_is_noticed_within_a_reading_and_keeps_orders_back(world: World) -> None:
    assert world.alarms() == []
    world.market.stall()  # the order is heard of when the alarm is raised
    number = world.bought()
    world.market.prices[SKU] = 38
    began_s = time.monotonic()
    world.until(lambda: world.alarms() == [("price_below_floor", "")], "noticed")
    print(f"a wrong price was noticed after {time.monotonic() - began_s:.1f} s")
    world.market.go_on()
    world.until(lambda: world.state_of(number) == "waiting", "it waits")
    world.until(lambda: world.market.stock[SKU] == 0, "and nothing more is sold at that price")
    assert number not in world.stores.arrived
    world.market.prices[SKU] = 1_000
    (alarm,) = world.get("connections/alarms")["alarms"]
    assert alarm["flagged"] == "sku"
    path = f"connections/alarms/{alarm['id']}/settle"
    assert world.done(path, {"id": "a-1", "note": "mended"}) == {
        "alarm": alarm["id"], "settled": True,
    }  # fmt: skip
    world.until(lambda: number in world.stores.arrived, "it goes")
    world.until(lambda: world.market.stock[SKU] == STOCK - 1, "and the rest is sold again")
    world.until(lambda: not world.market.off_shelf, "on the shelf")


@pytest.mark.long
def test_a_promotion_s_start_is_read_back_within_a_minute(world: World) -> None:
    start_ms = time.time_ns() // 1_000_000 + 3_000
    promotion = {
        "code": "P", "level": "item", "effect": {"kind": "percent_off", "pay_bp": 8_000},
        "start_ms": start_ms, "end_ms": start_ms + 3_600_000, "scope": {"all": True},
    }  # fmt: skip
    status, draft = world.ask("PUT", f"{SHOP}/drafts/P", {"promotion": promotion})
    assert status == 200, draft
    checked = world.done("drafts/P/check", {})
    world.done("drafts/P/publish", {"id": "p-1", "digest": checked["digest"]})
    # Over there nobody has changed the price: buyers would pay what they paid before.
    world.until(lambda: ("price_differs", "") in world.alarms(), "the start is noticed")
    read = "SELECT promotion, read_ms - start_ms FROM price_start WHERE read_ms > 0"
    world.until(lambda: bool(world.look(read)), "the start is read")
    ((code, after_ms),) = world.look(read)
    print(f"prices were read {after_ms / 1000:.1f} s after the promotion began")
    assert code == "P"
    assert 3_000 <= after_ms <= 60_000
    world.market.prices[SKU] = 800
    for alarm in world.get("connections/alarms")["alarms"]:
        if not alarm["settled_at"]:
            world.done(f"connections/alarms/{alarm['id']}/settle", {"id": f"a-{alarm['id']}x"})
    world.bought()  # at the old price
    world.until(lambda: ("first_order_differs", "P") in world.alarms(), "a first order is compared")


@pytest.mark.long
def test_units_come_back_from_the_channel(world: World) -> None:
    before = world.market.stock[SKU]
    asked = world.done(f"channels/{CHANNEL}/recalls", {"id": "back", "sku": SKU, "quantity": 5},
                       202)  # fmt: skip
    assert asked["state"] == "asked"

    def state() -> str:
        return str(world.get(f"channels/{CHANNEL}/recalls")["recalls"][0]["state"])

    world.until(lambda: state() in ("done", "refused"), "the recall ends")
    (found,) = world.get(f"channels/{CHANNEL}/recalls")["recalls"]
    assert (found["state"], found["back"]) == ("done", 5), found
    assert world.market.stock[SKU] == before - 5


@pytest.mark.long
def test_a_debt_is_closed_by_the_platform_and_the_feed_says_so(world: World) -> None:
    world.market.stock[SKU] = 100  # somebody types a wrong number over there
    number = world.bought(60)
    listed: Callable[[], list[str]] = lambda: [  # noqa: E731 -- polled
        one["number"] for one in world.get("debts")["debts"]
    ]
    world.until(lambda: number in listed(), "the debt is listed")
    taken = world.done(f"channels/{CHANNEL}/debts/{number}", {"id": "w-1", "way": "close"})
    assert (taken["way"], taken["closing"]) == ("close", "wanted")
    world.until(lambda: world.market.orders[number].status == "cancelled", "it is closed there")
    world.until(lambda: number not in listed(), "and owed no more")
    assert number not in world.stores.arrived


def test_a_stop_begins_with_the_automatic_audit(world: World) -> None:
    world.stores.arrived.clear()
    world.market.pushes.clear()
    assert world.done("connections/stop", {"id": "s-1", "reason": "a wrong price"})["now"] == [
        CHANNEL
    ]
    world.until(lambda: world.market.stock[SKU] == 0 and SKU in world.market.off_shelf, "stopped")
    assert world.stores.arrived[0] == "audit off"
    assert (world.stores.audit, world.market.activity) == (False, False)

    def states() -> dict[str, str]:
        (row,) = world.get("connections")["connections"]
        assert row["why"] == "a wrong price"
        return {rung["step"]: rung["state"] for rung in row["ladder"]}

    world.until(lambda: states() == {"audit": "done", "activity": "done", "stock": "done",
                                     "delist": "done", "shop": "person"}, "read back")  # fmt: skip
