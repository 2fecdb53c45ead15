"""One suite for every adapter of a channel: a model of the outside, a bridge over HTTP, a folder.

Always against what the outside really holds afterwards. Never: an adapter is asked how it did it.
"""

import csv
import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest

from tidegate.channels.adapters.bridge import Bridge
from tidegate.channels.adapters.folder import Exports, FolderOrders, FolderStock, FolderWarehouse
from tidegate.channels.feed_order import FeedOrder
from tidegate.channels.ports import (
    OrderSource,
    RefusedOutside,
    Shown,
    StockChange,
    StockTarget,
    Unanswered,
    Warehouse,
)
from tidegate.imports.channel_files import orders_of_file, states_of_file, stock_of_file
from tidegate.testing.bridge_peer import Peer, served
from tidegate.testing.outside import Marketplace, Stores

NOW_MS = 1_792_944_000_000
KEY = bytes(range(32))
ZONE = ZoneInfo("Asia/Shanghai")


class Ends(NamedTuple):
    """An adapter's three ends, what is really there, and what a person does in between."""

    orders: OrderSource
    stock: StockTarget
    warehouse: Warehouse
    market: Marketplace
    stores: Stores
    person: Callable[[], None]
    adds: bool
    until_ms: int = NOW_MS + 1_000  # the end of what the feed is asked for
    numbers: tuple[str, ...] = tuple(f"n{n}" for n in range(45))  # orders for the warehouse


def nobody() -> None:
    """No person is needed."""


@contextmanager
def model(market: Marketplace, stores: Stores, _: Path) -> Iterator[Ends]:
    yield Ends(market, market, stores, market, stores, nobody, True)


@contextmanager
def bridge(market: Marketplace, stores: Stores, _: Path) -> Iterator[Ends]:
    with served(Peer(market, stores, KEY)) as address:
        made = Bridge(address, KEY, lambda: NOW_MS)
        yield Ends(made, made, made.warehouse(), market, stores, nobody, True)


class Clerk:
    """Uploads every sheet, and exports what there is, as a person at a back office does."""

    def __init__(self, folder: Path, market: Marketplace, stores: Stores, encoding: str) -> None:
        self.folder, self.market, self.stores, self.encoding = folder, market, stores, encoding
        self.at_ms = NOW_MS
        self.uploaded: set[str] = set()

    def __call__(self) -> None:
        self.at_ms += 10_000
        for path in sorted((self.folder / "out").glob("*.csv")):
            os.utime(path, (self.at_ms / 1000, self.at_ms / 1000))
            if path.name not in self.uploaded:
                self.uploaded.add(path.name)
                text = path.read_bytes().decode(self.encoding).removeprefix("\ufeff")
                self.upload(path.name, list(csv.reader(io.StringIO(text)))[1:])
        self.at_ms += 10_000
        stock = [(item, units) for item, units in self.market.stock.items()
                 if item not in self.market.off_shelf]  # fmt: skip
        stock += [(item, 0) for item in self.market.off_shelf]
        self.export("stock", ("商家编码", "库存"), stock)
        words = {"gone": "已发货", "held": "挂起", "waiting": "待发货"}
        there = [(number, words[state]) for number, state in self.stores.there.items()]
        self.export("warehouse", ("订单号", "订单状态"), there)

    def upload(self, name: str, rows: list[list[str]]) -> None:
        kind = name.partition("-")[0]
        for row in rows:
            if kind == "stock":
                self.market.stock[row[0]] = int(row[1])
            elif kind == "shelf":
                self.market.set_listed(row[0], listed=row[1] == "上架")
        if kind == "release":
            self.stores.push([row[0] for row in rows])
        if kind == "hold":
            self.stores.intercept([row[0] for row in rows])

    def export(self, kind: str, head: tuple[str, ...], rows: list[tuple[object, ...]]) -> None:
        text = io.StringIO(newline="")
        csv.writer(text).writerows([head, *rows])
        path = self.folder / "in" / f"{kind}-{self.at_ms}.csv"
        path.write_bytes(text.getvalue().encode(self.encoding))
        os.utime(path, (self.at_ms / 1000, self.at_ms / 1000))

    def export_orders(self) -> None:
        states = {"paid": "买家已付款", "unpaid": "等待买家付款", "cancelled": "交易关闭"}
        rows = [
            (order.number, line.item, line.quantity, f"{line.receivable_fen / 100:.2f}",
             "2026-10-26 00:00:00", states[order.status], "张三")
            for order in self.market.orders.values() for line in order.lines
        ]  # fmt: skip
        head = (
            "订单编号",
            "商家编码",
            "购买数量",
            "买家应付货款",
            "拍下时间",
            "订单状态",
            "收货人",
        )
        self.at_ms += 10_000
        self.export("orders", head, rows)


@contextmanager
def folder_of(market: Marketplace, stores: Stores, place: Path, encoding: str) -> Iterator[Ends]:
    exports = Exports(
        place, lambda path, at_ms: orders_of_file(path, ZONE, at_ms), stock_of_file,
        states_of_file, lambda: NOW_MS + 3_600_000, encoding,
    )  # fmt: skip
    clerk = Clerk(place, market, stores, "utf-8-sig" if encoding == "utf-8" else encoding)
    clerk.export("stock", ("商家编码", "库存"), [])

    class Fetched(FolderOrders):
        """The orders as they are exported at the moment."""

        def fetch(self, since_ms: int, until_ms: int, page: str):  # noqa: ANN202
            if not page:
                clerk.export_orders()
            return super().fetch(since_ms, until_ms, page)

    yield Ends(Fetched(exports), FolderStock(exports), FolderWarehouse(exports), market, stores,
               clerk, False)  # fmt: skip


