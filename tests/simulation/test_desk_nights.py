"""Nights of a desk from one seed each: many clients, retries, failing appends, restarts, a jumping
clock. Judged from the answers alone, then against the journal.

The desk, engine and inbox are the real ones; time and disk are the test's. A seed draws what
happens and how often; the storage thread may still interleave it otherwise, so a seed is a kind of
night rather than one night. The canary's disk forgets what it stored, and the judge must notice.
"""

import asyncio
import importlib.util
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tidegate.desk.answers import Decision, DeskBusy, DeskUnready, Undecided
from tidegate.desk.verify import verify
from tidegate.domain.reasons import Reason
from tidegate.record import facts as f
from tidegate.record.lines import CANCEL, PAY

spec = importlib.util.spec_from_file_location(
    "desk_house", Path(__file__).parents[1] / "rules" / "desk_house.py"
)
assert spec is not None
assert spec.loader is not None
made: Any = importlib.util.module_from_spec(spec)
spec.loader.exec_module(made)
House, run = made.House, made.run

STOCK, LIMIT, BUYERS, ORDERS, CLIENTS = 60, 4, 25, 160, 8
SEEDS = range(12)
TRIES = 8_000
FAULTS = ("full", "unknown_stored", "unknown_lost")


def cut_off(*_: object) -> Any:  # noqa: ANN401 -- it never returns
    """What a killed desk would do next."""
    raise ConnectionError("killed")


class Judge:
    """Knows what was asked and what was answered, and nothing else."""

    def __init__(self) -> None:
        self.first: dict[str, tuple[int, int]] = {}  # reason, and when its hold ends
        self.wrong: list[str] = []

    def hear(self, name: str, decision: Decision) -> None:
        """Take in an answer: the first stands, every other must repeat it."""
        answer = (decision.reason, decision.hold_expires_ms)
        known = self.first.setdefault(name, answer)
        if known[0] != answer[0]:
            self.wrong.append(f"{name}: first {known}, then {answer}")
        if known is not answer and not decision.duplicate:
            self.wrong.append(f"{name}: decided twice")


