"""Bare echo on the HTTP servers that the product may run on: the ceiling of what HTTP can carry.

The handlers read the body and give it back, nothing else. Each server runs as one worker process,
a direct child, started the way the product starts it. Nothing here knows an order.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from tidegate.bench.figures import HIGHER, LOWER, Context, Round
from tidegate.bench.foreign import ForeignCpu
from tidegate.bench.http_load import Load, echo_script, load

START_DEADLINE_S = 20.0
STOP_DEADLINE_S = 10.0
SERVERS = ("granian", "uvicorn")
PRODUCT_SERVER = "uvicorn"  # what `tidegate serve` runs on


class RsgiScope(Protocol):
    """What the echo reads of granian's scope."""

    proto: str


class RsgiProtocol(Protocol):
    """What the echo uses of granian's protocol object."""

    async def __call__(self) -> bytes:
        """Read the whole body."""

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        """Answer."""


async def rsgi(scope: RsgiScope, protocol: RsgiProtocol) -> None:
    """Echo for granian's own interface."""
    if scope.proto != "http":
        return
    body = await protocol()
    protocol.response_bytes(200, [("content-type", "application/json")], body)


async def asgi(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """Echo for uvicorn, bodies in one piece."""
    if scope["type"] != "http":
        return
    body = (await receive()).get("body", b"")
    length = str(len(body)).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", length)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def free_port() -> int:
    """A TCP port nobody listens on now; the caller must expect that somebody takes it first."""
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return int(opened.getsockname()[1])


def command(server: str, port: int) -> list[str]:
    """How to start the bare echo on that server."""
    if server == "granian":
        return [
            sys.executable, "-m", "granian", "--interface", "rsgi", "--host", "127.0.0.1",
            "--port", str(port), "--workers", "1", "--loop", "uvloop", "--no-ws", "--no-log",
            "tidegate.bench.echo:rsgi",
        ]  # fmt: skip
    if server == "uvicorn":
        return [
            sys.executable, "-m", "uvicorn", "--host", "127.0.0.1", "--port", str(port),
            "--loop", "uvloop", "--http", "httptools", "--no-access-log", "--ws", "none",
            "--lifespan", "off", "--log-level", "error", "tidegate.bench.echo:asgi",
        ]  # fmt: skip
    raise ValueError(f"no echo for {server!r}; there is {', '.join(SERVERS)}")


class EchoServer:
    """Context manager: the echo of one server, answering at `url`."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""

    def __enter__(self) -> Self:
        port = free_port()
        environment = dict(os.environ)
        environment["PYTHONPATH"] = str(Path(__file__).resolve().parents[2])
        self._process = subprocess.Popen(
            command(self._server, port), env=environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self.url = f"http://127.0.0.1:{port}/"
        try:
            wait_for_port(port, self._process, START_DEADLINE_S)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    def _stop(self) -> None:
        if self._process is not None:
            stop(self._process, STOP_DEADLINE_S)


def wait_for_port(port: int, process: subprocess.Popen[bytes], deadline_s: float) -> None:
    """Return once the port takes connections; RuntimeError when the process ended or never did."""
    deadline = time.monotonic() + deadline_s
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended at once with status {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), 1.0).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise RuntimeError(f"the server was not up in {deadline_s} s")


def stop(process: subprocess.Popen[bytes], deadline_s: float) -> None:
    """Ask the process to end, and make it end after the deadline."""
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(deadline_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def measure(server: str, folder: Path, seconds: float, connections: int = 64) -> Load:
    """Start the echo, load it for `seconds`, stop it."""
    with EchoServer(server) as echo:
        return load(echo.url, echo_script(), folder, seconds, connections)


def run(context: Context) -> Round:
    """One round: each server in turn."""
    result = Round()
    for step, server in enumerate(SERVERS):
        context.progress(step / len(SERVERS), f"bare echo on {server}")
        with ForeignCpu() as cpu:
            seen = measure(server, context.folder, context.seconds)
        result.add(f"echo.{server}.requests_per_s", seen.requests_per_s, "1/s", HIGHER)
        result.add(f"echo.{server}.p99_ms", seen.p99_ms, "ms", LOWER)
        if seen.failed:
            result.remarks.append(f"{seen.failed} requests to the {server} echo failed")
        if cpu.result is not None:
            result.foreign[f"echo.{server}"] = cpu.result.foreign
    return result
