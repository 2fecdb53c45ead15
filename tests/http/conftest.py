"""A real server for the tests of its doors: real desks, journals, identity tables and keys.

Always one process and one port for the whole run; a test that needs figures of its own makes SKUs,
rules and ids of its own. Never a made-up desk: what a door says is what the desk did.
"""

import asyncio
import itertools
import json
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from tidegate import bootstrap
from tidegate.access.roles import Role
from tidegate.bootstrap.fulfilment import RunningFulfilment
from tidegate.bootstrap.people import open_shop_people, people_doors
from tidegate.bootstrap.served_vaults import person_doors
from tidegate.bootstrap.vaults import VaultNeeds, open_shop_vault
from tidegate.channels.ledger import Ledger
from tidegate.desk.clock import SystemClock
from tidegate.engine.layout import Capacity
from tidegate.engine.warm import warm
from tidegate.http.calls import Doors
from tidegate.http.doors import ShopParts, make_doors
from tidegate.http.protocol import DoorProtocol
from tidegate.http.server import HttpServer, Listen
from tidegate.people.exchange import IdentityExchange
from tidegate.stopping.service import Stopping
from tidegate.store_paths import StorePaths
from tidegate.views.shop_views import ShopViews
from tidegate.watch.alerts.alarm_desk import AlarmDesk
from tidegate.watch.heartbeat import read_beat

T = TypeVar("T")
SHOPS = ("own", "other")
ROOM = Capacity(1 << 18, 1 << 18, 1 << 18, 1 << 19, 1 << 12, 1 << 10)
START_DEADLINE_S = 240  # the kernel may have to be compiled
ANSWER_DEADLINE_S = 30.0

PROBLEM_FIELDS = {
    "type": str,
    "title": str,
    "status": int,
    "detail": str,
    "reason": str,
    "reason_number": int,
    "retry_with_new_id": bool,
}


def assert_problem_document(
    document: dict[str, Any], media_type: str, status: int, reason: str
) -> dict[str, Any]:
    """The same for an answer that came over a bare socket."""
    assert media_type == "application/problem+json"
    assert {name: type(document.get(name)) for name in PROBLEM_FIELDS} == PROBLEM_FIELDS, document
    assert (document["status"], document["reason"]) == (status, reason), document
    assert document["type"] == f"/problems/{reason}"
    assert document["title"], document
    assert document["detail"], document
    return document


