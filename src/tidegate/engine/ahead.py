"""Asks the operating system for memory before the orders that will need it.

A page is given when it is first written, and on a virtual machine that can take milliseconds for
two megabytes, in the middle of a batch. So whoever has time (the thread that stores batches) asks
for the pages just behind the used end of each growing table. Contents are never changed, and no
table that stands still is asked for, so an idle shop takes no memory for it. It makes nothing
possible that was not, and where the system cannot do it, it does nothing.

Source: madvise(2), MADV_POPULATE_WRITE (Linux 5.14).
"""

import ctypes
import mmap
import sys
from collections.abc import Callable

from tidegate.engine import layout as lo
from tidegate.engine.index import BUCKET_WORDS, BUCKETS, OVERFLOW_BASE, OVERFLOW_TOP
from tidegate.engine.layout import Index, State
from tidegate.record.lines import Array

MADV_POPULATE_WRITE = 23
AHEAD_BYTES = 2 << 20  # at least so far behind the end of a table that grows
AHEAD_STEPS = 4  # or as far as it grew in one step, so many times
STEP_BYTES = 64 << 20  # of one table at once

End = Callable[[], int]  # the first byte of a table that is not used yet


class MemoryAhead:
    """The growing tables of one state and how far their pages have been asked for."""

    def __init__(self, state: State) -> None:
        self._tables = [Grown(rows, end) for rows, end in growing(state)]
        self._madvise = populate_call()

    def step(self) -> int:
        """Ask for what the next batches will need; how many bytes were asked for.

        Any thread may call it, one at a time; it may read a table's end late, never wrongly.
        """
        if self._madvise is None:
            return 0
        asked = 0
        for table in self._tables:
            start, stop = table.wanted()
            if start < stop:
                if self._madvise(table.address + start, stop - start, MADV_POPULATE_WRITE) != 0:
                    self._madvise = None  # an older kernel, or no memory left: orders will ask
                    return asked
                asked += stop - start
        return asked


class Grown:
    """One table: where it lies, where its used part ends, how far its pages were asked for."""

    def __init__(self, rows: Array, end: End) -> None:
        self.rows = rows  # keeps the memory from being given back while it is asked for
        self.address: int = rows.ctypes.data
        self._end, self._seen, self._asked = end, end(), 0

    def wanted(self) -> tuple[int, int]:
        """The bytes to ask for now, whole pages; empty while the table stands still."""
        end = min(self._end(), self.rows.nbytes)
        grown, self._seen = end - self._seen, end
        if grown <= 0:
            return 0, 0
        start = max(self._asked, end)
        goal = end + min(max(AHEAD_BYTES, AHEAD_STEPS * grown), STEP_BYTES)
        if goal - start < AHEAD_BYTES // 2:
            return 0, 0  # far enough for now
        start -= start % mmap.PAGESIZE
        self._asked = min(goal, self.rows.nbytes)
        return start, self._asked


def growing(s: State) -> list[tuple[Array, End]]:
    """The tables that grow with orders and buyers. Rings count as long as they never wrapped."""
    found = [
        (s.orders, rows_end(s, lo.ORDER_COUNT, s.orders)),
        (s.refusals, rows_end(s, lo.REFUSAL_COUNT, s.refusals)),
        (s.keys, rows_end(s, lo.KEY_COUNT, s.keys)),
        (s.counters, rows_end(s, lo.COUNTER_COUNT, s.counters)),
        (s.blocks, rows_end(s, lo.BLOCK_TOP, s.blocks)),
        (s.heap, rows_end(s, lo.HEAP_COUNT, s.heap)),
        (s.late, rows_end(s, lo.LATE_COUNT, s.late)),
    ]
    for index in (s.order_index, s.key_index, s.counter_index):
        found += [buckets(index), overflow(index)]
    return found


def rows_end(s: State, count: int, rows: Array) -> End:
    """The end of the rows that a scalar counts."""
    return lambda: int(s.scalars[count]) * rows.itemsize


def buckets(index: Index) -> tuple[Array, End]:
    """An index's buckets."""
    words = index.words[: int(index.meta[OVERFLOW_BASE]) * BUCKET_WORDS]
    return words, lambda: int(index.meta[BUCKETS]) * BUCKET_WORDS * words.itemsize


def overflow(index: Index) -> tuple[Array, End]:
    """The overflow buckets, which lie behind the others."""
    words = index.words[int(index.meta[OVERFLOW_BASE]) * BUCKET_WORDS :]
    return words, lambda: int(index.meta[OVERFLOW_TOP]) * BUCKET_WORDS * words.itemsize


def populate_call() -> Callable[[int, int, int], int] | None:
    """madvise(2) of the C library, which lets go of the interpreter; None where there is none."""
    if not sys.platform.startswith("linux"):
        return None
    call = ctypes.CDLL(None, use_errno=True).madvise
    call.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    call.restype = ctypes.c_int
    populate: Callable[[int, int, int], int] = call
    return populate
