"""How many messages a channel may send now: so many a minute, and no more than a second's at once.

Always counts on a clock that never goes back. Never lets what was not used pile up.
"""

from collections.abc import Callable

_MINUTE_S = 60.0


class Pace:
    """A bucket for each channel."""

    def __init__(self, monotonic_s: Callable[[], float]) -> None:
        self._monotonic_s = monotonic_s
        self._left: dict[str, tuple[float, float]] = {}  # channel -> (what is left, when)

    def take(self, channel: str, per_minute: int, at_most: int) -> int:
        """So many may go now; what is not used is given back."""
        now_s = self._monotonic_s()
        burst = max(1.0, per_minute / _MINUTE_S)
        left, since_s = self._left.get(channel, (burst, now_s))
        left = min(burst, left + (now_s - since_s) * per_minute / _MINUTE_S)
        taken = min(int(left), at_most)
        self._left[channel] = (left - taken, now_s)
        return taken

    def give_back(self, channel: str, unused: int) -> None:
        """They were not sent."""
        left, since_s = self._left[channel]
        self._left[channel] = (left + unused, since_s)