@dataclass
class House:
    """The running server and the keys to it."""

    port: int
    server: HttpServer
    doors: Doors
    loop: asyncio.AbstractEventLoop
    shops: dict[str, bootstrap.OpenShop]
    views: dict[str, ShopViews]
    access: bootstrap.Access
    keys: dict[str, str]
    client: httpx.Client
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def ask(
        self,
        method: str,
        path: str,
        body: object | None = None,
        *,
        key: str | None = "operator",
        headers: dict[str, str] | None = None,
        content: bytes | None = None,
    ) -> httpx.Response:
        """One request; `body` goes as JSON, `key` is a name in `keys` or None."""
        sent = dict(headers or {})
        if key is not None:
            sent.setdefault("Authorization", f"Bearer {self.keys[key]}")
        if body is not None:
            content = self.encoded(body)
        if content is not None:
            sent.setdefault("Content-Type", "application/json")
        return self.client.request(method, path, content=content, headers=sent)

    def begin(self, path: str, key: str) -> httpx.Response:
        """The beginning of an answer that may never end; a problem is read to its end."""
        headers = {"Authorization": f"Bearer {self.keys[key]}"}
        with self.client.stream("GET", path, headers=headers) as answer:
            if answer.is_error:
                answer.read()
            return answer

    def new_id(self, prefix: str = "T") -> str:
        """An id that nobody had."""
        return f"{prefix}-{next(self.numbers)}"

    def order(self, sku: str, quantity: int = 1, **changes: object) -> dict[str, Any]:
        """The body of a paid order of one line at 10 yuan a unit."""
        order = {
            "id": self.new_id(),
            "channel": "web",
            "placed_at": self.doors.clock.now_ms(),
            "paid": True,
            "charged_fen": 1000 * quantity,
            "lines": [{"sku": sku, "quantity": quantity, "receivable_fen": 1000 * quantity}],
        }
        return order | changes

    @staticmethod
    def assert_problem(answer: httpx.Response, status: int, reason: str) -> dict[str, Any]:
        """An answer that must be that problem, in the one shape; its document comes back."""
        assert answer.status_code == status, answer.text
        media_type = answer.headers["content-type"]
        return assert_problem_document(answer.json(), media_type, status, reason)

    @staticmethod
    def assert_document(document: dict[str, Any], status: int, reason: str) -> dict[str, Any]:
        """The same for a problem inside another answer."""
        return assert_problem_document(document, "application/problem+json", status, reason)

    @staticmethod
    def until(holds: Callable[[], bool]) -> None:
        """Ask again until it holds; what takes longer than the deadline has failed."""
        deadline_s = time.monotonic() + ANSWER_DEADLINE_S
        while not holds():
            assert time.monotonic() < deadline_s, "it never came to hold"

    @staticmethod
    def split(answer: bytes) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and the rest of an answer that came over a bare connection."""
        head, _, rest = answer.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines)
        return int(first.split()[1]), headers, rest

    def place(
        self,
        order: dict[str, Any],
        shop: str = "own",
        *,
        key: str = "web",
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        """Send an order."""
        return self.ask("POST", f"/v1/shops/{shop}/orders", order, key=key, headers=headers)

    @staticmethod
    def encoded(body: object) -> bytes:
        """A body as JSON."""
        return json.dumps(body, ensure_ascii=False).encode()

    def new_sku(self, units: int = 1000, shop: str = "own", **fields: object) -> str:
        """A SKU of its own, on sale at 10 yuan with a floor of 5, with units in the shared pool."""
        code = self.new_id("SKU")
        self.done("PUT", f"/v1/shops/{shop}/skus/{code}",
                  {"list_price_fen": 1000, "cost_floor_fen": 500} | fields)  # fmt: skip
        if units:
            receipt = {"id": self.new_id("R"), "sku": code, "quantity": units}
            self.done("POST", f"/v1/shops/{shop}/stock/receipts", receipt)
        return code

    def done(self, method: str, path: str, body: object, key: str = "operator") -> dict[str, Any]:
        """A command that must be accepted."""
        answer = self.ask(method, path, body, key=key)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def on_loop(self, work: Callable[[], T]) -> T:
        """Do something on the server's own loop."""

        async def run() -> T:
            return work()

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(ANSWER_DEADLINE_S)

    def state(self, shop: str = "own") -> tuple[int, ...]:
        """What must not have changed after a refusal: the journal's head, what was ever decided."""
        status = self.on_loop(self.shops[shop].desk.status)
        return status.seq, status.inbox, status.decided, status.accepted, status.live

    def connect(self) -> socket.socket:
        """A bare connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=ANSWER_DEADLINE_S)

    def connection_of(self, connection: socket.socket, heard_bytes: int) -> DoorProtocol:
        """The server's side of a connection, once it has heard so many bytes of a request."""
        port = connection.getsockname()[1]

        def find() -> DoorProtocol | None:
            for one in self.server.connections:
                if one.client is not None and one.client[1] == port:
                    return one if one.heard_bytes >= heard_bytes else None
            return None

        self.until(lambda: self.on_loop(find) is not None)
        found = self.on_loop(find)
        assert found is not None
        return found

    def raw(self, sent: bytes, *, half_close: bool = False) -> bytes:
        """Everything that comes back for some bytes, until the server closes."""
        with self.connect() as connection:
            connection.sendall(sent)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(65_536), b""))


def issue_keys(access: bootstrap.Access) -> dict[str, str]:
    """One key for each kind of caller that the tests need."""
    people, ring = access.operators, access.keyring
    boss = people.create_first_administrator("boss").token

    def person(name: str, *roles: Role) -> str:
        combined = Role(0)
        for role in roles:
            combined |= role
        owner = people.create_operator(name, combined, boss).token
        return ring.issue(owner, boss).key

    def machine(name: str, *scopes: str, shops: str = "own", channel: str = "*") -> str:
        owner = people.create_machine(name, boss).token
        return ring.issue(owner, boss, scopes=scopes, shops=(shops,), channels=(channel,)).key

    keys = {
        "boss": ring.issue(boss, boss).key,
        "operator": person("operator", Role.OPERATOR, Role.APPROVER),
        "approver": person("approver", Role.APPROVER),
        "viewer": person("viewer", Role.VIEWER),
        "web": machine("web", "orders:write", "orders:read", "stock:read", channel="web"),
        "tmall": machine("tmall", "sales:write", channel="tmall"),
        "pauser": machine("pauser", "pause:write"),
        "front": machine("front", "consent:write", "messages:write"),
        "elsewhere": machine("elsewhere", "orders:write", "stock:write", shops="other"),
    }
    gone = people.create_machine("gone", boss).token
    revoked = ring.issue(gone, boss, scopes=("orders:write",))
    ring.revoke(revoked.key_id, boss)
    return keys | {"revoked": revoked.key}


