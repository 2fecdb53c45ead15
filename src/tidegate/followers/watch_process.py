"""The third process: it watches every shop and opens breakers; nothing else runs in it.

Always: what fails for one shop is closed and opened again after a while, and the others are watched
on. Never: more than one such process works on a store, or anything is compiled by it at the desk's
expense: it compiles on a thread that steps back.
"""

import gc
import os
import threading
from collections.abc import Callable
from pathlib import Path

import structlog

from tidegate.access.secrets import missing_secrets
from tidegate.followers.desk_calls import DeskCalls
from tidegate.followers.process import Clock, FollowersLock
from tidegate.followers.turns import Pace, Turn
from tidegate.followers.watch_shop import Clock as ShopClock
from tidegate.followers.watch_shop import WatchShop
from tidegate.journal.archive import Archive, WholeJournal
from tidegate.journal.follow import JournalReader
from tidegate.journal.sqlite_file import SqliteReader, journal_path
from tidegate.store_paths import ShopPaths, StorePaths
from tidegate.watch.settings import USUAL, Settings
from tidegate.watch.warm import warm

LOCK_FILE = "watch.lock"
PACE = Pace(0.004)  # between two looks while there is traffic
LOOK_S = 0.5  # for new shops
COMPILE_NICENESS = 10

log = structlog.get_logger("tidegate.watch")


class WatchFleet:
    """The watches of a store."""

    def __init__(self, store: Path, clock: Clock, settings: Settings = USUAL) -> None:
        self._paths = StorePaths(store)
        self._clock = clock
        self._settings = settings
        self._turns: dict[str, Turn] = {}
        self._looked_s = -LOOK_S

    def look(self) -> None:
        """Take up shops that are new, let go of those whose folder is gone."""
        now_s = self._clock.monotonic_s()
        if now_s < self._looked_s + LOOK_S:
            return
        self._looked_s = now_s
        names = self._paths.shops()
        for name in names:
            if name not in self._turns:
                self._turns[name] = Turn(name, "watch", PACE, self._opener(name))
        for name in sorted(set(self._turns) - set(names)):
            self._turns.pop(name).close()

    def run_due(self, stop: threading.Event) -> float:
        """Give every shop that is due a turn, the longest waiting first; seconds until the next."""
        now_s = self._clock.monotonic_s()
        for turn in sorted(self._turns.values(), key=lambda turn: turn.due_s):
            if turn.due_s <= now_s and not stop.is_set():
                turn.take(self._clock.monotonic_s)
        next_s = min([self._looked_s + LOOK_S, *(turn.due_s for turn in self._turns.values())])
        return max(0.0, next_s - self._clock.monotonic_s())

    def close(self) -> None:
        """Let go of everything."""
        for turn in self._turns.values():
            turn.close()
        self._turns = {}

    def _opener(self, name: str) -> Callable[[], WatchShop | None]:
        paths = self._paths.shop(name)
        wal = f"{journal_path(paths.folder)}-wal"

        def opened() -> WatchShop | None:
            if missing_secrets(paths.secrets) or not journal_path(paths.folder).exists():
                return None
            clock = ShopClock(self._clock.now_ms, self._clock.monotonic_s)
            desks = (
                DeskCalls(self._paths.serving, paths.watch_key, name),
                DeskCalls(self._paths.serving, paths.watch_key, name),
            )
            return WatchShop(
                paths, lambda: reader_of(paths, name), clock, desks, self._settings,
                lambda: written(wal),
            )  # fmt: skip

        return opened


def written(path: str) -> object:
    """What changes whenever the file is written; None while there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def reader_of(paths: ShopPaths, name: str) -> JournalReader:
    """A shop's whole journal, archive included."""
    return WholeJournal(SqliteReader(paths.folder, name), Archive(paths.archive, name))


def run_watch(
    store: Path,
    stop: threading.Event,
    clock: Clock,
    settings: Settings = USUAL,
    alive: Callable[[], bool] = lambda: True,
) -> None:
    """Watch every shop of a store until `stop` is set, or `alive` says that nobody needs us.

    Waits while another process watches the same store. Raises OSError where the store cannot be
    written at all.
    """
    lock = FollowersLock(store, LOCK_FILE)
    fleet = WatchFleet(store, clock, settings)
    try:
        if lock.wait(stop):
            compile_aside()
            gc.freeze()
            while not stop.is_set() and alive():
                fleet.look()
                stop.wait(fleet.run_due(stop))
    finally:
        fleet.close()
        lock.release()


def compile_aside() -> None:
    """Compile what is not compiled yet, on a thread that comes after everybody else's work."""

    def compiled() -> None:
        os.nice(COMPILE_NICENESS)  # of this thread alone, as Linux has it
        warm()

    thread = threading.Thread(target=compiled, name="compile")
    thread.start()
    thread.join()
