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
)
from tidegate.desk.clock import Calendar, Clock, WatchedClock, is_zone
from tidegate.desk.durable import append_surely
from tidegate.desk.faults import (
    ENGINE_FAILED,
    PASSING,
    READING,
    STOPPING,
    TABLES_FULL,
    UNKNOWN,
    Patience,
    lasting_why,
)
from tidegate.desk.flight import EMPTY, NOTHING, Flight, answer_flight, refuse, without_orders
from tidegate.desk.inbox import AskedCommand, Batch, Done, Inbox, lines_of, promised
from tidegate.desk.names import COMMANDS, id_hasher
from tidegate.desk.storage import Storage
from tidegate.desk.surroundings import Surroundings
from tidegate.domain.reasons import Reason
from tidegate.engine import layout as lo
from tidegate.engine.catalogue import Catalogue
from tidegate.engine.machine import EXPIRE_MAX, Machine
from tidegate.journal.protocol import Head, Journal
from tidegate.record import facts as f
from tidegate.record.lines import Array

LARGE_BATCH = 2_048  # lines waiting from which on a batch is decided while another is synced
AHEAD_MAX = 2  # batches decided and not yet durable
TICK_S = 0.1

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
        # (channel, id) -> the keyed hash of an order's name; who has the key alone can tell names
        self.order_key = id_hasher(order_id_key)
        self._clock = WatchedClock(clock, machine.now_ms)
        self._surroundings = Surroundings(self._clock, journal.free_bytes)
        self._calendar = Calendar(machine.catalogue.zone)
        self._rebuild = rebuild
        self._inbox = Inbox()
        self.storage = Storage(shop)
        self._flights: deque[Flight] = deque()
        self._why = ""  # why nothing passes
        self.remark = ""  # what people should know while orders go on
        self._no_orders = ""  # why only orders are refused: operations and stops still pass
        self._stopping = False
        self._is_reading_anew = False
        self._patience = Patience()  # with a disk that is full
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

    @property
    def decided_seq(self) -> int:
        """The newest entry that was decided; `status().seq` is the newest that is durable."""
        return self._head.seq

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
        """Decide many orders. Rows that are no orders end as the door's fault: LinesMalformed."""
        if self._no_orders and not self._why:
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
        hi, lo_ = self.order_key(COMMANDS, command_id)
        if isinstance(command, f.SetPolicy) and command.zone and not is_zone(command.zone):
            refused = CommandAnswer(Reason.OUT_OF_BOUNDS, False, self._durable.seq, None)
            return self._promised(lambda done: done(refused, None))

        def ask(done: Done) -> None:
            self._ask(
                lambda: self._inbox.add_command(
                    AskedCommand(hi, lo_, command, actor, approver, done),
                ),
            )

        return self._promised(ask)

    def note(self, note: f.Note) -> None:
        """Write a note of the system's own, with the next batch or the next tick."""
        self._notes.append(note)

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
        self.storage.stop()
        self._journal.close()

    def _promised(self, ask: Callable[[Done], None]) -> asyncio.Future[Any]:
        assert self._loop is not None, "start() comes first"
        return promised(self._loop, ask)

    def _ask(self, add: Callable[[], None]) -> None:
        if self._why:
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
        while self._inbox and not self._is_reading_anew:
            ahead = len(self._flights)
            if ahead >= AHEAD_MAX or (ahead and self._inbox.lines < LARGE_BATCH):
                return
            batch = self._inbox.take()
            try:
                self._decide(batch)
            except Exception as error:  # noqa: BLE001 -- logged, and the desk stops
                self._fault(batch, error)

    def _fault(self, batch: Batch, error: Exception) -> None:
        """A bug: what is in memory is not what would be written, so nothing more is decided."""
        log.error("engine_failed", shop=self.shop, exc_info=error)
        refuse(batch, DeskUnready(ENGINE_FAILED))
        self._close(ENGINE_FAILED)

    def _decide(self, batch: Batch) -> None:
        now_ms = self._clock.now_ms()
        if self._clock.jumped_ms:
            batch = without_orders(batch, jump_text(self._clock.jumped_ms))
        if not self._fits(batch) and self._machine.past_memory(now_ms):
            self._decide_at(now_ms, Batch([], [], []))  # full tables forget what is past its time
        if not self._fits(batch):
            batch = without_orders(batch, TABLES_FULL)
        if not self._fits(batch):
            refuse(batch, DeskUnready(TABLES_FULL))
        elif any(batch):
            self._decide_at(now_ms, batch)

    def _decide_at(self, now_ms: int, batch: Batch) -> None:
        machine = self._machine
        machine.begin(now_ms, self._calendar.day(now_ms))
        commands = [
            machine.decide_command(c.id_hi, c.id_lo, c.command, c.actor, c.approver)
            for c in batch.commands
        ]
        outcomes = operations = NOTHING
        if batch.orders:
            outcomes = machine.decide_orders(lines_of(batch.orders))
        elif not any(batch):
            machine.make_room()
        if batch.operations:
            operations = machine.decide_operations(
                np.concatenate([asked.rows for asked in batch.operations]),
            )
        machine.expire()
        self._send(batch, outcomes, operations, commands)

    def _fits(self, batch: Batch) -> bool:
        lines = sum(asked.size for asked in batch.orders)
        others = sum(asked.size for asked in batch.operations) + len(batch.commands)
        return self._machine.fits(lines, others + EXPIRE_MAX)

    def _send(self, batch: Batch, outcomes: Array, operations: Array, commands: list[Any]) -> None:
        machine = self._machine
        notes, self._notes = self._notes, []
        for note in notes:  # with whatever is written next: a busy night must not keep them back
            machine.note(note)
        payload = machine.finish()
        ttl_s, ttl_max_s = machine.state.scalars[[lo.HOLD_TTL_S, lo.HOLD_TTL_MAX_S]].tolist()
        flight = Flight(
            batch, payload, machine.now_ms, ttl_s, ttl_max_s, outcomes, operations, commands, notes
        )
        self._flights.append(flight)
        expected = self._head.seq
        if payload:
            self._head = Head(expected + 1, self._head.epoch, b"")
        loop, ahead = self._loop, self._machine.memory_ahead
        assert loop is not None

        def stored(head: Head | None, error: BaseException | None) -> None:
            loop.call_soon_threadsafe(self._landed, flight, head, error)
            ahead.step()  # while nobody waits for this thread

        # Nothing new to store (a command again): the answer still waits for what is under way.
        work = self._journal.head
        if payload:
            work = partial(append_surely, self._journal, expected, payload)
        self.storage.submit(work, stored)

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
            if flight.confirms_clock():
                self._clock.confirm()
                self._no_orders = self._surroundings.no_orders()
            self._pump()  # first the next batch, then the answers: its sync overlaps with them
            answer_flight(flight, head.seq, self._machine)
        self._idle.set()

    def _fail(self, flight: Flight, error: BaseException) -> None:
        lost = [flight, *self._flights]
        self._flights.clear()
        self._notes[:0] = [note for gone in lost for note in gone.notes]
        log.error("append_failed", shop=self.shop, error=str(error), batches=len(lost))
        for gone in lost:
            refuse(gone.batch, Undecided(UNKNOWN))
        if why := lasting_why(error):
            self._close(why)
        elif self._why in ("", STOPPING):
            self._start_again()

    def _close(self, why: str) -> None:
        """Take nothing more, and send away what waits."""
        self._why = why
        while self._inbox:
            refuse(self._inbox.take(), DeskUnready(why))

    def _start_again(self) -> None:
        """Read the machine anew, on the storage thread: behind every append that was queued.

        Those were decided on what is thrown away; each is fenced by the failure before it, and the
        new claim comes after them.
        """
        self._is_reading_anew = True
        self._patience.rest()
        self._why = READING
        loop = self._loop
        assert loop is not None

        def done(again: Any, error: BaseException | None) -> None:  # noqa: ANN401 -- any work's
            loop.call_soon_threadsafe(self._started_again, again, error)

        self.storage.submit(self._rebuild, done)

    def _started_again(
        self, again: tuple[Machine, Head] | None, error: BaseException | None
    ) -> None:
        self._is_reading_anew = False
        if again is None:
            self._close(lasting_why(error) or str(error))
            if isinstance(error, PASSING):
                self._patience.again(self._clock.monotonic_s())
        else:
            self._machine, self._head = again
            self._durable = self._head
            self._patience.rest(worked=True)
            self._why = STOPPING if self._stopping else ""
        self._idle.set()
        self._schedule()

    async def _tick(self) -> None:
        """End holds that are due, watch the clock and the disk, even when nobody orders."""
        while True:
            await asyncio.sleep(TICK_S)
            try:
                self._look_around()
            except Exception as error:  # noqa: BLE001 -- as in `_pump`
                self._fault(EMPTY, error)

    def _look_around(self) -> None:
        self._no_orders = self._surroundings.no_orders()
        if self._calendar.zone != self.catalogue.zone:
            self._calendar = Calendar(self.catalogue.zone)
        if self._patience.is_due(self._clock.monotonic_s()):
            self._start_again()
        if self._why or self._flights:
            return
        now_ms = self._clock.now_ms()
        self._machine.begin(now_ms, self._calendar.day(now_ms))
        while self._machine.expire() or self._notes:
            self._send(EMPTY, NOTHING, NOTHING, [])
            if len(self._flights) >= AHEAD_MAX:
                return
