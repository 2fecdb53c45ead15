"""Persons over HTTP: values into the vault and out behind the real gate, requests to their end.

Always against the real server, with the example notice in force; persons are accounts that no other
test has, their numbers too.
"""

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tidegate.people.messages.outbox import WayOut
from tidegate.testing.people_house import example_notice

House = Any  # conftest.py has the class
Answer = Any  # JSON

SHOP = "/v1/shops/own"
DOCUMENT = msgspec.to_builtins(example_notice())
TO_DELIVER = {"purpose": "order.fulfil", "ticket": "order T-1"}


@pytest.fixture(scope="module", autouse=True)
def published(house: House) -> None:
    """The example notice in force."""
    answer = house.ask("PUT", f"{SHOP}/people/notices/main", {"document": DOCUMENT}, key="boss")
    assert answer.status_code == 200, answer.text


def ok(house: House, method: str, path: str, body: object = None, status: int = 200) -> Answer:
    answer = house.ask(method, f"{SHOP}/{path}", body, key="boss")
    assert answer.status_code == status, answer.text
    return answer.json()


@pytest.fixture
def account(house: House) -> str:
    return str(house.new_id("buyer"))


@pytest.fixture
def phone(house: House) -> str:
    number = int("".join(sign for sign in house.new_id("9") if sign.isdigit()) or 0)
    return f"136{number % 10**8:08d}"


@pytest.fixture
def person(house: House, account: str, phone: str) -> str:
    """Somebody who was shown the notice, with a name and a number in the vault."""
    named = {"person": {"account": account}}
    ok(house, "POST", "people/notices/main/serve", named)
    found = ok(house, "POST", "persons", named)["person"]
    values = [
        {"field": "name", "value": "林间一鹿", "purposes": ["order.fulfil"]},
        {"field": "phone", "value": phone, "purposes": ["order.fulfil"]},
    ]
    ok(house, "PUT", f"persons/{found}/fields", {"values": values})
    return str(found)


def refused(house: House, method: str, path: str, body: object, status: int, why: str) -> None:
    reason = {404: "not_found", 409: "not_lawful", 422: "unprocessable"}[status]
    answer = house.ask(method, f"{SHOP}/{path}", body, key="boss")
    assert house.assert_problem(answer, status, reason)["why"] == why


def test_values_come_out_masked_and_whole_only_when_asked(
    house: House, person: str, phone: str
) -> None:
    read = f"persons/{person}/readings"
    masked = ok(house, "POST", read, {"fields": ["phone", "name"], **TO_DELIVER})
    assert masked == {
        "values": {"name": "林***", "phone": f"136****{phone[-4:]}"}, "masked": True,
    }  # fmt: skip
    whole = ok(house, "POST", read, {"fields": ["phone"], "whole": True, **TO_DELIVER})
    assert whole == {"values": {"phone": phone}, "masked": False}
    found = ok(house, "POST", "persons:find", {"field": "phone", "value": phone, **TO_DELIVER})
    assert found == {"person": person}
    held = ok(house, "GET", f"persons/{person}/held")
    assert [(one["name"], sorted(one["purposes"])) for one in held["items"]] == [
        ("name", ["order.fulfil"]), ("phone", ["order.fulfil"]),
    ]  # fmt: skip


def test_the_gate_and_the_purpose_decide(house: House, person: str, phone: str) -> None:
    read = f"persons/{person}/readings"
    push = {"fields": ["phone"], "purpose": "marketing.push"}
    refused(house, "POST", read, push, 409, "wrong_purpose")
    own = {"fields": ["phone"], "purpose": "rights.answer", "channel": "sms", "whole": True}
    refused(house, "POST", read, own, 409, "request_needed")
    refused(house, "POST", read, {"fields": ["face"], **TO_DELIVER}, 409, "unknown_field")
    value = {"field": "phone", "value": phone, "purposes": ["marketing.push"]}
    refused(
        house, "PUT", f"persons/{person}/fields", {"values": [value]}, 409, "gate:consent_missing"
    )


def test_a_name_that_is_none_is_nobody(house: House) -> None:
    answer = house.ask("GET", f"{SHOP}/persons/0123/held", key="boss")
    house.assert_problem(answer, 404, "not_found")


def opened(house: House, person: str, kind: str) -> str:
    """A request whose identity was seen."""
    request = house.new_id("req")
    body = {"id": request, "person": person, "kind": kind, "text": "please"}
    first = ok(house, "POST", "rights", body, 201)
    assert (first["state"], first["person"]) == ("received", person)
    assert ok(house, "POST", "rights", body, 201)["opened"] == first["opened"]
    refused(house, "POST", f"rights/{request}/show", None, 422, "identity_not_shown")
    seen = {"way": "operator", "proof": "document_seen"}
    assert ok(house, "POST", f"rights/{request}/identify", seen)["state"] == "identified"
    return str(request)


