"""A shop's books kept naively: dictionaries, and sums over every order whenever a sum is wanted.

They replay what was accepted, know codes instead of numbers, and never use code of the engine.
"""

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import date

from tidegate.record import facts as f

EPOCH = date(1970, 1, 1).toordinal()
Cell = tuple[str, str]  # pool and SKU
Key = tuple[str, int] | None  # kind and token; None for a budget
RATES = ("minute", "second")  # never given back


@dataclass
class Charge:
    """What a line counted under a rule, in one window."""

    rule: f.PutRule
    key: Key
    window: object
    amount: int
    each: int


@dataclass
class Line:
    """One line of an order, and what became of its units."""

    sku: str
    quantity: int
    fen: int
    promotion: str = ""
    parts: dict[str, int] = field(default_factory=dict)
    cancelled: int = 0
    shipped: int = 0
    returned: int = 0
    short: int = 0
    charges: list[Charge] = field(default_factory=list)

    @property
    def open(self) -> int:
        """Units neither cancelled nor shipped."""
        return self.quantity - self.cancelled - self.shipped

    def needs(self) -> dict[str, int]:
        """Units of each SKU that one unit takes."""
        return self.parts or {self.sku: 1}


@dataclass
class Order:
    """An order as it was placed, and its state (the engine's names)."""

    lines: list[Line]
    channel: str
    keys: dict[str, int] = field(default_factory=dict)
    paid: bool = True
    fact: bool = False
    version: int = 0
    state: str = ""
    pool: str = ""


