"""What the vault's three SQLite files share: one connection, one transaction at a time, one cursor.

Each file has a row `state.applied_seq`: every destruction that the vault's stream orders up to that
event is done in this file. So an older copy of one knows what it has to catch up with.
This module never reads a row of its callers' other tables.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tidegate.storage.sqlite_schema import Schema, open_database, truncate_wal

TOKEN_BYTES = 8
CURSOR = (  # the first statements of each file's schema
    """CREATE TABLE state (
        one INTEGER PRIMARY KEY CHECK (one = 1), applied_seq INTEGER NOT NULL,
        deleted INTEGER NOT NULL DEFAULT 0) STRICT""",
    "INSERT INTO state (one, applied_seq) VALUES (1, 0)",
)


class VaultFile:
    """One file. Any thread, one call at a time."""

    def __init__(self, path: Path, schema: Schema, cache_kib: int) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._connection = open_database(path, schema, cache_kib=cache_kib)
        truncate_wal(self._connection)

    def close(self) -> None:
        """Give the file back."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection, alone."""
        with self._lock:
            yield self._connection

    @contextmanager
    def changing(self) -> Iterator[sqlite3.Connection]:
        """One durable transaction; nothing of it if anything raises."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    @property
    def applied_seq(self) -> int:
        """Every destruction that the stream orders up to here is done in this file."""
        with self.reading() as connection:
            return int(connection.execute("SELECT applied_seq FROM state").fetchone()[0])

    def advance(self, seq: int) -> None:
        """Nothing up to that event is left to do. Goes back only onto a restored stream."""
        with self.changing() as connection:
            connection.execute("UPDATE state SET applied_seq = ?", (seq,))

    def clear_log(self) -> bool:
        """Cut the WAL, in which older pages stand; False if a reader is in the way."""
        with self._lock:
            return truncate_wal(self._connection)


def applied(connection: sqlite3.Connection, seq: int) -> None:
    """Inside a transaction that does what that event orders."""
    connection.execute("UPDATE state SET applied_seq = max(applied_seq, ?)", (seq,))


def stored(person: int) -> bytes:
    """SQLite's integers are signed: a token is stored as eight bytes."""
    return person.to_bytes(TOKEN_BYTES, "big")


def token_in(row: bytes) -> int:
    """The inverse of `stored`."""
    return int.from_bytes(row, "big")
