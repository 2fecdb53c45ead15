"""Parcels and their parts as the store has them, and what they have promised of an order's lines.

Always: one row a parcel, one a part; a part names a line of an order and how many units of it.
Never: asks the desk.
"""

import hashlib
import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tidegate.channels.ledger import Ledger

CHILD = "~"  # between a parcel's id and the number of a piece of it; no id of a client has it
LIVE = ("planned", "releasing", "waiting", "released", "sourced", "shipping")
GOING = ("releasing", "released", "sourced", "shipping")  # their units are on their way


class Part(NamedTuple):
    """One part: so many units of a line. What was cancelled before the release is taken out."""

    parcel: str
    place: int
    key: bytes
    channel: str
    number: str
    gift: str
    line: int
    quantity: int
    taken_out: int
    shipping: int
    shipped: int
    skus: str
    reason: str

    @property
    def left(self) -> int:
        """Units that go."""
        return self.quantity - self.taken_out

    @property
    def each(self) -> dict[str, int]:
        """SKUs of one unit: a bundle has several."""
        found: dict[str, int] = json.loads(self.skus)
        return found


class Parcel(NamedTuple):
    """One parcel."""

    id: str
    print: bytes
    state: str
    recipient: bytes
    region: str
    warehouse: str
    part_of: str
    attempt: int
    reason: str
    excluded: str
    made_ms: int


def demand_of(parts: Sequence[Part]) -> dict[str, int]:
    """Units by SKU, bundles in their parts."""
    found: dict[str, int] = {}
    for part in parts:
        for sku, each in part.each.items():
            found[sku] = found.get(sku, 0) + each * part.left
    return {sku: units for sku, units in sorted(found.items()) if units}


def print_of(content: Sequence[object]) -> bytes:
    """What a parcel's id stands for."""
    return hashlib.blake2b(json.dumps(content).encode(), digest_size=16).digest()


class ParcelStore:
    """Reads and writes of parcels."""

    def __init__(self, store: Ledger) -> None:
        self.ledger = store

    def find(self, parcel_id: str) -> Parcel | None:
        """One parcel."""
        found = self.rows("id = ?", parcel_id)
        return found[0] if found else None

    def rows(self, where: str, *values: object) -> list[Parcel]:
        """Parcels."""
        fields = ", ".join(Parcel._fields)
        statement = f"SELECT {fields} FROM parcel WHERE {where}"  # noqa: S608 -- our own words
        return [Parcel(*row) for row in self.ledger.ask(statement, values)]

    def parts(self, parcel_id: str) -> list[Part]:
        """A parcel's parts."""
        fields = ", ".join(Part._fields)
        statement = f"SELECT {fields} FROM parcel_part WHERE parcel = ? ORDER BY place"  # noqa: S608 -- our own names
        return [Part(*row) for row in self.ledger.ask(statement, (parcel_id,))]

    def promised(self, key: bytes, line: int, states: Sequence[str], but: str = "") -> int:
        """Units of a line that other parcels in these states have and have not sent."""
        row = self.ledger.one(
            "SELECT coalesce(sum(quantity - taken_out), 0) FROM parcel_part JOIN parcel"
            " ON parcel.id = parcel WHERE key = ? AND line = ? AND parcel <> ?"
            " AND state IN (SELECT value FROM json_each(?))",
            (key, line, but, json.dumps(states)),
        )
        return int(row[0]) if row else 0

    def set(self, parcel_id: str, **fields: object) -> None:
        """Change a parcel, in a transaction of its own."""
        with self.ledger.writing() as connection:
            write(connection, parcel_id, **fields)


def write(connection: sqlite3.Connection, parcel_id: str, **fields: object) -> None:
    """Change a parcel."""
    names = ", ".join(f"{name} = ?" for name in fields)
    connection.execute(
        f"UPDATE parcel SET {names} WHERE id = ?",  # noqa: S608 -- our own names
        (*fields.values(), parcel_id),
    )


def insert(connection: sqlite3.Connection, parcel: Parcel, parts: Sequence[Part]) -> None:
    """A new parcel."""
    connection.execute("INSERT INTO parcel VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", parcel)
    connection.executemany(
        "INSERT INTO parcel_part VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", parts
    )


def cut(parts: Sequence[Part], shares: Sequence[Mapping[str, int]]) -> list[list[tuple[Part, int]]]:
    """Take whole units of parts out of shares of SKUs, one share after the other.

    A unit of a bundle is not divided: what lies in different places goes to nobody.
    """
    open_ = {part.place: part.left for part in parts}
    found = []
    for share in shares:
        left, piece = dict(share), []
        for part in parts:
            each = part.each
            count = min([open_[part.place], *(left.get(sku, 0) // n for sku, n in each.items())])
            if count:
                piece.append((part, count))
                open_[part.place] -= count
                left |= {sku: left[sku] - n * count for sku, n in each.items()}
        found.append(piece)
    return found
