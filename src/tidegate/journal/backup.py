"""Back up a shop while it runs, and restore it with every hash checked.

Always: the journal is copied by ranges of sequence, in segments that check by themselves, so a
backup that was stopped goes on, and the next one copies what is new. Never: SQLite's own backup is
used (beside a writer it starts over at every change and did not finish), or a secret is copied:
those are backed up apart.

What goes with the journal: identities (copied after it, so that every token in it is there) and
trees with their signed heads. Views are rebuilt.
"""

import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from tidegate.journal.archive import ARCHIVE_DIRECTORY, Archive, WholeJournal
from tidegate.journal.protocol import Corrupt, Head, JournalError
from tidegate.journal.segment import Segment, SegmentFile, check_segment, segments_in
from tidegate.journal.sqlite import SqliteJournal, SqliteSettings
from tidegate.journal.sqlite_file import SqliteReader
from tidegate.journal.store import RESTORING_FILE
from tidegate.storage.sqlite_schema import sync_directory

SEGMENTS_DIRECTORY = "segments"
MANIFEST_FILE = "backup.json"
DATABASES = ("identity.db", "trees.db")
SNAPSHOTS_DIRECTORY = "snapshots"
SEGMENT_BYTES = 64 << 20
_FORMAT = "tidegate backup v1"

Progress = Callable[[int, int], None]  # sequence reached, sequence to reach


class BackedUp(NamedTuple):
    """What a backup holds: the journal from its first entry to `head`."""

    stream: str
    head: Head
    segments: int
    new_segments: int


def back_up_shop(
    shop: Path,
    stream: str,
    destination: Path,
    progress: Progress = lambda _reached, _goal: None,
    segment_bytes: int = SEGMENT_BYTES,
) -> BackedUp:
    """Copy the shop in directory `shop` to `destination`, which may hold an earlier backup of it.

    Raises Corrupt if the earlier one is of another journal, JournalError if there is nothing.
    """
    reader = SqliteReader(shop, stream)
    journal = WholeJournal(reader, Archive(shop / ARCHIVE_DIRECTORY, stream))
    held = Archive(destination / SEGMENTS_DIRECTORY, stream)
    try:
        before = len(segments_in(held.directory))
        head = _copy_journal(journal, held, progress, segment_bytes)
        archived_seq = reader.base().seq
    finally:
        journal.close()
    for name in DATABASES:
        if (shop / name).exists():
            copy_database(shop / name, destination / name)
    _copy_snapshots(shop / SNAPSHOTS_DIRECTORY, destination / SNAPSHOTS_DIRECTORY, head.seq)
    manifest = {
        "format": _FORMAT,
        "stream": stream,
        "seq": head.seq,
        "epoch": head.epoch,
        "hash": head.hash.hex(),
        "archived_seq": archived_seq,
    }
    _write_whole(destination / MANIFEST_FILE, json.dumps(manifest, indent=2).encode() + b"\n")
    count = len(segments_in(held.directory))
    return BackedUp(stream, head, count, count - before)


def restore_shop(
    backup: Path,
    shop: Path,
    progress: Progress = lambda _reached, _goal: None,
    settings: SqliteSettings | None = None,
) -> BackedUp:
    """Make the shop's directory `shop` from a backup, checking everything on the way.

    `shop` is new, or a restore that was stopped. Secrets are not in a backup: put them back before
    the server starts. Raises Corrupt, JournalError, StoreFull.
    """
    stream, head, archived_seq = _read_manifest(backup)
    segments = segments_in(backup / SEGMENTS_DIRECTORY)
    _begin_restore(shop)
    after = _check_all(segments, stream)
    if after != head:
        raise Corrupt(f"the backup ends with entry {after.seq}, its manifest says {head.seq}")
    archived = [segment for segment in segments if segment.last_seq <= archived_seq]
    _copy_segments(archived, shop / ARCHIVE_DIRECTORY)
    journal = SqliteJournal(shop, stream, settings or SqliteSettings(), restoring=True)
    try:
        for segment in segments[len(archived) :]:
            _take_over(journal, segment)
            progress(segment.last_seq, head.seq)
        if journal.head() != head:
            raise Corrupt(f"the restored journal ends with {journal.head().seq}, not {head.seq}")
    finally:
        journal.close()
    for name in DATABASES:
        if (backup / name).exists():
            copy_database(backup / name, shop / name)
    _copy_snapshots(backup / SNAPSHOTS_DIRECTORY, shop / SNAPSHOTS_DIRECTORY, head.seq)
    (shop / RESTORING_FILE).unlink()
    sync_directory(shop)
    return BackedUp(stream, head, len(segments), len(segments))


