"""The views of one shop, from entries of its journal: places, numbers, names and figures.

Always: what entries add and the cursor that says so are stored in one transaction, and the content
is a function of the journal, however its entries were grouped (`digest`). Never: an entry is taken
that does not continue the one before.
"""

import hashlib
import sqlite3
from collections.abc import Sequence

import numpy as np

from tidegate.journal.follow import BATCH, Entry
from tidegate.views.figures import Figures
from tidegate.views.file import ORDERS, Cursor, move_cursor, read_cursor
from tidegate.views.gathered import Gathered, places_from
from tidegate.views.names import store_names
from tidegate.views.numbers import Numbers
from tidegate.views.parts import opened
from tidegate.views.places import Places

_CONTENT = (
    "SELECT * FROM number_chunk ORDER BY id",
    "SELECT * FROM named ORDER BY scope, number, place",
    "SELECT * FROM minute ORDER BY minute",
    "SELECT * FROM reason_minute ORDER BY minute, about, reason",
    "SELECT * FROM sku_minute ORDER BY minute, sku",
    "SELECT stream, seq, epoch, hash, time_ms FROM cursor WHERE view = 'orders'",
)


class Projection:
    """Takes entries in; `connection` is of `file.open_views`. One thread at a time."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self._load()

    def _load(self) -> None:
        self.cursor = read_cursor(self.connection, ORDERS)
        self._places = Places(self.connection)
        self._numbers = Numbers(self.connection)
        self._figures = Figures(self.connection)

    @property
    def remembered(self) -> int:
        """How many running numbers the engine has given out up to the cursor."""
        return self._numbers.next

    def take(self, entries: Sequence[Entry]) -> None:
        """Add entries that continue the cursor; all of them are stored, or none.

        Raises EntryCorrupt, EntryTooNew, ViewsMoved, sqlite3.Error.
        """
        if not entries:
            return
        gathered, cursor = Gathered(), self.cursor
        for entry in entries:
            assert entry.prev_hash == cursor.head.hash, "entries come in order"
            time_ms = cursor.time_ms
            if entry.kind == BATCH:
                batch = opened(entry.seq, entry.payload)
                gathered.add(batch)
                time_ms = batch.now_ms
            cursor = Cursor(entry.head, time_ms)
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            move_cursor(self.connection, ORDERS, self.cursor, cursor)
            self._store(gathered)
            self.connection.execute("COMMIT")
        except BaseException:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
            self._load()
            raise
        self.cursor = cursor

    def _store(self, gathered: Gathered) -> None:
        orders, operations = gathered.orders(), gathered.operations()
        store_names(self.connection, gathered.commands)
        self._numbers.add(gathered.numbered(orders))
        keys, places = [], []
        for columns in (orders, operations):
            if columns is not None:
                keys.append(columns.keys)
                places.append(columns.places)
        for place, _, numbers in gathered.expired:
            keys.append(self._numbers.keys_of(numbers))
            places.append(places_from([place], [len(numbers)], np.zeros(len(numbers), bool)))
        if keys:
            self._places.add(np.concatenate(keys), np.concatenate(places))
        if orders is not None:
            self._figures.add_orders(orders)
        if operations is not None:
            self._figures.add_operations(operations)
        self._figures.add_others(gathered.commands, gathered.expired)

    def digest(self) -> str:
        """SHA-256 over the content in a fixed order: the same journal, the same digest."""
        total = hashlib.sha256()
        for words in self._places.everything():
            total.update(words.tobytes())
        for query in _CONTENT:
            for row in self.connection.execute(query):
                total.update(repr(row).encode())
        return total.hexdigest()
