"""Destructions, kept apart: what has to be done again before a restored vault serves anything.

Every tombstone is in this file, durably, before the key that it names is destroyed; the file goes
with each backup of the keys and may be mirrored to another place, so that it outlives the store.
This module never holds anything but tokens, numbers and reasons.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from tidegate.people.vault.events import (
    KeyReplaced,
    PersonShredded,
    Tombstone,
    decode_line,
    encode_line,
)
from tidegate.people.vault.stream import EventStream
from tidegate.storage.sqlite_schema import sync_directory

FILE_NAME = "tombstones.log"


class Ordered(NamedTuple):
    """A tombstone and the number of the stream's entry that orders it."""

    seq: int
    tombstone: Tombstone


class Grave(Protocol):
    """A file that tombstones are carried out in."""

    @property
    def applied_seq(self) -> int:
        """Done up to here."""
        ...

    def bury(self, tombstone: Tombstone, seq: int) -> None:
        """Delete what it names."""
        ...

    def advance(self, seq: int) -> None:
        """Nothing up to here is left to do."""
        ...


class TombstoneLog:
    """The file, one line a tombstone, and its mirrors."""

    def __init__(self, path: Path, mirrors: Sequence[Path] = ()) -> None:
        self.path = path
        self._paths = (path, *mirrors)

    def note(self, ordered: Ordered) -> None:
        """Durable in every place when this returns. Raises OSError: then nothing is destroyed."""
        line = json.dumps({"seq": ordered.seq, "event": json.loads(encode_line(ordered.tombstone))})
        for path in self._paths:
            is_new = not path.exists()
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            try:
                os.write(descriptor, line.encode() + b"\n")
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            if is_new:
                sync_directory(path.parent)

    def read(self) -> list[Ordered]:
        """Everything in the file, a torn last line left out."""
        if not self.path.exists():
            return []
        found = []
        for line in self.path.read_bytes().splitlines():
            try:
                document = json.loads(line)
            except json.JSONDecodeError:
                continue  # torn by a crash: its destruction had not begun
            event = decode_line(json.dumps(document["event"]).encode())
            assert isinstance(event, PersonShredded | KeyReplaced)
            found.append(Ordered(int(document["seq"]), event))
        return found

    def put_aside(self) -> None:
        """Begin a new file: the lines of this one were carried out and stand in the stream."""
        if self.path.exists():
            self.path.rename(self.path.with_suffix(".done"))
            sync_directory(self.path.parent)


def ordered_in(stream: EventStream, seq: int) -> list[Ordered]:
    """The tombstones that the stream orders behind an entry."""
    return [
        Ordered(recorded.seq, recorded.event)
        for recorded in stream.after(seq)
        if isinstance(recorded.event, PersonShredded | KeyReplaced)
    ]


def catch_up(graves: Sequence[Grave], stream: EventStream, log: TombstoneLog) -> list[Ordered]:
    """Do in every file what the stream orders and the file has not done yet."""
    late = ordered_in(stream, min(grave.applied_seq for grave in graves))
    for grave in graves:
        done = grave.applied_seq
        for ordered in late:
            if ordered.seq > done:
                grave.bury(ordered.tombstone, ordered.seq)
        grave.advance(max(done, stream.head.seq))
    known = {ordered.seq for ordered in log.read()}
    for ordered in late:
        if ordered.seq not in known:
            log.note(ordered)
    return late


def catch_up_after_restore(
    graves: Sequence[Grave], stream: EventStream, log: TombstoneLog
) -> list[Ordered]:
    """As `catch_up` where files come from backups of different days, the stream too.

    The log knows destructions that the restored stream does not: they are carried out by the
    numbers of the time before, and put on record again with new ones. Returns all tombstones.
    """
    before_claim = stream.head.seq - 1
    known = ordered_in(stream, 0)
    lost = [ordered for ordered in log.read() if ordered.seq > before_claim]
    for grave in graves:
        done = grave.applied_seq
        for ordered in (*known, *lost):
            if ordered.seq > done:
                grave.bury(ordered.tombstone, ordered.seq)
    log.put_aside()
    again = [Ordered(stream.append(one.tombstone), one.tombstone) for one in lost]
    for ordered in (*known, *again):
        log.note(ordered)
    for grave in graves:
        grave.advance(stream.head.seq)
    return [*known, *again]