def copy_database(source: Path, destination: Path) -> None:
    """A consistent, synced copy of one SQLite file that may be in use.

    One read transaction (VACUUM INTO), so it ends whatever writers do meanwhile.
    """
    unfinished = destination.with_name(destination.name + ".unfinished")
    unfinished.unlink(missing_ok=True)
    connection = sqlite3.connect(source, isolation_level=None)
    try:
        connection.execute("PRAGMA busy_timeout = 5000")
        connection.execute("VACUUM INTO ?", (str(unfinished),))
    finally:
        connection.close()
    _sync_file(unfinished)
    unfinished.chmod(0o600)
    unfinished.rename(destination)
    sync_directory(destination.parent)


def _copy_journal(
    journal: WholeJournal, held: Archive, progress: Progress, segment_bytes: int
) -> Head:
    goal_seq = journal.head().seq
    if goal_seq == 0:
        raise JournalError(f"{journal.stream}: there is no journal to back up yet")
    _require_same_past(journal, held)
    return held.extend(
        journal,
        goal_seq,
        segment_bytes,
        all_of_it=True,
        progress=lambda segment: progress(segment.last_seq, goal_seq),
    )


def _require_same_past(journal: WholeJournal, held: Archive) -> None:
    last_seq = held.last_seq()
    if last_seq == 0:
        return
    (ours,) = held.read(last_seq)
    theirs = journal.read(last_seq, 1) if last_seq <= journal.head().seq else []
    if not theirs or theirs[0].hash != ours.hash:
        raise Corrupt(
            f"{held.directory} holds another journal's backup, or a later one: use a new directory"
        )


def _take_over(journal: SqliteJournal, segment: Segment) -> None:
    if segment.last_seq <= journal.head().seq:
        return  # taken over before this restore was stopped
    file = SegmentFile(segment.path)
    try:
        journal.restore(file.base, list(file.entries()))
    finally:
        file.close()


def _check_all(segments: Sequence[Segment], stream: str) -> Head:
    if not segments:
        raise Corrupt("the backup holds no segments")
    file = SegmentFile(segments[0].path)
    file.close()
    head = file.base
    for segment in segments:
        head = check_segment(segment, stream, head)
    return head


def _read_manifest(backup: Path) -> tuple[str, Head, int]:
    try:
        found = json.loads((backup / MANIFEST_FILE).read_bytes())
        if found["format"] != _FORMAT:
            raise Corrupt(f"{backup} has format {found['format']!r}: restore it with that version")
        head = Head(found["seq"], found["epoch"], bytes.fromhex(found["hash"]))
        return found["stream"], head, found["archived_seq"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Corrupt(f"{backup} is no finished backup of a shop ({error})") from error


def _begin_restore(shop: Path) -> None:
    shop.mkdir(mode=0o700, parents=True, exist_ok=True)
    if (shop / RESTORING_FILE).exists():
        return
    if any(path.name != "secrets" for path in shop.iterdir()):
        raise JournalError(f"{shop} is not empty: restore into a new directory, then swap them")
    _write_whole(shop / RESTORING_FILE, b"a restore has begun and not ended\n")


def _copy_segments(segments: Sequence[Segment], destination: Path) -> None:
    destination.mkdir(mode=0o700, exist_ok=True)
    for segment in segments:
        copy = destination / segment.path.name
        if not copy.exists():
            _copy_file(segment.path, copy)


def _copy_snapshots(source: Path, destination: Path, through_seq: int) -> None:
    """Snapshots are files named by their sequence; one beyond the journal is of no use."""
    if not source.is_dir():
        return
    destination.mkdir(mode=0o700, exist_ok=True)
    for path in source.glob("*.snapshot"):
        if path.stem.isdigit() and int(path.stem) <= through_seq:
            _copy_file(path, destination / path.name)


def _copy_file(source: Path, destination: Path) -> None:
    unfinished = destination.with_name(destination.name + ".unfinished")
    shutil.copyfile(source, unfinished)
    _sync_file(unfinished)
    unfinished.rename(destination)
    sync_directory(destination.parent)


def _write_whole(path: Path, content: bytes) -> None:
    unfinished = path.with_name(path.name + ".unfinished")
    unfinished.write_bytes(content)
    _sync_file(unfinished)
    unfinished.rename(path)
    sync_directory(path.parent)


def _sync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
