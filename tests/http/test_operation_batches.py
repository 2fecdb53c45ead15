"""Operations on many orders in one request: a line back for each, as it would have been alone."""

import json
from typing import Any

import pytest

House = Any  # conftest.py has the class

NDJSON = {"Content-Type": "application/x-ndjson"}
PATH = "/v1/shops/own/operations:batch"


def send(house: House, lines: list[bytes], key: str = "operator") -> list[dict[str, Any]]:
    answer = house.ask("POST", PATH, key=key, content=b"\n".join(lines), headers=NDJSON)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in answer.content.splitlines()]


def on(house: House, order: dict[str, Any], operation: str, **fields: object) -> dict[str, Any]:
    own = {"operation": operation, "id": house.new_id("B"), "channel": order["channel"]}
    return own | {"order": order["id"]} | fields


def encoded(*lines: dict[str, Any]) -> list[bytes]:
    return [json.dumps(line).encode() for line in lines]


def placed(house: House, quantity: int = 3, **changes: object) -> dict[str, Any]:
    order = house.order(house.new_sku(), quantity, **changes)
    assert house.place(order).status_code == 201
    return dict(order)


def sold(house: House, quantity: int) -> dict[str, Any]:
    sku = house.new_sku()
    body = {"id": house.new_id("MV"), "sku": sku, "quantity": 5,
            "from_pool": "shared", "to_pool": "tmall"}  # fmt: skip
    house.done("POST", "/v1/shops/own/stock/transfers", body)
    order = house.order(sku, quantity, channel="tmall")
    assert house.ask("POST", "/v1/shops/own/sales", order, key="tmall").status_code == 201
    return dict(order)


def test_an_order_goes_all_its_way_in_one_request_in_the_order_of_the_lines(house: House) -> None:
    order = placed(house, 5, paid=False)
    asked = [
        on(house, order, "extend", seconds=600),
        on(house, order, "pay", amount_fen=5000),
        on(house, order, "cancel", line=0, quantity=1),
        on(house, order, "ship", line=0, quantity=4),
        on(house, order, "ship", line=0, quantity=1),
        on(house, order, "return", line=0, quantity=1),
        on(house, order, "return", line=0, quantity=1, defective=True),
    ]
    heard = send(house, encoded(*asked))
    assert [line["status"] for line in heard] == [200, 200, 200, 200, 409, 200, 200]
    assert [line["id"] for line in heard] == [line["id"] for line in asked]
    assert heard[4]["reason"] == "quantity_exceeds_open"
    assert len({line["seq"] for line in heard}) == 1
    assert [line["position"] for line in heard] == list(range(7))
    sku = order["lines"][0]["sku"]
    left = house.ask("GET", f"/v1/shops/own/availability/{sku}?channel=web").json()["available"]
    assert left == 1000 - 5 + 1 + 1
    again = send(house, encoded(*asked))
    assert all(line["duplicate"] for line in again)
    assert [line["status"] for line in again] == [line["status"] for line in heard]


def test_sales_are_released_while_there_is_stock_and_held_where_a_person_says(house: House) -> None:
    covered, short, kept = sold(house, 5), sold(house, 6), sold(house, 1)
    heard = send(
        house,
        encoded(
            on(house, covered, "release"), on(house, short, "release"),
            on(house, kept, "hold"), on(house, kept, "release"),
        ),
    )  # fmt: skip
    assert [line["status"] for line in heard] == [200, 409, 200, 409]
    assert [heard[1]["reason"], heard[3]["reason"]] == ["stock_short_at_release", "held_by_person"]


BAD = [
    (b"{", 400, "malformed"),
    (b'{"operation":"cancel","id":"1","channel":"web","order":"1","id":"2"}', 400, "malformed"),
    (b'{"operation":"explode","id":"1","channel":"web","order":"1"}', 422, "unprocessable"),
    (b'{"operation":"cancel","id":"1","channel":"web"}', 422, "unprocessable"),
    (b'{"operation":"pay","id":"1","channel":"web","order":"1"}', 422, "unprocessable"),
    (b'{"operation":"extend","id":"1","channel":"web","order":"1"}', 422, "unprocessable"),
    (b'{"operation":"release","id":"1","channel":"web","order":"1","quantity":1}', 422,
     "unprocessable"),
    (b'{"operation":"cancel","id":"1","channel":"web","order":"1","amount_fen":1}', 422,
     "unprocessable"),
    (b'{"operation":"ship","id":"1","channel":"web","order":"1","quantity":-5}', 422,
     "unprocessable"),
    (b'{"operation":"pay","id":"1","channel":"web","order":"1","amount_fen":9223372036854775808}',
     422, "unprocessable"),
    (b'{"operation":"pay","id":"1","channel":"web","order":"1","amount_fen":NaN}', 400,
     "malformed"),
    (b'{"operation":"cancel","id":"a/b","channel":"web","order":"1"}', 422, "unprocessable"),
    (b'{"operation":"cancel","id":"1","channel":"web","order":"13812345678"}', 422,
     "personal_data"),
    (b'{"operation":"cancel","id":"1","channel":"nowhere","order":"1"}', 404, "not_found"),
    (b'{"operation":"cancel","id":"\xff","channel":"web","order":"1"}', 400, "malformed"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "status", "reason"), BAD)
def test_a_bad_line_gets_its_problem_and_changes_nothing(
    house: House, line: bytes, status: int, reason: str
) -> None:
    before = house.state()
    (heard,) = send(house, [line])
    house.assert_document(heard, status, reason)
    assert house.state() == before


def test_an_order_that_is_not_there_is_refused_by_the_desk_and_the_others_go_on(
    house: House,
) -> None:
    order = placed(house)
    nobody = {"channel": "web", "id": house.new_id("none")}
    heard = send(house, encoded(on(house, nobody, "cancel"), on(house, order, "cancel")))
    assert [line["status"] for line in heard] == [409, 200]
    assert heard[0]["reason"] == "unknown_order"


def test_each_line_needs_the_scope_and_channel_of_its_own_route(house: House) -> None:
    order, sale = placed(house), sold(house, 1)
    heard = send(
        house,
        encoded(on(house, order, "release"), on(house, sale, "cancel"), on(house, order, "cancel")),
        key="web",
    )
    assert [line["status"] for line in heard] == [403, 403, 200]
    assert heard[0]["scope"] == "release:write"
    assert heard[1]["scope"] == "orders:write"
