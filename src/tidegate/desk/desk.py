"""One shop's desk: gather, decide, make durable, answer; the only writer of its journal.

    inbox → batch → machine.decide → journal.append (storage thread) → apply was done → answers

While one batch is being made durable the next gathers, and is decided already when it is large. An
answer never leaves before its entry is durable. When an append fails, whatever was decided since
is thrown away with the machine, the journal is read anew, and whoever waited is told "undecided".
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
import structlog

from tidegate.desk.answers import (
    CommandAnswer,
    Decision,
    DeskStatus,
    DeskUnready,
    ManyDecided,
    Undecided,
)
from tidegate.desk.clock import Calendar, Clock, WatchedClock
from tidegate.desk.flight import Flight, answer_flight
from tidegate.desk.inbox import AskedCommand, Batch, Done, Inbox, lines_of
from tidegate.desk.names import COMMANDS, id_hash
from tidegate.desk.storage import Storage
from tidegate.engine import layout as lo
from tidegate.engine.catalogue import Catalogue
from tidegate.engine.machine import Machine
from tidegate.journal.protocol import (
    AppendUnknown,
    Fenced,
    Head,
    Journal,
    JournalError,
    StoreBusy,
    StoreFull,
    SyncFailed,
)
from tidegate.record import facts as f
from tidegate.record.lines import Array

LARGE_BATCH = 2_048  # lines waiting from which on a batch is decided while another is synced
AHEAD_MAX = 2  # batches decided and not yet durable
TICK_S = 0.1
SPARE_ROWS = 1 << 17  # rows that every table must still have room for

log = structlog.get_logger("tidegate.desk")


class Desk:
    """See the module. Lives on one event loop; every call is made there."""

    def __init__(
        self,
        shop: str,
        machine: Machine,
        journal: Journal,
        head: Head,
        order_id_key: bytes,
        clock: Clock,
        rebuild: Callable[[], tuple[Machine, Head]],
    ) -> None:
        """`head` is the journal's head as this desk claimed it; `rebuild` reads it all anew."""
        self.shop = shop
        self._machine = machine
        self._journal = journal
        self._head = head
        self._durable = head
        self._key = order_id_key
        self._clock = WatchedClock(clock)
        self._calendar = Calendar(machine.catalogue.zone)
        self._rebuild = rebuild
        self._inbox = Inbox()
        self._storage = Storage(shop)
        self._flights: deque[Flight] = deque()
        self._why = ""
        self._scheduled = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ticker: asyncio.Task[None] | None = None
        self._idle: asyncio.Event = asyncio.Event()
        self._notes: list[f.Note] = []

    # -- what the edges call ----------------------------------------------------------------------

    @property
    def catalogue(self) -> Catalogue:
        """The shop's codes."""
        return self._machine.catalogue

    @property
    def machine(self) -> Machine:
        """The engine itself, to look at; nothing but the desk changes it."""
        return self._machine

    def order_key(self, channel: str, order_id: str) -> tuple[int, int]:
        """The keyed 128-bit hash of an order's name; who has the key alone can tell names."""
        return id_hash(self._key, channel, order_id)

    def submit(self, lines: bytes, done: Done) -> None:
        """Decide one order (n × 96 bytes); `done(Decision, None)` or `done(None, error)` later.

        Raises DeskBusy or DeskUnready at once. Does not check what the rows hold.
        """
        if self._why:
            raise DeskUnready(self._why)
        self._inbox.add_order(lines, done)
        if not self._scheduled:
            self._schedule()

    def place(self, lines: bytes) -> asyncio.Future[Decision]:
        """The same as a future, which may raise Undecided."""
        return self._promised(lambda done: self.submit(lines, done))

    def place_rows(self, rows: Array) -> asyncio.Future[ManyDecided]:
        """Decide many orders; rows past BATCH_LINES_MAX do not fit one call."""
        return self._promised(lambda done: self._ask(lambda: self._inbox.add_rows(rows, done)))

    def operate(self, rows: Array) -> asyncio.Future[ManyDecided]:
        """Decide operations on orders."""
        return self._promised(
            lambda done: self._ask(lambda: self._inbox.add_operations(rows, done)),
        )

    def command(
        self,
        command: f.Command,
        command_id: str,
        actor: int,
        approver: int = 0,
    ) -> asyncio.Future[CommandAnswer]:
        """Decide an operator's command, ahead of every order that waits."""
        hi, lo_ = id_hash(self._key, COMMANDS, command_id)

        def ask(done: Done) -> None:
            self._ask(
                lambda: self._inbox.add_command(
                    AskedCommand(hi, lo_, command, actor, approver, done),
                ),
                always=isinstance(command, f.ConfirmClock | f.SetFlag),
            )

        return self._promised(ask)

    def note(self, note: f.Note) -> None:
        """Write a note of the system's own with the next batch."""
        self._notes.append(note)
        self._schedule()

    def available(self, sku: int, channel: int) -> int:
        """Units that a channel could sell now, as of the last decided batch."""
        if sku >= len(self.catalogue.sku_codes):
            return 0
        return self._machine.available(sku, int(self._machine.state.channels[channel]["pool"]))

    def status(self) -> DeskStatus:
        """How the desk is."""
        scalars = self._machine.state.scalars
        return DeskStatus(
            not self._why,
            self._why,
            self._durable.seq,
            self._durable.epoch,
            self._inbox.lines,
            self._machine.now_ms,
            int(scalars[lo.DECIDED_COUNT]),
            int(scalars[lo.ACCEPTED_COUNT]),
            int(scalars[lo.LIVE_COUNT]),
        )

    def start(self) -> None:
        """Begin to decide; on the loop on which everything else will be called."""
        self._loop = asyncio.get_running_loop()
        self._ticker = self._loop.create_task(self._tick())

    async def stop(self) -> None:
        """Take nothing more, answer everything in flight, let go of the journal."""
        self._why = self._why or "the server is stopping: repeat the same id"
        while self._inbox or self._flights:
            self._idle.clear()
            self._pump()
            if not self._inbox and not self._flights:
                break
            await self._idle.wait()
        if self._ticker is not None:
            self._ticker.cancel()
        self._storage.stop()
        self._journal.close()

    # -- inside --------------------------------------------------------------------------------

    def _promised(self, ask: Callable[[Done], None]) -> asyncio.Future[Any]:
        assert self._loop is not None, "start() comes first"
        future: asyncio.Future[Any] = self._loop.create_future()

        def done(result: object, error: BaseException | None) -> None:
            if future.cancelled():
                return
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)

        ask(done)
        return future

    def _ask(self, add: Callable[[], None], *, always: bool = False) -> None:
        if self._why and not (always and self._clock.jumped_ms):
            raise DeskUnready(self._why)
        add()
        self._schedule()

    def _schedule(self) -> None:
        if not self._scheduled and self._loop is not None:
            self._scheduled = True
            self._loop.call_soon(self._pump)

    def _pump(self) -> None:
        """Decide what waits, if the disk is free or what waits is large."""
        self._scheduled = False
        while self._inbox or self._notes:
            ahead = len(self._flights)
            if ahead >= AHEAD_MAX or (ahead and self._inbox.lines < LARGE_BATCH):
                return
            self._decide(self._inbox.take())

    def _decide(self, batch: Batch) -> None:
        machine = self._machine
        now_ms = self._clock.now_ms()
        if self._clock.jumped_ms and not self._confirms(batch):
            self._refuse(batch, DeskUnready(self._jump_text()))
            return
        if min(machine.room()) < SPARE_ROWS:
            self._refuse(batch, DeskUnready("the shop's tables are full: raise its capacity"))
            return
        machine.begin(now_ms, self._calendar.day(now_ms))
        commands = [
            machine.decide_command(c.id_hi, c.id_lo, c.command, c.actor, c.approver)
            for c in batch.commands
        ]
        outcomes = operations = NOTHING
        if batch.orders:
            outcomes = machine.decide_orders(lines_of(batch.orders))
        if batch.operations:
            operations = machine.decide_operations(
                np.concatenate([asked.rows for asked in batch.operations]),
            )
        machine.expire()
        self._write_notes()
        self._send(batch, outcomes, operations, commands)

    def _write_notes(self) -> None:
        for note in self._notes:
            self._machine.note(note)
        self._notes.clear()

    def _send(self, batch: Batch, outcomes: Array, operations: Array, commands: list[Any]) -> None:
        payload = self._machine.finish()
        if not payload:
            return
        flight = Flight(batch, payload, self._machine.now_ms, outcomes, operations, commands)
        self._flights.append(flight)
        expected = self._head.seq
        self._head = Head(expected + 1, self._head.epoch, b"")
        loop = self._loop
        assert loop is not None

        def stored(head: Head | None, error: BaseException | None) -> None:
            loop.call_soon_threadsafe(self._landed, flight, head, error)

        self._storage.submit(lambda: append_surely(self._journal, expected, payload), stored)

    def _landed(self, flight: Flight, head: Head | None, error: BaseException | None) -> None:
        """An append ended: answer, or throw everything undurable away. In order of sequence."""
        if not self._flights or self._flights[0] is not flight:
            return  # thrown away with an earlier batch
        self._flights.popleft()
        if error is not None:
            self._fail(flight, error)
        else:
            assert head is not None
            self._durable = head
            if not self._flights:
                self._head = head
            self._pump()  # first the next batch, then the answers: its sync overlaps with them
            answer_flight(flight, head.seq, int(self._machine.state.scalars[lo.HOLD_TTL_S]))
        self._idle.set()

    def _fail(self, flight: Flight, error: BaseException) -> None:
        undecided = Undecided("whether it was stored is not known: repeat the same id")
        lost = [flight, *self._flights]
        self._flights.clear()
        log.error("append_failed", shop=self.shop, error=str(error), batches=len(lost))
        if isinstance(error, Fenced):
            self._why = "another server took this shop over: send orders there"
        elif isinstance(error, SyncFailed):
            self._why = "the disk failed under a write: restart the server"
        elif not isinstance(error, StoreFull | StoreBusy):
            self._why = f"the journal failed: {error}"
        if not self._why:
            self._machine, self._head = self._rebuild()
            self._durable = self._head
        for gone in lost:
            self._refuse(gone.batch, undecided)

    def _refuse(self, batch: Batch, error: Exception) -> None:
        for command in batch.commands:
            command.done(None, error)
        for asked in (*batch.orders, *batch.operations):
            asked.done(None, error)

    def _confirms(self, batch: Batch) -> bool:
        """Whether a batch confirms the clock; stopping a sale must not wait for that either."""
        if any(isinstance(c.command, f.ConfirmClock) and c.actor for c in batch.commands):
            self._clock.confirm()
            self._why = ""
            return True
        return bool(batch.commands) and not batch.orders and not batch.operations

    def _jump_text(self) -> str:
        seconds = self._clock.jumped_ms // 1000
        return (
            f"the clock moved {seconds} s against itself: a person must confirm it"
            " (`tidegate shop confirm-clock`)"
        )

    async def _tick(self) -> None:
        """End holds that are due, watch the clock and the disk, even when nobody orders."""
        while True:
            await asyncio.sleep(TICK_S)
            try:
                self._look_around()
            except JournalError as error:
                self._why = f"the journal failed: {error}"

    def _look_around(self) -> None:
        now_ms = self._clock.now_ms()
        if self._clock.jumped_ms:
            self._why = self._jump_text()
            return
        if self._calendar.zone != self.catalogue.zone:
            self._calendar = Calendar(self.catalogue.zone)
        if self._why or self._flights:
            return
        self._machine.begin(now_ms, self._calendar.day(now_ms))
        while self._machine.expire() and len(self._flights) < AHEAD_MAX:
            self._send(Batch([], [], []), NOTHING, NOTHING, [])


NOTHING: Array = np.zeros(0, np.uint8)


def append_surely(journal: Journal, expected_seq: int, payload: bytes) -> Head:
    """Append; when the outcome is unknown, read it back and try once more if it was not stored.

    Raises what `Journal.append` raises but AppendUnknown only when reading back does not help.
    """
    try:
        return journal.append(expected_seq, payload)
    except AppendUnknown as unknown:
        found = journal.read_back(expected_seq, unknown.attempt.hash)
        if found is not None:
            return found
        return journal.append(expected_seq, payload)


def owner_name(process_id: int) -> str:
    """What a claim says of its owner: no host name, which may be a person's."""
    return f"desk {process_id}"
