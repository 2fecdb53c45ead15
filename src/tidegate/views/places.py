"""Where every event of every order stands in the journal: found in a few reads, kept in few bytes.

An event is a pair of 64-bit words: a key mixed from its order's hash, and its place. What one
transaction adds is one sorted run; eight runs of a size are merged into one of the next, so an
event is written a few times in all and a random key never touches a page of its own (measured in
docs/reference/views.md). A run is cut into blocks by the top bits of the key: one read finds one.

Always: the same events give the same answer, however they were cut into runs. Never: two orders are
told apart here when their keys are equal; whoever reads the entry compares the whole hash.
"""

import sqlite3
from typing import NamedTuple

import numpy as np

from tidegate.record.lines import Array

FANOUT = 8
LAST_LEVEL = 6  # runs of 8^6 events and more are merged no further
BLOCK_EVENTS = 64  # on average, at most
BLOCK_BITS_MAX = 20
_RUN_SHIFT = 24  # a block's id is its run's id and the top bits of its keys

_MIX = [np.uint64(n) for n in (0xBF58476D1CE4E5B9, 0x94D049BB133111EB, 0x9E3779B97F4A7C15)]


class Run(NamedTuple):
    """One sorted run."""

    id: int
    bits: int
    events: int

    @property
    def level(self) -> int:
        """The power of the fan-out that its size has reached."""
        return (self.events.bit_length() - 1) // 3


def keys_of(hi: Array, lo: Array) -> Array:
    """One word for each 128-bit hash, spread evenly whatever the hashes are."""
    h = hi * _MIX[2] + lo
    h = (h ^ (h >> np.uint64(30))) * _MIX[0]
    h = (h ^ (h >> np.uint64(27))) * _MIX[1]
    mixed: Array = h ^ (h >> np.uint64(31))
    return mixed


def key_of(hi: int, lo: int) -> int:
    """The same of one hash."""
    return int(keys_of(np.array([hi], np.uint64), np.array([lo], np.uint64))[0])


class Places:
    """The runs of one file. Every call is inside a transaction of the caller's."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._runs = [
            Run(*row) for row in connection.execute("SELECT id, bits, events FROM run ORDER BY id")
        ]

    def add(self, keys: Array, places: Array) -> None:
        """Add events; places rise from call to call."""
        if len(keys) == 0:
            return
        order = np.argsort(keys, kind="stable")
        self._write(keys[order], places[order])
        while (group := self._full_level()) is not None:
            self._merge(group)

    def find(self, key: int) -> list[int]:
        """The places of a key's events, in the order of time."""
        found: list[int] = []
        wanted = np.uint64(key)
        for run in self._runs:
            row = self._connection.execute(
                "SELECT rows FROM block WHERE id = ?", (_block_id(run, key),)
            ).fetchone()
            if row is not None:
                keys, places = _unpacked(row[0])
                first, last = np.searchsorted(keys, wanted), np.searchsorted(keys, wanted, "right")
                found += places[first:last].tolist()
        return sorted(found)

    def everything(self) -> tuple[Array, Array]:
        """All events, sorted by key and place: the content, without the way it is cut."""
        parts = [self._read(run) for run in self._runs]
        none = np.zeros(0, np.uint64)
        keys = np.concatenate([none, *(part[0] for part in parts)])
        places = np.concatenate([none, *(part[1] for part in parts)])
        order = np.lexsort((places, keys))
        return keys[order], places[order]

    def _full_level(self) -> list[Run] | None:
        for level in range(LAST_LEVEL):
            group = [run for run in self._runs if run.level == level]
            if len(group) >= FANOUT:
                return group
        return None

    def _merge(self, group: list[Run]) -> None:
        parts = [self._read(run) for run in group]
        keys = np.concatenate([part[0] for part in parts])
        places = np.concatenate([part[1] for part in parts])
        for run in group:
            low = run.id << _RUN_SHIFT
            self._connection.execute(
                "DELETE FROM block WHERE id BETWEEN ? AND ?", (low, low + (1 << run.bits) - 1)
            )
            self._connection.execute("DELETE FROM run WHERE id = ?", (run.id,))
        self._runs = [run for run in self._runs if run not in group]
        order = np.argsort(keys, kind="stable")
        self._write(keys[order], places[order])

    def _write(self, keys: Array, places: Array) -> None:
        blocks = -(-len(keys) // BLOCK_EVENTS)
        bits = min(BLOCK_BITS_MAX, (blocks - 1).bit_length())
        run = Run(self._runs[-1].id + 1 if self._runs else 1, bits, len(keys))
        self._connection.execute("INSERT INTO run VALUES (?, ?, ?)", run)
        self._connection.executemany("INSERT INTO block VALUES (?, ?)", _blocks(run, keys, places))
        self._runs.append(run)

    def _read(self, run: Run) -> tuple[Array, Array]:
        low = run.id << _RUN_SHIFT
        rows = self._connection.execute(
            "SELECT rows FROM block WHERE id BETWEEN ? AND ? ORDER BY id",
            (low, low + (1 << run.bits) - 1),
        )
        parts = [_unpacked(data) for (data,) in rows]
        return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])


def _block_id(run: Run, key: int) -> int:
    return run.id << _RUN_SHIFT | key >> (64 - run.bits)


def _blocks(run: Run, keys: Array, places: Array) -> list[tuple[int, bytes]]:
    """The blocks of a run: their ids, and keys and places as they stand in the file."""
    if run.bits == 0:
        return [(run.id << _RUN_SHIFT, keys.tobytes() + places.tobytes())]
    tops = (keys >> np.uint64(64 - run.bits)).astype(np.int64)
    starts = np.flatnonzero(np.diff(tops, prepend=-1))
    ends = [*starts[1:].tolist(), len(keys)]
    first = run.id << _RUN_SHIFT
    key_bytes, place_bytes = keys.tobytes(), places.tobytes()
    return [
        (first | top, key_bytes[8 * start : 8 * end] + place_bytes[8 * start : 8 * end])
        for top, start, end in zip(tops[starts].tolist(), starts.tolist(), ends, strict=True)
    ]


def _unpacked(data: bytes) -> tuple[Array, Array]:
    words = np.frombuffer(data, np.uint64)
    return words[: len(words) // 2], words[len(words) // 2 :]
