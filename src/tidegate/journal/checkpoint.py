"""Moves what the write-ahead log holds into the database file, beside the writer.

Always: the writer is held only for the last few entries, once per `wal_limit_bytes`. Never: a
failed sync is forgotten; it is reported, and then nothing is moved any more.

SQLite syncs the database only in a pass that catches up with the writer, so a pass beside a busy
writer copies without a sync and the last one would sync everything at once, with the writer held
(30 ms for 64 MiB, ADR 0025). Hence our own sync between the passes.
"""

import os
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

PASSES_MAX = 6
NEARLY_DONE_BYTES = 2 << 20
OVERDUE_FACTOR = 4  # beyond so many limits the writer waits for us
OVERDUE_WAIT_S = 1.0
READERS_WAIT_S = 0.05  # with the writer held, so no longer


class Checkpointer:
    """One thread and one connection of its own. `is_fatal` is asked from that thread."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        path: Path,
        append_lock: threading.Lock,
        is_fatal: Callable[[Exception], bool],
        wal_limit_bytes: int,
        step_bytes: int,
    ) -> None:
        self._connection = connection
        self._descriptor = _descriptor_of(path)
        self._append_lock = append_lock
        self._is_fatal = is_fatal
        self._wal_limit_bytes = wal_limit_bytes
        self._step_bytes = step_bytes
        self._written = 0  # bytes appended, all told
        self._moved = 0  # of these, when the last pass began
        self._reset_at = 0  # of these, when the log last started over
        self._reader_in_the_way = False
        self._wake = threading.Event()
        self._moved_some = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="checkpoint", daemon=True)

    def start(self, wal_bytes: int) -> None:
        """Begin; `wal_bytes` are in the log already."""
        self._written = wal_bytes
        self._thread.start()
        self.note(0)

    def note(self, size: int) -> None:
        """The writer appended `size` bytes."""
        self._written += size
        if self._written - self._moved >= self._step_bytes and not self._wake.is_set():
            self._wake.set()

    def wait_if_overdue(self) -> None:
        """Hold back a writer that is faster than the disk can take twice.

        Not while a reader keeps the log from starting over: waiting would not help then.
        """
        if self._written - self._reset_at < OVERDUE_FACTOR * self._wal_limit_bytes:
            return
        if self._thread.is_alive() and not self._reader_in_the_way:
            self._moved_some.clear()
            self._wake.set()
            self._moved_some.wait(OVERDUE_WAIT_S)

    def halt(self) -> None:
        """Begin nothing more; does not wait."""
        self._stopping = True
        self._wake.set()

    def stop(self) -> None:
        """End the thread and close the connection. Stopping twice is fine."""
        self.halt()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join()
        self._connection.close()

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            if self._stopping:
                return
            try:
                self._catch_up()
            except (sqlite3.Error, OSError) as error:
                if self._is_fatal(error):
                    return
            finally:
                self._moved_some.set()

    def _catch_up(self) -> None:
        for _ in range(PASSES_MAX):
            begun_at = self._written
            complete = self._checkpoint("PASSIVE")
            if self._descriptor >= 0:
                os.fdatasync(self._descriptor)
            self._moved = begun_at
            if self._written - begun_at < NEARLY_DONE_BYTES:
                break
        if not complete:
            self._reader_in_the_way = True  # starting over would wait for it, with the writer held
        elif self._written - self._reset_at >= self._wal_limit_bytes:
            with self._append_lock:
                done = self._checkpoint("RESTART")
                if done:
                    self._reset_at = self._moved = self._written
                self._reader_in_the_way = not done

    def _checkpoint(self, mode: str) -> bool:
        """Whether all that was in the log when the pass began was moved."""
        busy, in_log, moved = self._connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
        return not busy and in_log == moved


def _descriptor_of(path: Path) -> int:
    """The descriptor under which SQLite itself has `path` open, -1 if the system can't say.

    Opening the file ourselves would do harm: closing any descriptor of a file drops all of this
    process's locks on it (POSIX). If SQLite closes this one, a sync of another file is harmless.
    """
    wanted = os.stat(path)
    try:
        numbers = [int(name) for name in os.listdir("/dev/fd") if name.isdigit()]
    except OSError:
        return -1
    for number in sorted(numbers, reverse=True):  # the newest is the connection's own
        try:
            found = os.fstat(number)
        except OSError:
            continue
        if os.path.samestat(wanted, found):
            return number
    return -1
