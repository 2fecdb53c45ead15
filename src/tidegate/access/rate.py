"""How fast one key may bring new order ids: a bucket of tokens a key, kept as one number.

Over any stretch of t seconds a key gets at most `burst + rate_per_s * t`. Memory holds at most
KEYS_MAX keys, and only authenticated ones ever get here.
This module reads no clock of its own and never counts what was refused.
"""

from collections.abc import Callable

KEYS_MAX = 16_384


class RateLimit:
    """The generic cell rate algorithm (ITU-T I.371): a bucket is the moment at which it is full."""

    def __init__(self, rate_per_s: float, burst: int, monotonic_s: Callable[[], float]) -> None:
        assert rate_per_s > 0, "a rate of zero is a revoked key"
        assert burst >= 1, "a bucket holds at least one"
        self._interval_s = 1.0 / rate_per_s
        self._depth_s = burst / rate_per_s
        self._monotonic_s = monotonic_s
        self._full_at_s: dict[str, float] = {}

    def take(self, key_id: str, count: int = 1) -> float:
        """0.0 and the ids are counted, or the seconds after which the same call would pass.

        More than `burst` at once never passes: cut such a batch before asking.
        """
        now_s = self._monotonic_s()
        start_s = max(self._full_at_s.get(key_id, now_s), now_s)
        full_s = start_s + count * self._interval_s
        over_s = full_s - now_s - self._depth_s
        if over_s > self._interval_s * 1e-6:  # rounding is not an order
            return over_s
        if len(self._full_at_s) >= KEYS_MAX and key_id not in self._full_at_s:
            self._forget_full(now_s)
        self._full_at_s[key_id] = full_s
        return 0.0

    def _forget_full(self, now_s: float) -> None:
        """Drop whoever's bucket is full again: it is as if they had never come."""
        self._full_at_s = {key: at for key, at in self._full_at_s.items() if at > now_s}
        while len(self._full_at_s) >= KEYS_MAX:
            self._full_at_s.pop(next(iter(self._full_at_s)))
