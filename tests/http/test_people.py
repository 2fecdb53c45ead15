"""People over HTTP: notices, consents, receipts, the gate, messages; and a purchase without any.

Always against the real server; persons are accounts that no other test has.
"""

import json
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tidegate.testing.people_house import BANK, PERSONAL, PUSH, SERVICE, SHARE, example_notice

House = Any  # conftest.py has the class
Answer = Any  # httpx's

SHOP = "/v1/shops/own"
PEOPLE = f"{SHOP}/people"
OPTIONAL = (PUSH, PERSONAL, SHARE, "review.publish", "support.abroad")
VERIFIER = Path(__file__).parents[2] / "docs" / "verifier" / "tidegate_verify.py"
SCREEN = {"sha256": "0" * 64, "agree_steps": 1, "refuse_steps": 1, "withdraw_steps": 1}
DOCUMENT = msgspec.to_builtins(example_notice())


@pytest.fixture(scope="module", autouse=True)
def published(house: House) -> None:
    """The example notice in force."""
    answer = house.ask("PUT", f"{PEOPLE}/notices/main", {"document": DOCUMENT}, key="boss")
    assert answer.status_code == 200, answer.text
    assert answer.json()["sha256"] == example_notice().sha256


@pytest.fixture
def ann(house: House) -> dict[str, Any]:
    """Somebody new."""
    return {"account": house.new_id("person")}


def ok(house: House, path: str, body: dict[str, Any], status: int = 200) -> dict[str, Any]:
    answer = house.ask("POST", f"{PEOPLE}/{path}", body, key="front")
    assert answer.status_code == status, answer.text
    return dict(answer.json())


def refused(house: House, path: str, body: dict[str, Any], why: str) -> None:
    answer = house.ask("POST", f"{PEOPLE}/{path}", body, key="front")
    problem = house.assert_problem(answer, 409, "not_lawful")
    assert problem["why"] == why
    assert problem["article"]


def serve(house: House, person: dict[str, Any]) -> dict[str, Any]:
    return ok(house, "notices/main/serve", {"person": person})


def asked(house: House, person: dict[str, Any], purpose: str, **changes: object) -> dict[str, Any]:
    screen = {"id": house.new_id("screen")} | SCREEN | changes
    return {"person": person, "purpose": purpose, "screen": screen}


def choose(house: House, person: dict[str, Any], purpose: str, agrees: bool) -> dict[str, Any]:
    ask = ok(house, "consents:ask", asked(house, person, purpose), 201)["ask"]
    body = {"person": person, "ask": ask, "action": house.new_id("click"), "agrees": agrees}
    return ok(house, "consents:answer", body)


def withdraw(house: House, person: dict[str, Any], purpose: str) -> dict[str, Any]:
    body = {"person": person, "purpose": purpose, "action": house.new_id("click")}
    return ok(house, "consents:withdraw", body)


def may(house: House, person: dict[str, Any], purpose: str, **more: object) -> dict[str, Any]:
    return ok(house, "may", {"person": person, "purpose": purpose} | more)


# -- notices -------------------------------------------------------------------------


def test_anybody_may_read_and_save_what_is_in_force(house: House) -> None:
    (one,) = house.ask("GET", f"{PEOPLE}/notices", key=None).json()["notices"]
    assert (one["notice"], one["sha256"]) == ("main", example_notice().sha256)
    path = f"{PEOPLE}/notices/main"
    plain = house.ask("GET", path, key=None, headers={"Accept-Language": "zh-CN"})
    assert plain.headers["content-type"].startswith("text/plain")
    assert example_notice().storage.zh in plain.text
    page = house.ask("GET", f"{path}?form=html&version=1", key=None)
    assert page.headers["content-type"].startswith("text/html")
    assert example_notice().storage.en in page.text
    for missing in (f"{path}?version=99", f"{path}?version=0", f"{PEOPLE}/notices/none"):
        house.assert_problem(house.ask("GET", missing, key=None), 404, "not_found")


