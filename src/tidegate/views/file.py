"""The file views.db: its tables, how it is opened, and how somebody asks for it to be built anew.

Always: what a view holds and how far it has followed change in one transaction. Never: anything
here is the truth, or of a person: rows are counts, sums, codes and places in the journal, so the
file may be lost, and is then built again.
"""

import os
import sqlite3
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from tidegate.journal.follow import GENESIS, Head, RolledBack
from tidegate.storage.sqlite_schema import (
    Migration,
    Schema,
    SchemaTooNew,
    WrongDatabase,
    open_database,
)

ORDERS = "orders"  # the cursor of everything that is projected from events
STOCK = "stock"  # the cursor of the cells, which come from a folded machine
READ_TIMEOUT_S = 5.0
BROKEN = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
CACHE_KIB = 16 * 1024

_TABLES = (
    """CREATE TABLE cursor (
        view TEXT PRIMARY KEY, stream TEXT NOT NULL, seq INTEGER NOT NULL, epoch INTEGER NOT NULL,
        hash BLOB NOT NULL, time_ms INTEGER NOT NULL) WITHOUT ROWID""",
    # Where the events of each order stand: sorted runs of keys and places, see `places`.
    "CREATE TABLE run (id INTEGER PRIMARY KEY, bits INTEGER NOT NULL, events INTEGER NOT NULL)",
    "CREATE TABLE block (id INTEGER PRIMARY KEY, rows BLOB NOT NULL)",
    "CREATE TABLE number_chunk (id INTEGER PRIMARY KEY, keys BLOB NOT NULL)",
    # What the catalogue said, and from which event on, see `names`.
    """CREATE TABLE named (
        scope TEXT, number INTEGER, place INTEGER, fact BLOB NOT NULL,
        PRIMARY KEY (scope, number, place)) WITHOUT ROWID""",
    """CREATE TABLE minute (
        minute INTEGER PRIMARY KEY, decided INTEGER NOT NULL, duplicates INTEGER NOT NULL,
        accepted INTEGER NOT NULL, sales INTEGER NOT NULL, units INTEGER NOT NULL,
        receivable_fen INTEGER NOT NULL, short_units INTEGER NOT NULL)""",
    """CREATE TABLE reason_minute (
        minute INTEGER, about TEXT, reason INTEGER, events INTEGER NOT NULL,
        PRIMARY KEY (minute, about, reason)) WITHOUT ROWID""",
    """CREATE TABLE sku_minute (
        minute INTEGER, sku INTEGER, lines INTEGER NOT NULL, units INTEGER NOT NULL,
        receivable_fen INTEGER NOT NULL, refused_units INTEGER NOT NULL,
        PRIMARY KEY (minute, sku)) WITHOUT ROWID""",
    """CREATE TABLE stock (
        pool INTEGER, sku INTEGER, on_hand INTEGER NOT NULL, pre_held INTEGER NOT NULL,
        committed INTEGER NOT NULL, released INTEGER NOT NULL, debt INTEGER NOT NULL,
        recalling INTEGER NOT NULL, received INTEGER NOT NULL, shipped INTEGER NOT NULL,
        returned INTEGER NOT NULL, defective INTEGER NOT NULL,
        PRIMARY KEY (pool, sku)) WITHOUT ROWID""",
)
SCHEMA = Schema("views", (Migration(1, _TABLES),))


class ViewsMoved(Exception):
    """Somebody else moved these views on: two processes follow one store. Nothing was stored."""


class OtherViews(Exception):
    """The views of another journal lie here. Nothing was changed."""


class Cursor(NamedTuple):
    """How far a view has followed: the last entry it holds, and when that one was decided."""

    head: Head
    time_ms: int


def open_views(path: Path, stream: str) -> sqlite3.Connection:
    """Open the views of a shop for writing; make them where there are none.

    Raises storage's errors and OtherViews.
    """
    connection = open_database(path, SCHEMA, cache_kib=CACHE_KIB)
    try:
        # What a power cut takes is followed again, and no row is of a person.
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA secure_delete=OFF")
        for view in (ORDERS, STOCK):
            connection.execute(
                "INSERT OR IGNORE INTO cursor VALUES (?, ?, ?, ?, ?, 0)", (view, stream, *GENESIS)
            )
        _require_stream(connection, path, stream)
    except BaseException:
        connection.close()
        raise
    return connection


def _require_stream(connection: sqlite3.Connection, path: Path, stream: str) -> None:
    found = connection.execute("SELECT DISTINCT stream FROM cursor").fetchall()
    if found != [(stream,)]:
        raise OtherViews(f"{path} holds the views of {found[0][0]}, not of {stream}")


def read_views(path: Path) -> sqlite3.Connection:
    """A connection that can only read. Raises sqlite3.OperationalError where there is no file."""
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?mode=ro",
        uri=True,
        isolation_level=None,
        check_same_thread=False,  # whoever holds it has a lock of its own
        timeout=READ_TIMEOUT_S,
    )
    connection.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
    return connection


def read_cursor(connection: sqlite3.Connection, view: str) -> Cursor:
    """How far a view has followed."""
    row = connection.execute(
        "SELECT seq, epoch, hash, time_ms FROM cursor WHERE view = ?", (view,)
    ).fetchone()
    return Cursor(Head(*row[:3]), row[3]) if row else Cursor(GENESIS, 0)


def move_cursor(connection: sqlite3.Connection, view: str, before: Cursor, after: Cursor) -> None:
    """Move a view's cursor inside the caller's transaction. Raises ViewsMoved."""
    moved = connection.execute(
        "UPDATE cursor SET seq = ?, epoch = ?, hash = ?, time_ms = ?"
        " WHERE view = ? AND seq = ? AND hash = ?",
        (*after.head, after.time_ms, view, before.head.seq, before.head.hash),
    )
    if moved.rowcount != 1:
        raise ViewsMoved("two processes follow this store: stop one of them")


def ask_for_rebuild(path: Path) -> None:
    """Have the views built again from zero: whoever follows does it, now or when next started."""
    _wish(path).touch(mode=0o600)


def rebuild_is_asked(path: Path) -> bool:
    """Whether somebody asked."""
    return _wish(path).exists()


def forget_views(path: Path) -> None:
    """Remove views that nobody has open for writing; fulfils what `ask_for_rebuild` asked.

    The WAL goes first: left alone beside a new file it would be taken for that file's own.
    """
    for suffix in ("-wal", "-shm", ""):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    _wish(path).unlink(missing_ok=True)


def is_beyond_use(error: BaseException) -> bool:
    """Whether views that gave this error can only be built again."""
    if isinstance(error, sqlite3.DatabaseError):
        return getattr(error, "sqlite_errorcode", 0) & 0xFF in BROKEN
    return isinstance(error, RolledBack | SchemaTooNew | WrongDatabase | OtherViews)


def set_aside(path: Path) -> Path:
    """Put unusable views where they are in nobody's way, for whoever wants to know why."""
    aside = path.with_name(path.name + ".broken")
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    if path.exists():
        path.replace(aside)
    return aside


def file_identity(path: Path) -> tuple[int, int]:
    """Tells a file from the one that later takes its place; (0, 0) where there is none."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return (0, 0)
    return (status.st_dev, status.st_ino)


def _wish(path: Path) -> Path:
    return path.with_name(path.name + ".rebuild")
