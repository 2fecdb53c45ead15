"""After a stop that was not clean: make the journal's end durable before anything builds on it.

Always: every byte that the write-ahead log shows us is written again and synced. Never: a sync
that failed before is taken as done because a later one succeeds.

After a failed fsync the kernel calls the lost pages clean: reading shows them, a second fsync
succeeds, and they are not on the disk. So the bytes themselves must be written again. Pages that
were being moved from the log into the database are in the same danger; a log that is read anew,
with no other process attached, is moved again from its first frame (ADR 0026).
"""

import os
import sqlite3
from pathlib import Path

from tidegate.journal.protocol import StoreInUse
from tidegate.journal.sqlite_file import connect, journal_path
from tidegate.journal.store import clear_unsafe
from tidegate.storage.sqlite_schema import sync_directory

_CHUNK_BYTES = 1 << 20
PRIVATE_WAIT_S = 5.0


def wal_path(directory: Path) -> Path:
    """Where SQLite keeps the write-ahead log of the journal in `directory`."""
    path = journal_path(directory)
    return path.with_name(path.name + "-wal")


def wal_bytes(directory: Path) -> int:
    """The size of the write-ahead log; 0 after a clean stop."""
    try:
        return wal_path(directory).stat().st_size
    except FileNotFoundError:
        return 0


def rewrite_wal(directory: Path) -> None:
    """Write the log's bytes over themselves and sync them.

    The caller holds SQLite's write lock, or nobody else has the journal open. SQLite takes no
    locks on this file, so closing our descriptor drops none.
    """
    descriptor = os.open(wal_path(directory), os.O_RDWR | os.O_CLOEXEC)
    try:
        offset = 0
        while chunk := os.pread(descriptor, _CHUNK_BYTES, offset):
            offset += os.pwrite(descriptor, chunk, offset)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    sync_directory(directory)


def redo_in_private(directory: Path) -> None:
    """After a failed sync: rewrite the log, move all of it into the database again, sync both.

    Raises StoreInUse while another process reads the journal: its memory of how far the log was
    moved would be taken for true.
    """
    if wal_bytes(directory):
        rewrite_wal(directory)
        connection = connect(journal_path(directory), "rw", PRIVATE_WAIT_S)
        try:
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            raise StoreInUse(str(directory), "a process that reads it (a follower)") from error
        finally:
            connection.close()
    clear_unsafe(directory)
