"""The workflows around a shop's orders with their real file, desk, ledger and channels' intakes.

Always: made for a shop that this process serves, and closed before its desk. Never: opens anything
when it is imported.
"""

import threading
from collections.abc import Callable, Sequence

from tidegate.bootstrap.fulfilment_shop import DeskFulfilment
from tidegate.bootstrap.shops import OpenShop
from tidegate.channels.asking import Asking
from tidegate.channels.capabilities import capabilities_of
from tidegate.channels.feed_order import FeedOrder, Malformed
from tidegate.channels.fulfilment.service import Fulfilment
from tidegate.channels.fulfilment.store import open_store
from tidegate.channels.intake import Intake, Taken
from tidegate.channels.ledger import Ledger
from tidegate.channels.loops import Loop
from tidegate.channels.ports import Shop
from tidegate.channels.running import ShopChannels
from tidegate.people.exchange import IdentityExchange
from tidegate.record.lines import NO_SKU

TURN_S = 1.0
UNCONNECTED = "webhook"  # the kind of a channel that only its events are heard of
IntakeOf = Callable[[str], Intake | None]


class LedgerDoors:
    """What the workflows ask of the channels' ledger: intake, mapping, recipients."""

    def __init__(
        self, ledger: Ledger, shop: Shop, asking: Asking, connected: IntakeOf = lambda _: None
    ) -> None:
        """`connected`: the intake of a channel that is connected, which its feed uses as well."""
        self._ledger = ledger
        self._shop = shop
        self._asking = asking
        self._connected = connected
        self._own: dict[str, Intake] = {}

    def take_in(
        self, channel: str, orders: Sequence[FeedOrder], malformed: Sequence[Malformed]
    ) -> Taken:
        """Record or park a channel's orders."""
        intake = self._connected(channel) or self._own.get(channel)
        if intake is None:
            kind = capabilities_of(UNCONNECTED)
            intake = self._own[channel] = Intake(channel, self._ledger, self._asking, kind)
        return intake.take(orders, malformed)

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

    def kept_back(self, keys: Sequence[bytes]) -> set[bytes]:
        """Which of these orders a bulk hold or a person keeps back."""
        statement = "SELECT key FROM orders WHERE keep = 1 AND key IN"
        return {bytes(key) for (key,) in self._ledger.of_many(statement, keys)}


class RunningFulfilment:
    """A shop's workflows at work, with a thread for what time brings."""

    def __init__(
        self,
        shop: OpenShop,
        exchange: IdentityExchange,
        ledger: Ledger,
        connected: IntakeOf = lambda _: None,
    ) -> None:
        self._ending = threading.Event()
        self._desk = DeskFulfilment(shop.desk, exchange.exchanged)
        doors = LedgerDoors(ledger, self._desk, Asking(self._desk, self._pause), connected)
        self.service = Fulfilment(
            open_store(shop.paths.fulfilment), self._desk, self._pause, doors.take_in,
            doors.sku_of, doors.recipient_of, doors.kept_back,
        )  # fmt: skip
        self._loop: Loop | None = None

    def start(self) -> None:
        """Begin, on the desk's loop."""
        self._desk.begin()
        self._loop = Loop("fulfilment", TURN_S, self.service.turn)

    def fault(self) -> str:
        """Why the workflows do not go on by themselves; "" = they do."""
        fault = self._loop.fault if self._loop is not None else ""
        return f"presales, parcels and returns: {fault}" if fault else ""

    def stop(self) -> None:
        """End after the call that is on."""
        self._ending.set()
        if self._loop is not None:
            self._loop.stop()
        self.service.close()

    def _pause(self, seconds: float) -> None:
        self._ending.wait(seconds)


def open_fulfilment(
    shop: OpenShop, exchange: IdentityExchange, channels: ShopChannels
) -> RunningFulfilment:
    """The workflows of a shop that this process serves; to be started on the desk's loop."""

    def connected(channel: str) -> Intake | None:
        found = channels.running.get(channel)
        return found.intake if found is not None else None

    return RunningFulfilment(shop, exchange, channels.ledger, connected)
