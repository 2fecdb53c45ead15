"""Operators' commands over HTTP: catalogue, rules, stock, stopping, two people, settings."""

from typing import Any

import pytest

House = Any  # conftest.py has the class
Answer = Any  # httpx's

SHOP = "/v1/shops/own"


def test_a_put_says_what_it_became_and_a_repeat_says_the_same(house: House) -> None:
    code, own_id = house.new_id("S"), house.new_id("C")
    body = {"id": own_id, "list_price_fen": 1000}
    first = house.done("PUT", f"{SHOP}/skus/{code}", body)
    assert first["id"] == own_id
    again = house.done("PUT", f"{SHOP}/skus/{code}", body)
    assert again["duplicate"] is True
    answer = house.ask("PUT", f"{SHOP}/skus/{code}", body | {"list_price_fen": 999})
    house.assert_problem(answer, 409, "id_reused")


def test_a_put_may_leave_its_id_to_the_header_or_to_the_server(house: House) -> None:
    code = house.new_id("POOL")
    named = house.ask("PUT", f"{SHOP}/pools/{code}", {}, headers={"Idempotency-Key": "my-own-id"})
    assert named.json()["id"] == "my-own-id"
    one, two = (house.done("PUT", f"{SHOP}/pools/{code}", {})["id"] for _ in range(2))
    assert one != two
    bad = house.ask("PUT", f"{SHOP}/pools/{code}", {}, headers={"Idempotency-Key": "a b"})
    house.assert_problem(bad, 422, "unprocessable")
    phone = {"Idempotency-Key": "13800138000"}
    bad = house.ask("PUT", f"{SHOP}/pools/{code}", {}, headers=phone)
    house.assert_problem(bad, 422, "personal_data")


def test_stock_arrives_is_counted_and_moves(house: House) -> None:
    sku = house.new_sku(units=10)

    def available(channel: str) -> int:
        path = f"{SHOP}/availability/{sku}?channel={channel}"
        return int(house.ask("GET", path).json()["available"])

    def stock(kind: str, **body: object) -> Answer:
        return house.ask("POST", f"{SHOP}/stock/{kind}", {"id": house.new_id(), "sku": sku} | body)

    assert available("web") == 10
    assert stock("adjustments", delta=-3).status_code == 200
    assert available("web") == 7
    moved = stock("transfers", quantity=4, from_pool="shared", to_pool="tmall")
    assert moved.status_code == 200
    assert (available("web"), available("tmall")) == (3, 4)
    assert stock("recalls", quantity=4, pool="tmall").status_code == 200
    assert available("tmall") == 0
    assert stock("recalls", quantity=4, pool="tmall", step="finish").status_code == 200
    assert (available("web"), available("tmall")) == (7, 0)
    assert house.place(house.order(sku, 6)).status_code == 201
    counted = stock("counts", counted=2)
    assert counted.json()["shortfall"] == 4
    house.assert_problem(stock("adjustments", delta=-3), 409, "out_of_bounds")
    house.assert_problem(
        stock("transfers", quantity=1, from_pool="none", to_pool="shared"), 409, "unknown_target"
    )


@pytest.mark.parametrize(("scope", "reason"), [("sku", "sku_paused"), ("shop", "shop_paused")])
def test_a_pause_stops_sales_and_only_a_person_starts_them_again(
    house: House, scope: str, reason: str
) -> None:
    sku = house.new_sku()
    target = {"scope": scope, "target": sku if scope == "sku" else ""}
    paused = house.ask("POST", f"{SHOP}/pause", {"id": house.new_id()} | target, key="pauser")
    assert paused.status_code == 200
    house.assert_problem(house.place(house.order(sku)), 409, reason)
    again = house.ask("POST", f"{SHOP}/resume", {"id": house.new_id()} | target, key="pauser")
    house.assert_problem(again, 403, "not_permitted")
    house.done("POST", f"{SHOP}/resume", {"id": house.new_id()} | target)
    assert house.place(house.order(sku)).status_code == 201


def test_a_note_with_personal_data_is_refused(house: House) -> None:
    before = house.state()
    body = {"id": house.new_id(), "note": "call 13800138000", "scope": "shop"}
    answer = house.ask("POST", f"{SHOP}/pause", body)
    problem = house.assert_problem(answer, 422, "personal_data")
    assert (problem["field"], problem["kind"]) == ("note", "phone")
    assert house.state() == before


