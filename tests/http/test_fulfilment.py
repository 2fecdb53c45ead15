"""Presales, gifts, parcels, warehouses and returns over the real server.

Always through the doors; what the desk has is read from the desk. A refusal changes nothing.
"""

from typing import Any

import pytest

House = Any  # conftest.py has the class
Answer = Any  # httpx's
OWN = "/v1/shops/own"
HOUR_MS = 3_600_000


def post(house: House, path: str, body: dict[str, Any], key: str = "operator") -> Answer:
    return house.ask("POST", f"{OWN}/{path}", body, key=key)


def done(house: House, path: str, body: dict[str, Any], key: str = "operator") -> tuple[str, str]:
    answer = post(house, path, body, key)
    assert answer.status_code == 200, answer.text
    return answer.json()["state"], answer.json().get("reason", "")


def not_done(
    house: House, path: str, body: dict[str, Any], why: str, key: str = "operator"
) -> None:
    assert house.assert_problem(post(house, path, body, key), 409, "not_done")["why"] == why


def rows(house: House, path: str) -> list[dict[str, Any]]:
    answer = house.ask("GET", f"{OWN}/{path}")
    assert answer.status_code == 200, answer.text
    return list(answer.json()["rows"])


def placed(house: House, sku: str, units: int = 1, **changes: object) -> str:
    order = house.order(sku, units, **changes)
    assert house.place(order).status_code == 201
    return str(order["id"])


def available(house: House, sku: str) -> int:
    found = house.ask("GET", f"{OWN}/availability/{sku}?channel=web").json()
    return int(found["available"])


def presale(house: House, order: str, **changes: object) -> dict[str, Any]:
    now_ms = house.doors.clock.now_ms()
    return {
        "id": house.new_id("PS"), "channel": "web", "order": order, "deposit_fen": 300,
        "balance_fen": 700, "deposit_until": now_ms + HOUR_MS // 4,
        "balance_until": now_ms + HOUR_MS // 3, "unpaid_balance": "kept",
    } | changes  # fmt: skip


def test_a_presale_is_opened_and_paid_in_two_parts(house: House) -> None:
    sku = house.new_sku(10)
    order = placed(house, sku, paid=False)
    assert done(house, "presales", presale(house, order), "web") == ("deposit_due", "")
    payments = f"presales/web/{order}/payments"
    wrong = {"id": house.new_id("M"), "part": "deposit", "amount_fen": 299}
    assert done(house, payments, wrong, "web") == ("refund_due", "amount_mismatch")
    deposit = {"id": house.new_id("M"), "part": "deposit", "amount_fen": 300}
    assert done(house, payments, deposit, "web") == ("counted", "")
    assert done(house, payments, deposit, "web") == ("counted", "")
    not_done(house, payments, deposit | {"amount_fen": 301}, "id_reused")
    balance = {"id": house.new_id("M"), "part": "balance", "amount_fen": 700}
    assert done(house, payments, balance, "web") == ("used", "")
    assert [row["state"] for row in rows(house, "presales") if row["number"] == order] == [
        "committed"
    ]
    assert available(house, sku) == 9
    mine = [row for row in rows(house, "presale-payments") if row["id"] == wrong["id"]]
    assert [(row["state"], row["amount_fen"]) for row in mine] == [("refund_due", 299)]
    settled = {"id": house.new_id("S"), "payment": wrong["id"], "state": "refunded"}
    assert done(house, "presale-payments/settle", settled) == ("refunded", "amount_mismatch")
    not_done(house, "presale-payments/settle", settled | {"state": "refund_due"}, "wrong_state")


def test_a_presale_that_cannot_be_is_refused_with_its_word(house: House) -> None:
    order = placed(house, house.new_sku(10), paid=False)
    body = presale(house, order, deposit_fen=301)
    not_done(house, "presales", body, "amount_mismatch")
    not_done(house, "presales", presale(house, order, balance_until=2**53), "out_of_bounds")
    unknown = post(house, "presales", presale(house, "never-placed"))
    assert house.assert_problem(unknown, 404, "not_found")["why"] == "unknown_order"
    elsewhere = post(house, "presales", presale(house, order, channel="none"))
    house.assert_problem(elsewhere, 404, "not_found")


def event(house: House, sku: str, kind: str, at: int, number: str) -> dict[str, Any]:
    placed_at = house.doors.clock.now_ms() - 10_000
    return {
        "channel": "tmall", "event": kind, "at": placed_at + at, "deposit_fen": 400,
        "balance_fen": 600,
        "order": {
            "number": number, "placed_at": placed_at, "changed_at": placed_at, "status": "unpaid",
            "charged_fen": 1000, "account": "ann",
            "lines": [{"item": sku, "quantity": 1, "receivable_fen": 1000}],
        },
    }  # fmt: skip


