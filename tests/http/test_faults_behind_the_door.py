"""What a caller hears when something behind the door fails: never "accepted", always "same id".

Each fault is put in place of one part's answer; afterwards the same order is decided as if nothing
had been.
"""

from collections.abc import Callable
from typing import Any

import pytest

from tidegate.access.store import AccessUnavailable
from tidegate.desk.answers import DeskBusy, DeskUnready, Undecided
from tidegate.people.exchange import ExchangeBusy
from tidegate.people.identity import IdentityUnavailable

House = Any  # conftest.py has the class
SECRET = "13800138000 lives in Changning"


def raising(error: Exception) -> Callable[..., None]:
    def fail(*_: object) -> None:
        raise error

    return fail


def failing_later(error: Exception) -> Callable[..., None]:
    def fail(_: bytes, done: Callable[..., None]) -> None:
        done(None, error)

    return fail


@pytest.mark.parametrize(
    ("fault", "status", "reason", "retry_after"),
    [
        (raising(DeskBusy(2.4)), 503, "busy", "3"),
        (raising(DeskUnready("the shop's tables are full")), 503, "unready", "5"),
        (failing_later(Undecided("not known")), 503, "undecided", "1"),
        (failing_later(DeskUnready("stopping")), 503, "unready", "5"),
        (raising(RuntimeError(SECRET)), 500, "internal", None),
        (failing_later(RuntimeError(SECRET)), 500, "internal", None),
    ],
)
def test_a_desk_that_fails_is_told_without_its_inside(
    house: House,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    fault: Callable[..., None],
    status: int,
    reason: str,
    retry_after: str | None,
) -> None:
    order = house.order(house.new_sku())
    with monkeypatch.context() as patch:
        patch.setattr(house.shops["own"].desk, "submit", fault)
        answer = house.place(order)
        chunked = house.client.post(  # the same through the application
            "/v1/shops/own/orders",
            content=iter([house.encoded(order)]),
            headers={
                "Authorization": f"Bearer {house.keys['web']}",
                "Content-Type": "application/json",
            },
        )
    for one in (answer, chunked):
        house.assert_problem(one, status, reason)
        assert one.headers.get("retry-after") == retry_after
        assert SECRET not in one.text
    assert SECRET not in capsys.readouterr().out
    assert house.place(order).status_code == 201


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ExchangeBusy("too many wait"), "busy"),
        (IdentityUnavailable("identity table: disk full; make room on the disk"), "unready"),
    ],
)
def test_a_buyer_without_a_durable_token_is_not_let_through(
    house: House, monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str
) -> None:
    order = house.order(house.new_sku(), buyer={"account": house.new_id("u")})
    before = house.state()
    with monkeypatch.context() as patch:
        patch.setattr(house.doors.shops["own"].exchange, "resolve", raising(error))
        house.assert_problem(house.place(order), 503, reason)
        lines = house.ask(
            "POST", "/v1/shops/own/orders:batch", order, key="web",
            headers={"Content-Type": "application/x-ndjson"},
        )  # fmt: skip
        house.assert_document(lines.json(), 503, reason)
    assert house.state() == before
    assert house.place(order).status_code == 201


def test_when_keys_cannot_be_read_nobody_is_let_in(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = house.order(house.new_sku())
    with monkeypatch.context() as patch:
        patch.setattr(
            house.doors.gate, "_authenticate", raising(AccessUnavailable("access.db: gone"))
        )
        patch.setattr(house.doors.gate, "_recent_until_s", 0.0)
        house.assert_problem(house.place(order), 503, "unready")
    assert house.place(order).status_code == 201


def test_a_batch_waits_for_a_busy_desk_and_goes_on(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = house.shops["own"].desk
    place_rows, refused = desk.place_rows, iter(range(3))

    def busy_at_first(rows: object) -> object:
        if next(refused, None) is not None:
            raise DeskBusy(0.0)
        return place_rows(rows)

    monkeypatch.setattr(desk, "place_rows", busy_at_first)
    order = house.order(house.new_sku())
    answer = house.ask(
        "POST", "/v1/shops/own/orders:batch", order, key="web",
        headers={"Content-Type": "application/x-ndjson"},
    )  # fmt: skip
    assert answer.json()["status"] == 201


def test_a_key_that_brings_ids_too_fast_is_told_when_to_come_back(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tidegate.access.rate import RateLimit

    now_s = [0.0]
    monkeypatch.setattr(house.doors.gate, "_new_ids", RateLimit(0.5, 2, lambda: now_s[0]))
    sku = house.new_sku()
    assert [house.place(house.order(sku)).status_code for _ in range(2)] == [201, 201]
    order, before = house.order(sku), house.state()
    answer = house.place(order)
    house.assert_problem(answer, 429, "rate_limited")
    assert answer.headers["retry-after"] == "2"
    assert house.state() == before
    now_s[0] += 2.0
    assert house.place(order).status_code == 201