def test_a_person_gets_a_copy_and_is_deleted_with_a_certificate(
    house: House, person: str, account: str, phone: str
) -> None:
    copy = opened(house, person, "copy")
    document = ok(house, "POST", f"rights/{copy}/show")
    shown = {one["name"]: one["value"] for one in document["held"]}
    assert (shown["name"], shown["phone"]) == ("林间一鹿", phone)
    assert document["elsewhere"]["consents"] == [
        {"what": "persons that the gate knows", "number": 1}
    ]
    assert "consents" in document

    request = opened(house, person, "delete")
    told = {"told": {"account": account}}
    ended = ok(house, "POST", f"rights/{request}/delete", told)
    certificate = ended["outcome"]
    places = {one["place"]: one for one in certificate["places"]}
    assert (ended["state"], places["vault"]["erased"]) == ("done", 4)  # two requests' words too
    assert places["identity table"]["kept"] == 1
    assert places["consents"]["erased"] == 1
    assert certificate["limit_period_end"] >= certificate["erased_at"][:10]
    assert len(certificate["signature"]) == 128
    assert ok(house, "GET", f"persons/{person}/held")["items"] == []
    refused(
        house, "POST", f"persons/{person}/readings", {"fields": ["phone"], **TO_DELIVER}, 404,
        "not_held",
    )  # fmt: skip
    found = ok(house, "POST", "persons:find", {"field": "phone", "value": phone, **TO_DELIVER})
    assert found == {"person": ""}
    listed = ok(house, "GET", "rights?state=done")
    assert {copy, request} <= {one["id"] for one in listed["items"]}


TEMPLATE = {
    "template": "rights-code", "kind": "transactional", "purpose": "rights.answer",
    "channels": ["sms"], "values": {"code": "number"},
    "subject": {"zh": "验证码", "en": "code"},
    "body": {"zh": "您的验证码是 {code}", "en": "your code is {code}"},
}  # fmt: skip


def test_a_code_reaches_the_number_that_is_held_and_opens_the_request(
    house: House, person: str, phone: str, tmp_path: Path
) -> None:
    request = house.new_id("req")
    body = {"id": request, "person": person, "kind": "access"}
    ok(house, "POST", "rights", body, 201)
    port = house.doors.shops["own"].people.port
    port.outbox.put_way(WayOut("sms", "files", {"folder": str(tmp_path)}, "phone", 600))
    send = f"rights/{request}/code"
    refused(house, "POST", send, {"channel": "sms"}, 422, "template_missing")
    ok(house, "PUT", "people/templates/rights-code", {"document": TEMPLATE})
    assert ok(house, "POST", send, {"channel": "sms"})["state"] == "received"
    house.until(lambda: any(tmp_path.glob("*.txt")))
    (message,) = tmp_path.glob("*.txt")
    text = message.read_text("utf-8")
    assert text.startswith(f"To: {phone}\n")
    code = re.findall(r"验证码是 (\d+)", text)[0]
    wrong = {"way": "code", "proof": "x"}
    refused(house, "POST", f"rights/{request}/identify", wrong, 422, "identity_not_shown")
    right = {"way": "code", "proof": code}
    ended = ok(house, "POST", f"rights/{request}/identify", right)
    assert (ended["state"], ended["checked_by"]) == ("identified", "one_time_code")
    places = ok(house, "POST", f"rights/{request}/show")["elsewhere"]
    assert places["files of messages"] == [{"what": "files", "number": 1}]


def test_a_refusal_names_its_ground_and_the_way_to_court(house: House, person: str) -> None:
    request = opened(house, person, "delete")
    refused(
        house, "POST", f"rights/{request}/refuse", {"ground": "because", "reason": "no"}, 422,
        "reason_missing",
    )  # fmt: skip
    body = {"ground": "kept_by_law", "reason": "the order is being delivered"}
    ended = ok(house, "POST", f"rights/{request}/refuse", body)
    assert (ended["state"], ended["outcome"]["law"]) == ("refused", "PIPL 47")
    assert "court" in ended["outcome"]


def test_restricting_reaches_the_gate_and_is_lifted(
    house: House, person: str, account: str
) -> None:
    read = f"persons/{person}/readings"
    ok(house, "POST", f"rights/{opened(house, person, 'restrict')}/restrict")
    refused(house, "POST", read, {"fields": ["phone"], **TO_DELIVER}, 409, "restricted")
    may = {"person": {"account": account}, "purpose": "order.fulfil"}
    assert ok(house, "POST", "people/may", may)["allowed"] is False
    ok(house, "POST", f"rights/{opened(house, person, 'lift')}/restrict")
    assert ok(house, "POST", read, {"fields": ["phone"], **TO_DELIVER})["masked"] is True


def test_a_document_is_filed_by_one_and_approved_by_another(house: House) -> None:
    document = {"kind": "plan", "title": "incident plan", "held": "the office"}
    body = {"name": "incident-plan", "document": document}
    filed = ok(house, "POST", "duties/paper", body, 201)
    assert (filed["version"], filed["approved"]) == (1, False)
    answer = house.ask("POST", f"{SHOP}/duties/paper/incident-plan/1/approve", key="boss")
    problem = house.assert_problem(answer, 422, "unprocessable")
    assert "somebody else" in problem["detail"]
    body["document"] = document | {"title": ""}
    house.assert_problem(
        house.ask("POST", f"{SHOP}/duties/paper", body, key="boss"), 422, "unprocessable"
    )
    pages = ok(house, "GET", "inspection")
    assert sorted(pages) == [
        "assessments", "breaches", "keys", "manifest", "papers", "readings", "register", "requests",
    ]  # fmt: skip
