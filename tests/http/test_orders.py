"""One order over HTTP: each kind of answer, word for word."""

import json
from typing import Any

import pytest

House = Any  # conftest.py has the class

CHINESE = {"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.8"}


def test_an_order_is_accepted_and_its_repeat_gets_the_same_answer(house: House) -> None:
    order = house.order(house.new_sku())
    first = house.place(order)
    assert first.status_code == 201
    answer = first.json()
    expected = {"id": order["id"], "reason": "accepted", "seq": answer["seq"], "position": 0}
    assert answer == expected
    again = house.place(order)
    assert again.status_code == 200
    assert again.json() == expected | {
        "duplicate": True, "seq": again.json()["seq"], "position": 0,
    }  # fmt: skip


def test_an_unpaid_order_says_when_its_hold_ends(house: House) -> None:
    answer = house.place(house.order(house.new_sku(), paid=False)).json()
    ttl_ms = answer["hold_expires_at"] - house.doors.clock.now_ms()
    assert answer["hold_expires_at"] % 1000 == 0
    assert 0 < ttl_ms <= 30 * 86_400_000


def test_the_same_id_with_other_content_is_refused(house: House) -> None:
    order = house.order(house.new_sku())
    house.place(order)
    problem = house.assert_problem(house.place(order | {"paid": False}), 409, "id_reused")
    assert problem["reason_number"] == 1
    assert problem["retry_with_new_id"] is True
    assert problem["id"] == order["id"]


def test_placed_at_may_differ_in_a_repeat_and_be_written_either_way(house: House) -> None:
    order = house.order(house.new_sku(), placed_at="2026-10-26T00:00:01.250+08:00")
    first = house.assert_problem(house.place(order), 409, "order_too_old")
    again = house.assert_problem(house.place(order | {"placed_at": 1_792_944_001_250}), 409,
                           "order_too_old")  # fmt: skip
    assert again["duplicate"] is True
    assert "duplicate" not in first


@pytest.mark.parametrize(
    ("headers", "detail"),
    [
        ({}, "limit 6 a month, has 4, asked 3"),
        (CHINESE, "每月限 6 件，已有 4，本次 3"),
    ],
)
def test_a_limit_says_its_numbers(house: House, headers: dict[str, str], detail: str) -> None:
    sku, rule, account = house.new_sku(), house.new_id("LIMIT"), house.new_id("u")
    house.done(
        "PUT", f"/v1/shops/own/rules/{rule}",
        {"scope": "sku", "target": sku, "window": "month", "limits": {"account": 6}},
    )  # fmt: skip
    buyer = {"buyer": {"account": account}, "verified": ["account"]}
    assert house.place(house.order(sku, 4, **buyer)).status_code == 201
    problem = house.assert_problem(
        house.place(house.order(sku, 3, **buyer), headers=headers), 409, "limit_exceeded"
    )
    assert problem["detail"] == detail
    figures = {name: problem[name] for name in ("rule", "window", "basis", "limit", "has", "asked")}
    assert figures == {
        "rule": rule, "window": "month", "basis": "units", "limit": 6, "has": 4, "asked": 3,
    }  # fmt: skip


def test_a_refused_order_stays_refused_when_stock_comes(house: House) -> None:
    sku = house.new_sku(units=2)
    order = house.order(sku, 3)
    problem = house.assert_problem(house.place(order), 409, "stock_short")
    assert (problem["has"], problem["asked"], problem["detail"]) == (2, 3, "available 2, asked 3")
    receipt = {"id": house.new_id("R"), "sku": sku, "quantity": 50}
    house.done("POST", "/v1/shops/own/stock/receipts", receipt)
    again = house.assert_problem(house.place(order), 409, "stock_short")
    assert again["duplicate"] is True
    assert house.place(house.order(sku, 3)).status_code == 201


def test_the_platforms_share_counts_for_the_merchant_and_must_add_up(house: House) -> None:
    sku = house.new_sku()
    lines = [
        {"sku": sku, "quantity": 1, "receivable_fen": 999},
        {"sku": sku, "quantity": 2, "receivable_fen": 1001},
    ]
    shared = {"charged_fen": 1500, "platform_fen": 500, "lines": lines}
    assert house.place(house.order(sku, **shared)).status_code == 201
    short = shared | {"platform_fen": 499}
    house.assert_problem(house.place(house.order(sku, **short)), 409, "price_mismatch")