def test_a_notice_with_gaps_is_not_published(house: House) -> None:
    wrong = DOCUMENT | {"storage": {"zh": "", "en": ""}}
    checked = house.ask("POST", f"{PEOPLE}/notices:check", {"document": wrong}, key="boss").json()
    assert checked["gaps"] == [
        {"article": "PIPL 17(2)", "place": "storage", "mend": "say where the data is kept"}
    ]
    answer = house.ask("PUT", f"{PEOPLE}/notices/main", {"document": wrong}, key="boss")
    problem = house.assert_problem(answer, 422, "notice_incomplete")
    assert problem["gaps"] == checked["gaps"]
    path = f"{PEOPLE}/notices/other"
    house.assert_problem(house.ask("PUT", path, {"document": DOCUMENT}, key="boss"), 422,
                         "unprocessable")  # fmt: skip


def test_the_check_says_who_is_asked_again(house: House) -> None:
    purposes = DOCUMENT["purposes"]
    more = purposes[SHARE] | {"fields": ["phone", "order"]}
    changed = DOCUMENT | {"purposes": purposes | {SHARE: more}}
    checked = house.ask("POST", f"{PEOPLE}/notices:check", {"document": changed}, key="boss").json()
    assert (checked["gaps"], checked["asked_again"]) == ([], {SHARE: ["fields"]})


# -- consents -------------------------------------------------------------------------


def test_a_persons_way_from_notice_to_withdrawal(house: House, ann: dict[str, Any]) -> None:
    refused(house, "consents:ask", asked(house, ann, PUSH), "notice_not_served")
    served = serve(house, ann)
    assert sha256(served["text"].encode()).hexdigest() == served["sha256"]
    assert may(house, ann, PUSH)["reason"] == "consent_missing"
    assert choose(house, ann, PUSH, True)["state"] == "granted"
    answer = may(house, ann, PUSH, fields=["phone"])
    assert answer["allowed"]
    assert answer["evidence"].startswith(f"{PUSH}: PIPL 13(1), consent ")
    shown = ok(house, "consents:show", {"person": ann, "language": "en"})
    states = {one["purpose"]: (one["state"], one["is_open"]) for one in shown["switches"]}
    assert states == dict.fromkeys((*OPTIONAL, BANK), ("none", False)) | {PUSH: ("granted", True)}
    assert withdraw(house, ann, PUSH)["state"] == "withdrawn"
    assert may(house, ann, PUSH)["reason"] == "consent_withdrawn"
    refused(house, "consents:ask", asked(house, ann, PUSH), "asked_too_soon")


def test_an_answer_cannot_be_replayed(house: House, ann: dict[str, Any]) -> None:
    serve(house, ann)
    ask = ok(house, "consents:ask", asked(house, ann, PUSH), 201)["ask"]
    body = {"person": ann, "ask": ask, "action": house.new_id("click"), "agrees": True}
    ok(house, "consents:answer", body)
    withdraw(house, ann, PUSH)
    refused(house, "consents:answer", body, "consent_replayed")
    other = body | {"person": {"account": house.new_id("person")}}
    refused(house, "consents:answer", other, "consent_replayed")
    assert may(house, ann, PUSH)["reason"] == "consent_withdrawn"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"others": [SHARE]}, "bundled"),
        ({"default": "on"}, "preticked"),
        ({"refuse_steps": 3}, "refusal_harder"),
        ({"withdraw_steps": 3}, "withdrawal_harder"),
        ({"service_available": False}, "service_conditional"),
    ],
)
def test_an_unfair_screen_is_refused(
    house: House, ann: dict[str, Any], changes: dict[str, object], why: str
) -> None:
    serve(house, ann)
    refused(house, "consents:ask", asked(house, ann, PUSH, **changes), why)


