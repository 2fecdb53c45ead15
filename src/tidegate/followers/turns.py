"""One follower's turns: when it is next, and what happens when it fails.

Always: a follower that fails is closed, shown with its error and opened again after a growing, but
bounded, while; the others go on meanwhile. Never: waits here, or reads a clock by itself.
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol

import structlog

from tidegate.followers.views import Replaced

BACKLOG_ENTRIES = 16  # more than these lacking: its next turn is at once, after the others'
RETRY_FIRST_S = 0.5
RETRY_MAX_S = 60.0

log = structlog.get_logger("tidegate.followers")


class Work(Protocol):
    """What takes turns."""

    @property
    def seq(self) -> int:
        """The newest entry it has taken in."""
        ...

    def lag(self) -> int:
        """Entries it lacks."""
        ...

    def step(self) -> object:
        """Take in a bounded part of what is new."""
        ...

    def close(self) -> None:
        """Let go of everything."""
        ...


class Pace(NamedTuple):
    """How often a follower looks: every so many seconds, resting a multiple of what a turn took."""

    every_s: float
    rest: float = 0.0


class Turn:
    """One follower of one shop."""

    def __init__(
        self, shop: str, name: str, pace: Pace, open_work: Callable[[], Work | None]
    ) -> None:
        """`open_work` gives None while there is nothing to follow yet."""
        self.shop = shop
        self.name = name
        self.work: Work | None = None
        self.due_s = 0.0
        self.failures = 0
        self.error = ""
        self.seq = 0  # kept while the work is closed, for whoever asks from another thread
        self._pace = pace
        self._open = open_work

    def take(self, monotonic_s: Callable[[], float]) -> None:
        """Take a turn, and note when the next one is."""
        began_s = monotonic_s()
        try:
            backlog = self._step()
        except Replaced:
            self.close()
            self.seq, self.due_s = 0, began_s
        except Exception as error:  # noqa: BLE001 -- shown, retried; the others go on
            self._fail(error, monotonic_s())
        else:
            self.failures, self.error = 0, ""
            ended_s = monotonic_s()
            pause_s = max(self._pace.every_s, self._pace.rest * (ended_s - began_s))
            self.due_s = ended_s if backlog else ended_s + pause_s

    def close(self) -> None:
        """Let go of the work; the next turn opens it again."""
        work, self.work = self.work, None
        if work is not None:
            try:
                work.close()
            except Exception as error:  # noqa: BLE001 -- it is given up anyway
                log.warning("close_failed", shop=self.shop, follower=self.name, error=str(error))

    def _step(self) -> bool:
        """Whether there is so much left that the next turn should come at once."""
        if self.work is None:
            self.work = self._open()
        if self.work is None:
            return False
        self.seq = self.work.seq
        self.work.step()
        self.seq = self.work.seq
        return self.work.lag() > BACKLOG_ENTRIES

    def _fail(self, error: Exception, now_s: float) -> None:
        self.close()
        self.failures += 1
        self.error = f"{type(error).__name__}: {error}"
        wait_s = min(RETRY_MAX_S, RETRY_FIRST_S * 2.0 ** min(self.failures - 1, 16))
        self.due_s = now_s + wait_s
        log.error(
            "follower_failed", shop=self.shop, follower=self.name, error=self.error,
            failures=self.failures, retry_in_s=wait_s,
        )  # fmt: skip
