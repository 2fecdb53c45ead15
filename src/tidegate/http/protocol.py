"""The server's own HTTP/1.1 protocol, with one route answered by callback instead of by a task.

A plain `POST` to an order route goes from its last byte straight to the order path; everything else
is uvicorn's ordinary way into the application. Answers leave in the order of their requests, and
what comes too slowly, too large or malformed gets the same problem documents as everything else.
Nothing here parses HTTP (llhttp does) or knows what an order is. See docs/adr/0040.
"""

import asyncio
from collections import deque
from typing import Any, ClassVar

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from tidegate.http.bodies import ORDER_BYTES_MAX
from tidegate.http.errors import (
    BUSY,
    HEADERS_TOO_LARGE,
    MALFORMED,
    REQUEST_TIMEOUT,
    URL_TOO_LONG,
    Answer,
    Kind,
    Problem,
    problem_answer,
)
from tidegate.http.languages import language_of
from tidegate.http.order_headers import OrderHeaders, plain_order_headers
from tidegate.http.orders_fast import OrderDoor
from tidegate.http.wire import DefaultHeaders, rendered

HEAD_BYTES_MAX = 16_384
HEADERS_MAX = 64
URL_BYTES_MAX = 4_096
PIPELINE_MAX = 64
REQUEST_S = 15.0  # for a request, plus the time its bytes take at the least rate
BYTES_PER_S_MIN = 2_048
SILENCE_S = 10.0  # between two pieces of a request
KEEP_ALIVE_S = 75.0
BUSY_RETRY_S = 1.0


class Front:
    """What the connections of one server share."""

    def __init__(self, orders: dict[bytes, OrderDoor], connections_max: int) -> None:
        self.orders = orders  # by exact URL
        self.connections_max = connections_max
        self.default_headers = DefaultHeaders()
        self.refused = 0
        self.timeouts = 0
        self._answered: list[DoorProtocol] = []

    def send_soon(self, connection: "DoorProtocol") -> None:
        """Send what is answered on a connection, with all others of this turn of the loop.

        A batch answers many orders at once. Written one by one as they are worded, each answer
        would wake its client, which reads it and sleeps again before the next: waking cost more
        than everything else together (13,700 orders a second instead of twice as many).
        """
        if not self._answered:
            connection.loop.call_soon(self._send)
        self._answered.append(connection)

    def _send(self) -> None:
        answered, self._answered = self._answered, []
        for connection, data, closes in [(one, *one.take_answers()) for one in answered]:
            connection.send_answers(data, closes)


class _Slot:
    """One order's place in the row of answers of its connection."""

    __slots__ = ("answer", "connection", "stays_open")

    def __init__(self, connection: "DoorProtocol", stays_open: bool) -> None:
        self.connection = connection
        self.stays_open = stays_open
        self.answer: Answer | None = None

    def reply(self, answer: Answer) -> None:
        """The order is answered; it goes out when all before it are."""
        self.answer = answer
        connection = self.connection
        if connection.slots and connection.slots[0] is self:
            connection.front.send_soon(connection)


class _OrdersUnderWay:
    """Stands where uvicorn expects a request's cycle while orders of a connection are under way."""

    def __init__(self) -> None:
        self.response_complete = True
        self.response_started = False
        self.disconnected = False
        self.keep_alive = True
        self.more_body = False
        self.message_event = asyncio.Event()


