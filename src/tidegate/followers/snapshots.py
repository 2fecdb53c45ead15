"""The follower that writes snapshots: it folds the journal as a restart would.

That it reaches a state at all is a check of the journal; its digest, noted in the journal by the
desk, is one of the fold. It decides nothing and holds nothing of the journal between polls.
"""

from collections.abc import Callable
from pathlib import Path

from tidegate.engine import layout as lo
from tidegate.engine.machine import Machine
from tidegate.engine.snapshot import list_snapshots, write_snapshot
from tidegate.journal.follow import BATCH, Follower, Head, JournalReader

DECISIONS = 1_000_000  # between two snapshots
KEEP = 2
STEP_BYTES = 2 << 20  # of entries, so that one step stays short


class SnapshotFollower:
    """Folds one shop's journal and writes a snapshot every so many decisions."""

    def __init__(
        self,
        open_journal: Callable[[], JournalReader],
        folder: Path,
        machine: Machine,
        head: Head,
        decisions: int = DECISIONS,
    ) -> None:
        """`machine` as of `head` (from the newest snapshot, or empty with GENESIS)."""
        self._follower = Follower(open_journal, head, rehash=True)
        self._folder = folder
        self._machine = machine
        self._decisions = decisions
        self._written_at = self._decided()

    @property
    def seq(self) -> int:
        """The newest entry folded."""
        return self._follower.cursor.seq

    @property
    def head(self) -> Head:
        """The entry that the machine is as of."""
        return self._follower.cursor

    @property
    def machine(self) -> Machine:
        """The folded machine, to look at between steps."""
        return self._machine

    def lag(self) -> int:
        """Entries not folded yet."""
        return self._follower.lag()

    def step(self) -> bool:
        """Fold what is new, at most a few megabytes; whether there was anything."""
        before = self._follower.cursor
        entries = self._follower.poll(STEP_BYTES)
        for entry in entries:
            if entry.kind == BATCH:
                self._machine.fold(entry.payload)
        if entries and self._decided() - self._written_at >= self._decisions:
            self.write()
        return self._follower.cursor != before

    def write(self) -> Path:
        """Write a snapshot of the state as it is, and drop the oldest beyond KEEP."""
        cursor = self._follower.cursor
        path, _ = write_snapshot(self._machine, self._folder, cursor.seq, cursor.hash)
        self._written_at = self._decided()
        for old in list_snapshots(self._folder)[:-KEEP]:
            old.unlink(missing_ok=True)
        return path

    def close(self) -> None:
        """Let go of the journal."""
        self._follower.close()

    def _decided(self) -> int:
        scalars = self._machine.state.scalars
        return int(scalars[lo.DECIDED_COUNT]) + int(scalars[lo.ORDER_COUNT])
