"""channels.db: what a shop's channels have heard, asked for and shown; one file a shop.

Always: an intention is stored before it is sent, and what came of it after; so a killed process
goes on where it was. Never: decides anything (the journal does), or holds what names a person:
buyers are tokens here, recipients keyed hashes.
"""

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tidegate.channels.ledger_tables import SECOND
from tidegate.storage.sqlite_schema import Migration, Schema, connect, open_database
from tidegate.storage.transactions import transaction

CACHE_KIB = 64 * 1024
IN_MAX = 500  # question marks of one statement

_TABLES = (
    """CREATE TABLE connection (
        channel TEXT PRIMARY KEY, kind TEXT NOT NULL, adapter TEXT NOT NULL,
        settings TEXT NOT NULL, stopped INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID""",
    """CREATE TABLE feed (
        channel TEXT PRIMARY KEY, watermark_ms INTEGER NOT NULL DEFAULT 0,
        window_ms INTEGER NOT NULL DEFAULT 0, page TEXT NOT NULL DEFAULT '',
        heard_ms INTEGER NOT NULL DEFAULT 0, swept_ms INTEGER NOT NULL DEFAULT 0,
        skew_ms INTEGER NOT NULL DEFAULT 0, fault TEXT NOT NULL DEFAULT '') WITHOUT ROWID""",
    # `state`: asked, unpaid, recorded, waiting, released, on_hold, closed. `push`: '', due, sent,
    # pushed, unknown, refused. `intercept`: '', wanted, unknown, done, too_late.
    """CREATE TABLE orders (
        id INTEGER PRIMARY KEY, key BLOB UNIQUE NOT NULL, channel TEXT NOT NULL,
        number TEXT NOT NULL, state TEXT NOT NULL, status TEXT NOT NULL,
        placed_ms INTEGER NOT NULL, changed_ms INTEGER NOT NULL, print BLOB NOT NULL,
        recipient BLOB NOT NULL, lines TEXT NOT NULL, due_fen INTEGER NOT NULL,
        rows BLOB, mask INTEGER NOT NULL DEFAULT 0, short INTEGER NOT NULL DEFAULT 0,
        reason INTEGER NOT NULL DEFAULT 0, flags TEXT NOT NULL DEFAULT '',
        attempt INTEGER NOT NULL DEFAULT 0, asking INTEGER NOT NULL DEFAULT 0,
        keep INTEGER NOT NULL DEFAULT 0, owner TEXT NOT NULL DEFAULT '',
        push TEXT NOT NULL DEFAULT '', intercept TEXT NOT NULL DEFAULT '')""",
    "CREATE INDEX orders_by_state ON orders (state, placed_ms)",
    "CREATE INDEX orders_by_push ON orders (push) WHERE push <> ''",
    "CREATE INDEX orders_by_intercept ON orders (intercept) WHERE intercept <> ''",
    """CREATE TABLE parked (
        channel TEXT, number TEXT, reason TEXT NOT NULL, first_ms INTEGER NOT NULL,
        last_ms INTEGER NOT NULL, feed_order BLOB, tokens BLOB, recipient BLOB,
        PRIMARY KEY (channel, number)) WITHOUT ROWID""",
    """CREATE TABLE item (
        channel TEXT, item TEXT, sku TEXT NOT NULL, PRIMARY KEY (channel, item)) WITHOUT ROWID""",
    # What is offered where, and what the channel may still sell as far as we know.
    """CREATE TABLE offer (
        channel TEXT, sku TEXT, item TEXT NOT NULL, terms TEXT NOT NULL,
        shown INTEGER NOT NULL DEFAULT 0, listed INTEGER NOT NULL DEFAULT 1,
        push_id INTEGER NOT NULL DEFAULT 0, pushing INTEGER,
        is_increment INTEGER NOT NULL DEFAULT 0,
        is_unknown INTEGER NOT NULL DEFAULT 0, read_ms INTEGER NOT NULL DEFAULT 0,
        fault TEXT NOT NULL DEFAULT '', PRIMARY KEY (channel, sku)) WITHOUT ROWID""",
    "CREATE TABLE nonce (nonce TEXT PRIMARY KEY, until_ms INTEGER NOT NULL) WITHOUT ROWID",
    """CREATE TABLE bulk (
        id INTEGER PRIMARY KEY, kind TEXT NOT NULL, name TEXT UNIQUE NOT NULL,
        asked_ms INTEGER NOT NULL, asked_by TEXT NOT NULL, scope TEXT NOT NULL)""",
    # `result`: '' while open; on_hold, too_late, unknown; released, refused.
    """CREATE TABLE bulk_order (
        bulk INTEGER, key BLOB, result TEXT NOT NULL DEFAULT '', reason TEXT NOT NULL DEFAULT '',
        PRIMARY KEY (bulk, key)) WITHOUT ROWID""",
    "CREATE INDEX bulk_order_by_result ON bulk_order (bulk, result)",
    """CREATE TABLE rung (
        channel TEXT, step TEXT, state TEXT NOT NULL, told TEXT NOT NULL, at_ms INTEGER NOT NULL,
        PRIMARY KEY (channel, step)) WITHOUT ROWID""",
    """CREATE TABLE followed (
        name TEXT PRIMARY KEY, seq INTEGER NOT NULL, epoch INTEGER NOT NULL,
        hash BLOB NOT NULL) WITHOUT ROWID""",
)
SCHEMA = Schema("channels", (Migration(1, _TABLES), Migration(2, SECOND)))


class Ledger:
    """The file. Any thread may call; calls take turns, and each write is one transaction."""

    def __init__(self, path: Path, schema: Schema = SCHEMA) -> None:
        """`schema`: of a file of another kind that is kept the same way."""
        self._connection = open_database(path, schema, cache_kib=CACHE_KIB)
        self._lock = threading.RLock()
        self._turns: dict[str, threading.RLock] = {}

    def turns(self, channel: str) -> threading.RLock:
        """What everything holds that takes in orders of one channel."""
        with self._lock:
            return self._turns.setdefault(channel, threading.RLock())

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction, durable at its end, undone where something is raised."""
        with self._lock, transaction(self._connection) as connection:
            yield connection

    def ask(self, statement: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        with self._lock:
            return self._connection.execute(statement, values).fetchall()

    def one(self, statement: str, values: Sequence[object] = ()) -> tuple[Any, ...] | None:
        """The first row, or None."""
        rows = self.ask(statement, values)
        return rows[0] if rows else None

    def of_many(
        self, statement: str, keys: Iterable[object], before: Sequence[object] = ()
    ) -> Iterator[tuple[Any, ...]]:
        """Rows of a query that ends in `IN`, for any number of keys; `before`: values before."""
        wanted = list(keys)
        for at in range(0, len(wanted), IN_MAX):
            part = wanted[at : at + IN_MAX]
            marks = ",".join("?" * len(part))
            yield from self.ask(f"{statement} ({marks})", [*before, *part])

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._connection.close()


def read_ledger(path: Path) -> sqlite3.Connection:
    """One more connection to a ledger that is there."""
    return connect(path, cache_kib=1024)


def key_bytes(key: tuple[int, int]) -> bytes:
    """An order's key as the ledger holds it."""
    return key[0].to_bytes(8, "little") + key[1].to_bytes(8, "little")


def key_of(data: bytes) -> tuple[int, int]:
    """The key back."""
    return int.from_bytes(data[:8], "little"), int.from_bytes(data[8:], "little")
