"""A real desk, ledgers on disk, and the workflows around orders; time and kills come by hand.

Always the real desk, engine and stores. Never: a thread of the workflows runs; a test calls turns.
"""

import importlib.util
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from sqlite3 import Connection
from typing import Any

import numpy as np

from tidegate.bootstrap.fulfilment import LedgerDoors
from tidegate.bootstrap.fulfilment_shop import DeskFulfilment
from tidegate.channels.fulfilment.ports import OrderNow
from tidegate.channels.fulfilment.presale import Terms
from tidegate.channels.fulfilment.service import Fulfilment
from tidegate.channels.fulfilment.store import open_store
from tidegate.record import facts as f
from tidegate.record.lines import ALL_LINES, CONTINUES, LINE, PAID

spec = importlib.util.spec_from_file_location(
    "fulfilment_channels_house", Path(__file__).with_name("channels_house.py")
)
assert spec is not None
assert spec.loader is not None
made = importlib.util.module_from_spec(spec)
spec.loader.exec_module(made)

NOW_MS, TMALL, order = made.NOW_MS, made.TMALL, made.order
HOUR_MS = 3_600_000
TERMS = Terms(300, 700, NOW_MS + HOUR_MS, NOW_MS + 24 * HOUR_MS, "kept")


class Killed(BaseException):
    """The process is gone, between two steps; nothing catches it on its way."""


class FulfilmentHouse(made.ChannelHouse):
    """The shop of `channels_house` with channel web (shared pool), and a bundle of A and B."""

    def __init__(self, folder: Path, units: int = 100) -> None:
        self.kill_after = -1  # steps until the process is gone; below zero: never
        self.store_path = folder / "fulfilment.db"
        super().__init__(folder, units=units)
        self.say(f.SetPolicy(hold_ttl_s=600, hold_ttl_max_s=2 * 86_400, late_payment_s=7_200))
        self.say(f.ReceiveStock("A", 99))  # one is there
        self.say(f.ReceiveStock("B", 100))
        self.say(f.PutSku("AB", 3_000, parts={"A": 2, "B": 1}))

    def open(self) -> None:
        """What a process does when it starts; again after `kill`."""
        super().open()
        desk = DeskFulfilment(self.house.desk, self.tokens.exchanged, self.loop)
        self.desk_now: Callable[[Sequence[tuple[int, int]]], list[OrderNow | None]] = desk.orders
        self.totals, self.floors = desk.totals, desk.floors
        for name in ("operate", "place_rows", "command"):
            setattr(desk, name, self._mortal(getattr(desk, name)))
        store = open_store(self.store_path)
        writing = store.writing

        @contextmanager
        def mortal_writing() -> Iterator[Connection]:
            self._step()
            with writing() as connection:
                yield connection
            self._step()

        store.writing = mortal_writing  # type: ignore[method-assign]
        self.doors = LedgerDoors(self.ledger, self.shop, self.asking)
        self.store = store
        self.service = Fulfilment(
            store, desk, lambda _: None, self.doors.take_in, self.doors.sku_of,
            self.doors.recipient_of, self.doors.kept_back,
        )  # fmt: skip

    def kill(self) -> None:
        """The process is gone; what was durable is there."""
        self.store.close()
        super().kill()

    def close(self) -> None:
        """Stop everything."""
        self.store.close()
        super().close()

    def again(self) -> None:
        """Gone and started again."""
        self.kill_after = -1
        self.kill()
        self.open()

    def _mortal(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def asked(*arguments: object) -> object:
            self._step()
            answer = call(*arguments)
            self._step()  # it was done, and nobody heard so
            return answer

        return asked

    def _step(self) -> None:
        if self.kill_after == 0:
            raise Killed
        self.kill_after -= 1

    def pass_s(self, seconds: float) -> None:
        """Time passes, and the desk looks around: holds that are over end by record."""

        async def look() -> None:
            self.house.clock.pass_s(seconds)
            self.house.look()
            await self.house.settled()

        self.wait(look())

    def place(
        self, name: str, *lines: tuple[str, int, int], flags: int = 0, account: int = 0
    ) -> int:
        """An order on web of (SKU, units, fen) lines; its reason."""
        rows = np.zeros(len(lines), LINE)
        rows["id_hi"], rows["id_lo"] = self.house.desk.order_key("web", name)
        rows["placed_at_ms"] = self.house.clock.now_ms()
        rows["channel"] = self.house.desk.catalogue.channels["web"]
        rows["key0"][:] = account
        rows["verified"] = 1
        rows["flags"] = flags
        rows["flags"][1:] |= CONTINUES
        for row, (sku, units, fen) in zip(rows, lines, strict=True):
            row["sku"] = self.house.desk.catalogue.sku_number(sku)
            row["quantity"], row["receivable_fen"] = units, fen
        return int(self.shop.place_rows(rows).outcomes[0]["reason"])

    def paid(self, name: str, *lines: tuple[str, int, int]) -> None:
        """A paid order on web."""
        assert self.place(name, *lines, flags=PAID) == 0

    def operate(
        self, name: str, number: str, kind: int, line: int = ALL_LINES, quantity: int = 0,
        channel: str = "web", **fields: int,
    ) -> int:  # fmt: skip
        """An operation at another door; its reason."""
        row = self.asking.operation(name, self.shop.order_key(channel, number), kind)
        row["line"], row["quantity"] = line, quantity
        for field, value in fields.items():
            row[field] = value
        return int(self.shop.operate(row).outcomes[0]["reason"])

    def state(self, number: str, channel: str = "web") -> str:
        """How an order stands at the desk."""
        return str(self.shop.states([self.shop.order_key(channel, number)])[0])


def every_kill(
    house: FulfilmentHouse, call: Callable[[int], object], check: Callable[[int], None]
) -> int:
    """Run `call(n)` with the process gone after its n-th step, for every n; how many there were.

    After each kill: started again, one turn, and the same call once more; then `check(n)`.
    """
    for steps in range(500):
        house.kill_after = steps
        try:
            call(steps)
        except Killed:
            house.again()
            house.service.turn()
            call(steps)
            check(steps)
            continue
        house.kill_after = -1
        check(steps)
        return steps
    raise AssertionError("it never ran to its end")
