"""The stop ladder: audit off, end activity, stock to 0, delist, a person closes the shop.

Always: a rung counts when it was read back, and a refusal is shown with what to do next and whom to
phone. Never: one rung waits for another; each is tried until it is confirmed or refused.
"""

from collections.abc import Callable
from typing import NamedTuple

from tidegate.channels.ledger import Ledger
from tidegate.channels.ports import RefusedOutside, StockTarget, Unanswered, Warehouse

STEPS = ("audit", "activity", "stock", "delist", "shop")
FIRST = STEPS[:2]
AGAIN_MS = 10_000
ITEMS_MAX = 500  # of one reading
DONE, REFUSED, WAITING, PERSON = "done", "refused", "waiting", "person"
NEXT = {
    "audit": "switch automatic audit (自动审单) off in the ERP by hand",
    "activity": "the next rungs go on; withdraw from the activity in the back office",
    "stock": "what refuses a reduction is delisted; phone the platform if it stays on the shelf",
    "delist": "close the shop by hand; phone the platform's staff",
    "shop": "a person closes the shop in the back office, if the rungs above are not all done",
}


class Rung(NamedTuple):
    """How one rung stands."""

    step: str
    state: str
    told: str


class StopLadder:
    """One channel's ladder. `turn` is called while the channel is stopped."""

    def __init__(
        self,
        channel: str,
        ledger: Ledger,
        stock: StockTarget | None,
        warehouse: Warehouse | None,
        phone: str = "",
        on_left: Callable[[], None] = lambda: None,
    ) -> None:
        """`stock` or `warehouse` None: a person does those rungs.

        `on_left`: something is still sold that nobody knew of; look at everything again.
        """
        self._on_left = on_left
        self.channel = channel
        self._ledger = ledger
        self._stock = stock
        self._warehouse = warehouse
        self._phone = phone

    def begin(self, now_ms: int) -> list[Rung]:
        """The rungs that need no reading back, before anything else is told: audit off first."""
        return self.turn(now_ms, FIRST)

    def turn(self, now_ms: int, steps: tuple[str, ...] = STEPS) -> list[Rung]:
        """Try each rung that is not confirmed; how all of them stand."""
        known = {rung.step: rung for rung in rungs(self._ledger, self.channel)}
        tried_ms = dict(
            self._ledger.ask("SELECT step, at_ms FROM rung WHERE channel = ?", (self.channel,))
        )
        work: dict[str, Callable[[], Rung]] = {
            "audit": self._audit, "activity": self._activity, "stock": self._to_zero,
            "delist": self._delisted, "shop": self._shop,
        }  # fmt: skip
        for step in steps:
            rung = known.get(step)
            if rung is not None and (rung.state in (DONE, PERSON)
                                     or now_ms - tried_ms[step] < AGAIN_MS):  # fmt: skip
                continue
            self._store(self._tried(work[step], step), now_ms)
        return rungs(self._ledger, self.channel)

    def _tried(self, work: Callable[[], Rung], step: str) -> Rung:
        try:
            return work()
        except RefusedOutside as why:
            return Rung(step, REFUSED, self._advice(step, str(why)))
        except Unanswered as silence:
            return Rung(step, WAITING, f"no answer ({silence}): asked again")

    def _audit(self) -> Rung:
        if self._warehouse is None:
            return Rung("audit", PERSON, NEXT["audit"])
        self._warehouse.switch_audit(on=False)
        return Rung("audit", DONE, "switched off")

    def _activity(self) -> Rung:
        if self._stock is None:
            return Rung("activity", PERSON, NEXT["activity"])
        self._stock.end_activity()
        return Rung("activity", DONE, "ended")

    def _to_zero(self) -> Rung:
        """Stock out lowers it; here it is read back."""
        return self._read_back("stock", lambda quantity, _: quantity > 0, "still sell")

    def _delisted(self) -> Rung:
        return self._read_back("delist", lambda _, listed: listed, "are still on the shelf")

    def _read_back(self, step: str, is_left: Callable[[int, bool], bool], words: str) -> Rung:
        if self._stock is None:
            return Rung(step, PERSON, NEXT[step])
        offers = self._ledger.ask(
            "SELECT item, fault FROM offer WHERE channel = ? ORDER BY item", (self.channel,)
        )
        left: list[str] = []
        for at in range(0, len(offers), ITEMS_MAX):
            items = [item for item, _ in offers[at : at + ITEMS_MAX]]
            shown = self._stock.read(items)
            found = [(item, shown[item]) for item in items if item in shown]
            left += [item for item, now in found if is_left(now.quantity, now.listed)]
        if not left:
            return Rung(step, DONE, f"read back: {len(offers)} items")
        self._on_left()
        faults = {item for item, fault in offers if fault} & set(left)
        told = f"{len(left)} of {len(offers)} items {words}: {', '.join(left[:5])}"
        if faults:
            return Rung(step, REFUSED, self._advice(step, told))
        return Rung(step, WAITING, told)

    def _shop(self) -> Rung:
        return Rung("shop", PERSON, self._advice("shop", ""))

    def _advice(self, step: str, why: str) -> str:
        parts = [why, NEXT[step], f"phone {self._phone}" if self._phone else ""]
        return "; ".join(part for part in parts if part)[:400]

    def _store(self, rung: Rung, now_ms: int) -> None:
        with self._ledger.writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO rung VALUES (?, ?, ?, ?, ?)",
                (self.channel, rung.step, rung.state, rung.told, now_ms),
            )


def rungs(ledger: Ledger, channel: str) -> list[Rung]:
    """How a channel's ladder stands, from the top."""
    found = {
        step: Rung(step, state, told)
        for step, state, told in ledger.ask(
            "SELECT step, state, told FROM rung WHERE channel = ?", (channel,)
        )
    }
    return [found[step] for step in STEPS if step in found]
