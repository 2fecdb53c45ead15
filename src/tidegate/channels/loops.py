"""A thread that takes turns until it is told to stop.

Always: what fails is logged once, kept for people to see, and tried again. Never: a turn's failure
ends the thread.
"""

import threading
from collections.abc import Callable

import structlog

RETRY_S = 5.0

log = structlog.get_logger("tidegate.channels")


class Loop:
    """See the module."""

    def __init__(self, name: str, every_s: float, turn: Callable[[], object]) -> None:
        self.name = name
        self.fault = ""
        self._every_s = every_s
        self._turn = turn
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"channel-{name}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End after the turn that is on."""
        self._stopping.set()
        self._thread.join()

    def tell(self) -> None:
        """Say that it shall stop, without waiting."""
        self._stopping.set()

    def _run(self) -> None:
        wait_s = self._every_s
        while not self._stopping.wait(wait_s):
            try:
                self._turn()
            except Exception as error:  # noqa: BLE001 -- shown, logged, tried again
                wait_s = RETRY_S
                fault = f"{type(error).__name__}: {error}"
                if fault != self.fault:
                    log.warning("channel_failed", loop=self.name, error=fault)
                self.fault = fault
            else:
                wait_s, self.fault = self._every_s, ""
