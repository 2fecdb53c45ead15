"""The bytes that stand for an order are the same each time and say what the API documents."""

import json

import numpy as np

from tidegate.demo.bodies import Bodies, Requests, Terms, order_id, units_asked
from tidegate.demo.crowd import ORDER, Orders


def two_lines() -> Orders:
    orders = np.zeros(2, ORDER)
    orders["at_ms"] = (250, 900)
    orders["buyer"] = (7, 8)
    orders["phone"] = (3, 8)
    orders["quantity"] = (41_000, 3)
    orders["second_sku"] = (1, 4)
    orders["second_quantity"] = (0, 2)
    return orders


def test_one_line_at_the_wrong_price() -> None:
    body = Bodies(two_lines(), Terms(channel="web", midnight_ms=1_000)).body(0)
    assert json.loads(body) == {
        "id": "N0000000",
        "channel": "web",
        "placed_at": 1_250,
        "paid": True,
        "charged_fen": 41_000_000,
        "platform_fen": 0,
        "buyer": {"account": "u0000007", "phone": "10000000003"},
        "verified": ["account", "phone"],
        "lines": [{"sku": "SPARKLING-24", "quantity": 41_000, "receivable_fen": 41_000_000}],
    }


def test_lines_carry_promotion_and_their_own_product_s_exception() -> None:
    names = tuple(f"E{n}" for n in range(6))
    bodies = Bodies(two_lines(), Terms("web", 0, promotion="MIDNIGHT", exceptions=names))
    said = json.loads(bodies.body(1))
    assert said["charged_fen"] == 3 * 1_000 + 2 * 762
    assert [(line["promotion"], line["exception"]) for line in said["lines"]] == [
        ("MIDNIGHT", "E0"),
        ("MIDNIGHT", "E4"),
    ]


def test_an_order_first_sent_before_the_approval_is_repeated_as_it_was() -> None:
    names = tuple(f"E{n}" for n in range(6))
    bodies = Bodies(two_lines(), Terms("web", 0, exceptions=names, exceptions_from_order=1))
    assert b"exception" not in bodies.body(0)
    assert b"exception" in bodies.body(0, 2)  # tried again with a new id: a new order
    assert b"exception" in bodies.body(1)


def test_a_refused_buyer_asks_for_less_under_a_new_id() -> None:
    assert [order_id(12, n) for n in (1, 2, 3)] == ["N0000012", "N0000012-2", "N0000012-3"]
    assert [units_asked(41_000, n) for n in (1, 2, 3, 4)] == [41_000, 2, 1, 1]
    assert [units_asked(0, n) for n in (1, 2, 3)] == [0, 0, 0]


def test_a_request_says_its_length() -> None:
    request = Requests("127.0.0.1:8", "key").post("/v1/shops/own/orders").with_body(b"{}")
    assert request == (
        b"POST /v1/shops/own/orders HTTP/1.1\r\nHost: 127.0.0.1:8\r\nAuthorization: Bearer key\r\n"
        b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
    )
