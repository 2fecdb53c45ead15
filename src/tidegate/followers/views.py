"""The followers that keep views.db: one of events, one of the stock's cells.

Always: views that cannot be read, or are of another past, are set aside and built again; nothing
is lost with them. Never: two connections write at once: both followers run on one thread.
"""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import structlog

from tidegate.followers.snapshots import SnapshotFollower
from tidegate.journal.follow import Follower, JournalReader
from tidegate.views.file import (
    ask_for_rebuild,
    file_identity,
    forget_views,
    is_beyond_use,
    open_views,
    rebuild_is_asked,
    set_aside,
)
from tidegate.views.projection import Projection
from tidegate.views.stock import StockView

STEP_BYTES = 2 << 20

log = structlog.get_logger("tidegate.followers")


class Replaced(Exception):
    """The file was removed or replaced under us; it is opened again."""


def give_up(path: Path, error: BaseException) -> None:
    """Have views that gave this error built again, if nothing else helps."""
    if is_beyond_use(error):
        log.warning("views_set_aside", path=str(set_aside(path)), error=str(error))


class ViewsFollower:
    """Projects events into the file `path`."""

    def __init__(self, path: Path, open_journal: Callable[[], JournalReader]) -> None:
        self._path = path
        if rebuild_is_asked(path):
            forget_views(path)
        self._reader = open_journal()
        try:
            self._connection = open_views(path, self._reader.stream)
        except Exception as error:
            self._reader.close()
            give_up(path, error)
            raise
        self._file = file_identity(path)
        self._projection = Projection(self._connection)
        self._follower = Follower(lambda: self._reader, self._projection.cursor.head)

    @property
    def seq(self) -> int:
        """The newest entry in the views."""
        return self._projection.cursor.head.seq

    def lag(self) -> int:
        """Entries not in the views yet."""
        return self._follower.lag()

    def step(self) -> None:
        """Take in what is new, a few megabytes at most. Raises Replaced and whatever fails."""
        if rebuild_is_asked(self._path) or file_identity(self._path) != self._file:
            raise Replaced("views.db is built again")
        try:
            self._projection.take(self._follower.poll(STEP_BYTES))
        except Exception as error:
            if is_beyond_use(error):
                self.close()
                give_up(self._path, error)
            raise

    def close(self) -> None:
        """Let go of the files."""
        self._follower.close()
        self._connection.close()


class StockFollower:
    """Copies the cells of the snapshots' machine into the file `path`."""

    def __init__(
        self, path: Path, stream: str, snapshots: Callable[[], SnapshotFollower | None]
    ) -> None:
        """`snapshots` gives the follower whose machine is folded, None while there is none."""
        self._path = path
        self._connection = open_views(path, stream)
        self._file = file_identity(path)
        self._view = StockView(self._connection)
        self._snapshots = snapshots

    @property
    def seq(self) -> int:
        """The entry that the cells are as of."""
        return self._view.cursor.head.seq

    def lag(self) -> int:
        """Folded entries that the cells lack."""
        snapshots = self._snapshots()
        return 0 if snapshots is None else max(0, snapshots.seq - self.seq)

    def step(self) -> None:
        """Store the cells that changed. Raises Replaced and whatever fails."""
        if rebuild_is_asked(self._path) or file_identity(self._path) != self._file:
            raise Replaced("views.db is built again")
        snapshots = self._snapshots()
        if snapshots is None or snapshots.head == self._view.cursor.head:
            return
        if snapshots.seq < self.seq and snapshots.lag() > 0:
            return  # it began from an older snapshot and is on its way
        machine = snapshots.machine
        pools, skus = len(machine.catalogue.pools), len(machine.catalogue.sku_codes)
        cells = machine.state.cells[:pools, :skus]
        try:
            self._view.save(cells, snapshots.head, machine.now_ms)
        except sqlite3.DatabaseError as error:
            if is_beyond_use(error):
                ask_for_rebuild(self._path)
            raise

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()
