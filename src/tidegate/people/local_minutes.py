"""The minute of a shop's local day, for quiet hours.

Always in the shop's zone as it is when asked. Reads no clock: the moment comes in.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from tidegate.people.pack import MINUTE_MS

_QUARTER_MS = 15 * MINUTE_MS  # zones change their offset on the quarter of an hour
_DAY_MINUTES = 1440


class LocalMinutes:
    """Called with UTC milliseconds, it gives 0 to 1439."""

    def __init__(self, zone: Callable[[], str]) -> None:
        self._zone = zone
        self._known: tuple[str, int, int] = ("", -1, 0)

    def __call__(self, at_ms: int) -> int:
        """The local minute at that moment."""
        zone, quarter = self._zone(), at_ms // _QUARTER_MS
        known = self._known
        if known[:2] != (zone, quarter):
            moment = datetime.fromtimestamp(quarter * _QUARTER_MS / 1000, UTC)
            offset = moment.astimezone(ZoneInfo(zone)).utcoffset()
            assert offset is not None
            known = self._known = (zone, quarter, int(offset.total_seconds()) // 60)
        return (at_ms // MINUTE_MS + known[2]) % _DAY_MINUTES


def is_between(minute: int, from_minute: int, to_minute: int) -> bool:
    """Whether a minute of the day lies from one minute up to another, past midnight too."""
    if from_minute <= to_minute:
        return from_minute <= minute < to_minute
    return minute >= from_minute or minute < to_minute