def test_a_marketplaces_presale_events_come_in_any_order(house: House) -> None:
    sku, number = house.new_sku(0), house.new_id("MP")
    receipt = {"id": house.new_id("R"), "sku": sku, "quantity": 3, "pool": "tmall"}
    house.done("POST", f"{OWN}/stock/receipts", receipt)
    balance = event(house, sku, "balance", 9, number)
    for body in (balance, event(house, sku, "deposit", 1, number), balance):
        assert done(house, "presale-events", body, "tmall") == ("paid", "")
    told = [row for row in rows(house, "presale-events") if row["number"] == number]
    assert [(row["state"], row["is_overdue"]) for row in told] == [("paid", False)]
    found = house.ask("GET", f"{OWN}/availability/{sku}?channel=tmall").json()
    assert found["available"] == 2
    wrong = event(house, sku, "deposit", 1, house.new_id("MP")) | {"deposit_fen": 1}
    not_done(house, "presale-events", wrong, "amount_mismatch", "tmall")


def test_a_gift_takes_stock_or_is_listed_as_unmapped(house: House) -> None:
    sku, gift = house.new_sku(10), house.new_sku(10, cost_floor_fen=300)
    order = placed(house, sku)
    body = {"id": "g1", "channel": "web", "order": order, "item": gift, "quantity": 1}
    assert done(house, "gifts", body) == ("covered", "")
    assert done(house, "gifts", body) == ("covered", "")
    assert available(house, gift) == 9
    not_done(house, "gifts", body | {"quantity": 2}, "id_reused")
    assert done(house, "gifts", body | {"id": "g2"}) == ("held", "price_below_floor")
    free = {"channel": "web", "order": order, "gift": "g2"}
    assert done(house, "gifts/release", free) == ("covered", "")  # it waits for its order
    assert done(house, "gifts", body | {"id": "g3", "item": "sample"}) == (
        "unmapped", "sku_unmapped",
    )  # fmt: skip
    mine = [row for row in rows(house, "gifts?state=unmapped") if row["number"] == order]
    assert [(row["gift"], row["item"]) for row in mine] == [("g3", "sample")]
    unknown = post(house, "gifts/release", free | {"gift": "none"})
    house.assert_problem(unknown, 404, "not_found")


def test_orders_of_one_recipient_go_in_one_parcel_once(house: House) -> None:
    sku = house.new_sku(10)
    orders = [placed(house, sku, 2), placed(house, sku, 1)]
    parts = [{"channel": "web", "order": orders[0], "quantity": 2},
             {"channel": "web", "order": orders[1], "quantity": 1}]  # fmt: skip
    name = house.new_id("P")
    not_done(house, "parcels", {"id": name, "lines": parts}, "recipient_missing", "web")
    body = {"id": name, "lines": parts, "recipient": "handle-1"}
    assert done(house, "parcels", body, "web") == ("planned", "")
    cancelled = {"id": house.new_id("C"), "line": 0, "quantity": 1}
    assert post(house, f"orders/web/{orders[0]}/cancel", cancelled).status_code == 200
    house.assert_problem(post(house, f"parcels/{name}/release", {}, "web"), 403, "not_permitted")
    assert done(house, f"parcels/{name}/release", {}) == ("released", "")
    assert [done(house, f"parcels/{name}/ship", {}) for _ in range(2)] == [("shipped", "")] * 2
    found = house.ask("GET", f"{OWN}/parcels/{name}").json()
    assert [(p["quantity"], p["taken_out"], p["shipped"]) for p in found["parts"]] == [
        (2, 1, 1), (1, 0, 1),
    ]  # fmt: skip
    assert "recipient" not in found
    assert available(house, sku) == 8
    not_done(house, f"parcels/{name}/cancel", {}, "wrong_state")
    more = {"id": house.new_id("P"), "lines": parts[:1]}
    not_done(house, "parcels", more, "quantity_exceeds_open")
    house.assert_problem(post(house, "parcels/none/ship", {}), 404, "not_found")


@pytest.fixture
def warehouses(house: House) -> tuple[str, str]:
    """Two warehouses; east is near region 310000."""
    names = (house.new_id("east"), house.new_id("west"))
    for name, distance in zip(names, (1, 9), strict=True):
        body = {"distances": {"310000": distance}}
        house.done("PUT", f"{OWN}/warehouses/{name}", body)
    return names


def test_a_parcel_gets_a_warehouse_and_another_when_it_refuses(
    house: House, warehouses: tuple[str, str]
) -> None:
    sku = house.new_sku(10)
    for name in warehouses:
        assert post(house, f"warehouses/{name}/counts", {"skus": {sku: 5}}).status_code == 200
    order, name = placed(house, sku, 2), house.new_id("P")
    part = {"channel": "web", "order": order, "quantity": 2}
    done(house, "parcels", {"id": name, "lines": [part], "region": "310000"})
    answer = post(house, f"parcels/{name}/release", {}).json()
    assert (answer["state"], answer["warehouse"]) == ("sourced", warehouses[0])
    again = post(house, f"parcels/{name}/refuse", {"warehouse": warehouses[0]}).json()
    assert (again["state"], again["warehouse"]) == ("sourced", warehouses[1])
    done(house, f"parcels/{name}/ship", {})
    mine = next(row for row in rows(house, "warehouse-stock") if row["sku"] == sku)
    assert (mine["warehouses"], mine["on_hand"], mine["difference"]) == (8, 8, 0)
    unknown = post(house, f"warehouses/{warehouses[0]}/counts", {"skus": {"no-such": 5}})
    house.assert_problem(unknown, 404, "not_found")
    ruled = house.ask("PUT", f"{OWN}/sourcing", {"rule": "nearest"})
    assert ruled.json() == {"id": "sourcing", "state": "nearest"}
    house.done("PUT", f"{OWN}/sourcing", {"rule": "fewest_parcels"})
    assert {row["code"] for row in rows(house, "warehouses")} >= set(warehouses)


