"""Follow a journal from another thread or process: everything that is not the desk sees it so.

Always: entries come in order, each linked to the one before, or an error says that the journal was
replaced. Never: anything is held between polls, or skipped, or decided.
"""

import threading
from collections.abc import Callable, Iterator
from itertools import pairwise

from tidegate.journal.chain import Chain
from tidegate.journal.protocol import (
    BATCH,
    CLAIM,
    GENESIS,
    READ_BYTES,
    Corrupt,
    Entry,
    Head,
    JournalError,
    JournalReader,
    Pruned,
    RolledBack,
    StoreBusy,
)

__all__ = [
    "BATCH",
    "CLAIM",
    "GENESIS",
    "Corrupt",
    "Entry",
    "Follower",
    "Head",
    "JournalError",
    "JournalReader",
    "Pruned",
    "RolledBack",
    "StoreBusy",
    "entries_after",
]

IDLE_S = 0.02


class Follower:
    """Reads on from `cursor`, which the caller keeps with what it made of the entries.

    After a poll `cursor` is behind the entries returned. A caller that could not store its work
    sets it back. `rehash`: check each payload against its hash as well as the links.
    """

    def __init__(
        self,
        open_journal: Callable[[], JournalReader],
        cursor: Head = GENESIS,
        *,
        rehash: bool = False,
    ) -> None:
        self.cursor = cursor
        self._open_journal = open_journal
        self._reader: JournalReader | None = None
        self._chain: Chain | None = None
        self._rehash = rehash

    def poll(self, limit_bytes: int = READ_BYTES) -> list[Entry]:
        """The next entries, empty when there are none yet. Moves the cursor behind them.

        Raises Pruned (read from the archive), RolledBack (rebuild), Corrupt, or StoreBusy while
        the server must start again after a failed sync.
        """
        reader = self._opened()
        entries = reader.read(self.cursor.seq + 1, limit_bytes)
        if not entries:
            self._require_same_past(reader.head())
            return entries
        first = entries[0]
        if first.prev_hash != self.cursor.hash:
            raise RolledBack(self.cursor, Head(first.seq - 1, first.epoch, first.prev_hash))
        if self._rehash:
            assert self._chain is not None
            self.cursor = self._chain.check(entries, self.cursor)
        else:
            _check_links(entries)
            self.cursor = entries[-1].head
        return entries

    def lag(self) -> int:
        """How many entries are stored beyond the cursor."""
        return self._opened().head().seq - self.cursor.seq

    def batches(self, stop: threading.Event, idle_s: float = IDLE_S) -> Iterator[list[Entry]]:
        """Polls until `stop` is set, waiting `idle_s` when there is nothing new or it is busy."""
        while not stop.is_set():
            try:
                entries = self.poll()
            except StoreBusy:
                entries = []
            if entries:
                yield entries
            else:
                stop.wait(idle_s)

    def close(self) -> None:
        """Let go of the journal; the next poll opens it again."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _opened(self) -> JournalReader:
        if self._reader is None:
            self._reader = self._open_journal()
            self._chain = Chain(self._reader.stream)
        return self._reader

    def _require_same_past(self, head: Head) -> None:
        if head.seq < self.cursor.seq or (head.seq == self.cursor.seq and head != self.cursor):
            raise RolledBack(self.cursor, head)


def entries_after(
    reader: JournalReader, after: Head = GENESIS, limit_bytes: int = READ_BYTES
) -> Iterator[Entry]:
    """Every entry after `after` that is stored now, a few megabytes in memory at a time."""
    seq = after.seq
    while entries := reader.read(seq + 1, limit_bytes):
        yield from entries
        seq = entries[-1].seq


def _check_links(entries: list[Entry]) -> None:
    for before, entry in pairwise(entries):
        if entry.prev_hash != before.hash or entry.seq != before.seq + 1:
            raise Corrupt(f"entry {entry.seq} does not continue entry {before.seq}")
