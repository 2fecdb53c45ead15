"""The process itself: health, readiness with the views' lag, metrics, stories, events."""

import json
import socket
from typing import Any

import pytest

from tidegate import __version__
from tidegate.http import events

House = Any  # conftest.py has the class


def test_health_says_the_version_and_asks_for_no_key(house: House) -> None:
    answer = house.ask("GET", "/health", key=None)
    assert answer.json() == {"status": "ok", "version": __version__}


def test_readiness_says_how_far_views_lag(house: House) -> None:
    answer = house.ask("GET", "/ready", key=None)
    assert answer.status_code == 200
    document = answer.json()
    assert document["ready"] is True
    for shop in document["shops"]:
        status = house.on_loop(house.shops[shop["shop"]].desk.status)
        assert shop["views_seq"] == 0  # nobody follows here
        assert shop["views_lag_entries"] == shop["seq"] >= 1
        assert (shop["ready"], shop["why"], shop["epoch"]) == (True, "", status.epoch)


def test_a_shop_that_takes_nothing_is_not_ready_and_says_why(house: House) -> None:
    desk = house.shops["own"].desk
    order = house.order("no-such")
    desk._why = "the disk failed under a write: restart the server"
    try:
        ready = house.ask("GET", "/ready", key=None)
        refused = house.place(order)
    finally:
        desk._why = ""
    assert ready.status_code == 503
    assert ready.headers["content-type"].startswith("application/json")
    assert [shop["why"] for shop in ready.json()["shops"] if not shop["ready"]] == [
        "the disk failed under a write: restart the server"
    ]
    problem = house.assert_problem(refused, 503, "unready")
    assert problem["detail"] == "the disk failed under a write: restart the server"
    assert int(refused.headers["retry-after"]) == problem["retry_after_s"] == 5


def test_metrics_count_decisions_and_requests(house: House) -> None:
    def value(name: str) -> float:
        text = house.ask("GET", "/metrics").text
        found = [line for line in text.splitlines() if line.startswith(name + " ")]
        return float(found[0].split()[-1]) if found else 0.0

    refused = 'tidegate_orders_total{reason="unknown_sku",shop="own"}'
    repeats = 'tidegate_orders_duplicate_total{shop="own"}'
    seconds = 'tidegate_order_seconds_count{shop="own"}'
    missing = 'tidegate_http_requests_total{route="none",status="404"}'
    before = [value(name) for name in (refused, repeats, seconds, missing)]
    order = house.order("no-such")
    house.place(order)
    house.place(order)
    house.ask("GET", "/nothing")
    after = [value(name) for name in (refused, repeats, seconds, missing)]
    assert [b - a for a, b in zip(before, after, strict=True)] == [2, 1, 2, 1]
    assert value('tidegate_desk_ready{shop="own"}') == 1.0
    assert value('tidegate_journal_seq{shop="own"}') > 0


def test_metrics_of_all_shops_need_a_key_for_all_shops(house: House) -> None:
    house.assert_problem(house.ask("GET", "/metrics", key="web"), 403, "not_permitted")


def test_an_orders_story_says_why_with_the_numbers(house: House) -> None:
    sku, rule = house.new_sku(), house.new_id("LIMIT")
    limit = {"scope": "sku", "target": sku, "window": "month", "limits": {"account": 6}}
    house.done("PUT", f"/v1/shops/own/rules/{rule}", limit)
    buyer = {"buyer": {"account": house.new_id("u")}, "verified": ["account"]}
    assert house.place(house.order(sku, 4, **buyer)).status_code == 201
    order = house.order(sku, 3, **buyer)
    refused = house.assert_problem(house.place(order), 409, "limit_exceeded")
    story = house.ask("GET", f"/v1/shops/own/orders/web/{order['id']}", key="web").json()
    told = story["events"][0]
    assert (told["seq"], told["reason"]) == (refused["seq"], "limit_exceeded")
    assert "limit 6 a month, has 4, asked 3" in str(told)
    missing = house.ask("GET", "/v1/shops/own/orders/web/never", key="web")
    house.assert_problem(missing, 404, "not_found")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("availability/no-such?channel=web", 404),
        ("availability/no-such", 422),
        ("availability/x?channel=13800138000", 422),
        ("events?after=x", 422),
        ("events?after=-1", 422),
        ("events?after=99999999999999999999", 422),
    ],
)
def test_what_cannot_be_asked_is_named(house: House, path: str, status: int) -> None:
    answer = house.ask("GET", f"/v1/shops/own/{path}")
    house.assert_problem(answer, status, answer.json()["reason"])


