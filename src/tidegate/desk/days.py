"""The shop's local day and hour, for whoever works beside the desk, from any thread.

Always in the zone that the shop has now: it may change while the shop is served. Reads no clock but
the one that is given.
"""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from tidegate.desk.clock import Calendar, Clock


class ShopDays:
    """Called, it gives the day number (days since 1970-01-01)."""

    def __init__(self, clock: Clock, zone: str) -> None:
        self._clock = clock
        self._calendar = Calendar(zone)

    @property
    def zone(self) -> str:
        """The zone that days are counted in."""
        return self._calendar.zone

    def follow(self, zone: str) -> None:
        """Count in this zone from now on."""
        if zone != self._calendar.zone:
            self._calendar = Calendar(zone)

    def __call__(self) -> int:
        """The shop's local day."""
        return self._calendar.day(self._clock.now_ms())

    def hour(self) -> int:
        """The hour of that day, 0 to 23."""
        now = datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC)
        return now.astimezone(ZoneInfo(self.zone)).hour
