"""A marketplace on the machine's clock that is asked over HTTP while buyers come: they take turns.

Always: a buyer, a push and a poll never see half of each other's work. Never: time is made up.
"""

import threading
import time
from collections import Counter
from collections.abc import Sequence

from tidegate.channels.feed_order import FeedOrder, FeedPage
from tidegate.channels.ports import Pushed, Shown, StockChange
from tidegate.testing.outside import Faults, Marketplace

FOR_EVER_MS = 1 << 62


class LiveMarket(Marketplace):
    """See the module."""

    def __init__(self, name: str, seed: int, faults: Faults | None = None) -> None:
        self._turns = threading.RLock()
        super().__init__(name, seed, faults)

    @property
    def now_ms(self) -> int:
        """Now, as its clock has it."""
        return time.time_ns() // 1_000_000

    @now_ms.setter
    def now_ms(self, _: int) -> None:
        """It has its own."""

    def stall(self) -> None:
        """From now on its feed of orders says nothing; everything else goes on."""
        self.faults.silent = ((0, FOR_EVER_MS),)

    def go_on(self) -> None:
        """Its feed speaks again; by now everybody has paid."""
        with self._turns:
            for number, order in list(self.orders.items()):
                if order.status == "unpaid":
                    self.change(number, "paid")
        self.faults.silent = ()

    def buy(self, item: str, units: int, price_fen: int, account: str = "") -> FeedOrder | None:
        """A buyer; None = sold out."""
        with self._turns:
            return super().buy(item, units, price_fen, account)

    def push(self, changes: Sequence[StockChange]) -> list[Pushed]:
        """What it is to show."""
        with self._turns:
            return super().push(changes)

    def fetch(self, since_ms: int, until_ms: int, page: str) -> FeedPage:
        """Its feed."""
        with self._turns:
            return super().fetch(since_ms, until_ms, page)

    def read(self, items: Sequence[str]) -> dict[str, Shown]:
        """What it shows."""
        with self._turns:
            return super().read(items)

    def sold(self) -> Counter[str]:
        """Units that it sold, by item: its own books."""
        found: Counter[str] = Counter()
        for order in self.orders.values():
            for line in order.lines:
                found[line.item] += line.quantity
        return found
