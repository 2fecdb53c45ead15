"""Old entries leave the journal: first into segment files, then, checked again, out of the file.

Always: an entry is in a checked, synced segment before it is pruned, and can be read on as if it
were still in the journal. Never: anything goes beyond the newest snapshot whose digest is
journalled, or, unless forced, beyond what a follower has read.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tidegate.journal.protocol import (
    GENESIS,
    READ_BYTES,
    ArchiveMissing,
    Corrupt,
    Entry,
    Head,
    Journal,
    JournalReader,
    Pruned,
)
from tidegate.journal.segment import (
    Segment,
    SegmentFile,
    check_segment,
    segments_in,
    write_segment,
)

ARCHIVE_DIRECTORY = "archive"
PRUNE_STEP = 64  # entries, which is one transaction at home


@dataclass(frozen=True, slots=True)
class ArchivePolicy:
    """How much stays in the journal's own file."""

    keep_entries: int = 100_000
    segment_bytes: int = 64 << 20
    snapshot_margin_entries: int = 1_000  # that stay before the newest journalled snapshot


class Needed(NamedTuple):
    """Who still needs the journal: the newest journalled snapshot, and the followers' cursors."""

    snapshot_seq: int
    cursors: Mapping[str, int]


def last_to_go(policy: ArchivePolicy, head_seq: int, needed: Needed, *, force: bool = False) -> int:
    """The last sequence that policy lets go; 0 for nothing.

    `force` overrides followers (they read on from the archive), never the snapshot: without the
    entries after it a server could not start.
    """
    bounds = [head_seq - policy.keep_entries, needed.snapshot_seq]
    if not force:
        bounds.extend(needed.cursors.values())
    return max(0, min(bounds))


class Archive:
    """The segments of one stream in a directory. Any number of readers, one writer."""

    def __init__(self, directory: Path, stream: str) -> None:
        self.directory = directory
        self.stream = stream

    def base(self) -> Head:
        """The head before the first archived entry; GENESIS when nothing is archived."""
        segments = segments_in(self.directory)
        return _base_of(segments[0]) if segments else GENESIS

    def last_seq(self) -> int:
        """The last archived entry, 0 when there is none."""
        segments = segments_in(self.directory)
        return segments[-1].last_seq if segments else 0

    def check(self, from_seq: int = 1, through_seq: int | None = None) -> Head:
        """Re-hash the segments that hold `from_seq` to `through_seq`; the head after them."""
        segments = [
            segment
            for segment in segments_in(self.directory)
            if segment.last_seq >= from_seq
            and (through_seq is None or segment.first_seq <= through_seq)
        ]
        head = _base_of(segments[0]) if segments else GENESIS
        for segment in segments:
            head = check_segment(segment, self.stream, head)
        return head

    def read(self, from_seq: int, limit_bytes: int = READ_BYTES) -> list[Entry]:
        """Archived entries from `from_seq` on, as `JournalReader.read`. Raises Pruned, Corrupt."""
        segments = segments_in(self.directory)
        if segments and from_seq < segments[0].first_seq:
            raise Pruned(from_seq, segments[0].first_seq)
        entries: list[Entry] = []
        size = 0
        for segment in segments:
            if segment.last_seq < from_seq:
                continue
            file = SegmentFile(segment.path)
            try:
                for entry in file.entries(from_seq):
                    entries.append(entry)
                    size += len(entry.payload)
                    if size >= limit_bytes:
                        return entries
            finally:
                file.close()
        return entries

    def extend(
        self,
        journal: JournalReader,
        through_seq: int,
        segment_bytes: int,
        *,
        all_of_it: bool = False,
        progress: Callable[[Segment], None] = lambda _: None,
    ) -> Head:
        """Copy entries up to `through_seq` into segments; the head after the last archived one.

        What does not fill a segment stays for the next time, unless `all_of_it`. Goes on where it
        was stopped.
        """
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        while True:
            head = self._head_at_end(journal)
            entries = _up_to(journal, head.seq + 1, through_seq, segment_bytes)
            full = sum(len(entry.payload) for entry in entries) >= segment_bytes
            if not entries or not (full or all_of_it):
                return head
            progress(write_segment(self.directory, self.stream, head, entries))

    def _head_at_end(self, journal: JournalReader) -> Head:
        segments = segments_in(self.directory)
        if not segments:
            return journal.base()
        file = SegmentFile(segments[-1].path)
        try:
            (last,) = file.entries(segments[-1].last_seq)
        finally:
            file.close()
        return last.head


