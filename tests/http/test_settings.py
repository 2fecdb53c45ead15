"""What was put may be read again, one by one and in pages, and says what the desk goes by."""

from typing import Any

import pytest

from tidegate.engine import layout as lo
from tidegate.engine.commands import POLICY_BOUNDS
from tidegate.http import shown

House = Any  # conftest.py has the class

SHOP = "/v1/shops/own"


def got(house: House, path: str, key: str = "viewer") -> dict[str, Any]:
    answer = house.ask("GET", f"{SHOP}/{path}", key=key)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_the_numbers_of_flags_and_settings_are_the_engines() -> None:
    assert [1 << bit for bit in range(3)] == [lo.PAUSED, lo.ALARM, lo.INCIDENT]
    assert shown.FLAGS == ("paused", "alarm", "incident")
    assert {name: place for name, (place, _, _) in POLICY_BOUNDS.items()} == shown.SETTINGS
    assert lo.SHOP_FLAGS == shown.SHOP_FLAGS
    assert lo.CELL.names == tuple(
        name for name in shown.StockCell.__struct_fields__ if name not in {"pool", "available"}
    )


def test_a_sku_says_what_was_put(house: House) -> None:
    part = house.new_sku()
    code = house.new_sku(
        0, red_line_fen=700, quantity_max=9, quantity_min=2, safety_stock=3, parts={part: 4},
        cost_floor_fen=None,
    )  # fmt: skip
    pause = {"id": house.new_id(), "scope": "sku", "target": code}
    house.done("POST", f"{SHOP}/pause", pause)
    found = got(house, f"skus/{code}")
    version = found.pop("pricing_version")
    assert version > 0
    assert found == {
        "code": code, "list_price_fen": 1000, "cost_floor_fen": None, "red_line_fen": 700,
        "quantity_max": 9, "quantity_min": 2, "safety_stock": 3, "parts": {part: 4},
        "flags": ["paused"],
    }  # fmt: skip
    assert got(house, f"skus/{part}")["cost_floor_fen"] == 500


def test_units_stand_in_every_pool(house: House) -> None:
    sku = house.new_sku(10)
    assert house.place(house.order(sku, 2)).status_code == 201
    assert house.place(house.order(sku, 3, paid=False)).status_code == 201
    move = {"id": house.new_id(), "sku": sku, "quantity": 4,
            "from_pool": "shared", "to_pool": "tmall"}  # fmt: skip
    house.done("POST", f"{SHOP}/stock/transfers", move)
    found = got(house, f"skus/{sku}/stock")
    assert found["sku"] == sku
    cells = {cell.pop("pool"): cell for cell in found["pools"]}
    nothing = dict.fromkeys(lo.CELL.names, 0) | {"available": 0}
    assert cells["shared"] == nothing | {
        "available": 1, "on_hand": 6, "pre_held": 3, "committed": 2, "received": 6,
    }  # fmt: skip
    assert cells["tmall"] == nothing | {"available": 4, "on_hand": 4, "received": 4}


def test_rules_say_where_they_hang_and_whether_they_are_on(house: House) -> None:
    sku, group = house.new_sku(), house.new_id("G")
    house.done("PUT", f"{SHOP}/groups/{group}", {"skus": [sku]})
    assert got(house, f"groups/{group}") == {"code": group, "skus": [sku]}
    limit, budget = house.new_id("L"), house.new_id("B")
    terms = {"scope": "group", "target": group, "limits": {"account": 6, "phone": 8},
             "window": "month"}  # fmt: skip
    house.done("PUT", f"{SHOP}/rules/{limit}", terms)
    house.done("PUT", f"{SHOP}/rules/{budget}",
               {"scope": "sku", "target": sku, "basis": "money", "budget": 5000})  # fmt: skip
    buyer = {"buyer": {"account": house.new_id("u"), "phone": "+8613812345678"},
             "verified": ["account", "phone"]}  # fmt: skip
    assert house.place(house.order(sku, 2, **buyer)).status_code == 201
    assert got(house, f"rules/{limit}") == terms | {
        "code": limit, "on": True, "basis": "units", "budget": None, "used": 0,
    }  # fmt: skip
    assert got(house, f"rules/{budget}") == {
        "code": budget, "on": True, "scope": "sku", "target": sku, "basis": "money",
        "window": "total", "limits": {}, "budget": 5000, "used": 2000,
    }  # fmt: skip
    house.done("POST", f"{SHOP}/rules/{limit}/drop", {"id": house.new_id()})
    dropped = got(house, f"rules/{limit}")
    assert (dropped["on"], dropped["scope"], dropped["target"]) == (False, "", "")


