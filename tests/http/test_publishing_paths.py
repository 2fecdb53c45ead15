"""Every path to a promotion over HTTP: what is spent is not promised, what is stopped is dead.

Always a shop of its own SKUs; the guard is the real one, in its process.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

House = Any  # conftest.py has the class

SHOP = "/v1/shops/own"
LIST_FEN, PRICE_FEN = 26_000, 20_800
DAY_MS = 86_400_000


@pytest.fixture
def sku(house: House) -> Iterator[str]:
    """A SKU at 260 yuan with a floor of 90; what was published for it is withdrawn at the end."""
    code = house.new_sku(100, list_price_fen=LIST_FEN, cost_floor_fen=9_000)
    yield code
    for one in house.ask("GET", f"{SHOP}/publications").json()["published"]:
        house.done("POST", f"{SHOP}/promotions/{one['code']}/withdraw", {"note": "test ends"})


def published(house: House, sku: str, **changes: object) -> str:
    """8 折 for the SKU, or what `changes` make of it, in force."""
    now_ms = house.doors.clock.now_ms()
    wanted: dict[str, Any] = {
        "code": house.new_id("P"), "level": "item",
        "effect": {"kind": "percent_off", "pay_bp": 8_000},
        "start_ms": now_ms - 1000, "end_ms": now_ms + DAY_MS, "scope": {"skus": [sku]},
    } | changes  # fmt: skip
    path = f"{SHOP}/drafts/{wanted['code']}"
    house.done("PUT", path, {"promotion": wanted})
    checked = house.done("POST", f"{path}/check", {})
    assert checked["checked"]["verdict"] == "proved", checked
    house.done("POST", f"{path}/publish", {"digest": checked["digest"]})
    return str(wanted["code"])


def quoted(house: House, sku: str, quantity: int = 1, **fields: object) -> dict[str, Any]:
    body = {"channel": "web", "lines": [{"sku": sku, "quantity": quantity}]} | fields
    answer = house.ask("POST", f"{SHOP}/quotes", body, key="web")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def basket(
    house: House, sku: str, charged_fen: int, quantity: int = 1, **changes: object
) -> dict[str, Any]:
    lines = [{"sku": sku, "quantity": quantity}]
    return house.order(sku, quantity, charged_fen=charged_fen, lines=lines) | changes


# What is spent.


def test_a_quote_promises_no_budget_that_is_spent(house: House, sku: str) -> None:
    code = published(house, sku, budget={"units": 3})
    assert house.place(basket(house, sku, 2 * PRICE_FEN, 2)).status_code == 201
    there = quoted(house, sku)
    assert (there["priced"]["goods_fen"], there["spent"]) == (PRICE_FEN, [])
    two = quoted(house, sku, 2, receipt=True)  # one unit is left
    assert (two["priced"]["goods_fen"], two["spent"]) == (2 * LIST_FEN, [code])
    assert any(
        code in line and "its budget or the buyer's cap does not cover the whole" in line
        for line in two["receipt"]
    )
    outcomes = {step["promotion"]: step["outcome"] for step in two["priced"]["trace"]}
    assert outcomes == {code: "no_room"}
    # What was quoted is sold; what nobody quoted any more is not.
    house.assert_problem(house.place(basket(house, sku, 2 * PRICE_FEN, 2)), 409, "budget_exhausted")
    house.assert_problem(house.place(basket(house, sku, 2 * PRICE_FEN + 1, 2)), 409,
                         "price_mismatch")  # fmt: skip
    assert house.place(basket(house, sku, 2 * LIST_FEN, 2)).status_code == 201
    assert house.place(basket(house, sku, PRICE_FEN)).status_code == 201
    assert quoted(house, sku)["spent"] == [code]


def test_a_budget_of_money_counts_as_the_desk_counts(house: House, sku: str) -> None:
    code = published(house, sku, budget={"money_fen": 10_399})  # one unit costs it 5,200
    assert quoted(house, sku)["spent"] == []
    assert quoted(house, sku, 2)["spent"] == [code]
    house.assert_problem(house.place(basket(house, sku, 2 * PRICE_FEN, 2)), 409, "budget_exhausted")
    assert house.place(basket(house, sku, PRICE_FEN)).status_code == 201
    assert quoted(house, sku)["spent"] == [code]
    house.assert_problem(house.place(basket(house, sku, PRICE_FEN)), 409, "budget_exhausted")


def test_a_coupon_is_used_as_often_as_it_may_be_claimed(house: House, sku: str) -> None:
    word = house.new_id("C")
    claims = {"code": word, "claims_max": 3, "claims_per_buyer_max": 2}
    code = published(house, sku, coupon=claims)
    buyers = [{"buyer": {"account": house.new_id("u")}, "verified": ["account"]} for _ in range(2)]

    def bought(buyer: dict[str, Any]) -> Any:  # noqa: ANN401
        return house.place(basket(house, sku, PRICE_FEN, choices=[word], **buyer))

    assert [bought(buyers[0]).status_code for _ in range(2)] == [201, 201]
    house.assert_problem(bought(buyers[0]), 409, "limit_exceeded")
    there = quoted(house, sku, choices=[word])
    assert (there["priced"]["goods_fen"], there["spent"]) == (PRICE_FEN, [])
    assert bought(buyers[1]).status_code == 201
    there = quoted(house, sku, choices=[word])
    assert (there["priced"]["goods_fen"], there["spent"]) == (LIST_FEN, [code])
    house.assert_problem(bought(buyers[1]), 409, "budget_exhausted")
    nobody = basket(house, sku, PRICE_FEN, choices=[word])
    assert house.place(nobody).json()["reason"] == "identity_missing"


def test_when_one_is_spent_the_next_one_applies(house: House, sku: str) -> None:
    first = published(house, sku, budget={"units": 1}, exclusive_group="one", priority=10)
    nine = {"kind": "percent_off", "pay_bp": 9_000}
    published(house, sku, effect=nine, exclusive_group="one", priority=20)
    assert quoted(house, sku)["priced"]["goods_fen"] == PRICE_FEN
    assert house.place(basket(house, sku, PRICE_FEN)).status_code == 201
    then = quoted(house, sku)
    assert (then["priced"]["goods_fen"], then["spent"]) == (23_400, [first])
    assert house.place(basket(house, sku, 23_400)).status_code == 201


def test_a_budget_that_a_cancelled_order_gives_back_is_there_again(house: House, sku: str) -> None:
    published(house, sku, budget={"units": 1})
    order = basket(house, sku, PRICE_FEN)
    assert house.place(order).status_code == 201
    assert quoted(house, sku)["priced"]["goods_fen"] == LIST_FEN
    path = f"{SHOP}/orders/web/{order['id']}/cancel"
    house.done("POST", path, {"id": house.new_id("c")}, "web")
    assert quoted(house, sku)["priced"]["goods_fen"] == PRICE_FEN


# What a buyer types, and the fee.


def test_a_coupon_is_found_as_a_telephone_types_it(house: House, sku: str) -> None:
    published(house, sku, coupon={"code": "QIU-50"})
    for typed in ("QIU-50", "ＱＩＵ－５０", " QIU-50 "):
        assert quoted(house, sku, choices=[typed])["priced"]["goods_fen"] == PRICE_FEN
    order = basket(house, sku, PRICE_FEN, choices=["ＱＩＵ－50"])
    assert house.place(order).status_code == 201
    assert quoted(house, sku, choices=["qiu-50"])["priced"]["goods_fen"] == LIST_FEN


def test_a_basket_may_name_its_fee_since_what_it_frees_may_unlock_more(
    house: House, sku: str
) -> None:
    free = published(house, sku, level="shop", effect={"kind": "free_shipping"})
    off = {"kind": "spend", "tiers": [{"spend_fen": 10_000, "off_fen": 1_000}]}
    published(house, sku, level="platform", effect=off, requires=[free])
    quote = quoted(house, sku, shipping_fen=800)["priced"]
    assert (quote["goods_fen"], quote["shipping_fen"]) == (25_000, 0)
    assert quoted(house, sku)["priced"]["goods_fen"] == LIST_FEN  # nothing to free
    house.assert_problem(house.place(basket(house, sku, 25_000)), 409, "price_mismatch")
    order = basket(house, sku, 25_000, shipping_fen=800)
    assert house.place(order).status_code == 201
    assert house.place(order).status_code == 200
    amounts = house.order(sku, 1, shipping_fen=800)
    house.assert_problem(house.place(amounts), 422, "unprocessable")


# What is stopped: no path leads to it from the next order on.


def test_suspending_kills_every_path_coupons_in_hand_included(house: House, sku: str) -> None:
    code = published(house, sku, coupon={"code": house.new_id("C")})
    coupon = house.ask("GET", f"{SHOP}/publications").json()["published"][0]["promotion"]["coupon"]
    word = coupon["code"]
    locked = published(
        house, sku, effect={"kind": "percent_off", "pay_bp": 9_000}, requires=[code], priority=200
    )
    before = quoted(house, sku, choices=[word])["priced"]
    assert before["goods_fen"] == 18_720  # both of them
    version = before["quote"]["version"]
    in_hand = basket(house, sku, 18_720, choices=[word])
    assert house.place(in_hand).status_code == 201

    house.done("POST", f"{SHOP}/promotions/{code}/suspend", {"note": "stop"}, "pauser")

    for choices in ([word], [code], [word, code, locked]):
        there = quoted(house, sku, choices=choices)["priced"]
        assert (there["goods_fen"], there["promotions"]) == (LIST_FEN, [])
        assert there["unused_choices"] == sorted(c for c in choices)
    own = {"lines": [{"sku": sku, "quantity": 1, "receivable_fen": 18_720}],
           "charged_fen": 18_720}  # fmt: skip
    named = {"lines": [own["lines"][0] | {"promotion": code}], "charged_fen": 18_720}
    paths = {
        "a basket with the coupon": (basket(house, sku, 18_720, choices=[word]), "price_mismatch"),
        "with the promotion's code": (basket(house, sku, 18_720, choices=[code]), "price_mismatch"),
        "a quote in hand": (
            basket(house, sku, 18_720, choices=[word], pricing_version=version), "price_changed",
        ),
        "amounts of that quote": (
            house.order(sku, 1, pricing_version=version, **own), "price_changed",
        ),
        "amounts that name it": (house.order(sku, 1, **named), "promotion_paused"),
        "both": (house.order(sku, 1, pricing_version=version, **named), "promotion_paused"),
    }  # fmt: skip
    for path, (order, reason) in paths.items():
        answer = house.place(order)
        assert (path, answer.json().get("reason")) == (path, reason)
        body = house.encoded(order | {"id": house.new_id("T")})
        answer = house.ask("POST", f"{SHOP}/orders:batch", content=body,
                           headers={"Content-Type": "application/x-ndjson"})  # fmt: skip
        assert (path, json.loads(answer.text)["reason"]) == (path, reason)
    # What was accepted before stays accepted, and the goods go on at their list price.
    assert house.place(in_hand).status_code == 200
    assert house.place(basket(house, sku, LIST_FEN, choices=[word])).status_code == 201


def test_a_marketplaces_sale_by_a_stopped_promotion_is_held(house: House, sku: str) -> None:
    code = published(house, sku)
    stock = {"id": house.new_id("M"), "sku": sku, "quantity": 10,
             "from_pool": "shared", "to_pool": "tmall"}  # fmt: skip
    house.done("POST", f"{SHOP}/stock/transfers", stock)
    house.done("POST", f"{SHOP}/promotions/{code}/suspend", {}, "pauser")
    lines = [{"sku": sku, "quantity": 1, "receivable_fen": PRICE_FEN, "promotion": code}]
    named = house.order(sku, 1, channel="tmall", charged_fen=PRICE_FEN, lines=lines)
    asked = basket(house, sku, PRICE_FEN, channel="tmall")
    for sale, judgement in ((named, ["promotion_paused"]), (asked, ["price_mismatch"])):
        answer = house.ask("POST", f"{SHOP}/sales", sale, key="tmall")
        assert (answer.status_code, answer.json()["judgement"]) == (201, judgement)


def test_publishing_it_again_does_not_start_what_was_stopped(house: House, sku: str) -> None:
    code = published(house, sku)
    house.done("POST", f"{SHOP}/promotions/{code}/suspend", {}, "pauser")
    assert published(house, sku, code=code, effect={"kind": "percent_off", "pay_bp": 8_500}) == code
    assert quoted(house, sku, choices=[code])["priced"]["goods_fen"] == LIST_FEN
    again = {"id": house.new_id("R"), "scope": "promotion", "target": code}
    house.done("POST", f"{SHOP}/resume", again)
    assert quoted(house, sku)["priced"]["goods_fen"] == 22_100
