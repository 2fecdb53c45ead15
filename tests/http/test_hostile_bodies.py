"""The same hostile bodies to every route that takes one: each is told so, and nothing has changed.

Goes through the route table and the document's own fields, so a route that is added is tested.
"""

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tidegate.http.calls import Route
from tidegate.http.openapi import document
from tidegate.http.routes import ROUTES

House = Any  # conftest.py has the class
Answer = Any  # httpx's

SCHEMAS = document()["components"]["schemas"]
# A signed route looks at nothing before the signature over every byte (test_channel_doors.py).
WITH_BODY = [route for route in ROUTES if route.body is not None and not route.signed]
NAMES = {"alarm": "x", "name": "x", "person": "a" * 16, "right": "none", "kind": "paper"} | {
    "notice": "none", "template": "none", "number": "0", "announcement": "x",
    "shop": "own", "channel": "web", "id": "X-1", "code": "X-1", "proposal": "0" * 32,
}  # fmt: skip
TOO_LARGE = (2**63, 2**64, -(2**63) - 1, 10**40)
NO_NUMBERS = ("NaN", "Infinity", "-Infinity", "1e400", "01", "0x10", "1_000", "+1", "1.5")


def send(house: House, route: Route, content: bytes, **headers: str) -> Answer:
    """A body in a route's own media type, as a person who may do everything."""
    kind = {"Content-Type": route.takes} | headers
    path = route.path.format(**NAMES)
    return house.ask(route.method, path, key="boss", content=content, headers=kind)


def assert_told(house: House, answer: Answer, statuses: set[int]) -> None:
    """A problem, also as the only line of a batch."""
    said = json.loads(answer.content)
    assert said["status"] in statuses, said
    house.assert_document(said, said["status"], said["reason"])
    is_line = answer.headers["content-type"] == "application/x-ndjson"
    assert answer.status_code == (200 if is_line else said["status"])


def numbers_of(route: Route) -> Iterator[str]:
    """The fields of a route's body that are numbers."""
    assert route.body is not None
    for name, schema in SCHEMAS[route.body.__name__]["properties"].items():
        kinds = [schema, *schema.get("anyOf", ())]
        if any(kind.get("type") == "integer" for kind in kinds):
            yield name


FIELDS = [
    pytest.param(route, name, id=f"{route.name}-{name}")
    for route in WITH_BODY
    for name in numbers_of(route)
]
EVERY = [pytest.param(route, id=route.name) for route in WITH_BODY]


def test_there_are_numbers_to_try() -> None:
    tried = {field.id for field in FIELDS}
    assert {"put_sku-list_price_fen", "place_order-charged_fen", "operate_orders-seconds"} <= tried


@pytest.mark.parametrize(("route", "name"), FIELDS)
def test_a_number_past_64_bits_is_out_of_bounds(house: House, route: Route, name: str) -> None:
    before = house.state()
    for number in TOO_LARGE:
        assert_told(house, send(house, route, b'{"%b":%d}' % (name.encode(), number)), {422})
    assert house.state() == before


@pytest.mark.parametrize(("route", "name"), FIELDS)
def test_what_is_no_whole_number_is_none(house: House, route: Route, name: str) -> None:
    before = house.state()
    for text in NO_NUMBERS:
        content = b'{"%b":%b}' % (name.encode(), text.encode())
        assert_told(house, send(house, route, content), {400, 422})
    assert house.state() == before


@pytest.mark.parametrize("route", EVERY)
def test_another_encoding_is_told_so(house: House, route: Route) -> None:
    before = house.state()
    text = '{"id":"订单"}'
    for content in (text.encode("utf-16-le"), text.encode("gb18030"), b'{"id":"\xed\xa0\x80"}',
                    b"\xef\xbb\xbf{}", b"\x00{}"):  # fmt: skip
        answer = send(house, route, content)
        last = answer.content.splitlines()[-1]
        assert json.loads(last)["status"] in {400, 422}, content
    assert house.state() == before


@pytest.mark.parametrize("route", EVERY)
def test_a_packed_body_is_not_unpacked(house: House, route: Route) -> None:
    """A small body that would unpack to gigabytes is a body that is no JSON."""
    before = house.state()
    packed = gzip.compress(b" " * 1_000_000)
    headers = {"Content-Encoding": "gzip"}
    answer = send(house, route, packed.replace(b"\n", b"\x0b"), **headers)
    assert_told(house, answer, {400})
    assert house.state() == before


@pytest.mark.parametrize("route", EVERY)
def test_a_body_as_deep_as_it_is_long_is_told_so(house: House, route: Route) -> None:
    before = house.state()
    for content in (b"[" * 16_000, b'{"id":' * 2_500, b'{"lines":[' * 1_600):
        assert_told(house, send(house, route, content), {400, 422})
    assert house.state() == before


@pytest.mark.parametrize("route", [r for r in WITH_BODY if r.takes == "application/json"])
def test_a_field_that_stands_twice_is_not_guessed_at(house: House, route: Route) -> None:
    """Also where both say the same."""
    before = house.state()
    assert route.body is not None
    for name in SCHEMAS[route.body.__name__]["properties"]:
        answer = send(house, route, b'{"%b":null,"%b":null}' % (name.encode(), name.encode()))
        assert_told(house, answer, {400, 422})
    assert house.state() == before


BATCHES = [r for r in WITH_BODY if r.takes == "application/x-ndjson"]


@pytest.mark.parametrize("route", BATCHES, ids=[route.name for route in BATCHES])
def test_lines_that_never_come_whole_change_nothing(house: House, route: Route) -> None:
    """A client that goes away in the middle of a line, or of a chunk, has asked for nothing."""
    before = house.state()
    head = (
        f"POST {route.path.format(**NAMES)} HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: Bearer {house.keys['boss']}\r\nContent-Type: {route.takes}\r\n"
    ).encode()
    for rest in (b"Content-Length: 400\r\n\r\n" + b'{"id":"a",',
                 b'Transfer-Encoding: chunked\r\n\r\nff\r\n{"id":"a",',
                 b"Transfer-Encoding: chunked\r\n\r\n3\r\n{\r\n"):  # fmt: skip
        house.raw(head + rest, half_close=True)
    assert house.state() == before
    answer = send(house, route, b"{}\r\n\r\n \t\r\n{}")
    assert [json.loads(line)["status"] for line in answer.content.splitlines()] == [422, 422]


@pytest.mark.parametrize(
    "query", ["?limit=1&limit=2", "?after=%FF", "?after=" + "a" * 3_000, "?x=y", "?%00", "?limit"]
)
def test_a_query_of_whatever_shape_is_answered(house: House, query: str) -> None:
    answer = house.ask("GET", f"/v1/shops/own/skus{query}", key="boss")
    assert answer.status_code in {200, 400, 422}, answer.text
    if answer.is_error:
        house.assert_problem(answer, answer.status_code, answer.json()["reason"])