def test_a_receipt_can_be_checked_by_somebody_who_does_not_trust_the_shop(
    house: House, ann: dict[str, Any], tmp_path: Path
) -> None:
    serve(house, ann)
    choose(house, ann, SHARE, True)
    withdraw(house, ann, SHARE)
    body = {"person": ann, "purpose": SHARE, "language": "en"}
    receipt = ok(house, "consents:receipt", body)
    record = receipt["record"]
    assert receipt["schema_version"] == "ISO/IEC TS 27560:2023"
    assert set(record) == {"header", "pii_processing", "party_identification", "events"}
    assert [event["event_state"] for event in record["events"]] == [
        "consent requested", "consent given", "consent withdrawn",
    ]  # fmt: skip
    assert record["events"][1]["consent_type"] == "separate"
    assert [party["name"] for party in record["party_identification"]] == [
        "Example Drinks Shop", "Example Partner Brand",
    ]  # fmt: skip
    assert record["pii_processing"]["privacy_notice"]["sha256"] == example_notice().sha256
    key = house.doors.shops["own"].people.proofs.verifier
    for number, proof in enumerate(receipt["proofs"]):
        path = tmp_path / f"{number}.json"
        path.write_text(json.dumps(proof), "utf-8")
        assert verified(path, key) == 0
        forged = proof | {"event": receipt["proofs"][number - 1]["event"]}
        path.write_text(json.dumps(forged), "utf-8")
        assert verified(path, key) == 1
    nothing = house.ask("POST", f"{PEOPLE}/consents:receipt", body | {"purpose": PUSH}, key="front")
    house.assert_problem(nothing, 404, "not_found")


def verified(path: Path, key: str) -> int:
    return subprocess.run(
        [sys.executable, str(VERIFIER), "inclusion", str(path), "--key", key],
        capture_output=True, check=False,
    ).returncode  # fmt: skip


def test_a_person_is_named_by_exactly_one_key(house: House) -> None:
    for person in ({}, {"account": "a", "phone": "13812345678"}):
        answer = house.ask(
            "POST", f"{PEOPLE}/may", {"person": person, "purpose": PUSH}, key="front"
        )
        house.assert_problem(answer, 422, "unprocessable")


def test_profiles_ages_and_guardians(house: House, ann: dict[str, Any]) -> None:
    serve(house, ann)
    choose(house, ann, PERSONAL, True)
    assert may(house, ann, PERSONAL)["allowed"]
    ok(house, "profiling", {"person": ann, "refused": True})
    assert may(house, ann, PERSONAL)["reason"] == "profiling_refused"
    ok(house, "profiling", {"person": ann, "refused": False})
    ok(house, "ages", {"person": ann, "age": "child"})
    assert may(house, ann, PERSONAL)["reason"] == "guardian_missing"
    guardian = {"account": house.new_id("person")}
    link = {"person": ann, "guardian": guardian, "evidence": "paper-1"}
    answer = house.ask("POST", f"{PEOPLE}/guardians", link, key="boss")
    assert answer.status_code == 200, answer.text
    ask = ok(house, "consents:ask", asked(house, ann, SHARE), 201)["ask"]
    body = {"person": ann, "ask": ask, "action": house.new_id("click"), "agrees": True}
    refused(house, "consents:answer", body, "guardian_missing")
    given = ok(house, "consents:answer", body | {"guardian": guardian})
    assert given["state"] == "granted"


# -- messages -------------------------------------------------------------------------

SHIPPED = {
    "template": "shipped", "kind": "transactional", "purpose": SERVICE, "channels": ["mail"],
    "subject": {"zh": "订单 {order}", "en": "Order {order}"},
    "body": {"zh": "已发货", "en": "It has left"}, "values": {"order": "id"},
}  # fmt: skip
OFFER = {
    "template": "spring", "kind": "marketing", "purpose": PUSH, "channels": ["mail"],
    "subject": {"zh": "八折", "en": "20 % off"}, "body": {"zh": "全场", "en": "everything"},
}  # fmt: skip


