"""The loop that tells people: every shop's alerts on one thread beside the followers.

Always: a shop whose alerts fail is closed, and opened again after a growing while; the others go
on. Never: it waits for a receiver, or keeps a follower waiting.
"""

import threading
from collections.abc import Callable
from pathlib import Path

import structlog

from tidegate.access.secrets import missing_secrets
from tidegate.followers.process import Clock
from tidegate.followers.turns import BACKLOG_ENTRIES, Pace, Turn
from tidegate.store_paths import ShopPaths, StorePaths
from tidegate.watch.alerts.alerting import TAKE_MAX, Alerting

PACE = Pace(0.5, 4.0)
LOOK_S = 0.5  # for new shops

OpenAlerting = Callable[[str, ShopPaths], Alerting]

log = structlog.get_logger("tidegate.followers")


class ShopAlerts:
    """One shop's alerts as something that takes turns."""

    def __init__(self, alerting: Alerting) -> None:
        self._alerting = alerting
        self._taken = self.seq = 0

    def step(self) -> None:
        """See turns.Work."""
        self._taken = self._alerting.turn()
        self.seq += self._taken

    def lag(self) -> int:
        """More alarms are waiting where as many came as a turn takes."""
        return BACKLOG_ENTRIES + 1 if self._taken >= TAKE_MAX else 0

    def close(self) -> None:
        """See turns.Work."""
        self._alerting.close()


class AlertsLoop:
    """See the module."""

    def __init__(self, store: Path, clock: Clock, open_alerting: OpenAlerting) -> None:
        self._paths, self._clock, self._open = StorePaths(store), clock, open_alerting
        self._turns: dict[str, Turn] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="alerts", daemon=True)

    def start(self) -> None:
        """Begin, on a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """End; letters on their way are sent again under their keys by whoever comes next."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                try:
                    self._look()
                except OSError as error:  # the disk's trouble passes; this thread must not
                    log.warning("shops_not_listed", error=str(error))
                self._stopping.wait(self._take_due())
        finally:
            for turn in self._turns.values():
                turn.close()

    def _look(self) -> None:
        names = self._paths.shops()
        for name in names:
            if name not in self._turns:
                self._turns[name] = Turn(name, "alerts", PACE, self._opener(name))
        for name in sorted(set(self._turns) - set(names)):
            self._turns.pop(name).close()

    def _take_due(self) -> float:
        """Give every shop that is due a turn; seconds until the next."""
        now_s = self._clock.monotonic_s()
        for turn in self._turns.values():
            if turn.due_s <= now_s and not self._stopping.is_set():
                turn.take(self._clock.monotonic_s)
        next_s = min((turn.due_s for turn in self._turns.values()), default=now_s + LOOK_S)
        return min(LOOK_S, max(0.0, next_s - self._clock.monotonic_s()))

    def _opener(self, name: str) -> Callable[[], ShopAlerts | None]:
        paths = self._paths.shop(name)

        def opened() -> ShopAlerts | None:
            if missing_secrets(paths.secrets):
                return None  # it is still being made
            return ShopAlerts(self._open(name, paths))

        return opened
