"""What the adapter makes of a real Vendure's odd moments: silence, refusals, sessions, payments.

Always asserts the words that a merchant reads. Never: a password is in any of them.
"""

import time
from pathlib import Path

import pytest
from vendure_shop import USER, Buyer, VendureShop, until

from tidegate.channels.adapters import vendure_orders
from tidegate.channels.adapters.vendure import Vendure
from tidegate.channels.adapters.vendure_session import (
    PERMISSIONS,
    Credentials,
    admin_address,
    credentials_of,
)
from tidegate.channels.feed_order import FeedOrder
from tidegate.channels.ports import RefusedOutside, StockChange, Unanswered

HOUR_MS = 3_600_000


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@pytest.fixture
def adapter(vendure: VendureShop) -> Vendure:
    return adapter_as(vendure, USER, vendure.password)


def adapter_as(vendure: VendureShop, user: str, password: str) -> Vendure:
    return Vendure(vendure.address, lambda: Credentials(user, password), now_ms, settled_s=0)


def told(adapter: Vendure, code: str) -> FeedOrder:
    """An order as the feed tells it now."""
    page = adapter.orders.fetch(now_ms() - HOUR_MS, now_ms() + 1_000, "")
    while True:
        for order in page.orders:
            if order.number == code:
                return order
        assert page.next_page, f"{code} is not in the feed"
        page = adapter.orders.fetch(now_ms() - HOUR_MS, now_ms() + 1_000, page.next_page)


def set_to(sku: str, quantity: int) -> StockChange:
    return StockChange(sku, sku, quantity, False, "1")


# -- sessions and passwords ------------------------------------------------------------------------


def test_a_session_that_has_ended_is_opened_again(vendure: VendureShop) -> None:
    vendure.put_administrator("ends", "and begins", PERMISSIONS.split(", "))
    adapter = adapter_as(vendure, "ends", "and begins")
    adapter.warehouse.read(["none"])
    adapter.stock._session.ask("mutation { logout { success } }", dict[str, object])
    assert adapter.warehouse.read(["none"]) == ["absent"]


def test_a_wrong_password_is_said_and_not_tried_again_at_once(vendure: VendureShop) -> None:
    asked = []

    def credentials() -> Credentials:
        asked.append(1)
        return Credentials(USER, "a guess")

    adapter = Vendure(vendure.address, credentials, now_ms)
    for _ in range(3):
        with pytest.raises(Unanswered, match="refused the user name or password") as said:
            adapter.stock.read(["A"])
        assert "a guess" not in str(said.value)
    assert asked == [1]


def test_a_user_without_the_rights_hears_which_they_need(vendure: VendureShop) -> None:
    vendure.put_administrator("reader", "only reads", ["ReadCatalog"])
    adapter = adapter_as(vendure, "reader", "only reads")
    with pytest.raises(Unanswered, match="its role needs ReadOrder, UpdateOrder, ReadCatalog"):
        adapter.orders.fetch(0, now_ms(), "")


def test_a_password_file_is_private_and_shows_nothing(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text("s3cret\nanother line\n", "utf-8")
    path.chmod(0o644)
    with pytest.raises(ValueError, match="may be read by others: chmod 600"):
        credentials_of("u", path)
    path.chmod(0o600)
    assert credentials_of("u", path) == Credentials("u", "s3cret")
    assert repr(credentials_of("u", path)) == "Credentials('u', ...)"
    path.write_text("\n", "utf-8")
    with pytest.raises(ValueError, match="no password in its first line"):
        credentials_of("u", path)


@pytest.mark.parametrize(
    "address", ["http://shop.example", "ftp://shop", "https://user@shop.example", "shop:3000", ""]
)
def test_an_address_that_would_show_the_password_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match=r"https|address"):
        admin_address(address)


@pytest.mark.parametrize("address", ["https://shop.example", "http://127.0.0.1:3000", "http://db"])
def test_an_address_that_is_near_or_secure_is_taken(address: str) -> None:
    assert admin_address(address).hostname


