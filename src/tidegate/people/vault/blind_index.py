"""vault-index.db: finds a person by a value without holding the value.

An entry is a few bits of a keyed hash of the one spelling, and the person's token; several persons
share an entry on purpose, and which of them it is only their own sealed values tell. Entries die
with the person, and `clear` leaves nothing of them in the file.
This module never holds a value or a whole hash.
"""

import hmac
import sqlite3
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from tidegate.people.vault.events import PersonShredded, Tombstone
from tidegate.people.vault.file import CURSOR, VaultFile, applied, stored, token_in
from tidegate.storage.sqlite_schema import Migration, Schema

BITS_MAX = 32

SCHEMA = Schema(
    "vault-index",
    (
        Migration(
            1,
            (
                *CURSOR,
                """CREATE TABLE entry (
                    field TEXT NOT NULL, bits INTEGER NOT NULL, person BLOB NOT NULL,
                    data_class INTEGER NOT NULL,
                    PRIMARY KEY (field, bits, person)) STRICT, WITHOUT ROWID""",
                "CREATE INDEX entry_of ON entry (person)",
            ),
        ),
    ),
)


class Entry(NamedTuple):
    """A person behind a few bits of a field's keyed hash."""

    field: str
    bits: int
    person: int
    data_class: int


class BlindIndex(VaultFile):
    """The indexes of one shop. Any thread, one call at a time."""

    def __init__(self, path: Path, key: bytes) -> None:
        self._key = key
        super().__init__(path, SCHEMA, cache_kib=16 * 1024)

    def bits_of(self, field: str, spelling: str, bits: int) -> int:
        """The entry of a value: the first bits of an HMAC under a key of that field's own."""
        assert 0 < bits <= BITS_MAX
        field_key = hmac.new(self._key, b"tidegate blind index\0" + field.encode(), sha256)
        whole = hmac.new(field_key.digest(), spelling.encode("utf-8", "surrogatepass"), sha256)
        return int.from_bytes(whole.digest()[:4], "big") >> (BITS_MAX - bits)

    def add(self, entries: Sequence[Entry], seq: int = 0) -> None:
        """Durable when this returns, with how far the index is; one that is there stays."""
        rows = [(one.field, one.bits, stored(one.person), one.data_class) for one in entries]
        with self.changing() as connection:
            connection.executemany("INSERT OR IGNORE INTO entry VALUES (?, ?, ?, ?)", rows)
            applied(connection, seq)

    def candidates(self, field: str, bits: int) -> list[int]:
        """Everybody who shares an entry."""
        with self.reading() as connection:
            rows = connection.execute(
                "SELECT person FROM entry WHERE field = ? AND bits = ?", (field, bits)
            ).fetchall()
        return [token_in(row[0]) for row in rows]

    def drop(self, person: int, fields: Sequence[str] = ()) -> int:
        """Delete a person's entries, of these fields where any are named."""
        with self.changing() as connection:
            return self._drop(connection, person, "field", fields)

    @staticmethod
    def _drop(
        connection: sqlite3.Connection, person: int, column: str, chosen: Sequence[object]
    ) -> int:
        where = f" AND {column} IN ({', '.join('?' * len(chosen))})" if chosen else ""
        gone = connection.execute(
            f"DELETE FROM entry WHERE person = ?{where}",  # noqa: S608  names of this module
            (stored(person), *chosen),
        ).rowcount
        connection.execute("UPDATE state SET deleted = deleted + ?", (gone,))
        return gone

    @property
    def uncleared(self) -> int:
        """Entries that were deleted since `clear`: a torn page may still show one."""
        with self.reading() as connection:
            return int(connection.execute("SELECT deleted FROM state").fetchone()[0])

    def bury(self, tombstone: Tombstone, seq: int) -> None:
        """Delete the entries of the classes that a tombstone names.

        One that replaces a key leaves them: whoever replaced a value entered the new one.
        """
        with self.changing() as connection:
            if isinstance(tombstone, PersonShredded):
                person = int(tombstone.person, 16)
                self._drop(connection, person, "data_class", tombstone.data_classes)
            applied(connection, seq)

    def clear(self) -> bool:
        """Write the file anew without what was deleted; False if a reader kept the WAL.

        SQLite leaves bytes of deleted rows in pages that it split before (docs/adr/0031); this
        file is small enough to be copied whole.
        """
        with self.reading() as connection:
            if self.uncleared:
                connection.execute("VACUUM")
                connection.execute("UPDATE state SET deleted = 0")
            return self.clear_log()
