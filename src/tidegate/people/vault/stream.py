"""The vault's stream: its events in a journal of their own, hash-chained, durable first.

Always: `append` returns when the events are durable. Never: an event is changed or taken back, or
anything but tokens and names of the register goes in (`events` sees to that).
"""

import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tidegate.journal.follow import entries_after
from tidegate.journal.protocol import BATCH, AppendUnknown, Head, Journal, JournalError
from tidegate.journal.sqlite import SqliteJournal
from tidegate.people.vault.events import (
    AnyEvent,
    KeyReplaced,
    PersonShredded,
    decode,
    encode,
)

_READ_BYTES = 1 << 20
_GROUP_MAX = 256  # who waits for one sync


class Recorded(NamedTuple):
    """An event and its place: number `number` (from 0) of entry `seq`."""

    seq: int
    number: int
    event: AnyEvent


@dataclass
class _Wish:
    events: tuple[AnyEvent, ...]
    seq: int = 0
    fault: BaseException | None = None

    @property
    def is_alone(self) -> bool:
        """A destruction has an entry of its own: files note by its number that it is done."""
        return any(isinstance(event, PersonShredded | KeyReplaced) for event in self.events)


class EventStream:
    """One shop's stream. Any thread may append; those who wait at once share an entry's sync."""

    def __init__(self, journal: Journal, owner: str) -> None:
        """Become the owner. Raises what the journal raises."""
        self._journal = journal
        self._turn = threading.Lock()
        self._waiting: deque[_Wish] = deque()
        self._head = journal.claim(owner)

    @classmethod
    def open(cls, folder: Path, shop: str, owner: str) -> "EventStream":
        """The stream `vault:<shop>` in a folder. Raises StoreInUse and other journal errors."""
        journal = SqliteJournal(folder, stream_name(shop))
        try:
            return cls(journal, owner)
        except BaseException:
            journal.close()
            raise

    @property
    def head(self) -> Head:
        """The newest entry."""
        return self._head

    def append(self, *events: AnyEvent) -> int:
        """Put events on record together; the entry's number. Raises JournalError: not recorded."""
        wish = _Wish(events)
        self._waiting.append(wish)
        with self._turn:  # whoever gets in first writes for all who wait
            while not wish.seq and wish.fault is None:
                self._write_group()
        if wish.fault is not None:
            raise wish.fault
        return wish.seq

    def _write_group(self) -> None:
        group = [self._waiting.popleft()]
        while not group[0].is_alone and self._waiting and len(group) < _GROUP_MAX:
            if self._waiting[0].is_alone:
                break
            group.append(self._waiting.popleft())
        try:
            self._head = self._append(encode([event for one in group for event in one.events]))
        except BaseException as fault:
            for one in group:
                one.fault = fault
            if not isinstance(fault, JournalError):
                raise
        else:
            for one in group:
                one.seq = self._head.seq

    def _append(self, payload: bytes) -> Head:
        try:
            return self._journal.append(self._head.seq, payload)
        except AppendUnknown as unknown:
            stored = self._journal.read_back(self._head.seq, unknown.attempt.hash)
            return stored or self._journal.append(self._head.seq, payload)

    def after(self, seq: int) -> Iterator[Recorded]:
        """Every event behind entry `seq`, in order."""
        journal = self._journal
        start = journal.base() if seq < journal.base().seq else Head(seq, 0, b"")
        for entry in entries_after(journal, start, _READ_BYTES):
            if entry.kind == BATCH:
                for number, event in enumerate(decode(entry.payload)):
                    yield Recorded(entry.seq, number, event)

    def close(self) -> None:
        """Let go of the journal."""
        self._journal.close()


def stream_name(shop: str) -> str:
    """What the stream of a shop's vault is called."""
    return f"vault:{shop}"
