"""The directory of one journal: who may write there, how much room is left, what must be redone.

Always: one process at a time holds the lock, and the system lets go of it when that process ends,
however it ends. Never: a lock file's mere existence means anything.
"""

import contextlib
import fcntl
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

from tidegate.journal.protocol import StoreFull, StoreInUse
from tidegate.storage.sqlite_schema import free_disk_bytes, sync_directory

JOURNAL_FILE = "journal.db"
LOCK_FILE = "journal.lock"
UNSAFE_FILE = "journal.unsafe"  # written after a failed sync: the next start must redo the tail
RESTORING_FILE = "restore.begun"  # a restore has begun here and not ended

SPACE_CHECK_S = 0.2
SPACE_CHECK_BYTES = 8 << 20


def create_private(path: Path) -> None:
    """Make an empty file that only its owner may read. SQLite gives its log the same mode."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        return


class StoreLock:
    """The one writer's lock. A child made by fork alone would share it; programs are spawned."""

    def __init__(self, directory: Path) -> None:
        path = directory / LOCK_FILE
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(self._descriptor, 200, 0).decode(errors="replace").strip()
            os.close(self._descriptor)
            raise StoreInUse(str(directory), holder or "another process") from error
        with contextlib.suppress(OSError):  # a full disk: the lock holds without a name in it
            os.ftruncate(self._descriptor, 0)
            name = f"process {os.getpid()} on {socket.gethostname()}\n"
            os.pwrite(self._descriptor, name.encode(), 0)

    def release(self) -> None:
        """Let the next writer in. Releasing twice is fine."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class SpaceWatch:
    """Refuses before the disk is full, and asks the system seldom: a question costs the writer.

    Assumes that nobody else fills the reserve within 0.2 s. If somebody does, the write itself
    fails, nothing is stored, and the answer is the same StoreFull.
    """

    def __init__(
        self,
        directory: Path,
        reserve_bytes: int,
        monotonic: Callable[[], float] = time.monotonic,
        free: Callable[[Path], int] | None = None,
    ) -> None:
        self._directory = directory
        self._reserve_bytes = reserve_bytes
        self._monotonic = monotonic
        self._free = free or free_disk_bytes
        self._next_s = monotonic()
        self._unchecked_bytes = 0

    def free_bytes(self) -> int:
        """Room left, asked now."""
        return self._free(self._directory)

    def require(self, size: int) -> None:
        """Raises StoreFull when `size` more bytes would reach into the reserve."""
        self._unchecked_bytes += size
        now_s = self._monotonic()
        if now_s < self._next_s and self._unchecked_bytes < SPACE_CHECK_BYTES:
            return
        free = self.free_bytes()
        if free - self._unchecked_bytes < self._reserve_bytes:
            self._unchecked_bytes = 0
            self._next_s = now_s  # ask again at the next append: room may come back any moment
            raise StoreFull(free, self._reserve_bytes)
        self._unchecked_bytes = 0
        self._next_s = now_s + SPACE_CHECK_S


def mark_unsafe(directory: Path, why: str) -> None:
    """Tell the next start, and readers now, that a sync failed here. Best effort on a sick disk.

    The mark matters only until the machine restarts: then the page cache, which is what can't be
    trusted, is gone too. So it need not be durable itself.
    """
    try:
        (directory / UNSAFE_FILE).write_text(f"{why}\n")
    except OSError:
        return


def is_unsafe(directory: Path) -> bool:
    """Whether a sync failed here and nobody has redone the tail yet."""
    return os.path.exists(directory / UNSAFE_FILE)


def clear_unsafe(directory: Path) -> None:
    """The tail was redone and synced."""
    (directory / UNSAFE_FILE).unlink(missing_ok=True)
    sync_directory(directory)
