"""The suite that every adapter passes (tests/contract), against a real Vendure.

Always the very functions of that suite, as a user with the rights that the docs ask for, no more.
Never: a model stands between the adapter and Vendure.
"""

import importlib.util
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from vendure_contract import RealMarket, RealStores, Since
from vendure_shop import VendureShop

from tidegate.channels.adapters.vendure import Vendure
from tidegate.channels.adapters.vendure_session import PERMISSIONS, Credentials

SUITE = Path(__file__).resolve().parents[1] / "contract" / "test_channel_adapters.py"
spec = importlib.util.spec_from_file_location("adapters_suite", SUITE)
assert spec is not None
assert spec.loader is not None
suite = importlib.util.module_from_spec(spec)
spec.loader.exec_module(suite)

USER, PASSWORD = "tidegate", "a password of its own"
HOUR_MS = 3_600_000
ORDERS = 4


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@pytest.fixture(scope="module")
def adapter(vendure: VendureShop) -> Vendure:
    vendure.put_administrator(USER, PASSWORD, PERMISSIONS.split(", "))
    return Vendure(vendure.address, lambda: Credentials(USER, PASSWORD), now_ms, 5.0, settled_s=0)


@pytest.fixture
def ends(
    request: pytest.FixtureRequest, vendure: VendureShop, adapter: Vendure
) -> Iterator[object]:
    market, numbers = RealMarket(vendure), ()
    orders = Since(adapter.orders, now_ms)
    if "handed_over" in request.node.name:
        bought = [market.buy("A", 1, 1_000) for _ in range(ORDERS)]
        numbers = tuple(order.number for order in bought if order is not None)
    made = suite.Ends(
        orders, adapter.stock, adapter.warehouse, market, RealStores(vendure), suite.nobody,
        False, now_ms() + HOUR_MS, numbers,
    )  # fmt: skip
    try:
        yield made
    finally:
        vendure.thaw()


test_every_order_comes_with_its_lines_and_money = (
    suite.test_every_order_comes_with_its_lines_and_money
)
test_a_change_comes_again = suite.test_a_change_comes_again
test_a_quantity_is_really_changed_and_read_back = (
    suite.test_a_quantity_is_really_changed_and_read_back
)
test_an_item_goes_off_the_shelf_and_on_again = suite.test_an_item_goes_off_the_shelf_and_on_again
test_orders_are_handed_over_once_and_stopped_if_they_are_there = (
    suite.test_orders_are_handed_over_once_and_stopped_if_they_are_there
)
test_what_cannot_be_done_is_refused_with_what_to_do = (
    suite.test_what_cannot_be_done_is_refused_with_what_to_do
)
test_silence_is_unanswered_never_done = suite.test_silence_is_unanswered_never_done


def test_no_test_of_the_suite_is_left_out() -> None:
    common = {name for name, made in vars(suite).items()
              if name.startswith("test_") and "ends" in made.__code__.co_varnames}  # fmt: skip
    assert common - set(globals()) == set()
