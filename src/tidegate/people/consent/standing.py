"""How every person stands with every purpose: a fold of the stream, in columns.

A column is one number of every person, so that one person is looked up in a microsecond and a
hundred thousand are judged together. Whatever is here can be built again from the events.
This module never decides; `ledger` decides what is recorded, the gate what is allowed.
"""

from collections.abc import Iterator, Mapping
from enum import IntEnum
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from tidegate.people.stream import Place, Recorded, token_of

GRANTED_EVENT = "consent.granted"
REFUSED_EVENT = "consent.refused"
WITHDRAWN_EVENT = "consent.withdrawn"
ASKED_EVENT = "consent.asked"
REJECTED_EVENT = "consent.rejected"  # an answer that was not taken; changes nothing
GUARDIAN_EVENT = "guardian.linked"
AGE_EVENT = "age.declared"
PROFILING_EVENT = "profiling.chosen"
RESTRICTED_EVENT = "person.restricted"
UNRESTRICTED_EVENT = "person.unrestricted"
FORGOTTEN_EVENT = "person.forgotten"
RESTORED_EVENT = "stream.restored"
SETTLED_EVENT = "stream.settled"
SENT_EVENT = "message.sent"
UNKNOWN_EVENT = "message.unknown"  # it may have arrived: it counts as sent

RING = 8  # times kept of a channel's last messages: the most that a frequency may count
ROWS_FIRST = 256
NOBODY = -1


class State(IntEnum):
    """What a person said about one purpose last."""

    NONE = 0
    GRANTED = 1
    REFUSED = 2
    WITHDRAWN = 3


class Age(IntEnum):
    """What is known of a person's age; the bounds are the pack's."""

    UNKNOWN = 0
    CHILD = 1  # a guardian answers
    MINOR = 2  # no commercial messages by automated decisions
    ADULT = 3


AGE_WORDS: Mapping[str, Age] = {"child": Age.CHILD, "minor": Age.MINOR, "adult": Age.ADULT}


def longer(column: npt.NDArray[Any], rows: int) -> npt.NDArray[Any]:
    """The same column with room for so many rows; new ones are zeros."""
    grown = np.zeros((rows, *column.shape[1:]), column.dtype)
    grown[: len(column)] = column
    return grown


class Consents:
    """One purpose's columns: what was said, about what, when, until when, and where it stands."""

    KINDS: ClassVar[Mapping[str, str]] = {
        "state": "u1", "generation": "i4", "until_ms": "i8", "at_ms": "i8", "asked_ms": "i8",
        "seq": "i8", "number": "i4", "era": "u2", "by_guardian": "?",
    }  # fmt: skip
    state: npt.NDArray[np.uint8]
    generation: npt.NDArray[np.int32]
    until_ms: npt.NDArray[np.int64]
    at_ms: npt.NDArray[np.int64]
    asked_ms: npt.NDArray[np.int64]
    seq: npt.NDArray[np.int64]
    number: npt.NDArray[np.int32]
    era: npt.NDArray[np.uint16]
    by_guardian: npt.NDArray[np.bool_]

    def __init__(self, rows: int) -> None:
        for name, kind in self.KINDS.items():
            setattr(self, name, np.zeros(rows, kind))

    def grow(self, rows: int) -> None:
        """Make room for so many persons."""
        for name in self.KINDS:
            setattr(self, name, longer(getattr(self, name), rows))

    def clear(self, row: int) -> None:
        """Know nothing of a person any more."""
        for name in self.KINDS:
            getattr(self, name)[row] = 0


