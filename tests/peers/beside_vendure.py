"""A real `tidegate serve` beside a real Vendure, and races of buyers for one variant.

Always: what was sold and handed over is read from Vendure's database, what was held from Tidegate's
ledger, beside both servers. Never: a buyer is told anything that Vendure did not say.
"""

import json
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from typer.testing import CliRunner
from vendure_shop import USER, Buyer, VendureShop, until

from tidegate.bench.served_shop import NAME, ServedShop
from tidegate.bootstrap.channel_store import open_ledger
from tidegate.channels.bulk import Scope, Tally, ask_bulk, tally_of
from tidegate.cli.channel import app
from tidegate.desk.clock import SystemClock
from tidegate.domain.reasons import Reason
from tidegate.record import facts as f
from tidegate.testing.workload import Terms

CHANNEL = "vendure"
RACE_STOCK, RACES_LONG = 40, 20
DRIP_ONCE = 20  # of an ordinary run: a drip takes its time
SERVED_STOCK, SERVED = 6, ("polled", "killed", "owed", "stopped")


def race_skus(kind: str, runs: int) -> list[str]:
    """SKUs of races: each run sells one of its own."""
    return [f"{kind}-{run}" for run in range(1, runs + 1)]


STOCK_BY_SKU = dict.fromkeys(SERVED, SERVED_STOCK) | dict.fromkeys(
    [*race_skus("whole", RACES_LONG), *race_skus("drip", RACES_LONG),
     *race_skus("one-whole", 1)], RACE_STOCK,
) | dict.fromkeys(race_skus("one-drip", 1), DRIP_ONCE)  # fmt: skip
PRICE_FEN, FLOOR_FEN = 1_000, 500
COMMAND_ID_HI, ACTOR = 0x7E5D_0000, 0xAC70_0001
SETTLE_S = 150.0  # an order whose hand-over nobody answered for waits half a minute
UNSETTLED = "(state IN ('asked', 'recorded') OR state = 'released' AND push <> 'pushed')"


class Beside(ServedShop):
    """A shop with per-channel stock of SKUs for Vendure, and the command line to it."""

    def __init__(self, folder: Path, stock: dict[str, int]) -> None:
        """`stock`: units of each SKU in the channel's own pool."""
        self._stock = stock
        nothing = np.zeros(0, np.int64)
        super().__init__(folder, Terms(nothing, nothing, nothing, (0, 0, 0, 0), 0, 0, 0, 0, 900))

    def _commands(self) -> list[f.Command]:
        found: list[f.Command] = [
            f.PutPool(CHANNEL), f.PutChannel(CHANNEL, "marketplace", CHANNEL),
        ]  # fmt: skip
        for sku, units in self._stock.items():
            found += [f.PutSku(sku, PRICE_FEN, FLOOR_FEN), f.ReceiveStock(sku, units, CHANNEL)]
        return found

    def _set_up(self, terms: Terms) -> None:
        machine, journal, head = self.open_machine()
        try:
            machine.begin(SystemClock().now_ms(), self.local_day)
            for number, command in enumerate(self._commands(), start=1):
                answer = machine.decide_command(COMMAND_ID_HI, number, command, ACTOR)
                assert answer.reason is Reason.ACCEPTED, command
            head = journal.claim("set-up", head.seq)
            journal.append(head.seq, machine.finish())
        finally:
            journal.close()

    def say(self, *arguments: str) -> str:
        """A command of `tidegate channel`."""
        where = ["--store", str(self.folder), "--shop", NAME]
        done = CliRunner().invoke(app, [*arguments, *where], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    def told(self) -> str:
        """How it stands, for whoever asks why a test failed."""
        return self.say("status") + self._log.read_text("utf-8")[-3_000:]

    def connect(self, vendure: VendureShop, **settings: object) -> None:
        """Connect Vendure, with its password in a private file."""
        password = self.folder / "vendure.password"
        password.touch(0o600)
        password.write_text(vendure.password + "\n", "utf-8")
        found = {"user": USER, "password_file": str(password), **settings}
        self.say("connect", CHANNEL, "--kind", "vendure", "--adapter", "vendure", "--address",
                 vendure.address, "--settings", msgspec.json.encode(found).decode())  # fmt: skip

    def offer(self, sku: str, terms: dict[str, object] | None = None) -> None:
        """Offer a SKU there."""
        sheet = self.folder / f"{sku}.csv"
        sheet.write_text(f"sku\n{sku}\n", "utf-8")
        more = ["--terms", msgspec.json.encode(terms).decode()] if terms else []
        self.say("offer", CHANNEL, str(sheet), *more)

    def ask(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """A question to the ledger, beside the server."""
        ledger = open_ledger(self.folder, NAME)
        try:
            return ledger.ask(statement, values)
        finally:
            ledger.close()

    def orders(self, sku: str, where: str = "1") -> list[str]:
        """Numbers of recorded orders of a SKU."""
        rows = self.ask(f"SELECT number FROM orders WHERE lines LIKE ? AND {where}", f'%"{sku}"%')
        return [number for (number,) in rows]

    def debts(self, sku: str) -> list[str]:
        """Numbers of a SKU's open debts, as `tidegate channel debts` lists them."""
        mine = set(self.orders(sku))
        found = json.loads(self.say("debts", "--json"))
        return sorted(one["number"] for one in found if one["number"] in mine)

    def settle(self, sku: str, codes: Sequence[str]) -> None:
        """Wait until every order is known, decided and, where it is released, handed over."""
        until(
            lambda: set(codes) <= set(self.orders(sku)) and not self.orders(sku, UNSETTLED),
            "settled", SETTLE_S, self.told,
        )  # fmt: skip

    def hold(self, name: str, numbers: Sequence[str]) -> Tally:
        """Have these orders held, as `tidegate channel hold` asks for it; how it ended."""
        ledger = open_ledger(self.folder, NAME)
        try:
            scope = Scope(channel=CHANNEL, numbers=tuple(numbers))
            ask_bulk(ledger, "hold", name, scope, "bench", SystemClock().now_ms())
            until(lambda: tally_of(ledger, name).open == 0, f"held: {name}", SETTLE_S)
            return tally_of(ledger, name)
        finally:
            ledger.close()


@dataclass
class Race:
    """Eight buyers at a time, one after the other, until the shop says no for long enough."""

    shop: VendureShop
    variant: str
    name: str
    patience: int = 3  # times that a buyer is told no before they give up
    pause_s: float = 0.0  # between two tries
    clients: int = 8
    codes: list[str] = field(default_factory=list)
    told_no_before: int = 0
    seconds: float = 0.0

    def run(self) -> "Race":
        faults: list[BaseException] = []
        threads = [
            threading.Thread(target=self._guarded, args=(client, faults), name=f"buyer {client}")
            for client in range(self.clients)
        ]
        began_s = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.seconds = time.monotonic() - began_s
        if faults:
            raise faults[0]
        return self

    def _guarded(self, client: int, faults: list[BaseException]) -> None:
        try:
            self._buy(client)
        except BaseException as fault:  # noqa: BLE001 -- raised again by who waits for the race
            faults.append(fault)

    def _buy(self, client: int) -> None:
        number = noes = 0
        while noes < self.patience:
            number += 1
            code = Buyer(self.shop, f"{self.name}-{client}-{number}").buy(self.variant)
            if code:
                self.codes.append(code)
                noes = 0
            else:
                self.told_no_before += 1
                noes += 1
                time.sleep(self.pause_s)
