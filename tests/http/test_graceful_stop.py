"""A server that is told to stop: orders in flight are answered, nothing new is taken.

Always a server of its own; the disk is held still meanwhile, so that orders are surely in flight.
"""

import json
import shutil
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

House = Any  # conftest.py has the class
OpenHouse = Any


@pytest.fixture
def own_house(open_another: OpenHouse) -> Iterator[tuple[House, Any]]:
    folder = Path(tempfile.mkdtemp(prefix="tidegate-stop-"))
    get, close = open_another(folder)
    try:
        yield get(), close
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_orders_in_flight_are_answered_before_the_server_ends(
    own_house: tuple[House, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    house, close = own_house
    house.done("PUT", "/v1/shops/own/channels/web", {})
    sku = house.new_sku(units=10)
    desk = house.shops["own"].desk
    append, may_go_on = desk._journal.append, threading.Event()

    def held(expected_seq: int, payload: bytes) -> object:
        assert may_go_on.wait(30)
        return append(expected_seq, payload)

    monkeypatch.setattr(desk._journal, "append", held)
    orders = [house.order(sku, buyer={"account": f"u{n}"}) for n in range(3)]
    bodies = [house.encoded(order) for order in orders]
    sent = b"".join(
        b"POST /v1/shops/own/orders HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %b\r\n"
        b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
        % (house.keys["web"].encode(), len(body), body)
        for body in bodies
    )
    with house.connect() as connection, house.connect() as idle:
        connection.sendall(sent)
        house.until(lambda: len(house.connection_of(connection, 0).slots) == 3)
        closing = threading.Thread(target=close)
        closing.start()
        assert idle.recv(1) == b""  # nothing under way: closed at once
        may_go_on.set()
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
        closing.join(60)
    assert not closing.is_alive()
    said = [json.loads(part.partition(b"\r\n\r\n")[2]) for part in answer.split(b"HTTP/1.1 ")[1:]]
    assert [(one["id"], one["reason"]) for one in said] == [
        (order["id"], "accepted") for order in orders
    ]
    assert answer.count(b"connection: close") == 1