class Inside:
    """Everything of one shop behind the doors."""

    def __init__(self, name: str, paths: StorePaths, clock: SystemClock) -> None:
        bootstrap.create_shop(paths.shop(name), name, "Asia/Shanghai")
        shop = self.shop = bootstrap.open_shop(paths, name, clock, ROOM)
        self.exchange = IdentityExchange(shop.identity)
        self.views = bootstrap.open_views(shop)
        self.prices = bootstrap.open_publishing(shop, clock)
        self.stopping = Stopping(shop.desk, shop.paths.watch, clock.now_ms)
        self.alarms = AlarmDesk(shop.paths.alerts, clock.now_ms)
        self.ledger = Ledger(shop.paths.channels)
        self.fulfilment = RunningFulfilment(shop, self.exchange, self.ledger)
        self.people = open_shop_people(
            name, shop.paths, shop.secrets, lambda: "Asia/Shanghai", clock.now_ms,
            clock.monotonic_s,
        )  # fmt: skip
        self.vault = open_shop_vault(
            VaultNeeds(
                name, shop.paths, shop.identity, clock.now_ms, shop.days,
                shop.secrets.signing_key, self.people,
            )
        )  # fmt: skip

    def parts(self) -> ShopParts:
        """What the doors see of it."""
        return ShopParts(
            self.shop.name, self.shop.desk, self.exchange, self.views, self.prices, self.stopping,
            partial(read_beat, self.shop.paths.folder),
            alarms=self.alarms,
            fulfilment=self.fulfilment.service,
            people=people_doors(self.people),
            persons=person_doors(self.vault),
        )  # fmt: skip

    def start(self) -> None:
        """Begin, on the server's loop."""
        self.shop.desk.start()
        self.exchange.start(self.shop.desk.storage.submit)
        self.prices.start()
        self.fulfilment.start()
        self.people.sending.start()

    async def stop(self) -> None:
        """End, what asks before what answers."""
        await asyncio.to_thread(self.fulfilment.stop)
        await asyncio.to_thread(self.people.close)
        await asyncio.to_thread(self.vault.close)
        self.ledger.close()
        await self.prices.stop()
        await self.exchange.stop()
        await self.shop.desk.stop()
        self.stopping.close()
        self.shop.identity.close()
        self.views.close()


def open_house(folder: Path) -> tuple[Callable[[], House], Callable[[], None]]:
    """Start a server in a thread; how to get the house, and how to close it."""
    warm()  # as `serve` does: no test waits for the compiler
    clock, paths = SystemClock(), StorePaths(folder)
    access = bootstrap.open_access(paths, clock)
    keys = issue_keys(access)
    inside = {name: Inside(name, paths, clock) for name in SHOPS}
    doors = make_doors(
        [one.parts() for one in inside.values()],
        access.authenticator,
        bootstrap.open_approvals(access),
        clock,
    )
    loops: list[asyncio.AbstractEventLoop] = []
    started = threading.Event()

    async def start() -> None:
        loops.append(asyncio.get_running_loop())
        for one in inside.values():
            one.start()

    async def stop() -> None:
        for one in inside.values():
            await one.stop()
        access.store.close()

    server = HttpServer(doors, Listen(port=0), start, stop, started.set)
    thread = threading.Thread(target=server.run, name="server", daemon=True)
    thread.start()
    shops = {name: one.shop for name, one in inside.items()}
    views = {name: one.views for name, one in inside.items()}

    def house() -> House:
        assert started.wait(START_DEADLINE_S), "the server did not start"
        port = server.ports[0]
        client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=START_DEADLINE_S)
        return House(port, server, doors, loops[0], shops, views, access, keys, client)

    def close() -> None:
        loops[0].call_soon_threadsafe(server.stop)
        thread.join(START_DEADLINE_S)
        assert not thread.is_alive(), "the server did not stop"

    return house, close


@pytest.fixture(scope="session")
def open_another() -> Callable[[Path], tuple[Callable[[], House], Callable[[], None]]]:
    """For tests that stop their server."""
    return open_house


@pytest.fixture(scope="session")
def house() -> Iterator[House]:
    """The server with two shops; channels `web` and `tmall`, the latter with a pool of its own."""
    folder = Path(tempfile.mkdtemp(prefix="tidegate-http-"))
    get, close = open_house(folder)
    try:
        house = get()
        for shop in SHOPS:
            prefix = f"/v1/shops/{shop}"
            house.done("PUT", f"{prefix}/channels/web", {})
            house.done("PUT", f"{prefix}/pools/tmall", {})
            house.done("PUT", f"{prefix}/channels/tmall", {"kind": "marketplace", "pool": "tmall"})
        house.client.timeout = httpx.Timeout(ANSWER_DEADLINE_S)
        yield house
        house.client.close()
        close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
