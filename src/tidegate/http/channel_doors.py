"""What the doors reach of a shop's channels: pushes, pushed sales, and looking after them.

Always: whatever reads or writes the ledger is done beside the loop, by a few threads of its own and
a bounded number at a time. Never: a sale for a connected channel passes its ledger by.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from tidegate.channels.running import ShopChannels
from tidegate.channels.sales import Sale
from tidegate.channels.status import ShopFigures, figures_of
from tidegate.desk.answers import Decision, DeskBusy, DeskUnready
from tidegate.http.ports import Done

THREADS = 4
WAITING_MAX = 64
RETRY_S = 1.0

T = TypeVar("T")


class ChannelDoors:
    """One shop's. Lives on the server's loop."""

    def __init__(self, channels: ShopChannels) -> None:
        self.channels = channels
        self._threads = ThreadPoolExecutor(THREADS, "channel-door")
        self._waiting = 0

    async def beside(self, work: Callable[[], T]) -> T:
        """What work on the ledger comes to. Raises DeskBusy where too much of it waits."""
        if self._waiting >= WAITING_MAX:
            raise DeskBusy(RETRY_S, "too many requests about channels wait")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1

    async def figures(self, now_ms: int) -> ShopFigures:
        """What is counted of every connected channel, and what does not work now."""
        channels = self.channels
        return await self.beside(lambda: figures_of(channels.ledger, channels.faults(), now_ms))

    # -- sales -----------------------------------------------------------------------------------

    def takes_sales(self, channel: str) -> bool:
        """Whether this channel's sales go by its ledger: it is connected."""
        return channel in self.channels.running

    def submit(self, sale: Sale, done: Done) -> None:
        """Take one sale in; `done(Decision, None)` or `done(None, error)` later, on this loop.

        Raises DeskBusy, DeskUnready.
        """

        def one(decisions: list[Decision] | None, error: BaseException | None) -> None:
            done(decisions[0] if decisions else None, error)

        self._submit([sale], one)

    def place(self, sales: Sequence[Sale]) -> "asyncio.Future[list[Decision]]":
        """Take sales of one channel in; one decision each. Raises DeskBusy, DeskUnready."""
        answered: asyncio.Future[list[Decision]] = asyncio.get_running_loop().create_future()

        def all_of(decisions: list[Decision] | None, error: BaseException | None) -> None:
            if answered.done():  # whoever asked has gone
                return
            if decisions is None:
                answered.set_exception(error or DeskUnready("the channel did not answer"))
            else:
                answered.set_result(decisions)

        self._submit(sales, all_of)
        return answered

    def _submit(
        self,
        sales: Sequence[Sale],
        done: Callable[[list[Decision] | None, BaseException | None], None],
    ) -> None:
        found = self.channels.running.get(sales[0].channel)
        if found is None:
            raise DeskUnready("the channel is being opened")
        loop = asyncio.get_running_loop()
        found.sales.submit(sales, lambda some, error: _soon(loop, lambda: done(some, error)))


def _soon(loop: asyncio.AbstractEventLoop, work: Callable[[], None]) -> None:
    """On the loop, if there still is one: a server that stops has answered before."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(work)
