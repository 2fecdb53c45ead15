"""The packed door itself: one connection, many frames, answers in order.

It trusts its front process on the same host for who a buyer is (tokens and order hashes come
computed), never for what a row holds or what its key may do. A connection says hello with its key
first; a frame that breaks the format ends the connection, one that the desk cannot take gets a
status. Whatever a connection does, it holds no more than a buffer, its unanswered asks, and what
the system takes of the answers that it does not read.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, cast

import numpy as np

from tidegate.access.store import AccessUnavailable
from tidegate.desk.answers import DeskBusy, DeskUnready, ManyDecided, Undecided
from tidegate.packed import wire
from tidegate.packed.grants import Authorise
from tidegate.record.lines import LINE, OPERATION, Array

BUFFER_BYTES = wire.ASK.size + wire.ROWS_MAX * LINE.itemsize
KEY_BYTES_MAX = 256
HELLO_BYTES = wire.ASK.size + KEY_BYTES_MAX  # all that there is room for before the hello
HELLO_S = 10.0
ASKS_WAITING_MAX = 64
# Answers that are not read yet, in bytes: those of fifteen full frames. Less would make a front
# process that sends a few frames before it reads wait for ever.
UNREAD_BYTES_MAX = 4 << 20
WIDTHS = {wire.HELLO: 1, wire.ORDERS: LINE.itemsize, wire.OPERATIONS: OPERATION.itemsize}


class PackedDoor(asyncio.BufferedProtocol):
    """One connection of a front process."""

    def __init__(
        self,
        authorise: Authorise,
        now_ms: Callable[[], int],
        on_lost: Callable[["PackedDoor"], None] = lambda _: None,
        turned_away: str = "",
    ) -> None:
        """`authorise` says what a hello's key may do now; `on_lost` hears of the end.

        `turned_away`: why this connection is not let in at all, "" = it is.
        """
        self._turned_away = turned_away
        self._authorise = authorise
        self._now_ms = now_ms
        self._on_lost = on_lost
        self._hello = ""
        self._view = memoryview(bytearray(HELLO_BYTES))
        self._filled = 0
        self._answers: deque[list[bytes]] = deque()
        self._transport: asyncio.Transport | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._is_taking = False
        self._reads_answers = True
        self._is_ending = False
        self._is_paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A front process connected."""
        # Not checked by isinstance: uvloop's transports are none of asyncio's classes.
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=UNREAD_BYTES_MAX)
        if self._turned_away:
            self.refuse(self._turned_away)
            return
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(HELLO_S, self.refuse, f"no hello within {HELLO_S:g} s")

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 -- asyncio's signature
        """Where the next bytes go; there is always room for the rest of a frame."""
        return self._view[self._filled :]

    def buffer_updated(self, nbytes: int) -> None:
        """Bytes came: take every frame that is whole."""
        self._filled += nbytes
        self._take_frames()

    def pause_writing(self) -> None:
        """The front process does not read its answers: take no more asks until it does."""
        self._reads_answers = False
        self._balance()

    def resume_writing(self) -> None:
        """It reads again."""
        self._reads_answers = True
        self._take_frames()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 -- asyncio's signature
        """The front process left; what it asked is decided all the same."""
        self._transport = None
        self._is_ending = True
        self._hello = ""
        if self._deadline is not None:
            self._deadline.cancel()
        self._on_lost(self)

    def refuse(self, why: str) -> None:
        """Say why nothing more is taken, after the answers that are due, and hang up."""
        self._say(self._slot(), wire.REFUSED, 0, why)
        self.end()

    def end(self) -> None:
        """Take nothing more; hang up when every ask is answered."""
        self._is_ending = True
        self._balance()
        self._flush()

    def abort(self) -> None:
        """Hang up at once: the front process has had its time to read."""
        if self._transport is not None:
            self._transport.abort()

    def _take_frames(self) -> None:
        if self._is_taking:
            return
        self._is_taking = True
        used = 0
        try:
            while not self._holds_back() and (size := self._frame_bytes(used)):
                self._take(used, size)
                used += size
        except wire.FrameRefused as refused:
            self.refuse(str(refused))
        finally:
            self._is_taking = False
        if self._is_ending:
            self._filled = 0
        elif used:
            self._view[: self._filled - used] = self._view[used : self._filled]
            self._filled -= used
        self._balance()

    def _frame_bytes(self, start: int) -> int:
        """The size of the whole frame that begins there; 0 = more must come. FrameRefused."""
        there = self._filled - start
        if there < wire.ASK.size:
            return 0
        ask = wire.read_ask(self._view[start : start + wire.ASK.size])
        if ask.kind == wire.HELLO and ask.rows > KEY_BYTES_MAX:
            raise wire.FrameRefused(f"a hello has at most {KEY_BYTES_MAX} bytes")
        if ask.kind != wire.HELLO and not self._hello:
            raise wire.FrameRefused("say hello with a key first")
        size = wire.ASK.size + ask.rows * WIDTHS[ask.kind]
        return size if there >= size else 0

    def _take(self, start: int, size: int) -> None:
        ask = wire.read_ask(self._view[start : start + wire.ASK.size])
        body = bytearray(self._view[start + wire.ASK.size : start + size])
        if ask.kind == wire.HELLO:
            self._greet(ask, body)
            return
        slot = self._slot()
        try:
            self._ask_desk(
                slot, ask, np.frombuffer(body, LINE if ask.kind == wire.ORDERS else OPERATION)
            )
        except wire.FrameRefused:
            self._answers.pop()
            raise
        except (DeskBusy, DeskUnready, AccessUnavailable) as error:
            status = wire.BUSY if isinstance(error, DeskBusy) else wire.UNREADY
            self._say(slot, status, ask.tag, str(error))

    def _greet(self, ask: wire.Ask, body: bytearray) -> None:
        """Look at the key; with a good one comes room for frames. Raises FrameRefused."""
        hello = body.decode("ascii", "replace")
        try:
            grant = self._authorise(hello)
        except AccessUnavailable as error:
            raise wire.FrameRefused(str(error)) from error
        if grant is None:
            raise wire.FrameRefused("this key may not write orders to any shop here")
        if not self._hello:
            view = memoryview(bytearray(BUFFER_BYTES))
            view[: self._filled] = self._view[: self._filled]
            self._view = view
        if self._deadline is not None:
            self._deadline.cancel()
        self._hello = hello
        self._say(self._slot(), wire.DECIDED, ask.tag, "")

    def _ask_desk(self, slot: list[bytes], ask: wire.Ask, rows: Array) -> None:
        grant = self._authorise(self._hello)
        if grant is None:
            raise wire.FrameRefused("this key does not work here any more")
        if ask.kind == wire.ORDERS:
            fault = wire.orders_fault(rows, self._now_ms())
        else:
            fault = wire.operations_fault(rows)
        if fault := fault or grant.fault(rows):
            self._say(slot, wire.REFUSED, ask.tag, fault)
            return
        decide = grant.desk.place_rows if ask.kind == wire.ORDERS else grant.desk.operate
        future = decide(rows)
        future.add_done_callback(lambda done: self._decided(slot, ask.tag, done))

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
        return slot

    def _say(self, slot: list[bytes], status: int, tag: int, text: str) -> None:
        data = text.encode()
        slot.append(wire.ANSWER.pack(wire.ANSWER_MAGIC, status, tag, len(data), 0, 0) + data)
        self._flush()

    def _flush(self) -> None:
        """Send every answer whose turn has come; go on with what waits in the buffer."""
        while self._answers and self._answers[0]:
            parts = self._answers.popleft()
            if self._transport is not None:
                self._transport.writelines(parts)
        if self._is_ending and not self._answers and self._transport is not None:
            self._transport.close()
        elif self._is_paused:
            self._take_frames()

    def _holds_back(self) -> bool:
        """Whether no more is taken now."""
        waiting = len(self._answers) >= ASKS_WAITING_MAX
        return self._is_ending or not self._reads_answers or waiting

    def _balance(self) -> None:
        """Read from the socket only while asks are taken."""
        if self._transport is None or self._holds_back() == self._is_paused:
            return
        self._is_paused = not self._is_paused
        if self._is_paused:
            self._transport.pause_reading()
        elif not self._transport.is_closing():
            self._transport.resume_reading()
