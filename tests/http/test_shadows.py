"""A platform's own promotions over HTTP: kept whole, checked before they begin, told as prices."""

import json
from typing import Any

import pytest

House = Any  # conftest.py has the class

SHOP = "/v1/shops/own"
SHELF = "shelf"  # a channel of these tests alone: what others shadow elsewhere is not among it
TMALL = f"{SHOP}/shadows/{SHELF}"
HOUR_MS = 3_600_000
HEAD = ["活动编号", "商家编码", "开始时间", "结束时间", "折扣", "活动价(元)"]


@pytest.fixture
def sku(house: House) -> str:
    """A SKU at 260 yuan with a floor of 90; the channel is there."""
    house.done("PUT", f"{SHOP}/channels/{SHELF}", {"kind": "marketplace"})
    return str(house.new_sku(100, list_price_fen=26_000, cost_floor_fen=9_000))


def sheet(*rows: list[str], **more: object) -> dict[str, Any]:
    return {"header": HEAD, "rows": list(rows)} | more


def is_about(kept: dict[str, Any], sku: str) -> bool:
    """Not where another test's SKU, whose list price is below its floor, was found before."""
    example = kept["checked"].get("counterexample")
    return not example or sku in json.dumps(example)


def drop(house: House, codes: list[str]) -> None:
    """Forget what a test kept."""
    for code in codes:
        house.done("POST", f"{SHOP}/drafts/{code}/drop", {})


def test_a_sheet_is_kept_checked_and_told_as_prices_to_expect(house: House, sku: str) -> None:
    code = house.new_id("T")
    now_ms = house.doors.clock.now_ms()
    rows = (
        [code, sku, "2026-12-11 20:00:00", "2026-12-12 23:59:59", "8折", ""],
        [code, sku, "2026-12-12 00:00:00", "2026-12-12 01:59:59", "", "129"],
    )
    kept = house.done("POST", TMALL, sheet(*rows))
    assert (kept["channel"], kept["codes"]) == (SHELF, [code, f"{code}.2"])
    if is_about(kept, sku):
        assert kept["checked"]["verdict"] == "proved"
        assert kept["checked"]["lowest"] == {sku: 12_900}
    found = house.ask("GET", TMALL).json()
    assert found["promotions"] == [code, f"{code}.2"]
    first = 1_796_990_400_000  # 2026-12-11T20:00:00+08:00: the shop's zone
    midnight = first + 4 * HOUR_MS
    ours = [row for row in found["expected"] if row["sku"] == sku]
    assert now_ms <= ours[0]["start_ms"] < first
    assert [(row["end_ms"], row["price_fen"], row["promotions"]) for row in ours] == [
        (first, 26_000, []),
        (midnight, 20_800, [code]),
        (midnight + 2 * HOUR_MS, 12_900, [code, f"{code}.2"]),
        (midnight + 24 * HOUR_MS, 20_800, [code]),
    ]
    assert [row["start_ms"] for row in ours[1:]] == [row["end_ms"] for row in ours[:-1]]
    assert {row["floor_fen"] for row in ours} == {9_000}
    # Nothing of it is priced here.
    body = {"channel": SHELF, "lines": [{"sku": sku, "quantity": 1}]}
    quote = house.ask("POST", f"{SHOP}/quotes", body, key="operator").json()
    assert quote["priced"]["goods_fen"] == 26_000
    drop(house, kept["codes"])


def test_that_nights_slip_in_a_platforms_sheet_is_found_before_it_begins(
    house: House, sku: str
) -> None:
    code = house.new_id("T")
    row = [code, sku, "2026-12-12 00:00", "2026-12-13 00:00", "0.385折", ""]
    kept = house.done("POST", TMALL, sheet(row))
    assert kept["checked"]["verdict"] == "below_floor"
    if is_about(kept, sku):
        assert kept["checked"]["counterexample"]["receivable_fen"] == 1_001
    draft = house.ask("GET", f"{SHOP}/drafts/{code}").json()
    assert (draft["state"], draft["shadow_channel"]) == ("shadowed", SHELF)
    drop(house, kept["codes"])


def test_a_sheet_with_anything_wrong_keeps_nothing(house: House, sku: str) -> None:
    good, bad = house.new_id("T"), house.new_id("T")
    window = ["2026-12-12 00:00", "2026-12-13 00:00"]
    before = house.ask("GET", f"{SHOP}/drafts").json()
    for wrong, place, why in (
        ([bad, sku, *window, "8", ""], ["discount"], "may be what is paid"),
        ([bad, "no-such", *window, "8折", ""], ["scope", "skus"], "unknown SKU no-such"),
        ([bad, sku, *window[::-1], "8折", ""], ["end"], "it ends before it starts"),
        ([bad, sku, *window, "", "261"], ["effect", "price"], "above the list price"),
    ):
        answer = house.ask("POST", TMALL, sheet([good, sku, *window, "9折", ""], wrong))
        problems = house.assert_problem(answer, 422, "unprocessable")["problems"]
        assert problems[0]["place"] == place
        assert problems[0].get("line") == (3 if place == ["discount"] else None)
        assert why in problems[0]["why"]
    assert house.ask("GET", f"{SHOP}/drafts").json() == before
    by_unit = sheet([good, sku, *window, "8", ""], discount_unit="zhe")
    drop(house, house.done("POST", TMALL, by_unit)["codes"])


def test_a_sheet_takes_the_place_of_no_other_draft(house: House, sku: str) -> None:
    code = house.new_id("T")
    row = [code, sku, "2026-12-12 00:00", "2026-12-13 00:00", "8折", ""]
    kept = house.done("POST", TMALL, sheet(row))
    again = house.done("POST", TMALL, sheet([*row[:4], "9折", ""]))
    assert again["codes"] == kept["codes"]  # of its own channel it does
    draft = house.ask("GET", f"{SHOP}/drafts/{code}").json()
    assert draft["promotion"]["effect"] == {"kind": "percent_off", "pay_bp": 9_000}
    house.done("POST", f"{SHOP}/drafts/{code}/drop", {})
    house.done("PUT", f"{SHOP}/drafts/{code}", {"promotion": draft["promotion"]})
    house.assert_problem(house.ask("POST", TMALL, sheet(row)), 409, "not_publishable")
    drop(house, [code])
    other = f"{SHOP}/shadows/no-such"
    house.assert_problem(house.ask("POST", other, sheet(row)), 404, "not_found")
    house.assert_problem(house.ask("GET", other), 404, "not_found")


def test_of_very_many_problems_the_first_are_told(house: House) -> None:
    rows = [["T", "A", "2026-12-12", "2026-12-13", "8", ""]] * 5_000
    answer = house.ask("POST", TMALL, sheet(*rows))
    document = house.assert_problem(answer, 422, "unprocessable")
    assert [one["line"] for one in document["problems"]] == list(range(2, 202))
    assert "and 4980 more" in document["detail"]
