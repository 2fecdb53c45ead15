"""Time as the desk uses it: the wall clock, watched by the monotonic one, and the shop's own days.

A wall clock that moved more than five minutes against the monotonic clock is not believed until a
person confirms it. Nothing here sleeps, and only `SystemClock` reads a clock.
"""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

JUMP_MS = 300_000
EPOCH_ORDINAL = datetime(1970, 1, 1, tzinfo=UTC).toordinal()


class Clock(Protocol):
    """Time, injected."""

    def now_ms(self) -> int:
        """UTC milliseconds."""
        ...

    def monotonic_s(self) -> float:
        """Seconds that never go back."""
        ...


class SystemClock:
    """The machine's clocks."""

    def now_ms(self) -> int:
        """UTC milliseconds."""
        return time.time_ns() // 1_000_000

    def monotonic_s(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()


class WatchedClock:
    """The desk's moment: never goes back, and says when the wall clock jumped."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset_ms = clock.now_ms() - clock.monotonic_s() * 1000
        self.jumped_ms = 0

    def now_ms(self) -> int:
        """UTC milliseconds; notes a jump in `jumped_ms`, which stays until `confirm`."""
        now = self._clock.now_ms()
        moved = now - self._clock.monotonic_s() * 1000 - self._offset_ms
        if abs(moved) > JUMP_MS:
            self.jumped_ms = int(moved)
        elif not self.jumped_ms:
            self._offset_ms += moved * 0.01  # slewing by time servers is followed slowly
        return now

    def monotonic_s(self) -> float:
        """Seconds that never go back."""
        return self._clock.monotonic_s()

    def confirm(self) -> None:
        """A person says that the clock is right as it is."""
        self._offset_ms = self._clock.now_ms() - self._clock.monotonic_s() * 1000
        self.jumped_ms = 0


def is_zone(name: str) -> bool:
    """Whether there is such a time zone."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


class Calendar:
    """Day numbers of a zone (days since 1970-01-01), computed once a day."""

    def __init__(self, zone: str) -> None:
        self.zone = zone
        self._info = ZoneInfo(zone)
        self._day = 0
        self._from_ms = 0
        self._until_ms = 0

    def day(self, now_ms: int) -> int:
        """The shop's local day at a moment."""
        if not self._from_ms <= now_ms < self._until_ms:
            local = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(self._info)
            start = local.replace(hour=0, minute=0, second=0, microsecond=0)
            end = (start + timedelta(days=1)).replace(tzinfo=self._info)
            self._day = local.toordinal() - EPOCH_ORDINAL
            self._from_ms = int(start.timestamp() * 1000)
            self._until_ms = int(end.timestamp() * 1000)
        return self._day