def put_template(house: House, document: dict[str, Any]) -> Answer:
    path = f"{PEOPLE}/templates/{document['template']}"
    return house.ask("PUT", path, {"document": document}, key="boss")


def test_templates_are_checked(house: House) -> None:
    assert put_template(house, SHIPPED).json()["version"] == 1
    assert put_template(house, OFFER).status_code == 200
    sly = SHIPPED | {"body": {"zh": "已发货，全场优惠", "en": "It has left"}}
    house.assert_problem(put_template(house, sly), 422, "unprocessable")
    listed = house.ask("GET", f"{PEOPLE}/templates", key="front").json()["templates"]
    assert [one["document"]["template"] for one in listed] == ["shipped", "spring"]


def test_a_message_passes_the_gate_and_waits_for_an_address(
    house: House, ann: dict[str, Any]
) -> None:
    put_template(house, SHIPPED)
    put_template(house, OFFER)
    body = {"id": house.new_id("m"), "person": ann, "template": "shipped", "channel": "mail",
            "values": {"order": "T-1"}}  # fmt: skip
    first = ok(house, "messages", body, 202)
    assert (first["state"], first["id"]) == ("queued", body["id"])
    assert ok(house, "messages", body, 202)["number"] == first["number"]
    answer = house.ask("POST", f"{PEOPLE}/messages", body | {"values": {"order": "T-2"}},
                       key="front")  # fmt: skip
    house.assert_problem(answer, 409, "key_reused")
    offer = {"id": house.new_id("m"), "person": ann, "template": "spring", "channel": "mail"}
    refused(house, "messages", offer, "consent_missing")
    gone = house.ask("POST", f"{PEOPLE}/messages", offer | {"template": "none"}, key="front")
    house.assert_problem(gone, 404, "not_found")
    listed = house.ask("GET", f"{PEOPLE}/messages?state=queued", key="front").json()
    assert first["number"] in [one["number"] for one in listed["messages"]]
    path = f"{PEOPLE}/messages/{first['number']}/resolve"
    answer = house.ask("POST", path, {"resolution": "drop"})
    house.assert_problem(answer, 404, "not_found")  # it is not unknown


def test_a_push_asks_everybody_who_agreed(house: House, ann: dict[str, Any]) -> None:
    put_template(house, OFFER)
    serve(house, ann)
    choose(house, ann, PUSH, True)
    body = {"id": house.new_id("push"), "template": "spring", "channel": "mail"}
    answer = house.ask("POST", f"{PEOPLE}/pushes", body)
    assert answer.status_code == 202, answer.text
    told = answer.json()
    assert told["asked"] == sum(told["decided"].values())
    assert set(told["decided"]) <= {"allowed", "quiet_hours"}
    assert told["asked"] >= 1
    rows = house.doors.shops["own"].people.port.outbox
    token = house.doors.shops["own"].people.people.standing.granted(PUSH).tolist()
    mine = [row for one in token for row in rows.of_person(one) if row.key.startswith(body["id"])]
    assert len(mine) == told["asked"]
    for row in mine:
        stopped = ok(house, "messages:unsubscribe", {"message": row.key})
        assert stopped == {"purpose": PUSH}
    assert may(house, ann, PUSH)["reason"] == "consent_withdrawn"
    gone = house.ask("POST", f"{PEOPLE}/messages:unsubscribe", {"message": "none"}, key="front")
    house.assert_problem(gone, 404, "not_found")


# -- the whole purchase -------------------------------------------------------------------------


def exception_for(house: House, sku: str) -> str:
    """A redemption's ground: units below the floor, allowed by two."""
    code = house.new_id("E")
    wish = {"code": code, "skus": [sku], "floor_fen": 0, "units": 10,
            "expires_at": house.doors.clock.now_ms() + 3_600_000}  # fmt: skip
    made = house.ask("POST", f"{SHOP}/exceptions", wish).json()
    path = f"{SHOP}/proposals/{made['proposal']}/approve"
    answer = house.ask("POST", path, {"digest": made["digest"]}, key="approver")
    assert answer.status_code == 200, answer.text
    return code


