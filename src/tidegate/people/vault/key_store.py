"""vault-keys.db: a wrapped key for each person and class of data, and nothing else of anybody.

A key that is destroyed is overwritten where it stands, and stands nowhere else: slots are appended
and never moved, so SQLite has no cause to copy one (docs/adr/0121). `applied_seq` says up to which
event of the vault's stream destructions are done here, so an older copy of this file knows what it
has to catch up with.
This module never holds an unwrapped key longer than a call, and never gives a slot a second key.
"""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from tidegate.people.vault.events import PersonShredded, Tombstone
from tidegate.people.vault.file import CURSOR, VaultFile, applied, stored, token_in
from tidegate.people.vault.root_key import RootKey
from tidegate.people.vault.sealing import KEY_BYTES, KeyPlace
from tidegate.storage.sqlite_schema import Migration, Schema

SHOP_ITSELF = 0  # the person of keys that are the shop's own: those of the blind indexes

SCHEMA = Schema(
    "vault-keys",
    (
        Migration(
            1,
            (
                *CURSOR,
                # A rowid table that only grows at its end: no page of it is ever split in two.
                """CREATE TABLE slot (
                    number INTEGER PRIMARY KEY, person BLOB NOT NULL, data_class INTEGER NOT NULL,
                    key_number INTEGER NOT NULL, is_live INTEGER NOT NULL,
                    wrapped BLOB NOT NULL) STRICT""",
                "CREATE UNIQUE INDEX slot_of ON slot (person, data_class, key_number)",
                # Classes whose key is being replaced: finished when the file is opened again.
                """CREATE TABLE replacing (
                    person BLOB, data_class INTEGER, key_number INTEGER NOT NULL,
                    PRIMARY KEY (person, data_class)) STRICT, WITHOUT ROWID""",
                """CREATE TABLE backup (
                    made_ms INTEGER NOT NULL, name TEXT PRIMARY KEY, folder TEXT NOT NULL,
                    ends_day INTEGER NOT NULL, is_gone INTEGER NOT NULL) STRICT""",
            ),
        ),
    ),
)


class Replacing(NamedTuple):
    """A class of a person whose values move to the key of that number."""

    person: int
    data_class: int
    key_number: int


class BackupNoted(NamedTuple):
    """One backup of the keys: what is destroyed here can be had from it until its end."""

    made_ms: int
    name: str
    folder: str
    ends_day: int
    is_gone: bool


