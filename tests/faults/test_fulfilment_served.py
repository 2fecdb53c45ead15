"""Parcels through a real `tidegate serve` that is killed by the system in between; and its backup.

Always the wire and the files. Never: an answer is believed that the journal does not show.
"""

import http.client
import json
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tidegate import bootstrap
from tidegate.access.roles import Role
from tidegate.bench.served_shop import HOST, NAME, ServedShop
from tidegate.channels.fulfilment.store import open_store
from tidegate.testing.workload import Terms

CHANNEL, SKU = "channel-0", 0
FEW, MANY = (20, 1), (60, 3)  # parcels, kills
DEADLINE_S = 120.0


@pytest.fixture
def shop() -> Iterator[tuple[ServedShop, str]]:
    """A served shop and an operator's key."""
    terms = Terms(
        np.array([500], np.int64), np.array([1_000]), np.array([500]), (0, 0, 0, 0), 0, 0, 0, 1, 900
    )
    with (
        tempfile.TemporaryDirectory(prefix="parc-") as folder,
        ServedShop(Path(folder), terms) as served,
    ):
        access = bootstrap.open_access(served.store)
        boss = access.operators.list_parties()[0].token
        person = access.operators.create_operator("packer", Role.OPERATOR, boss).token
        key = access.keyring.issue(person, boss).key
        access.store.close()
        served.start()
        yield served, key


def ask(shop: ServedShop, key: str, path: str, body: object) -> dict[str, object] | None:
    """An answer, or None while nobody answers."""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    connection = http.client.HTTPConnection(HOST, shop.port, timeout=20)
    try:
        connection.request("POST", f"/v1/shops/{NAME}/{path}", json.dumps(body), headers)
        answer = connection.getresponse()
        text = answer.read()
        return json.loads(text) if answer.status < http.HTTPStatus.INTERNAL_SERVER_ERROR else None
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def insist(shop: ServedShop, key: str, path: str, body: object) -> dict[str, object]:
    """Ask again until it is answered; what is asked counts once."""
    end_s = time.monotonic() + DEADLINE_S
    while (answer := ask(shop, key, path, body)) is None:
        assert time.monotonic() < end_s, path
        time.sleep(0.01)
    return answer


def send_all(shop: ServedShop, key: str, parcels: int) -> None:
    """Plan, release and send every parcel, whatever happens to the server."""
    for n in range(parcels):
        line = {"channel": CHANNEL, "order": f"o{n}", "quantity": 1}
        insist(shop, key, "parcels", {"id": f"P{n}", "lines": [line]})
        insist(shop, key, f"parcels/P{n}/release", {})
        assert insist(shop, key, f"parcels/P{n}/ship", {})["state"] == "shipped"


def shipped(shop: ServedShop) -> int:
    """How many parcels have left, as the file beside the server says."""
    store = open_store(shop.paths.fulfilment)
    try:
        return int(store.ask("SELECT count(*) FROM parcel WHERE state = 'shipped'")[0][0])
    finally:
        store.close()


def sent_over_kills(served: ServedShop, key: str, parcels: int, kills: int) -> None:
    """Everything is sent while the server dies so many times; then the books are read."""
    for n in range(parcels):
        served.place_until_accepted(f"o{n}", DEADLINE_S)
    sender = threading.Thread(target=send_all, args=(served, key, parcels))
    sender.start()
    for kill in range(1, kills + 1):
        end_s = time.monotonic() + DEADLINE_S
        while shipped(served) < kill * parcels // (kills + 1):
            assert time.monotonic() < end_s, "no parcel leaves"
            time.sleep(0.002)
        served.kill()
        served.start()
    sender.join(DEADLINE_S)
    assert not sender.is_alive()
    assert shipped(served) == parcels
    copy = served.folder / "copy"
    bootstrap.back_up(served.folder, copy, lambda _reached, _goal: None)
    served.stop()
    machine, journal, _ = served.open_machine()
    journal.close()
    cell = machine.state.cells[0, SKU]
    assert (int(cell["shipped"]), int(cell["committed"]), int(cell["released"])) == (parcels, 0, 0)
    again = served.folder / "again"
    bootstrap.restore(copy, again, None, lambda _reached, _goal: None)
    store = open_store(again / "shops" / NAME / "fulfilment.db")
    assert store.ask("SELECT sum(shipped), count(*) FROM parcel_part") == [(parcels, parcels)]
    store.close()


def test_a_parcel_leaves_once_though_its_server_is_killed(shop: tuple[ServedShop, str]) -> None:
    sent_over_kills(*shop, *FEW)


@pytest.mark.long
def test_a_parcel_leaves_once_over_many_kills(shop: tuple[ServedShop, str]) -> None:
    sent_over_kills(*shop, *MANY)
