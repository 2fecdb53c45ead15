"""Publishing over HTTP: what is proved goes live, what is not takes two people with reasons.

Always a shop of its own SKUs; the guard is the real one, in its process.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

House = Any  # conftest.py has the class

SHOP = "/v1/shops/own"
DAY_MS = 86_400_000
WORD = "the crowd is to come"


@pytest.fixture
def sku(house: House) -> Iterator[str]:
    """A SKU at 260 yuan with a floor of 90; what was published for it is withdrawn at the end."""
    code = house.new_sku(100, list_price_fen=26_000, cost_floor_fen=9_000)
    yield code
    for one in house.ask("GET", f"{SHOP}/publications").json()["published"]:
        house.done("POST", f"{SHOP}/promotions/{one['code']}/withdraw", {"note": "test ends"})


def promotion(house: House, sku: str, pay_bp: int, **changes: object) -> dict[str, Any]:
    now_ms = house.doors.clock.now_ms()
    wanted = {
        "code": house.new_id("P"),
        "level": "item",
        "effect": {"kind": "percent_off", "pay_bp": pay_bp},
        "start_ms": now_ms - 1000,
        "end_ms": now_ms + DAY_MS,
        "scope": {"skus": [sku]},
    }
    return wanted | changes


def drafted(house: House, wanted: dict[str, Any], **fields: object) -> dict[str, Any]:
    """A draft of it, checked."""
    path = f"{SHOP}/drafts/{wanted['code']}"
    assert house.done("PUT", path, {"promotion": wanted} | fields)["state"] == "draft"
    return house.done("POST", f"{path}/check", {})


def published(house: House, wanted: dict[str, Any]) -> str:
    """It, in force."""
    checked = drafted(house, wanted)
    assert checked["checked"]["verdict"] == "proved", checked
    house.done("POST", f"{SHOP}/drafts/{wanted['code']}/publish", {"digest": checked["digest"]})
    return str(wanted["code"])


def quoted(house: House, sku: str, quantity: int = 1, **fields: object) -> dict[str, Any]:
    body = {"channel": "web", "lines": [{"sku": sku, "quantity": quantity}]} | fields
    answer = house.ask("POST", f"{SHOP}/quotes", body, key="web")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def basket(house: House, sku: str, charged_fen: int, **changes: object) -> dict[str, Any]:
    lines = [{"sku": sku, "quantity": 1}]
    return house.order(sku, 1, charged_fen=charged_fen, lines=lines) | changes


def test_what_is_proved_goes_live_and_prices_orders(house: House, sku: str) -> None:
    assert quoted(house, sku)["priced"]["goods_fen"] == 26_000
    code = published(house, promotion(house, sku, 8_000))
    quote = quoted(house, sku, receipt=True)
    assert quote["priced"]["goods_fen"] == 20_800
    assert any("208.00" in line for line in quote["receipt"])
    version = quote["priced"]["quote"]["version"]
    order = basket(house, sku, 20_800, pricing_version=version)
    first = house.place(order)
    assert first.status_code == 201, first.text
    assert house.place(order).status_code == 200  # the same order again: the same answer
    house.assert_problem(house.place(basket(house, sku, 20_799)), 409, "price_mismatch")
    gone = house.ask("GET", f"{SHOP}/drafts/{code}")
    house.assert_problem(gone, 404, "not_found")  # it has done its work


def test_a_repeat_keeps_its_answer_when_the_price_moved(house: House, sku: str) -> None:
    code = published(house, promotion(house, sku, 8_000))
    order = basket(house, sku, 20_800)
    assert house.place(order).status_code == 201
    house.done("POST", f"{SHOP}/promotions/{code}/withdraw", {})
    assert house.place(order).status_code == 200
    house.assert_problem(house.place(basket(house, sku, 20_800)), 409, "price_mismatch")


def test_a_suspended_promotion_is_dead_at_once_by_every_path(house: House, sku: str) -> None:
    wanted = promotion(house, sku, 8_000, coupon={"code": house.new_id("C")})
    code = published(house, wanted)
    coupon = wanted["coupon"]["code"]
    quote = quoted(house, sku, choices=[coupon])
    assert quote["priced"]["goods_fen"] == 20_800
    assert quoted(house, sku)["priced"]["goods_fen"] == 26_000
    version = quote["priced"]["quote"]["version"]
    house.done("POST", f"{SHOP}/promotions/{code}/suspend", {"note": "stop"}, "pauser")
    stopped = quoted(house, sku, choices=[coupon, code])
    assert stopped["priced"]["goods_fen"] == 26_000
    assert stopped["priced"]["unused_choices"] == sorted([coupon, code])
    order = basket(house, sku, 20_800, choices=[coupon], pricing_version=version)
    house.assert_problem(house.place(order), 409, "price_changed")
    own = house.order(sku, 1, charged_fen=20_800, pricing_version=version,
                      lines=[{"sku": sku, "quantity": 1, "receivable_fen": 20_800}])  # fmt: skip
    house.assert_problem(house.place(own), 409, "price_changed")
    phases = {one["code"]: one["phase"] for one in publications(house)["published"]}
    assert phases[code] == "paused"


def publications(house: House) -> dict[str, Any]:
    answer = house.ask("GET", f"{SHOP}/publications")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_that_nights_discount_takes_two_people_who_read_the_counterexample(
    house: House, sku: str
) -> None:
    wanted = promotion(house, sku, 385)
    checked = drafted(house, wanted)
    said = checked["checked"]
    assert said["verdict"] == "below_floor"
    assert said["counterexample"]["lines"] == [[sku, 1]]
    assert said["counterexample"]["receivable_fen"] == 1_001
    assert said["below"] == {sku: 1_001}
    path, word = f"{SHOP}/drafts/{wanted['code']}", {"digest": checked["digest"]}
    answer = house.ask("POST", f"{path}/publish", word)
    house.assert_problem(answer, 409, "not_publishable")

    before = house.state()
    wish = word | {"units": 2, "reason": WORD,
                   "expires_at": house.doors.clock.now_ms() + 3_600_000}  # fmt: skip
    proposed = house.ask("POST", f"{path}/force", wish)
    assert proposed.status_code == 202, proposed.text
    content = proposed.json()["content"]["publication"]
    assert content["counterexample"]["receipt"] == said["counterexample"]["receipt"]
    assert content["exceptions"][0]["floor_fen"] == 1_001
    approve = f"{SHOP}/proposals/{proposed.json()['proposal']}/approve"
    second = {"digest": proposed.json()["digest"]}
    house.assert_problem(house.ask("POST", approve, second, key="approver"), 422, "unprocessable")
    house.assert_problem(
        house.ask("POST", approve, second | {"reason": "I too"}), 409, "approval_needed"
    )
    assert house.state() == before

    done = house.done("POST", approve, second | {"reason": "seen, agreed"}, "approver")
    assert done["reason"] == "accepted"
    again = house.done("POST", approve, second | {"reason": "seen, agreed"}, "approver")
    assert (again["seq"] >= done["seq"], again["duplicate"]) == (True, True)
    for _ in range(2):
        assert house.place(basket(house, sku, 1_001)).status_code == 201
    # Two units were approved: the third is refused, whoever asks.
    assert house.place(basket(house, sku, 1_001)).status_code == 409
    shown = {one["code"]: one for one in publications(house)["published"]}[wanted["code"]]
    assert shown["exceptions"] == [content["exceptions"][0]["code"]]


def test_a_stale_check_is_refused_and_must_be_made_again(house: House, sku: str) -> None:
    wanted = promotion(house, sku, 9_000)
    checked = drafted(house, wanted)
    house.new_sku(0)  # prices moved
    path = f"{SHOP}/drafts/{wanted['code']}"
    answer = house.ask("POST", f"{path}/publish", {"digest": checked["digest"]})
    house.assert_problem(answer, 409, "pricing_moved")
    assert house.ask("GET", path).json()["state"] == "draft"
    again = house.done("POST", f"{path}/check", {})
    house.done("POST", f"{path}/publish", {"digest": again["digest"]})


def test_of_two_published_at_one_version_one_is_checked_again(house: House, sku: str) -> None:
    one, other = promotion(house, sku, 9_000), promotion(house, sku, 9_500)
    checks = [drafted(house, wanted) for wanted in (one, other)]
    assert checks[0]["pricing_version"] == checks[1]["pricing_version"]
    house.done("POST", f"{SHOP}/drafts/{one['code']}/publish", {"digest": checks[0]["digest"]})
    answer = house.ask(
        "POST", f"{SHOP}/drafts/{other['code']}/publish", {"digest": checks[1]["digest"]}
    )
    house.assert_problem(answer, 409, "pricing_moved")


def test_a_cost_that_rises_pauses_what_it_takes_below_and_readiness_says_so(
    house: House, sku: str
) -> None:
    code = published(house, promotion(house, sku, 5_000))
    house.done("PUT", f"{SHOP}/skus/{sku}", {"list_price_fen": 26_000, "cost_floor_fen": 14_000})

    def is_paused() -> bool:
        return {one["code"]: one["phase"] for one in publications(house)["published"]}[
            code
        ] == "paused"

    house.until(is_paused)
    house.until(lambda: code in publications(house)["remark"])
    assert quoted(house, sku)["priced"]["goods_fen"] == 26_000


def test_a_malformed_promotion_is_told_its_place_and_mend(house: House, sku: str) -> None:
    wanted = promotion(house, sku, 8_000, scope={"skus": ["no-such"]})
    path = f"{SHOP}/drafts/{wanted['code']}"
    house.done("PUT", path, {"promotion": wanted})
    answer = house.ask("POST", f"{path}/check", {})
    problems = house.assert_problem(answer, 422, "unprocessable")["problems"]
    assert problems[0] == {
        "promotion": wanted["code"], "place": ["scope", "skus"],
        "why": "unknown SKU no-such", "mend": "correct or remove the code",
    }  # fmt: skip
    house.done("POST", f"{path}/drop", {})


def test_a_shadow_is_checked_and_never_priced_here(house: House, sku: str) -> None:
    wanted = promotion(house, sku, 385)
    checked = drafted(house, wanted, shadow_channel="tmall")
    assert (checked["state"], checked["checked"]["verdict"]) == ("shadowed", "below_floor")
    answer = house.ask(
        "POST", f"{SHOP}/drafts/{wanted['code']}/publish", {"digest": checked["digest"]}
    )
    house.assert_problem(answer, 409, "not_publishable")
    assert quoted(house, sku)["priced"]["goods_fen"] == 26_000
    house.done("POST", f"{SHOP}/drafts/{wanted['code']}/drop", {})


def test_half_a_basket_is_refused(house: House, sku: str) -> None:
    lines = [{"sku": sku, "quantity": 1}, {"sku": sku, "quantity": 1, "receivable_fen": 26_000}]
    for order in (lines, lines[::-1]):
        answer = house.place(house.order(sku, lines=order))
        house.assert_problem(answer, 422, "unprocessable")
    for more in ({"choices": ["x"]}, {"buyer_class": {"new": True}}):  # with amounts
        house.assert_problem(house.place(house.order(sku, **more)), 422, "unprocessable")
    named = [{"sku": sku, "quantity": 1, "promotion": "x"}]
    house.assert_problem(house.place(house.order(sku, lines=named)), 422, "unprocessable")


def test_an_unknown_sku_in_a_basket_is_the_desks_to_refuse(house: House) -> None:
    answer = house.place(basket(house, "no-such", 100))
    house.assert_problem(answer, 409, "unknown_sku")


def test_baskets_go_in_batches_too(house: House, sku: str) -> None:
    published(house, promotion(house, sku, 8_000))
    orders = [basket(house, sku, fen) for fen in (20_800, 1)]
    body = b"\n".join(house.encoded(order) for order in orders)
    answer = house.ask("POST", f"{SHOP}/orders:batch", content=body,
                       headers={"Content-Type": "application/x-ndjson"})  # fmt: skip
    statuses = [line["status"] for line in map(json.loads, answer.text.splitlines())]
    assert statuses == [201, 409]


def test_a_sale_that_was_charged_otherwise_is_held_not_refused(house: House, sku: str) -> None:
    published(house, promotion(house, sku, 8_000))
    stock = {"id": house.new_id("M"), "sku": sku, "quantity": 10,
             "from_pool": "shared", "to_pool": "tmall"}  # fmt: skip
    house.done("POST", f"{SHOP}/stock/transfers", stock)
    sale = basket(house, sku, 20_000, channel="tmall")
    answer = house.ask("POST", f"{SHOP}/sales", sale, key="tmall")
    assert answer.status_code == 201, answer.text
    assert answer.json()["judgement"] == ["price_mismatch"]


def test_a_budget_and_a_buyers_cap_are_kept_by_the_desk(house: House, sku: str) -> None:
    wanted = promotion(house, sku, 8_000, budget={"units": 3}, limits={"buyer_units": 2})
    published(house, wanted)
    account = {"account": house.new_id("u")}
    sent = {"buyer": account, "verified": ["account"]}
    for _ in range(2):
        assert house.place(basket(house, sku, 20_800, **sent)).status_code == 201
    third = house.place(basket(house, sku, 20_800, **sent))
    house.assert_problem(third, 409, "limit_exceeded")
    other = {"buyer": {"account": house.new_id("u")}, "verified": ["account"]}
    assert house.place(basket(house, sku, 20_800, **other)).status_code == 201
    house.assert_problem(house.place(basket(house, sku, 20_800, **other)), 409, "budget_exhausted")


def test_a_repeat_keeps_its_answer_when_the_server_has_forgotten_the_price_too(
    house: House, sku: str
) -> None:
    """As after a restart: what it cost then stands on record, and the desk compares."""
    code = published(house, promotion(house, sku, 8_000))
    order = basket(house, sku, 20_800)
    refused = basket(house, sku, 1)
    assert house.place(order).status_code == 201
    house.assert_problem(house.place(refused), 409, "price_mismatch")
    house.done("POST", f"{SHOP}/promotions/{code}/withdraw", {})
    door = house.doors.shops["own"].orders
    door.priced = type(door.priced)()  # what it remembered is gone

    def again() -> int:
        return int(house.place(order).status_code)

    house.until(lambda: again() != 503)  # the views follow
    assert again() == 200
    answer = house.ask("POST", f"{SHOP}/orders:batch", content=house.encoded(order),
                       headers={"Content-Type": "application/x-ndjson"})  # fmt: skip
    assert (answer.json()["status"], answer.json()["duplicate"]) == (200, True)
    house.assert_problem(house.place(refused), 409, "price_mismatch")
    house.assert_problem(house.place(order | {"charged_fen": 20_801}), 409, "id_reused")
    two = order | {"lines": [{"sku": sku, "quantity": 2}]}
    house.assert_problem(house.place(two), 409, "id_reused")