class Books:
    """Catalogue, stock and orders of one shop."""

    def __init__(self) -> None:
        self.now_ms, self.day = 0, 0
        self.skus: dict[str, f.PutSku] = {}
        self.rules: dict[str, f.PutRule] = {}
        self.groups: dict[str, list[str]] = {}
        self.pools: dict[str, str] = {}  # of each channel
        self.promotions: set[str] = set()
        self.versions: dict[str, int] = defaultdict(int)  # of prices, by SKU or promotion
        self.paused: set[Cell] = set()
        self.hold_cap = 0
        self.on_hand: dict[Cell, int] = defaultdict(int)
        self.recalling: dict[Cell, int] = defaultdict(int)
        self.orders: list[Order] = []

    def window(self, kind: str) -> object:
        """The running window of one kind."""
        today = date.fromordinal(EPOCH + self.day)
        return {
            "total": 0, "day": self.day, "week": today.isocalendar()[:2],
            "month": (today.year, today.month), "minute": self.now_ms // 60_000,
            "second": self.now_ms // 1000,
        }[kind]  # fmt: skip

    def cells(self) -> dict[Cell, dict[str, int]]:
        """The books of every cell, counted anew from every order; zeros are left out."""
        total: dict[Cell, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        for name, stock in (("on_hand", self.on_hand), ("recalling", self.recalling)):
            for cell, units in stock.items():
                total[cell][name] = units
        for order in self.orders:
            for line in order.lines:
                live = 0 if order.state == "expired" else line.open - line.short
                for sku, each in line.needs().items():
                    books = total[order.pool, sku]
                    books["pre_held" if order.state == "pre_held" else "committed"] += live * each
                    books["released"] += live * each * (order.state == "released")
                    books["debt"] += line.short * each
                    books["shipped"] += line.shipped * each
        return {cell: {k: v for k, v in row.items() if v} for cell, row in total.items()}

    def free(self, pool: str, sku: str) -> int:
        """Units of a SKU in a pool that nothing has a claim on."""
        row = self.cells().get((pool, sku), {})
        claims = ("pre_held", "committed", "recalling", "debt")
        return row.get("on_hand", 0) - sum(row.get(name, 0) for name in claims)

    def used(self, rule: str, key: Key) -> int:
        """What a rule has counted in the running window, for one key or for its budget."""
        now = self.window(self.rules[rule].window)
        charges = (
            charge for order in self.orders for line in order.lines for charge in line.charges
        )
        return sum(c.amount for c in charges if (c.rule.code, c.key, c.window) == (rule, key, now))

    def reached(self, order: Order, line: Line) -> list[tuple[f.PutRule, int]]:
        """The rules that a line reaches, and how many units each of its units counts."""
        found = []
        for rule in self.rules.values():
            named = self.groups.get(rule.target, []) if rule.scope == "group" else [rule.target]
            whole = {"shop": "", "promotion": line.promotion, "channel": order.channel}
            if rule.scope in whole:
                found += [(rule, 1)] * (rule.target == whole[rule.scope])
                continue
            found += [(rule, 1)] * (line.sku in named)
            if rule.basis == "units":
                found += [(rule, each) for part, each in line.parts.items() if part in named]
        return found

    def amount(self, line: Line, rule: f.PutRule, each: int) -> int:
        """What a line counts under a rule."""
        sku = self.skus[line.sku]
        return {
            "units": line.quantity * each, "orders": 1, "money": line.fen,
            "discount": max(0, sku.list_price_fen * line.quantity - line.fen),
        }[rule.basis]  # fmt: skip

    def accept(self, order: Order) -> int:
        """Enter an accepted order; how many units of a fact no stock covers."""
        order.state = "committed" if order.paid else "pre_held"
        order.pool = self.pools[order.channel]
        for line in order.lines:
            line.parts = dict(self.skus[line.sku].parts)
        if not order.fact:
            self.orders.append(order)
        else:
            entered = replace(order, lines=[])
            self.orders.append(entered)
            for line in order.lines:  # one after another: each takes what the one before left
                frees = [max(0, self.free(order.pool, s)) // n for s, n in line.needs().items()]
                line.short = line.quantity - min(line.quantity, *frees)
                entered.lines.append(line)
            self.orders[-1] = order
        self.charge(order)
        return sum(line.short for line in order.lines)

    def charge(self, order: Order) -> None:
        """Count an order under every rule that it reaches."""
        counted: set[tuple[str, Key]] = set()
        for line in order.lines:
            for rule, each in self.reached(order, line) if line.quantity else []:
                keys: list[Key] = [(k, order.keys[k]) for k in rule.limits if k in order.keys]
                for key in keys + [None] * (rule.budget is not None):
                    if rule.basis != "orders" or (rule.code, key) not in counted:
                        counted.add((rule.code, key))
                        amount = self.amount(line, rule, each)
                        window = self.window(rule.window)
                        line.charges.append(Charge(rule, key, window, amount, each))

    def give_back(self, line: Line, units: int, *, whole: bool) -> None:
        """Take back what `units` of a line counted."""
        left = line.quantity - line.cancelled - line.returned
        for charge in line.charges:
            if charge.key is None and charge.rule.window in RATES:
                continue
            if charge.rule.basis == "units":
                charge.amount -= units * charge.each
            elif charge.rule.basis == "orders":
                charge.amount *= not whole
            else:
                charge.amount -= charge.amount * units // left if units != left else charge.amount

    def cancel(self, order: Order, units: list[int]) -> None:
        """Cancel so many units of each line."""
        ends = [line.open for line in order.lines] == units
        whole = ends and not any(line.shipped for line in order.lines)
        for line, count in zip(order.lines, units, strict=True):
            self.give_back(line, count, whole=whole)
            line.cancelled += count
            line.short -= min(line.short, count)
        self.close(order)

    def close(self, order: Order) -> None:
        """An order of which nothing is left is closed."""
        if all(line.open == 0 and line.shipped == line.returned for line in order.lines):
            order.state = "closed"

    def expire(self, order: Order) -> None:
        """An unpaid hold ends."""
        for line in order.lines:
            self.give_back(line, line.open, whole=True)
        order.state = "expired"

    def take_again(self, order: Order) -> None:
        """A late payment is accepted: what was not cancelled is taken again."""
        for line in order.lines:
            line.fen -= line.fen * line.cancelled // line.quantity if line.quantity else 0
            line.quantity, line.cancelled, line.charges = line.open, 0, []
        order.paid, order.state, order.pool = True, "committed", self.pools[order.channel]
        self.charge(order)
