"""The identity table's housekeeping: settling arrivals, touching, forgetting, sweeping.

Each step is a short transaction of bounded size, may be cut off anywhere and is taken up again by
whoever opens the file next; a person keeps one token through all of it.
This module never shortens a life that a running limit period still needs.
"""

import threading
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from tidegate.people import identity_schema as sql
from tidegate.people.identity_store import IdentityStore, IdentityUnavailable
from tidegate.storage.sqlite_schema import truncate_wal

SETTLE_ROWS = 2048  # a transaction; the few ms that an exchange may have to wait
CLEAR_ARRIVALS = 512
SWEEP_ROWS = 2048
TOUCH_ROWS = 1024
CHECKPOINT_WAL_BYTES = 8 << 20

PAUSE_S = 0.001  # between the steps of a sweep: a lock that is let go is not yet another's

_TRIES_MAX = 50
_NO_RUN = -1


class Swept(NamedTuple):
    """What a sweep did. `wal_truncated` False: a reader was in the way, so sweep again."""

    deleted: int
    wal_truncated: bool


class KindCount(NamedTuple):
    """Settled persons of one kind of key; `forgotten` of them wait for their last day."""

    kind: int
    persons: int
    forgotten: int


def pause() -> None:
    """Between the steps of a sweep."""
    time.sleep(PAUSE_S)


class _Overtaken(Exception):
    """Another process changed the table's layout meanwhile: look again and start over."""


