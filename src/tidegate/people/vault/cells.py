"""vault.db: sealed values, each with its purposes and their last days; who is restricted.

A row without a purpose cannot be stored: the table itself refuses it. What a row says besides its
sealed value is authenticated with that value, so nothing here is believed before it opened.
This module never sees a plain value and never decides who may read one.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tidegate.people.vault.events import PersonShredded, Tombstone
from tidegate.people.vault.file import CURSOR, VaultFile, applied, stored, token_in
from tidegate.people.vault.register import PurposeEnds
from tidegate.people.vault.sealing import CellPlace
from tidegate.storage.sqlite_schema import Migration, Schema

SCHEMA = Schema(
    "vault",
    (
        Migration(
            1,
            (
                *CURSOR,
                """CREATE TABLE cell (
                    id INTEGER PRIMARY KEY, person BLOB NOT NULL, field TEXT NOT NULL,
                    item TEXT NOT NULL, data_class INTEGER NOT NULL, key_number INTEGER NOT NULL,
                    version INTEGER NOT NULL, purposes TEXT NOT NULL CHECK (purposes <> ''),
                    first_end_day INTEGER NOT NULL, stored_ms INTEGER NOT NULL,
                    sealed BLOB NOT NULL) STRICT""",
                "CREATE UNIQUE INDEX cell_of ON cell (person, field, item)",
                "CREATE INDEX cell_end ON cell (first_end_day)",
                """CREATE TABLE restricted (
                    person BLOB PRIMARY KEY, since_ms INTEGER NOT NULL,
                    why TEXT NOT NULL) STRICT, WITHOUT ROWID""",
            ),
        ),
    ),
)


class Cell(NamedTuple):
    """One row. `item` tells several values of one field apart, "" where there is one only."""

    person: int
    field: str
    item: str
    data_class: int
    key_number: int
    version: int
    purposes: str
    stored_ms: int
    sealed: bytes

    @property
    def name(self) -> str:
        """As readers ask for it: `phone`, `address:home`."""
        return f"{self.field}:{self.item}" if self.item else self.field

    def place(self, shop: str) -> CellPlace:
        """What its sealed value is bound to."""
        return CellPlace(
            shop, self.person, self.field, self.item, self.purposes, self.version,
            self.data_class, self.key_number,
        )  # fmt: skip


class Restriction(NamedTuple):
    """Since when a person's data is only kept, and why."""

    since_ms: int
    why: str


_COLUMNS = "person, field, item, data_class, key_number, version, purposes, stored_ms, sealed"
_OF_PERSON = f"SELECT {_COLUMNS} FROM cell WHERE person = ?"  # noqa: S608  constants of this module
_INSERT = (
    "INSERT INTO cell (person, field, item, data_class, key_number, version, purposes,"
    " first_end_day, stored_ms, sealed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


class CellStore(VaultFile):
    """The sealed values of one shop. Any thread, one call at a time."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, SCHEMA, cache_kib=64 * 1024)

    # -- reading ---------------------------------------------------------------------------------

    def of(self, person: int, fields: frozenset[str] = frozenset()) -> list[Cell]:
        """A person's rows, of these fields where any are named, in the order of their names."""
        with self.reading() as connection:
            rows = connection.execute(_OF_PERSON, (stored(person),)).fetchall()
        cells = [Cell(person, *row[1:]) for row in rows]
        return sorted(
            (cell for cell in cells if not fields or cell.field in fields),
            key=lambda cell: (cell.field, cell.item),
        )

    def due(self, today: int, limit: int) -> list[int]:
        """Persons of whom a value has a purpose that ended before today."""
        with self.reading() as connection:
            rows = connection.execute(
                "SELECT DISTINCT person FROM cell WHERE first_end_day < ? LIMIT ?", (today, limit)
            ).fetchall()
        return [token_in(row[0]) for row in rows]

    def counts(self) -> dict[str, int]:
        """How many values of each field there are."""
        with self.reading() as connection:
            rows = connection.execute("SELECT field, count(*) FROM cell GROUP BY field")
            return dict(rows.fetchall())

    def persons(self, after: int = -1, limit: int = 10_000) -> list[int]:
        """Persons of whom anything is held, in the order of tokens."""
        with self.reading() as connection:
            rows = connection.execute(
                "SELECT DISTINCT person FROM cell WHERE person > ? ORDER BY person LIMIT ?",
                (stored(after) if after >= 0 else b"", limit),
            ).fetchall()
        return [token_in(row[0]) for row in rows]

    # -- writing -----------------------------------------------------------------------------------

    def add(self, cells: Sequence[Cell]) -> None:
        """Store rows that are not there yet; all or none. Raises sqlite3.IntegrityError."""
        with self.changing() as connection:
            connection.executemany(_INSERT, [_row(cell) for cell in cells])

    def replace_class(self, person: int, data_class: int, cells: Sequence[Cell]) -> None:
        """These rows and no others are what is held of a class from now on."""
        with self.changing() as connection:
            connection.execute(
                "DELETE FROM cell WHERE person = ? AND data_class = ?",
                (stored(person), data_class),
            )
            connection.executemany(_INSERT, [_row(cell) for cell in cells])

    def restriction(self, person: int) -> Restriction | None:
        """Whether a person's data is only kept."""
        with self.reading() as connection:
            row = connection.execute(
                "SELECT since_ms, why FROM restricted WHERE person = ?", (stored(person),)
            ).fetchone()
        return None if row is None else Restriction(*row)

    def restrict(self, person: int, now_ms: int, why: str) -> None:
        """Only keep from now on."""
        with self.changing() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO restricted VALUES (?, ?, ?)", (stored(person), now_ms, why)
            )

    def lift(self, person: int) -> None:
        """As before again."""
        with self.changing() as connection:
            connection.execute("DELETE FROM restricted WHERE person = ?", (stored(person),))

    # -- tombstones --------------------------------------------------------------------------------

    def bury(self, tombstone: Tombstone, seq: int) -> None:
        """Delete what a tombstone names."""
        person = stored(int(tombstone.person, 16))
        with self.changing() as connection:
            if isinstance(tombstone, PersonShredded):
                chosen = tombstone.data_classes
                where = f" AND data_class IN ({', '.join('?' * len(chosen))})" if chosen else ""
                connection.execute(f"DELETE FROM cell WHERE person = ?{where}", (person, *chosen))  # noqa: S608  question marks only
                if not chosen:
                    connection.execute("DELETE FROM restricted WHERE person = ?", (person,))
            else:
                connection.execute(
                    "DELETE FROM cell WHERE person = ? AND data_class = ? AND key_number < ?",
                    (person, tombstone.data_class, tombstone.key_number),
                )
            applied(connection, seq)
        self.clear_log()


def _row(cell: Cell) -> tuple[object, ...]:
    first_end_day = PurposeEnds.of(cell.purposes).first_end if cell.purposes else 0
    return (
        stored(cell.person), cell.field, cell.item, cell.data_class, cell.key_number,
        cell.version, cell.purposes, first_end_day, cell.stored_ms, cell.sealed,
    )  # fmt: skip
