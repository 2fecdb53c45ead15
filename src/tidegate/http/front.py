"""What the connections of one server share: order routes, known heads, answers that leave together.

Nothing here reads or writes a socket by itself.
"""

import asyncio
from collections import deque
from typing import ClassVar, NamedTuple, Protocol

from tidegate.http.errors import Answer
from tidegate.http.order_headers import OrderHeaders
from tidegate.http.orders_fast import OrderDoor
from tidegate.http.wire import DefaultHeaders, Headers

KNOWN_HEADS_MAX = 1_024
KNOWN_HEAD_BYTES_MAX = 2_048


class PlainHead(NamedTuple):
    """What the parser made of a head of an order: the same bytes mean the same again."""

    door: OrderDoor
    headers: OrderHeaders
    body_bytes: int


class ServerState(Protocol):
    """What is read of the server's own state."""

    default_headers: Headers


class Connection(Protocol):
    """What the front needs of a connection."""

    loop: asyncio.AbstractEventLoop
    slots: "deque[Slot]"
    front: ClassVar["Front"]

    def take_answers(self, defaults: bytes) -> tuple[bytes, bool]:
        """What is answered and has nothing unanswered before it; whether the connection ends."""

    def send_answers(self, data: bytes, closes: bool) -> None:
        """Write it, and go on."""


class Front:
    """See the module."""

    def __init__(self, orders: dict[bytes, OrderDoor], connections_max: int) -> None:
        self.orders = orders  # by exact URL
        self.connections_max = connections_max
        self.default_headers = DefaultHeaders()
        self.refused = 0
        self.timeouts = 0
        self.heads: dict[bytes, PlainHead] = {}
        self._answered: list[Connection] = []

    def send_soon(self, connection: Connection, server_state: ServerState) -> None:
        """Send what is answered on a connection, with all others of this turn of the loop.

        A batch answers many orders at once. Sent one by one as they are worded, each answer would
        wake its client, which reads it and sleeps again before the next.
        """
        if not self._answered:
            connection.loop.call_soon(self._send, server_state)
        self._answered.append(connection)

    def _send(self, server_state: ServerState) -> None:
        answered, self._answered = self._answered, []
        defaults = self.default_headers.block(server_state.default_headers)
        ready = [(connection, connection.take_answers(defaults)) for connection in answered]
        for connection, (data, closes) in ready:
            connection.send_answers(data, closes)

    def remember(self, head: bytes, plain: PlainHead) -> None:
        """A head that was parsed just now; `forget_heads` is called every second or so."""
        if len(head) <= KNOWN_HEAD_BYTES_MAX and len(self.heads) < KNOWN_HEADS_MAX:
            self.heads[head] = plain

    def forget_heads(self) -> None:
        """Keep no key for longer than it takes to use it."""
        self.heads.clear()


class Slot:
    """One order's place in the row of answers of its connection."""

    __slots__ = ("answer", "connection", "server_state", "stays_open")

    def __init__(self, connection: Connection, server_state: ServerState, stays_open: bool) -> None:
        self.connection = connection
        self.server_state = server_state
        self.stays_open = stays_open
        self.answer: Answer | None = None

    def reply(self, answer: Answer) -> None:
        """The order is answered; it goes out when all before it are."""
        self.answer = answer
        connection = self.connection
        if connection.slots and connection.slots[0] is self:
            connection.front.send_soon(connection, self.server_state)


class OrdersUnderWay:
    """Stands where uvicorn expects a request's cycle while orders of a connection are under way."""

    def __init__(self) -> None:
        self.response_complete = True
        self.response_started = False
        self.disconnected = False
        self.keep_alive = True
        self.more_body = False
        self.message_event = asyncio.Event()
