"""Where tokens are kept: one SQLite file, written first in the order of arrival, settled later.

An arrival is durable (`synchronous=FULL`) before it is handed out, and no hash is ever in the file
with two tokens: a hash that is known, whoever wrote it, is not appended again.
This module never sees a plain value, reads no clock and draws no random number.
"""

import os
import sqlite3
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tidegate.people import identity_schema as sql
from tidegate.storage.sqlite_schema import connect, open_database, truncate_wal

NEVER_DAY = 1 << 31
HOT_CACHE_KIB = 64 * 1024
QUIET_CACHE_KIB = 16 * 1024

# After these nothing that is read back is known to be on the disk.
_BROKEN_CODES = {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_PRIMARY_CODE = 0xFF


class IdentityUnavailable(Exception):
    """No token can be exchanged now; nothing was handed out. The message says what to do."""


class Known(NamedTuple):
    """A settled row as the exchange needs it; `place` is where it was asked for."""

    place: int
    token: int
    last_used_day: int
    dies_after_day: int
    is_forgotten: bool


class Arrivals(NamedTuple):
    """New persons of one batch: equally long columns; a kind is one digit of `kinds`."""

    hashes: Sequence[bytes]
    kinds: str
    tokens: Sequence[int]
    created_day: int
    keep_until_day: int


class IdentityStore:
    """The file and its two connections: `hot` for the exchange, `quiet` for all that can wait.

    Every write happens inside `writing()`. `fresh` and `closed` are the arrivals that are in no
    space yet: a part of the table that happens to be in memory, and not a cache.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.epoch = -1
        self.active = 0
        self.space = 0
        self.fresh: dict[bytes, int] = {}
        self.closed: dict[bytes, int] = {}
        self._fresh_since_day = self._closed_since_day = NEVER_DAY
        self.on_forgotten: Callable[[Sequence[bytes]], None] = lambda _: None
        self._last_seq = 0
        self._lock = threading.RLock()
        self._broken = ""
        self.hot = open_database(path, sql.SCHEMA, cache_kib=HOT_CACHE_KIB)
        self.quiet = connect(path, cache_kib=QUIET_CACHE_KIB)
        for connection in (self.hot, self.quiet):
            connection.execute("PRAGMA wal_autocheckpoint=0")  # `checkpoint` does it, beside us
            for statement in sql.NUMBERS:
                connection.execute(statement)
        # What a crash left in the WAL is written again and synced before it is built upon.
        truncate_wal(self.hot)

    def close(self) -> None:
        """Give the file back; what was handed out is durable already."""
        with self._lock:
            self.quiet.close()
            self.hot.close()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the right to write; SQLite's faults become IdentityUnavailable."""
        with self._lock, self.faults():
            if self._broken:
                raise IdentityUnavailable(self._broken)
            yield

    @contextmanager
    def faults(self) -> Iterator[None]:
        """SQLite's faults become IdentityUnavailable; after some of them the table is closed."""
        try:
            yield
        except sqlite3.Error as error:
            raise self._fault(error) from error

    @contextmanager
    def transaction(self, connection: sqlite3.Connection) -> Iterator[None]:
        """All or nothing, durable at the end; only inside `writing()`."""
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")

    def _fault(self, error: sqlite3.Error) -> IdentityUnavailable:
        code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY_CODE
        if code in _BROKEN_CODES:
            self._broken = (
                f"identity table: {error}; a write or a sync failed, so nothing read back is "
                "trusted. Check the disk, then restart"
            )
            return IdentityUnavailable(self._broken)
        hint = "make room on the disk" if code == sqlite3.SQLITE_FULL else "repeat the same request"
        return IdentityUnavailable(f"identity table: {error}; {hint}")

    # -- the exchange --------------------------------------------------------------------------

    def unsettled(self, hashed: bytes) -> int:
        """The token of an arrival that is in no space yet, or 0."""
        return self.fresh.get(hashed, 0) or self.closed.get(hashed, 0)

    @property
    def unsettled_count(self) -> int:
        """Arrivals that are in no space yet."""
        return len(self.fresh) + len(self.closed)

    @property
    def unsettled_since_day(self) -> int:
        """The day of the oldest arrival that is in no space yet."""
        return min(self._fresh_since_day, self._closed_since_day)

    def append_if_new(self, arrivals: Arrivals) -> bool:
        """Store new persons in one durable statement; False, and nothing stored, if in doubt.

        In doubt: one of them is settled already, or another process wrote since the last look.
        """
        statement = sql.APPEND_IF_NEW[self.active]
        values = (*self._row(arrivals), self.epoch)
        if self.hot.execute(statement, values).rowcount < 1:
            return False
        self.appended(arrivals)
        return True

    def append(self, arrivals: Arrivals) -> None:
        """Store persons that `look_up` did not find; only inside `looking()`."""
        self.hot.execute(sql.APPEND[self.active], self._row(arrivals))

    def appended(self, arrivals: Arrivals) -> None:
        """Remember what is durable now."""
        self._last_seq += -(-len(arrivals.hashes) // sql.ARRIVAL_ROWS)
        self._fresh_since_day = min(self._fresh_since_day, arrivals.created_day)
        self.fresh.update(zip(arrivals.hashes, arrivals.tokens, strict=True))

    def _row(self, arrivals: Arrivals) -> tuple[int, int, int, int, str, bytes, bytes]:
        size = len(arrivals.hashes)
        return (
            self._last_seq + 1,
            size,
            arrivals.created_day,
            arrivals.keep_until_day,
            arrivals.kinds,
            b"".join(arrivals.hashes),
            struct.pack(f">{size}Q", *arrivals.tokens),
        )

    @contextmanager
    def looking(self) -> Iterator[None]:
        """One transaction that starts from everything other processes did until now."""
        with self.transaction(self.hot):
            self._refresh()
            yield

    def look_up(self, hashes: Sequence[bytes]) -> list[Known]:
        """The settled rows among `hashes`."""
        found: list[Known] = []
        for (text,) in self.hot.execute(sql.LOOKUP, (b"".join(hashes), len(hashes))).fetchall():
            for row in text.split(",") if text else ():
                place, token, used, dies, forgotten = row.split(" ")
                found.append(
                    Known(int(place), int(token, 16), int(used), int(dies), forgotten == "1")
                )
        return found

    def bury(self, hashes: Sequence[bytes]) -> None:
        """Delete persons who came back after their day; only inside `looking()`."""
        for statement in sql.BURY:
            self.hot.executemany(statement, [(hashed,) for hashed in hashes])
        self.hot.execute("UPDATE state SET buried = 1")

    def touch(self, hashes: Sequence[bytes], today: int, keep_until_day: int) -> None:
        """Note that these persons were here; only inside `looking()`."""
        for statement in sql.TOUCH:
            values = (b"".join(hashes), len(hashes), today, keep_until_day)
            self.hot.execute(statement, values)

    def take_block(self, block: int) -> bool:
        """Reserve the upper half of tokens for this process; False if it was taken before."""
        statement = "INSERT OR IGNORE INTO token_block VALUES (?)"
        return self.hot.execute(statement, (block,)).rowcount == 1

    def key_check(self, check: bytes) -> bytes:
        """The mark of the key that this file was filled with; a new file takes `check`."""
        with self.writing():
            self.hot.execute("UPDATE state SET key_check = ? WHERE key_check IS NULL", (check,))
            return bytes(self.hot.execute("SELECT key_check FROM state").fetchone()[0])

    # -- what other processes did --------------------------------------------------------------

    def refresh(self) -> None:
        """Take over what another process changed since this one last looked."""
        with self.writing(), self.looking():
            pass

    def _refresh(self) -> None:
        row = self.hot.execute("SELECT epoch, active, space FROM state").fetchone()
        epoch, active, space = row
        if epoch == self.epoch:
            self._read_arrivals(self.active, self._last_seq)
            return
        self.epoch, self.active, self.space = epoch, active, space
        self.fresh, self.closed = {}, {}
        self._fresh_since_day = self._closed_since_day = NEVER_DAY
        self._read_arrivals(1 - active, 0)
        self._last_seq = 0
        self._read_arrivals(active, 0)
        self.on_forgotten([row[0] for row in self.hot.execute(sql.FORGOTTEN).fetchall()])

    def _read_arrivals(self, table: int, after_seq: int) -> None:
        rows = self.hot.execute(sql.ARRIVALS[table], (after_seq,)).fetchall()
        for seq, size, created_day, hashes, tokens in rows:
            self._fresh_since_day = min(self._fresh_since_day, created_day)
            step = sql.HASH_BYTES
            split = [hashes[at : at + step] for at in range(0, size * step, step)]
            self.fresh.update(zip(split, struct.unpack(f">{size}Q", tokens), strict=True))
            self._last_seq = seq

    def layout(self) -> tuple[int, int, int]:
        """Epoch, active arrivals and space, as one consistent answer."""
        with self._lock:
            return self.epoch, self.active, self.space

    def advanced(self, *, active: int, space: int, closed_is_settled: bool = False) -> None:
        """This process has just committed the next epoch itself; inside the same `writing()`."""
        self.epoch += 1
        if active != self.active:
            self.fresh, self.closed = {}, self.fresh
            self._fresh_since_day, self._closed_since_day = NEVER_DAY, self._fresh_since_day
            self._last_seq = 0
        if closed_is_settled:
            self.closed, self._closed_since_day = {}, NEVER_DAY
        self.active, self.space = active, space

    def wal_bytes(self) -> int:
        """How long the WAL is now."""
        try:
            return os.path.getsize(f"{self.path}-wal")
        except FileNotFoundError:
            return 0
