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
    Kind,
    Problem,
    problem_answer,
)
from tidegate.http.front import Front, OrdersUnderWay, PlainHead, Slot
from tidegate.http.languages import language_of
from tidegate.http.order_headers import OrderHeaders, plain_order_headers
from tidegate.http.orders_fast import OrderDoor
from tidegate.http.wire import rendered

HEAD_BYTES_MAX = 16_384
HEADERS_MAX = 64
URL_BYTES_MAX = 4_096
PIPELINE_MAX = 64
REQUEST_S = 15.0  # for a request, plus the time its bytes take at the least rate
BYTES_PER_S_MIN = 2_048
SILENCE_S = 10.0  # between two pieces of a request
KEEP_ALIVE_S = 75.0
BUSY_RETRY_S = 1.0
HEAD_END = b"\r\n\r\n"


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
        self.slots: deque[Slot] = deque()
        self.under_way = OrdersUnderWay()
        self.order_door: OrderDoor | None = None  # of the order that is coming in, or came last
        self.order_headers: OrderHeaders | None = None
        self.is_order = False  # what is coming in
        self.messages_begun = 0  # in one piece of data
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
        """A whole order behind a known head goes straight on; all else goes to the parser."""
        if not self.stays_open:
            return
        self.heard_s = self.loop.time()
        self.was_heard = True
        if not self.is_reading:
            head_bytes = data.find(HEAD_END) + len(HEAD_END)
            plain = self.front.heads.get(data[:head_bytes])
            if (
                plain is not None
                and len(data) == head_bytes + plain.body_bytes
                and self.takes_orders()
            ):
                self.take_order(plain.door, plain.headers, data[head_bytes:], stays_open=True)
                return
            self.begun_s, self.heard_bytes = self.heard_s, len(data)
            self.is_reading = self.head_is_open = True
            self.messages_begun = 0
            self.parse(data)
            if self.messages_begun == 1 and self.is_order and not self.is_reading:
                self.learn(data)
        else:
            self.heard_bytes += len(data)
            self.parse(data)

    def parse(self, data: bytes) -> None:
        """As the base class, with a bound on heads that never end."""
        if self.transport.is_closing():
            return
        super().data_received(data)
        if self.is_reading and self.head_is_open and self.heard_bytes > HEAD_BYTES_MAX:
            self.end_with(HEADERS_TOO_LARGE)

    def learn(self, data: bytes) -> None:
        """A piece from the first byte of one order to its last: its head is known from now on."""
        headers, door = self.order_headers, self.order_door
        if headers is None or door is None or not self.stays_open:
            return
        head_bytes = data.find(HEAD_END) + len(HEAD_END)
        if len(data) == head_bytes + len(self.body) and self.parser.should_keep_alive():
            self.front.remember(data[:head_bytes], PlainHead(door, headers, len(self.body)))

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
        self.is_order = False
        self.messages_begun += 1
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
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Is it a plain order? Then to the order path, else into the application."""
        self.head_is_open = False
        door = self.front.orders.get(self.url)
        if door is not None and self.takes_orders() and self.parser.get_method() == b"POST":
            self.order_headers = plain_order_headers(self.headers, ORDER_BYTES_MAX)
            if self.order_headers is not None:
                self.order_door = door
                self.is_order = True
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
        if self.is_order:
            self.body += body
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The last byte of a request."""
        self.is_reading = False
        door, headers = self.order_door, self.order_headers
        if self.is_order and door is not None and headers is not None:
            keep_alive = self.parser.should_keep_alive()
            self.take_order(door, headers, self.body, stays_open=keep_alive)
        else:
            super().on_message_complete()

    def take_order(
        self, door: OrderDoor, headers: OrderHeaders, body: bytes, *, stays_open: bool
    ) -> None:
        """An order is in: give it its place among the answers, and to the order path."""
        slots = self.slots
        if slots and not slots[-1].stays_open:
            return  # what follows a request that asked to close is not ours to read
        slot = Slot(self, self.server_state, stays_open)
        slots.append(slot)
        self.under_way.response_complete = False
        self.cycle = self.under_way  # type: ignore[assignment]
        if len(slots) >= PIPELINE_MAX:
            self.flow.pause_reading()
        door.take(headers, body, slot.reply)

    # -- answers go out ------------------------------------------------------------------------

    def take_answers(self, defaults: bytes) -> tuple[bytes, bool]:
        """What is answered and has nothing unanswered before it; whether the connection ends."""
        slots = self.slots
        if len(slots) == 1 and (answer := slots[0].answer) is not None:
            closes = not (slots.popleft().stays_open and self.stays_open)
            self.server_state.total_requests += 1
            return rendered(answer, defaults, stays_open=not closes), closes
        parts: list[bytes] = []
        closes = False
        while slots and not closes and (answer := slots[0].answer) is not None:
            closes = not slots.popleft().stays_open or not (self.stays_open or slots)
            parts.append(rendered(answer, defaults, stays_open=not closes))
        self.server_state.total_requests += len(parts)
        return b"".join(parts), closes

    def send_answers(self, data: bytes, closes: bool) -> None:
        """Write, and go on with what waits behind."""
        transport, slots = self.transport, self.slots
        if transport.is_closing() or not data:
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
