"""watch.db: alarms, the breaker's latch and announced windows; one file a shop.

Always one durable transaction a change (`synchronous=FULL`), whichever process makes it, so a stop
outlives every process. Never decides anything, never holds a name of a person: tokens only.
"""

import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tidegate.storage.sqlite_schema import Migration, Schema, open_database
from tidegate.storage.transactions import transaction

CACHE_KIB = 2048

_TABLES = (
    # `switch`: which of the breaker's switches it opened ('' = none); closed_ms 0 = open.
    """CREATE TABLE alarm (
        id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, opened_ms INTEGER NOT NULL,
        level INTEGER NOT NULL, sentence TEXT NOT NULL, chinese TEXT NOT NULL,
        numbers TEXT NOT NULL, first_order TEXT NOT NULL, money_fen INTEGER NOT NULL,
        switch TEXT NOT NULL, closed_ms INTEGER NOT NULL DEFAULT 0) STRICT""",
    "CREATE INDEX alarm_open ON alarm (id) WHERE closed_ms = 0",
    # The whole breaker as one document: it is small, and changes as a whole.
    "CREATE TABLE breaker (one INTEGER PRIMARY KEY CHECK (one = 1), document BLOB NOT NULL) STRICT",
    """CREATE TABLE announced (
        id TEXT PRIMARY KEY, entry BLOB NOT NULL, from_ms INTEGER NOT NULL,
        until_ms INTEGER NOT NULL, person BLOB NOT NULL, at_ms INTEGER NOT NULL) STRICT""",
)
SCHEMA = Schema("watch", (Migration(1, _TABLES),))


class WatchUnavailable(Exception):
    """watch.db cannot be read or written now; the message says what to do."""


class WatchFile:
    """The file. Any thread may call; calls take turns. Raises WatchUnavailable."""

    def __init__(self, path: Path, schema: Schema = SCHEMA) -> None:
        """`schema`: of another file of the watch that is kept the same way."""
        self._path = path
        self._lock = threading.RLock()
        with self._told():
            self._connection = open_database(path, schema, cache_kib=CACHE_KIB)

    @contextmanager
    def changing(self) -> Iterator[sqlite3.Connection]:
        """One transaction, durable at its end, undone where something is raised."""
        with self._lock, self._told(), transaction(self._connection) as connection:
            yield connection

    def rows(
        self, query: str, values: Sequence[object] | Mapping[str, object] = ()
    ) -> list[tuple[Any, ...]]:
        """What a query finds."""
        with self._lock, self._told():
            return self._connection.execute(query, values).fetchall()

    def close(self) -> None:
        """Give the file back."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def _told(self) -> Iterator[None]:
        """SQLite's errors, with what to do about them."""
        try:
            yield
        except sqlite3.Error as error:
            raise WatchUnavailable(
                f"{self._path.name}: {error}; look at the disk, or restore the file from a backup"
            ) from error