class KeyStore(VaultFile):
    """The keys of one shop. Any thread, one call at a time."""

    def __init__(
        self, path: Path, shop: str, root: RootKey, random_bytes: Callable[[int], bytes]
    ) -> None:
        self._shop = shop
        self._root = root
        self._random_bytes = random_bytes
        super().__init__(path, SCHEMA, cache_kib=64 * 1024)

    # -- keys ------------------------------------------------------------------------------------

    def key(self, person: int, data_class: int, key_number: int) -> bytes | None:
        """A key, or None where it was destroyed or never was. Raises Tampered."""
        with self.reading() as connection:
            row = connection.execute(
                "SELECT wrapped, is_live FROM slot WHERE person = ? AND data_class = ?"
                " AND key_number = ?",
                (stored(person), data_class, key_number),
            ).fetchone()
        if row is None or not row[1]:
            return None
        place = KeyPlace(self._shop, person, data_class, key_number)
        return self._root.unwrap(row[0], place.bound())

    def newest_number(self, person: int, data_class: int) -> int:
        """The number of the newest key that lives, 0 where there is none."""
        with self.reading() as connection:
            row = connection.execute(
                "SELECT max(key_number) FROM slot WHERE person = ? AND data_class = ? AND is_live",
                (stored(person), data_class),
            ).fetchone()
        return int(row[0] or 0)

    def key_to_store_with(self, person: int, data_class: int) -> tuple[int, bytes]:
        """The newest living key with its number; made where there is none, durably."""
        return self.keys_to_store_with([(person, data_class)])[0]

    def keys_to_store_with(self, asked: Sequence[tuple[int, int]]) -> list[tuple[int, bytes]]:
        """As `key_to_store_with` for many (person, class) in one transaction."""
        found: list[tuple[int, bytes]] = []
        with self.changing():
            for person, data_class in asked:
                number = self.newest_number(person, data_class)
                key = self.key(person, data_class, number) if number else None
                found.append((number, key) if key else self._mint(person, data_class))
        return found

    def begin_replacing(self, person: int, data_class: int) -> tuple[int, bytes]:
        """A new key for a class whose values are about to move to it."""
        with self.changing() as connection:
            number, key = self._mint(person, data_class)
            connection.execute(
                "INSERT OR REPLACE INTO replacing VALUES (?, ?, ?)",
                (stored(person), data_class, number),
            )
        return number, key

    def end_replacing(self, person: int, data_class: int, key_number: int, seq: int) -> None:
        """Destroy the keys before that one: nothing is sealed under them any more."""
        with self.changing() as connection:
            self._destroy(
                connection, "person = ? AND data_class = ? AND key_number < ?",
                (stored(person), data_class, key_number),
            )  # fmt: skip
            connection.execute(
                "DELETE FROM replacing WHERE person = ? AND data_class = ?",
                (stored(person), data_class),
            )
            applied(connection, seq)
        self.clear_log()

    def unfinished(self) -> list[Replacing]:
        """What was begun with `begin_replacing` and not ended."""
        with self.reading() as connection:
            rows = connection.execute("SELECT * FROM replacing").fetchall()
        return [Replacing(token_in(row[0]), row[1], row[2]) for row in rows]

    def destroy(self, person: int, data_classes: Iterable[int], seq: int) -> int:
        """Destroy every key of these classes, all of them where none is named; how many that were.

        `seq`: the event that orders it, which is done here from now on.
        """
        chosen = sorted(data_classes)
        with self.changing() as connection:
            where = "person = ?"
            if chosen:
                where += f" AND data_class IN ({', '.join('?' * len(chosen))})"
            gone = self._destroy(connection, where, (stored(person), *chosen))
            connection.execute(f"DELETE FROM replacing WHERE {where}", (stored(person), *chosen))  # noqa: S608  question marks only
            applied(connection, seq)
        self.clear_log()
        return gone

    def is_anybody(self, person: int) -> bool:
        """Whether a key of that person lives."""
        with self.reading() as connection:
            row = connection.execute(
                "SELECT 1 FROM slot WHERE person = ? AND is_live LIMIT 1", (stored(person),)
            ).fetchone()
        return row is not None

    def _mint(self, person: int, data_class: int) -> tuple[int, bytes]:
        row = self._connection.execute(
            "SELECT max(key_number) FROM slot WHERE person = ? AND data_class = ?",
            (stored(person), data_class),
        ).fetchone()
        number, key = int(row[0] or 0) + 1, self._random_bytes(KEY_BYTES)
        place = KeyPlace(self._shop, person, data_class, number)
        self._connection.execute(
            "INSERT INTO slot (person, data_class, key_number, is_live, wrapped)"
            " VALUES (?, ?, ?, 1, ?)",
            (stored(person), data_class, number, self._root.wrap(key, place.bound())),
        )
        return number, key

    @staticmethod
    def _destroy(connection: sqlite3.Connection, where: str, values: tuple[object, ...]) -> int:
        # The same length, so SQLite writes over the old bytes instead of placing a new row; and no
        # column of the index changes, so the row stays where it is.
        changed = connection.execute(
            "UPDATE slot SET is_live = 0, wrapped = zeroblob(length(wrapped))"  # noqa: S608  the callers' constants
            f" WHERE is_live AND {where}",
            values,
        )
        return changed.rowcount

    # -- what is done here -------------------------------------------------------------------------

    def bury(self, tombstone: Tombstone, seq: int) -> None:
        """Destroy what a tombstone names."""
        person = int(tombstone.person, 16)
        if isinstance(tombstone, PersonShredded):
            self.destroy(person, tombstone.data_classes, seq)
        else:
            self.end_replacing(person, tombstone.data_class, tombstone.key_number, seq)

    # -- backups -----------------------------------------------------------------------------------

    def note_backup(self, name: str, folder: str, made_ms: int, ends_day: int) -> None:
        """A copy of this file exists, until that day."""
        with self.changing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO backup VALUES (?, ?, ?, ?, 0)",
                (made_ms, name, folder, ends_day),
            )

    def note_gone(self, name: str) -> None:
        """That copy was deleted."""
        with self.changing() as connection:
            connection.execute("UPDATE backup SET is_gone = 1 WHERE name = ?", (name,))

    def backups(self) -> list[BackupNoted]:
        """Every copy that was ever made, the newest last."""
        with self.reading() as connection:
            rows = connection.execute(
                "SELECT made_ms, name, folder, ends_day, is_gone FROM backup ORDER BY made_ms, name"
            ).fetchall()
        return [BackupNoted._make((*row[:4], bool(row[4]))) for row in rows]
