"""Old entries of a served shop go to its archive and out of its journal, by policy.

Always: an entry stays in the journal until a checked segment holds it, a snapshot after it stands
in the journal with its digest, and every follower has read it. Never: anything goes while it is not
known how far a follower is.
"""

from collections.abc import Callable
from pathlib import Path

import msgspec

from tidegate.desk.notes import SnapshotNotes
from tidegate.followers.status import Status
from tidegate.journal.archive import Archive, ArchivePolicy, Needed, WholeJournal, last_to_go, prune
from tidegate.journal.protocol import Journal
from tidegate.journal.segment import segments_in
from tidegate.journal.sqlite_file import SqliteReader
from tidegate.storage.sqlite_schema import free_disk_bytes
from tidegate.store_paths import ShopPaths

FOLLOWERS = ("views", "snapshots", "trees")  # they read the journal; `stock` reads the fold
LOW_DISK_BYTES = 1 << 30  # twice what new orders need: archiving must not be what refuses them


class Waits(Exception):
    """Nothing may go now; the message says what it waits for."""


class Archived(msgspec.Struct, frozen=True):
    """What of a shop is where: the journal's first entry, the archive's last, its files."""

    journal_first_seq: int = 1
    archived_seq: int = 0
    segments: int = 0
    size_bytes: int = 0
    waits_for: str = ""


class ShopArchiving:
    """Archives and prunes one shop, a bounded step at a time, beside its desk."""

    def __init__(
        self,
        name: str,
        paths: ShopPaths,
        journal: Journal,
        notes: SnapshotNotes,
        policy: ArchivePolicy,
        free_bytes: Callable[[Path], int] = free_disk_bytes,
    ) -> None:
        self._name = name
        self._journal = journal
        self._notes = notes
        self._policy = policy
        self._free_bytes = free_bytes
        self._archive = Archive(paths.archive, name)
        self._whole = WholeJournal(SqliteReader(paths.folder, name), self._archive)
        self.state = Archived()

    def step(self, followers: Status, now_ms: int, breathe: Callable[[], None]) -> None:
        """Archive and prune what may go. `breathe` is called between pieces, and may raise.

        Raises what reading and writing raise; `state` says how far it is, and what it waits for.
        """
        waits_for = ""
        try:
            self._move(self._last_to_go(followers, now_ms), breathe)
        except Waits as reason:
            waits_for = str(reason)
        finally:
            self.state = self._found(waits_for)

    def close(self) -> None:
        """Let go of the journal's reader."""
        self._whole.close()

    def _last_to_go(self, followers: Status, now_ms: int) -> int:
        """How far the policy lets go. Raises Waits."""
        head_seq = self._whole.head().seq
        if self._policy.keep_entries <= 0:
            raise Waits("nothing: archiving is switched off")
        if head_seq - self._policy.keep_entries <= self._journal.base().seq:
            return 0  # it is not long enough yet
        cursors = self._cursors(followers, now_ms)
        snapshot_seq = self._notes.confirmed_seq - self._policy.snapshot_margin_entries
        through_seq = last_to_go(self._policy, head_seq, Needed(snapshot_seq, cursors))
        behind = min(cursors, key=lambda name: cursors[name])
        if snapshot_seq <= self._journal.base().seq:
            raise Waits("the next snapshot whose digest stands in the journal")
        if cursors[behind] <= self._journal.base().seq:
            raise Waits(f"the follower {behind}, which is at entry {cursors[behind]}")
        return through_seq

    def _cursors(self, followers: Status, now_ms: int) -> dict[str, int]:
        """How far each follower is. Raises Waits when that is not known."""
        if followers.is_stale(now_ms):
            raise Waits("the followers, which do not run")
        cursors = {}
        for name in FOLLOWERS:
            found = followers.of(self._name, name)
            if found is None:
                raise Waits(f"the follower {name}, of which nothing is known")
            cursors[name] = found.seq
        return cursors

    def _move(self, through_seq: int, breathe: Callable[[], None]) -> None:
        if through_seq <= self._journal.base().seq:
            return
        if through_seq > self._archive.last_seq():
            self._require_room()
            self._archive.extend(
                self._whole,
                through_seq,
                self._policy.segment_bytes,
                progress=lambda _: self._between_segments(breathe),
            )
        for segment in segments_in(self._archive.directory):  # one at a time: each is checked first
            last_seq = min(segment.last_seq, through_seq)
            if last_seq > self._journal.base().seq:
                prune(self._journal, self._archive, last_seq, between=breathe)

    def _between_segments(self, breathe: Callable[[], None]) -> None:
        breathe()
        self._require_room()

    def _require_room(self) -> None:
        """Raises Waits when one more segment would leave too little for orders."""
        folder = self._archive.directory
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        free, needed = self._free_bytes(folder), LOW_DISK_BYTES + self._policy.segment_bytes
        if free < needed:
            raise Waits(f"room on the archive's disk: {free >> 20} MiB free, {needed >> 20} needed")

    def _found(self, waits_for: str) -> Archived:
        segments = segments_in(self._archive.directory)
        return Archived(
            self._journal.base().seq + 1,
            segments[-1].last_seq if segments else 0,
            len(segments),
            sum(segment.path.stat().st_size for segment in segments),
            waits_for,
        )
