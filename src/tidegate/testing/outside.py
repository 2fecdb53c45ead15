"""Models of what is outside: a marketplace that sells on its own, a warehouse that answers badly.

Always: one seed decides every fault, and both sides keep true books of what they did. Never: they
know anything of the shop; they see what they are asked and nothing else.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from tidegate.channels.feed_order import FeedLine, FeedOrder, FeedPage
from tidegate.channels.ports import (
    AtWarehouse,
    Pushed,
    RefusedOutside,
    Shown,
    StockChange,
    Taken,
    Unanswered,
)


@dataclass
class Faults:
    """How often things go wrong, 0 to 1; and when the feed says nothing at all."""

    lost_answer: float = 0.0  # it was done, and nobody hears so
    lost_question: float = 0.0  # it was not done, and nobody hears so
    refused_reduction: float = 0.0
    repeated: float = 0.0  # an order stands twice in a page
    hidden: float = 0.0  # an order is not in its window, and shows up in a later one
    silent: tuple[tuple[int, int], ...] = ()  # from, to (ms)
    skew_ms: int = 0
    page: int = 50


class Marketplace:
    """A channel with a stock of its own: it takes orders until its own counter says no."""

    def __init__(self, name: str, seed: int, faults: Faults | None = None) -> None:
        self.name = name
        self.random = random.Random(seed)
        self.faults = faults or Faults()
        self.now_ms = 0
        self.stock: dict[str, int] = {}
        self.off_shelf: set[str] = set()
        self.orders: dict[str, FeedOrder] = {}
        self.hidden: dict[str, int] = {}  # number: until when polls leave it out
        self.refusals = 0
        self.told_no = 0
        self.activity = True
        self.prices: dict[str, int] = {}
        self.pushes: list[list[StockChange]] = []
        self._seen: set[str] = set()

    # -- buyers ----------------------------------------------------------------------------------

    def buy(self, item: str, units: int, price_fen: int, account: str = "") -> FeedOrder | None:
        """A buyer takes units from what is shown; None when the channel says sold out."""
        if item in self.off_shelf or self.stock.get(item, 0) < units:
            self.told_no += 1
            return None
        self.stock[item] -= units
        number = f"{self.name}-{len(self.orders) + 1}"
        moment = self.now_ms + self.faults.skew_ms
        status = "unpaid" if self.random.random() < 0.2 else "paid"
        order = FeedOrder(
            number, moment, moment, status, units * price_fen,  # type: ignore[arg-type]
            [FeedLine(item, units, units * price_fen)], account=account,
        )  # fmt: skip
        self.orders[number] = order
        if self.random.random() < self.faults.hidden:
            self.hidden[number] = self.now_ms + 1_200_000
        return order

    def change(self, number: str, status: str) -> FeedOrder:
        """An order is paid or cancelled; a cancelled one's units are shown again."""
        before = self.orders[number]
        moment = max(self.now_ms + self.faults.skew_ms, before.changed_at + 1)
        after = msgspec.structs.replace(before, status=status, changed_at=moment)
        self.orders[number] = after
        if status == "cancelled":
            for line in after.lines:
                self.stock[line.item] = self.stock.get(line.item, 0) + line.quantity
        return after

    # -- the feed --------------------------------------------------------------------------------

    def fetch(self, since_ms: int, until_ms: int, page: str) -> FeedPage:
        """Orders that changed in the window, in no order, some of them twice."""
        self._hear()
        found = [
            order
            for order in self.orders.values()
            if since_ms <= order.changed_at < until_ms
            and self.hidden.get(order.number, 0) <= self.now_ms
        ]
        start = int(page or 0)
        part = found[start : start + self.faults.page]
        part += [order for order in part if self.random.random() < self.faults.repeated]
        self.random.shuffle(part)
        after = start + self.faults.page
        more = str(after) if after < len(found) else ""
        return FeedPage(part, [], more, self.now_ms + self.faults.skew_ms)

    def _hear(self) -> None:
        if any(begin <= self.now_ms < end for begin, end in self.faults.silent):
            raise Unanswered("timed out")

    # -- the stock -------------------------------------------------------------------------------

    def push(self, changes: Sequence[StockChange]) -> list[Pushed]:
        """Change quantities; the same push id counts once. Raises Unanswered."""
        self.pushes.append(list(changes))
        if self.random.random() < self.faults.lost_question:
            raise Unanswered("timed out")
        answers = [self._changed(change) for change in changes]
        if self.random.random() < self.faults.lost_answer:
            raise Unanswered("timed out")
        return answers

    def _changed(self, change: StockChange) -> Pushed:
        now = self.stock.get(change.item, 0)
        after = now + change.quantity if change.is_increment else change.quantity
        if after < now and self.random.random() < self.faults.refused_reduction:
            self.refusals += 1
            return "refused"
        if change.push_id not in self._seen:
            self._seen.add(change.push_id)
            self.stock[change.item] = max(0, after)
        return "done"

    def read(self, items: Sequence[str]) -> dict[str, Shown]:
        """What is shown. Raises Unanswered."""
        if self.random.random() < self.faults.lost_question:
            raise Unanswered("timed out")
        return {
            item: Shown(self.stock[item], item not in self.off_shelf)
            for item in items
            if item in self.stock
        }

    def set_listed(self, item: str, *, listed: bool) -> None:
        """Put an item on or off the shelf."""
        if self.random.random() < self.faults.lost_question:
            raise Unanswered("timed out")
        (self.off_shelf.discard if listed else self.off_shelf.add)(item)

    def read_prices(self, items: Sequence[str], not_before_ms: int) -> dict[str, int]:  # noqa: ARG002 -- a port's; what it answers is of now
        """What a buyer would pay now. Raises Unanswered, RefusedOutside where it tells none."""
        if self.random.random() < self.faults.lost_question:
            raise Unanswered("timed out")
        if not self.prices:
            raise RefusedOutside("no prices are told here")
        return {item: self.prices[item] for item in items if item in self.prices}

    def close_orders(self, numbers: Sequence[str]) -> list[Taken]:
        """Close orders that are not shipped; its feed says so."""
        answers: list[Taken] = []
        for number in numbers:
            known = self.orders.get(number)
            if known is None or known.status in ("shipped", "cancelled"):
                answers.append("refused")
            else:
                self.change(number, "cancelled")
                answers.append("done")
        return answers

    def end_activity(self) -> None:
        """End the promotion."""
        if self.faults.refused_reduction >= 1.0:
            raise RefusedOutside("the campaign is locked")
        self.activity = False


