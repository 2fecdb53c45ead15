"""A shop's channels at work: threads for the gate and what follows from it, and some a channel.

Always: what fails is logged, shown and tried again, and the others go on; a connection that was
changed is opened anew. Never: a channel's silence keeps another's stock or the gate waiting.
"""

import threading
import time

import structlog

from tidegate.channels.alarms import AlarmFlags
from tidegate.channels.asking import Asking
from tidegate.channels.bulk import Bulk
from tidegate.channels.connection import Connection, connections
from tidegate.channels.debts import Debts
from tidegate.channels.feeds import FeedState
from tidegate.channels.intake import Taken
from tidegate.channels.journal_orders import JournalOrders
from tidegate.channels.ledger import Ledger
from tidegate.channels.loops import Loop
from tidegate.channels.ports import OrderCloser, OurPrices, Shop, Warehouse
from tidegate.channels.recalls import Recalls
from tidegate.channels.release_gate import ReleaseGate
from tidegate.channels.running_channel import Ends, OpenEnds, RunningChannel, Shared
from tidegate.channels.shares import SharedShelves
from tidegate.channels.signatures import Request, Untrusted
from tidegate.channels.stopping import Stopped, stop_all

GATE_S, LOOK_S, CARE_S = 0.1, 2.0, 0.5
BULK_ORDERS, BULK_S = 500, 1.0  # a piece; how long runs may take of one turn
SILENCE_MS = 15_000
WAITING_EVERY_MS = 1_000

__all__ = ["Ends", "Loop", "ShopChannels"]

log = structlog.get_logger("tidegate.channels")


class ShopChannels:
    """All channels of a served shop. `start` when the desk decides, `stop` before it ends."""

    def __init__(
        self,
        ledger: Ledger,
        shop: Shop,
        journal: JournalOrders,
        open_ends: OpenEnds,
        ours: OurPrices | None = None,
    ) -> None:
        """`ours`: the shop's own prices, to compare with what channels show; None = not here."""
        self.ledger = ledger
        self._waiting = threading.Event()
        self._asking = Asking(shop, self._pause)
        self._journal = journal
        self._open_ends = open_ends
        self._gate = ReleaseGate(ledger, self._asking, WAITING_EVERY_MS)
        self._warehouses: dict[str, Warehouse] = {}
        self._bulk = Bulk(ledger, self._asking, self._warehouses)
        self.running: dict[str, RunningChannel] = {}
        self._loops: list[Loop] = []
        self._has_looked = False
        self._next_unknown_ms = 0
        self._shared = Shared(ledger, self._asking, SharedShelves(ledger, shop), ours)
        self._flags = AlarmFlags(ledger, shop)
        self._debts = Debts(ledger, self._closer_of)
        self._recalls = Recalls(ledger, self._asking, self._feed_of)

    def start(self) -> None:
        """Begin, on threads of their own; called on the desk's loop."""
        self._asking.shop.begin()
        self._loops = [
            Loop("gate", GATE_S, self._gate_turn),
            Loop("look", LOOK_S, self.look),
            Loop("care", CARE_S, self._care_turn),
        ]

    def stop(self) -> None:
        """End every thread, then let go of the files."""
        self._waiting.set()
        for loop in self._loops:
            loop.tell()
        for loop in self._loops:
            loop.stop()
        for channel in self.running.values():
            channel.stop()
        self._journal.close()
        self.ledger.close()

    def _pause(self, seconds: float) -> None:
        self._waiting.wait(seconds)  # over at once when the shop is closed

    def faults(self) -> list[str]:
        """What does not work now, in a sentence each."""
        loops = [*self._loops, *[loop for one in self.running.values() for loop in one.loops]]
        broken = [f"channel {loop.name}: {loop.fault}" for loop in loops if loop.fault]
        feeds = {name: self._feed_of(name) for name in list(self.running)}
        silent = [f"channel {name}: {feed.why}" for name, feed in feeds.items()
                  if feed is not None and feed.why and feed.is_heard]  # fmt: skip
        return broken + silent

    # -- what doors ask --------------------------------------------------------------------------

    def receive(self, channel: str, request: Request) -> Taken:
        """Orders that a channel pushes. Raises Untrusted, BadBody, and what the desk raises."""
        found = self.running.get(channel)
        if found is None or found.webhook is None:
            raise Untrusted("it is not signed by a channel that is connected")
        return found.webhook.take(request)

    def stop_all(self, reason: str, actor: str) -> Stopped:
        """Stop every channel (一键停售): durable when it returns, under way within a turn."""
        return stop_all(self.ledger, reason, actor, self._asking.shop.now_ms())

    def _feed_of(self, channel: str) -> FeedState | None:
        found = self.running.get(channel)
        return None if found is None else found.feed.state(self._asking.shop.now_ms())

    def _closer_of(self, channel: str) -> OrderCloser | None:
        found = self.running.get(channel)
        return None if found is None else found.ends.closer

    def _care_turn(self) -> None:
        """Flags of alarms, debts and recalls: in step with what has happened."""
        if not self._has_looked:
            return
        now_ms = self._asking.shop.now_ms()
        self._flags.turn()
        self._debts.turn(now_ms)
        self._recalls.turn(now_ms)

    # -- connections -----------------------------------------------------------------------------

    def look(self) -> None:
        """Open what was connected or changed, and close what was taken away."""
        wanted = {one.channel: one for one in connections(self.ledger)}
        for name, known in list(self.running.items()):
            now = wanted.get(name)
            if now is None or (now.kind, now.adapter, now.settings) != (
                known.as_connected.kind, known.as_connected.adapter, known.as_connected.settings
            ):  # fmt: skip
                known.stop()
                self._warehouses.pop(name, None)
                del self.running[name]
        faults = []
        for name, one in wanted.items():
            if name not in self.running:
                try:
                    self._open(name, one)
                except (OSError, ValueError, LookupError) as error:  # the others are opened
                    faults.append(f"{name}: {error}")
        self._has_looked = True
        if faults:
            raise OSError("; ".join(faults))

    def _open(self, name: str, one: Connection) -> None:
        made = RunningChannel(one, self._open_ends(one), self._shared)
        self.running[name] = made
        if made.warehouse is not None:
            self._warehouses[name] = made.warehouse
        log.info("channel_open", channel=name, kind=one.kind, adapter=one.adapter)

    def _gate_turn(self) -> None:
        now_ms = self._asking.shop.now_ms()
        if not self._has_looked or not self.running:
            return  # a hold must find the warehouses that are connected
        self._gate.turn(now_ms)
        while self._journal.turn():
            pass
        if now_ms >= self._next_unknown_ms:
            self._next_unknown_ms = now_ms + SILENCE_MS
            self._bulk.read_unknown()
        until_s = time.monotonic() + BULK_S
        while self._bulk.turn(BULK_ORDERS):
            while self._journal.turn():
                pass
            if time.monotonic() > until_s:  # the gate's other work gets its turn
                break
        for channel in list(self.running.values()):
            if channel.outbox is None or now_ms < channel.silent_until_ms:
                continue
            if channel.outbox.turn().unknown:  # it must not keep the others' gate waiting
                channel.silent_until_ms = now_ms + SILENCE_MS
