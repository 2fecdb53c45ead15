"""Decides a workload's batches and makes them durable: the desk's inner loop without its doors.

The calling thread decides and encodes; one other thread appends to the journal, which hashes and
syncs. At most DEPTH batches are decided ahead of the disk. A batch counts as answered when its
append has returned, never before.
"""

import queue
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tidegate.engine.ahead import MemoryAhead
from tidegate.engine.machine import Machine
from tidegate.journal.protocol import Head, Journal
from tidegate.record.lines import DUPLICATE
from tidegate.testing.workload import Rows

DEPTH = 2


@dataclass
class Answered:
    """What came of a run of batches."""

    orders: int = 0
    accepted: int = 0
    duplicates: int = 0
    expired: int = 0
    entry_bytes: int = 0
    seconds: float = 0.0
    deciding_s: float = 0.0  # decide, encode and expire, by the calling thread
    appending_s: float = 0.0  # hash, write and sync, by the other thread
    batch_s: list[float] = field(default_factory=list)  # from decide begun to durable
    head: Head | None = None


class Appender:
    """The thread that makes entries durable, in order."""

    def __init__(self, journal: Journal, head: Head, ahead: MemoryAhead) -> None:
        self._journal = journal
        self._head = head
        self._ahead = ahead
        self._queue: queue.Queue[tuple[bytes, float] | None] = queue.Queue(DEPTH)
        self._fault: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="bench-appender")
        self.batch_s: list[float] = []
        self.appending_s = 0.0
        self._thread.start()

    def append(self, payload: bytes, begun_s: float) -> None:
        """Hand an entry over; waits while DEPTH entries are not durable yet."""
        if self._fault is not None:
            raise self._fault
        self._queue.put((payload, begun_s))

    def finish(self) -> Head:
        """Wait until everything is durable; the head then."""
        self._queue.put(None)
        self._thread.join()
        if self._fault is not None:
            raise self._fault
        return self._head

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            if self._fault is not None:
                continue  # keep taking, so that the other side never waits for ever
            payload, begun_s = item
            started_s = time.perf_counter()
            try:
                self._head = self._journal.append(self._head.seq, payload)
            except BaseException as error:  # noqa: BLE001  told to the other thread
                self._fault = error
                continue
            now_s = time.perf_counter()
            self.appending_s += now_s - started_s
            self.batch_s.append(now_s - begun_s)
            self._ahead.step()


def durable(
    machine: Machine,
    journal: Journal,
    head: Head,
    batches: Iterable[tuple[Rows, int]],
    local_day: int,
) -> Answered:
    """Decide every batch and make it durable; `head` is the journal's, which we own."""
    result = Answered()
    appender = Appender(journal, head, machine.memory_ahead)
    verdicts: list[NDArray[np.void]] = []
    started_s = time.perf_counter()
    try:
        for rows, now_ms in batches:
            begun_s = time.perf_counter()
            if not machine.fits(len(rows), 0):  # as the desk asks: the kernel has no bounds checks
                raise RuntimeError("the bench's tables are too small for its workload")
            machine.begin(now_ms, local_day)
            result.expired += machine.expire()
            verdicts.append(machine.decide_orders(rows))
            payload = machine.finish()
            result.deciding_s += time.perf_counter() - begun_s
            result.entry_bytes += len(payload)
            appender.append(payload, begun_s)
    finally:
        result.head = appender.finish()
    result.seconds = time.perf_counter() - started_s
    result.batch_s, result.appending_s = appender.batch_s, appender.appending_s
    for outcomes in verdicts:  # counted afterwards: it is no part of the work
        result.orders += len(outcomes)
        fresh = (outcomes["flags"] & DUPLICATE) == 0
        result.duplicates += len(outcomes) - int(fresh.sum())
        result.accepted += int((fresh & (outcomes["reason"] == 0)).sum())
    return result
