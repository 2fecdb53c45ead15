"""A throw-away shop for benches: a fresh engine, a fresh SQLite journal, and its snapshot follower.

The journal is the product's own, in the folder that is measured, and every setting is the
default. The follower runs in a process of its own, as it does in production. A shop made here never
outlives its round.
"""

import dataclasses
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from tidegate.bench.pipeline import Answered, durable
from tidegate.engine.layout import Capacity
from tidegate.engine.machine import Machine
from tidegate.journal.sqlite import SqliteJournal
from tidegate.testing.shop import quoted_now, set_up
from tidegate.testing.workload import START_MS, Rows, Terms, hot, mixed

SEED = b"a seed of the bench, no secret.."
STREAM = "bench"
LOCAL_DAY = 20_752  # 2026-10-26
FOLLOWER_STOP_S = 120.0


def capacity_for(orders: int) -> Capacity:
    """Tables for so many orders of any workload here: address space, not memory."""
    rows = 1 << max(19, (orders * 5 // 4).bit_length())
    return Capacity(2 * rows, rows, 3 * rows, 8 * rows)


def terms_for(orders: int, seed: int) -> Terms:
    """The hot shop's terms with stock and budget for so many orders."""
    terms = hot(1, seed).terms
    return dataclasses.replace(
        terms, stock_units=np.array([orders * 2], np.int64), budget_fen=orders * 10_000
    )


def warm_up() -> None:
    """Load the compiled kernel; compiles it when this is the first run on the machine."""
    for made in (hot(64, 1), mixed(64, 1, skus=100)):
        machine = Machine(SEED, capacity_for(64))
        set_up(machine, made.terms, made.start_ms - 1000, LOCAL_DAY)
        for rows, now_ms in made.batches(32):
            machine.begin(now_ms, LOCAL_DAY)
            machine.expire()
            machine.decide_orders(rows)
            machine.finish()


class BenchShop:
    """Context manager: the shop, set up for a workload's terms, its journal claimed."""

    def __init__(self, folder: Path, terms: Terms, capacity: Capacity) -> None:
        """`folder` is made; the kernel should be warm."""
        folder.mkdir(parents=True)
        self.folder = folder
        self.capacity = capacity
        self.machine = Machine(SEED, capacity)
        entries = set_up(self.machine, terms, START_MS - 1000, LOCAL_DAY)
        self.journal = SqliteJournal(folder, STREAM)
        self.head = self.journal.claim("bench")
        for entry in entries:
            self.head = self.journal.append(self.head.seq, entry)
        self._follower: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop_following()
        self.journal.close()

    @property
    def snapshots(self) -> Path:
        """Where the follower puts its snapshots."""
        return self.folder / "snapshots"

    def quoted(self, rows: Rows) -> Rows:
        """The rows, quoted at this shop's prices (in place)."""
        quoted_now(self.machine, rows)
        return rows

    def run(self, batches: Iterable[tuple[Rows, int]]) -> Answered:
        """Decide the batches and make them durable."""
        answered = durable(self.machine, self.journal, self.head, batches, LOCAL_DAY)
        assert answered.head is not None
        self.head = answered.head
        return answered

    def follow(self, decisions: int) -> None:
        """Start the follower, which writes a snapshot every so many decisions."""
        capacity = ",".join(str(number) for number in self.capacity)
        self._follower = subprocess.Popen(
            [sys.executable, "-m", "tidegate.bench.snapshot_process", str(self.folder), capacity,
             str(decisions)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert self._follower.stdout is not None
        ready = self._follower.stdout.readline()
        assert ready == b"following\n", "the snapshot follower did not start"

    def stop_following(self) -> int:
        """Let the follower end where it is; how many snapshots it wrote."""
        if self._follower is None:
            return 0
        answer, _ = self._follower.communicate(timeout=FOLLOWER_STOP_S)
        self._follower = None
        return int(answer or 0)