@contextmanager
def folder_utf8(market: Marketplace, stores: Stores, place: Path) -> Iterator[Ends]:
    with folder_of(market, stores, place, "utf-8") as ends:
        yield ends


@contextmanager
def folder_gb18030(market: Marketplace, stores: Stores, place: Path) -> Iterator[Ends]:
    with folder_of(market, stores, place, "gb18030") as ends:
        yield ends


@pytest.fixture(params=[model, bridge, folder_utf8, folder_gb18030], ids=lambda made: made.__name__)
def ends(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ends]:
    market, stores = Marketplace("m", 4), Stores()
    market.now_ms = NOW_MS
    market.stock = {"A": 50, "B": 5}
    with request.param(market, stores, tmp_path) as made:
        yield made


def fetched(ends: Ends) -> dict[str, FeedOrder]:
    """Everything of the feed."""
    found, page = {}, ""
    for _ in range(50):
        answer = ends.orders.fetch(0, ends.until_ms, page)
        assert answer.malformed == []
        found |= {order.number: order for order in answer.orders}
        page = answer.next_page
        if not page:
            return found
    raise AssertionError("the feed has no end")


def change(ends: Ends, item: str, before: int, after: int, push_id: str) -> StockChange:
    return StockChange(item, item, after - before if ends.adds else after, ends.adds, push_id)


def test_every_order_comes_with_its_lines_and_money(ends: Ends) -> None:
    bought = [ends.market.buy("A", units, 1_250) for units in (1, 2, 3)]
    found = fetched(ends)
    assert {number: (order.status, order.charged_fen, order.lines)
            for number, order in found.items()} == {
        order.number: (order.status, order.charged_fen, order.lines)
        for order in bought if order is not None
    }  # fmt: skip


def test_a_change_comes_again(ends: Ends) -> None:
    order = ends.market.buy("A", 1, 1_000)
    assert order is not None
    first = fetched(ends)[order.number]
    ends.market.change(order.number, "cancelled")
    again = fetched(ends)[order.number]
    assert (first.number, again.status) == (order.number, "cancelled")
    assert again.changed_at > first.changed_at


def test_a_quantity_is_really_changed_and_read_back(ends: Ends) -> None:
    changes = [change(ends, "A", 50, 20, "1"), change(ends, "B", 5, 9, "2")]
    answers = ends.stock.push(changes)
    ends.person()
    assert ends.market.stock == {"A": 20, "B": 9}
    assert set(answers) <= {"done", "unknown"}
    assert ends.stock.read(["A", "B", "nothing"]) == {"A": Shown(20, True), "B": Shown(9, True)}


def test_an_item_goes_off_the_shelf_and_on_again(ends: Ends) -> None:
    ends.stock.set_listed("A", listed=False)
    ends.person()
    assert ends.market.off_shelf == {"A"}
    assert ends.stock.read(["A"])["A"].listed is False
    ends.stock.set_listed("A", listed=True)
    ends.person()
    assert ends.market.off_shelf == set()


def test_orders_are_handed_over_once_and_stopped_if_they_are_there(ends: Ends) -> None:
    numbers = list(ends.numbers)
    assert ends.warehouse.push(numbers) == ["done"] * len(numbers)
    ends.warehouse.push(numbers[:3])
    ends.person()
    assert ends.stores.arrived == numbers
    first, second, third = numbers[:3]
    ends.stores.there[first] = "gone"
    assert set(ends.warehouse.intercept([first, second])) <= {"too_late", "done", "unknown"}
    ends.person()
    there = ends.warehouse.read([first, second, third, "none"])
    assert there == ["gone", "held", "waiting", "absent"]


def test_what_cannot_be_done_is_refused_with_what_to_do(ends: Ends) -> None:
    ends.market.faults.refused_reduction = 1.0
    with pytest.raises(RefusedOutside, match=r"locked|by hand"):
        ends.stock.end_activity()


def test_silence_is_unanswered_never_done(ends: Ends) -> None:
    if isinstance(ends.warehouse, FolderWarehouse):
        ends.stock.push([change(ends, "A", 50, 20, "1")])
        os.utime(next(Path(ends.warehouse._exports.out).glob("stock*")), (9e9, 9e9))
    ends.market.faults.lost_question = ends.stores.lost_question = 1.0
    with pytest.raises(Unanswered):
        ends.stock.read(["A"])


# -- the bridge alone ------------------------------------------------------------------------------


def test_a_peer_that_holds_another_key_answers_nothing() -> None:
    peer = Peer(Marketplace("m", 1), Stores(), bytes(32))
    with served(peer) as address, pytest.raises(Unanswered, match="answered 401"):
        Bridge(address, KEY, lambda: NOW_MS).fetch(0, 1, "")
    assert peer.unsigned == 1


def test_nobody_at_the_address_is_silence() -> None:
    with pytest.raises(Unanswered, match="ConnectionRefusedError"):
        Bridge("http://127.0.0.1:9", KEY, lambda: NOW_MS).read(["A"])


@pytest.mark.parametrize("address", ["ftp://x", "127.0.0.1:80", "http://", ""])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="an address is"):
        Bridge(address, KEY, lambda: NOW_MS)