def test_what_nobody_knows_is_refused_by_its_name(house: House) -> None:
    sku = house.new_sku()
    house.assert_problem(house.place(house.order("no-such")), 409, "unknown_sku")
    lines = house.order(sku)["lines"]
    offered = [lines[0] | {"promotion": "no-such"}]
    house.assert_problem(house.place(house.order(sku, lines=offered)), 409, "promotion_paused")
    exempted = [lines[0] | {"exception": "no-such", "receivable_fen": 1}]
    order = house.order(sku, lines=exempted, charged_fen=1)
    house.assert_problem(house.place(order), 409, "price_below_floor")
    nowhere = house.order(sku, channel="nowhere")
    house.assert_problem(house.place(nowhere, key="operator"), 404, "not_found")


def test_a_gift_names_an_earlier_line(house: House) -> None:
    sku, gift = house.new_sku(), house.new_sku(cost_floor_fen=0)
    lines = [
        {"sku": sku, "quantity": 1, "receivable_fen": 1000},
        {"sku": gift, "quantity": 1, "receivable_fen": 0, "gift_of": 1},
    ]
    assert house.place(house.order(sku, lines=lines)).status_code == 201
    backwards = house.order(sku, lines=lines[::-1])
    house.assert_problem(house.place(backwards), 422, "unprocessable")


def test_a_sale_is_recorded_with_its_judgement_never_refused(house: House) -> None:
    sku = house.new_sku(units=0)
    sale = house.order(sku, 3, channel="tmall")
    answer = house.ask("POST", "/v1/shops/own/sales", sale, key="tmall")
    assert answer.status_code == 201, answer.text
    document = answer.json()
    assert document["judgement"] == ["stock_short"]
    assert document["short"] == 3
    again = house.ask("POST", "/v1/shops/own/sales", sale, key="tmall")
    assert (again.status_code, again.json()["duplicate"]) == (200, True)
    assert again.json()["judgement"] == ["stock_short"]
    other = house.ask("POST", "/v1/shops/own/sales", sale | {"charged_fen": 1}, key="tmall")
    house.assert_problem(other, 409, "id_reused")


def test_idempotency_key_is_the_id(house: House) -> None:
    order = house.order(house.new_sku())
    problem = house.place(order, headers={"Idempotency-Key": "another"})
    house.assert_problem(problem, 422, "id_mismatch")
    assert house.place(order, headers={"Idempotency-Key": order["id"]}).status_code == 201
    quoted = house.place(order, headers={"Idempotency-Key": f'"{order["id"]}"'})
    assert quoted.status_code == 200


