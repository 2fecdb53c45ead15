"""Time that alerts wait by: it goes on while the machine's clock is put back, or is wrong.

Always at least what was stored before, so an alarm that waits for its person is escalated whatever
happens to the clock. Never told to anybody: what people read is the wall clock.
"""

from collections.abc import Callable


class Steady:
    """Milliseconds that never go back, over restarts too, if `stored_ms` is the last one known.

    While one process runs only its monotonic clock counts. A restart takes the wall clock up where
    that is ahead: then the wait goes on as if nobody had stopped.
    """

    def __init__(self, stored_ms: int, wall_ms: int, monotonic_s: Callable[[], float]) -> None:
        self._monotonic_s = monotonic_s
        self._began_s = monotonic_s()
        self._base_ms = max(stored_ms, wall_ms)

    def now_ms(self) -> int:
        """The time now."""
        return self._base_ms + int((self._monotonic_s() - self._began_s) * 1000)
