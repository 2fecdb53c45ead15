"""A shop's engine over a journal in memory, and everything that can come between: crashes, lost
answers, appends whose outcome is unknown, a second owner, messages twice and out of order.

One seed draws all of it, time included. The rig believes only the answers that clients got: an
answer once given never changes, and what was accepted never exceeds stock or a buyer's limit.
`fault` breaks the engine's side on purpose, to prove that the rig reports it.
"""

from random import Random

import numpy as np

from tidegate.domain.reasons import Reason
from tidegate.engine.machine import Machine
from tidegate.journal.memory import MemoryFault, MemoryJournal, MemoryStore
from tidegate.journal.protocol import BATCH, AppendUnknown, Fenced, StoreFull
from tidegate.record import facts as f
from tidegate.record.lines import DUPLICATE, LINE, PAID, Array
from tidegate.testing.scene import ANNA, SEED, TINY, Scene, day_of

STOCK, LIMIT, BUYERS = 60, 5, 25
APPENDS: tuple[MemoryFault | None, ...] = (
    None, None, None, None, "full", "unknown_stored", "unknown_lost",
)  # fmt: skip
FAULTS = ("answers_first", "keeps_undurable", "forgets_ids", "no_fence")


class Broken(AssertionError):
    """A promise was broken; says which, and with which seed to see it again."""


