"""A desk whose n-th append fails, in every way a journal can fail, with two batches under way.

What was answered is stored; what was decided on a machine that was thrown away is never stored;
whoever was not answered is told so and gets one answer when the same id comes again.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tidegate.desk.answers import DeskUnready, Undecided
from tidegate.desk.desk import Desk
from tidegate.engine.layout import Capacity
from tidegate.engine.machine import Machine
from tidegate.journal.memory import MemoryFault, MemoryJournal, MemoryStore
from tidegate.journal.protocol import BATCH, Head
from tidegate.record import facts as f
from tidegate.record.lines import LINE, PAID, Array

SEED = bytes(32)
NOW_MS = 1_792_944_000_000
STOCK = 20_000
BATCHES = 4
ORDERS = 9_000  # two such batches do not fit one entry, and each is large enough to go ahead


class StillClock:
    """A clock that a test sets."""

    def now_ms(self) -> int:
        """Always the same moment."""
        return NOW_MS

    def monotonic_s(self) -> float:
        """Always the same second."""
        return 1.0


def folded(store: MemoryStore) -> Machine:
    """The machine that the stored entries lead to."""
    machine = Machine(SEED, Capacity.small())
    for entry in store.entries:
        if entry.kind == BATCH:
            machine.fold(entry.payload)
    return machine


def desk_on(store: MemoryStore) -> Desk:
    """A desk that owns the journal in `store`."""

    def again() -> tuple[Machine, Head]:
        machine = folded(store)
        return machine, journal.claim("desk")

    journal = MemoryJournal(store)
    machine, head = again()
    return Desk("shop", machine, journal, head, bytes(32), StillClock(), again)


def orders(desk: Desk, first: int, count: int) -> Array:
    """Paid orders of one unit, with ids from `first` on."""
    rows = np.zeros(count, LINE)
    for i in range(count):
        rows["id_hi"][i], rows["id_lo"][i] = desk.order_key("web", str(first + i))
    rows["placed_at_ms"] = NOW_MS
    rows["quantity"] = 1
    rows["receivable_fen"] = 1_000
    rows["flags"] = PAID
    return rows


async def opened(store: MemoryStore) -> Desk:
    """A shop with one SKU and STOCK units of it."""
    desk = desk_on(store)
    desk.start()
    for number, command in enumerate(
        (f.PutChannel("web"), f.PutSku("A", 1_000, 500), f.ReceiveStock("A", STOCK))
    ):
        await desk.command(command, f"set-up {number}", actor=1)
    return desk


async def answers_of(desk: Desk, batches: list[Array]) -> list[Any]:
    """What becomes of batches that are all asked at once."""
    futures = [desk.place_rows(rows) for rows in batches]
    return await asyncio.gather(*futures, return_exceptions=True)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for the desk to come round; a deadline instead of a guess."""
    deadline = asyncio.get_running_loop().time() + 20
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, "the desk did not come round"
        await asyncio.sleep(0.005)


async def night(fault: MemoryFault, place: int) -> tuple[MemoryStore, list[Any], list[Any]]:
    """Ask BATCHES large batches at once; the append of number `place` of them fails."""
    store = MemoryStore("shop")
    desk = await opened(store)
    batches = [orders(desk, n * ORDERS, ORDERS) for n in range(BATCHES)]
    journal: Any = desk._journal
    append, seen = journal.append, [0]

    def failing(expected_seq: int, payload: bytes) -> Head:
        if seen[0] == place:  # counted from the first batch of orders
            store.next_fault = fault
        seen[0] += 1
        head: Head = append(expected_seq, payload)
        return head

    journal.append = failing
    first = await answers_of(desk, batches)
    if fault != "sync":
        await until(lambda: desk.status().ready)
        second = await answers_of(desk, batches)
    else:
        second = []
        with pytest.raises(DeskUnready, match="restart the server"):
            desk.place_rows(batches[0])
    await desk.stop()
    return store, first, second


@pytest.mark.parametrize("place", range(BATCHES))
@pytest.mark.parametrize("fault", ["unknown_stored", "unknown_lost", "full", "sync"])
def test_what_was_answered_is_stored_and_nothing_else_is_sold(
    fault: MemoryFault, place: int
) -> None:
    """Accepted answers and the folded journal agree to the unit, whatever failed and when."""
    store, first, second = asyncio.run(night(fault, place))
    machine = folded(store)
    cell = machine.state.cells[0, 0]
    told = [answer for answer in second or first if not isinstance(answer, Exception)]
    accepted = sum(int((answer.outcomes["reason"] == 0).sum()) for answer in told)
    assert int(cell["committed"]) <= STOCK
    for answer in first:
        if isinstance(answer, Exception):
            assert isinstance(answer, Undecided | DeskUnready)
        else:
            entry = store.entries[answer.seq - 1]
            assert (entry.seq, entry.kind) == (answer.seq, BATCH)
    if second:
        assert all(not isinstance(answer, Exception) for answer in second)
        assert accepted == int(cell["committed"]) == STOCK
        for before, after in zip(first, second, strict=True):
            if not isinstance(before, Exception):
                assert (before.outcomes["reason"] == after.outcomes["reason"]).all()


def test_without_a_fault_every_batch_is_answered_in_order() -> None:
    """The control: the same night, nothing fails."""
    store, first, second = asyncio.run(night("full", place=99))
    assert [answer.seq for answer in first] == sorted(answer.seq for answer in first)
    assert sum(int((answer.outcomes["reason"] == 0).sum()) for answer in first) == STOCK
    assert all((a.outcomes["flags"] == 1).all() for a in second)
    assert int(folded(store).state.cells[0, 0]["committed"]) == STOCK
