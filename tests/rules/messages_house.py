"""A message-port with real ways out: an SMTP server and an HTTP bridge on this machine's loopback.

Always: what a server got is what arrived over its socket. Addresses stand in a table in the vault's
place, because what is proved here is the port; tests/http has both together.
"""

import asyncio
import http.server
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from tidegate.people.messages.files import FilesTransport
from tidegate.people.messages.outbox import Outbox, WayOut
from tidegate.people.messages.port import AddressMissing, MessagePort, Wanted
from tidegate.people.messages.smtp import SmtpSettings, SmtpTransport
from tidegate.people.messages.templates import Template
from tidegate.people.messages.transports import Transport
from tidegate.people.messages.webhook import WebhookSettings, WebhookTransport
from tidegate.people.notices.document import Text
from tidegate.testing.people_house import ACTOR, PUSH, SERVICE, PeopleHouse, example_notice

BRIDGE_KEY = bytes(range(32))


class MailServer:
    """aiosmtpd on a free port. `answer` decides what becomes of each mail."""

    def __init__(self) -> None:
        self.mails: list[tuple[str, bytes]] = []
        self.answer: Callable[[SMTP, Envelope], str] = lambda server, envelope: "250 taken"
        self.rcpt = "250 OK"
        self.port = 0

    async def handle_RCPT(  # noqa: N802  aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.rcpt.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.rcpt

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802  aiosmtpd's name
        assert isinstance(envelope.content, bytes)
        self.mails.append((envelope.rcpt_tos[0], envelope.content))
        return self.answer(server, envelope)


@contextmanager
def mail_server() -> Iterator[MailServer]:
    """Listen on a loop of its own until the block ends."""
    made = MailServer()
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(
        loop.create_server(lambda: SMTP(made, hostname="mail.test", loop=loop), "127.0.0.1", 0)
    )
    made.port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        loop.run_until_complete(server.wait_closed())
        loop.close()


class Bridge:
    """A provider's bridge: keeps what it got by id, answers with what it is told to."""

    def __init__(self) -> None:
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.sent: dict[str, dict[str, Any]] = {}
        self.status = 200
        bridge = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                bridge.requests.append(({k.lower(): v for k, v in self.headers.items()}, body))
                if bridge.status < 300 or bridge.status == 599:
                    document = msgspec.json.decode(body)
                    bridge.sent.setdefault(document["id"], document)
                if bridge.status == 599:  # taken, and the answer is lost
                    self.connection.close()
                    return
                self.send_response(bridge.status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nothing: it would print addresses."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server.server_address[1]}/sms"


@contextmanager
def bridge() -> Iterator[Bridge]:
    """Listen until the block ends."""
    made = Bridge()
    thread = threading.Thread(target=made.server.serve_forever, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.server.shutdown()
        made.server.server_close()
        thread.join()


class Table:
    """Addresses by person and field."""

    def __init__(self) -> None:
        self.rows: dict[tuple[int, str], str] = {}

    def address(self, person: int, purpose: str, channel: str, field: str) -> str:
        try:
            return self.rows[person, field]
        except KeyError:
            raise AddressMissing("not_held") from None


OFFER = Template(
    template="spring", kind="marketing", purpose=PUSH, channels=["sms", "mail"],
    subject=Text("春季优惠", "Spring offers"), body=Text("全场八折", "20 % off everything"),
)  # fmt: skip
SHIPPED = Template(
    template="shipped", kind="transactional", purpose=SERVICE, channels=["sms", "mail"],
    subject=Text("订单 {order} 已发货", "Order {order} has left"),
    body=Text("您的订单 {order} 已于 {day} 发货。", "Your order {order} left on {day}."),
    values={"order": "id", "day": "date"},
)  # fmt: skip
VALUES = {"order": "T-1", "day": "2026-10-28"}


class PortHouse(PeopleHouse):
    """A shop's people with a port, its outbox in a file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.table = Table()
        self.monotonic_s = 0.0
        self.mail_port = 0
        self.bridge_url = "http://127.0.0.1:9/"
        super().__init__()
        self.publish(example_notice())
        self.open_port()
        for template in (OFFER, SHIPPED):
            self.people.templates.put(self.people.stream, template, ACTOR, self.now_ms)

    def open_port(self) -> None:
        """The port, as after a start; an outbox that was open stays closed."""
        self.outbox = Outbox(self.folder / "messages.db")
        self.port = MessagePort(
            self.people, self.outbox, self.table, self.transport_of,
            lambda: self.now_ms, lambda: self.monotonic_s,
        )  # fmt: skip

    def transport_of(self, way: WayOut) -> Transport:
        if way.kind == "smtp":
            return SmtpTransport(
                SmtpSettings("127.0.0.1", self.mail_port, "shop@example.com", "none",
                             timeout_s=5.0, unsubscribe="mailto:stop@example.com")
            )  # fmt: skip
        if way.kind == "webhook":
            settings = WebhookSettings(self.bridge_url, 5.0)
            return WebhookTransport(settings, BRIDGE_KEY, lambda: self.now_ms)
        return FilesTransport(self.folder / "letters")

    def way(self, channel: str, kind: str, field: str, per_minute: int = 6_000) -> None:
        """How a channel's messages leave."""
        self.outbox.put_way(WayOut(channel, kind, {}, field, per_minute))

    def send(
        self, person: int, template: str = "shipped", channel: str = "mail", key: str = ""
    ) -> Any:  # noqa: ANN401  Row
        """Queue one."""
        values = VALUES if template == "shipped" else {}
        key = key or f"m-{next(self.numbers)}"
        wanted = Wanted(key, person, template, channel, "zh-CN", values)
        return self.port.send(wanted, ACTOR)

    def turn(self) -> Any:  # noqa: ANN401  Turn
        """A turn, a minute after the last."""
        self.monotonic_s += 60
        return self.port.turn()


# -- fixtures, for the modules that load this one -------------------------------------------------

ANN, BEN, CAT = 11, 12, 13
MAIL, PHONE = "ann@example.com", "13812345678"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[PortHouse]:
    made = PortHouse(tmp_path)
    made.table.rows = {(ANN, "email"): MAIL, (ANN, "phone"): PHONE}
    yield made
    made.outbox.close()


@pytest.fixture
def mails(house: PortHouse) -> Iterator[Any]:
    with mail_server() as server:
        house.mail_port = server.port
        house.way("mail", "smtp", "email")
        yield server


@pytest.fixture
def sms(house: PortHouse) -> Iterator[Any]:
    with bridge() as made:
        house.bridge_url = made.url
        house.way("sms", "webhook", "phone")
        yield made


def kinds(house: PortHouse) -> list[str]:
    """What the newest entries say, oldest first, from the first message on."""
    found = [json.loads(line) for entry in house.store.entries if entry.kind == 1
             for line in entry.payload.split(b"\n")]  # fmt: skip
    return [event["kind"] for event in found if event["kind"].startswith("message.")]


def newest(house: PortHouse) -> dict[str, Any]:
    return dict(json.loads(house.store.entries[-1].payload.split(b"\n")[-1]))
