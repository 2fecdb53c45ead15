"""The workflows around a shop's orders with their real file, desk, ledger and channels' intakes.

Always: made for a shop that this process serves, and closed before its desk. Never: opens anything
when it is imported.
"""

import asyncio
import threading
from collections.abc import Sequence

from tidegate.bootstrap.fulfilment_shop import DeskFulfilment
from tidegate.bootstrap.shops import OpenShop
from tidegate.channels.asking import Asking
from tidegate.channels.capabilities import capabilities_of
from tidegate.channels.connection import connections
from tidegate.channels.feed_order import FeedOrder, Malformed
from tidegate.channels.fulfilment.service import Fulfilment
from tidegate.channels.fulfilment.store import open_store
from tidegate.channels.intake import Intake, Taken
from tidegate.channels.ledger import Ledger
from tidegate.channels.ports import Shop
from tidegate.channels.running import Loop
from tidegate.people.exchange import IdentityExchange
from tidegate.record.lines import NO_SKU

TURN_S = 1.0
UNCONNECTED = "push"  # a channel of which nothing is known: every ability is unknown


class LedgerDoors:
    """What the workflows ask of the channels' ledger: intake, mapping, recipients."""

    def __init__(self, ledger: Ledger, shop: Shop, asking: Asking) -> None:
        self._ledger = ledger
        self._shop = shop
        self._asking = asking
        self._intakes: dict[str, Intake] = {}

    def take_in(
        self, channel: str, orders: Sequence[FeedOrder], malformed: Sequence[Malformed]
    ) -> Taken:
        """Record or park a channel's orders."""
        if channel not in self._intakes:
            self._intakes[channel] = self._intake(channel)
        return self._intakes[channel].take(orders, malformed)

    def _intake(self, channel: str) -> Intake:
        for one in connections(self._ledger):
            if one.channel == channel:
                kind, bits = capabilities_of(one.kind), one.settings.verified_bits()
                return Intake(channel, self._ledger, self._asking, kind, bits)
        return Intake(channel, self._ledger, self._asking, capabilities_of("webhook"))

    def sku_of(self, channel: str, item: str) -> str:
        """The SKU of a channel's item code; "" = not mapped."""
        row = self._ledger.one(
            "SELECT sku FROM item WHERE channel = ? AND item = ?", (channel, item)
        )
        code = str(row[0]) if row else item
        return "" if self._shop.sku_number(code) == NO_SKU else code

    def recipient_of(self, key: bytes) -> bytes:
        """The recipient's hash that a feed gave for an order."""
        row = self._ledger.one("SELECT recipient FROM orders WHERE key = ?", (key,))
        return bytes(row[0]) if row else b""


class RunningFulfilment:
    """A shop's workflows at work, with a thread for what time brings."""

    def __init__(
        self,
        shop: OpenShop,
        exchange: IdentityExchange,
        loop: asyncio.AbstractEventLoop,
        ledger: Ledger,
    ) -> None:
        self._ending = threading.Event()
        desk = DeskFulfilment(shop.desk, exchange.exchanged, loop)
        doors = LedgerDoors(ledger, desk, Asking(desk, self._pause))
        self.service = Fulfilment(
            open_store(shop.paths.fulfilment), desk, self._pause, doors.take_in, doors.sku_of,
            doors.recipient_of,
        )  # fmt: skip
        self._loop = Loop("fulfilment", TURN_S, self.service.turn)

    def stop(self) -> None:
        """End after the call that is on."""
        self._ending.set()
        self._loop.stop()
        self.service.close()

    def _pause(self, seconds: float) -> None:
        self._ending.wait(seconds)
