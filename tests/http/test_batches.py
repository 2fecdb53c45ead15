"""Many orders in one request: a line back for each, in order, each as it would have been alone."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tidegate.http import batch
from tidegate.http.bodies import BATCH_BYTES_MAX

House = Any  # conftest.py has the class

NDJSON = {"Content-Type": "application/x-ndjson"}


def send(
    house: House, lines: list[bytes], path: str = "/v1/shops/own/orders:batch", key: str = "web"
) -> list[dict[str, Any]]:
    answer = house.ask("POST", path, key=key, content=b"\n".join(lines), headers=NDJSON)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in answer.content.splitlines()]


def encoded(order: dict[str, Any]) -> bytes:
    return json.dumps(order).encode()


def test_each_line_stands_alone_and_keeps_its_place(house: House) -> None:
    sku = house.new_sku(units=5)
    good, large, last = house.order(sku, 2), house.order(sku, 4), house.order(sku, 3)
    lines = [
        encoded(good),
        b"{",
        encoded(large),
        encoded(good),
        encoded(house.order(sku, channel="tmall")),
        b" " * 16_385 + b"1",
        encoded(last),
    ]
    answers = send(house, lines)
    said = [(answer["status"], answer["reason"]) for answer in answers]
    assert said == [
        (201, "accepted"), (400, "malformed"), (409, "stock_short"), (200, "accepted"),
        (403, "not_permitted"), (422, "unprocessable"), (201, "accepted"),
    ]  # fmt: skip
    assert answers[2]["detail"] == "available 3, asked 4"
    assert answers[3]["duplicate"] is True
    for answer in answers:
        if answer["status"] >= 400:
            house.assert_document(answer, answer["status"], answer["reason"])


def test_a_batch_and_single_orders_share_ids(house: House) -> None:
    sku = house.new_sku()
    order = house.order(sku)
    assert send(house, [encoded(order)])[0]["status"] == 201
    assert house.place(order).status_code == 200
    other = house.order(sku)
    assert house.place(other).status_code == 201
    assert send(house, [encoded(other)])[0]["status"] == 200


def test_more_lines_than_a_group_are_decided_in_their_order(house: House) -> None:
    count = 2 * batch.GROUP_LINES + 7
    sku = house.new_sku(units=count - 3)
    orders = [house.order(sku, buyer={"account": f"many-{n}"}) for n in range(count)]
    answers = send(house, [encoded(order) for order in orders])
    assert [answer["id"] for answer in answers] == [order["id"] for order in orders]
    assert [answer["status"] for answer in answers] == [201] * (count - 3) + [409] * 3
    places = [(answer["seq"], answer["position"]) for answer in answers]
    assert places == sorted(places)
    assert len(set(places)) == count


def test_sales_are_judged_line_by_line(house: House) -> None:
    sku = house.new_sku(units=0)
    sales = [house.order(sku, n, channel="tmall") for n in (1, 2)]
    answers = send(house, [encoded(s) for s in sales], "/v1/shops/own/sales:batch", "tmall")
    assert [(a["status"], a["judgement"], a["short"]) for a in answers] == [
        (201, ["stock_short"], 1), (201, ["stock_short"], 2),
    ]  # fmt: skip


def test_empty_lines_and_a_missing_last_line_break_do_not_matter(house: House) -> None:
    orders = [encoded(house.order("no-such")) for _ in range(2)]
    answers = send(house, [b"", orders[0], b"\r", b"", orders[1]])
    assert [answer["reason"] for answer in answers] == ["unknown_sku", "unknown_sku"]
    assert send(house, []) == []


def test_a_body_that_grows_past_its_bound_says_so_on_the_last_line(house: House) -> None:
    """Sent in chunks, so that nobody knew beforehand; what was decided before is said first."""
    order = encoded(house.order("no-such"))

    def pieces() -> Iterator[bytes]:
        yield (order + b"\n") * batch.GROUP_LINES
        for _ in range(BATCH_BYTES_MAX // 65_536 + 1):
            yield (b" " * 127 + b"\n") * 512

    answer = house.client.post(
        "/v1/shops/own/orders:batch", content=pieces(),
        headers=NDJSON | {"Authorization": f"Bearer {house.keys['web']}"},
    )  # fmt: skip
    lines = [json.loads(line) for line in answer.content.splitlines()]
    assert len(lines) == batch.GROUP_LINES + 1
    house.assert_document(lines[-1], 413, "body_too_large")


def test_a_line_without_an_end_is_refused_before_it_fills_memory(house: House) -> None:
    content = b'{"id": "' + b"x" * 200_000
    answer = house.ask(
        "POST", "/v1/shops/own/orders:batch", key="web", content=content, headers=NDJSON
    )
    assert answer.status_code in {413, 200}
    house.assert_document(
        json.loads(answer.content.splitlines()[0]), answer.json()["status"], answer.json()["reason"]
    )


def test_lines_beyond_the_bound_are_refused_as_a_whole(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "LINES_MAX", 3)
    before = house.state()
    content = b"\n".join([encoded(house.order("no-such"))] * 4)
    answer = house.ask(
        "POST", "/v1/shops/own/orders:batch", key="web", content=content, headers=NDJSON
    )
    house.assert_problem(answer, 422, "unprocessable")
    assert house.state() == before
