"""Memory is asked for ahead of tables that grow, and only of those; contents stay as they were."""

import numpy as np
import pytest

from tidegate.engine import ahead
from tidegate.engine.ahead import AHEAD_BYTES, Grown, MemoryAhead
from tidegate.engine.layout import reserve
from tidegate.engine.machine import Machine
from tidegate.testing.scene import SEED, stocked

ROWS = 8 << 20  # of eight bytes: 64 MiB


class Table:
    """A table whose used end a test moves."""

    def __init__(self) -> None:
        self.rows = reserve(ROWS, np.uint64)
        self.end = 0
        self.grown = Grown(self.rows, lambda: self.end)


def test_a_table_that_stands_still_is_not_asked_for() -> None:
    table = Table()
    assert table.grown.wanted() == (0, 0)
    table.end = 4096
    start, stop = table.grown.wanted()
    assert (start, stop) == (4096, 4096 + AHEAD_BYTES)
    assert table.grown.wanted() == (0, 0)


def test_pages_are_asked_for_once_and_in_proportion_to_growth() -> None:
    table = Table()
    asked = 0
    for step in range(1, 60):
        table.end = step << 20
        start, stop = table.grown.wanted()
        if start < stop:
            assert start >= asked - 4096
            assert stop >= table.end + AHEAD_BYTES
            asked = stop
    assert asked <= table.rows.nbytes
    table.end = table.rows.nbytes + 8  # a ring that wrapped: nothing lies behind it
    assert table.grown.wanted()[1] <= table.rows.nbytes


def test_what_is_written_stays_written() -> None:
    shop = stocked()
    before = shop.machine.digest()
    machine_ahead = MemoryAhead(shop.machine.state)
    machine_ahead.step()
    assert shop.buy("A", 3).ok
    after = shop.machine.digest()
    asked = machine_ahead.step()
    assert shop.machine.digest() == after != before
    if ahead.populate_call() is not None:
        assert asked > 0
    assert machine_ahead.step() == 0
    assert shop.sound()


def test_a_system_that_cannot_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def refuses(_address: int, size: int, _advice: int) -> int:
        calls.append(size)
        return -1

    monkeypatch.setattr(ahead, "populate_call", lambda: refuses)
    machine = Machine(SEED)
    machine.state.scalars[ahead.lo.ORDER_COUNT] = 100_000
    assert machine.memory_ahead.step() == 0
    machine.state.scalars[ahead.lo.ORDER_COUNT] = 300_000
    assert machine.memory_ahead.step() == 0
    assert len(calls) == 1