def prune(
    journal: Journal,
    archive: Archive,
    through_seq: int,
    *,
    between: Callable[[], None] = lambda: None,
) -> Head:
    """Prune what is archived, up to `through_seq` (`last_to_go` says how far); the new base.

    Checks the segments concerned against the journal first: soon theirs is the only copy. Raises
    Corrupt when the archive can't stand in for the journal. `between` is called after every
    PRUNE_STEP entries, so that appends get their turn; it may raise, and then the rest stays.
    """
    through_seq = min(through_seq, archive.last_seq())
    base = journal.base()
    if through_seq <= base.seq:
        return base
    head = archive.check(base.seq + 1, through_seq)
    kept = journal.read(head.seq, 1)
    if not kept or kept[0].head != head:
        raise Corrupt(f"the archive's entry {head.seq} is not the journal's: nothing was pruned")
    while base.seq < through_seq:
        base = journal.prune(min(through_seq, base.seq + PRUNE_STEP))
        between()
    return base


class WholeJournal:
    """A journal and its archive read as one, from the first entry on. A `JournalReader`."""

    def __init__(self, journal: JournalReader, archive: Archive) -> None:
        self.stream = journal.stream
        self._journal = journal
        self._archive = archive
        self._lock = threading.Lock()

    def base(self) -> Head:
        """The head before the oldest entry that can still be read."""
        return self._archive.base() if self._archive.last_seq() else self._journal.base()

    def head(self) -> Head:
        """The newest entry."""
        return self._journal.head()

    def read(self, from_seq: int, limit_bytes: int = READ_BYTES) -> list[Entry]:
        """Entries from `from_seq` on, wherever they are. Raises ArchiveMissing when nowhere."""
        try:
            return self._journal.read(from_seq, limit_bytes)
        except Pruned as pruned:
            with self._lock:
                return self._archived(from_seq, limit_bytes, pruned.first_seq)

    def _archived(self, from_seq: int, limit_bytes: int, first_seq: int) -> list[Entry]:
        """Entries that are no longer in the journal, which begins with `first_seq`."""
        directory = str(self._archive.directory)
        try:
            entries = self._archive.read(from_seq, limit_bytes)
        except ArchiveMissing:
            raise
        except Pruned as begins:
            raise ArchiveMissing(directory, from_seq, begins.first_seq - 1) from None
        if not entries:
            raise ArchiveMissing(directory, from_seq, first_seq - 1)
        return entries

    def close(self) -> None:
        """Let go of the journal."""
        self._journal.close()


def _base_of(segment: Segment) -> Head:
    file = SegmentFile(segment.path)
    file.close()
    return file.base


def _up_to(journal: JournalReader, from_seq: int, through_seq: int, size: int) -> list[Entry]:
    """Entries up to `through_seq` until they make `size` bytes."""
    entries: list[Entry] = []
    left = size
    while left > 0 and from_seq <= through_seq:
        more = list(_until(journal.read(from_seq, left), through_seq))
        if not more:
            break
        entries += more
        left -= sum(len(entry.payload) for entry in more)
        from_seq = more[-1].seq + 1
    return entries


def _until(entries: list[Entry], through_seq: int) -> Iterator[Entry]:
    return (entry for entry in entries if entry.seq <= through_seq)
