"""duties.db: assessments, breaches and papers in versions, approved by a second person, kept.

Nothing is changed: a new version stands beside the old one, and each is kept at least as long as
the law asks. An assessment counts while the purpose is as it was when it was approved.
This module never holds personal data: `documents` refuses it.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from tidegate.people.canonical import canonical, digest_of
from tidegate.people.duties.documents import (
    AnyDocument,
    Assessment,
    Breach,
    Paper,
    check,
    load_duty_terms,
)
from tidegate.people.vault.events import DocumentFiled, token_text
from tidegate.people.vault.register import Register
from tidegate.people.vault.vault import Vault
from tidegate.storage.sqlite_schema import Migration, Schema, open_database

KINDS: dict[str, type[AnyDocument]] = {
    "assessment": Assessment, "breach": Breach, "paper": Paper,
}  # fmt: skip
VALID_DAYS = 365  # an assessment is looked at again once a year at least
TOKEN_BYTES = 8

SCHEMA = Schema(
    "duties",
    (
        Migration(
            1,
            (
                """CREATE TABLE document (
                    kind TEXT NOT NULL, name TEXT NOT NULL, version INTEGER NOT NULL,
                    content TEXT NOT NULL, about TEXT NOT NULL, filed_ms INTEGER NOT NULL,
                    filed_by BLOB NOT NULL, approved_ms INTEGER NOT NULL, approved_by BLOB NOT NULL,
                    valid_until_day INTEGER NOT NULL, keep_until_day INTEGER NOT NULL,
                    PRIMARY KEY (kind, name, version)) STRICT, WITHOUT ROWID""",
            ),
        ),
    ),
)


_INSERT = "INSERT INTO document VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


class DutyRefused(Exception):
    """It was not filed or approved; the message says why."""


class Filed(NamedTuple):
    """One version of a document. `about`: the hash of the purpose that an assessment is of."""

    kind: str
    name: str
    version: int
    content: str
    about: str
    filed_ms: int
    filed_by: int
    approved_ms: int
    approved_by: int
    valid_until_day: int
    keep_until_day: int

    @property
    def document(self) -> AnyDocument:
        """What it says."""
        return msgspec.json.decode(self.content, type=KINDS[self.kind])

    @property
    def sha256(self) -> str:
        """The hash of what it says."""
        return digest_of(msgspec.json.decode(self.content))


class Duties:
    """The documents of one shop. Any thread, one call at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._vault: Vault | None = None
        self._connection = open_database(path, SCHEMA, cache_kib=1024)

    def begin(self, vault: Vault) -> None:
        """From now on what is filed goes on record in that vault's stream."""
        self._vault = vault

    def close(self) -> None:
        """Give the file back."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            yield self._connection

    @property
    def vault(self) -> Vault:
        """The vault that this works beside."""
        assert self._vault is not None, "begin() comes first"
        return self._vault

    # -- filing ----------------------------------------------------------------------------------

    def file(self, actor: int, name: str, document: AnyDocument) -> Filed:
        """File a new version; on record by its hash. Raises DocumentIncomplete, DutyRefused."""
        parts = self.vault.parts
        check(document, frozenset(parts.register.fields))
        kind = next(kind for kind, one in KINDS.items() if one is type(document))
        about = ""
        if isinstance(document, Assessment):
            if document.purpose not in parts.register.purposes:
                raise DutyRefused(f"the register has no purpose {document.purpose!r}")
            name, about = document.purpose, purpose_hash(parts.register, document.purpose)
        now_ms, today = parts.now_ms(), parts.today()
        content = canonical(as_json(document)).decode()
        with self._changing() as connection:
            last = connection.execute(
                "SELECT max(version) FROM document WHERE kind = ? AND name = ?", (kind, name)
            ).fetchone()[0]
            filed = Filed(
                kind, name, int(last or 0) + 1, content, about, now_ms, actor, 0, 0,
                today + VALID_DAYS, today + load_duty_terms().keep_days,
            )  # fmt: skip
            parts.stream.append(
                DocumentFiled(
                    now_ms, token_text(actor), "", kind, name, filed.version, filed.sha256
                )
            )
            connection.execute(_INSERT, _row(filed))
        return filed

    def approve(self, actor: int, kind: str, name: str, version: int) -> Filed:
        """A second person stands behind it. Raises DutyRefused."""
        filed = next((one for one in self.all(kind, name) if one.version == version), None)
        if filed is None:
            raise DutyRefused(f"there is no {kind} {name} version {version}")
        if filed.filed_by == actor:
            raise DutyRefused("somebody else than who filed it approves it")
        parts = self.vault.parts
        approved = filed._replace(approved_ms=parts.now_ms(), approved_by=actor)
        with self._changing() as connection:
            parts.stream.append(
                DocumentFiled(
                    parts.now_ms(), token_text(actor), "", f"{kind}_approved", name, version,
                    filed.sha256,
                )
            )  # fmt: skip
            connection.execute(
                "UPDATE document SET approved_ms = ?, approved_by = ?"
                " WHERE kind = ? AND name = ? AND version = ?",
                (approved.approved_ms, actor.to_bytes(TOKEN_BYTES, "big"), kind, name, version),
            )
        return approved

    # -- asking ----------------------------------------------------------------------------------

    def all(self, kind: str = "", name: str = "") -> list[Filed]:
        """Every version, the newest last."""
        with self._lock:
            rows = self._connection.execute(
                "SELECT * FROM document WHERE ? IN ('', kind) AND ? IN ('', name)"
                " ORDER BY kind, name, version",
                (kind, name),
            ).fetchall()
        return [_filed(row) for row in rows]

    def is_assessed(self, purpose: str, today: int) -> bool:
        """Whether an approved assessment of the purpose as it is now stands."""
        if self._vault is None:
            return False
        about = purpose_hash(self._vault.parts.register, purpose)
        return any(
            one.approved_ms and one.about == about and one.valid_until_day >= today
            for one in self.all("assessment", purpose)
        )

    def missing(self) -> list[str]:
        """Purposes that need an assessment and have none that counts: they take nothing in."""
        parts = self.vault.parts
        return [
            name
            for name, purpose in parts.register.purposes.items()
            if purpose.needs_assessment and not self.is_assessed(name, parts.today())
        ]

    def prune(self) -> int:
        """Delete versions whose time of keeping is over and that a newer one replaced."""
        with self._changing() as connection:
            return connection.execute(
                "DELETE FROM document WHERE keep_until_day < ? AND version < (SELECT max(version)"
                " FROM document AS newer WHERE newer.kind = document.kind"
                " AND newer.name = document.name)",
                (self.vault.parts.today(),),
            ).rowcount

    def affected(self, fields: frozenset[str]) -> list[int]:
        """Tokens of everybody of whom one of these fields is held: whom a breach may have hit."""
        cells, found, last = self.vault.parts.cells, [], -1
        while persons := cells.persons(last):
            found += [one for one in persons if cells.of(one, fields)]
            last = persons[-1]
        return found


def as_json(value: object) -> Any:  # noqa: ANN401  any JSON value
    """A struct as readers of JSON see it: tuples are lists."""
    return msgspec.json.decode(msgspec.json.encode(value))


def purpose_hash(register: Register, purpose: str) -> str:
    """What an assessment is of: another field, method, recipient or term makes it another."""
    found = register.purposes.get(purpose)
    return "" if found is None else digest_of(as_json(found))


def _row(filed: Filed) -> tuple[object, ...]:
    return (
        *filed[:6], filed.filed_by.to_bytes(TOKEN_BYTES, "big"), filed.approved_ms,
        filed.approved_by.to_bytes(TOKEN_BYTES, "big"), *filed[9:],
    )  # fmt: skip


def _filed(row: tuple[Any, ...]) -> Filed:
    persons = {place: int.from_bytes(row[place], "big") for place in (6, 8)}
    return Filed._make(persons.get(place, value) for place, value in enumerate(row))
