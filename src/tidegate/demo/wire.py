"""A keep-alive HTTP/1.1 connection made by hand: as cheap as a client in Python can be.

Always holds: answers come back in the order of the requests, each with the token it belongs to.
Never here: a redirect, a proxy, TLS, or a guess; bytes that are no HTTP answer end the connection.
"""

import socket
from collections import deque
from typing import NamedTuple

READ_BYTES = 1 << 18


class Answer(NamedTuple):
    """One HTTP answer: status, body, and the seconds of `Retry-After` (0 = none given)."""

    status: int
    body: bytes
    retry_after_s: float


class BadAnswer(Exception):
    """What came back is no HTTP answer this client understands."""


def take_answers(buffer: bytearray) -> list[Answer]:
    """Cut every complete answer off the front of `buffer`; an incomplete one stays in it.

    Bodies by Content-Length or chunked. Raises BadAnswer for anything else.
    """
    answers: list[Answer] = []
    at = 0
    while (end := buffer.find(b"\r\n\r\n", at)) >= 0:
        head = bytes(buffer[at:end]).lower()
        if not head.startswith(b"http/1.1 ") or not head[9:12].isdigit():
            raise BadAnswer(head[:80].decode("latin-1"))
        start = end + 4
        if b"\ntransfer-encoding: chunked" in head:
            chunked = _dechunk(buffer, start)
            if chunked is None:
                break
            body, at = chunked
        else:
            length = int(_header(head, b"content-length") or 0)
            if len(buffer) < start + length:
                break
            body, at = bytes(buffer[start : start + length]), start + length
        answers.append(Answer(int(head[9:12]), body, _seconds(_header(head, b"retry-after"))))
    del buffer[:at]
    return answers


def _header(head: bytes, name: bytes) -> bytes:
    found = head.find(b"\r\n" + name + b":")
    if found < 0:
        return b""
    start = found + len(name) + 3
    end = head.find(b"\r\n", start)
    return head[start : end if end >= 0 else len(head)].strip()


def _seconds(value: bytes) -> float:
    """Retry-After in seconds; a date counts as one second."""
    return float(value) if value.isdigit() else (1.0 if value else 0.0)


def _dechunk(buffer: bytearray, at: int) -> tuple[bytes, int] | None:
    """(body, end) of a chunked body that begins at `at`, or None while it is incomplete."""
    parts: list[bytes] = []
    while True:
        line_end = buffer.find(b"\r\n", at)
        if line_end < 0:
            return None
        size = int(buffer[at:line_end].split(b";")[0], 16)
        start = line_end + 2
        if len(buffer) < start + size + 2:
            return None
        if size == 0:
            return b"".join(parts), start + 2
        parts.append(bytes(buffer[start : start + size]))
        at = start + size + 2


class Wire:
    """One connection with the tokens of the requests under way on it."""

    def __init__(self, host: str, port: int) -> None:
        self.socket = socket.create_connection((host, port), timeout=5.0)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.under_way: deque[object] = deque()
        self.all_sent = True  # what the poller was told
        self._inbound = bytearray()
        self._outbound = bytearray()

    def fileno(self) -> int:
        """The descriptor, for the poller."""
        return self.socket.fileno()

    def put(self, token: object, request: bytes) -> None:
        """Queue a request; `flush` sends it."""
        self.under_way.append(token)
        self._outbound += request

    def flush(self) -> bool:
        """Send what the kernel takes; True when nothing is left over. Raises OSError."""
        if self._outbound:
            try:
                sent = self.socket.send(self._outbound)
            except BlockingIOError:
                sent = 0
            del self._outbound[:sent]
        return not self._outbound

    def read(self) -> list[tuple[object, Answer]]:
        """The answers that have come, each with its token.

        Raises OSError when the peer is gone, BadAnswer for an answer nobody asked for.
        """
        try:
            piece = self.socket.recv(READ_BYTES)
        except BlockingIOError:
            return []
        if not piece:
            raise ConnectionResetError("the server closed the connection")
        self._inbound += piece
        answers = take_answers(self._inbound)
        if len(answers) > len(self.under_way):
            raise BadAnswer("more answers than requests")
        return [(self.under_way.popleft(), answer) for answer in answers]

    def close(self) -> None:
        """Close the socket; the tokens under way stay readable."""
        self.socket.close()
