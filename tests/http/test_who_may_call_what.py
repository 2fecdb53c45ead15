"""Who may call what: every route with every kind of key. On refusal nothing has changed.

Always compares with a table written out here, not with the code that decides it.
"""

from typing import Any

import pytest

from tidegate.http.calls import Route
from tidegate.http.routes import ROUTES

House = Any  # conftest.py has the class
Answer = Any  # httpx's

# route -> the keys that may use it for shop `own` and channel `web`
ALLOWED = {
    "place_order": {"boss", "operator", "web"},
    "place_orders": {"boss", "operator", "web"},
    "record_sale": {"boss", "operator"},
    "record_sales": {"boss", "operator"},
    "pay_order": {"boss", "operator", "web"},
    "cancel_order": {"boss", "operator", "web"},
    "ship_order": {"boss", "operator", "web"},
    "return_order": {"boss", "operator", "web"},
    "extend_hold": {"boss", "operator", "web"},
    "release_order": {"boss", "operator"},
    "hold_order": {"boss", "operator"},
    "operate_orders": {"boss", "operator", "web"},  # as cancel does; test_operation_batches
    "put_sku": {"boss", "operator"},
    "put_pool": {"boss", "operator"},
    "put_channel": {"boss", "operator"},
    "put_promotion": {"boss", "operator"},
    "put_group": {"boss", "operator"},
    "put_rule": {"boss", "operator"},
    "drop_rule": {"boss", "operator"},
    "receive_stock": {"boss", "operator"},
    "adjust_stock": {"boss", "operator"},
    "count_stock": {"boss", "operator"},
    "transfer_stock": {"boss", "operator"},
    "recall_stock": {"boss", "operator"},
    "pause": {"boss", "operator", "approver", "pauser"},
    "resume": {"boss", "operator", "approver"},
    "propose_exception": {"boss", "operator", "approver"},
    "end_exception": {"boss", "operator", "approver", "pauser"},
    "list_proposals": {"boss", "operator", "approver"},
    "approve_proposal": {"boss", "operator", "approver"},
    "withdraw_proposal": {"boss", "operator", "approver"},
    "quote": {"boss", "operator", "web"},
    "list_drafts": {"boss", "operator", "approver", "viewer"},
    "get_draft": {"boss", "operator", "approver", "viewer"},
    "put_draft": {"boss", "operator"},
    "drop_draft": {"boss", "operator"},
    "check_draft": {"boss", "operator"},
    "publish_draft": {"boss", "operator"},
    "force_draft": {"boss", "operator", "approver"},
    "shadow_sheet": {"boss", "operator"},
    "expected_prices": {"boss", "operator", "approver", "viewer"},
    "suspend_promotion": {"boss", "operator", "approver", "pauser"},
    "withdraw_promotion": {"boss", "operator"},
    "publications": {"boss", "operator", "approver", "viewer"},
    "set_policy": {"boss", "operator"},
    "list_alarms": {"boss", "operator", "approver", "viewer"},
    "get_alarm": {"boss", "operator", "approver", "viewer"},
    "alarm_events": {"boss", "operator", "approver", "viewer"},
    "alert_status": {"boss", "operator", "approver", "viewer"},
    "acknowledge_alarm": {"boss", "operator", "approver"},
    "acknowledge_alarms": {"boss", "operator", "approver"},
    "stop_shop": {"boss", "operator", "approver", "pauser"},
    "open_breaker": {"boss", "operator", "approver", "pauser"},
    "half_open_breaker": {"boss", "operator", "approver"},
    "close_breaker": {"boss", "operator", "approver"},
    "breaker": {"boss", "operator", "approver", "viewer"},
    "breaker_in_force": {"boss", "operator", "approver", "viewer"},
    "calendar": {"boss", "operator", "approver", "viewer"},
    "announce": {"boss", "operator"},
    "drop_announcement": {"boss", "operator"},
    "confirm_clock": {"boss", "operator"},
    **{
        f"{verb}_{name}{many}": {"boss", "operator", "approver", "viewer"}
        for verb, many in (("list", "s"), ("get", ""))
        for name in ("sku", "rule", "pool", "channel", "promotion", "group", "exception")
    },
    "get_policy": {"boss", "operator", "approver", "viewer"},
    "get_stock": {"boss", "operator", "approver", "viewer"},
    "open_presale": {"boss", "operator", "web"},
    "pay_presale": {"boss", "operator", "web"},
    "settle_presale_payment": {"boss", "operator"},
    "tell_presale": {"boss", "operator"},
    "add_gift": {"boss", "operator"},
    "release_gift": {"boss", "operator"},
    "plan_parcel": {"boss", "operator", "web"},
    "release_parcel": {"boss", "operator"},
    **{f"{verb}_parcel": {"boss", "operator"} for verb in ("ship", "cancel", "refuse")},
    "put_warehouse": {"boss", "operator"},
    "count_warehouse": {"boss", "operator"},
    "set_sourcing": {"boss", "operator"},
    "record_return": {"boss", "operator", "web"},
    "inspect_return": {"boss", "operator"},
    "dispose_defective": {"boss", "operator"},
    "get_parcel": {"boss", "operator", "approver", "viewer"},
    **{
        name: {"boss", "operator", "approver", "viewer"}
        for name in (
            "list_presales",
            "list_presale_payments",
            "list_told_presales",
            "list_gifts",
            "list_parcels",
            "list_warehouses",
            "compare_warehouses",
            "list_returns",
            "reconcile_returns",
        )
    },
    "availability": {"boss", "operator", "approver", "viewer", "web"},
    "order_story": {"boss", "operator", "approver", "viewer", "web"},
    "events": {"boss", "operator", "approver", "viewer"},
    "list_connections": {"boss", "operator", "approver", "viewer"},
    "list_parked": {"boss", "operator", "approver", "viewer"},
    "dismiss_parked": {"boss", "operator"},
    "stop_channels": {"boss", "operator", "approver", "pauser"},
    "stop_channel": {"boss", "operator", "approver", "pauser"},
    "resume_channel": {"boss", "operator", "approver"},
    "ask_run": {"boss", "operator"},
    "get_run": {"boss", "operator", "approver", "viewer"},
    "list_channel_alarms": {"boss", "operator", "approver", "viewer"},
    "settle_channel_alarm": {"boss", "operator"},
    "list_debts": {"boss", "operator", "approver", "viewer"},
    "decide_debt": {"boss", "operator"},
    "ask_recall": {"boss", "operator"},
    "list_recalls": {"boss", "operator", "approver", "viewer"},
    "metrics": {"boss", "operator", "approver", "viewer"},
    "check_notice": {"boss"},
    "put_notice": {"boss"},
    "serve_notice": {"boss", "operator"},
    **{f"{verb}_consent": {"boss", "operator"} for verb in ("ask", "answer", "withdraw")},
    **{name: {"boss", "operator"} for name in ("show_choices", "consent_receipt", "may")},
    **{name: {"boss", "operator"} for name in ("choose_profiling", "declare_age")},
    "link_guardian": {"boss"},
    "settle_consents": {"boss"},
    "put_template": {"boss"},
    "unsubscribe": {"boss", "operator"},
    **{name: {"boss", "operator"} for name in ("person", "put_fields")},
    **{
        name: {"boss"}
        for name in (
            "find_person",
            "read_fields",
            "held",
            "open_request",
            "list_requests",
            "get_request",
            "show_data",
            "identify_request",
            "send_code",
            "refuse_request",
            "withdraw_request",
            "restrict_person",
            "correct_data",
            "answer_request",
            "delete_person",
            "file_document",
            "approve_document",
            "list_documents",
            "inspection",
        )
    },
    **{name: {"boss", "operator"} for name in ("list_templates", "list_messages")},
    **{name: {"boss", "operator"} for name in ("send_message", "push_message", "resolve_message")},
}
OPEN = {"health", "ready", "openapi", "problem", "list_notices", "read_notice"} | {
    "push_orders"  # signed
}
KEYS = ("boss", "operator", "approver", "viewer", "web", "tmall", "pauser", "elsewhere")