@pytest.mark.parametrize(
    "own_id", ["13800138000", "a@example.com", "+86 138 0013 8000", "11010519491231002X"]
)
def test_an_id_that_looks_like_a_person_is_refused_unread(house: House, own_id: str) -> None:
    before = house.state()
    answer = house.place(house.order("any", id=own_id))
    assert answer.status_code == 422
    assert answer.json()["reason"] in {"personal_data", "unprocessable"}
    assert own_id not in answer.text
    assert house.state() == before


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"placed_at": 4_102_444_800_000}, "placed_at"),
        ({"placed_at": 1}, "placed_at"),
        ({"placed_at": "2026-10-26T00:00:01"}, "$.placed_at"),
        ({"id": ""}, "$.id"),
        ({"id": "x" * 65}, "$.id"),
        ({"id": "a b"}, "id"),
        ({"id": "a/b"}, "id"),
        ({"id": "a\u0000b"}, "id"),
        ({"id": ".."}, "id"),
        ({"lines": []}, "$.lines"),
        ({"lines": [{"sku": "A", "quantity": 1, "receivable_fen": 1}] * 65}, "$.lines"),
        ({"lines": [{"sku": "A", "quantity": -5, "receivable_fen": 1}]}, "$.lines[0].quantity"),
        ({"lines": [{"sku": "A", "quantity": 0, "receivable_fen": 1}]}, "$.lines[0].quantity"),
        ({"lines": [{"sku": "A", "quantity": 1_000_001, "receivable_fen": 1}]}, "quantity"),
        ({"lines": [{"sku": "A", "quantity": 2**63, "receivable_fen": 1}]}, "quantity"),
        ({"lines": [{"sku": "A", "quantity": 10**400, "receivable_fen": 1}]}, "quantity"),
        ({"lines": [{"sku": "A", "quantity": 1.5, "receivable_fen": 1}]}, "quantity"),
        ({"lines": [{"sku": "A", "quantity": True, "receivable_fen": 1}]}, "quantity"),
        ({"lines": [{"sku": "A", "quantity": 1, "receivable_fen": -1}]}, "receivable_fen"),
        ({"lines": [{"sku": "A", "quantity": 1, "receivable_fen": 2**40 + 1}]}, "receivable_fen"),
        ({"charged_fen": -1}, "$.charged_fen"),
        ({"charged_fen": "1000"}, "$.charged_fen"),
        ({"platform_fen": 2**31}, "$.platform_fen"),
        ({"pricing_version": 2**32}, "$.pricing_version"),
        ({"verified": ["face"]}, "$.verified[0]"),
        ({"buyer": {"face": "x"}}, "face"),
        ({"discount": 1}, "discount"),
        ({"buyer": {"phone": "138****0000"}}, "phone"),
        ({"buyer": {"account": ""}}, "$.buyer.account"),
        ({"buyer": {"address": "x" * 513}}, "$.buyer.address"),
    ],
)  # fmt: skip
def test_a_field_out_of_bounds_is_named_and_changes_nothing(
    house: House, change: dict[str, Any], where: str
) -> None:
    before = house.state()
    problem = house.assert_problem(house.place(house.order("any", **change)), 422, "unprocessable")
    assert where in problem["detail"]
    assert house.state() == before


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"text"',
        b"\xef\xbb\xbf{}",
        b'{"id": NaN}',
        b'{"id": "\xff\xfe"}',
        '{"id": "x"}'.encode("utf-16"),
        '{"id": "订单"}'.encode("gb18030"),
        b'{"id": "\\ud800"}',
        b"[" * 10_000,
        b'{"a":' * 3_000,
        b'{"charged_fen": 1e400}',
        b'{"id": "a"} trailing',
    ],
)
def test_a_body_that_is_no_order_is_refused_and_changes_nothing(
    house: House, content: bytes
) -> None:
    before = house.state()
    answer = house.ask("POST", "/v1/shops/own/orders", content=content, key="web")
    assert answer.status_code in {400, 422}
    house.assert_problem(answer, answer.status_code, answer.json()["reason"])
    assert house.state() == before


def test_a_key_that_stands_twice_is_refused(house: House) -> None:
    order = house.order(house.new_sku())
    text = json.dumps(order)
    for doubled in (
        text[:-1] + ', "paid": false}',
        text.replace('"quantity": 1', '"quantity": 1, "quantity": 50'),
        text.replace('"id"', '"\\u0069d": "x", "id"'),
    ):
        answer = house.ask("POST", "/v1/shops/own/orders", content=doubled.encode(), key="web")
        house.assert_problem(answer, 400, "malformed")
    assert house.place(order).status_code == 201


def test_a_body_over_its_bound_is_refused_whole_or_in_chunks(house: House) -> None:
    body = json.dumps(house.order("any")).encode()
    large = body + b" " * (16_385 - len(body))
    house.assert_problem(
        house.ask("POST", "/v1/shops/own/orders", content=large, key="web"), 413, "body_too_large"
    )
    fitting = house.ask("POST", "/v1/shops/own/orders", content=large[:-1], key="web")
    house.assert_problem(fitting, 409, "unknown_sku")


@pytest.mark.parametrize(
    "media_type",
    ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=gbk", ""],
)
def test_another_media_type_is_refused(house: House, media_type: str) -> None:
    answer = house.place(house.order("any"), headers={"Content-Type": media_type})
    house.assert_problem(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize(
    "media_type",
    ["application/json; charset=utf-8", 'Application/JSON;charset="UTF-8"', "application/json"],
)
def test_json_in_utf8_is_taken_however_it_is_written(house: House, media_type: str) -> None:
    order = house.order(house.new_sku())
    assert house.place(order, headers={"Content-Type": media_type}).status_code == 201


def test_a_chinese_id_is_as_good_as_any(house: House) -> None:
    order = house.order(house.new_sku(), id=house.new_id("订单"))
    answer = house.place(order)
    assert answer.status_code == 201, answer.text
    assert answer.json()["id"] == order["id"]


def test_what_a_person_is_called_never_reaches_the_journal(house: House) -> None:
    marks = {"account": "Zhang-Wei-88", "phone": "13912345678", "address": "上海市长宁区 1 号 2 室"}
    order = house.order(house.new_sku(), buyer=marks, verified=["account", "phone"])
    assert house.place(order).status_code == 201
    folder = house.shops["own"].paths.folder
    stored = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    for mark in (*marks.values(), "8613912345678", order["id"]):
        assert mark.encode() not in stored
