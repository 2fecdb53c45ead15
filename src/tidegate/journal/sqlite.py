"""The embedded home of a journal: one SQLite file and one lock a stream, each append one sync.

Always: `append` returns after SQLite synced the log (WAL, synchronous=FULL), and one statement is
the whole transaction. Never: anything is read or written here again after a failed sync; the
process must start anew, and the start redoes the tail (`recovery`).
"""

import errno
import os
import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tidegate.journal.chain import Chain
from tidegate.journal.checkpoint import READERS_WAIT_S, Checkpointer
from tidegate.journal.protocol import (
    BATCH,
    CLAIM,
    GENESIS,
    READ_BYTES,
    AppendUnknown,
    Corrupt,
    Entry,
    Fenced,
    Head,
    JournalError,
    NotThisJournal,
    Payload,
    StoreFull,
    SyncFailed,
    owner_payload,
    payload_bytes,
)
from tidegate.journal.recovery import redo_in_private, rewrite_wal, wal_bytes
from tidegate.journal.sqlite_file import (
    SCHEMA,
    STORE_ERRORS,
    SqliteReader,
    check_format,
    connect,
    head_of,
    journal_path,
    meaning,
)
from tidegate.journal.sqlite_upkeep import prune_some, take_over
from tidegate.journal.store import (
    RESTORING_FILE,
    SpaceWatch,
    StoreLock,
    create_private,
    is_unsafe,
    mark_unsafe,
)
from tidegate.storage.sqlite_schema import free_disk_bytes, sync_directory

TAIL_ENTRIES = 16  # re-hashed at every start
UNKNOWN = {sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_NOMEM}  # outcomes of an append
PASSING = UNKNOWN | {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}  # reasons not to move the log now

_APPEND = "INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?)"
_TAIL = (
    "SELECT seq, epoch, kind, prev_hash, hash, payload FROM entry"
    " WHERE seq > (SELECT max(seq) FROM entry) - ? ORDER BY seq"
)


@dataclass(frozen=True, slots=True)
class SqliteSettings:
    """What an operator may set. ADR 0025 has the measurements behind the defaults."""

    reserve_bytes: int = 256 << 20  # appends are refused below so much free space
    page_bytes: int = 32768  # of a new file
    wal_limit_bytes: int = 64 << 20  # the log starts over beyond this
    step_bytes: int = 8 << 20  # moved into the database at a time
    lock: bool = True  # tests of the fence alone go without
    free: Callable[[Path], int] = free_disk_bytes  # tests shrink the disk


DEFAULTS = SqliteSettings()


