"""The views of one shop as the doors read them: stories, figures, stock, lag, and who listens.

Always: reads a consistent state of views.db and never writes it; a story also looks at the entries
that the views have not taken in yet, so that what was just answered can be read. Never: anything is
decided from what is read here.
"""

import contextlib
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tidegate.journal.follow import BATCH, JournalReader
from tidegate.record.entry import HEAD_BYTES, aligned, read_head
from tidegate.views import figures, received, stock
from tidegate.views.events import Event
from tidegate.views.file import ORDERS, SCHEMA, file_identity, read_cursor, read_views
from tidegate.views.gathered import MINUTE_MS
from tidegate.views.listeners import Listeners
from tidegate.views.names import Names
from tidegate.views.parts import load_codecs
from tidegate.views.search import search

OrderKey = Callable[[str, str], tuple[int, int]]


class Lag(NamedTuple):
    """How far a view is behind its journal: entries, and the age of the first one it lacks."""

    entries: int
    ms: int


class ReadSide:
    """One reader of views.db: its connection, opened again where the file was replaced."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._file = (0, 0)

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection in one read transaction; an empty one where there are no views yet."""
        with self._lock:
            connection = self._opened()
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    def close(self) -> None:
        """Let go of the file; the next reading opens it again."""
        with self._lock:
            self._drop()

    def _opened(self) -> sqlite3.Connection:
        found = file_identity(self._path)
        if self._connection is None or found != self._file:
            self._drop()
            self._connection = _open(self._path)
            self._file = found
        if self._connection is None:
            self._connection = empty_views()
            self._file = (-1, -1)  # no file's: look again the next time
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class ShopViews:
    """One shop's views. May be called from any thread; long calls wait for each other."""

    def __init__(
        self, path: Path, open_journal: Callable[[], JournalReader], order_key: OrderKey
    ) -> None:
        """`path` is views.db, `order_key` the keyed hash of an order's channel and id."""
        load_codecs()
        self._order_key = order_key
        self._journal = open_journal()
        self._quick = ReadSide(path)  # for cursors, which an event loop may ask for
        self._side = ReadSide(path)
        self._listeners = Listeners(open_journal, self.code)

    def story(self, channel: str, order_id: str) -> dict[str, Any] | None:
        """Every event of one order, ready for JSON; None if unknown. Raises JournalError."""
        return self.story_of(*self._order_key(channel, order_id))

    def story_of(self, order_hi: int, order_lo: int) -> dict[str, Any] | None:
        """The same by the order's hash."""
        with self._side.reading() as connection:
            return search(connection, self._journal, order_hi, order_lo)

    def decided(self, after_seq: int) -> AsyncIterator[Event]:
        """Everything decided after an entry, and then as it is decided; never ends by itself."""
        return self._listeners.decided(after_seq)

    def followed_seq(self) -> int:
        """The newest entry that the views have taken in."""
        with self._quick.reading() as connection:
            return read_cursor(connection, ORDERS).head.seq

    def lag(self, now_ms: int, view: str = ORDERS) -> Lag:
        """How far a view is behind its journal."""
        with self._quick.reading() as connection:
            seq = read_cursor(connection, view).head.seq
        return lag_of(self._journal, seq, now_ms)

    def minutes(self, from_minute: int, to_minute: int) -> list[figures.MinuteFigures]:
        """Figures by minute (UTC minutes since 1970), `to_minute` left out."""
        with self._side.reading() as connection:
            return figures.minute_figures(connection, from_minute, to_minute)

    def skus(self, from_minute: int, to_minute: int) -> list[figures.SkuFigures]:
        """Figures by SKU over these minutes, the one with most units first."""
        with self._side.reading() as connection:
            return figures.sku_figures(connection, from_minute, to_minute)

    def received(self, now_ms: int) -> dict[int, int]:
        """By SKU number what a unit brought, the median of the 30 days before; fen. Reads files."""
        with self._side.reading() as connection:
            return received.medians(connection, now_ms // MINUTE_MS)

    def reasons(self, from_minute: int, to_minute: int) -> list[figures.ReasonCount]:
        """How often each reason was given in these minutes."""
        with self._side.reading() as connection:
            return figures.reason_counts(connection, from_minute, to_minute)

    def stock(self, sku: int | None = None) -> list[stock.StockCell]:
        """Cells of one SKU or of all, as of the stock's own cursor."""
        with self._side.reading() as connection:
            return stock.stock_cells(connection, sku)

    def code(self, scope: str, number: int) -> str:
        """The code of a `sku`, `channel`, `promotion`, `pool`, `rule`, `group` or `exception`."""
        with self._side.reading() as connection:
            return Names(connection).code(scope, number)

    def close(self) -> None:
        """Let go of the files, and of those who listen."""
        self._listeners.close()
        self._side.close()
        self._quick.close()
        self._journal.close()


def _open(path: Path) -> sqlite3.Connection | None:
    """The views; None while there are none."""
    with contextlib.suppress(sqlite3.OperationalError):
        connection = read_views(path)
        if connection.execute("PRAGMA user_version").fetchone()[0]:
            return connection
        connection.close()
    return None


def empty_views() -> sqlite3.Connection:
    """What views are before anything was followed."""
    empty = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    for step in SCHEMA.migrations:
        for statement in step.statements:
            empty.execute(statement)
    return empty


def lag_of(journal: JournalReader, seq: int, now_ms: int) -> Lag:
    """How far behind somebody is who has taken in everything up to `seq`.

    The age is by the entry's own time: of history that is imported it is years. Entries without a
    time (claims, a shop's first) count as new.
    """
    entries = max(0, journal.head().seq - seq)
    if entries:
        for entry in journal.read(seq + 1, 1):
            decided_ms = decided_at_ms(entry.payload) if entry.kind == BATCH else 0
            if decided_ms:
                return Lag(entries, max(0, now_ms - decided_ms))
    return Lag(entries, 0)


def decided_at_ms(payload: bytes) -> int:
    """When an entry was decided."""
    return read_head(aligned(payload[:HEAD_BYTES])).now_ms