@dataclass
class Stores:
    """A warehouse with an automatic audit; it ships what it has when it is told to."""

    seed: int = 0
    lost_answer: float = 0.0
    lost_question: float = 0.0
    audit: bool = True
    there: dict[str, AtWarehouse] = field(default_factory=dict)
    arrived: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)

    def push(self, numbers: Sequence[str]) -> list[Taken]:
        """Take orders in; the same number counts once."""
        self._ask()
        for number in numbers:
            if self.there.get(number, "absent") == "absent":
                self.arrived.append(number)
            if self.there.get(number) != "gone":
                self.there[number] = "waiting"
        self._answer()
        return ["done"] * len(numbers)

    def intercept(self, numbers: Sequence[str]) -> list[Taken]:
        """Stop what is not gone."""
        self._ask()
        answers: list[Taken] = []
        for number in numbers:
            if self.there.get(number) == "gone":
                answers.append("too_late")
            else:
                self.there[number] = "held"
                answers.append("done")
        self._answer()
        return answers

    def read(self, numbers: Sequence[str]) -> list[AtWarehouse]:
        """How they stand."""
        self._ask()
        return [self.there.get(number, "absent") for number in numbers]

    def switch_audit(self, *, on: bool) -> None:
        """Switch the automatic audit."""
        self.audit = on

    def ship(self, share: float = 1.0) -> list[str]:
        """What leaves now."""
        going = [number for number, state in self.there.items()
                 if state == "waiting" and self.random.random() < share]  # fmt: skip
        for number in going:
            self.there[number] = "gone"
        return going

    def _ask(self) -> None:
        if self.random.random() < self.lost_question:
            raise Unanswered("timed out")

    def _answer(self) -> None:
        if self.random.random() < self.lost_answer:
            raise Unanswered("timed out")
