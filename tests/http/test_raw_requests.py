"""What comes over a bare connection: cut short, too long, too slow, out of shape, or all at once.

Always asserts what the server says and that it goes on serving; time is moved, never waited for.
"""

import json
import socket
from typing import Any

import pytest

from tidegate.http import protocol

House = Any  # conftest.py has the class

PATH = b"/v1/shops/own/orders"


def request(
    house: House, body: bytes, *more: bytes, key: str = "web", method: bytes = b"POST",
    path: bytes = PATH, length: bool = True, version: bytes = b"1.1",
) -> bytes:  # fmt: skip
    lines = [
        method + b" " + path + b" HTTP/" + version,
        b"Host: x",
        b"Authorization: Bearer " + house.keys[key].encode(),
        b"Content-Type: application/json",
        *more,
    ]
    if length:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def order_body(house: House, sku: str = "no-such", **changes: object) -> bytes:
    return json.dumps(house.order(sku, **changes)).encode()


def assert_raw_problem(house: House, answer: bytes, status: int, reason: str) -> dict[str, str]:
    found, headers, body = house.split(answer)
    assert found == status, answer
    house.assert_document(json.loads(body), status, reason)
    assert headers["content-type"] == "application/problem+json"
    assert headers["connection"] == "close"
    return headers


CLOSE = b"Connection: close"


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # somebody speaks TLS
        b"GET\r\n\r\n",
        b"POST / HTTP/9.9\r\n\r\n",
        b"G\x00T / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n folded: y\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
        b"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\nx",
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked, gzip\r\n\r\n",
    ],
)
def test_what_is_no_http_is_told_so_and_the_connection_ends(house: House, sent: bytes) -> None:
    assert_raw_problem(house, house.raw(sent), 400, "malformed")


def test_a_chunk_that_is_none_is_told_so(house: House) -> None:
    sent = request(house, b"", b"Transfer-Encoding: chunked", length=False) + b"zz\r\n"
    assert_raw_problem(house, house.raw(sent), 400, "malformed")


def test_too_many_headers_are_431(house: House) -> None:
    sent = request(house, b"{}", *[b"X-%d: y" % n for n in range(protocol.HEADERS_MAX)])
    assert_raw_problem(house, house.raw(sent), 431, "headers_too_large")


def test_a_head_that_never_ends_is_431(house: House) -> None:
    with house.connect() as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nX: ")
        answer = b""
        try:
            for _ in range(64):
                connection.sendall(b"a" * 1_024)
            answer = b"".join(iter(lambda: connection.recv(65_536), b""))
        except (BrokenPipeError, ConnectionResetError):
            return  # it was cut off while still writing, which is as good
    if answer:
        assert_raw_problem(house, answer, 431, "headers_too_large")


def test_an_address_that_is_too_long_is_414(house: House) -> None:
    sent = b"GET /" + b"a" * protocol.URL_BYTES_MAX + b" HTTP/1.1\r\nHost: x\r\n\r\n"
    assert_raw_problem(house, house.raw(sent), 414, "url_too_long")


def test_a_key_given_twice_is_not_guessed_at(house: House) -> None:
    again = b"Authorization: Bearer " + house.keys["boss"].encode()
    answer = house.raw(request(house, order_body(house), again, CLOSE))
    assert_raw_problem(house, answer, 400, "malformed")


def test_a_body_cut_short_changes_nothing(house: House) -> None:
    before = house.state()
    sent = request(house, order_body(house))
    for cut in (1, 40, len(sent) // 2, len(sent) - 1):
        assert house.raw(sent[:cut], half_close=True) == b""
    chunked = request(house, b"", b"Transfer-Encoding: chunked", length=False) + b"5\r\n{"
    house.raw(chunked, half_close=True)
    assert house.state() == before
    assert house.place(house.order("no-such")).status_code == 409


def test_an_order_in_chunks_or_announced_gets_the_same_answer(house: House) -> None:
    sku = house.new_sku()
    body = order_body(house, sku)
    chunked = request(house, b"", b"Transfer-Encoding: chunked", CLOSE, length=False)
    pieces = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:7], body[7:]))
    status, _, answer = house.split(house.raw(chunked + pieces + b"0\r\n\r\n"))
    assert (status, json.loads(answer)["reason"]) == (201, "accepted")
    announced = request(house, body, b"Expect: 100-continue", CLOSE)
    first, _, rest = house.split(house.raw(announced))
    assert first == 100
    status, _, answer = house.split(rest)
    assert (status, json.loads(answer)["duplicate"]) == (200, True)


