"""Time as the desk uses it: the wall clock, watched by the monotonic one, and the shop's own days.

A wall clock that moved more than five minutes against the monotonic clock is not believed until a
person confirms it; until then time goes on by the monotonic clock. Nothing here sleeps, and only
`SystemClock` reads a clock.
"""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

JUMP_MS = 300_000
FOLLOWED = 0.001  # of the time that passes: steps of 86 s a day are forgotten, faster ones add up
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
    """The wall clock as far as it is believed: small steps are, a jump waits for a person.

    While a jump waits, time goes on from where it was by the monotonic clock. Steps add up: what
    is believed follows the wall clock at once, but the sum of steps counts as one jump until
    FOLLOWED has worn it off, so that many small steps get no further than one large one.
    """

    def __init__(self, clock: Clock, not_before_ms: int = 0) -> None:
        """`not_before_ms`: the last moment on record. A wall clock far behind it has jumped."""
        self._clock = clock
        self._looked_s = clock.monotonic_s()
        wall_ms = clock.now_ms()
        start_ms = not_before_ms if wall_ms < not_before_ms - JUMP_MS else wall_ms
        self._offset_ms = start_ms - self._looked_s * 1000  # what steps are measured against
        self._believed_ms = self._offset_ms  # the offset of the time that is believed
        self.jumped_ms = 0
        self.now_ms()

    def now_ms(self) -> int:
        """UTC milliseconds; notes a jump in `jumped_ms`, which stays until `confirm`."""
        now_s = self._clock.monotonic_s()
        wall_ms = self._clock.now_ms()
        moved = wall_ms - now_s * 1000 - self._offset_ms
        if abs(moved) > JUMP_MS:
            self.jumped_ms = int(moved)
        if self.jumped_ms:
            return int(now_s * 1000 + self._believed_ms)
        worn_ms = (now_s - self._looked_s) * FOLLOWED * 1000
        self._looked_s = now_s
        self._offset_ms += max(-worn_ms, min(worn_ms, moved))
        self._believed_ms = wall_ms - now_s * 1000
        return wall_ms

    def monotonic_s(self) -> float:
        """Seconds that never go back."""
        return self._clock.monotonic_s()

    def confirm(self) -> None:
        """A person says that the clock is right as it is."""
        self._looked_s = self._clock.monotonic_s()
        self._offset_ms = self._clock.now_ms() - self._looked_s * 1000
        self._believed_ms = self._offset_ms
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
