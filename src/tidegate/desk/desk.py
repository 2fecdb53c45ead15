"""One shop's desk: gather, decide, make durable, answer; the only writer of its journal.

    inbox → batch → machine.decide → journal.append (storage thread) → apply was done → answers

While one batch is being made durable the next gathers, and is decided already when it is large. An
answer never leaves before its entry is durable. When an append fails, whatever was decided since
is thrown away with the machine, the journal is read anew, and whoever waited is told "undecided".
"""

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
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
    jump_text,
    low_disk_text,
)
from tidegate.desk.clock import Calendar, Clock, WatchedClock, is_zone
from tidegate.desk.durable import append_surely
from tidegate.desk.flight import Flight, answer_flight
from tidegate.desk.inbox import AskedCommand, Batch, Done, Inbox, lines_of, promised
from tidegate.desk.names import COMMANDS, id_hash
from tidegate.desk.storage import Storage
from tidegate.domain.reasons import Reason
from tidegate.engine import layout as lo
from tidegate.engine.catalogue import Catalogue
from tidegate.engine.machine import EXPIRE_MAX, Machine
from tidegate.journal.protocol import (
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
STOPPING = "the server is stopping: repeat the same id"
LOW_DISK_BYTES = 512 << 20  # below so much free space no new orders; the journal stops at half
DISK_LOOK_S = 1.0

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
        self.remark = ""  # what people should know while orders go on
        self._no_orders = ""  # why only orders are refused: operations and stops still pass
        self._looked_s = 0.0
        self._stopping = False
        self._is_reading_anew = False
        self._scheduled = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ticker: asyncio.Task[None] | None = None
        self._idle: asyncio.Event = asyncio.Event()
        self._notes: list[f.Note] = []

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
        if self._why or self._no_orders:
            raise DeskUnready(self._why or self._no_orders)
        self._inbox.add_order(lines, done)
        if not self._scheduled:
            self._schedule()

    def place(self, lines: bytes) -> asyncio.Future[Decision]:
        """The same as a future, which may raise Undecided."""
        return self._promised(lambda done: self.submit(lines, done))

    def place_rows(self, rows: Array) -> asyncio.Future[ManyDecided]:
        """Decide many orders; rows past BATCH_LINES_MAX do not fit one call."""
        if self._no_orders:
            raise DeskUnready(self._no_orders)
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
        if isinstance(command, f.SetPolicy) and command.zone and not is_zone(command.zone):
            refused = CommandAnswer(Reason.OUT_OF_BOUNDS, False, self._durable.seq, None)
            return self._promised(lambda done: done(refused, None))

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
        why = self._why or self._no_orders
        return DeskStatus(
            not why,
            why or self.remark,
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
        self._stopping = True
        self._why = self._why or STOPPING
        while self._inbox or self._flights or self._is_reading_anew:
            self._idle.clear()
            self._pump()
            if self._inbox or self._flights or self._is_reading_anew:
                await self._idle.wait()
        if self._ticker is not None:
            self._ticker.cancel()
        self._storage.stop()
        self._journal.close()

    def _promised(self, ask: Callable[[Done], None]) -> asyncio.Future[Any]:
        assert self._loop is not None, "start() comes first"
        return promised(self._loop, ask)

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
        while (self._inbox or self._notes) and not self._is_reading_anew:
            ahead = len(self._flights)
            if ahead >= AHEAD_MAX or (ahead and self._inbox.lines < LARGE_BATCH):
                return
            self._decide(self._inbox.take())

    def _decide(self, batch: Batch) -> None:
        machine = self._machine
        now_ms = self._clock.now_ms()
        if self._clock.jumped_ms and not self._confirms(batch):
            self._refuse(batch, DeskUnready(jump_text(self._clock.jumped_ms)))
            return
        lines = sum(asked.size for asked in batch.orders)
        others = sum(asked.size for asked in batch.operations) + len(batch.commands)
        if not machine.fits(lines, others + EXPIRE_MAX):
            self._refuse(batch, DeskUnready("the shop's tables are full: serve with --orders-max"))
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
        flight = Flight(batch, payload, self._machine.now_ms, outcomes, operations, commands)
        self._flights.append(flight)
        expected = self._head.seq
        if payload:
            self._head = Head(expected + 1, self._head.epoch, b"")
        loop = self._loop
        assert loop is not None

        def stored(head: Head | None, error: BaseException | None) -> None:
            loop.call_soon_threadsafe(self._landed, flight, head, error)

        # Nothing new to store (a command again): the answer still waits for what is under way.
        work = self._journal.head
        if payload:
            work = partial(append_surely, self._journal, expected, payload)
        self._storage.submit(work, stored)

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
        for gone in lost:
            self._refuse(gone.batch, undecided)
        if not self._why or self._why == STOPPING:
            self._start_again()
            return
        while self._inbox:
            self._refuse(self._inbox.take(), DeskUnready(self._why))

    def _start_again(self) -> None:
        """Read the machine anew, on the storage thread: behind every append that was queued.

        Those were decided on what is thrown away; each is fenced by the failure before it, and the
        new claim comes after them.
        """
        self._is_reading_anew = True
        self._why = "the shop is read anew after a failed write: repeat the same id"
        loop = self._loop
        assert loop is not None

        def done(again: Any, error: BaseException | None) -> None:  # noqa: ANN401 -- any work's
            loop.call_soon_threadsafe(self._started_again, again, error)

        self._storage.submit(self._rebuild, done)

    def _started_again(
        self, again: tuple[Machine, Head] | None, error: BaseException | None
    ) -> None:
        self._is_reading_anew = False
        if again is None:
            self._why = f"the journal failed: {error}"
            while self._inbox:
                self._refuse(self._inbox.take(), DeskUnready(self._why))
        else:
            self._machine, self._head = again
            self._durable = self._head
            self._why = STOPPING if self._stopping else ""
        self._idle.set()
        self._schedule()

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
            self._why = jump_text(self._clock.jumped_ms)
            return
        if self._calendar.zone != self.catalogue.zone:
            self._calendar = Calendar(self.catalogue.zone)
        self._watch_disk()
        if self._why or self._flights:
            return
        self._machine.begin(now_ms, self._calendar.day(now_ms))
        while self._machine.expire() and len(self._flights) < AHEAD_MAX:
            self._send(Batch([], [], []), NOTHING, NOTHING, [])

    def _watch_disk(self) -> None:
        """Refuse new orders before writing can fail; what frees or stops something still passes."""
        now_s = self._clock.monotonic_s()
        if now_s < self._looked_s + DISK_LOOK_S:
            return
        self._looked_s = now_s
        free = self._journal.free_bytes()
        self._no_orders = ""
        if free < LOW_DISK_BYTES:
            self._no_orders = low_disk_text(free, LOW_DISK_BYTES)


NOTHING: Array = np.zeros(0, np.uint8)
