"""messages.db: messages on their way, each under a key that counts once, and the ways out.

A message is stored before anybody is told that it will go, and marked before it is handed over, so
that a killed process never sends one twice without knowing it might.
This module never holds an address or a name: persons are tokens, values are ids, sums and dates.
"""

# ruff: noqa: S608 - statements are put together from constants of this module

import threading
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from tidegate.storage.sqlite_schema import Migration, Schema, open_database
from tidegate.storage.transactions import transaction

QUEUED, SENDING, SENT, STOPPED = "queued", "sending", "sent", "stopped"
REFUSED, UNKNOWN, LAPSED, DROPPED = "refused", "unknown", "lapsed", "dropped"
STATES = (QUEUED, SENDING, SENT, STOPPED, REFUSED, UNKNOWN, LAPSED, DROPPED)
OPEN = (QUEUED, SENDING, UNKNOWN)
LIST_MAX = 1_000

_COLUMNS = (
    "id, key, print, person, template, version, channel, purpose, language, vals, is_marketing,"
    " state, reason, evidence, queued_ms, due_ms, expires_ms, attempts, changed_ms"
)
SCHEMA = Schema(
    "messages",
    (
        Migration(
            1,
            (
                """CREATE TABLE message (
                    id INTEGER PRIMARY KEY, key TEXT UNIQUE NOT NULL, print BLOB NOT NULL,
                    person BLOB NOT NULL, template TEXT NOT NULL, version INTEGER NOT NULL,
                    channel TEXT NOT NULL, purpose TEXT NOT NULL, language TEXT NOT NULL,
                    vals TEXT NOT NULL, is_marketing INTEGER NOT NULL, state TEXT NOT NULL,
                    reason TEXT NOT NULL DEFAULT '', evidence TEXT NOT NULL DEFAULT '',
                    queued_ms INTEGER NOT NULL, due_ms INTEGER NOT NULL,
                    expires_ms INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
                    changed_ms INTEGER NOT NULL) STRICT""",
                "CREATE INDEX message_due ON message (state, channel, due_ms)",
                "CREATE INDEX message_person ON message (person)",
                """CREATE TABLE transport (
                    channel TEXT PRIMARY KEY, kind TEXT NOT NULL, settings TEXT NOT NULL,
                    field TEXT NOT NULL, per_minute INTEGER NOT NULL) STRICT, WITHOUT ROWID""",
            ),
        ),
    ),
)


class KeyReused(ValueError):
    """The key stands for another message already."""


class Waiting(NamedTuple):
    """A message before it is stored."""

    key: str
    person: int
    template: str
    version: int
    channel: str
    purpose: str
    language: str
    values: Mapping[str, str]
    is_marketing: bool
    evidence: str
    queued_ms: int
    due_ms: int
    expires_ms: int

    @property
    def fingerprint(self) -> bytes:
        """What makes it the same message when the key comes again."""
        said = [
            f"{self.person:016x}", self.template, self.channel, self.language,
            dict(self.values),
        ]  # fmt: skip
        return sha256(msgspec.json.encode(said, order="sorted")).digest()


class Row(NamedTuple):
    """A stored message."""

    id: int
    key: str
    print: bytes
    person: int
    template: str
    version: int
    channel: str
    purpose: str
    language: str
    values: dict[str, str]
    is_marketing: bool
    state: str
    reason: str
    evidence: str
    queued_ms: int
    due_ms: int
    expires_ms: int
    attempts: int
    changed_ms: int


class WayOut(NamedTuple):
    """How a channel's messages leave: a transport, the field with the address, and how fast."""

    channel: str
    kind: str  # smtp, webhook, files
    settings: dict[str, Any]
    field: str
    per_minute: int