def test_chunks_beyond_the_bound_are_413(house: House) -> None:
    head = request(house, b"", b"Transfer-Encoding: chunked", CLOSE, length=False)
    chunk = b"%x\r\n%b\r\n" % (8_192, b" " * 8_192)
    status, _, answer = house.split(house.raw(head + chunk * 3 + b"0\r\n\r\n"))
    assert status == 413
    house.assert_document(json.loads(answer), 413, "body_too_large")


def test_an_old_client_gets_its_answer_and_the_connection_ends(house: House) -> None:
    answer = house.raw(request(house, order_body(house, house.new_sku()), version=b"1.0"))
    status, headers, _ = house.split(answer)
    assert (status, headers["connection"]) == (201, "close")


def read_answers(connection: socket.socket, count: int) -> list[tuple[int, dict[str, Any]]]:
    """So many answers with a Content-Length, in the order in which they come."""
    data, found = b"", []
    while len(found) < count:
        piece = connection.recv(65_536)
        assert piece, (data, found)
        data += piece
        while b"\r\n\r\n" in data:
            head, _, rest = data.partition(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            if len(rest) < length:
                break
            found.append((int(head.split()[1]), json.loads(rest[:length])))
            data = rest[length:]
    return found


def test_requests_sent_at_once_are_answered_in_their_order(house: House) -> None:
    """New buyers wait for their tokens and known ones do not, yet answers keep their places."""
    sku, sent, expected = house.new_sku(units=100_000), [], []
    for n in range(100):
        buyer = {"account": house.new_id("u") if n % 3 else "everybody"}
        body = order_body(house, sku, buyer=buyer)
        sent.append(request(house, body))
        expected.append(json.loads(body)["id"])
        if n % 10 == 5:  # something else in between
            sent.append(request(house, b"", method=b"GET", path=b"/health", length=False))
            expected.append("ok")
        if n % 10 == 7:
            sent.append(request(house, b"{"))
            expected.append("malformed")
    with house.connect() as connection:
        connection.sendall(b"".join(sent))
        answers = read_answers(connection, len(sent))
    said = [a.get("id") or a.get("reason") or a["status"] for _, a in answers]
    assert said == expected


def test_a_head_that_was_parsed_is_known_and_means_the_same_again(house: House) -> None:
    """The same bytes need no second parsing; another body, length or key is another matter."""
    front, sku = house.server.front, house.new_sku()
    house.on_loop(front.forget_heads)
    orders = [house.order(sku) for _ in range(3)]
    bodies = [house.encoded(order).ljust(400) for order in orders]
    with house.connect() as connection:
        connection.sendall(request(house, bodies[0]))
        assert [status for status, _ in read_answers(connection, 1)] == [201]
        (head,) = house.on_loop(lambda: list(front.heads))
        assert request(house, bodies[0]) == head + bodies[0]
        connection.sendall(head + bodies[1])  # taken without the parser
        connection.sendall(head + bodies[1][:99])  # a repeat of it, in two pieces
        connection.sendall(bodies[1][99:])
        connection.sendall(head + bodies[2] + request(house, b"{"))  # two in one piece
        answers = read_answers(connection, 4)
        assert [status for status, _ in answers] == [201, 200, 201, 400]
        assert [a.get("id") for _, a in answers[:3]] == [
            orders[1]["id"], orders[1]["id"], orders[2]["id"],
        ]  # fmt: skip
        assert house.on_loop(lambda: list(front.heads)) == [head]
        house.on_loop(front.forget_heads)
        connection.sendall(head + bodies[0])
        assert read_answers(connection, 1)[0][0] == 200
    assert b"Bearer" in head  # which is why heads are forgotten every second


def test_a_known_head_does_not_outlive_its_key(house: House) -> None:
    people, ring = house.access.operators, house.access.keyring
    boss = people.list_parties()[0].token
    key = ring.issue(people.create_machine(house.new_id("m"), boss).token, boss,
                     scopes=("orders:write",), shops=("own",))  # fmt: skip
    house.keys["brief"] = key.key
    sent = request(house, order_body(house), key="brief")
    with house.connect() as connection:

        def status() -> int:
            connection.sendall(sent)
            return read_answers(connection, 1)[0][0]

        house.until(lambda: status() == 409)
        ring.revoke(key.key_id, boss)
        house.until(lambda: status() == 401)


def test_what_follows_a_request_to_close_is_not_read(house: House) -> None:
    sku = house.new_sku()
    body, after = order_body(house, sku), order_body(house, sku)
    answer = house.raw(request(house, body, CLOSE) + request(house, after))
    status, headers, rest = house.split(answer)
    assert (status, headers["connection"]) == (201, "close")
    assert json.loads(rest)["id"] == json.loads(body)["id"]
    assert house.place(json.loads(after)).status_code == 201  # not a repeat


def test_a_broken_request_behind_an_order_does_not_take_its_answer(house: House) -> None:
    body = order_body(house, house.new_sku())
    status, headers, rest = house.split(house.raw(request(house, body) + b"\x00garbage\r\n\r\n"))
    assert (status, headers["connection"]) == (201, "close")
    assert json.loads(rest)["id"] == json.loads(body)["id"]


@pytest.mark.parametrize(
    ("sent", "is_told"),
    [
        (b"", False),
        (b"POST /v1/shops/own/ord", True),
        (b"POST /v1/shops/own/orders HTTP/1.1\r\nHost: x\r\n", True),
        (b"POST /v1/shops/own/orders HTTP/1.1\r\nContent-Length: 10\r\n\r\n{", True),
        (b"PUT /v1/shops/own/skus/x HTTP/1.1\r\nContent-Length: 10\r\n\r\n{", True),
    ],
)
def test_who_is_too_slow_is_told_and_cut_off(house: House, sent: bytes, is_told: bool) -> None:
    with house.connect() as connection:
        connection.sendall(sent)
        seen = house.connection_of(connection, len(sent))
        house.on_loop(lambda: seen.sweep(house.loop.time() + protocol.SILENCE_S / 2))
        assert not seen.transport.is_closing()
        house.on_loop(lambda: seen.sweep(house.loop.time() + protocol.REQUEST_S + 1))
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    if not is_told:
        assert answer == b""
    elif sent.startswith(b"PUT"):  # the application was told first that there is no key
        assert house.split(answer)[0] in {401, 408}
    else:
        assert_raw_problem(house, answer, 408, "request_timeout")


def test_a_slow_trickle_does_not_stay_for_ever(house: House) -> None:
    """A byte now and then breaks the silence, but not the least rate."""
    head = b"POST /v1/shops/own/orders HTTP/1.1\r\nContent-Length: 9000\r\n\r\n"
    with house.connect() as connection:
        connection.sendall(head + b"{")
        seen = house.connection_of(connection, len(head) + 1)

        def much_later() -> None:
            seen.begun_s -= protocol.REQUEST_S + 1
            seen.heard_s = house.loop.time()
            seen.sweep(house.loop.time())

        house.on_loop(much_later)
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    assert_raw_problem(house, answer, 408, "request_timeout")


def test_an_idle_connection_is_kept_for_a_while_and_then_closed(house: House) -> None:
    with house.connect() as connection:
        connection.sendall(request(house, order_body(house, house.new_sku())))
        assert read_answers(connection, 1)[0][0] == 201
        seen = house.connection_of(connection, 0)
        house.on_loop(lambda: seen.sweep(house.loop.time() + protocol.KEEP_ALIVE_S - 1))
        connection.sendall(request(house, order_body(house)))
        assert read_answers(connection, 1)[0][0] == 409
        house.on_loop(lambda: seen.sweep(house.loop.time() + protocol.KEEP_ALIVE_S + 1))
        assert connection.recv(1) == b""


def test_one_connection_too_many_is_told_to_come_back(house: House) -> None:
    front = house.server.front
    most, front.connections_max = front.connections_max, 0
    try:
        answer = house.raw(b"")
    finally:
        front.connections_max = most
    headers = assert_raw_problem(house, answer, 503, "busy")
    assert headers["retry-after"] == "1"


def test_a_client_that_leaves_does_not_take_its_order_back(house: House) -> None:
    sku = house.new_sku()
    body = order_body(house, sku)
    with house.connect() as connection:
        connection.sendall(request(house, body))
    house.until(lambda: house.place(json.loads(body)).status_code == 200)


def test_fuzzed_requests_never_break_the_server(house: House) -> None:
    """A thousand ways of damaging one good request; whatever comes back is HTTP."""
    import random

    draw = random.Random(20261026)
    good = request(house, order_body(house), CLOSE)
    for _ in range(300):
        sent = bytearray(good)
        for _ in range(draw.randint(1, 4)):
            place = draw.randrange(len(sent))
            kind = draw.randrange(3)
            if kind == 0:
                sent[place] = draw.randrange(256)
            elif kind == 1:
                del sent[place : place + draw.randint(1, 20)]
            else:
                sent[place:place] = draw.randbytes(draw.randint(1, 20))
        answer = house.raw(bytes(sent), half_close=True)
        assert answer == b"" or answer.startswith(b"HTTP/1.1 "), bytes(sent)
    assert house.place(house.order("no-such")).status_code == 409
