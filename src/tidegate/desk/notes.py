"""Which snapshot stands in the journal with its digest, and which still has to be noted.

Always: a snapshot counts as confirmed only when its note was read back from the journal. Never:
the journal is read further than a bounded part at a time.
"""

from collections.abc import Callable
from pathlib import Path

from tidegate.engine.snapshot import (
    SnapshotHead,
    SnapshotRefused,
    list_snapshots,
    read_snapshot_head,
)
from tidegate.journal.protocol import BATCH, JournalReader
from tidegate.record import entry as en
from tidegate.record import facts as f

READ_BYTES = 8 << 20
READS_A_STEP = 8
PATIENCE_S = 30.0  # a note that was asked for and is not there by then was lost with its batch


class SnapshotNotes:
    """One shop's snapshots, as the journal knows them."""

    def __init__(
        self, journal: JournalReader, folder: Path, monotonic_s: Callable[[], float]
    ) -> None:
        self.confirmed_seq = 0
        self._journal = journal
        self._folder = folder
        self._monotonic_s = monotonic_s
        self._sought: SnapshotHead | None = None
        self._seen_seq = 0
        self._ask_again_s = 0.0

    def step(self) -> f.Note | None:
        """Look for the newest snapshot's note; a note that is to be written, if it has none.

        Raises what reading the journal raises.
        """
        newest = newest_head(self._folder)
        if newest is None or newest.seq <= self.confirmed_seq:
            return None
        if newest != self._sought:
            self._sought, self._seen_seq, self._ask_again_s = newest, newest.seq, 0.0
        for _ in range(READS_A_STEP):
            entries = self._journal.read(self._seen_seq + 1, READ_BYTES)
            if not entries:
                return self._asked(newest)
            if any(entry.kind == BATCH and says(entry.payload, newest) for entry in entries):
                self.confirmed_seq = newest.seq
                return None
            self._seen_seq = entries[-1].seq
        return None

    def _asked(self, newest: SnapshotHead) -> f.Note | None:
        now_s = self._monotonic_s()
        if now_s < self._ask_again_s:
            return None
        self._ask_again_s = now_s + PATIENCE_S
        return f.Note("snapshot", newest.seq, newest.digest)


def newest_head(folder: Path) -> SnapshotHead | None:
    """What the newest snapshot that can be read says of itself."""
    for path in reversed(list_snapshots(folder)):
        try:
            return read_snapshot_head(path)
        except SnapshotRefused:
            continue
    return None


def says(payload: bytes, snapshot: SnapshotHead) -> bool:
    """Whether an entry holds that snapshot's note."""
    for frame in en.read_frames(en.aligned(payload)):
        if frame.kind == en.NOTE:
            note = f.decode_note(frame.body.tobytes())
            if note == f.Note("snapshot", snapshot.seq, snapshot.digest):
                return True
    return False
