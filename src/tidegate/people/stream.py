"""The stream `people:<shop>`: what was told, asked, answered, withdrawn, read and sent, as events.

An event is durable before anybody hears of it or anything is built on it, and what is known of a
person is a fold of events alone. Two decisions about one person are never taken side by side.
This module never holds who a token is: events name people by tokens and nothing else.

An entry's payload is its events, a line each, every one canonical JSON with `kind` and `at_ms`.
"""

import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from tidegate.journal.follow import entries_after
from tidegate.journal.protocol import (
    BATCH,
    GENESIS,
    AppendUnknown,
    Corrupt,
    Entry,
    Head,
    Journal,
    JournalError,
    StoreFull,
)
from tidegate.people.canonical import canonical

Event = Mapping[str, Any]
GROUP_MAX = 256  # decisions that share an entry
TOKEN_DIGITS = 16
_decode = msgspec.json.Decoder(dict[str, Any]).decode


class Place(NamedTuple):
    """Where an event stands: number `number` (from 0) of entry `seq`."""

    seq: int
    number: int

    def __str__(self) -> str:
        return f"{self.seq}.{self.number}"


class Recorded(NamedTuple):
    """An event that is durable, and where."""

    place: Place
    event: Event


class StreamFailed(Exception):
    """Whether it was recorded is not known, or nothing can be: open the stream anew."""


Fold = Callable[[Recorded], None]
Decide = Callable[[], Sequence[Event]]


@dataclass
class _Wish:
    subject: Hashable
    decide: Decide
    events: list[Event] = field(default_factory=list)
    lines: list[bytes] = field(default_factory=list)
    recorded: list[Recorded] = field(default_factory=list)
    fault: BaseException | None = None
    is_done: bool = False


def token_text(token: int) -> str:
    """A person's token as events write it."""
    return f"{token:0{TOKEN_DIGITS}x}"


def token_of(text: str) -> int:
    """The inverse of `token_text`."""
    return int(text, 16)


def events_of(payload: bytes) -> list[bytes]:
    """The canonical bytes of each event of an entry: what the per-event trees hash."""
    return bytes(payload).split(b"\n")


class PeopleStream:
    """A shop's stream with its folds. Any thread may call anything; decisions take turns.

    `folds` are told of every event, in order, from the first one on, once it is durable.
    """

    def __init__(self, journal: Journal, owner: str, folds: Sequence[Fold] = ()) -> None:
        """Reads everything and becomes the owner. Raises what the journal raises."""
        self._journal = journal
        self._folds = tuple(folds)
        self._turn = threading.Lock()
        self._waiting: list[_Wish] = []
        self._waiting_lock = threading.Lock()
        self._dead = ""
        self.head = self._replay()
        self.head = journal.claim(owner, self.head.seq)

    @property
    def name(self) -> str:
        """`people:<shop>`."""
        return self._journal.stream

    @property
    def journal(self) -> Journal:
        """For proofs; nobody appends but this stream."""
        return self._journal

    def commit(self, subject: Hashable, decide: Decide) -> list[Recorded]:
        """Decide, make durable, fold; what was recorded comes back.

        `decide` looks at the folds and gives events, or raises: then nothing is recorded and this
        call raises the same. Decisions of other subjects may share the entry; one about the same
        subject (a person's token, or the name of a document) waits for the next. Blocks for the
        journal. Raises StreamFailed.
        """
        wish = _Wish(subject, decide)
        with self._waiting_lock:
            self._waiting.append(wish)
        with self._turn:  # whoever gets in first writes for all who wait
            while not wish.is_done:
                self._write_group()
        if wish.fault is not None:
            raise wish.fault
        return wish.recorded

    def record(self, subject: Hashable, event: Event) -> Place:
        """Make one event durable that needs no decision."""
        return self.commit(subject, lambda: [event])[0].place

    def close(self) -> None:
        """Let go of the journal."""
        with self._turn:
            self._dead = self._dead or "closed"
            self._journal.close()

    # -- one entry -------------------------------------------------------------------------------

    def _write_group(self) -> None:
        group = self._taken()
        try:
            members = [wish for wish in group if self._decided(wish)]
            if members:
                self._append(b"\n".join(line for wish in members for line in wish.lines))
            number = 0
            for wish in members:
                for event in wish.events:
                    wish.recorded.append(Recorded(Place(self.head.seq, number), event))
                    number += 1
            for wish in members:
                for recorded in wish.recorded:
                    self._fold(recorded)
        except BaseException as error:
            if not isinstance(error, StoreFull):  # a full disk passes, and nothing was written
                self._dead = self._dead or f"{type(error).__name__}: {error}"
            failed = StreamFailed(f"{self.name}: {error}")
            failed.__cause__ = error
            for wish in group:
                wish.fault = wish.fault or failed
            if not isinstance(error, JournalError):
                raise
        finally:
            for wish in group:
                wish.is_done = True

    def _decided(self, wish: _Wish) -> bool:
        """Whether there is something to record of a wish; what it raises is its asker's."""
        try:
            self._require_alive()
            wish.events = list(wish.decide())
            wish.lines = [canonical(event) for event in wish.events]
        except Exception as fault:  # noqa: BLE001  it belongs to whoever asked
            wish.fault = fault
            return False
        return bool(wish.lines)

    def _require_alive(self) -> None:
        if self._dead:
            raise StreamFailed(f"{self.name}: {self._dead}")

    def _taken(self) -> list[_Wish]:
        """Those who may share an entry: one wish a subject, in the order in which they came."""
        with self._waiting_lock:
            subjects: set[Hashable] = set()
            taken: list[_Wish] = []
            left: list[_Wish] = []
            for wish in self._waiting:
                if wish.subject in subjects or len(taken) >= GROUP_MAX:
                    left.append(wish)
                else:
                    subjects.add(wish.subject)
                    taken.append(wish)
            self._waiting = left
            return taken

    def _append(self, payload: bytes) -> None:
        expected = self.head.seq
        try:
            self.head = self._journal.append(expected, payload)
        except AppendUnknown as unknown:
            found = self._journal.read_back(expected, unknown.attempt.hash)
            self.head = found or self._journal.append(expected, payload)

    # -- folding ---------------------------------------------------------------------------------

    def _replay(self) -> Head:
        head = GENESIS
        for entry in entries_after(self._journal):
            for recorded in recorded_in(entry):
                self._fold(recorded)
            head = entry.head
        return head

    def _fold(self, recorded: Recorded) -> None:
        for fold in self._folds:
            fold(recorded)


def recorded_in(entry: Entry) -> list[Recorded]:
    """The events of an entry. Raises Corrupt for one that this stream cannot have written."""
    if entry.kind != BATCH:
        return []
    try:
        events = [_decode(line) for line in events_of(entry.payload)]
    except msgspec.DecodeError as error:
        raise Corrupt(f"entry {entry.seq} of the people's stream cannot be read") from error
    return [Recorded(Place(entry.seq, number), event) for number, event in enumerate(events)]
