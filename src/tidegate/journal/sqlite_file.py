"""The journal's SQLite file: its schema, its connections, what its errors mean, and its reader.

Always: the fence is a trigger in the file itself, so that no writer gets past it, lock or no lock.
Never: a read transaction outlives the call that needed it.
"""

import os
import sqlite3
import threading
from pathlib import Path
from urllib.parse import quote

from tidegate.journal.protocol import (
    GENESIS,
    READ_BYTES,
    Corrupt,
    Entry,
    Head,
    JournalError,
    NotThisJournal,
    Pruned,
    StoreBusy,
    SyncFailed,
)
from tidegate.journal.store import JOURNAL_FILE, is_unsafe

SCHEMA_VERSION = 1
BUSY_TIMEOUT_S = 5.0

SCHEMA = """
BEGIN IMMEDIATE;
CREATE TABLE base (
    stream TEXT NOT NULL, seq INTEGER NOT NULL, epoch INTEGER NOT NULL, hash BLOB NOT NULL
) STRICT;
CREATE TABLE entry (
    seq INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, kind INTEGER NOT NULL,
    prev_hash BLOB NOT NULL, hash BLOB NOT NULL, payload BLOB NOT NULL
) STRICT;
-- The head's hash covers its sequence and epoch, so comparing it compares all three.
CREATE TRIGGER entry_fence BEFORE INSERT ON entry WHEN
    NEW.prev_hash IS NOT coalesce((SELECT hash FROM entry ORDER BY seq DESC LIMIT 1),
                                  (SELECT hash FROM base))
    OR NEW.seq IS NOT 1 + coalesce((SELECT max(seq) FROM entry), (SELECT seq FROM base))
BEGIN SELECT raise(ABORT, 'fenced'); END;
CREATE TRIGGER entry_never_changes BEFORE UPDATE ON entry
BEGIN SELECT raise(ABORT, 'entries never change'); END;
PRAGMA application_id = 0x54474A31; -- TGJ1
PRAGMA user_version = 1;
"""

# A damaged schema makes SQLite's error text itself unreadable.
STORE_ERRORS = (sqlite3.Error, UnicodeDecodeError)

_HEAD = "SELECT seq, epoch, hash FROM entry ORDER BY seq DESC LIMIT 1"
_BASE = "SELECT seq, epoch, hash FROM base"
_ENTRIES = (
    "SELECT seq, epoch, kind, prev_hash, hash, payload FROM entry WHERE seq >= ? ORDER BY seq"
)


def journal_path(directory: Path) -> Path:
    """Where the journal of `directory` is."""
    return directory / JOURNAL_FILE


def connect(path: Path, mode: str, timeout_s: float = BUSY_TIMEOUT_S) -> sqlite3.Connection:
    """A connection in autocommit mode: every statement is a transaction of its own.

    `mode` is SQLite's: ro, rw or rwc.
    """
    return sqlite3.connect(
        f"file:{quote(str(path))}?mode={mode}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,  # each holder of a connection has a lock of its own
        timeout=timeout_s,
    )


def check_format(connection: sqlite3.Connection, stream: str) -> bool:
    """False for a file with nothing in it yet. Raises NotThisJournal for anything foreign."""
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version == 0:
        return False
    if version != SCHEMA_VERSION:
        raise NotThisJournal(
            f"the journal has format {version}, this program writes {SCHEMA_VERSION}:"
            " use the version of tidegate that wrote it, or upgrade"
        )
    found = str(connection.execute("SELECT stream FROM base").fetchone()[0])
    if found != stream:
        raise NotThisJournal(f"this is the journal of {found}, not of {stream}")
    return True


def head_of(connection: sqlite3.Connection) -> Head:
    """The newest entry, or the base of a journal that holds none."""
    row = connection.execute(_HEAD).fetchone()
    return Head(*row) if row else base_of(connection)


def meaning(error: Exception) -> JournalError:
    """What one of STORE_ERRORS outside an append means to us."""
    if isinstance(error, UnicodeDecodeError):
        return Corrupt("the file's own description is damaged. Restore it from a backup")
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
        return Corrupt(f"SQLite: {error}. Restore from a backup; keep the file as evidence")
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return StoreBusy(f"another process held the journal's file too long ({error})")
    return SyncFailed(f"SQLite: {error}. Stop, see to the disk, then start again")


def base_of(connection: sqlite3.Connection) -> Head:
    """The head just before the oldest entry held."""
    return Head(*connection.execute(_BASE).fetchone())


class SqliteReader:
    """Reads the journal in `directory`, from any thread, also of another process."""

    def __init__(self, directory: Path, stream: str, *, steps_aside: bool = True) -> None:
        """`steps_aside`: let go of the file while a writer must redo the tail in private."""
        self.stream = stream
        self._directory = directory
        self._steps_aside = steps_aside
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._file = (0, 0)
        self._closed = False

    def base(self) -> Head:
        """The head just before the oldest entry held."""
        with self._lock:
            try:
                connection = self._open()
                return base_of(connection) if connection else GENESIS
            except STORE_ERRORS as error:
                raise meaning(error) from error

    def head(self) -> Head:
        """The newest entry, `GENESIS` when there is none."""
        with self._lock:
            try:
                connection = self._open()
                return head_of(connection) if connection else GENESIS
            except STORE_ERRORS as error:
                raise meaning(error) from error

    def read(self, from_seq: int, limit_bytes: int = READ_BYTES) -> list[Entry]:
        """Entries from `from_seq` on, in order, until their payloads reach `limit_bytes`."""
        if from_seq < 1:
            raise ValueError("sequences start at 1")
        with self._lock:
            try:
                connection = self._open()
                if connection is None:
                    return []
                entries = _read(connection, from_seq, limit_bytes)
                if not entries or entries[0].seq != from_seq:
                    _refuse_pruned(connection, from_seq)
            except STORE_ERRORS as error:
                raise meaning(error) from error
        return entries

    def close(self) -> None:
        """Let go of the file; further calls fail."""
        with self._lock:
            self._closed = True
            self._drop()

    def _open(self) -> sqlite3.Connection | None:
        """The connection, None while there is no journal yet."""
        assert not self._closed, "this reader was closed"
        if self._steps_aside and is_unsafe(self._directory):
            self._drop()
            raise StoreBusy("a sync failed here: wait until the server has started again")
        path = journal_path(self._directory)
        try:
            status = os.stat(path)
        except FileNotFoundError:
            self._drop()
            return None
        if self._file != (status.st_dev, status.st_ino):
            self._drop()  # another file was put in its place
        if self._connection is None:
            connection = connect(path, "ro")
            try:
                ready = check_format(connection, self.stream)
            except BaseException:
                connection.close()
                raise
            if not ready:
                connection.close()
                return None
            self._connection = connection
            self._file = (status.st_dev, status.st_ino)
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _read(connection: sqlite3.Connection, from_seq: int, limit_bytes: int) -> list[Entry]:
    entries: list[Entry] = []
    size = 0
    cursor = connection.execute(_ENTRIES, (from_seq,))
    try:
        for row in cursor:
            if {type(value) for value in row[3:]} != {bytes}:
                raise Corrupt(f"an entry after {from_seq} is damaged. Restore from a backup")
            entry = Entry(*row)
            entries.append(entry)
            size += len(entry.payload)
            if size >= limit_bytes:
                break
    finally:
        cursor.close()  # ends the read transaction
    return entries


def _refuse_pruned(connection: sqlite3.Connection, from_seq: int) -> None:
    base_seq = base_of(connection).seq
    if from_seq <= base_seq:
        raise Pruned(from_seq, base_seq + 1)