PERSON = {"person": {"account": "matrix"}}
WORDS = {"zh": "", "en": ""}
NOTICE = {
    "document": {
        "notice": "x", "title": WORDS, "operator": {"name": WORDS, "contact": WORDS}, "fields": {},
        "purposes": {}, "rights": {}, "storage": WORDS, "minors": {"expected": False},
    },
}  # fmt: skip

# Bodies that pass every check before the desk; ids stay out so that each try has one of its own.
BODIES: dict[str, dict[str, Any]] = {
    "pay_order": {"amount_fen": 1},
    "extend_hold": {"seconds": 60},
    "put_sku": {"list_price_fen": 1000},
    "put_group": {"skus": []},
    "put_rule": {"scope": "shop", "budget": 2**40, "basis": "money"},
    "receive_stock": {"sku": "no-such", "quantity": 1},
    "adjust_stock": {"sku": "no-such", "delta": 1},
    "count_stock": {"sku": "no-such", "counted": 1},
    "transfer_stock": {"sku": "no-such", "quantity": 1, "from_pool": "a", "to_pool": "b"},
    "recall_stock": {"sku": "no-such", "quantity": 1, "pool": "a"},
    "pause": {"scope": "sku", "target": "no-such"},
    "resume": {"scope": "sku", "target": "no-such"},
    "dismiss_parked": {"number": "7"},
    "ask_run": {"kind": "hold"},
    "decide_debt": {"way": "restock"},
    "ask_recall": {"sku": "no-such", "quantity": 1},
    "approve_proposal": {"digest": "0" * 64},
    "acknowledge_alarms": {"until": 1},
    "stop_shop": {"reason": "\x00"},  # no reason: this shop is to go on
    "open_breaker": {"scope": "sku", "kind": "pause", "subject": "no-such"},
    "half_open_breaker": {"scope": "sku", "subject": "no-such", "reason": "why"},
    "close_breaker": {"scope": "sku", "subject": "no-such", "reason": "why"},
    "announce": {"scope": "sku", "subject": "no-such", "from_at": 1, "until_at": 2},
    "quote": {"channel": "web", "lines": [{"sku": "no-such", "quantity": 1}]},
    "put_draft": {
        "promotion": {
            "code": "P", "level": "shop", "effect": {"kind": "free_shipping"}, "start_ms": 1,
            "end_ms": 2, "scope": {"all": True},
        },
    },
    "shadow_sheet": {"header": ["sku"], "rows": []},
    "publish_draft": {"digest": "0" * 64},
    "check_notice": NOTICE,
    "put_notice": NOTICE,
    "serve_notice": PERSON,
    "ask_consent": PERSON | {
        "purpose": "no.such",
        "screen": {"id": "s", "sha256": "0" * 64, "agree_steps": 1, "refuse_steps": 1,
                   "withdraw_steps": 1},
    },
    "answer_consent": PERSON | {"ask": "none", "action": "none", "agrees": True},
    "withdraw_consent": PERSON | {"purpose": "no.such", "action": "none"},
    "show_choices": PERSON,
    "consent_receipt": PERSON | {"purpose": "no.such"},
    "may": PERSON | {"purpose": "no.such"},
    "choose_profiling": PERSON | {"refused": True},
    "declare_age": PERSON | {"age": "adult"},
    "link_guardian": PERSON | {"guardian": {"account": "matrix-2"}, "evidence": "paper"},
    "settle_consents": {"said_no": [], "reason": "why"},
    "person": PERSON,
    "find_person": {"field": "phone", "value": "13800138000", "purpose": "no.such"},
    "put_fields": {"values": [{"field": "phone", "value": "1", "purposes": ["no.such"]}]},
    "read_fields": {"fields": ["phone"], "purpose": "no.such"},
    "open_request": {"person": "a" * 15 + "b", "kind": "no-such"},
    "identify_request": {"way": "operator", "proof": "none"},
    "send_code": {"channel": "sms"},
    "refuse_request": {"ground": "none", "reason": "why"},
    "correct_data": {"values": [{"field": "phone", "value": "1", "purposes": ["no.such"]}]},
    "answer_request": {"text": "so"},
    "file_document": {"name": "x", "document": {}},
    "put_template": {
        "document": {
            "template": "t", "kind": "transactional", "purpose": "no.such", "channels": ["sms"],
            "subject": {"zh": "x", "en": "x"}, "body": {"zh": "x", "en": "x"},
        },
    },
    "send_message": PERSON | {"template": "none", "channel": "sms"},
    "push_message": {"template": "none", "channel": "sms"},
    "resolve_message": {"resolution": "drop"},
    "unsubscribe": {"message": "none"},
    "force_draft": {"digest": "0" * 64, "reason": "why", "units": 1, "expires_at": 2**41},
    "open_presale": {
        "channel": "web", "order": "N", "deposit_fen": 1, "balance_fen": 1, "deposit_until": 1,
        "balance_until": 2, "unpaid_balance": "kept",
    },
    "pay_presale": {"part": "deposit", "amount_fen": 1},
    "settle_presale_payment": {"payment": "none", "state": "refunded"},
    "tell_presale": {
        "channel": "web", "event": "deposit", "at": 1, "deposit_fen": 0, "balance_fen": 0,
        "order": {
            "number": "N", "placed_at": 1, "changed_at": 1, "status": "unpaid", "charged_fen": 1,
            "lines": [{"item": "no-such", "quantity": 1, "receivable_fen": 1}],
        },
    },
    "add_gift": {"channel": "web", "order": "N", "item": "no-such", "quantity": 1},
    "release_gift": {"channel": "web", "order": "N", "gift": "g"},
    "plan_parcel": {"lines": [{"channel": "web", "order": "N", "quantity": 1}]},
    "refuse_parcel": {"warehouse": "none"},
    "count_warehouse": {"skus": {"no-such": 1}},
    "set_sourcing": {"rule": "nearest"},
    "record_return": {"channel": "web", "order": "N", "quantity": 1},
    "inspect_return": {"good": 1, "defective": 0},
    "dispose_defective": {"sku": "no-such", "quantity": 1, "outcome": "scrapped"},
    "propose_exception": {
        "code": "E", "skus": ["A"], "floor_fen": 1, "units": 1, "expires_at": 2**41,
    },
}  # fmt: skip
WITHOUT_ID = {
    "release_gift", "release_parcel", "ship_parcel", "cancel_parcel", "refuse_parcel",
    "count_warehouse", "set_sourcing", "tell_presale",
    "person", "find_person", "put_fields", "read_fields", "identify_request", "refuse_request",
    "correct_data", "answer_request", "delete_person", "file_document", "send_code",
    "show_choices", "consent_receipt", "may",
    "propose_exception", "approve_proposal", "withdraw_proposal", "quote", "drop_draft",
    "acknowledge_alarm", "acknowledge_alarms",
    "check_draft", "half_open_breaker", "close_breaker", "drop_announcement",
}  # fmt: skip
SCOPED = [route for route in ROUTES if route.scope]


