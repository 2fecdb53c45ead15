"""Pushed sales on their way in: a bounded inbox and one thread a channel.

Always: sales that wait go in together, in the order in which they came; whoever pushed hears once.
Never: more than INBOX_MAX wait; beyond that the pusher is told to come again.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence

from tidegate.channels.intake import PIECE_MAX
from tidegate.channels.sales import Sale, SaleIntake
from tidegate.desk.answers import Decision, DeskBusy, DeskUnready

INBOX_MAX = 16_384
RETRY_S = 0.5

Done = Callable[[list[Decision] | None, BaseException | None], None]
Waiting = tuple[Sequence[Sale], Done]


class SaleInbox:
    """One channel's inbox. `submit` from any thread; `done` is called on the inbox's own."""

    def __init__(self, name: str, intake: SaleIntake) -> None:
        self._intake = intake
        self._waiting: deque[Waiting] = deque()
        self._count = 0
        self._is_stopping = False
        self._wake = threading.Condition()
        self._thread = threading.Thread(target=self._run, name=f"channel-{name}", daemon=True)
        self._thread.start()

    def submit(self, sales: Sequence[Sale], done: Done) -> None:
        """Take sales in; `done(decisions, None)` or `done(None, error)` later. Raises DeskBusy."""
        with self._wake:
            if self._is_stopping:
                raise DeskUnready("the channel is being closed")
            if self._count + len(sales) > INBOX_MAX:
                raise DeskBusy(RETRY_S, "too many sales of this channel wait")
            self._waiting.append((sales, done))
            self._count += len(sales)
            self._wake.notify()

    def tell(self) -> None:
        """Say that it shall stop; what waits is told to come again."""
        with self._wake:
            self._is_stopping = True
            self._wake.notify()

    def stop(self) -> None:
        """End."""
        self.tell()
        self._thread.join()

    def _run(self) -> None:
        while piece := self._next():
            sales = [sale for some, _ in piece for sale in some]
            try:
                decisions = self._intake.take(sales)
            except Exception as error:  # noqa: BLE001 -- whoever pushed is told
                for _, done in piece:
                    done(None, error)
                continue
            at = 0
            for some, done in piece:
                done(decisions[at : at + len(some)], None)
                at += len(some)

    def _next(self) -> list[Waiting]:
        """What goes in together; empty when it is over."""
        with self._wake:
            while not self._waiting and not self._is_stopping:
                self._wake.wait()
            if self._is_stopping:
                left = list(self._waiting)
                self._waiting.clear()
                for _, done in left:
                    done(None, DeskUnready("the channel is being closed"))
                return []
            piece: list[Waiting] = []
            count = 0
            while self._waiting and (not piece or count + len(self._waiting[0][0]) <= PIECE_MAX):
                one = self._waiting.popleft()
                piece.append(one)
                count += len(one[0])
            self._count -= count
            return piece
