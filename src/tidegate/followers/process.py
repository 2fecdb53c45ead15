"""The second process: every shop's followers on one thread, and a status for the doors.

Always: each follower gets its turn, with a bounded step, and a shop that is made meanwhile is
noticed within a second. Never: more than one such process works on a store, or one that has nothing
to do keeps the processor busy.
"""

import fcntl
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import structlog

from tidegate.followers.shop import Settings, ShopFollowers
from tidegate.followers.status import FollowerStatus, Status, write_status
from tidegate.followers.turns import Turn
from tidegate.journal.follow import JournalError
from tidegate.store_paths import StorePaths
from tidegate.views.shop_views import Lag, lag_of

LOOK_S = 0.5  # for new shops, and whether whoever started us is still there
STATUS_S = 0.5
HISTORY_MS = 86_400_000  # entries older than a day are of an import: their age is no lag
LOCK_FILE = "followers.lock"
LOCK_WAIT_S = 0.2

log = structlog.get_logger("tidegate.followers")


class Clock(Protocol):
    """Time as it is injected (`desk.clock`)."""

    def now_ms(self) -> int:
        """UTC milliseconds."""
        ...

    def monotonic_s(self) -> float:
        """Seconds that never go back."""
        ...


class Beside(Protocol):
    """What only one process of a store does besides following, on threads of its own."""

    def start(self) -> None:
        """Begin."""
        ...

    def stop(self) -> None:
        """End, and wait for that."""
        ...


class Known(NamedTuple):
    """What was last known of a follower: its cursor, its lag, and when it last went on."""

    seq: int
    lag: Lag
    since_ms: int


class Fleet:
    """The followers of every shop of a store."""

    def __init__(self, store: Path, settings: Settings, clock: Clock) -> None:
        self.store = store
        self._paths = StorePaths(store)
        self._settings = settings
        self._clock = clock
        self._shops: dict[str, ShopFollowers] = {}
        self._looked_s = -LOOK_S
        self._known: dict[tuple[str, str], Known] = {}

    def look(self) -> None:
        """Take up shops that are new, let go of those whose folder is gone."""
        now_s = self._clock.monotonic_s()
        if now_s < self._looked_s + LOOK_S:
            return
        self._looked_s = now_s
        names = self._paths.shops()
        for name in names:
            if name not in self._shops:
                paths = self._paths.shop(name)
                self._shops = {
                    **self._shops,
                    name: ShopFollowers(name, paths, self._settings, self._clock.now_ms),
                }
                log.info("following", shop=name)
        for name in sorted(set(self._shops) - set(names)):
            gone = self._shops[name]
            self._shops = {other: it for other, it in self._shops.items() if other != name}
            gone.close()
            log.info("no_longer_following", shop=name)

    def turns(self) -> list[Turn]:
        """Every follower, shop by shop."""
        return [turn for shop in self._shops.values() for turn in shop.turns]

    def run_due(self, stop: threading.Event) -> float:
        """Give everyone who is due a turn, the longest waiting first; seconds until the next."""
        now_s = self._clock.monotonic_s()
        for turn in sorted(self.turns(), key=lambda turn: turn.due_s):
            if turn.due_s <= now_s and not stop.is_set():
                turn.take(self._clock.monotonic_s)
        next_s = min([self._looked_s + LOOK_S, *(turn.due_s for turn in self.turns())])
        return max(0.0, next_s - self._clock.monotonic_s())

    def status(self) -> Status:
        """How far everybody is. May be called from another thread."""
        shops = {
            shop.name: {turn.name: self._of(shop, turn) for turn in shop.turns}
            for shop in list(self._shops.values())
        }
        return Status(self._clock.now_ms(), os.getpid(), shops)

    def close(self) -> None:
        """Let go of everything."""
        for shop in self._shops.values():
            shop.close()
        self._shops = {}

    def _of(self, shop: ShopFollowers, turn: Turn) -> FollowerStatus:
        key, now_ms = (shop.name, turn.name), self._clock.now_ms()
        before = self._known.get(key, Known(-1, Lag(0, 0), now_ms))
        since_ms = before.since_ms if turn.seq == before.seq else now_ms
        try:
            lag = lag_of(shop.reader, turn.seq, now_ms)
        except JournalError:
            lag = before.lag
        if lag.ms > HISTORY_MS:
            lag = Lag(lag.entries, now_ms - since_ms)
        self._known[key] = Known(turn.seq, lag, since_ms if lag.entries else now_ms)
        return FollowerStatus(turn.seq, lag.entries, lag.ms, turn.failures, turn.error)


class FollowersLock:
    """One process follows a store; the system lets go of it when that process ends."""

    def __init__(self, store: Path, name: str = LOCK_FILE) -> None:
        self._descriptor = os.open(store / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def wait(self, stop: threading.Event) -> bool:
        """Wait for the one before to end; False if we are to stop instead."""
        while True:
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if stop.wait(LOCK_WAIT_S):
                    return False
            else:
                return True

    def release(self) -> None:
        """Let the next one in."""
        os.close(self._descriptor)


def run_followers(
    store: Path,
    stop: threading.Event,
    clock: Clock,
    settings: Settings | None = None,
    alive: Callable[[], bool] = lambda: True,
    beside: Sequence[Beside] = (),
) -> None:
    """Follow every shop of a store until `stop` is set, or `alive` says that nobody needs us.

    Waits while another process follows the same store; what runs `beside` waits with it. Raises
    OSError where the store cannot be written at all.
    """
    lock = FollowersLock(store)
    try:
        if lock.wait(stop):
            for one in beside:
                one.start()
            try:
                _follow(Fleet(store, settings or Settings(), clock), stop, alive)
            finally:
                for one in beside:
                    one.stop()
    finally:
        lock.release()


def _follow(fleet: Fleet, stop: threading.Event, alive: Callable[[], bool]) -> None:
    ended = threading.Event()
    teller = threading.Thread(target=_tell, args=(fleet, ended), name="status", daemon=True)
    teller.start()
    try:
        while not stop.is_set() and alive():
            fleet.look()
            stop.wait(fleet.run_due(stop))
    finally:
        ended.set()
        teller.join()
        fleet.close()


def _tell(fleet: Fleet, ended: threading.Event) -> None:
    """Write the status until the end; a full disk must not end the following."""
    while not ended.is_set():
        try:
            write_status(fleet.store, fleet.status())
        except OSError as error:
            log.warning("status_not_written", error=str(error))
        ended.wait(STATUS_S)