class SqliteJournal:
    """The journal of `stream` in `directory`, open for writing. See `protocol.Journal`."""

    def __init__(
        self,
        directory: Path,
        stream: str,
        settings: SqliteSettings = DEFAULTS,
        *,
        restoring: bool = False,
    ) -> None:
        """Take the lock, bring the end of the journal in order, check it.

        Raises StoreInUse, NotThisJournal, Corrupt, StoreFull or SyncFailed.
        """
        self.stream = stream
        self._directory = directory
        self._settings = settings
        self._chain = Chain(stream)
        self._space = SpaceWatch(directory, settings.reserve_bytes, free=settings.free)
        self._append_lock = threading.Lock()
        self._owned: Head | None = None
        self._unresolved: Head | None = None
        self._dead = ""
        os.makedirs(directory, mode=0o700, exist_ok=True)
        if not restoring and (directory / RESTORING_FILE).exists():
            raise NotThisJournal(f"a restore into {directory} has not ended: run it again first")
        self._lock = StoreLock(directory) if settings.lock else None
        try:
            if is_unsafe(directory):
                redo_in_private(directory)
            left_bytes = wal_bytes(directory)
            create_private(journal_path(directory))
            self._writer = connect(journal_path(directory), "rwc")
            self._reader = SqliteReader(directory, stream, steps_aside=False)
            try:
                self._settle(left_bytes)
                self._checkpointer = self._start_checkpointer(left_bytes)
            except BaseException:
                self._writer.close()
                self._reader.close()
                raise
        except BaseException as error:
            self._release()
            if isinstance(error, (*STORE_ERRORS, OSError)):
                raise self._start_fault(error) from error
            raise

    def _settle(self, left_bytes: int) -> None:
        """Make the end of the journal durable, whoever left it how, and check it."""
        _prepare(self._writer, self.stream, self._settings)
        self._reader.head()  # opens it: see _die
        if left_bytes:
            self._writer.execute("BEGIN IMMEDIATE")  # no other writer while the log is rewritten
            rewrite_wal(self._directory)
            self._writer.execute("COMMIT")
        sync_directory(self._directory)
        _check_tail(self._writer, self._chain)

    def _start_checkpointer(self, left_bytes: int) -> Checkpointer:
        path = journal_path(self._directory)
        connection = connect(path, "rw", READERS_WAIT_S)
        _set_pragmas(connection, self._settings)
        checkpointer = Checkpointer(
            connection,
            path,
            self._append_lock,
            self._is_fatal,
            self._settings.wal_limit_bytes,
            self._settings.step_bytes,
        )
        checkpointer.start(left_bytes)
        return checkpointer

    def claim(self, owner: str, expected_seq: int | None = None) -> Head:
        """Become the owner. Raises Fenced when another claim came between."""
        payload = owner_payload(owner)
        with self._append_lock:
            self._require_alive()
            try:
                found = head_of(self._writer)
            except sqlite3.Error as error:
                raise self._meaning(error, None) from error
            if expected_seq is not None and found.seq != expected_seq:
                raise Fenced(expected_seq, found)
            self._unresolved = None
            return self._insert(found, found.epoch + 1, CLAIM, payload)

    def append(self, expected_seq: int, payload: Payload) -> Head:
        """Store `payload` durably as entry `expected_seq + 1`. See `protocol.Journal`."""
        self._checkpointer.wait_if_overdue()
        with self._append_lock:
            self._require_alive()
            owned = self._owned
            if owned is None or owned.seq != expected_seq:
                raise Fenced(expected_seq, owned)
            if self._unresolved is not None:
                raise AppendUnknown(self._unresolved, "the append before this one is not resolved")
            return self._insert(owned, owned.epoch, BATCH, payload)

    def read_back(self, expected_seq: int, entry_hash: bytes) -> Head | None:
        """Resolve an AppendUnknown by looking."""
        with self._append_lock:
            self._require_alive()
            stored = self._reader.read(expected_seq + 1, 1)
            self._unresolved = None
            if not stored:
                return None
            if stored[0].hash != entry_hash:
                self._owned = None
                raise Fenced(expected_seq, stored[0].head)
            self._owned = stored[0].head
            return self._owned

    def base(self) -> Head:
        """The head just before the oldest entry held."""
        self._require_alive()
        return self._reader.base()

    def head(self) -> Head:
        """The newest entry, whoever wrote it."""
        self._require_alive()
        return self._reader.head()

    def read(self, from_seq: int, limit_bytes: int = READ_BYTES) -> list[Entry]:
        """Entries from `from_seq` on, in order, until their payloads reach `limit_bytes`."""
        self._require_alive()
        return self._reader.read(from_seq, limit_bytes)

    def free_bytes(self) -> int:
        """Room left on the journal's disk."""
        return self._space.free_bytes()

    def prune(self, through_seq: int) -> Head:
        """Delete the entries up to `through_seq`; the new base. `archive` says which may go."""
        while True:
            base = self._upkeep(0, lambda writer: prune_some(writer, through_seq))
            if base.seq >= min(through_seq, self.head().seq):
                return base

    def restore(self, base: Head, entries: Sequence[Entry]) -> Head:
        """Take `entries` over as they are, in one transaction; the new head.

        They continue the head; an empty journal may start after any `base`. Raises Corrupt when
        they don't, whatever is wrong with them. Does not claim: a restored journal has no owner.
        """
        size = sum(len(entry.payload) for entry in entries)
        return self._upkeep(size, lambda writer: take_over(writer, self._chain, base, entries))

    def _upkeep(self, size: int, work: Callable[[sqlite3.Connection], Head]) -> Head:
        with self._append_lock:
            self._require_alive()
            self._space.require(size)
            try:
                result = work(self._writer)
            except sqlite3.Error as error:
                raise self._meaning(error, None) from error
            self._checkpointer.note(size + self._settings.page_bytes)
        return result

    def close(self) -> None:
        """Move the log into the database and let the next writer in."""
        self._checkpointer.stop()
        with self._append_lock:
            if not self._dead:
                try:
                    self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                except sqlite3.Error as error:
                    self._die(f"SQLite: {error}")
            if self._dead:
                self._writer.close()  # before the reader: see _die
            self._reader.close()
            self._writer.close()
        self._release()

    def _insert(self, head: Head, epoch: int, kind: int, payload: Payload) -> Head:
        self._space.require(payload_bytes(payload))
        seq = head.seq + 1
        entry_hash = self._chain.link(seq, epoch, kind, head.hash, payload)
        new = Head(seq, epoch, entry_hash)
        try:
            self._writer.execute(_APPEND, (seq, epoch, kind, head.hash, entry_hash, payload))
        except sqlite3.Error as error:
            raise self._meaning(error, new) from error
        except BaseException:
            self._unresolved = new  # stopped in the middle: only reading back can tell
            raise
        self._owned = new
        self._checkpointer.note(payload_bytes(payload) + 2 * self._settings.page_bytes)
        return new

    def _meaning(self, error: sqlite3.Error, attempt: Head | None) -> JournalError:
        """What `error` means for `attempt`, and the end of this journal if the disk failed."""
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code == sqlite3.SQLITE_FULL:
            return StoreFull(self.free_bytes(), self._settings.reserve_bytes)
        if attempt is not None and code == sqlite3.SQLITE_CONSTRAINT:
            found = head_of(self._writer)
            self._owned = None
            return Fenced(attempt.seq - 1, found)
        if attempt is not None and code in UNKNOWN:
            self._unresolved = attempt
            return AppendUnknown(attempt, str(error))
        fault = meaning(error)
        if isinstance(fault, SyncFailed):
            self._die(str(fault))
        return fault

    def _start_fault(self, error: Exception) -> JournalError:
        full = getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_FULL
        if full or (isinstance(error, OSError) and error.errno == errno.ENOSPC):
            return StoreFull(self.free_bytes(), self._settings.reserve_bytes)
        fault = SyncFailed(str(error)) if isinstance(error, OSError) else meaning(error)
        if isinstance(fault, SyncFailed):
            mark_unsafe(self._directory, str(error))
        return fault

    def _is_fatal(self, error: Exception) -> bool:
        """Whether moving the log failed for good. A full disk or a reader in the way passes."""
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code == sqlite3.SQLITE_FULL or code in PASSING:
            return False
        with self._append_lock:
            self._die(f"moving the log into the database failed: {error}")
        return True

    def _die(self, why: str) -> None:
        """Nothing here is trusted from now on.

        The last connection that can write would, on closing, move the log once more, see the
        second sync succeed and delete the log. A reader that is still open keeps it from that;
        itself it can't write (a test in tests/faults pins this).
        """
        if not self._dead:
            self._dead = why
            mark_unsafe(self._directory, why)
            self._checkpointer.halt()
            self._writer.close()

    def _require_alive(self) -> None:
        if self._dead:
            raise SyncFailed(f"the journal stopped: {self._dead}")

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.release()