class CrashRig:
    """One run. `step` until tired, then `audit`."""

    def __init__(self, seed: int, fault: str = "") -> None:
        self.seed, self.fault = seed, fault
        self.random = Random(seed)
        self.store = MemoryStore("shop")
        self.writer = Scene()  # lays rows out; its machine is not used
        self.wire: list[Array] = []  # messages under way: orders, perhaps again, in any order
        self.sent: list[Array] = []
        self.answers: dict[int, Reason] = {}
        self.events: dict[str, int] = {}
        self.reopen()
        self.decide([], commands=True)

    def expect(self, what: str, *, held: bool) -> None:
        """A promise that must hold."""
        if not held:
            raise Broken(f"seed {self.seed}: {what}")

    def note(self, event: str) -> None:
        """Count what happened, so that a test can see that it did."""
        self.events[event] = self.events.get(event, 0) + 1

    def reopen(self) -> None:
        """Start a server: claim the journal, fold it, serve."""
        self.store.next_fault = None  # a fenced append leaves it; what a claim survives is not ours
        self.journal = MemoryJournal(self.store)
        self.head = self.journal.claim("rig")
        self.machine = self.folded()

    def folded(self) -> Machine:
        """A machine that folded what the journal holds."""
        machine = Machine(SEED, TINY)
        for entry in self.store.entries:
            if entry.kind == BATCH:
                machine.fold(entry.payload)
        return machine

    def step(self) -> None:
        """Something happens."""
        draw = self.random
        self.writer.now_ms += draw.choice((0, 1, 500, 20_000, 400_000, -3_000))
        event = draw.random()
        if event < 0.6:
            self.send()
        elif event < 0.9:
            batch = [self.wire.pop(draw.randrange(len(self.wire))) for _ in self.wire[:6]]
            if batch:
                self.decide(batch)
        elif event < 0.95:
            self.note("killed")
            self.reopen()
        else:
            self.note("taken over")
            self.take_over()

    def take_over(self) -> None:
        """Another server claims the journal and decides; ours does not know yet."""
        other, machine = MemoryJournal(self.store), self.folded()
        head = other.claim("another server")
        batch, self.wire = self.wire[:3], self.wire[3:]
        if batch:
            machine.begin(max(0, self.writer.now_ms), day_of(self.writer.now_ms))
            outcomes = machine.decide_orders(np.concatenate(batch))
            other.append(head.seq, machine.finish())
            self.answer(batch, outcomes)
        if self.fault == "no_fence":
            self.journal._owned = self.head = self.store.head()  # noqa: SLF001 -- the fault

    def send(self) -> None:
        """A client sends an order, or an impatient one sends it again, perhaps twice."""
        draw = self.random
        if self.sent and draw.random() < 0.4:
            rows = draw.choice(self.sent)
        else:
            rows = self.writer.rows(
                {"sku": 0, "quantity": draw.randint(1, 3), "receivable_fen": 3_000},
                keys={"account": draw.randint(1, BUYERS)}, paid=draw.random() < 0.7,
            )  # fmt: skip
            self.sent.append(rows)
        self.wire += [rows] * draw.choice((1, 1, 2))

    def decide(self, batch: list[Array], *, commands: bool = False) -> None:
        """One batch of the desk: decide, append, answer; any of them may be the last."""
        machine, now_ms = self.machine, max(0, self.writer.now_ms)
        machine.begin(now_ms, day_of(now_ms))
        if commands:
            self.set_up(machine)
        empty = np.zeros(0, LINE)
        outcomes = machine.decide_orders(np.concatenate(batch) if batch else empty)
        machine.expire()
        payload = machine.finish()
        if self.fault == "answers_first":
            self.answer(batch, outcomes)
        if not payload or not self.stored(payload, calm=commands):
            return
        if self.random.random() < 0.1 and not commands:
            self.note("answer lost")
            self.reopen()
        else:
            self.answer(batch, outcomes)

    def set_up(self, machine: Machine) -> None:
        """The shop as it opens."""
        for number, command in enumerate(
            (
                f.PutChannel("web"),
                f.PutSku("A", 1_000, cost_floor_fen=600),
                f.ReceiveStock("A", STOCK),
                f.PutRule("limit", "sku", "A", limits={"account": LIMIT}),
            )
        ):
            machine.decide_command(0xC0, number, command, ANNA)

    def stored(self, payload: bytes, *, calm: bool) -> bool:
        """Whether the entry became durable; if not, a fresh machine stands in its place."""
        if not calm and self.random.random() < 0.1:
            self.note("killed before the append")
            if self.fault != "keeps_undurable":
                self.reopen()
            return False
        if not calm:
            self.store.next_fault = self.random.choice(APPENDS)
            self.note(self.store.next_fault or "stored")
        try:
            self.head = self.journal.append(self.head.seq, payload)
        except AppendUnknown as unknown:
            found = self.journal.read_back(self.head.seq, unknown.attempt.hash)
            if found is not None:
                self.head = found
                return True
        except (Fenced, StoreFull) as error:
            self.note(type(error).__name__)
        else:
            return True
        self.reopen()
        return False

    def answer(self, batch: list[Array], outcomes: Array) -> None:
        """Clients get their answers; each must be the one they had before."""
        for rows, outcome in zip(batch, outcomes, strict=True):
            number, reason = int(rows["id_lo"][0]), Reason(int(outcome["reason"]))
            before = self.answers.setdefault(number, reason)
            self.expect(f"order {number}: {before.name}, then {reason.name}", held=before is reason)
            if self.fault == "forgets_ids" and self.random.random() < 0.2:
                row = self.machine.state.orders[self.random.randrange(40)]
                row["id_lo"] ^= np.uint64(1 << 60)

    def audit(self) -> None:
        """After the last step: every promise, from the answers alone."""
        machine = self.folded()
        if self.fault != "keeps_undurable":
            self.reopen()
        self.expect("a fold gives another state", held=machine.digest() == self.machine.digest())
        taken: dict[int, int] = {}
        for rows in self.sent:
            number, buyer = int(rows["id_lo"][0]), int(rows["key0"][0])
            (again,) = self.machine.decide_orders(rows)
            reason, known = Reason(int(again["reason"])), int(again["flags"]) & DUPLICATE
            if number in self.answers:
                self.expect(f"order {number} was lost", held=bool(known))
                same = reason is self.answers[number]
                self.expect(f"order {number} is answered otherwise", held=same)
            if known and reason is Reason.ACCEPTED and int(rows["flags"][0]) & PAID:
                taken[buyer] = taken.get(buyer, 0) + int(rows["quantity"][0])
        paid = sum(taken.values())
        self.expect(f"{paid} units sold of {STOCK}", held=paid <= STOCK)
        committed = int(machine.state.cells[0, 0]["committed"])
        self.expect(f"{committed} units committed for {paid} sold", held=committed == paid)
        most = max(taken.values(), default=0)
        self.expect(f"a buyer has {most} units, limit {LIMIT}", held=most <= LIMIT)


def run(seed: int, steps: int, fault: str = "") -> CrashRig:
    """A whole run, audited. Raises Broken."""
    rig = CrashRig(seed, fault)
    for _ in range(steps):
        rig.step()
    rig.audit()
    return rig
