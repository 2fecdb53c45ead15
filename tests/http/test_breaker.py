"""一键停售 and the breaker over HTTP, at a server of its own; the calendar; what the watch tells.

Always the real server; the watch's own process is in tests/faults.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tidegate.watch.heartbeat import Beat, write_beat

House = Any  # conftest.py has the class
Open = Callable[[Path], tuple[Callable[[], House], Callable[[], None]]]
SHOP = "/v1/shops/own"


@pytest.fixture
def mine(tmp_path: Path, open_another: Open) -> Iterator[House]:
    """A server of this test's own: it is stopped for good."""
    get, close = open_another(tmp_path)
    house = get()
    house.done("PUT", f"{SHOP}/channels/web", {})
    yield house
    house.client.close()
    close()


def turn(house: House, verb: str, key: str, subject: str = "") -> Any:  # noqa: ANN401
    scope = "sku" if subject else "shop"
    body = {"scope": scope, "subject": subject, "reason": "the price is right again"}
    return house.ask("POST", f"{SHOP}/breaker/{verb}", body, key=key)


def test_a_stop_holds_until_two_people_open_the_shop(mine: House) -> None:
    sku = mine.new_sku()
    assert mine.place(mine.order(sku)).status_code == 201
    body = {"id": "S-1", "reason": "every price is wrong"}
    answer = mine.ask("POST", f"{SHOP}/stop", body, key="pauser")
    assert answer.status_code == 200, answer.text
    stopped = answer.json()
    assert (stopped["duplicate"], stopped["remarks"]) == (False, [])
    assert mine.ask("POST", f"{SHOP}/stop", body, key="pauser").json()["duplicate"] is True
    mine.assert_problem(mine.place(mine.order(sku)), 409, "shop_paused")
    resumed = mine.ask("POST", f"{SHOP}/resume", {"id": "R-1", "scope": "shop"}, key="boss")
    problem = mine.assert_problem(resumed, 409, "breaker_open")
    assert "tidegate watch half-open --reason WHY" in problem["detail"]
    switch = mine.ask("GET", f"{SHOP}/breaker").json()["switches"][0]
    assert (switch["scope"], switch["phase"], switch["in_force"]) == ("shop", "open", True)
    assert switch["sentence"] == "every price is wrong"
    assert turn(mine, "half-open", "pauser").status_code == 403
    first = turn(mine, "half-open", "operator")
    assert (first.status_code, first.json()["waits_for_second"]) == (202, True)
    mine.assert_problem(turn(mine, "half-open", "operator"), 409, "breaker_open")
    second = turn(mine, "half-open", "approver")
    assert (second.status_code, second.json()["phase"]) == (200, "half_open")
    assert mine.place(mine.order(sku)).status_code == 201
    mine.assert_problem(mine.place(mine.order(sku, 2)), 409, "order_too_large")
    closing = mine.assert_problem(turn(mine, "close", "operator"), 409, "breaker_open")
    assert "more seconds before it may close" in closing["detail"]
    history = mine.ask("GET", f"{SHOP}/breaker").json()["history"]
    assert [line["phase"] for line in history] == ["half_open", "open", "open"]


def test_a_stop_without_a_reason_stops_nothing(house: House) -> None:
    for reason in ("", "call 13812345678"):
        answer = house.ask("POST", f"{SHOP}/stop", {"id": house.new_id(), "reason": reason})
        assert answer.status_code == 422
    assert "paused" not in house.ask("GET", f"{SHOP}/policy").json()["flags"]


def test_what_the_watch_asks_is_done_once_and_read_back(house: House) -> None:
    sku = house.new_sku()
    in_force = f"{SHOP}/breaker/in-force?scope=sku&subject={sku}"
    before = house.ask("GET", in_force).json()
    body = {"id": house.new_id("W"), "scope": "sku", "kind": "cap", "subject": sku, "note": "n"}
    for _ in range(2):
        answer = house.ask("POST", f"{SHOP}/breaker/open", body, key="pauser")
        assert answer.json() == {**before, "quantity_max": 1, "quantity_min": 1}
    house.assert_problem(house.place(house.order(sku, 2)), 409, "order_too_large")
    pause = {**body, "id": house.new_id("W"), "kind": "pause"}
    assert house.ask("POST", f"{SHOP}/breaker/open", pause, key="pauser").json()["paused"]
    house.assert_problem(house.place(house.order(sku)), 409, "sku_paused")
    gone = {**body, "id": house.new_id("W"), "subject": "no-such"}
    house.assert_problem(
        house.ask("POST", f"{SHOP}/breaker/open", gone, key="pauser"), 409, "unknown_target"
    )
    assert house.ask("GET", f"{SHOP}/breaker/in-force?scope=sku").status_code == 422
    assert house.ask("GET", f"{SHOP}/breaker/in-force?scope=moon").status_code == 422


def test_what_is_announced_is_kept_and_taken_back(house: House) -> None:
    sku, now_ms = house.new_sku(), house.doors.clock.now_ms()
    body = {
        "scope": "sku", "subject": sku, "from_at": now_ms, "until_at": now_ms + 60_000,
        "rate": 50, "price": 0.5, "note": "live on Friday",
    }  # fmt: skip
    answer = house.ask("POST", f"{SHOP}/calendar", body)
    assert answer.status_code == 201, answer.text
    kept = answer.json()
    assert (kept["subject"], kept["rate"], kept["price"], kept["units"]) == (sku, 50.0, 0.5, 1.0)
    assert kept in house.ask("GET", f"{SHOP}/calendar").json()["announced"]
    for wrong in ({"until_at": now_ms}, {"from_at": 1, "until_at": 2}, {"price": 0}):
        assert house.ask("POST", f"{SHOP}/calendar", body | wrong).status_code == 422
    assert house.ask("POST", f"{SHOP}/calendar", body | {"subject": "no"}).status_code == 404
    dropped = house.ask("POST", f"{SHOP}/calendar/{kept['id']}/drop", {}).json()
    assert dropped == {"id": kept["id"], "dropped": True}
    assert kept not in house.ask("GET", f"{SHOP}/calendar").json()["announced"]


def test_readiness_and_metrics_tell_how_far_the_watch_is(house: House) -> None:
    def ready() -> dict[str, Any]:
        shops = house.ask("GET", "/ready", key=None).json()["shops"]
        return {shop["shop"]: shop for shop in shops}

    assert ready()["other"]["watch_silent_ms"] == -1
    folder = house.shops["own"].paths.folder
    now_s = house.doors.clock.monotonic_s()
    write_beat(folder, Beat(1, now_s - 2.0, 1, 7, 3, 450, 5, 2))
    own = ready()["own"]
    assert (own["watch_seq"], own["watch_lag_entries"], own["watch_lag_ms"]) == (7, 3, 450)
    assert own["breaker_open"] == 2
    assert 2_000 <= own["watch_silent_ms"] < 30_000
    text = house.ask("GET", "/metrics").text
    assert 'tidegate_watch_lag_entries{shop="own"} 3.0' in text
    assert 'tidegate_watch_lag_seconds{shop="own"} 0.45' in text
    assert 'tidegate_watch_alarms{shop="own"} 5.0' in text
    assert 'tidegate_breaker_open{shop="own"} 2.0' in text