def test_a_return_is_for_sale_when_it_was_found_good(house: House) -> None:
    sku = house.new_sku(10)
    order = placed(house, sku, 3)
    assert post(house, f"orders/web/{order}/ship", {"id": house.new_id("S")}).status_code == 200
    name = house.new_id("R")
    back = {"id": name, "channel": "web", "order": order, "quantity": 3}
    assert done(house, "returns", back, "web") == ("arrived", "")
    assert available(house, sku) == 7
    found = {"id": house.new_id("I"), "good": 1, "defective": 2}
    assert done(house, f"returns/{name}/inspections", found) == ("done", "")
    assert done(house, f"returns/{name}/inspections", found) == ("done", "")
    assert available(house, sku) == 8
    not_done(house, f"returns/{name}/inspections", found | {"id": "more"}, "quantity_exceeds_open")
    gone = {"id": house.new_id("D"), "sku": sku, "quantity": 1, "outcome": "repaired"}
    assert done(house, "defective/disposals", gone) == ("done", "")
    assert available(house, sku) == 9
    mine = next(row for row in rows(house, "returned-stock") if row["sku"] == sku)
    assert (mine["desk_good"], mine["inspected_good"], mine["in_place"]) == (1, 1, 1)
    assert (mine["good_elsewhere"], mine["defective_elsewhere"]) == (0, 0)
    not_done(house, "returns", back | {"id": house.new_id("R")}, "quantity_exceeds_open")


HOSTILE = [
    ("presales", {"deposit_fen": -1}), ("presales", {"balance_fen": 2**41}),
    ("presales", {"deposit_until": -1}), ("presales", {"unpaid_balance": "lost"}),
    ("presales/web/N/payments", {"amount_fen": -5}), ("presales/web/N/payments", {"part": "tip"}),
    ("gifts", {"quantity": 0}), ("gifts", {"quantity": -1}), ("gifts", {"line": 64}),
    ("gifts", {"item": "x" * 65}), ("gifts", {"item": "13800138000"}),
    ("parcels", {"lines": []}), ("parcels", {"id": "x" * 41}), ("parcels", {"recipient": ""}),
    ("parcels", {"lines": [{"channel": "web", "order": "N", "quantity": 1_000_001}]}),
    ("parcels", {"lines": [{"channel": "web", "order": "N", "quantity": 1}] * 65}),
    ("returns", {"quantity": -1}), ("returns", {"line": -1}),
    ("returns/R/inspections", {"good": -1}), ("returns/R/inspections", {"defective": 2**63}),
    ("defective/disposals", {"outcome": "sold"}),
    ("warehouses/W/counts", {"skus": {"A": -1}}), ("warehouses/W/counts", {"skus": {}}),
]  # fmt: skip
WHOLE: dict[str, dict[str, Any]] = {
    "presales": {
        "id": "a", "channel": "web", "order": "N", "deposit_fen": 1, "balance_fen": 1,
        "deposit_until": 1, "balance_until": 2, "unpaid_balance": "kept",
    },
    "presales/web/N/payments": {"id": "a", "part": "deposit", "amount_fen": 1},
    "gifts": {"id": "a", "channel": "web", "order": "N", "item": "i", "quantity": 1},
    "parcels": {"id": "a", "lines": [{"channel": "web", "order": "N", "quantity": 1}]},
    "returns": {"id": "a", "channel": "web", "order": "N", "quantity": 1},
    "returns/R/inspections": {"id": "a", "good": 1, "defective": 0},
    "defective/disposals": {"id": "a", "sku": "A", "quantity": 1, "outcome": "scrapped"},
    "warehouses/W/counts": {"skus": {"A": 1}},
}  # fmt: skip


@pytest.mark.parametrize(("path", "wrong"), HOSTILE)
def test_a_field_out_of_bounds_changes_nothing(
    house: House, path: str, wrong: dict[str, Any]
) -> None:
    before = house.state()
    answer = post(house, path, WHOLE[path] | wrong)
    assert answer.status_code == 422, answer.text
    assert house.state() == before


@pytest.mark.parametrize("path", sorted(WHOLE))
def test_what_is_not_named_is_refused(house: House, path: str) -> None:
    before = house.state()
    answer = post(house, path, WHOLE[path] | {"address": "somewhere"})
    house.assert_problem(answer, 422, "unprocessable")
    assert house.state() == before