def read_events(connection: socket.socket, count: int) -> list[dict[str, str]]:
    """So many events of a stream that never ends."""
    data = b""
    while True:
        found = [part for part in data.split(b"\n\n")[:-1] if b"\nevent: " in part]
        if len(found) >= count:
            break
        piece = connection.recv(65_536)
        assert piece, data
        data += piece
    lines = [part[part.index(b"id: ") :].decode().split("\n") for part in found[:count]]
    return [dict(line.split(": ", 1) for line in event) for event in lines]


def test_events_come_with_their_number_as_it_happens_and_go_on_from_it(house: House) -> None:
    sku = house.new_sku()
    before = house.state()[0]
    head = (
        f"GET /v1/shops/own/events HTTP/1.1\r\nHost: x\r\nLast-Event-ID: {before}\r\n"
        f"Authorization: Bearer {house.keys['viewer']}\r\n\r\n"
    )
    with house.connect() as connection:
        connection.sendall(head.encode())
        assert b"text/event-stream" in connection.recv(65_536).lower()
        house.until(lambda: house.doors.events_listening == 1)
        first = house.place(house.order(sku)).json()
        second = house.assert_problem(house.place(house.order("no-such")), 409, "unknown_sku")
        told = read_events(connection, 2)
    assert [int(event["id"]) for event in told] == [first["seq"], second["seq"]]
    assert json.loads(told[1]["data"])["reason"] == "unknown_sku"
    house.until(lambda: house.doors.events_listening == 0)
    with house.connect() as connection:
        connection.sendall(head.replace(f"ID: {before}", f"ID: {first['seq']}").encode())
        assert int(read_events(connection, 1)[0]["id"]) == second["seq"]
    house.until(lambda: house.doors.events_listening == 0)


def test_silence_is_broken_by_a_beat(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "BEAT_S", 0.01)
    head = (
        "GET /v1/shops/own/events HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: Bearer {house.keys['viewer']}\r\n\r\n"
    )
    with house.connect() as connection:
        connection.sendall(head.encode())
        data = b""
        while data.count(b": beat") < 2:
            data += connection.recv(65_536)
    house.until(lambda: house.doors.events_listening == 0)


def test_more_listeners_than_the_bound_are_told_to_come_back(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.doors.events_listening = events.LISTENERS_MAX
    try:
        answer = house.ask("GET", "/v1/shops/own/events")
    finally:
        house.doors.events_listening = 0
    house.assert_problem(answer, 503, "busy")


def test_the_servers_own_access_log_is_off(house: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    house.ask("GET", "/v1/shops/own/orders/web/Order-17", key="web")
    ours = [record for record in caplog.records if record.name.startswith("uvicorn")]
    assert [record.getMessage() for record in ours if "Order-17" in record.getMessage()] == []


def test_the_log_names_routes_and_keys_and_no_person(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    house.ask("PUT", "/v1/shops/own/pools/logged", {})
    house.ask("POST", "/v1/shops/own/orders/web/Order-17/cancel", {"id": "13800138000"}, key="web")
    lines = capsys.readouterr().out
    assert "put_pool" in lines
    assert "cancel_order" in lines
    for secret in ("Order-17", "13800138000", house.keys["web"], "boss"):
        assert secret not in lines


def test_the_document_lists_every_route(house: House) -> None:
    from tidegate.http.routes import ROUTES

    document = json.loads(house.ask("GET", "/openapi.json", key=None).content)
    listed = {
        (method.upper(), path) for path, found in document["paths"].items() for method in found
    }
    assert listed == {(route.method, route.path) for route in ROUTES}
    assert ("POST", "/v1/shops/{shop}/orders") in listed
