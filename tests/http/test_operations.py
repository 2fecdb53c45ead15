"""What happens to an order that exists, over HTTP: once each, in part or whole."""

from typing import Any

import pytest

House = Any  # conftest.py has the class
Answer = Any  # httpx's
How = Any  # what `ask` takes by name


def operate(
    house: House, order: dict[str, Any], verb: str, body: dict[str, Any], **how: How
) -> Answer:
    path = f"/v1/shops/own/orders/{order['channel']}/{order['id']}/{verb}"
    return house.ask("POST", path, {"id": house.new_id("O")} | body, **({"key": "web"} | how))


def placed(house: House, quantity: int = 3, **changes: object) -> dict[str, Any]:
    order = house.order(house.new_sku(), quantity, **changes)
    assert house.place(order).status_code == 201
    return dict(order)


def test_an_unpaid_order_is_paid_once(house: House) -> None:
    order = placed(house, paid=False)
    payment = {"id": house.new_id("P"), "amount_fen": 3000}
    first = operate(house, order, "payments", payment)
    assert first.status_code == 200, first.text
    assert first.json() == {
        "id": payment["id"], "reason": "accepted", "seq": first.json()["seq"], "position": 0,
    }  # fmt: skip
    again = operate(house, order, "payments", payment)
    assert again.json()["duplicate"] is True
    other = operate(house, order, "payments", {"amount_fen": 3000})
    assert other.status_code == 409
    assert other.json()["reason"] in {"wrong_state", "refund_due"}


def test_a_wrong_amount_is_named(house: House) -> None:
    order = placed(house, paid=False)
    answer = operate(house, order, "payments", {"amount_fen": 2999})
    house.assert_problem(answer, 409, "amount_mismatch")


def test_units_go_out_and_come_back_in_parts(house: House) -> None:
    order = placed(house, 5)
    sku = order["lines"][0]["sku"]
    part = {"line": 0, "quantity": 2}
    assert operate(house, order, "cancel", part).status_code == 200
    assert operate(house, order, "ship", {"line": 0, "quantity": 3}).status_code == 200
    house.assert_problem(
        operate(house, order, "ship", {"line": 0, "quantity": 1}), 409, "quantity_exceeds_open"
    )
    assert operate(house, order, "return", {"line": 0, "quantity": 1}).status_code == 200
    broken = {"line": 0, "quantity": 1, "defective": True}
    assert operate(house, order, "return", broken).status_code == 200
    found = house.ask("GET", f"/v1/shops/own/availability/{sku}?channel=web").json()
    assert found == {"sku": sku, "channel": "web", "available": 1000 - 5 + 2 + 1}


def test_a_hold_is_extended_by_seconds(house: House) -> None:
    order = placed(house, paid=False)
    assert operate(house, order, "extend", {"seconds": 600}).status_code == 200
    house.assert_problem(operate(house, order, "extend", {"seconds": 0}), 422, "unprocessable")


def test_a_sale_is_released_or_held_by_a_person(house: House) -> None:
    sku = house.new_sku(units=0)
    receipt = {"id": house.new_id("R"), "sku": sku, "quantity": 1, "pool": "tmall"}
    house.done("POST", "/v1/shops/own/stock/receipts", receipt)
    sale, beyond = (house.order(sku, channel="tmall") for _ in range(2))
    for one in (sale, beyond):
        assert house.ask("POST", "/v1/shops/own/sales", one, key="tmall").status_code == 201
    assert operate(house, sale, "release", {}, key="operator").status_code == 200
    refused = operate(house, beyond, "release", {}, key="operator")
    house.assert_problem(refused, 409, "stock_short_at_release")
    assert operate(house, beyond, "hold", {}, key="operator").status_code == 200


@pytest.mark.parametrize("verb", ["cancel", "ship", "return", "release", "hold"])
def test_an_order_that_is_not_there_is_named(house: House, verb: str) -> None:
    answer = operate(house, {"channel": "web", "id": "never-placed"}, verb, {}, key="operator")
    house.assert_problem(answer, 409, "unknown_order")


def test_a_channel_that_is_not_there_is_404(house: House) -> None:
    answer = operate(house, {"channel": "none", "id": "x"}, "cancel", {}, key="operator")
    house.assert_problem(answer, 404, "not_found")


def test_idempotency_key_is_the_operations_id(house: House) -> None:
    order = placed(house)
    own = {"id": house.new_id("O")}
    wrong = operate(house, order, "cancel", own, headers={"Idempotency-Key": "other"})
    house.assert_problem(wrong, 422, "id_mismatch")
    right = operate(house, order, "cancel", own, headers={"Idempotency-Key": own["id"]})
    assert right.status_code == 200


@pytest.mark.parametrize(
    ("verb", "body"),
    [
        ("payments", {"amount_fen": -1}),
        ("payments", {"amount_fen": 2**63}),
        ("payments", {}),
        ("cancel", {"line": 64}),
        ("cancel", {"line": -1}),
        ("cancel", {"quantity": 0}),
        ("cancel", {"quantity": -5}),
        ("ship", {"quantity": 1_000_001}),
        ("return", {"defective": "yes"}),
        ("extend", {"seconds": 2**40}),
        ("hold", {"id": "a b"}),
    ],
)
def test_a_field_out_of_bounds_changes_nothing(
    house: House, verb: str, body: dict[str, Any]
) -> None:
    before = house.state()
    answer = operate(house, {"channel": "web", "id": "x"}, verb, body, key="operator")
    house.assert_problem(answer, 422, "unprocessable")
    assert house.state() == before
