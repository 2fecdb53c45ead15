"""The shop's local day and hour, for whoever works beside the desk, from any thread.

Always in the zone that the shop has now, and at the time that the desk believes: a wall clock that
jumped ends nobody's life. Reads no clock by itself.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from tidegate.desk.clock import Calendar


class ShopDays:
    """Called, it gives the day number (days since 1970-01-01)."""

    def __init__(self, zone: str, now_ms: Callable[[], int]) -> None:
        """`now_ms` says the time until somebody who knows it better is named by `believe`."""
        self._calendar = Calendar(zone)
        self._now_ms = now_ms

    @property
    def zone(self) -> str:
        """The zone that days are counted in."""
        return self._calendar.zone

    def follow(self, zone: str) -> None:
        """Count in this zone from now on."""
        if zone != self._calendar.zone:
            self._calendar = Calendar(zone)

    def believe(self, now_ms: Callable[[], int]) -> None:
        """Take the time from there from now on."""
        self._now_ms = now_ms

    def __call__(self) -> int:
        """The shop's local day."""
        return self._calendar.day(self._now_ms())

    def hour(self) -> int:
        """The hour of that day, 0 to 23."""
        now = datetime.fromtimestamp(self._now_ms() / 1000, UTC)
        return now.astimezone(ZoneInfo(self.zone)).hour
