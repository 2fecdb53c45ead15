"""One thread for everything of a shop that must be durable before it is answered.

Two syncs at a time get in each other's way on one disk, and each thread is one more hand-over of
the interpreter (ADR 0040), so journal and identity table share this one. Work is done in the order
in which it came; what a piece of work raises goes to its own `done`.
"""

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

Work = Callable[[], Any]
Done = Callable[[Any, BaseException | None], None]


class Storage:
    """A thread that takes work in order."""

    def __init__(self, name: str) -> None:
        self._work: deque[tuple[Work, Done]] = deque()
        self._ready = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=f"storage-{name}", daemon=True)
        self._thread.start()

    def submit(self, work: Work, done: Done) -> None:
        """Do `work` on the thread, then call `done(result, error)` there."""
        with self._ready:
            if self._stopping:
                raise RuntimeError("storage has stopped")
            self._work.append((work, done))
            self._ready.notify()

    def stop(self) -> None:
        """Finish what was submitted, then end the thread."""
        with self._ready:
            self._stopping = True
            self._ready.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._ready:
                while not self._work and not self._stopping:
                    self._ready.wait()
                if not self._work:
                    return
                work, done = self._work.popleft()
            try:
                result, error = work(), None
            except BaseException as caught:  # noqa: BLE001 -- handed to whoever asked
                result, error = None, caught
            done(result, error)
