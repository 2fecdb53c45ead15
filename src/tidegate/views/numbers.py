"""Which order has which running number: how an expired hold, which names a number, finds its order.

Always: numbers run from 0 without a gap, as the engine gives them out. Never: a number is looked
for that was not added; that is an assertion, because it means that the counting differs.
"""

import sqlite3

import numpy as np

from tidegate.record.lines import Array

CHUNK = 1024  # numbers a row; the last row is written again until it is full
NO_KEY = np.uint64(0)  # of a command or an operation, which never expire


class Numbers:
    """The keys by number, of one file. Every call is inside a transaction of the caller's."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        row = connection.execute(
            "SELECT id, keys FROM number_chunk ORDER BY id DESC LIMIT 1"
        ).fetchone()
        self._open_from = row[0] * CHUNK if row else 0
        self._open: Array = np.frombuffer(row[1], np.uint64) if row else np.zeros(0, np.uint64)

    @property
    def next(self) -> int:
        """The number that comes next."""
        return self._open_from + len(self._open)

    def add(self, keys: Array) -> None:
        """Give the next numbers to these keys."""
        if len(keys) == 0:
            return
        self._open = np.concatenate([self._open, keys])
        first = self._open_from // CHUNK
        rows = [
            (first + start // CHUNK, self._open[start : start + CHUNK].tobytes())
            for start in range(0, len(self._open), CHUNK)
        ]
        self._connection.executemany("INSERT OR REPLACE INTO number_chunk VALUES (?, ?)", rows)
        full = (len(self._open) - 1) // CHUNK * CHUNK
        self._open_from += full
        self._open = self._open[full:]

    def keys_of(self, numbers: Array) -> Array:
        """The keys that these numbers were given to."""
        wanted = numbers.astype(np.int64)
        assert len(wanted) == 0 or int(wanted.max()) < self.next, "this number was not given yet"
        keys = np.zeros(len(wanted), np.uint64)
        chunks = wanted // CHUNK
        for chunk in np.unique(chunks).tolist():
            (data,) = self._connection.execute(
                "SELECT keys FROM number_chunk WHERE id = ?", (chunk,)
            ).fetchone()
            here = chunks == chunk
            keys[here] = np.frombuffer(data, np.uint64)[wanted[here] - chunk * CHUNK]
        return keys
