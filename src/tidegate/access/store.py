"""access.db: who the operators and machines are, their keys' hashes, and what awaits approval.

Every change is one durable transaction that also writes a line of who changed what, and moves the
generation on, by which every process notices it.
This module never holds a key, only its hash, and decides nothing.
"""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tidegate.storage.sqlite_schema import Migration, Schema, open_database

TOKEN_BYTES = 8
HOUSE = 0  # the actor when the machine's own console acts, before anybody has a key

SCHEMA = Schema(
    "access",
    (
        Migration(
            1,
            (
                """CREATE TABLE state (
                    one INTEGER PRIMARY KEY CHECK (one = 1), generation INTEGER NOT NULL
                ) STRICT""",
                "INSERT INTO state VALUES (1, 1)",
                """CREATE TABLE party (
                    token BLOB PRIMARY KEY,
                    is_person INTEGER NOT NULL,
                    name TEXT NOT NULL UNIQUE,
                    roles INTEGER NOT NULL,
                    is_active INTEGER NOT NULL,
                    created_at_ms INTEGER NOT NULL
                ) STRICT""",
                """CREATE TABLE key (
                    key_id TEXT PRIMARY KEY,
                    owner BLOB NOT NULL REFERENCES party (token),
                    hash BLOB NOT NULL,
                    scopes TEXT NOT NULL,
                    shops TEXT NOT NULL,
                    channels TEXT NOT NULL,
                    created_at_ms INTEGER NOT NULL,
                    expires_at_ms INTEGER,
                    revoked_at_ms INTEGER,
                    rotated_to TEXT,
                    last_used_day INTEGER
                ) STRICT""",
                "CREATE INDEX key_owner ON key (owner)",
                """CREATE TABLE proposal (
                    id BLOB PRIMARY KEY,
                    shop TEXT NOT NULL,
                    content BLOB NOT NULL,
                    digest BLOB NOT NULL,
                    proposer_key TEXT NOT NULL REFERENCES key (key_id),
                    reason TEXT NOT NULL,
                    created_at_ms INTEGER NOT NULL,
                    expires_at_ms INTEGER NOT NULL,
                    approver_key TEXT REFERENCES key (key_id),
                    approved_at_ms INTEGER,
                    withdrawn_at_ms INTEGER
                ) STRICT""",
                "CREATE INDEX proposal_shop ON proposal (shop, created_at_ms)",
                """CREATE TABLE change (
                    seq INTEGER PRIMARY KEY,
                    at_ms INTEGER NOT NULL,
                    actor BLOB NOT NULL,
                    what TEXT NOT NULL,
                    target TEXT NOT NULL,
                    detail TEXT NOT NULL
                ) STRICT""",
            ),
        ),
    ),
)


class AccessUnavailable(Exception):
    """The access database cannot be read or written now, so nobody is let in."""


class AccessStore:
    """One connection to access.db, for any thread, one transaction at a time."""

    def __init__(self, path: Path, now_ms: Callable[[], int]) -> None:
        self.now_ms = now_ms
        self._lock = threading.RLock()
        self._connection = open_database(path, SCHEMA, cache_kib=1024)

    def close(self) -> None:
        """Give the file back."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection, alone; SQLite's faults become AccessUnavailable."""
        with self._lock:
            try:
                yield self._connection
            except sqlite3.Error as error:
                raise AccessUnavailable(
                    f"access.db: {error}; check the disk, then retry"
                ) from error

    @contextmanager
    def changing(
        self, actor: int, what: str, target: str, detail: str = ""
    ) -> Iterator[sqlite3.Connection]:
        """One durable transaction that says who changed what; nothing of it if anything raises."""
        with self.reading() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute(
                    "INSERT INTO change (at_ms, actor, what, target, detail) "
                    "VALUES (?, ?, ?, ?, ?)",
                    (self.now_ms(), token_bytes(actor), what, target, detail),
                )
                connection.execute("UPDATE state SET generation = generation + 1")
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    def generation(self) -> int:
        """Moves on with every change, whichever process makes it."""
        with self.reading() as connection:
            return int(connection.execute("SELECT generation FROM state").fetchone()[0])

    def changes(
        self, after_seq: int = 0, limit: int = 1000
    ) -> list[tuple[int, int, int, str, str, str]]:
        """Who changed what: (seq, at_ms, actor, what, target, detail), in order."""
        with self.reading() as connection:
            rows = connection.execute(
                "SELECT seq, at_ms, actor, what, target, detail FROM change "
                "WHERE seq > ? ORDER BY seq LIMIT ?",
                (after_seq, limit),
            ).fetchall()
        return [(seq, at, token_number(actor), *rest) for seq, at, actor, *rest in rows]


def token_bytes(token: int) -> bytes:
    """SQLite's integers are signed: a token is stored as eight bytes."""
    return token.to_bytes(TOKEN_BYTES, "big")


def token_number(stored: bytes) -> int:
    """The inverse of `token_bytes`."""
    return int.from_bytes(stored, "big")
