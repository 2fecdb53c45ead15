"""fulfilment.db: how presales, gifts, parcels, warehouses and returns stand; one file a shop.

Always: an intention is stored before the desk is asked, under the id that the desk is asked with.
Never: decides what an order may do (the journal does), or holds what names a person: a recipient is
a keyed hash of the platform's handle.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from tidegate.channels.ledger import Ledger
from tidegate.storage.sqlite_schema import Migration, Schema

_TABLES = (
    # What was asked of the desk, byte by byte, and what it answered: asked again, it counts once.
    """CREATE TABLE asked (
        name TEXT PRIMARY KEY, is_order INTEGER NOT NULL, rows BLOB NOT NULL, outcome BLOB,
        at_ms INTEGER NOT NULL) WITHOUT ROWID""",
    "CREATE INDEX asked_by_time ON asked (at_ms)",
    # `state`: opening, deposit_due, balance_due, committed, ended, refused.
    """CREATE TABLE presale (
        key BLOB PRIMARY KEY, channel TEXT NOT NULL, number TEXT NOT NULL,
        deposit_fen INTEGER NOT NULL, balance_fen INTEGER NOT NULL,
        deposit_until_ms INTEGER NOT NULL, balance_until_ms INTEGER NOT NULL, fate TEXT NOT NULL,
        state TEXT NOT NULL, reason TEXT NOT NULL DEFAULT '', extend INTEGER NOT NULL DEFAULT 0,
        attempt INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID""",
    "CREATE INDEX presale_by_state ON presale (state, balance_until_ms)",
    # `state`: heard, counted, used, kept, refund_due, refunded.
    """CREATE TABLE presale_money (
        id TEXT PRIMARY KEY, key BLOB NOT NULL, part TEXT NOT NULL, amount_fen INTEGER NOT NULL,
        at_ms INTEGER NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL DEFAULT ''
        ) WITHOUT ROWID""",
    "CREATE INDEX presale_money_by_key ON presale_money (key, at_ms, id)",
    "CREATE INDEX presale_money_by_state ON presale_money (state)",
    """CREATE TABLE presale_event (
        channel TEXT, number TEXT, event TEXT, at_ms INTEGER NOT NULL, deposit_fen INTEGER NOT NULL,
        balance_fen INTEGER NOT NULL, balance_until_ms INTEGER NOT NULL, fate TEXT NOT NULL,
        PRIMARY KEY (channel, number, event)) WITHOUT ROWID""",
    # `state`: new, unmapped, waiting, short, covered, held, released, shipped, cancelled, refused.
    """CREATE TABLE gift (
        key BLOB PRIMARY KEY, channel TEXT NOT NULL, number TEXT NOT NULL, gift TEXT NOT NULL,
        item TEXT NOT NULL, quantity INTEGER NOT NULL, line INTEGER NOT NULL, state TEXT NOT NULL,
        sku TEXT NOT NULL DEFAULT '', mask INTEGER NOT NULL DEFAULT 0,
        short INTEGER NOT NULL DEFAULT 0, burden_fen INTEGER NOT NULL DEFAULT 0,
        headroom_fen INTEGER NOT NULL DEFAULT 0, exception TEXT NOT NULL DEFAULT '',
        attempt INTEGER NOT NULL DEFAULT 0, reason TEXT NOT NULL DEFAULT '',
        at_ms INTEGER NOT NULL) WITHOUT ROWID""",
    "CREATE UNIQUE INDEX gift_by_order ON gift (channel, number, gift)",
    "CREATE INDEX gift_by_state ON gift (state, at_ms)",
    # `state`: planned, releasing, waiting, released, sourced, shipping, shipped, split, cancelled.
    """CREATE TABLE parcel (
        id TEXT PRIMARY KEY, print BLOB NOT NULL, state TEXT NOT NULL, recipient BLOB NOT NULL,
        region TEXT NOT NULL, warehouse TEXT NOT NULL DEFAULT '', part_of TEXT NOT NULL DEFAULT '',
        attempt INTEGER NOT NULL DEFAULT 0, reason TEXT NOT NULL DEFAULT '',
        excluded TEXT NOT NULL DEFAULT '[]', made_ms INTEGER NOT NULL) WITHOUT ROWID""",
    "CREATE INDEX parcel_by_state ON parcel (state, made_ms)",
    """CREATE TABLE parcel_part (
        parcel TEXT, place INTEGER, key BLOB NOT NULL, channel TEXT NOT NULL, number TEXT NOT NULL,
        gift TEXT NOT NULL, line INTEGER NOT NULL, quantity INTEGER NOT NULL,
        taken_out INTEGER NOT NULL DEFAULT 0, shipping INTEGER NOT NULL DEFAULT 0,
        shipped INTEGER NOT NULL DEFAULT 0, skus TEXT NOT NULL, reason TEXT NOT NULL DEFAULT '',
        PRIMARY KEY (parcel, place)) WITHOUT ROWID""",
    "CREATE INDEX parcel_part_by_key ON parcel_part (key, line)",
    "CREATE TABLE recipient (key BLOB PRIMARY KEY, recipient BLOB NOT NULL) WITHOUT ROWID",
    """CREATE TABLE warehouse (
        code TEXT PRIMARY KEY, priority INTEGER NOT NULL, distances TEXT NOT NULL,
        is_open INTEGER NOT NULL) WITHOUT ROWID""",
    """CREATE TABLE warehouse_stock (
        warehouse TEXT, sku TEXT, units INTEGER NOT NULL CHECK (units >= 0),
        assigned INTEGER NOT NULL DEFAULT 0 CHECK (assigned >= 0),
        missing INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (warehouse, sku)) WITHOUT ROWID""",
    """CREATE TABLE sourcing (
        parcel TEXT, attempt INTEGER, at_ms INTEGER NOT NULL, rule TEXT NOT NULL,
        seen TEXT NOT NULL, found TEXT NOT NULL, PRIMARY KEY (parcel, attempt)) WITHOUT ROWID""",
    "CREATE INDEX warehouse_stock_by_sku ON warehouse_stock (sku)",
    "CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    # `state`: arrived, inspected (every unit is).
    """CREATE TABLE goods_return (
        id TEXT PRIMARY KEY, key BLOB NOT NULL, channel TEXT NOT NULL, number TEXT NOT NULL,
        gift TEXT NOT NULL, line INTEGER NOT NULL, units INTEGER NOT NULL,
        good INTEGER NOT NULL DEFAULT 0, defective INTEGER NOT NULL DEFAULT 0,
        warehouse TEXT NOT NULL, skus TEXT NOT NULL, state TEXT NOT NULL, at_ms INTEGER NOT NULL
        ) WITHOUT ROWID""",
    "CREATE INDEX goods_return_by_key ON goods_return (key, line)",
    "CREATE INDEX goods_return_by_state ON goods_return (state, at_ms)",
    # `state`: asked, done, refused.
    """CREATE TABLE inspection (
        id TEXT PRIMARY KEY, goods_return TEXT NOT NULL, good INTEGER NOT NULL,
        defective INTEGER NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL DEFAULT '',
        at_ms INTEGER NOT NULL) WITHOUT ROWID""",
    "CREATE INDEX inspection_by_state ON inspection (state)",
    """CREATE TABLE tally (
        sku TEXT PRIMARY KEY, good INTEGER NOT NULL DEFAULT 0,
        defective INTEGER NOT NULL DEFAULT 0, disposed INTEGER NOT NULL DEFAULT 0,
        CHECK (disposed <= defective)) WITHOUT ROWID""",
    # `state`: asked, done, refused.
    """CREATE TABLE disposal (
        id TEXT PRIMARY KEY, sku TEXT NOT NULL, units INTEGER NOT NULL, outcome TEXT NOT NULL,
        pool TEXT NOT NULL, actor TEXT NOT NULL, state TEXT NOT NULL,
        reason TEXT NOT NULL DEFAULT '', at_ms INTEGER NOT NULL) WITHOUT ROWID""",
    "CREATE INDEX disposal_by_state ON disposal (state)",
)
SCHEMA = Schema("fulfilment", (Migration(1, _TABLES),))


def open_store(path: Path) -> Ledger:
    """A shop's file, made where there is none. Raises storage's errors."""
    return Ledger(path, SCHEMA)


Row = TypeVar("Row")
Mark = TypeVar("Mark", bytes, str)


class Round(Generic[Mark]):
    """Goes round over many rows, a piece at a time, so that none waits behind others for ever."""

    def __init__(self, start: Mark, size: int) -> None:
        """`start` stands before every row; `size`: of a piece."""
        self._start: Mark = start
        self._after: Mark = start
        self._size = size

    def take(
        self, find: Callable[[Mark, int], Sequence[Row]], mark: Callable[[Row], Mark]
    ) -> Sequence[Row]:
        """The next piece; `find` gives so many rows after a mark, in the order of their marks."""
        found = find(self._after, self._size)
        self._after = mark(found[-1]) if len(found) == self._size else self._start
        return found
