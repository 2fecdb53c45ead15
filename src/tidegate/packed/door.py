"""The packed door itself: one connection, many frames, answers in order.

It trusts its front process on the same host for who a buyer is (tokens and order hashes come
computed), never for what a row holds. A connection says hello with its key first; a frame that
breaks the format ends the connection, one that the desk cannot take gets a status.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, cast

import numpy as np

from tidegate.desk.answers import DeskBusy, DeskUnready, ManyDecided, Undecided
from tidegate.desk.desk import Desk
from tidegate.packed import wire
from tidegate.record.lines import LINE, OPERATION

BUFFER_BYTES = wire.ASK.size + wire.ROWS_MAX * LINE.itemsize
ASKS_WAITING_MAX = 64
KEY_BYTES_MAX = 256

Authorise = Callable[[str], Desk | None]


class PackedDoor(asyncio.BufferedProtocol):
    """One connection of a front process."""

    def __init__(self, authorise: Authorise, now_ms: Callable[[], int]) -> None:
        """`authorise` turns the hello's key into the desk it may write orders to, or None."""
        self._authorise = authorise
        self._now_ms = now_ms
        self._desk: Desk | None = None
        self._buffer = bytearray(BUFFER_BYTES)
        self._view = memoryview(self._buffer)
        self._filled = 0
        self._answers: deque[list[bytes]] = deque()
        self._transport: asyncio.Transport | None = None
        self._paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A front process connected."""
        # Not checked by isinstance: uvloop's transports are none of asyncio's classes.
        self._transport = cast("asyncio.Transport", transport)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 -- asyncio's signature
        """Where the next bytes go; there is always room for the rest of a frame."""
        return self._view[self._filled :]

    def buffer_updated(self, nbytes: int) -> None:
        """Bytes came: take every frame that is whole."""
        self._filled += nbytes
        try:
            used = self._take_frames()
        except wire.FrameRefused as refused:
            self._say(self._slot(), wire.REFUSED, 0, str(refused))
            if self._transport is not None:
                self._transport.close()
            return
        if used:
            self._view[: self._filled - used] = self._view[used : self._filled]
            self._filled -= used

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 -- asyncio's signature
        """The front process left; what it asked is decided all the same."""
        self._transport = None

    def _take_frames(self) -> int:
        used = 0
        while self._filled - used >= wire.ASK.size:
            ask = wire.read_ask(self._view[used : used + wire.ASK.size])
            width = {wire.HELLO: 1, wire.ORDERS: LINE.itemsize}.get(ask.kind, OPERATION.itemsize)
            end = used + wire.ASK.size + ask.rows * width
            if self._filled < end:
                break
            self._take(ask, bytearray(self._view[used + wire.ASK.size : end]))
            used = end
        return used

    def _take(self, ask: wire.Ask, body: bytearray) -> None:
        slot = self._slot()
        if ask.kind == wire.HELLO:
            self._greet(slot, ask, body)
            return
        if self._desk is None:
            raise wire.FrameRefused("say hello with a key first")
        rows = np.frombuffer(body, LINE if ask.kind == wire.ORDERS else OPERATION)
        if ask.kind == wire.ORDERS:
            fault = wire.orders_fault(rows, self._now_ms())
        else:
            fault = wire.operations_fault(rows)
        if fault:
            self._say(slot, wire.REFUSED, ask.tag, fault)
            return
        try:
            decide = self._desk.place_rows if ask.kind == wire.ORDERS else self._desk.operate
            future = decide(rows)
        except (DeskBusy, DeskUnready) as error:
            status = wire.BUSY if isinstance(error, DeskBusy) else wire.UNREADY
            self._say(slot, status, ask.tag, str(error))
            return
        future.add_done_callback(lambda done: self._decided(slot, ask.tag, done))

    def _greet(self, slot: list[bytes], ask: wire.Ask, body: bytearray) -> None:
        if len(body) > KEY_BYTES_MAX:
            raise wire.FrameRefused("a key has at most 256 bytes")
        self._desk = self._authorise(body.decode("ascii", "replace"))
        if self._desk is None:
            raise wire.FrameRefused("this key may not write orders to any shop here")
        self._say(slot, wire.DECIDED, ask.tag, "")

    def _decided(self, slot: list[bytes], tag: int, done: "asyncio.Future[Any]") -> None:
        error = done.exception()
        if error is not None:
            status = wire.UNDECIDED if isinstance(error, Undecided) else wire.UNREADY
            self._say(slot, status, tag, str(error))
            return
        answer: ManyDecided = done.result()
        slot.append(
            wire.ANSWER.pack(
                wire.ANSWER_MAGIC,
                wire.DECIDED,
                tag,
                len(answer.outcomes),
                answer.position,
                answer.seq,
            )
        )
        slot.append(answer.outcomes.tobytes())
        self._flush()

    def _slot(self) -> list[bytes]:
        """A place in the order of answers."""
        slot: list[bytes] = []
        self._answers.append(slot)
        if len(self._answers) >= ASKS_WAITING_MAX and not self._paused and self._transport:
            self._paused = True
            self._transport.pause_reading()
        return slot

    def _say(self, slot: list[bytes], status: int, tag: int, text: str) -> None:
        data = text.encode()
        slot.append(wire.ANSWER.pack(wire.ANSWER_MAGIC, status, tag, len(data), 0, 0) + data)
        self._flush()

    def _flush(self) -> None:
        """Send every answer whose turn has come."""
        while self._answers and self._answers[0]:
            parts = self._answers.popleft()
            if self._transport is not None:
                self._transport.writelines(parts)
        if self._paused and len(self._answers) < ASKS_WAITING_MAX // 2 and self._transport:
            self._paused = False
            self._transport.resume_reading()
