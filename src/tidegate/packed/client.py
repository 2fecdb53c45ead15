"""A client of the packed door, for front processes written in Python, benches and tests.

Blocking, one thread: ask as many frames as you like, then read as many answers, in order.
"""

import socket
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tidegate.packed import wire
from tidegate.record.lines import LINE, OUTCOME, Array


class PackedAnswer(NamedTuple):
    """One answer: outcomes and where they stand, or a status and its text."""

    status: int
    tag: int
    seq: int
    position: int
    outcomes: Array
    text: str


class PackedClient:
    """A connection to a packed door.

    Raises OSError when the server is not there, PermissionError with its words when it says no.
    """

    def __init__(self, address: Path | tuple[str, int], key: str, timeout_s: float = 30.0) -> None:
        if isinstance(address, Path):
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self._socket.settimeout(timeout_s)
            self._socket.connect(str(address))
        else:
            self._socket = socket.create_connection(address, timeout_s)
        self._tag = 0
        try:
            self._say_hello(key)
        except BaseException:
            self.close()
            raise

    def _say_hello(self, key: str) -> None:
        self._send(wire.HELLO, len(key), key.encode())
        hello = self.read()
        if hello.status != wire.DECIDED:
            raise PermissionError(hello.text)

    def ask(self, rows: Array) -> int:
        """Send LINE or OPERATION rows (at most `wire.ROWS_MAX`); the tag comes back."""
        kind = wire.ORDERS if rows.dtype == LINE else wire.OPERATIONS
        return self._send(kind, len(rows), np.ascontiguousarray(rows).view(np.uint8).data)

    def read(self) -> PackedAnswer:
        """The next answer. Raises EOFError when the server left."""
        head = self._exactly(wire.ANSWER.size)
        magic, status, tag, rows, position, seq = wire.ANSWER.unpack(head)
        if magic != wire.ANSWER_MAGIC:
            raise ValueError("not an answer of a packed door")
        if status != wire.DECIDED or seq == 0:
            text = self._exactly(rows).decode()
            return PackedAnswer(status, tag, seq, position, np.zeros(0, OUTCOME), text)
        data = self._exactly(rows * OUTCOME.itemsize)
        return PackedAnswer(status, tag, seq, position, np.frombuffer(data, OUTCOME), "")

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def _send(self, kind: int, rows: int, body: bytes | memoryview) -> int:
        self._tag += 1
        self._socket.sendall(wire.ASK.pack(wire.ASK_MAGIC, kind, self._tag, rows, 0))
        self._socket.sendall(body)
        return self._tag

    def _exactly(self, size: int) -> bytes:
        data = bytearray(size)
        view = memoryview(data)
        while view.nbytes:
            got = self._socket.recv_into(view)
            if got == 0:
                raise EOFError("the packed door hung up")
            view = view[got:]
        return bytes(data)
