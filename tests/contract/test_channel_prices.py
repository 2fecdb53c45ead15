"""One suite for every way of reading a price in hand and of having orders closed.

Always against what the outside really shows or does. Never: an unknown price is made up.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest

from tidegate.channels.adapters.bridge import Bridge
from tidegate.channels.adapters.folder import Exports, FolderCloser, FolderPrices
from tidegate.channels.ports import OrderCloser, PriceSource, RefusedOutside, Unanswered
from tidegate.imports.channel_files import orders_of_file, states_of_file, stock_of_file
from tidegate.imports.channel_prices import prices_of_file
from tidegate.testing.bridge_peer import Peer, served
from tidegate.testing.outside import Marketplace, Stores

NOW_MS = 1_792_944_000_000
KEY = bytes(range(32))


class Ends(NamedTuple):
    """A source of prices, a closer, what is there, and what a person does in between."""

    prices: PriceSource
    closer: OrderCloser
    market: Marketplace
    person: Callable[[], None]


def exports_of(place: Path, encoding: str = "utf-8") -> Exports:
    return Exports(
        place, lambda path, at_ms: orders_of_file(path, ZoneInfo("Asia/Shanghai"), at_ms),
        stock_of_file, states_of_file, lambda: NOW_MS, encoding,
    )  # fmt: skip


def export_prices(place: Path, rows: Sequence[tuple[str, str]], at_ms: int, codec: str) -> Path:
    path = place / "in" / f"prices-{at_ms}.csv"
    text = "商家编码,到手价\n" + "".join(f"{item},{yuan}\n" for item, yuan in rows)
    path.write_bytes(text.encode(codec))
    os.utime(path, (at_ms / 1000, at_ms / 1000))
    return path


@pytest.fixture(params=["model", "bridge", "utf-8", "gb18030"])
def ends(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ends]:
    market = Marketplace("m", 4)
    market.now_ms = NOW_MS
    market.stock = {"A": 50}
    market.prices = {"A": 1_000, "B": 38}
    if request.param == "model":
        yield Ends(market, market, market, lambda: None)
    elif request.param == "bridge":
        with served(Peer(market, Stores(), KEY)) as address:
            made = Bridge(address, KEY, lambda: NOW_MS)
            yield Ends(made, made, market, lambda: None)
    else:
        exports = exports_of(tmp_path, request.param)
        codec = "utf-8-sig" if request.param == "utf-8" else request.param
        rows = [(item, f"{fen / 100:.2f}") for item, fen in market.prices.items()]
        export_prices(tmp_path, rows, NOW_MS - 5_000, codec)

        def upload() -> None:
            for path in exports.out.glob("close-*.csv"):
                text = path.read_bytes().decode(codec)
                market.close_orders(text.splitlines()[1:])

        prices = FolderPrices(exports, prices_of_file)
        yield Ends(prices, FolderCloser(exports), market, upload)


def test_a_price_is_read_in_fen_and_one_that_is_not_there_is_left_out(ends: Ends) -> None:
    assert ends.prices.read_prices(["A", "B", "none"], NOW_MS - 60_000) == {"A": 1_000, "B": 38}


def test_an_order_is_closed_over_there(ends: Ends) -> None:
    bought = [ends.market.buy("A", 1, 1_000) for _ in range(2)]
    numbers = [order.number for order in bought if order is not None]
    assert ends.closer.close_orders(numbers[:1]) == ["done"]
    ends.person()
    assert ends.market.orders[numbers[0]].status == "cancelled"
    assert ends.market.orders[numbers[1]].status != "cancelled"


def test_a_channel_that_tells_no_prices_says_so() -> None:
    with served(Peer(Marketplace("m", 1), Stores(), KEY)) as address:
        bridge = Bridge(address, KEY, lambda: NOW_MS)
        with pytest.raises(RefusedOutside, match="no prices are told here"):
            bridge.read_prices(["A"], 0)


def test_a_folder_without_an_export_tells_no_prices(tmp_path: Path) -> None:
    with pytest.raises(RefusedOutside, match="no export prices"):
        FolderPrices(exports_of(tmp_path), prices_of_file).read_prices(["A"], 0)


def test_an_export_from_before_the_moment_says_nothing(tmp_path: Path) -> None:
    prices = FolderPrices(exports_of(tmp_path), prices_of_file)
    export_prices(tmp_path, [("A", "10.00")], NOW_MS - 60_000, "utf-8")
    assert prices.read_prices(["A"], NOW_MS - 60_000) == {"A": 1_000}
    with pytest.raises(Unanswered, match="too old"):
        prices.read_prices(["A"], NOW_MS - 59_999)


@pytest.mark.parametrize("yuan", ["", "-1.00", "ten", "1,2,3"])
def test_a_price_that_cannot_be_read_is_left_out(tmp_path: Path, yuan: str) -> None:
    prices = FolderPrices(exports_of(tmp_path), prices_of_file)
    export_prices(tmp_path, [("A", f'"{yuan}"'), ("B", "2.50")], NOW_MS - 5_000, "utf-8")
    assert prices.read_prices(["A", "B"], 0) == {"B": 250}


def test_an_export_without_the_column_is_unanswered_with_what_it_needs(tmp_path: Path) -> None:
    prices = FolderPrices(exports_of(tmp_path), prices_of_file)
    path = tmp_path / "in" / "prices-1.csv"
    path.write_text("商家编码,标价\nA,10.00\n", "utf-8")
    os.utime(path, (NOW_MS / 1000 - 5, NOW_MS / 1000 - 5))
    with pytest.raises(Unanswered, match="到手价"):
        prices.read_prices(["A"], 0)
