"""What a shop's rules say, in words and numbers, for telling a buyer's channel why one refused.

Read from the desk's own tables at the moment of the answer; nothing here judges an order.
"""

from typing import Any, NamedTuple

from tidegate.http.ports import Desk, Rows
from tidegate.record.lines import KEY_KINDS

# As the engine numbers them; a test compares.
BASES = ("units", "orders", "money", "discount", "loss")
WINDOWS = ("total", "day", "week", "month", "minute", "second")
NO_LIMIT = -1


class RuleFigures(NamedTuple):
    """One rule. Limits by kind of key, NO_LIMIT where it does not count by that kind."""

    code: str
    scope: str
    target: int
    basis: str
    window: str
    limits: tuple[int, ...]
    budget: int

    def asked(self, rows: Rows, skus_of_group: list[int], parts: dict[int, list[Any]]) -> int:
        """What these LINE rows of one order would be charged: units, orders or fen.

        A bundle counts in its parts. Discount and loss are the engine's own sums: 0 here.
        """
        if self.basis == "orders":
            return 1
        total = 0
        for row in rows:
            sku, quantity = int(row["sku"]), int(row["quantity"])
            if self.basis == "units":
                if self.reaches(sku, int(row["promotion"]), skus_of_group):
                    total += quantity
                for part, each in parts.get(sku, ()):
                    if self.reaches(int(part), 0, skus_of_group) and self.scope in {"sku", "group"}:
                        total += quantity * int(each)
            elif self.basis == "money" and self.reaches(sku, int(row["promotion"]), skus_of_group):
                total += int(row["receivable_fen"])
        return total

    def reaches(self, sku: int, promotion: int, skus_of_group: list[int]) -> bool:
        """Whether the rule counts a line of this SKU and promotion."""
        if self.scope == "sku":
            return sku == self.target
        if self.scope == "group":
            return sku in skus_of_group
        if self.scope == "promotion":
            return promotion == self.target
        return True

    def limit(self, has: int, asked: int, verified: int) -> int:
        """The limit that was passed: the first kind of key, in order, that it could have been."""
        for kind in range(len(KEY_KINDS)):
            limit = self.limits[kind]
            if limit != NO_LIMIT and verified >> kind & 1 and has + asked > limit:
                return limit
        given = [limit for limit in self.limits if limit != NO_LIMIT]
        return min(given) if given else self.budget


def rule_figures(desk: Desk, number: int) -> RuleFigures | None:
    """What a rule says now; None for a number that is no rule."""
    machine = desk.machine
    rules = machine.state.rules
    if not 0 < number < len(rules) or not rules[number]["known"]:
        return None
    row, catalogue = rules[number], machine.catalogue
    scope, target = catalogue.rule_places.get(number, ("shop", 0))
    return RuleFigures(
        code=catalogue.code_of("rules", number),
        scope=scope,
        target=target,
        basis=BASES[int(row["basis"])],
        window=WINDOWS[int(row["window"])],
        limits=tuple(int(row[f"limit{kind}"]) for kind in range(len(KEY_KINDS))),
        budget=int(row["budget"]),
    )