def call(house: House, route: Route, key: str) -> Answer:
    """Use a route as that key would, as far as the key lets it."""
    path = route.path.format(
        shop="own",
        channel="web",
        id="N-1",
        code=house.new_id("C"),
        proposal="0" * 32,
        name="x",
        alarm="x",
        announcement="x",
        notice="x",
        person="a" * 15 + "b",
        right="none",
        kind="paper",
        version="1",
        template="x",
        number="0",
    )
    if route.name in {"place_order", "record_sale"}:
        return house.ask(route.method, path, house.order("no-such"), key=key)
    if route.name in {"place_orders", "record_sales"}:
        return house.ask(route.method, path, house.order("no-such"), key=key,
                         headers={"Content-Type": "application/x-ndjson"})  # fmt: skip
    if route.name == "operate_orders":
        line = {"operation": "cancel", "id": house.new_id("M"), "channel": "web", "order": "N-1"}
        return house.ask(route.method, path, line, key=key,
                         headers={"Content-Type": "application/x-ndjson"})  # fmt: skip
    if route.name == "availability":
        path += "?channel=web"
    if route.name in {"events", "alarm_events"}:
        return house.begin(path, key)
    if route.body is None:
        return house.ask(route.method, path, key=key)
    body = dict(BODIES.get(route.name, {}))
    if route.name not in WITHOUT_ID:
        body["id"] = house.new_id("M")
    return house.ask(route.method, path, body, key=key)


