"""A real `tidegate serve` with a channel that has no API: exports in, sheets out, a clerk between.

Always the command line, real files and a person who uploads and exports. Never: a sheet counts as
uploaded before an export says so.
"""

import csv
import importlib.util
import io
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from tidegate.bench.served_shop import NAME, ServedShop
from tidegate.cli.channel import app
from tidegate.testing.outside import Marketplace, Stores
from tidegate.testing.workload import Terms

ADAPTERS = Path(__file__).resolve().parents[1] / "contract" / "test_channel_adapters.py"
spec = importlib.util.spec_from_file_location("channel_adapters", ADAPTERS)
assert spec is not None
assert spec.loader is not None
made = importlib.util.module_from_spec(spec)
spec.loader.exec_module(made)

SKU, CHANNEL, STOCK = "sku-0", "channel-0", 40
DEADLINE_S, EVERY_S = 90.0, 1.5


class Clerk(made.Clerk):  # type: ignore[misc]  # a module that is loaded by hand
    """A person at a back office, at the machine's own time."""

    def __init__(self, *given: object) -> None:
        super().__init__(*given)
        self.sold: list[tuple[str, int, str]] = []
        self.yuan = "10.00"

    def __call__(self) -> None:
        for path in sorted((self.folder / "out").glob("*.csv")):
            if path.name not in self.uploaded:
                self.uploaded.add(path.name)
                text = path.read_bytes().decode(self.encoding).removeprefix("\ufeff")
                self.upload(path.name, list(csv.reader(io.StringIO(text)))[1:])
        stock = [(item, 0 if item in self.market.off_shelf else units)
                 for item, units in self.market.stock.items()]  # fmt: skip
        self.export("stock", ("商家编码", "库存"), stock)
        words = {"gone": "已发货", "held": "挂起", "waiting": "待发货"}
        there = [(number, words[state]) for number, state in self.stores.there.items()]
        self.export("warehouse", ("订单号", "订单状态"), there)
        self.export("prices", ("商家编码", "到手价"), [(SKU, self.yuan)])
        self.export_orders()  # nothing is refilled before the feed has caught up with a reading

    def export(self, kind: str, head: tuple[str, ...], rows: list[tuple[object, ...]]) -> None:
        self.at_ms = time.time_ns() // 1_000_000
        text = io.StringIO(newline="")
        csv.writer(text).writerows([head, *rows])
        partial = self.folder / "in" / f".{kind}-{self.at_ms}"
        partial.write_bytes(text.getvalue().encode(self.encoding))
        partial.replace(self.folder / "in" / f"{kind}-{self.at_ms}.csv")

    def sell(self, number: str, units: int, yuan: str) -> None:
        """An order that is paid just now; its money is for all units."""
        self.sold.append((number, units, yuan))
        self.market.stock[SKU] -= units

    def export_orders(self) -> None:
        """Everything of today."""
        placed = time.strftime("%Y-%m-%d 00:00:00", time.gmtime(time.time() + 8 * 3_600))
        head = ("订单编号", "商家编码", "购买数量", "买家应付货款", "拍下时间", "订单状态")
        self.export("orders", head, [
            (number, SKU, units, yuan, placed, "买家已付款") for number, units, yuan in self.sold
        ])  # fmt: skip


class World:
    """The served shop, its folder and the clerk."""

    def __init__(self, shop: ServedShop, clerk: Clerk) -> None:
        self.shop, self.clerk = shop, clerk
        self.market: Marketplace = clerk.market
        self.stores: Stores = clerk.stores

    def say(self, *arguments: str) -> str:
        store = ["--store", str(self.shop.folder), "--shop", NAME]
        done = CliRunner().invoke(app, [*arguments, *store], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Poll with a deadline, while the clerk works."""
        end_s, next_s = time.monotonic() + DEADLINE_S, 0.0
        while not condition():
            self.shop.require_running()
            assert time.monotonic() < end_s, f"{what}: {self.say('status')}"
            if time.monotonic() > next_s:
                self.clerk()
                next_s = time.monotonic() + EVERY_S
            time.sleep(0.05)

    def rungs(self) -> dict[str, tuple[str, str]]:
        (row,) = json.loads(self.say("status", "--json"))
        return {rung["step"]: (rung["state"], rung["told"]) for rung in row["ladder"]}

    def alarms(self) -> list[tuple[str, str]]:
        rows = json.loads(self.say("alarms", "--json"))
        return [(row["kind"], row["sku"]) for row in rows]


@pytest.fixture(params=["utf-8", pytest.param("gb18030", marks=pytest.mark.long)])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    units = np.array([STOCK], np.int64)
    terms = Terms(units, np.array([1_000]), np.array([500]), (0, 0, 0, 0), 0, 0, 0, 1, 900)
    with (
        tempfile.TemporaryDirectory(prefix="folder-") as folder,
        ServedShop(Path(folder), terms) as shop,
    ):
        place = shop.paths.channel_folder(CHANNEL)
        (place / "in").mkdir(parents=True)
        market, encoding = Marketplace("m", 1), request.param
        market.stock = {SKU: 5}  # what was offered before we came
        codec = "utf-8-sig" if encoding == "utf-8" else encoding
        world = World(shop, Clerk(place, market, Stores(), codec))
        settings = json.dumps({"poll_s": 1, "price_s": 5, "encoding": encoding,
                               "phone": "400-000"})  # fmt: skip
        world.say("connect", CHANNEL, "--kind", "files", "--adapter", "folder",
                  "--settings", settings)  # fmt: skip
        offers = Path(folder) / "offers.csv"
        offers.write_text(f"sku\n{SKU}\n", "utf-8")
        world.say("offer", CHANNEL, str(offers))
        shop.start()
        yield world


def test_files_alone_show_stock_release_hold_alarm_and_stop(world: World) -> None:
    market, stores, clerk = world.market, world.stores, world.clerk
    clerk.sell("70001", 2, "20.00")
    clerk.sell("70002", 1, "3.80")
    world.until(lambda: stores.arrived == ["70001"], "what is right is handed over")
    world.until(lambda: market.stock == {SKU: STOCK - 3}, "what the pool has is shown")
    held = json.loads(world.say("status", "--json"))[0]["orders"]
    assert held == {"on_hold": 1, "released": 1}
    world.say("hold", "--name", "night", "--as", "bench")
    world.until(lambda: stores.there == {"70001": "held"}, "it is stopped at the warehouse")
    run = lambda: json.loads(world.say("run", "night", "--json"))["results"]  # noqa: E731 -- polled
    world.until(lambda: run() == {"on_hold": 1}, "and an export says so")
    assert world.alarms() == []
    clerk.yuan = "0.38"
    world.until(lambda: ("price_below_floor", SKU) in world.alarms(), "a wrong price is noticed")
    world.say("stop", "--all", "--reason", "a wrong price", "--as", "bench")
    world.until(lambda: market.stock == {SKU: 0}, "it sells nothing")
    world.until(lambda: world.rungs().get("delist", ("", ""))[0] == "done", "read back")
    rungs = world.rungs()
    assert rungs["audit"][0] == "refused"
    assert "自动审单" in rungs["audit"][1]
    assert "phone 400-000" in rungs["audit"][1]
    assert rungs["activity"][0] == "refused"
    assert rungs["stock"][0] == "done"
    assert rungs["shop"][0] == "person"
    inside = world.shop.paths.channel_folder(CHANNEL) / "in" / "done"
    assert {path.name.partition("-")[0] for path in inside.iterdir()} == {"orders"}
