"""What around a desk keeps it from taking new orders: a clock that jumped, a disk that fills up.

Always: what frees or stops something (payment, cancellation, shipment, pause) is none of this
module's business and still passes. Never: a figure that cannot be read counts as a good one.
"""

from collections.abc import Callable

from tidegate.desk.answers import jump_text, low_disk_text, unknown_disk_text
from tidegate.desk.clock import WatchedClock

LOW_DISK_BYTES = 512 << 20  # below so much free space no new orders; the journal stops at half
DISK_LOOK_S = 1.0


class Surroundings:
    """The desk's clock and disk, looked at with every tick."""

    def __init__(self, clock: WatchedClock, free_bytes: Callable[[], int]) -> None:
        self._clock = clock
        self._free_bytes = free_bytes
        self._next_look_s = clock.monotonic_s()
        self._disk = ""

    def no_orders(self) -> str:
        """Why no new orders may be taken now; "" when they may."""
        self._look_at_disk()
        self._clock.now_ms()
        return jump_text(self._clock.jumped_ms) if self._clock.jumped_ms else self._disk

    def _look_at_disk(self) -> None:
        """Refuse before writing can fail, but ask the system no more than once a second."""
        now_s = self._clock.monotonic_s()
        if now_s < self._next_look_s:
            return
        self._next_look_s = now_s + DISK_LOOK_S
        try:
            free = self._free_bytes()
        except OSError as error:
            self._disk = unknown_disk_text(error)
        else:
            self._disk = low_disk_text(free, LOW_DISK_BYTES) if free < LOW_DISK_BYTES else ""