def test_pools_channels_promotions_and_settings(house: House) -> None:
    assert got(house, "pools")["items"][0] == {"code": "shared"}
    assert got(house, "channels/tmall") == {"code": "tmall", "kind": "marketplace", "pool": "tmall"}
    offer = house.new_id("P")
    house.done("PUT", f"{SHOP}/promotions/{offer}", {})
    found = got(house, f"promotions/{offer}")
    assert (found["code"], found["flags"]) == (offer, [])
    policy = got(house, "policy")
    assert policy["zone"] == "Asia/Shanghai"
    assert policy["pricing_version"] == found["pricing_version"]
    assert set(policy) == set(shown.SETTINGS) | {"zone", "flags"}


def test_an_exception_says_what_is_left_of_it(house: House) -> None:
    sku, code = house.new_sku(), house.new_id("EX")
    ends_ms = house.doors.clock.now_ms() + 3_600_000
    wish = {"code": code, "skus": [sku], "floor_fen": 100, "units": 3, "expires_at": ends_ms,
            "exempt": ["limit_exceeded"]}  # fmt: skip
    made = house.ask("POST", f"{SHOP}/exceptions", wish).json()
    house.assert_problem(house.ask("GET", f"{SHOP}/exceptions/{code}"), 404, "not_found")
    path = f"{SHOP}/proposals/{made['proposal']}/approve"
    house.done("POST", path, {"digest": made["digest"]}, key="approver")
    cheap = {"charged_fen": 100, "lines": [
        {"sku": sku, "quantity": 1, "receivable_fen": 100, "exception": code}
    ]}  # fmt: skip
    assert house.place(house.order(sku, **cheap)).status_code == 201
    assert got(house, f"exceptions/{code}") == {
        "code": code, "on": True, "skus": [sku], "floor_fen": 100, "units_left": 2,
        "expires_at": ends_ms, "exempt": ["limit_exceeded"],
    }  # fmt: skip
    house.done("POST", f"{SHOP}/exceptions/{code}/end", {"id": house.new_id()})
    assert got(house, f"exceptions/{code}")["on"] is False


def test_a_proposal_with_an_id_is_made_once(house: House) -> None:
    ends_ms = house.doors.clock.now_ms() + 60_000
    wish = {"code": house.new_id("EX"), "skus": [house.new_sku()], "floor_fen": 1, "units": 1,
            "id": house.new_id("PR"), "expires_at": ends_ms}  # fmt: skip
    first = house.ask("POST", f"{SHOP}/exceptions", wish)
    assert first.status_code == 202, first.text
    again = house.ask("POST", f"{SHOP}/exceptions", wish)
    assert again.json() == first.json()
    by_header = {name: value for name, value in wish.items() if name != "id"}
    headers = {"Idempotency-Key": str(wish["id"])}
    assert house.ask("POST", f"{SHOP}/exceptions", by_header, headers=headers).json() == (
        first.json()
    )
    for changed, key in ((wish | {"units": 2}, "operator"), (wish, "approver")):
        other = house.ask("POST", f"{SHOP}/exceptions", changed, key=key)
        house.assert_problem(other, 409, "approval_needed")
    waiting = house.ask("GET", f"{SHOP}/proposals").json()["proposals"]
    assert [one["proposal"] for one in waiting].count(first.json()["proposal"]) == 1
    elsewhere = house.ask("POST", "/v1/shops/other/exceptions", wish)
    assert elsewhere.json()["proposal"] != first.json()["proposal"]


def test_a_list_comes_in_pages_and_misses_nothing(house: House) -> None:
    made = [house.new_sku(0) for _ in range(5)]
    first = got(house, "skus?limit=1000")
    assert first["next"] == ""
    codes = [sku["code"] for sku in first["items"]]
    assert codes[-5:] == made
    before = codes[-6]
    second = got(house, f"skus?limit=2&after={before}")
    assert [sku["code"] for sku in second["items"]] == made[:2]
    third = got(house, f"skus?limit=3&after={second['next']}")
    assert [sku["code"] for sku in third["items"]] == made[2:]
    assert third["next"] == ""
    assert got(house, f"skus?after={made[-1]}") == {"items": [], "next": ""}
    names = [rule["code"] for rule in got(house, "rules?limit=1000")["items"]]
    for at, name in enumerate(names[:3]):
        page = got(house, f"rules?limit=1&after={name}")
        assert [rule["code"] for rule in page["items"]] == names[at + 1 : at + 2]


@pytest.mark.parametrize(
    ("path", "status", "reason"),
    [
        ("skus?limit=0", 422, "unprocessable"),
        ("skus?limit=1001", 422, "unprocessable"),
        ("skus?limit=-1", 422, "unprocessable"),
        ("skus?limit=%C2%B2", 422, "unprocessable"),
        ("skus?after=no-such", 422, "unprocessable"),
        ("skus/no-such", 404, "not_found"),
        ("skus/no-such/stock", 404, "not_found"),
        ("rules/no-such", 404, "not_found"),
        ("skus/13812345678", 422, "personal_data"),
    ],
)
def test_what_is_not_there_is_named(house: House, path: str, status: int, reason: str) -> None:
    house.assert_problem(house.ask("GET", f"{SHOP}/{path}"), status, reason)
