"""One thread for everything of a shop that must be durable before it is answered.

Two syncs at a time get in each other's way on one disk, and each thread is one more hand-over of
the interpreter (ADR 0040), so journal and identity table share this one. Work is done in the order
in which it came; what a piece of work raises goes to its own `done`.
"""

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

Work = Callable[[], Any]
Done = Callable[[Any, BaseException | None], None]


class Storage:
    """A thread that takes work in order."""

    def __init__(self, name: str) -> None:
        # Not a Condition: that is Python, and each wait of it makes a lock and asks twice for the
        # interpreter.
        self._work: SimpleQueue[tuple[Work, Done] | None] = SimpleQueue()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=f"storage-{name}", daemon=True)
        self._thread.start()

    def submit(self, work: Work, done: Done) -> None:
        """Do `work` on the thread, then call `done(result, error)` there. From one thread only."""
        if self._stopping:
            raise RuntimeError("storage has stopped")
        self._work.put((work, done))

    def stop(self) -> None:
        """Finish what was submitted, then end the thread."""
        self._stopping = True
        self._work.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (asked := self._work.get()) is not None:
            work, done = asked
            try:
                result, error = work(), None
            except BaseException as caught:  # noqa: BLE001 -- handed to whoever asked
                result, error = None, caught
            done(result, error)