class Outbox:
    """One shop's messages. Any thread; calls take turns."""

    def __init__(self, path: Path) -> None:
        self._connection = open_database(path, SCHEMA, cache_kib=8 * 1024)
        self._lock = threading.Lock()

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._connection.close()

    # -- in --------------------------------------------------------------------------------------

    def add(self, messages: Sequence[Waiting]) -> list[Row]:
        """Store messages, durably; one whose key is there is given back as it stands.

        Raises KeyReused; then none of them is stored.
        """
        with self._lock, transaction(self._connection) as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO message (key, print, person, template, version, channel,"
                " purpose, language, vals, is_marketing, state, evidence, queued_ms, due_ms,"
                " expires_ms, changed_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        one.key, one.fingerprint, one.person.to_bytes(8, "big"), one.template,
                        one.version, one.channel, one.purpose, one.language,
                        msgspec.json.encode(one.values).decode(), one.is_marketing, QUEUED,
                        one.evidence, one.queued_ms, one.due_ms, one.expires_ms, one.queued_ms,
                    )
                    for one in messages
                ],
            )  # fmt: skip
            rows = [self._by_key(one.key) for one in messages]
            for one, row in zip(messages, rows, strict=True):
                assert row is not None
                if row.print != one.fingerprint:
                    raise KeyReused(f"the key {one.key} stands for another message")
        return [row for row in rows if row is not None]

    def find(self, key: str) -> Row | None:
        """The message of a key."""
        with self._lock:
            return self._by_key(key)

    # -- on the way ------------------------------------------------------------------------------

    def due(self, channel: str, now_ms: int, limit: int) -> list[Row]:
        """What may be tried now, oldest first."""
        return self._rows(
            "state = ? AND channel = ? AND due_ms <= ? ORDER BY due_ms, id LIMIT ?",
            (QUEUED, channel, now_ms, limit),
        )

    def mark(
        self,
        message: int,
        state: str,
        now_ms: int,
        *,
        reason: str = "",
        due_ms: int | None = None,
        attempts: int | None = None,
    ) -> None:
        """Note where a message stands now, durably."""
        with self._lock:
            self._connection.execute(
                "UPDATE message SET state = ?, reason = ?, changed_ms = ?,"
                " due_ms = coalesce(?, due_ms), attempts = coalesce(?, attempts) WHERE id = ?",
                (state, reason, now_ms, due_ms, attempts, message),
            )

    def doubt_all(self, now_ms: int) -> int:
        """What is on its way may have left, for all that this file knows; how many these are."""
        with self._lock:
            return self._connection.execute(
                "UPDATE message SET state = ?, reason = 'restored', changed_ms = ?"
                " WHERE state IN (?, ?)",
                (UNKNOWN, now_ms, QUEUED, SENDING),
            ).rowcount

    def in_state(self, state: str, limit: int = LIST_MAX, after: int = 0) -> list[Row]:
        """Messages that stand so, by number."""
        return self._rows("state = ? AND id > ? ORDER BY id LIMIT ?", (state, after, limit))

    def get(self, message: int) -> Row:
        """One message. Raises LookupError."""
        for row in self._rows("id = ?", (message,)):
            return row
        raise LookupError(f"there is no message {message}")

    def of_person(self, person: int, limit: int = LIST_MAX) -> list[Row]:
        """Everything that is kept of a person's messages."""
        return self._rows("person = ? ORDER BY id LIMIT ?", (person.to_bytes(8, "big"), limit))

    def count(self, state: str) -> int:
        """How many stand so; cheap, by the index."""
        with self._lock:
            return int(
                self._connection.execute(
                    "SELECT count(*) FROM message WHERE state = ?", (state,)
                ).fetchone()[0]
            )

    def counts(self) -> dict[str, int]:
        """How many stand how."""
        with self._lock:
            found = dict(
                self._connection.execute("SELECT state, count(*) FROM message GROUP BY state")
            )
        return {state: int(found.get(state, 0)) for state in STATES}

    # -- out -------------------------------------------------------------------------------------

    def forget(self, persons: Iterable[int]) -> int:
        """Delete every message of persons who are gone; how many there were."""
        with self._lock, transaction(self._connection) as connection:
            return sum(
                connection.execute(
                    "DELETE FROM message WHERE person = ?", (person.to_bytes(8, "big"),)
                ).rowcount
                for person in persons
            )

    def forget_before(self, changed_ms: int, *, marketing_too: bool) -> int:
        """Delete what ended before that moment; its keys may come again then."""
        marks = ", ".join("?" * len(OPEN))
        with self._lock:
            return self._connection.execute(
                f"DELETE FROM message WHERE changed_ms < ? AND state NOT IN ({marks})"
                " AND is_marketing <= ?",
                (changed_ms, *OPEN, marketing_too),
            ).rowcount

    # -- ways out --------------------------------------------------------------------------------

    def put_way(self, way: WayOut) -> None:
        """Say how a channel's messages leave from now on."""
        with self._lock:
            self._connection.execute(
                "INSERT OR REPLACE INTO transport VALUES (?, ?, ?, ?, ?)",
                (
                    way.channel, way.kind, msgspec.json.encode(way.settings).decode(), way.field,
                    way.per_minute,
                ),
            )  # fmt: skip

    def ways(self) -> list[WayOut]:
        """Every channel that has a way out."""
        with self._lock:
            rows = self._connection.execute(
                "SELECT channel, kind, settings, field, per_minute FROM transport ORDER BY channel"
            ).fetchall()
        return [
            WayOut(channel, kind, msgspec.json.decode(settings), field, per_minute)
            for channel, kind, settings, field, per_minute in rows
        ]

    def _by_key(self, key: str) -> Row | None:
        row = self._connection.execute(
            f"SELECT {_COLUMNS} FROM message WHERE key = ?",
            (key,),
        ).fetchone()
        return None if row is None else _row(row)

    def _rows(self, where: str, values: Sequence[object]) -> list[Row]:
        with self._lock:
            rows = self._connection.execute(
                f"SELECT {_COLUMNS} FROM message WHERE {where}",
                tuple(values),
            ).fetchall()
        return [_row(row) for row in rows]


def _row(row: Sequence[Any]) -> Row:
    made = Row(*row)
    return made._replace(
        person=int.from_bytes(row[3], "big"),
        values=msgspec.json.decode(row[9]),
        is_marketing=bool(row[10]),
    )