# -- silence and refusals --------------------------------------------------------------------------


def test_a_frozen_vendure_leaves_everything_unknown(vendure: VendureShop) -> None:
    vendure.put_variant("frozen", 5)
    adapter = adapter_as(vendure, USER, vendure.password)
    adapter.stock.read(["frozen"])
    adapter.stock._session._timeout_s = 0.3  # of all its ends; logging in took longer
    vendure.freeze()
    try:
        with pytest.raises(Unanswered, match=r"did not answer within 0\.3 s"):
            adapter.orders.fetch(0, now_ms(), "")
        assert adapter.orders._size == 250  # the next question is an easier one
        assert adapter.stock.push([set_to("frozen", 3)]) == ["unknown"]
        assert adapter.warehouse.push(["n1", "n2"]) == ["unknown", "unknown"]
        assert adapter.warehouse.intercept(["n1"]) == ["unknown"]
        with pytest.raises(Unanswered, match="did not answer"):
            adapter.warehouse.read(["n1"])
    finally:
        vendure.thaw()


def test_an_order_that_was_handed_over_without_an_answer_is_not_handed_over_twice(
    vendure: VendureShop,
) -> None:
    codes = [Buyer(vendure, f"lost{n}").buy(vendure.put_variant(f"lost{n}", 5)) for n in range(2)]
    who = Credentials(USER, vendure.password)
    adapter = Vendure(vendure.address, lambda: who, now_ms, settled_s=1.0)
    adapter.warehouse.push(["none"])
    adapter.stock._session._timeout_s = 0.3
    vendure.freeze()
    assert adapter.warehouse.push(codes[:1]) == ["unknown"]
    vendure.thaw()
    adapter.stock._session._timeout_s = 10.0
    with pytest.raises(Unanswered, match="answered for less than 1 s: not known yet"):
        adapter.warehouse.read(codes[1:])  # one that nobody has asked about: who knows
    assert adapter.warehouse.intercept(codes[1:]) == ["unknown"]
    until(lambda: is_told(adapter, codes[1]), "settled")
    if adapter.warehouse.read(codes[:1]) == ["absent"]:  # the lost question may have been heard
        assert adapter.warehouse.push(codes[:1]) == ["done"]
    assert adapter.warehouse.push(codes[:1]) == ["done"]
    assert vendure.handed_over("lost0") == 1


def is_told(adapter: Vendure, code: str) -> bool:
    try:
        return adapter.warehouse.read([code]) == ["absent"]
    except Unanswered:
        return False


def test_a_change_that_is_refused_does_not_take_others_with_it(
    vendure: VendureShop, adapter: Vendure
) -> None:
    for sku in ("fine", "too-many"):
        vendure.put_variant(sku, 5)
    changes = [set_to("fine", 3), set_to("too-many", 3_000_000_000), set_to("none", 1)]
    assert adapter.stock.push(changes) == ["done", "refused", "refused"]
    assert {sku: shown.quantity for sku, shown in
            adapter.stock.read(["fine", "too-many", "none"]).items()} == {
        "fine": 3, "too-many": 5,
    }  # fmt: skip


def test_a_sku_of_two_variants_is_nobody_s(vendure: VendureShop, adapter: Vendure) -> None:
    for _ in range(2):
        vendure.put_variant("twin", 5)
    assert adapter.stock.read(["twin"]) == {}
    assert adapter.stock.push([set_to("twin", 3)]) == ["refused"]


# -- the shelf -------------------------------------------------------------------------------------


def test_a_buyer_at_the_payment_is_left_room_for(vendure: VendureShop, adapter: Vendure) -> None:
    variant = vendure.put_variant("room", 2)
    buyer = Buyer(vendure, "at-the-payment")
    assert buyer.go_to_payment(variant, 2)
    assert adapter.stock.push([set_to("room", 5)]) == ["unknown"]  # two of the five are theirs
    assert adapter.stock.read(["room"])["room"].quantity == 3
    assert adapter.stock.push([set_to("room", 1)]) == ["done"]  # a step down waits for nobody
    assert adapter.stock.read(["room"])["room"].quantity == 1


