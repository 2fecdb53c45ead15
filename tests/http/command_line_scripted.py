"""A scripted server and an injected clock, for what a real server cannot be made to answer.

Always: every request is kept as it came. Never sleeps.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tidegate.cli._client import Client, address_of

KEY = "tg_" + "A" * 12 + "_" + "B" * 32
LOST = b""  # the connection ends without an answer


class Scripted(BaseHTTPRequestHandler):
    """Gives the next answer of the script, and keeps what it was asked."""

    script: list[bytes]
    asked: list[tuple[str, str, bytes, str]]

    def do_GET(self) -> None:
        self.answer()

    def do_POST(self) -> None:
        self.answer()

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        key = self.headers.get("Authorization", "")
        self.asked.append((self.command, self.path, body, key))
        self.wfile.write(self.script.pop(0) if self.script else LOST)
        self.close_connection = True

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


def answer(status: int, body: object, *headers: str, kind: str = "application/json") -> bytes:
    """An answer as it stands on the wire."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} X", f"Content-Type: {kind}", f"Content-Length: {len(data)}"]
    return "\r\n".join([*lines, *headers, "", ""]).encode() + data


def problem(status: int, reason: str, number: int, detail: str, *headers: str) -> bytes:
    """A problem document as the server gives it."""
    document = {"reason": reason, "reason_number": number, "detail": detail, "status": status}
    return answer(status, document, *headers, kind="application/problem+json")


BUSY = problem(503, "busy", 1016, "the inbox is full", "Retry-After: 2")


@contextmanager
def scripted(*script: bytes) -> Iterator[tuple[type[Scripted], str]]:
    """A server that gives these answers, and its address."""
    handler = type("Handler", (Scripted,), {"script": list(script), "asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield handler, f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Times:
    """An injected clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.slept_s: list[float] = []
        self.said: list[str] = []

    def sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        self.now_s += seconds

    def client(self, address: str, key: str = KEY) -> Client:
        """A client in this time."""
        return Client(
            address_of(address), key, "en", self.said.append, self.sleep, lambda: self.now_s
        )