def _set_pragmas(connection: sqlite3.Connection, settings: SqliteSettings) -> None:
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute(f"PRAGMA journal_size_limit = {settings.wal_limit_bytes}")
    connection.execute("PRAGMA secure_delete = OFF")


def _prepare(connection: sqlite3.Connection, stream: str, settings: SqliteSettings) -> None:
    connection.execute(f"PRAGMA page_size = {settings.page_bytes}")
    connection.execute("PRAGMA journal_mode = WAL")
    _set_pragmas(connection, settings)
    if check_format(connection, stream):
        return
    try:
        connection.executescript(SCHEMA)
        connection.execute(
            "INSERT INTO base VALUES (?, ?, ?, ?)",
            (stream, GENESIS.seq, GENESIS.epoch, GENESIS.hash),
        )
        connection.execute("COMMIT")
    except sqlite3.OperationalError:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        if not check_format(connection, stream):  # not that another writer was first
            raise


def _check_tail(connection: sqlite3.Connection, chain: Chain) -> None:
    entries = [Entry(*row) for row in connection.execute(_TAIL, (TAIL_ENTRIES,))]
    if not entries:
        return
    first = entries[0]
    before = Head(first.seq - 1, first.epoch - (first.kind == CLAIM), first.prev_hash)
    head = chain.check(entries, before)
    base = connection.execute("SELECT seq, hash FROM base").fetchone()
    if first.seq == base[0] + 1 and first.prev_hash != base[1]:
        raise Corrupt(f"{chain.stream}: entry {first.seq} does not continue the journal's base")
    if head != head_of(connection):
        raise Corrupt(f"{chain.stream}: the newest entries changed while they were read")
