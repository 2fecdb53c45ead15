"""The HTTP server of a process: uvicorn on uvloop, with the order path in its protocol.

Every setting that decides how it behaves under load or attack stands here. Answers what is in
flight before it stops. Opens nothing until it is asked to serve.
"""

import asyncio
import gc
import signal
import socket
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import uvicorn

from tidegate.http.app import application
from tidegate.http.calls import Doors
from tidegate.http.front import Front
from tidegate.http.orders_fast import OrderDoor
from tidegate.http.protocol import KEEP_ALIVE_S, DoorProtocol, bound_to
from tidegate.http.wire import SECURITY_HEADERS

SWEEP_S = 1
SWITCH_S = 0.001  # docs/adr/0040
CONNECTIONS_MAX = 10_000
BACKLOG = 2_048
STOP_S = 30
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True)
class Listen:
    """Where to listen: an address and port, or a socket that is open already."""

    host: str = "127.0.0.1"
    port: int = 8080
    descriptor: int | None = None
    connections_max: int = CONNECTIONS_MAX


class _Server(uvicorn.Server):
    """uvicorn's server, without its habit of raising the signal once more when it has stopped.

    What must happen after the last answer (`on_stop`) could not run then.
    """

    def __init__(self, config: uvicorn.Config, on_listening: Callable[[], None] | None) -> None:
        super().__init__(config)
        self._on_listening = on_listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say so."""
        await super().startup(sockets)
        if self.started and self._on_listening is not None:
            self._on_listening()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """SIGINT and SIGTERM stop the server; a second SIGINT does not wait."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in STOP_SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class HttpServer:
    """One server.

    `on_start` and `on_stop` run on its loop, around all requests; `on_listening` is called when the
    first of them may come.
    """

    def __init__(
        self,
        doors: Doors,
        listen: Listen,
        on_start: Callable[[], Awaitable[None]] | None = None,
        on_stop: Callable[[], Awaitable[None]] | None = None,
        on_listening: Callable[[], None] | None = None,
    ) -> None:
        self.doors = doors
        self.front = Front(order_routes(doors), listen.connections_max)
        self._on_start = on_start
        self._on_stop = on_stop
        self._config = uvicorn.Config(
            application(doors),
            host=listen.host,
            port=listen.port,
            fd=listen.descriptor,
            loop="uvloop",
            http=bound_to(self.front),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            headers=list(SECURITY_HEADERS),
            backlog=BACKLOG,
            timeout_keep_alive=int(KEEP_ALIVE_S),
            timeout_notify=SWEEP_S,
            callback_notify=self._sweep,
            timeout_graceful_shutdown=STOP_S,
        )
        self._server = _Server(self._config, on_listening)

    @property
    def is_started(self) -> bool:
        """Whether it takes connections."""
        return self._server.started

    @property
    def ports(self) -> list[int]:
        """The ports it listens on, once started."""
        return [sock.getsockname()[1] for server in self._server.servers for sock in server.sockets]

    @property
    def connections(self) -> list[DoorProtocol]:
        """The connections that are open; only on the server's loop."""
        there = list(self._server.server_state.connections)
        return [one for one in there if isinstance(one, DoorProtocol)]

    def stop(self) -> None:
        """Take no more connections, answer what is in flight, end `serve`."""
        self._server.should_exit = True

    async def serve(self) -> None:
        """Serve until stopped; by `stop`, SIGINT or SIGTERM."""
        sys.setswitchinterval(SWITCH_S)
        if self._on_start is not None:
            await self._on_start()
        # What is there at the start stays: the collector need not walk through it again.
        gc.collect()
        gc.freeze()
        try:
            await self._server.serve()
        finally:
            if self._on_stop is not None:
                await self._on_stop()

    def run(self) -> None:
        """Serve on an event loop of its own."""
        factory = self._config.get_loop_factory()
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(self.serve())

    async def _sweep(self) -> None:
        """End connections that are too slow or idle."""
        now_s = asyncio.get_running_loop().time()
        self.front.forget_heads()
        for connection in self.connections:
            connection.sweep(now_s)
        counters = self.doors.counters
        counters.connections_refused, counters.timeouts = self.front.refused, self.front.timeouts


def order_routes(doors: Doors) -> dict[bytes, OrderDoor]:
    """The order paths by their exact URL."""
    found: dict[bytes, OrderDoor] = {}
    for name, shop in doors.shops.items():
        found[f"/v1/shops/{name}/orders".encode()] = shop.orders
        found[f"/v1/shops/{name}/sales".encode()] = shop.sales
    return found
