"""One connected channel at work: its feed, its stock, its prices and its pushed sales.

Always: each has a thread of its own, so that one that waits keeps no other waiting; in a stop the
ERP's automatic audit is the first thing that is asked for. Never: ends are used that the adapter
does not have.
"""

from collections.abc import Callable
from typing import NamedTuple

from tidegate.channels.alarms import AlarmFlags
from tidegate.channels.asking import Asking
from tidegate.channels.capabilities import capabilities_of
from tidegate.channels.connection import Connection
from tidegate.channels.feeds import Feed, FeedTerms
from tidegate.channels.first_orders import FirstOrders
from tidegate.channels.intake import Intake
from tidegate.channels.ledger import Ledger
from tidegate.channels.loops import Loop
from tidegate.channels.outbox import Outbox
from tidegate.channels.ports import (
    OrderCloser,
    OrderSource,
    OurPrices,
    PriceSource,
    StockTarget,
    Warehouse,
)
from tidegate.channels.price_reading import PriceReading
from tidegate.channels.sale_inbox import SaleInbox
from tidegate.channels.sales import SaleIntake
from tidegate.channels.shares import SharedShelves
from tidegate.channels.signatures import Seal
from tidegate.channels.stock_out import StockOut
from tidegate.channels.stop_ladder import StopLadder
from tidegate.channels.webhook import Webhook

STOCK_S, FEED_S, PRICES_S = 0.1, 1.0, 1.0
PARKED_EVERY_MS = 60_000


class Ends(NamedTuple):
    """What an adapter gives of a channel; None = it has no such end. `key`: of what it pushes."""

    orders: OrderSource | None
    stock: StockTarget | None
    warehouse: Warehouse | None
    prices: PriceSource | None = None
    closer: OrderCloser | None = None
    key: bytes = b""


OpenEnds = Callable[[Connection], Ends]


class Shared(NamedTuple):
    """What the channels of a shop share."""

    ledger: Ledger
    asking: Asking
    shelves: SharedShelves
    ours: OurPrices | None  # None: the shop's prices are not compared


class RunningChannel:
    """One connected channel."""

    def __init__(self, as_connected: Connection, ends: Ends, shared: Shared) -> None:
        self.as_connected = as_connected
        self.ends = ends
        ledger, asking = shared.ledger, shared.asking
        name, settings = as_connected.channel, as_connected.settings
        self.kind = capabilities_of(as_connected.kind)
        self._shop = asking.shop
        self._ledger = ledger
        self._next_parked_ms = 0
        self.silent_until_ms = 0  # its warehouse did not answer: left alone for a while
        self.intake = Intake(name, ledger, asking, self.kind, settings.verified_bits())
        terms = FeedTerms(every_ms=settings.poll_s * 1000, overlap_ms=settings.overlap_s * 1000,
                          silent_ms=settings.silent_s * 1000)  # fmt: skip
        self.feed = Feed(self.intake, ledger, ends.orders, terms)
        self.webhook = None
        if ends.key:
            self.webhook = Webhook(
                Seal(ends.key, ledger), self.intake, self.feed, self._shop.now_ms
            )
        self.warehouse = ends.warehouse if settings.hands_over else None
        self.outbox = Outbox(name, ledger, asking, self.warehouse) if self.warehouse else None
        self.ladder = StopLadder(
            name, ledger, ends.stock, self.warehouse, settings.phone, self._read_stock_soon
        )
        self.sales = SaleInbox(f"{name}: sales", SaleIntake(self.intake))
        self.loops = [Loop(f"{name}: feed", FEED_S, self._feed_turn)]
        self.stock: StockOut | None = None
        if ends.stock is not None:
            self.stock = StockOut(name, ledger, asking.shop, ends.stock, self.feed, self.kind,
                                  settings.terms, shared.shelves)  # fmt: skip
            self.loops.append(Loop(f"{name}: stock", STOCK_S, self._stock_turn))
        self.prices: PriceReading | None = None
        if shared.ours is not None:
            self._first = FirstOrders(name, ledger, shared.ours)
            self._flags = AlarmFlags(ledger, asking.shop)
            if ends.prices is not None:
                self.prices = PriceReading(
                    name, ledger, shared.ours, ends.prices, settings.price_s * 1000,
                    self._read_stock_soon,
                )  # fmt: skip
            self.loops.append(Loop(f"{name}: prices", PRICES_S, self._prices_turn))

    def _feed_turn(self) -> None:
        now_ms = self._shop.now_ms()
        if now_ms >= self._next_parked_ms:
            self._next_parked_ms = now_ms + PARKED_EVERY_MS
            self.intake.resume()
            self.intake.take_parked()
        self.feed.turn(now_ms)
        if self.stock is None and self.is_stopped():
            self.ladder.turn(now_ms)  # a person does its rungs, and is told how

    def _stock_turn(self) -> None:
        now_ms = self._shop.now_ms()
        assert self.stock is not None
        is_stopped = self.is_stopped()
        if is_stopped:
            self.ladder.begin(now_ms)
        self.stock.turn(now_ms)
        if is_stopped:
            self.ladder.turn(now_ms)

    def _read_stock_soon(self) -> None:
        if self.stock is not None:
            self.stock.read_soon()

    def _prices_turn(self) -> None:
        now_ms = self._shop.now_ms()
        if self.prices is not None:
            self.prices.turn(now_ms)
        self._first.turn(now_ms)
        self._flags.turn()  # at once: what is sold at that price must not go meanwhile

    def is_stopped(self) -> bool:
        """Whether a stop is in force."""
        row = self._ledger.one(
            "SELECT stopped FROM connection WHERE channel = ?", (self.as_connected.channel,)
        )
        return bool(row and row[0])

    def stop(self) -> None:
        """End its threads."""
        self.sales.tell()
        for loop in self.loops:
            loop.tell()
        for loop in self.loops:
            loop.stop()
        self.sales.stop()
