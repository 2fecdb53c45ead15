"""publishing.db: drafts on their way to the journal, promotions of platforms' back offices, and why
the guard paused what it paused.

Always one durable statement a change. What is in force stands in the journal alone; if this file is
lost, drafts are lost and nothing that sells changes.
"""

import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from tidegate.pricing.promotion import Promotion
from tidegate.pricing.publishing import DRAFT
from tidegate.publishing.checking import CheckDone
from tidegate.storage.sqlite_schema import Migration, Schema, open_database

DRAFTS_MAX = 5_000

SCHEMA = Schema(
    "publishing",
    (
        Migration(
            1,
            (
                """CREATE TABLE draft (
                    code TEXT PRIMARY KEY,
                    promotion BLOB NOT NULL,
                    shadow_channel TEXT NOT NULL,
                    state TEXT NOT NULL,
                    checked BLOB,
                    proposal TEXT NOT NULL,
                    author BLOB NOT NULL,
                    changed_at_ms INTEGER NOT NULL
                ) STRICT""",
            ),
        ),
        Migration(
            2,
            (
                """CREATE TABLE pause (
                    code TEXT PRIMARY KEY,
                    why TEXT NOT NULL,
                    paused_at_ms INTEGER NOT NULL
                ) STRICT""",
            ),
        ),
    ),
)


class Draft(msgspec.Struct, frozen=True):
    """A promotion on its way. `shadow_channel`: set up at that platform, never priced here."""

    promotion: Promotion
    shadow_channel: str = ""
    state: str = DRAFT
    check: CheckDone | None = None
    proposal: str = ""
    author: int = 0
    changed_at_ms: int = 0

    @property
    def code(self) -> str:
        """The promotion's."""
        return self.promotion.code


class TooManyDrafts(Exception):
    """The shop has as many drafts as it may."""


class DraftsUnavailable(Exception):
    """publishing.db cannot be read or written now."""


class Drafts:
    """The drafts of one shop. May be called from any thread, one at a time."""

    def __init__(self, path: Path, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._lock = threading.Lock()
        self.shadow_changes = 0  # since it was opened: who looks after them looks again
        self._connection = open_database(path, SCHEMA, cache_kib=1024)

    def close(self) -> None:
        """Give the file back."""
        with self._lock:
            self._connection.close()

    def put(self, draft: Draft) -> Draft:
        """Keep a draft as it is now. Raises TooManyDrafts, DraftsUnavailable."""
        with self._lock:
            return self._put(draft)

    def _put(self, draft: Draft) -> Draft:
        kept = msgspec.structs.replace(draft, changed_at_ms=self._now_ms())
        checked = None if kept.check is None else msgspec.json.encode(kept.check)
        row = (
            kept.code, msgspec.json.encode(kept.promotion), kept.shadow_channel, kept.state,
            checked, kept.proposal, kept.author.to_bytes(8, "big"), kept.changed_at_ms,
        )  # fmt: skip
        if self._one(kept.code) is None and self._count() >= DRAFTS_MAX:
            raise TooManyDrafts(f"{DRAFTS_MAX:,} drafts: remove some")
        self._execute("INSERT OR REPLACE INTO draft VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
        self.shadow_changes += bool(kept.shadow_channel)
        return kept

    def put_all(self, drafts: Sequence[Draft]) -> list[Draft]:
        """Keep several, all or none. Raises TooManyDrafts, DraftsUnavailable."""
        with self._lock:
            self._execute("BEGIN IMMEDIATE")
            try:
                kept = [self._put(draft) for draft in drafts]
                self._execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
        return kept

    def get(self, code: str) -> Draft | None:
        """The draft of a promotion."""
        with self._lock:
            return self._one(code)

    def all(self) -> list[Draft]:
        """Every draft, by code."""
        with self._lock:
            return [draft_of(row) for row in self._execute("SELECT * FROM draft ORDER BY code")]

    def drop(self, code: str) -> bool:
        """Forget a draft; whether there was one."""
        with self._lock:
            found = self._one(code)
            self._execute("DELETE FROM draft WHERE code = ?", (code,))
            self.shadow_changes += found is not None and bool(found.shadow_channel)
        return found is not None

    def keep_pause(self, code: str, why: str) -> None:
        """Remember why the guard paused a promotion: the journal has the pause, this the words."""
        with self._lock:
            row = (code, why, self._now_ms())
            self._execute("INSERT OR REPLACE INTO pause VALUES (?, ?, ?)", row)

    def pauses(self) -> dict[str, str]:
        """What the guard paused and why, the oldest first; some may have been resumed since."""
        with self._lock:
            rows = self._execute("SELECT code, why FROM pause ORDER BY paused_at_ms, code")
        return dict(rows)

    def drop_pause(self, code: str) -> None:
        """It was resumed."""
        with self._lock:
            self._execute("DELETE FROM pause WHERE code = ?", (code,))

    def _one(self, code: str) -> Draft | None:
        rows = self._execute("SELECT * FROM draft WHERE code = ?", (code,))
        return draft_of(rows[0]) if rows else None

    def _count(self) -> int:
        return int(self._execute("SELECT count(*) FROM draft")[0][0])

    def _execute(self, statement: str, values: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        try:
            return self._connection.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise DraftsUnavailable(
                f"publishing.db: {error}; check the disk, then retry"
            ) from error


def draft_of(row: tuple[Any, ...]) -> Draft:
    """A row of the table as a draft."""
    _, promotion, channel, state, checked, proposal, author, changed_at_ms = row
    return Draft(
        msgspec.json.decode(promotion, type=Promotion),
        channel,
        state,
        None if checked is None else msgspec.json.decode(checked, type=CheckDone),
        proposal,
        int.from_bytes(author, "big"),
        changed_at_ms,
    )