def test_a_sale_that_the_feed_has_not_told_is_left_room_for(
    vendure: VendureShop, adapter: Vendure
) -> None:
    code = Buyer(vendure, "untold").buy(vendure.put_variant("untold", 1))
    assert adapter.stock.push([set_to("untold", 1)]) == ["unknown"]
    assert adapter.stock.read(["untold"])["untold"].quantity == 0
    told(adapter, code)
    deadline_s = time.monotonic() + 10
    while adapter.stock.push([set_to("untold", 1)]) != ["done"]:  # others may be right behind it
        assert time.monotonic() < deadline_s
    assert adapter.stock.read(["untold"])["untold"].quantity == 1


def test_a_shelf_below_nothing_is_nothing(vendure: VendureShop, adapter: Vendure) -> None:
    vendure.put_variant("below", 2)
    vendure.update_variant("below", outOfStockThreshold=5, useGlobalOutOfStockThreshold=False)
    assert adapter.stock.read(["below"])["below"].quantity == 0
    assert adapter.stock.push([set_to("below", 0)]) == ["done"]
    assert adapter.stock.push([set_to("below", 1)]) == ["done"]
    assert vendure.saleable("below") == 1


def test_a_variant_that_vendure_did_not_count_is_counted(
    vendure: VendureShop, adapter: Vendure
) -> None:
    variant = vendure.put_variant("uncounted", 0)
    vendure.update_variant("uncounted", trackInventory="FALSE")
    assert adapter.stock.read(["uncounted"])["uncounted"].quantity == 1_000_000_000
    assert adapter.stock.push([set_to("uncounted", 1)]) == ["done"]
    assert Buyer(vendure, "u1").buy(variant)
    assert not Buyer(vendure, "u2").buy(variant)


# -- the warehouse ---------------------------------------------------------------------------------


def test_what_the_desk_released_leaves_though_vendure_counts_none_and_the_shelf_stays(
    vendure: VendureShop, adapter: Vendure
) -> None:
    variant = vendure.put_variant("beyond", 0)
    assert adapter.stock.push([set_to("beyond", 3)]) == ["done"]
    code = Buyer(vendure, "beyond").buy(variant, 2)
    assert adapter.warehouse.push([code]) == ["done"]
    assert adapter.warehouse.read([code]) == ["waiting"]
    assert vendure.handed_over("beyond") == 2
    assert adapter.stock.read(["beyond"])["beyond"].quantity == 1


def test_a_stopped_order_s_units_do_not_come_back_to_the_shelf_by_themselves(
    vendure: VendureShop, adapter: Vendure
) -> None:
    code = Buyer(vendure, "back").buy(vendure.put_variant("back", 2), 2)
    assert adapter.warehouse.push([code]) == ["done"]
    assert adapter.warehouse.intercept([code]) == ["done"]
    assert adapter.warehouse.read([code]) == ["held"]
    assert adapter.stock.read(["back"])["back"].quantity == 0
    assert adapter.warehouse.push([code]) == ["done"], "a held order may be released again"
    assert adapter.warehouse.read([code]) == ["waiting"]


# -- the feed --------------------------------------------------------------------------------------


def test_an_order_is_paid_when_its_payment_is_settled(
    vendure: VendureShop, adapter: Vendure
) -> None:
    variant = vendure.put_variant("later", 5)
    code = Buyer(vendure, "later").buy(variant, method="pay-on-shipment")
    assert told(adapter, code).status == "unpaid"
    vendure.settle(code)
    assert told(adapter, code).status == "paid"
    assert adapter.warehouse.push([code]) == ["done"]
    vendure.ship(code)
    assert told(adapter, code).status == "shipped"


