"""The cells of the stock, SKU by SKU and pool by pool, as of one entry.

They come from a machine that folded the journal, so they are exact; a page may show them, the desk
never reads them. Always: all cells of the file are as of its one cursor.
"""

import sqlite3
from typing import NamedTuple

import numpy as np

from tidegate.journal.follow import Head
from tidegate.record.lines import Array
from tidegate.views.file import STOCK, Cursor, move_cursor, read_cursor

CELL_FIELDS = (
    "on_hand", "pre_held", "committed", "released", "debt", "recalling", "received", "shipped",
    "returned", "defective",
)  # fmt: skip


class StockCell(NamedTuple):
    """One SKU in one pool; the fields are the engine's."""

    pool: int
    sku: int
    on_hand: int
    pre_held: int
    committed: int
    released: int
    debt: int
    recalling: int
    received: int
    shipped: int
    returned: int
    defective: int

    @property
    def available(self) -> int:
        """Units that nothing has a claim on, safety stock included; below 0 is a shortfall."""
        return self.on_hand - self.pre_held - self.committed - self.recalling - self.debt


class StockView:
    """Writes the cells that changed."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.cursor = read_cursor(connection, STOCK)
        self._shown: Array | None = None  # as written; unknown after a start

    def save(self, cells: Array, head: Head, time_ms: int) -> int:
        """Store the cells (pools × SKUs) as of `head`; how many had changed. Raises ViewsMoved."""
        now = np.stack([cells[name] for name in CELL_FIELDS], axis=-1).astype(np.int64)
        shown = self._shown
        changed = np.ones(now.shape[:2], bool)
        if shown is not None:
            changed[: shown.shape[0], : shown.shape[1]] = np.any(
                now[: shown.shape[0], : shown.shape[1]] != shown, axis=-1
            )
        pools, skus = np.nonzero(changed)
        rows = np.column_stack([pools, skus, now[pools, skus]])
        cursor = Cursor(head, time_ms)
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            move_cursor(self._connection, STOCK, self.cursor, cursor)
            if shown is None:
                self._connection.execute("DELETE FROM stock")
            self._connection.executemany(
                f"INSERT OR REPLACE INTO stock VALUES ({', '.join('?' * rows.shape[1])})",  # noqa: S608 -- only question marks
                rows.tolist(),
            )
            self._connection.execute("COMMIT")
        except BaseException:
            self._shown = None
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        self.cursor, self._shown = cursor, now
        return len(rows)


def stock_cells(connection: sqlite3.Connection, sku: int | None = None) -> list[StockCell]:
    """Cells in which anything ever was, of one SKU or of all, by SKU and pool."""
    rows = connection.execute(
        "SELECT * FROM stock WHERE (sku = ?1 OR ?1 IS NULL) AND (received <> 0 OR on_hand <> 0"
        " OR pre_held <> 0 OR committed <> 0 OR debt <> 0 OR recalling <> 0 OR shipped <> 0"
        " OR returned <> 0 OR defective <> 0) ORDER BY sku, pool",
        (sku,),
    )
    return [StockCell(*row) for row in rows]