def refused(answer: Answer) -> bool:
    """401 and 403, also as the only line of a batch."""
    if answer.headers["content-type"].startswith("application/x-ndjson"):
        return answer.json()["status"] in {401, 403}
    return answer.status_code in {401, 403}


def test_the_table_has_every_route() -> None:
    assert set(ALLOWED) | OPEN == {route.name for route in ROUTES}


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("route", SCOPED, ids=[route.name for route in SCOPED])
def test_a_key_may_use_exactly_its_routes(house: House, route: Route, key: str) -> None:
    if key in ALLOWED[route.name]:
        assert not refused(call(house, route, key)), (route.name, key)
        return
    before = house.state(), house.state("other")
    answer = call(house, route, key)
    if route.takes == "application/x-ndjson":
        house.assert_document(answer.json(), 403, "not_permitted")
    else:
        problem = house.assert_problem(answer, 403, "not_permitted")
        assert problem.get("scope", route.scope) == route.scope
    assert (house.state(), house.state("other")) == before


@pytest.mark.parametrize("route", SCOPED, ids=[route.name for route in SCOPED])
def test_a_revoked_key_opens_nothing(house: House, route: Route) -> None:
    before = house.state()
    house.assert_problem(call(house, route, "revoked"), 401, "not_authenticated")
    assert house.state() == before