def purchase(house: House, person: dict[str, Any], sku: str, code: str) -> list[dict[str, Any]]:
    """From basket to delivery and redemption, step by step: what each answered, without ids."""
    steps: list[dict[str, Any]] = []

    def step(name: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = house.ask("POST", f"{SHOP}/{path}", body, key="web")
        told = answer.json()
        kept = {key: told[key] for key in ("reason", "priced", "state") if key in told}
        steps.append({"step": name, "status": answer.status_code} | kept)
        return dict(told)

    lines = [{"sku": sku, "quantity": 2}]
    quote = step("quote", "quotes", {"channel": "web", "lines": lines})
    paid_fen = quote["priced"]["goods_fen"]
    steps[-1]["priced"] = {"goods_fen": paid_fen}
    order = house.order(sku, 2, buyer=person, lines=lines, charged_fen=paid_fen, paid=False,
                        pricing_version=quote["priced"]["quote"]["version"])  # fmt: skip
    step("order", "orders", order)
    path = f"orders/web/{order['id']}"
    step("pay", f"{path}/payments", {"id": house.new_id("pay"), "amount_fen": paid_fen})
    step("ship", f"{path}/ship", {"id": house.new_id("ship")})
    redeemed = house.order(sku, 1, buyer=person, charged_fen=0, lines=[
        {"sku": sku, "quantity": 1, "receivable_fen": 0, "exception": code}])  # fmt: skip
    step("redeem", "orders", redeemed)
    step("deliver", f"orders/web/{redeemed['id']}/ship", {"id": house.new_id("ship")})
    message = {"id": house.new_id("m"), "person": person, "template": "shipped",
               "channel": "mail", "values": {"order": order["id"]}}  # fmt: skip
    steps.append({"step": "told", "state": ok(house, "messages", message, 202)["state"]})
    return steps


def agrees_to_all(house: House, person: dict[str, Any]) -> None:
    serve(house, person)
    for purpose in OPTIONAL:
        assert choose(house, person, purpose, True)["state"] == "granted"


def refuses_all(house: House, person: dict[str, Any]) -> None:
    serve(house, person)
    for purpose in OPTIONAL:
        assert choose(house, person, purpose, False)["state"] == "refused"
    ok(house, "profiling", {"person": person, "refused": True})


def withdraws_all(house: House, person: dict[str, Any]) -> None:
    agrees_to_all(house, person)
    for purpose in OPTIONAL:
        assert withdraw(house, person, purpose)["state"] == "withdrawn"


def is_never_asked(house: House, person: dict[str, Any]) -> None:
    assert ok(house, "consents:show", {"person": person})["profiling_refused"] is False


def test_a_purchase_costs_the_same_and_takes_the_same_steps_with_every_consent_and_with_none(
    house: House,
) -> None:
    put_template(house, SHIPPED)
    sku = house.new_sku(100)
    code = exception_for(house, sku)
    walks = {}
    for prepare in (agrees_to_all, is_never_asked, refuses_all, withdraws_all):
        person = {"account": house.new_id("walker")}
        prepare(house, person)
        walks[prepare.__name__] = purchase(house, person, sku, code)
    walk = walks.pop("agrees_to_all")
    assert [step["step"] for step in walk] == [
        "quote", "order", "pay", "ship", "redeem", "deliver", "told",
    ]  # fmt: skip
    assert [step.get("status") for step in walk] == [200, 201, 200, 200, 201, 200, None]
    assert walk[0]["priced"] == {"goods_fen": 2000}
    assert {step.get("reason", "accepted") for step in walk} == {"accepted"}
    assert walks == dict.fromkeys(walks, walk)