def test_a_cancelled_order_has_the_content_that_was_ordered(
    vendure: VendureShop, adapter: Vendure
) -> None:
    code = Buyer(vendure, "regrets").buy(vendure.put_variant("regrets", 5), 3)
    before = told(adapter, code)
    vendure.cancel(code)
    after = told(adapter, code)
    assert (after.status, after.lines, after.charged_fen) == (
        "cancelled", before.lines, before.charged_fen,
    )  # fmt: skip


def test_an_order_of_a_variant_that_is_gone_is_still_told(
    vendure: VendureShop, adapter: Vendure
) -> None:
    code = Buyer(vendure, "gone").buy(vendure.put_variant("gone", 5))
    vendure.delete_variant("gone")
    assert told(adapter, code).lines[0].item == "gone"


def test_an_order_in_another_currency_is_named_and_the_others_are_taken(
    vendure: VendureShop, adapter: Vendure
) -> None:
    variant = vendure.put_variant("abroad", 5)
    since_ms = now_ms()
    foreign, ours = (Buyer(vendure, f"abroad{n}").buy(variant) for n in range(2))
    vendure.sql_change('UPDATE "order" SET "currencyCode" = \'USD\' WHERE code = %s', foreign)
    page = adapter.orders.fetch(since_ms, now_ms() + 1_000, "")
    assert [order.number for order in page.orders] == [ours]
    assert [(bad.name, bad.why) for bad in page.malformed] == [
        (foreign, "in USD, not in the channel's own CNY")
    ]


def test_pages_go_on_where_they_were_though_an_order_changes_meanwhile(
    vendure: VendureShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vendure_orders, "PAGE_ORDERS", 2)
    adapter = adapter_as(vendure, USER, vendure.password)
    variant = vendure.put_variant("pages", 9)
    since_ms = now_ms()
    codes = [Buyer(vendure, f"pages{n}").buy(variant) for n in range(5)]
    until_ms = now_ms() + 1_000
    found, page = [], adapter.orders.fetch(since_ms, until_ms, "")
    assert [order.number for order in page.orders] == codes[:2]
    vendure.cancel(codes[0])  # it moves to the end, and the others up by one place
    while True:
        found += [order.number for order in page.orders]
        if not page.next_page:
            break
        page = adapter.orders.fetch(since_ms, until_ms, page.next_page)
    assert set(found) == set(codes)


# -- prices and closing ----------------------------------------------------------------------------


def test_a_price_is_told_while_no_promotion_applies_by_itself(
    vendure: VendureShop, adapter: Vendure
) -> None:
    for sku in ("priced", "off-shelf"):
        vendure.put_variant(sku, 5, price_fen=1_234)
    adapter.stock.set_listed("off-shelf", listed=False)
    vendure.put_promotion("for-members", coupon="MEMBER")
    assert adapter.prices.read_prices(["priced", "off-shelf", "none"], 0) == {"priced": 1_234}
    vendure.put_promotion("for-all", coupon="")
    with pytest.raises(RefusedOutside, match="promotions are enabled"):
        adapter.prices.read_prices(["priced"], 0)
    adapter.stock.end_activity()
    assert vendure.sql("SELECT count(*) FROM promotion WHERE enabled") == [(0,)]
    assert adapter.prices.read_prices(["priced"], 0) == {"priced": 1_234}


def test_an_order_is_closed_and_paid_back_once_unless_it_has_left(
    vendure: VendureShop, adapter: Vendure
) -> None:
    variant = vendure.put_variant("closed", 5)
    code, gone = (Buyer(vendure, f"closed{n}").buy(variant, 2) for n in range(2))
    assert adapter.warehouse.push([gone]) == ["done"]
    vendure.ship(gone)
    for _ in range(2):
        assert adapter.closer.close_orders([code, gone, "none"]) == ["done", "too_late", "refused"]
    assert told(adapter, code).status == "cancelled"
    assert vendure.paid_back(code) == 2_600  # two units and the courier
    assert adapter.stock.read(["closed"])["closed"].quantity == 3
