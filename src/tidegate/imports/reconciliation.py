"""The account at the end of an import: every line of the file in exactly one row, with its units
and its money, and totals that equal the file's.

Rows come from the tally alone; the sums are checked against the file before anything is shown.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np

from tidegate.imports import tally
from tidegate.imports.answers import Answers
from tidegate.imports.parsed_columns import Integers
from tidegate.imports.plan import Plan
from tidegate.imports.tables import BLANK
from tidegate.imports.tally import LineTally


@dataclass(frozen=True)
class ReconciliationRow:
    """One row: its lines, and the signed units and money of those that could be read."""

    name: str
    lines: int
    units: int
    money_fen: int


@dataclass(frozen=True)
class Reconciliation:
    """All rows, the file's totals, and what a reader should know besides."""

    rows: list[ReconciliationRow]
    lines: int
    units: int
    money_fen: int
    notes: list[str]

    def row(self, name: str) -> ReconciliationRow:
        """The row of this name, empty where the file has none."""
        empty = ReconciliationRow(name, 0, 0, 0)
        return next((row for row in self.rows if row.name == name), empty)

    def as_json(self) -> dict[str, object]:
        """Plain numbers and texts."""
        return asdict(self)


def reconcile(
    counts: LineTally, units: Integers, money_fen: Integers, notes: list[str]
) -> Reconciliation:
    """Sum up a settled tally. Asserts that the rows add up to the file."""
    rows = [
        ReconciliationRow(name, len(chosen), int(units[chosen].sum()), int(money_fen[chosen].sum()))
        for name, chosen in ((name, counts.lines_in(name)) for name in counts.names)
        if len(chosen) > 0
    ]
    rows.sort(key=lambda row: (_rank(row.name), row.name))
    whole = Reconciliation(rows, len(units), int(units.sum()), int(money_fen.sum()), notes)
    assert sum(row.lines for row in rows) == whole.lines, "rows do not partition the file"
    assert sum(row.units for row in rows) == whole.units
    assert sum(row.money_fen for row in rows) == whole.money_fen
    return whole


def reconcile_orders(plan: Plan, answers: Answers) -> Reconciliation:
    """The reconciliation of an order file whose lines are all settled."""
    lines = plan.lines
    money = lines.amounts.receivable_fen
    return reconcile(lines.tally, lines.quantity, money, list(_order_notes(plan, answers)))


def _order_notes(plan: Plan, answers: Answers) -> Iterator[str]:
    lines, sales = plan.lines, plan.sales
    if sales.merged_lines:
        yield f"{sales.merged_lines} lines were merged with a line of the same item and price"
    if sales.split_orders:
        parts = int(np.bincount(sales.part_order)[np.bincount(sales.part_order) > 1].sum())
        yield (
            f"{sales.split_orders} orders were too large for one and were decided in {parts} parts "
            "(id/1, id/2, ...); all or nothing holds for each part"
        )
    if lines.identical_lines:
        yield f"{lines.identical_lines} lines are identical to an earlier line of their order"
    if lines.masked_buyers:
        yield f"{lines.masked_buyers} lines name a masked buyer and count as anonymous"
    folded = {code.casefold() for code in lines.sku_codes}
    if len(folded) < len(lines.sku_codes):
        alike = len(lines.sku_codes) - len(folded)
        yield f"{alike} item codes differ from another one only in case; they are different items"
    if answers.repeated:
        yield f"{answers.repeated} orders had been decided before and kept their answer"
    if answers.unshipped:
        yield f"{answers.unshipped} accepted orders could not be marked as shipped"


_ORDER = (
    tally.ACCEPTED,
    tally.RETURN_MATCHED,
    tally.WRITTEN_OFF,
    tally.REFUSED,
    tally.REFUSED_WITH_ORDER,
    tally.RETURN_UNMATCHED,
    tally.RETURN_REFUSED,
    tally.WRITE_OFF_REFUSED,
    tally.DUPLICATE_LINE,
    tally.NOT_A_SALE,
    tally.MALFORMED,
    BLANK,
)


def _rank(name: str) -> int:
    for rank, known in enumerate(_ORDER):
        if name == known or (known.endswith(":") and name.startswith(known)):
            return rank
    return len(_ORDER)
