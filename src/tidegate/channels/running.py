"""A shop's channels at work: a thread for the gate, and two for each connected channel.

Always: what fails is logged, shown and tried again, and the others go on; a connection that was
changed is opened anew. Never: a channel's silence keeps another's stock or the gate waiting.
"""

import threading
import time
from collections.abc import Callable
from typing import NamedTuple

import structlog

from tidegate.channels.asking import Asking
from tidegate.channels.bulk import Bulk
from tidegate.channels.capabilities import capabilities_of
from tidegate.channels.connection import Connection, connections
from tidegate.channels.feeds import Feed, FeedTerms
from tidegate.channels.intake import Intake
from tidegate.channels.journal_orders import JournalOrders
from tidegate.channels.ledger import Ledger
from tidegate.channels.outbox import Outbox
from tidegate.channels.ports import OrderSource, Shop, StockTarget, Warehouse
from tidegate.channels.release_gate import ReleaseGate
from tidegate.channels.stock_out import StockOut
from tidegate.channels.stop_ladder import StopLadder

GATE_S, STOCK_S, FEED_S, LOOK_S = 0.1, 0.1, 1.0, 2.0
RETRY_S = 5.0
BULK_ORDERS, BULK_S = 500, 1.0  # a piece; how long runs may take of one turn
PARKED_EVERY_MS = 60_000
SILENCE_MS = 15_000
WAITING_EVERY_MS = 1_000

log = structlog.get_logger("tidegate.channels")


class Ends(NamedTuple):
    """What an adapter gives of a channel; None = it has no such end."""

    orders: OrderSource | None
    stock: StockTarget | None
    warehouse: Warehouse | None


OpenEnds = Callable[[Connection], Ends]


class Loop:
    """A thread that takes turns until it is told to stop."""

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


class RunningChannel:
    """One connected channel."""

    def __init__(
        self, as_connected: Connection, ends: Ends, ledger: Ledger, asking: Asking
    ) -> None:
        self.as_connected = as_connected
        name, settings = as_connected.channel, as_connected.settings
        kind = capabilities_of(as_connected.kind)
        self._shop = asking.shop
        self._next_parked_ms = 0
        self.silent_until_ms = 0  # its warehouse did not answer: left alone for a while
        self.intake = Intake(name, ledger, asking, kind, settings.verified_bits())
        terms = FeedTerms(every_ms=settings.poll_s * 1000, overlap_ms=settings.overlap_s * 1000,
                          silent_ms=settings.silent_s * 1000)  # fmt: skip
        self.feed = Feed(self.intake, ledger, ends.orders, terms)
        self.warehouse = ends.warehouse if settings.hands_over else None
        self.outbox = Outbox(name, ledger, asking, self.warehouse) if self.warehouse else None
        self.ladder = StopLadder(name, ledger, ends.stock, self.warehouse, settings.phone)
        self.stock = None
        self.loops = [Loop(f"{name}: feed", FEED_S, self._feed_turn)]
        if ends.stock is not None:
            self.stock = StockOut(name, ledger, asking.shop, ends.stock, self.feed, kind,
                                  settings.terms)  # fmt: skip
            self.loops.append(Loop(f"{name}: stock", STOCK_S, self._stock_turn))

    def _feed_turn(self) -> None:
        now_ms = self._shop.now_ms()
        if now_ms >= self._next_parked_ms:
            self._next_parked_ms = now_ms + PARKED_EVERY_MS
            self.intake.resume()
            self.intake.take_parked()
        self.feed.turn(now_ms)

    def _stock_turn(self) -> None:
        now_ms = self._shop.now_ms()
        assert self.stock is not None
        self.stock.turn(now_ms)
        if self.stock.stopped():
            self.ladder.turn(now_ms)

    def stop(self) -> None:
        """End its threads."""
        for loop in self.loops:
            loop.tell()
        for loop in self.loops:
            loop.stop()


class ShopChannels:
    """All channels of a served shop. `start` when the desk decides, `stop` before it ends."""

    def __init__(
        self, ledger: Ledger, shop: Shop, journal: JournalOrders, open_ends: OpenEnds
    ) -> None:
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

    def start(self) -> None:
        """Begin, on threads of their own."""
        self._loops = [Loop("gate", GATE_S, self._gate_turn), Loop("look", LOOK_S, self.look)]

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
        return [f"channel {loop.name}: {loop.fault}" for loop in loops if loop.fault]

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
        made = RunningChannel(one, self._open_ends(one), self.ledger, self._asking)
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