class DoorProtocol(HttpToolsProtocol):
    """One connection. A subclass made by `bound_to` knows its `front`."""

    front: ClassVar[Front]

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.access_log = False  # its lines would hold addresses and ids
        self.slots: deque[_Slot] = deque()
        self.under_way = _OrdersUnderWay()
        self.door: OrderDoor | None = None  # of the order that is coming in
        self.order_headers: OrderHeaders | None = None
        self.body = b""
        self.is_reading = False  # a request has begun and is not complete
        self.head_is_open = False
        self.begun_s = self.heard_s = self.loop.time()
        self.heard_bytes = 0
        self.was_heard = False
        self.refusal: Kind | None = None
        self.stays_open = True

    # -- the connection ------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A bound on connections: who comes beyond it is told, not left waiting."""
        super().connection_made(transport)
        if len(self.connections) > self.front.connections_max:
            self.front.refused += 1
            self.refuse(Problem(BUSY, retry_after_s=BUSY_RETRY_S))

    def connection_lost(self, exc: Exception | None) -> None:
        """Orders under way are decided all the same; the same id gets the same answer later."""
        self.slots.clear()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """As the base class, with a bound on heads that never end."""
        if not self.stays_open or self.transport.is_closing():
            return
        self.heard_s = self.loop.time()
        self.was_heard = True
        if not self.is_reading:
            self.begun_s, self.heard_bytes = self.heard_s, 0
            self.is_reading = self.head_is_open = True
        self.heard_bytes += len(data)
        super().data_received(data)
        if self.is_reading and self.head_is_open and self.heard_bytes > HEAD_BYTES_MAX:
            self.end_with(HEADERS_TOO_LARGE)

    def shutdown(self) -> None:
        """Orders under way are answered, then the connection closes."""
        if self.slots:
            self.stays_open = False
        else:
            super().shutdown()

    def pause_writing(self) -> None:
        """Who does not read answers is not read from either."""
        super().pause_writing()
        self.flow.pause_reading()

    def resume_writing(self) -> None:
        """The answers went out."""
        super().resume_writing()
        self.read_on()

    def read_on(self) -> None:
        """Read again unless something still has to go out first."""
        if len(self.slots) < PIPELINE_MAX and not self.pipeline and not self.flow.write_paused:
            self.flow.resume_reading()

    # -- a request comes in --------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """Only what the order path needs; the rest when it turns out to be another request."""
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        self.door = None
        self.is_reading = self.head_is_open = True
        self.begun_s = self.heard_s

    def on_url(self, url: bytes) -> None:
        """A piece of the URL."""
        self.url += url
        if len(self.url) > URL_BYTES_MAX:
            self.refusal = URL_TOO_LONG
            raise ValueError(URL_TOO_LONG.name)

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        if len(self.headers) >= HEADERS_MAX:
            self.refusal = HEADERS_TOO_LARGE
            raise ValueError(HEADERS_TOO_LARGE.name)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Is it a plain order? Then to the order path, else into the application."""
        self.head_is_open = False
        door = self.front.orders.get(self.url)
        if door is not None and self.takes_orders() and self.parser.get_method() == b"POST":
            self.order_headers = plain_order_headers(self.headers, ORDER_BYTES_MAX)
            if self.order_headers is not None:
                self.door = door
                self.body = b""
                return
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers.extend(headers)
        super().on_headers_complete()

    def takes_orders(self) -> bool:
        """Whether nothing but orders is under way here, so that answers stay in their order."""
        return not self.pipeline and (bool(self.slots) or self.running() is None)

    def running(self) -> RequestResponseCycle | None:
        """The request that the application, or the order path, has not yet answered."""
        cycle: RequestResponseCycle | None = self.cycle
        return None if cycle is None or cycle.response_complete else cycle

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        if self.door is not None:
            self.body += body
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The last byte of a request."""
        self.is_reading = False
        door, headers = self.door, self.order_headers
        if door is None or headers is None:
            super().on_message_complete()
            return
        self.door = None
        slots = self.slots
        if slots and not slots[-1].stays_open:
            return  # what follows a request that asked to close is not ours to read
        slot = _Slot(self, self.parser.should_keep_alive())
        slots.append(slot)
        self.under_way.response_complete = False
        self.cycle = self.under_way  # type: ignore[assignment]
        if len(slots) >= PIPELINE_MAX:
            self.flow.pause_reading()
        door.take(headers, self.body, slot.reply)

    # -- answers go out ------------------------------------------------------------------------

    def take_answers(self) -> tuple[bytes, bool]:
        """What is answered and has nothing unanswered before it; whether the connection ends."""
        parts: list[bytes] = []
        defaults = self.front.default_headers.block(self.server_state.default_headers)
        slots = self.slots
        closes = False
        while slots and not closes and (answer := slots[0].answer) is not None:
            closes = not slots.popleft().stays_open or not (self.stays_open or slots)
            parts.append(rendered(answer, defaults, stays_open=not closes))
        self.server_state.total_requests += len(parts)
        return parts[0] if len(parts) == 1 else b"".join(parts), closes

    def send_answers(self, data: bytes, closes: bool) -> None:
        """Write, and go on with what waits behind."""
        transport, slots = self.transport, self.slots
        if transport.is_closing():
            slots.clear()
            return
        transport.write(data)
        if closes:
            slots.clear()
            transport.close()
            return
        if self.flow.read_paused:
            self.read_on()
        if not slots:
            self.heard_s = self.loop.time()
            self.under_way.response_complete = True
            if self.pipeline:
                self._start_asgi_task(*self.pipeline.pop())

    def on_response_complete(self) -> None:
        """The application has answered; idle time counts from here."""
        self.heard_s = self.loop.time()
        super().on_response_complete()
        self._unset_keepalive_if_required()  # `sweep` closes idle connections

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  the parser's words stay here
        """What the parser refuses, in the shape of every other problem."""
        self.end_with(self.refusal or MALFORMED)

    def end_with(self, kind: Kind) -> None:
        """End the connection over a request that no handler will see: told, but not out of turn."""
        self.is_reading = False
        if self.slots:
            self.stays_open = False  # the orders before it are answered first
            return
        cycle = self.running()
        if cycle is None:
            self.refuse(Problem(kind))
        elif cycle.more_body and not cycle.response_started and not self.pipeline:
            self.refuse(Problem(kind))  # it is this request's body that went wrong
        else:
            self.stays_open = cycle.keep_alive = False

    def refuse(self, problem: Problem) -> None:
        """Answer and close."""
        language = next((v for n, v in self.headers or () if n == b"accept-language"), b"")
        defaults = self.front.default_headers.block(self.server_state.default_headers)
        answer = problem_answer(problem, language_of(language))
        self.stays_open = False
        if not self.transport.is_closing():
            self.transport.write(rendered(answer, defaults, stays_open=False))
            self.transport.close()

    # -- time ----------------------------------------------------------------------------------

    def sweep(self, now_s: float) -> None:
        """End what is too slow or idle; called about once a second."""
        if self.transport.is_closing():
            return
        if self.is_reading:
            if self.flow.read_paused:  # it is we who are slow
                self.heard_s = self.begun_s = now_s
                return
            limit_s = REQUEST_S + self.heard_bytes / BYTES_PER_S_MIN
            if now_s - self.begun_s > limit_s or now_s - self.heard_s > SILENCE_S:
                self.front.timeouts += 1
                self.end_with(REQUEST_TIMEOUT)
        elif not self.slots and self.running() is None and now_s - self.heard_s > self.idle_s():
            self.transport.close()

    def idle_s(self) -> float:
        """How long a connection may stay without a request."""
        return KEEP_ALIVE_S if self.was_heard else REQUEST_S


def bound_to(front: Front) -> type[DoorProtocol]:
    """The protocol class for a server with this front."""
    return type("BoundDoorProtocol", (DoorProtocol,), {"front": front})
