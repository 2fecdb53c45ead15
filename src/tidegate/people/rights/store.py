"""rights.db: requests about one's own data, each step, and what certifies its end.

A request names its person by a token; what it says in words lies sealed in the vault and dies with
the person. Who asked for what when, and how it ended, stays as proof.
This module never decides and never holds a value of anybody.
"""

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tidegate.storage.sqlite_schema import Migration, Schema, open_database

TOKEN_BYTES = 8

SCHEMA = Schema(
    "rights",
    (
        Migration(
            1,
            (
                """CREATE TABLE request (
                    id TEXT PRIMARY KEY, person BLOB NOT NULL, kind TEXT NOT NULL,
                    asked_by TEXT NOT NULL, opened_ms INTEGER NOT NULL, opened_day INTEGER NOT NULL,
                    due_day INTEGER NOT NULL, state TEXT NOT NULL, checked_by TEXT NOT NULL,
                    why TEXT NOT NULL, ended_ms INTEGER NOT NULL, outcome TEXT NOT NULL,
                    complete_after_day INTEGER NOT NULL, completed_ms INTEGER NOT NULL
                ) STRICT, WITHOUT ROWID""",
                "CREATE INDEX request_of ON request (person)",
                "CREATE INDEX request_state ON request (state, due_day)",
                """CREATE TABLE step (
                    number INTEGER PRIMARY KEY, request TEXT NOT NULL, at_ms INTEGER NOT NULL,
                    actor BLOB NOT NULL, state TEXT NOT NULL, why TEXT NOT NULL) STRICT""",
                "CREATE INDEX step_of ON step (request)",
                """CREATE TABLE code (
                    request TEXT PRIMARY KEY, salt BLOB NOT NULL, hash BLOB NOT NULL,
                    ends_ms INTEGER NOT NULL, tries INTEGER NOT NULL) STRICT, WITHOUT ROWID""",
            ),
        ),
    ),
)


class Request(NamedTuple):
    """One request as it stands. `outcome` is JSON: an answer's parts, or a certificate."""

    id: str
    person: int
    kind: str
    asked_by: str
    opened_ms: int
    opened_day: int
    due_day: int
    state: str
    checked_by: str = ""
    why: str = ""
    ended_ms: int = 0
    outcome: str = ""
    complete_after_day: int = 0
    completed_ms: int = 0

    @property
    def document(self) -> dict[str, Any]:
        """The outcome."""
        found: dict[str, Any] = json.loads(self.outcome) if self.outcome else {}
        return found


class Step(NamedTuple):
    """Who moved it where, and why."""

    at_ms: int
    actor: int
    state: str
    why: str


class CodeSent(NamedTuple):
    """A one-time code that was sent, by its salted hash."""

    salt: bytes
    hash: bytes
    ends_ms: int
    tries: int


_COLUMNS = ", ".join(Request._fields)
_ALL = f"SELECT {_COLUMNS} FROM request"  # noqa: S608  names of this module
_PUT = (
    f"INSERT OR REPLACE INTO request ({_COLUMNS})"  # noqa: S608  names of this module
    f" VALUES ({', '.join('?' * len(Request._fields))})"
)


class RightsStore:
    """The requests of one shop. Any thread, one call at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._connection = open_database(path, SCHEMA, cache_kib=2048)

    def close(self) -> None:
        """Give the file back."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            yield self._connection

    def move(self, request: Request, actor: int, at_ms: int, why: str = "") -> None:
        """Put a request as it is now, with the step that brought it there."""
        row = (request.id, request.person.to_bytes(TOKEN_BYTES, "big"), *request[2:])
        with self._changing() as connection:
            connection.execute(_PUT, row)
            connection.execute(
                "INSERT INTO step (request, at_ms, actor, state, why) VALUES (?, ?, ?, ?, ?)",
                (request.id, at_ms, actor.to_bytes(TOKEN_BYTES, "big"), request.state, why),
            )

    def get(self, request_id: str) -> Request | None:
        """A request by its id."""
        return next(iter(self._some(f"{_ALL} WHERE id = ?", (request_id,))), None)

    def of(self, person: int) -> list[Request]:
        """A person's requests, the oldest first."""
        return self._some(
            f"{_ALL} WHERE person = ? ORDER BY opened_ms, id",
            (person.to_bytes(TOKEN_BYTES, "big"),),
        )

    def in_state(self, *states: str) -> list[Request]:
        """Requests in any of these states, the most urgent first."""
        marks = ", ".join("?" * len(states))
        return self._some(f"{_ALL} WHERE state IN ({marks}) ORDER BY due_day, id", states)

    def _some(self, query: str, values: tuple[object, ...]) -> list[Request]:
        with self._lock:
            rows = self._connection.execute(query, values).fetchall()
        return [Request(row[0], int.from_bytes(row[1], "big"), *row[2:]) for row in rows]

    def steps(self, request_id: str) -> list[Step]:
        """Everything that happened to a request."""
        with self._lock:
            rows = self._connection.execute(
                "SELECT at_ms, actor, state, why FROM step WHERE request = ? ORDER BY number",
                (request_id,),
            ).fetchall()
        return [
            Step(at, int.from_bytes(actor, "big"), state, why) for at, actor, state, why in rows
        ]

    # -- one-time codes --------------------------------------------------------------------------

    def put_code(self, request_id: str, code: CodeSent) -> None:
        """Remember a code that is about to be sent; the one before it is worth nothing now."""
        with self._changing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO code VALUES (?, ?, ?, ?, ?)", (request_id, *code)
            )

    def take_try(self, request_id: str) -> CodeSent | None:
        """The code as it was before this try, which is counted first."""
        with self._changing() as connection:
            row = connection.execute(
                "SELECT salt, hash, ends_ms, tries FROM code WHERE request = ?", (request_id,)
            ).fetchone()
            connection.execute("UPDATE code SET tries = tries + 1 WHERE request = ?", (request_id,))
        return None if row is None else CodeSent(*row)

    def drop_code(self, request_id: str) -> None:
        """It was used."""
        with self._changing() as connection:
            connection.execute("DELETE FROM code WHERE request = ?", (request_id,))
