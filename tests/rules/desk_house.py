"""A desk over a journal in memory, with clocks and a disk that a test sets.

Always the real desk and engine. Never: time passes by itself; `Desk._look_around`, which a server
calls ten times a second, is called by the test.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import numpy as np

from tidegate.desk.answers import CommandAnswer
from tidegate.desk.desk import Desk
from tidegate.engine.layout import Capacity
from tidegate.engine.machine import Machine
from tidegate.journal.memory import MemoryJournal, MemoryStore
from tidegate.journal.protocol import BATCH, Head
from tidegate.record import entry as en
from tidegate.record import facts as f
from tidegate.record.lines import ALL_LINES, LINE, OPERATION, PAID, Array

SEED = bytes(32)
NOW_MS = 1_792_944_000_000
MINUTE_MS = 60_000
PERSON = 77
DEADLINE_S = 20.0


class HandClock:
    """A wall clock and a monotonic one, set by hand."""

    def __init__(self) -> None:
        self.wall_ms = NOW_MS
        self.at_s = 1_000.0

    def now_ms(self) -> int:
        """The wall clock."""
        return self.wall_ms

    def monotonic_s(self) -> float:
        """The other one."""
        return self.at_s

    def pass_s(self, seconds: float) -> None:
        """Time passes on both."""
        self.at_s += seconds
        self.wall_ms += round(seconds * 1000)


SMALL = Capacity.small()
LARGE = Capacity(1 << 18, 1 << 18, 1 << 20, 1 << 20, 1 << 12, 1 << 10)


def folded(store: MemoryStore, capacity: Capacity = SMALL) -> Machine:
    """The machine that the stored entries lead to."""
    machine = Machine(SEED, capacity)
    for entry in store.entries:
        if entry.kind == BATCH:
            machine.fold(entry.payload)
    return machine


class House:
    """One shop: SKU A at 1,000 fen, floor 500; channel web."""

    def __init__(
        self,
        store: MemoryStore | None = None,
        clock: HandClock | None = None,
        capacity: Capacity = SMALL,
    ) -> None:
        self.store = store or MemoryStore("shop")
        self.capacity = capacity
        self.clock = clock or HandClock()
        self.journal = MemoryJournal(self.store)
        self.rebuilt = 0
        machine, head = self.again()
        self.desk = Desk("shop", machine, self.journal, head, bytes(32), self.clock, self.again)
        self._ids = 0

    def again(self) -> tuple[Machine, Head]:
        """What bootstrap does when a desk asks for its shop to be read anew."""
        machine = folded(self.store, self.capacity)
        head = self.journal.claim("desk")
        self.rebuilt += 1
        return machine, head

    async def open(self, units: int = 100) -> "House":
        """Begin to decide, with so many units of A."""
        self.start()
        for command in (f.PutChannel("web"), f.PutSku("A", 1_000, 500), f.ReceiveStock("A", units)):
            assert (await self.say(command)).reason == 0
        return self

    def start(self) -> None:
        """Begin to decide; only the test looks around."""
        self.desk.start()
        assert self.desk._ticker is not None
        self.desk._ticker.cancel()

    def say(
        self, command: f.Command, command_id: str = "", actor: int = PERSON, approver: int = 0
    ) -> "asyncio.Future[CommandAnswer]":
        """Give a command."""
        self._ids += 1
        return self.desk.command(command, command_id or f"own {self._ids}", actor, approver)

    def order(self, name: str, **fields: int) -> bytes:
        """An unpaid order of one A, as the single-order door packs it."""
        return self.rows([name], **{"flags": 0} | fields).tobytes()

    def rows(self, names: Sequence[str], **fields: int) -> Array:
        """Paid orders of one A each."""
        rows = np.zeros(len(names), LINE)
        keys = np.array([self.desk.order_key("web", name) for name in names], np.uint64)
        rows["id_hi"], rows["id_lo"] = keys[:, 0], keys[:, 1]
        rows["placed_at_ms"] = NOW_MS
        rows["quantity"], rows["receivable_fen"], rows["flags"] = 1, 1_000, PAID
        for name, value in fields.items():
            rows[name] = value
        return rows

    def operation(self, name: str, order: str, kind: int, **fields: int) -> Array:
        """An operation on a whole order."""
        row = np.zeros(1, OPERATION)
        row["id_hi"], row["id_lo"] = self.desk.order_key("\0operation", name)
        row["order_hi"], row["order_lo"] = self.desk.order_key("web", order)
        row["line"], row["kind"] = ALL_LINES, kind
        for field, value in fields.items():
            row[field] = value
        return row

    def look(self) -> None:
        """What a server does ten times a second."""
        self.desk._look_around()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for the desk's threads; a deadline instead of a guess."""
        deadline = asyncio.get_running_loop().time() + DEADLINE_S
        while not condition():
            assert asyncio.get_running_loop().time() < deadline, "the desk did not come round"
            await asyncio.sleep(0.001)

    async def settled(self) -> None:
        """Nothing is on its way."""
        await self.until(lambda: not self.desk._flights)

    def moments(self) -> list[int]:
        """The moment of each batch in the journal, UTC milliseconds."""
        return [
            en.read_head(en.aligned(entry.payload)).now_ms
            for entry in self.store.entries
            if entry.kind == BATCH
        ]

    def frames(self, kind: int) -> list[en.Frame]:
        """Every frame of a kind in the journal."""
        return [
            frame
            for entry in self.store.entries
            if entry.kind == BATCH
            for frame in en.read_frames(en.aligned(entry.payload))
            if frame.kind == kind
        ]

    def notes(self) -> list[f.Note]:
        """Every note in the journal."""
        return [f.decode_note(frame.body.tobytes()) for frame in self.frames(en.NOTE)]


def run(scene: Coroutine[Any, Any, None]) -> None:
    """Play a scene; a desk that hangs the loop is a failure, not a hang, by pytest's timeout."""
    asyncio.run(scene)
