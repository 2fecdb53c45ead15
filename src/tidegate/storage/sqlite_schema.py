"""SQLite files: opened with one set of pragmas, moved from schema to schema, checked for room.

Every file opened here for writing is private to its owner (0600), in WAL mode with
`synchronous=FULL` and `secure_delete=ON`, and carries an application id, so that one kind of file
is never taken for another.
This module never reads or writes a row of its callers' tables, and never steps a schema back.
"""

import os
import shutil
import sqlite3
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

BUSY_TIMEOUT_S = 5.0
CACHE_KIB = 32 * 1024
PAGE_BYTES = 4096

# SQLite's own header fields are 32-bit signed; the top bit is left out.
_APPLICATION_ID_MASK = 0x7FFF_FFFF
_PRIVATE = 0o600


class SchemaTooNew(Exception):
    """The file was written by a release more than one schema version ahead of this one."""


class WrongDatabase(Exception):
    """The file is not the kind of database that was asked for."""


class DiskLow(Exception):
    """Less free disk than the caller needs; nothing was written."""


class Migration(NamedTuple):
    """One step of a schema: the version it leads to, and its statements.

    A step only adds: tables, columns with defaults, indexes. The release before it must go on
    working on the result, because that is the rule for going back one version.
    """

    version: int
    statements: tuple[str, ...]


class Schema(NamedTuple):
    """What a database is called and every step that leads to its present version."""

    name: str
    migrations: tuple[Migration, ...]

    @property
    def version(self) -> int:
        """The version that this release writes."""
        return self.migrations[-1].version

    @property
    def application_id(self) -> int:
        """The number in the file's header that says which kind of database it is."""
        return zlib.crc32(f"tidegate.{self.name}".encode()) & _APPLICATION_ID_MASK


def open_database(path: Path, schema: Schema, *, cache_kib: int = CACHE_KIB) -> sqlite3.Connection:
    """Open the file for reading and writing, create it if it is not there, and migrate it.

    The connection is in autocommit mode and may be used from any one thread at a time. The folder
    must exist. Raises WrongDatabase, SchemaTooNew, sqlite3.Error.
    """
    _create_private(path)
    connection = _plain(path)
    try:
        _check_kind(connection, schema, path)  # before anything is set on somebody else's file
        _configure(connection, cache_kib)
        migrate(connection, schema, path)
    except BaseException:
        connection.close()
        raise
    return connection


def connect(path: Path, *, cache_kib: int = CACHE_KIB) -> sqlite3.Connection:
    """One more connection to a file that `open_database` has opened before."""
    connection = _plain(path)
    _configure(connection, cache_kib)
    return connection


def _plain(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(
        path,
        timeout=BUSY_TIMEOUT_S,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=64,
    )


def _configure(connection: sqlite3.Connection, cache_kib: int) -> None:
    for pragma in (
        f"page_size={PAGE_BYTES}",  # counts for a new file only
        "journal_mode=WAL",
        "synchronous=FULL",
        "secure_delete=ON",
        "foreign_keys=ON",
        "trusted_schema=OFF",
        "temp_store=MEMORY",  # what is sorted on the way never becomes a file
        f"cache_size=-{cache_kib}",
    ):
        connection.execute(f"PRAGMA {pragma}")


def migrate(connection: sqlite3.Connection, schema: Schema, path: Path) -> None:
    """Bring the file to `schema.version`, one step a transaction; leave a file one version ahead.

    Raises WrongDatabase or SchemaTooNew; the file is then as it was.
    """
    _check_steps(schema.migrations)
    _check_kind(connection, schema, path)
    for step in schema.migrations:
        if step.version > _user_version(connection):
            _take(connection, schema, step)


def _take(connection: sqlite3.Connection, schema: Schema, step: Migration) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Asked again under the lock: another process may have taken the step meanwhile.
        if _user_version(connection) < step.version:
            for statement in step.statements:
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id={schema.application_id}")
            connection.execute(f"PRAGMA user_version={step.version}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _check_steps(migrations: Sequence[Migration]) -> None:
    versions = [step.version for step in migrations]
    assert versions == list(range(1, len(versions) + 1)), "migrations count 1, 2, 3 without a gap"


def _check_kind(connection: sqlite3.Connection, schema: Schema, path: Path) -> None:
    try:
        found = int(connection.execute("PRAGMA application_id").fetchone()[0])
        tables = int(connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0])
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_NOTADB:
            raise WrongDatabase(f"{path} is not an SQLite database") from error
        raise
    version = _user_version(connection)
    if found != schema.application_id and (found or version or tables):
        raise WrongDatabase(
            f"{path} is another kind of database than {schema.name!r}; "
            "check the path, or restore the right file from a backup"
        )
    if version > schema.version + 1:
        raise SchemaTooNew(
            f"{path} has schema version {version}; this release knows {schema.version} and opens "
            f"{schema.version + 1} at most. Run the release that wrote it, or the one before"
        )


def _user_version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _create_private(path: Path) -> None:
    """Create an empty file that only its owner may read; SQLite gives its WAL the same mode."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _PRIVATE)
    except FileExistsError:
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Make the names in a folder durable: without it a new file may be gone after a power cut."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def truncate_wal(connection: sqlite3.Connection, *, wait_s: float = BUSY_TIMEOUT_S) -> bool:
    """Move everything from the WAL into the file and cut the WAL to nothing.

    False: a reader or writer was in the way for `wait_s`, and the WAL still has its content.
    """
    connection.execute(f"PRAGMA busy_timeout={int(wait_s * 1000)}")
    try:
        busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode not in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            raise
        busy = 1
    finally:
        connection.execute(f"PRAGMA busy_timeout={int(BUSY_TIMEOUT_S * 1000)}")
    return not busy


def free_disk_bytes(directory: Path) -> int:
    """Bytes that an ordinary user may still write on the disk that holds the folder."""
    return shutil.disk_usage(directory).free


def require_free_disk(directory: Path, needed_bytes: int) -> None:
    """Raise DiskLow if fewer than `needed_bytes` are free; call it before writing, not after."""
    free_bytes = free_disk_bytes(directory)
    if free_bytes < needed_bytes:
        raise DiskLow(
            f"{free_bytes:,} bytes are free at {directory}, {needed_bytes:,} are needed; "
            "make room or move the store"
        )