def test_a_machine_for_one_channel_cannot_touch_another_channels_orders(house: House) -> None:
    order = house.order(house.new_sku(), channel="tmall")
    assert house.ask("POST", "/v1/shops/own/sales", order, key="tmall").status_code == 201
    before = house.state()
    for verb, body in (("cancel", {}), ("payments", {"amount_fen": 1}), ("ship", {})):
        path = f"/v1/shops/own/orders/tmall/{order['id']}/{verb}"
        answer = house.ask("POST", path, {"id": house.new_id()} | body, key="web")
        house.assert_problem(answer, 403, "not_permitted")
    house.assert_problem(house.place(order | {"id": "other"}), 403, "not_permitted")
    path = f"/v1/shops/own/orders/tmall/{order['id']}"
    house.assert_problem(house.ask("GET", path, key="web"), 403, "not_permitted")
    path = "/v1/shops/own/availability/x?channel=tmall"
    house.assert_problem(house.ask("GET", path, key="web"), 403, "not_permitted")
    assert house.state() == before


def test_a_key_that_is_revoked_while_it_is_in_use_stops_working(house: House) -> None:
    people, ring = house.access.operators, house.access.keyring
    actor = people.list_parties()[0].token
    owner = people.create_machine(house.new_id("short-lived"), actor).token
    key = ring.issue(owner, actor, scopes=("orders:write",), shops=("own",))
    house.keys["short-lived"] = key.key
    sku = house.new_sku()
    house.until(lambda: house.place(house.order(sku), key="short-lived").status_code == 201)
    ring.revoke(key.key_id, actor)
    house.until(lambda: house.place(house.order(sku), key="short-lived").status_code == 401)