class Standing:
    """The fold. Read from any thread; written by the stream's folding alone."""

    def __init__(self) -> None:
        self.rows: dict[int, int] = {}
        self.forgotten: set[int] = set()
        self.era = 0
        self.unconfirmed_before = 0  # consents of earlier eras do not open the gate
        self._room = ROWS_FIRST
        self._next = 0
        self._consents: dict[str, Consents] = {}
        self.token = np.zeros(ROWS_FIRST, np.uint64)  # whose row it is; 0 = nobody's any more
        self.age = np.zeros(ROWS_FIRST, np.uint8)
        self.guardian = np.zeros(ROWS_FIRST, np.uint64)
        self.profiling_refused = np.zeros(ROWS_FIRST, np.bool_)
        self.restricted = np.zeros(ROWS_FIRST, np.bool_)
        self.sent_ms: dict[
            str, npt.NDArray[np.int64]
        ] = {}  # channel -> the last RING, oldest first
        self._folds = {
            GRANTED_EVENT: self._granted,
            REFUSED_EVENT: self._answered_no,
            WITHDRAWN_EVENT: self._answered_no,
            ASKED_EVENT: self._asked,
            GUARDIAN_EVENT: self._linked,
            AGE_EVENT: self._aged,
            PROFILING_EVENT: self._profiled,
            RESTRICTED_EVENT: self._restrict,
            UNRESTRICTED_EVENT: self._restrict,
            FORGOTTEN_EVENT: self._forget,
            RESTORED_EVENT: self._restored,
            SETTLED_EVENT: self._settled,
            SENT_EVENT: self._sent,
            UNKNOWN_EVENT: self._sent,
        }

    def fold(self, recorded: Recorded) -> None:
        """Take in one event of the stream; others' events change nothing."""
        take = self._folds.get(recorded.event["kind"])
        if take is not None:
            take(recorded)

    # -- looking ---------------------------------------------------------------------------------

    def row_of(self, person: int) -> int:
        """The person's row, NOBODY where no event ever named them."""
        return self.rows.get(person, NOBODY)

    def rows_of(self, persons: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
        """The rows of many, NOBODY for strangers."""
        look = self.rows.get
        return np.array([look(person, NOBODY) for person in persons.tolist()], np.int64)

    def consents(self, purpose: str) -> Consents | None:
        """A purpose's columns; None where nobody ever said anything about it."""
        return self._consents.get(purpose)

    def state(self, person: int, purpose: str) -> State:
        """What a person said last about a purpose."""
        row, column = self.row_of(person), self._consents.get(purpose)
        return State.NONE if row == NOBODY or column is None else State(int(column.state[row]))

    def place(self, person: int, purpose: str) -> Place:
        """Where that stands."""
        column = self._consents[purpose]
        row = self.rows[person]
        return Place(int(column.seq[row]), int(column.number[row]))

    def granted_at(self, person: int, purpose: str) -> Place | None:
        """Where the consent stands that holds now; None where there is none."""
        row, column = self.row_of(person), self._consents.get(purpose)
        if row == NOBODY or column is None:
            return None
        place = Place(int(column.seq[row]), int(column.number[row]))
        return place if column.state[row] == State.GRANTED else None

    def granted(self, purpose: str) -> npt.NDArray[np.uint64]:
        """Everybody who agreed to a purpose and did not take it back, in order of token."""
        column = self._consents.get(purpose)
        if column is None:
            return np.zeros(0, np.uint64)
        rows = np.flatnonzero(column.state == State.GRANTED)
        tokens = self.token[rows]
        return np.sort(tokens[tokens != 0])

    def told_of(self, person: int) -> Iterator[tuple[str, State, Place, int]]:
        """Everything a person said: purpose, state, where it stands, when."""
        row = self.row_of(person)
        if row == NOBODY:
            return
        for purpose, column in self._consents.items():
            state = State(int(column.state[row]))
            if state != State.NONE:
                place = Place(int(column.seq[row]), int(column.number[row]))
                yield purpose, state, place, int(column.at_ms[row])

    # -- taking in -------------------------------------------------------------------------------

    def _row(self, person: int) -> int:
        row = self.rows.get(person)
        if row is None:
            row, self._next = self._next, self._next + 1
            if row >= self._room:
                self._grow()
            self.token[row] = person
            self.rows[person] = row  # last: whoever finds the row finds its columns long enough
        return row

    def _grow(self) -> None:
        self._room *= 2
        for name in ("token", "age", "guardian", "profiling_refused", "restricted"):
            setattr(self, name, longer(getattr(self, name), self._room))
        for consents in self._consents.values():
            consents.grow(self._room)
        for channel, times in self.sent_ms.items():
            self.sent_ms[channel] = longer(times, self._room)

    def _cell(self, event: Mapping[str, Any]) -> tuple[Consents, int]:
        row = self._row(token_of(event["person"]))
        column = self._consents.get(event["purpose"])
        if column is None:
            column = self._consents[event["purpose"]] = Consents(self._room)
        return column, row

    def _granted(self, recorded: Recorded) -> None:
        event = recorded.event
        column, row = self._cell(event)
        column.generation[row] = event["generation"]
        column.until_ms[row] = event["until_ms"]
        column.era[row] = self.era
        column.by_guardian[row] = event["by"] == "guardian"
        column.at_ms[row] = event["at_ms"]
        column.seq[row], column.number[row] = recorded.place
        column.state[row] = State.GRANTED  # last: whoever looks meanwhile sees less, never more

    def _answered_no(self, recorded: Recorded) -> None:
        event = recorded.event
        column, row = self._cell(event)
        was_withdrawn = event["kind"] == WITHDRAWN_EVENT
        column.state[row] = State.WITHDRAWN if was_withdrawn else State.REFUSED
        column.at_ms[row] = event["at_ms"]
        column.seq[row], column.number[row] = recorded.place

    def _asked(self, recorded: Recorded) -> None:
        column, row = self._cell(recorded.event)
        column.asked_ms[row] = recorded.event["at_ms"]

    def _linked(self, recorded: Recorded) -> None:
        row = self._row(token_of(recorded.event["person"]))
        self.guardian[row] = token_of(recorded.event["guardian"])

    def _aged(self, recorded: Recorded) -> None:
        row = self._row(token_of(recorded.event["person"]))
        self.age[row] = AGE_WORDS[recorded.event["age"]]

    def _profiled(self, recorded: Recorded) -> None:
        row = self._row(token_of(recorded.event["person"]))
        self.profiling_refused[row] = recorded.event["refused"]

    def _restrict(self, recorded: Recorded) -> None:
        row = self._row(token_of(recorded.event["person"]))
        self.restricted[row] = recorded.event["kind"] == RESTRICTED_EVENT

    def _forget(self, recorded: Recorded) -> None:
        person = token_of(recorded.event["person"])
        self.forgotten.add(person)
        row = self.rows.pop(person, NOBODY)
        if row == NOBODY:
            return
        for consents in self._consents.values():
            consents.clear(row)
        for times in self.sent_ms.values():
            times[row] = 0
        self.token[row] = self.age[row] = self.guardian[row] = 0
        # The row is not given to anybody else before the next start: somebody may look at it now.
        self.profiling_refused[row] = self.restricted[row] = False

    def _restored(self, _: Recorded) -> None:
        self.era += 1
        self.unconfirmed_before = self.era

    def _settled(self, _: Recorded) -> None:
        self.unconfirmed_before = 0

    def _sent(self, recorded: Recorded) -> None:
        event = recorded.event
        if not event["marketing"]:
            return
        row = self._row(token_of(event["person"]))
        times = self.sent_ms.get(event["channel"])
        if times is None:
            times = self.sent_ms[event["channel"]] = np.zeros((self._room, RING), np.int64)
        times[row, :-1] = times[row, 1:]
        times[row, -1] = event["at_ms"]
