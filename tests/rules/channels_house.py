"""A real desk on a loop of its own thread, a ledger on disk, and a marketplace's orders by hand.

Always the real desk, engine, ledger and port. Never: time passes by itself, or a channel's thread
runs; a test calls the turns.
"""

import asyncio
import importlib.util
import threading
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

from tidegate.bootstrap.channel_shop import ServedShop
from tidegate.channels.asking import Asking
from tidegate.channels.capabilities import capabilities_of
from tidegate.channels.feed_order import FeedLine, FeedOrder
from tidegate.channels.intake import Intake
from tidegate.channels.journal_orders import JournalOrders
from tidegate.channels.ledger import Ledger
from tidegate.channels.release_gate import ReleaseGate
from tidegate.engine.layout import Capacity
from tidegate.journal.memory import MemoryJournal
from tidegate.record import facts as f

spec = importlib.util.spec_from_file_location(
    "channels_desk_house", Path(__file__).with_name("desk_house.py")
)
assert spec is not None
assert spec.loader is not None
desk_house = importlib.util.module_from_spec(spec)
spec.loader.exec_module(desk_house)

T = TypeVar("T")
NOW_MS: int = desk_house.NOW_MS
TMALL = "tmall"
KIND = "webhook"  # the kind whose every ability is defined here


class Tokens:
    """Random-looking tokens of keys; the identity table has tests of its own."""

    def __init__(self) -> None:
        self.known: dict[tuple[int, str], int] = {}

    async def exchanged(self, keys: Sequence[tuple[int, str]]) -> list[int]:
        """The same value, the same token."""
        return [self.known.setdefault(key, 1_000 + len(self.known)) for key in keys]


class ChannelHouse:
    """One shop: SKU A (10 yuan, floor 5) and B, and the marketplace tmall."""

    def __init__(
        self, folder: Path, units: int = 100, capacity: Capacity = desk_house.SMALL
    ) -> None:
        self.capacity = capacity
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.house: Any = self.wait(self._opened(units))
        self.tokens = Tokens()
        self.path = folder / "channels.db"
        self.open()

    async def _opened(self, units: int) -> desk_house.House:
        house = desk_house.House(capacity=self.capacity)
        await house.open(units=1)
        for command in (
            f.PutPool(TMALL),
            f.PutChannel(TMALL, kind="marketplace", pool=TMALL),
            f.PutSku("B", 2_000, 900),
        ):
            assert (await house.say(command)).reason == 0
        if units:
            assert (await house.say(f.ReceiveStock("A", units, TMALL))).reason == 0
        return house

    def open(self) -> None:
        """What a process does when it starts; again after `kill`."""
        self.shop = ServedShop(self.house.desk, self.tokens.exchanged, self.loop)
        self.ledger = Ledger(self.path)
        self.asking = Asking(self.shop, lambda _: None)
        self.intake = Intake(TMALL, self.ledger, self.asking, capabilities_of(KIND))
        self.gate = ReleaseGate(self.ledger, self.asking)
        self.journal = JournalOrders(
            self.ledger, lambda: MemoryJournal(self.house.store), self.shop.states
        )

    def kill(self) -> None:
        """The process is gone; what was durable is there."""
        self.ledger.close()

    def close(self) -> None:
        """Stop everything."""
        self.ledger.close()
        self.wait(self.house.desk.stop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of something on the desk's loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(30)

    def say(self, command: f.Command, approver: int = 0) -> None:
        """An operator's command, accepted."""

        async def said() -> int:
            return int((await self.house.say(command, approver=approver)).reason)

        assert self.wait(said()) == 0

    def cell(self, sku: str = "A", pool: str = TMALL) -> dict[str, int]:
        """One cell of the stock, zeros left out."""
        machine = self.house.desk.machine
        row = machine.state.cells[machine.catalogue.pools[pool], machine.catalogue.skus[sku]]
        names = ("on_hand", "pre_held", "committed", "released", "debt", "shipped")
        return {name: int(row[name]) for name in names if row[name]}

    def orders(self, *fields: str, where: str = "1") -> list[tuple[Any, ...]]:
        """Fields of the ledger's orders, by number."""
        return self.ledger.ask(
            f"SELECT {', '.join(fields)} FROM orders WHERE {where} ORDER BY number"
        )

    def parked(self) -> list[tuple[str, str]]:
        """What is parked, and why."""
        return self.ledger.ask("SELECT number, reason FROM parked ORDER BY number")


def order(number: str, units: int = 1, status: str = "paid", **how: object) -> FeedOrder:
    """An order of A at list price."""
    item = how.pop("item", "A")
    fen = how.pop("fen", 1_000 * units)
    placed = how.pop("placed_at", NOW_MS)
    return FeedOrder(
        number=number, placed_at=placed, changed_at=how.pop("changed_at", placed), status=status,
        charged_fen=how.pop("charged_fen", fen), lines=[FeedLine(item, units, fen)], **how,
    )  # fmt: skip
