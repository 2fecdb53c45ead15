"""Finding one order's events: by the views' index, then in the entries that came after it.

Always: a hash is compared in full before an event counts as the order's. Never: more than a bounded
number of entries is opened for one question, and what was left out is said.
"""

import sqlite3
from collections.abc import Iterator
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np

from tidegate.journal.follow import BATCH, JournalReader, Pruned
from tidegate.record.lines import Array
from tidegate.views.file import ORDERS, read_cursor
from tidegate.views.names import Names
from tidegate.views.numbers import Numbers
from tidegate.views.parts import (
    Expired,
    Opened,
    Operations,
    Orders,
    Part,
    Told,
    events_in,
    is_repeat,
    opened,
    operations_kept,
    orders_kept,
    place_of,
    position_of,
    seq_of,
)
from tidegate.views.places import Places, key_of
from tidegate.views.story import Story

EVENTS_MAX = 1_000  # that changed something or were refused
REPEATS_MAX = 20  # repeats that are told
TAIL_BYTES_MAX = 4 << 20  # of entries that the views have not taken in yet
TAIL_ENTRIES_MAX = 2_000


class Wanted(NamedTuple):
    """The order that is looked for."""

    hi: int
    lo: int


def search(
    connection: sqlite3.Connection, journal: JournalReader, hi: int, lo: int
) -> dict[str, Any] | None:
    """An order's story, ready for JSON; None if there is no event of it. Raises JournalError."""
    wanted, key = Wanted(hi, lo), key_of(hi, lo)
    cursor = read_cursor(connection, ORDERS).head
    names = Names(connection)
    tail, newer, as_of_seq = Tail(Numbers(connection), key), [], cursor.seq
    for entry in _after(journal, cursor.seq):
        positions = tail.events_of(entry, wanted, names)
        if positions:
            newer.append((entry, positions))
        as_of_seq = entry.seq
    story = Story(names)  # which now know everything that was said
    places = Places(connection).find(key)
    left_out = len(places)
    for seq, group in groupby(_bounded(places), seq_of):
        older = _entry(journal, seq)
        if older is not None:
            positions = [position_of(place) for place in group]
            _tell(story, older, positions, wanted)
            left_out -= len(positions)
    for entry, positions in newer:
        _tell(story, entry, positions, wanted)
    if not story.events:
        return None
    return {
        "order": story.summary(),
        "events": story.events,
        "events_left_out": left_out,
        "as_of_seq": as_of_seq,
        "views_seq": cursor.seq,
    }


class Tail:
    """Finds an order's events in entries beyond the views, counting running numbers on."""

    def __init__(self, numbers: Numbers, key: int) -> None:
        self._numbers = numbers
        self._next = numbers.next
        self._key = np.uint64(key)
        self._own: set[int] = set()  # running numbers that the order got in the tail

    def events_of(self, entry: Opened, wanted: Wanted, names: Names) -> list[int]:
        """Positions of the order's events in the next entry."""
        positions: list[int] = []
        for part in entry.parts:
            if isinstance(part, Told):
                names.tell(place_of(entry.seq, part.position), part.envelope.fact)
            positions += self._in_part(part, wanted)
            self._next += _kept(part)
        return positions

    def _in_part(self, part: Part, wanted: Wanted) -> list[int]:
        if isinstance(part, Orders):
            heads = part.lines[part.starts]
            here = _matching(heads["id_hi"], heads["id_lo"], wanted)
            before = np.cumsum(orders_kept(part.outcomes))
            self._own.update(
                self._next + int(before[i]) - 1 for i in here if orders_kept(part.outcomes[i])
            )
        elif isinstance(part, Operations):
            here = _matching(part.rows["order_hi"], part.rows["order_lo"], wanted)
        elif isinstance(part, Expired):
            here = [i for i, number in enumerate(part.numbers.tolist()) if self._is_own(number)]
        else:
            here = []
        return [part.position + i for i in here]

    def _is_own(self, number: int) -> bool:
        if number >= self._numbers.next:
            return number in self._own
        return bool(self._numbers.keys_of(np.array([number]))[0] == self._key)


def _matching(hi: Array, lo: Array, wanted: Wanted) -> list[int]:
    found = np.flatnonzero((lo == np.uint64(wanted.lo)) & (hi == np.uint64(wanted.hi)))
    positions: list[int] = found.tolist()
    return positions


def _kept(part: Part) -> int:
    """How many running numbers a part used up."""
    if isinstance(part, Orders):
        return int(np.count_nonzero(orders_kept(part.outcomes)))
    if isinstance(part, Operations):
        return operations_kept(part)
    return int(isinstance(part, Told) and part.envelope.fact is not None)


def _bounded(places: list[int]) -> list[int]:
    """The places that are opened: the first and last of what is too many, few repeats."""
    events = _ends([place for place in places if not is_repeat(place)], EVENTS_MAX)
    repeats = _ends([place for place in places if is_repeat(place)], REPEATS_MAX)
    return sorted(events + repeats)


def _ends(places: list[int], most: int) -> list[int]:
    if len(places) <= most:
        return places
    return places[: most // 2] + places[-(most - most // 2) :]


def _entry(journal: JournalReader, seq: int) -> Opened | None:
    """One entry; None if it was pruned and is in no archive here."""
    try:
        found = journal.read(seq, 1)
    except Pruned:
        return None
    return opened(seq, found[0].payload) if found else None


def _after(journal: JournalReader, seq: int) -> Iterator[Opened]:
    """Entries that the views lack, up to a bound."""
    bytes_left, entries_left = TAIL_BYTES_MAX, TAIL_ENTRIES_MAX
    while bytes_left > 0 and entries_left > 0:
        try:
            entries = journal.read(seq + 1, bytes_left)
        except Pruned:
            return
        if not entries:
            return
        for entry in entries[:entries_left]:
            if entry.kind == BATCH:
                yield opened(entry.seq, entry.payload)
            seq = entry.seq
            bytes_left -= len(entry.payload)
        entries_left -= len(entries)


def _tell(story: Story, entry: Opened, positions: list[int], wanted: Wanted) -> None:
    """Tell an entry's events at these positions, those that are the order's."""
    for position in positions:
        part = next(p for p in entry.parts if p.position <= position < p.position + events_in(p))
        i = position - part.position
        if isinstance(part, Orders):
            last = int(part.starts[i + 1]) if i + 1 < len(part.starts) else len(part.lines)
            rows = part.lines[int(part.starts[i]) : last]
            if (int(rows[0]["id_hi"]), int(rows[0]["id_lo"])) == wanted:
                story.decided(entry.seq, position, entry.now_ms, rows, part.outcomes[i])
        elif isinstance(part, Operations):
            row = part.rows[i]
            if (int(row["order_hi"]), int(row["order_lo"])) == wanted:
                story.operated(entry.seq, position, entry.now_ms, row, part.outcomes[i])
        else:
            assert isinstance(part, Expired), "commands and notes are no order's"
            story.hold_ended(entry.seq, position, entry.now_ms)
