"""The terms in force when an order was judged: floors, limits, budgets, and what it asked of them.

The same sums as the engine's guards, from recorded facts, for telling people why; a test compares
the two. Always: as of the place that is given. Never: a verdict; that stands in the record.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from tidegate.domain.reasons import Reason
from tidegate.record import facts as f
from tidegate.record.lines import KEY_KINDS
from tidegate.views.names import Names
from tidegate.views.order import POLICY_DEFAULTS, OrderLine

# As facts number them (a test compares them with the engine's).
BASES = ("units", "orders", "money", "discount", "loss")
WINDOWS = ("total", "day", "week", "month", "minute", "second")
PAUSED = 1
COST_UNKNOWN = -1


class Group(NamedTuple):
    """Lines priced together: what the merchant receives, and the sum of their floors."""

    first: int
    units: int
    received_fen: int
    floor_fen: int


class Terms:
    """What applied just before one event."""

    def __init__(self, names: Names, place: int, now_ms: int) -> None:
        self.names = names
        self.place = place
        self.now_ms = now_ms

    def policy(self) -> dict[str, int]:
        """The shop's settings."""
        return {**POLICY_DEFAULTS, **self.names.policy(self.place)}

    def sku(self, number: int) -> f.SkuPut | None:
        """A SKU."""
        found: f.SkuPut | None = self.names.at("sku", number, self.place)
        return found

    def rule(self, number: int) -> f.RulePut | None:
        """A rule."""
        found: f.RulePut | None = self.names.at("rule", number, self.place)
        return found

    def is_paused(self, scope: str, number: int) -> bool:
        """Whether the shop, a promotion or a SKU was paused."""
        fact = self.names.at(f"flags of {scope}", number, self.place)
        return fact is not None and bool(fact.flags & PAUSED)

    def exception(self, line: OrderLine) -> f.ExceptionPut | None:
        """The exception that a line names, if it held for it."""
        if line.exception == 0:
            return None
        fact = self.names.at("exception", line.exception, self.place)
        if fact is None or not fact.known or fact.expires_ms <= self.now_ms:
            return None
        covers = not fact.skus or line.sku in fact.skus
        found: f.ExceptionPut | None = fact if covers else None
        return found

    def exempt(self, line: OrderLine, reason: Reason) -> bool:
        """Whether a line's exception lifts a guard."""
        fact = self.exception(line)
        return fact is not None and bool(fact.exempt >> int(reason) & 1)

    def floor_fen(self, sku: int) -> int:
        """The floor of one unit; a bundle without a cost has the sum of its parts'."""
        fact = self.sku(sku)
        if fact is None:
            return COST_UNKNOWN
        cost = fact.cost_floor_fen
        if cost < 0 and fact.parts:
            floors = [(self._part_floor_fen(part), each) for part, each in fact.parts]
            if any(floor < 0 for floor, _ in floors):
                return COST_UNKNOWN
            cost = sum(floor * each for floor, each in floors)
        return COST_UNKNOWN if cost < 0 else max(cost, fact.red_line_fen)

    def line_floor_fen(self, line: OrderLine) -> int:
        """The floor of a whole line, or COST_UNKNOWN; an exception's replaces it."""
        exception = self.exception(line)
        if exception is not None:
            return exception.floor_fen * line.quantity
        floor = self.floor_fen(line.sku)
        return floor if floor < 0 else floor * line.quantity

    def groups(self, lines: list[OrderLine]) -> Iterator[Group]:
        """Lines of one SKU, and gifts with their parents, priced together."""
        roots = [group_of(lines, number) for number in range(len(lines))]
        for root in sorted(set(roots)):
            units = received = floor = 0
            for line, of in zip(lines, roots, strict=True):
                if of == root:
                    line_floor = self.line_floor_fen(line)
                    units += line.quantity
                    received += line.receivable_fen
                    floor += line.receivable_fen if line_floor < 0 else line_floor
            yield Group(root, units, received, floor)

    def demand(self, lines: Iterable[OrderLine]) -> dict[int, int]:
        """Units by SKU over all lines, bundles' parts as well."""
        units: dict[int, int] = {}
        for line in lines:
            fact = self.sku(line.sku)
            for sku, each in [(line.sku, 1), *(fact.parts if fact is not None else [])]:
                units[sku] = units.get(sku, 0) + max(0, line.quantity) * each
        return units

    def asked(
        self, rule: f.RulePut, lines: list[OrderLine], channel: int, guard: Reason
    ) -> int | None:
        """What the lines would be charged under a rule; None where it reaches none of them."""
        amounts = [
            self._amount(rule, line, multiple)
            for line in lines
            if not self.exempt(line, guard)
            for multiple in self._multiples(rule, line, channel)
        ]
        if not amounts:
            return None
        return 1 if BASES[rule.basis] == "orders" else sum(amounts)

    def missing_kinds(
        self, lines: list[OrderLine], channel: int, has: tuple[str, ...]
    ) -> list[str]:
        """The kinds of identity key that rules need and the order did not carry."""
        needed = set()
        for rule in self.names.all_at("rule", self.place):
            keyed = [k for k, limit in zip(KEY_KINDS, rule.limits, strict=True) if limit >= 0]
            if keyed and self.asked(rule, lines, channel, Reason.LIMIT_EXCEEDED) is not None:
                needed.update(keyed)
        return [kind for kind in KEY_KINDS if kind in needed and kind not in has]

    def _multiples(self, rule: f.RulePut, line: OrderLine, channel: int) -> list[int]:
        """How often, and times what, a rule counts a line."""
        if not rule.known:
            return []
        if rule.scope in ("shop", "promotion", "channel", "exception"):
            of = {"promotion": line.promotion, "channel": channel, "exception": line.exception}
            return [1] if rule.scope == "shop" or of[rule.scope] == rule.target else []
        reached = {rule.target}
        if rule.scope == "group":
            group = self.names.at("group", rule.target, self.place)
            reached = set(group.skus) if group is not None else set()
        multiples = [1] if line.sku in reached else []
        fact = self.sku(line.sku)
        if fact is not None and BASES[rule.basis] == "units":
            multiples += [each for part, each in fact.parts if part in reached]
        return multiples

    def _amount(self, rule: f.RulePut, line: OrderLine, multiple: int) -> int:
        basis = BASES[rule.basis]
        if basis == "units":
            return line.quantity * multiple
        if basis == "orders":
            return 1
        if basis == "money":
            return line.receivable_fen
        if basis == "discount":
            fact = self.sku(line.sku)
            whole = (fact.list_price_fen if fact is not None else 0) * line.quantity
            return max(0, whole - line.receivable_fen)
        return max(0, self.floor_fen(line.sku) * line.quantity - line.receivable_fen)

    def _part_floor_fen(self, sku: int) -> int:
        fact = self.sku(sku)
        if fact is None or fact.cost_floor_fen < 0:
            return COST_UNKNOWN
        return max(fact.cost_floor_fen, fact.red_line_fen)


def group_of(lines: list[OrderLine], number: int) -> int:
    """The first line of the group that a line is priced with."""
    while True:
        line, parent = lines[number], number
        if line.gift_of != 0 and line.gift_of - 1 < number:
            parent = line.gift_of - 1
        else:
            same = [i for i in range(number) if lines[i].sku == line.sku]
            parent = same[0] if same else number
        if parent == number:
            return number
        number = parent