def test_an_exception_needs_two_people(house: House) -> None:
    sku, code = house.new_sku(), house.new_id("EX")
    wanted = {
        "code": code,
        "skus": [sku],
        "floor_fen": 100,
        "units": 2,
        "expires_at": house.doors.clock.now_ms() + 3_600_000,
        "note": "made good",
    }
    proposed = house.ask("POST", f"{SHOP}/exceptions", wanted)
    assert proposed.status_code == 202, proposed.text
    proposal = proposed.json()
    cheap = {"charged_fen": 100, "lines": [
        {"sku": sku, "quantity": 1, "receivable_fen": 100, "exception": code}
    ]}  # fmt: skip
    house.assert_problem(house.place(house.order(sku, **cheap)), 409, "price_below_floor")

    path = f"{SHOP}/proposals/{proposal['proposal']}/approve"
    word = {"digest": proposal["digest"]}
    house.assert_problem(house.ask("POST", path, word), 409, "approval_needed")
    wrong = house.ask("POST", path, {"digest": "0" * 64}, key="approver")
    house.assert_problem(wrong, 409, "approval_needed")
    listed = house.ask("GET", f"{SHOP}/proposals", key="approver").json()["proposals"]
    assert proposal in listed
    assert listed[-1]["content"]["floor_fen"] == 100
    elsewhere = path.replace("/own/", "/other/")
    house.assert_problem(house.ask("POST", elsewhere, word, key="approver"), 404, "not_found")

    approved = house.done("POST", path, word, key="approver")
    assert approved["id"] == proposal["proposal"]
    assert house.done("POST", path, word, key="approver")["duplicate"] is True
    for _ in range(2):
        assert house.place(house.order(sku, **cheap)).status_code == 201
    house.assert_problem(house.place(house.order(sku, **cheap)), 409, "budget_exhausted")
    ended = {"id": house.new_id()}
    house.done("POST", f"{SHOP}/exceptions/{code}/end", ended)
    house.assert_problem(house.place(house.order(sku, **cheap)), 409, "price_below_floor")


def test_a_proposal_that_is_withdrawn_cannot_be_approved(house: House) -> None:
    wanted = {
        "code": house.new_id("EX"), "skus": [house.new_sku()], "floor_fen": 1, "units": 1,
        "expires_at": house.doors.clock.now_ms() + 60_000,
    }  # fmt: skip
    proposal = house.ask("POST", f"{SHOP}/exceptions", wanted).json()
    path = f"{SHOP}/proposals/{proposal['proposal']}"
    withdrawn = house.ask("POST", f"{path}/withdraw", {})
    assert withdrawn.json() == {"proposal": proposal["proposal"], "withdrawn": True}
    answer = house.ask("POST", f"{path}/approve", {"digest": proposal["digest"]}, key="approver")
    house.assert_problem(answer, 409, "approval_needed")
    bad = house.ask("POST", f"{SHOP}/proposals/xyz/approve", {"digest": "0" * 64}, key="approver")
    house.assert_problem(bad, 422, "unprocessable")


def test_the_shops_settings_change_what_they_name(house: House) -> None:
    path = "/v1/shops/other/policy"
    house.done("PUT", path, {"id": house.new_id(), "hold_ttl_s": 120})
    sku = house.new_sku(shop="other")
    order = house.order(sku, paid=False)
    answer = house.place(order, shop="other", key="elsewhere").json()
    assert 0 < answer["hold_expires_at"] - house.doors.clock.now_ms() <= 120_000
    refused = house.ask("PUT", path, {"id": house.new_id(), "hold_ttl_s": 1})
    house.assert_problem(refused, 409, "out_of_bounds")


def test_a_person_confirms_the_clock(house: House) -> None:
    done = house.done("POST", f"{SHOP}/clock/confirm", {"id": house.new_id(), "note": "checked"})
    assert done["reason"] == "accepted"


def test_groups_promotions_and_dropped_rules(house: House) -> None:
    one, two = house.new_sku(), house.new_sku()
    group, rule, offer = house.new_id("G"), house.new_id("L"), house.new_id("P")
    house.done("PUT", f"{SHOP}/groups/{group}", {"skus": [one, two]})
    house.done("PUT", f"{SHOP}/promotions/{offer}", {})
    limit = {"scope": "group", "target": group, "limits": {"account": 2}}
    house.done("PUT", f"{SHOP}/rules/{rule}", limit)
    buyer = {"buyer": {"account": house.new_id("u")}, "verified": ["account"]}
    assert house.place(house.order(one, 2, **buyer)).status_code == 201
    problem = house.assert_problem(house.place(house.order(two, **buyer)), 409, "limit_exceeded")
    assert problem["detail"] == "limit 2 in total, has 2, asked 1"
    house.assert_problem(house.place(house.order(two)), 409, "identity_missing")
    house.done("POST", f"{SHOP}/rules/{rule}/drop", {"id": house.new_id()})
    assert house.place(house.order(two, **buyer)).status_code == 201