class Night:
    """One seed's night."""

    def __init__(self, seed: int, *, forgetful: bool = False) -> None:
        self.random = random.Random(seed)
        self.forgetful = forgetful
        self.judge = Judge()
        self.house = House()
        self.content = {
            f"order {number}": (self.random.randrange(1, BUYERS), self.random.choice((1, 1, 2, 3)))
            for number in range(ORDERS)
        }
        self.over = False
        self.restarts = self.faults = self.jumps = 0

    async def play(self) -> None:
        """The whole night, until everybody has an answer."""
        await self.house.open(units=STOCK)
        await self.house.say(f.PutRule("limit", "sku", "A", limits={"account": LIMIT}))
        trouble = asyncio.ensure_future(self.trouble())
        names = list(self.content)
        await asyncio.gather(*[self.client(names[place::CLIENTS]) for place in range(CLIENTS)])
        self.over = True
        await trouble
        if self.forgetful:  # at least once, and after the last answer
            await self.restart()
        await self.settle()
        for name in self.random.sample(names, 40):  # each again, when all is quiet
            await self.placed(name)

    async def client(self, names: list[str]) -> None:
        """Places orders, impatiently: some twice at once, some paid or cancelled afterwards."""
        for name in names:
            asked = [self.placed(name) for _ in range(self.random.choice((1, 1, 2, 3)))]
            await asyncio.gather(*asked)
            if self.judge.first[name][0] == 0 and self.random.random() < 0.5:
                await self.operated(name, self.random.choice((PAY, CANCEL)))

    async def placed(self, name: str) -> None:
        """Place an order until it is answered."""
        buyer, units = self.content[name]
        for _ in range(TRIES):
            order = self.house.order(
                name, key0=buyer, verified=1, quantity=units, receivable_fen=units * 1_000
            )
            try:
                self.judge.hear(name, await self.house.desk.place(order))
            except (DeskBusy, DeskUnready, Undecided):
                await asyncio.sleep(0.0005)
            else:
                return
        raise AssertionError(f"{name} was never answered: {self.house.desk.status()}")

    async def operated(self, name: str, kind: int) -> None:
        """Pay or cancel until it is answered; a payment of the whole."""
        amount = 1_000 * self.content[name][1] if kind == PAY else 0
        for _ in range(TRIES):
            row = self.house.operation(f"{kind} {name}", name, kind, amount_fen=amount)
            try:
                await self.house.desk.operate(row)
            except (DeskBusy, DeskUnready, Undecided):
                await asyncio.sleep(0.0005)
            else:
                return
        raise AssertionError(f"{name} was never answered: {self.house.desk.status()}")

    async def trouble(self) -> None:
        """Faults, restarts, jumps and the passing of time, in an order of the seed's."""
        while not self.over:
            house = self.house
            match self.random.randrange(6):
                case 0:
                    house.store.next_fault = self.random.choice(FAULTS)
                    self.faults += 1
                case 1 if self.restarts < 4:
                    await self.restart()
                case 2 if self.jumps < 4:
                    house.clock.wall_ms += self.random.choice((-1, 1)) * 400_000
                    house.look()
                    self.jumps += 1
                case 3:
                    house.clock.pass_s(self.random.choice((0.1, 1.0, 31.0)))
                case _:
                    pass
            await asyncio.sleep(0.002)
            self.house.look()
            if not self.house.desk.status().ready and self.random.random() < 0.5:
                await self.confirm()

    async def settle(self) -> None:
        """Until the desk is ready again, as after a person's word."""
        self.house.look()
        while not self.house.desk.status().ready:
            self.house.clock.pass_s(31)
            self.house.look()
            await self.confirm()
            await asyncio.sleep(0.0005)

    async def restart(self) -> None:
        """Another owner takes the shop over, from what is stored; the one before is cut off."""
        self.house.store.next_fault = None
        # A process that was killed claims nothing, not even in a reading anew that was under way.
        self.house.journal.claim = cut_off
        self.house.desk._rebuild = cut_off
        self.house.desk._close("killed")
        if self.forgetful:
            del self.house.store.entries[len(self.house.store.entries) // 2 :]
        self.house = House(self.house.store, self.house.clock)
        self.house.start()
        self.restarts += 1

    async def confirm(self) -> None:
        """A person's word on the time."""
        try:
            await self.house.say(f.ConfirmClock(), f"confirm {self.random.random()}")
        except (DeskUnready, Undecided, DeskBusy):
            return

    def require_order(self) -> None:
        """Everything that must hold in the morning."""
        machine = made.folded(self.house.store)
        cell = machine.state.cells[0, 0]
        assert self.judge.wrong == []
        assert set(self.judge.first) == set(self.content)
        taken = int(cell["pre_held"]) + int(cell["committed"])
        assert 0 <= taken <= STOCK == int(cell["on_hand"])
        assert machine.digest() == self.house.desk.machine.digest()
        told = verify(self.house.journal, made.SEED, made.SMALL)
        assert told.fault == ""
        live = machine.state.counters["value"]
        assert int(live.min()) >= 0
        assert int(live.max()) <= LIMIT


@pytest.mark.parametrize("seed", SEEDS)
def test_a_night_ends_with_every_answer_kept(seed: int) -> None:
    night = Night(seed)
    run(night.play())
    night.require_order()
    print(f"seed {seed}: {night.faults} faults, {night.restarts} restarts, {night.jumps} jumps")


def test_the_nights_are_troubled() -> None:
    """The rig reaches what it is for."""
    night = Night(99)
    run(night.play())
    assert min(night.restarts, night.jumps, night.faults) >= 1
    reasons = Counter(reason for reason, _ in night.judge.first.values())
    assert min(reasons[code] for code in (0, Reason.LIMIT_EXCEEDED, Reason.STOCK_SHORT)) > 0


def test_canary_a_disk_that_forgets_is_convicted() -> None:
    night = Night(7, forgetful=True)
    run(night.play())
    with pytest.raises(AssertionError):
        night.require_order()