class IdentityUpkeep:
    """Everything that writes to the table beside the exchange; takes turns with itself."""

    def __init__(self, store: IdentityStore) -> None:
        self._store = store
        self._turn = threading.Lock()
        self._run_epoch = _NO_RUN  # temp.run is good in this epoch only
        self._run_rows = 0
        self._run_next = 0

    # -- settling: arrivals, sorted, into the space ----------------------------------------------

    def settle(self, rows_max: int, *, wait: bool = True) -> bool:
        """Move up to `rows_max` arrivals to their space; True if some are left.

        Without `wait` it does nothing while another thread has the turn.
        """
        if self._turn.acquire(blocking=wait):
            try:
                self._insist(lambda: self._settle(rows_max))
            finally:
                self._turn.release()
        return self._store.unsettled_count > 0

    def settle_all(self) -> None:
        """Settle everything that had arrived when this was called."""
        with self._turn:
            self._insist(self._settle_all)

    def _settle(self, rows_max: int) -> None:
        if self._run_epoch != self._store.epoch and not self._open_run():
            return
        upto = min(self._run_next + rows_max, self._run_rows)
        while self._run_next < upto:
            self._settle_chunk(min(self._run_next + SETTLE_ROWS, upto))
        if self._run_next == self._run_rows:
            self._close_run()

    def _settle_all(self) -> None:
        """Settle everything that had arrived: the closed table, then what was fresh."""
        for _ in range(2):
            self._settle(self._store.unsettled_count + self._run_rows)

    def _open_run(self) -> bool:
        """Close the active table unless one is closed already, and sort it; False: all settled."""
        store = self._store
        store.refresh()
        epoch, active, space = store.layout()
        if not self._ask(sql.HAS_ARRIVALS[1 - active]):
            if not store.fresh:
                return False
            active = 1 - active
            self._relayout(epoch, active=active, space=space)
            epoch += 1
        with store.faults():
            store.quiet.execute("DROP TABLE IF EXISTS temp.run")
            store.quiet.execute(sql.RUN[1 - active])
        self._run_rows = self._ask("SELECT count(*) FROM temp.run")
        self._run_next, self._run_epoch = 0, epoch
        return True

    def _settle_chunk(self, end: int) -> None:
        store = self._store
        with store.writing(), store.transaction(store.quiet):
            self._expect(self._run_epoch)
            store.quiet.execute(sql.SETTLE[store.space], (self._run_next, end))
        self._run_next = end

    def _close_run(self) -> None:
        store = self._store
        epoch, active, space = store.layout()
        if epoch != self._run_epoch:
            raise _Overtaken
        shortened = 1
        while shortened:  # piece by piece, so that no exchange waits for the whole
            with store.writing(), store.transaction(store.quiet):
                self._expect(epoch)
                shorten = sql.SHORTEN_CLOSED[1 - active]
                shortened = store.quiet.execute(shorten, (CLEAR_ARRIVALS,)).rowcount
        clear = sql.CLEAR_CLOSED[1 - active]
        self._relayout(epoch, active=active, space=space, first=clear, closed_is_settled=True)
        self._run_epoch = _NO_RUN
        with store.faults():
            store.quiet.execute("DROP TABLE temp.run")

    # -- lives ---------------------------------------------------------------------------------

    def touch(self, hashes: Sequence[bytes], today: int, keep_until_day: int) -> None:
        """Note that these persons were here today, at most TOUCH_ROWS a transaction."""
        store = self._store
        ordered = sorted(hashes)  # neighbours share a page
        for at in range(0, len(ordered), TOUCH_ROWS):
            part = ordered[at : at + TOUCH_ROWS]
            values = (b"".join(part), len(part), today, keep_until_day)
            with self._turn, store.writing(), store.transaction(store.quiet):
                for statement in sql.TOUCH:
                    store.quiet.execute(statement, values)

    def forget(self, hashes: Sequence[bytes], today: int, keep_until_day: int) -> int:
        """Let these persons die after `keep_until_day` or their own day, whichever is later.

        Returns how many are alive in the table; one that is not has nothing to forget.
        """
        with self._turn:
            found = 0
            for at in range(0, len(hashes), sql.BATCH_MAX):
                part = hashes[at : at + sql.BATCH_MAX]
                self._insist(lambda part=part: self._settle_those(part))  # type: ignore[misc]
                found += self._mark_forgotten(part, today, keep_until_day)
            return found

    def _settle_those(self, hashes: Sequence[bytes]) -> None:
        self._settle_all()
        if any(self._store.unsettled(hashed) for hashed in hashes):
            raise _Overtaken

    def _mark_forgotten(self, hashes: Sequence[bytes], today: int, keep_until_day: int) -> int:
        store, found = self._store, 0
        values = (today, b"".join(hashes), len(hashes), keep_until_day)
        with store.writing():
            with store.looking():
                for statement in sql.FORGET:
                    found += store.hot.execute(statement, values).rowcount
                store.hot.execute("UPDATE state SET epoch = epoch + 1")
            store.advanced(active=store.active, space=store.space)
            store.on_forgotten(hashes)
        return found

    def hashes_of(self, tokens: Sequence[int]) -> list[bytes]:
        """The hashes behind those tokens that are known; reads through the whole table."""
        store = self._store
        with self._turn, store.faults():
            self._insist(self._settle_all)
            wanted = [(token.to_bytes(sql.TOKEN_BYTES, "big"),) for token in tokens]
            quiet = store.quiet
            quiet.execute("CREATE TEMP TABLE IF NOT EXISTS wanted (token BLOB PRIMARY KEY)")
            quiet.execute("DELETE FROM temp.wanted")
            quiet.executemany("INSERT OR IGNORE INTO temp.wanted VALUES (?)", wanted)
            return [row[0] for row in quiet.execute(sql.HASHES_OF_TOKENS).fetchall()]

    # -- the sweep: a copying collector ------------------------------------------------------------

    def sweep(self, today: int, between: Callable[[], None] = pause) -> Swept:
        """Delete who is due: forgotten and past the last day, or not seen for the retention.

        The living are copied to the other space, SWEEP_ROWS a transaction, and the old space is
        emptied, so that nothing of the dead is left in the file; then the WAL is cut.
        """
        deleted = 0
        with self._turn:
            self._insist(self._settle_all)
            deleted += self._move(today, between)  # a sweep that was cut off is finished first
            if self._is_needed(today):
                self._insist(self._flip)
                deleted += self._move(today, between)
            with self._store.writing():
                return Swept(deleted, truncate_wal(self._store.hot))

    def _is_needed(self, today: int) -> bool:
        space = self._store.space
        return bool(
            self._ask(sql.IS_ANY_DUE[space], (today,)) or self._ask("SELECT buried FROM state")
        )

    def _flip(self) -> None:
        self._store.refresh()
        epoch, active, space = self._store.layout()
        self._relayout(epoch, active=active, space=1 - space, first="UPDATE state SET buried = 0")

    def _move(self, today: int, between: Callable[[], None]) -> int:
        """Copy the living out of the space that is being left, and empty it."""
        store, deleted = self._store, 0
        old = 1 - store.space
        while self._ask(sql.HAS_PERSONS[old]):
            with store.writing(), store.transaction(store.quiet):
                if self._ask("SELECT space FROM state") == old:
                    raise IdentityUnavailable("identity table: another process is sweeping it")
                (bound,) = store.quiet.execute(sql.BOUND[old], (SWEEP_ROWS,)).fetchone()
                living = store.quiet.execute(sql.MOVE_LIVING[old], (today, bound)).rowcount
                deleted += store.quiet.execute(sql.LEAVE[old], (bound,)).rowcount - living
            between()
        with store.writing(), store.transaction(store.quiet):
            if self._ask("SELECT space FROM state") != old:
                store.quiet.execute(sql.EMPTY_SPACE[old])
        return deleted

    # -- the file ------------------------------------------------------------------------------

    def checkpoint(self) -> None:
        """Write a long WAL back into the file, beside the exchange as far as possible."""
        store = self._store
        if store.wal_bytes() < CHECKPOINT_WAL_BYTES:
            return
        with self._turn, store.faults():
            store.quiet.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        with store.writing():
            truncate_wal(store.hot, wait_s=0)

    def counts(self) -> list[KindCount]:
        """Settled persons by kind, by reading through the whole table."""
        with self._turn, self._store.faults():
            rows = self._store.quiet.execute(sql.COUNTS).fetchall()
            return [KindCount(*row) for row in rows]

    # -- taking turns with other processes -----------------------------------------------------

    def _relayout(
        self,
        epoch: int,
        *,
        active: int,
        space: int,
        first: str = "",
        closed_is_settled: bool = False,
    ) -> None:
        """Commit the next epoch; raise _Overtaken if the present one is not `epoch`."""
        store = self._store
        with store.writing():
            with store.transaction(store.quiet):
                self._expect(epoch)
                if first:
                    store.quiet.execute(first)
                store.quiet.execute(
                    "UPDATE state SET active = ?, space = ?, epoch = epoch + 1", (active, space)
                )
            store.advanced(active=active, space=space, closed_is_settled=closed_is_settled)

    def _expect(self, epoch: int) -> None:
        if self._store.epoch != epoch or self._ask("SELECT epoch FROM state") != epoch:
            raise _Overtaken

    def _ask(self, question: str, values: Sequence[object] = ()) -> int:
        with self._store.faults():
            return int(self._store.quiet.execute(question, values).fetchone()[0])

    def _insist(self, work: Callable[[], None]) -> None:
        """Do a piece of work, and again as long as another process came in between."""
        for _ in range(_TRIES_MAX):
            try:
                work()
            except _Overtaken:
                self._run_epoch = _NO_RUN
                self._store.refresh()
            else:
                return
        raise IdentityUnavailable("identity table: another process keeps it busy; try again")
