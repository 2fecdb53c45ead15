"""Which order a cancellation gives back: same buyer, same item, the latest earlier order that still
has enough unreturned units.

An order counts once it was accepted, never before; a cancellation without a buyer, or for which no
order has enough, matches nothing. Pure, and fed strictly in the file's time.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tidegate.imports.order_lines import RETURN
from tidegate.imports.parsed_columns import ABSENT
from tidegate.imports.plan import Plan


@dataclass
class _Sold:
    """One item of one accepted order: its rows with the units still with the buyer."""

    order: int
    rows: list[list[int]]  # [row, open units]
    open_units: int


@dataclass(frozen=True)
class Taken:
    """Units that go back from one row of an order."""

    row: int
    quantity: int


class ReturnMatcher:
    """Remembers accepted sales of the buyers and items that any cancellation of the file names."""

    def __init__(self, plan: Plan) -> None:
        self._lines = plan.lines
        self._sales = plan.sales
        self._sold: dict[tuple[int, int], list[_Sold]] = {}
        self._wanted = self._rows_that_may_return()

    def accepted(self, part: int) -> None:
        """A part of an order was accepted: its units can be returned from now on."""
        begin, end = int(self._sales.part_first[part]), int(self._sales.part_first[part + 1])
        order = int(self._sales.part_order[part])
        for row in np.flatnonzero(self._wanted[begin:end]).tolist():
            self._add(order, begin + row)

    def match(self, line: int) -> list[Taken]:
        """The rows that a cancellation line takes its units from; empty if no order has enough."""
        customer, sku = int(self._lines.customer[line]), int(self._lines.sku[line])
        asked = -int(self._lines.quantity[line])
        if customer == ABSENT:
            return []
        for sold in reversed(self._sold.get((customer, sku), [])):
            if sold.open_units >= asked:
                sold.open_units -= asked
                return _take(sold.rows, asked)
        return []

    def _add(self, order: int, row: int) -> None:
        key = (int(self._sales.row_customer[row]), int(self._sales.rows["sku"][row]))
        units = int(self._sales.rows["quantity"][row])
        sold = self._sold.setdefault(key, [])
        if not sold or sold[-1].order != order:
            sold.append(_Sold(order, [], 0))
        sold[-1].rows.append([row, units])
        sold[-1].open_units += units

    def _rows_that_may_return(self) -> NDArray[np.bool_]:
        lines, sales = self._lines, self._sales
        width = max(len(lines.sku_codes), 1)
        returns = np.flatnonzero((lines.kind == RETURN) & (lines.customer != ABSENT))
        named = np.unique(lines.customer[returns] * width + lines.sku[returns])
        keys = sales.row_customer * width + sales.rows["sku"].astype(np.int64)
        wanted: NDArray[np.bool_] = np.isin(keys, named) & (sales.row_customer != ABSENT)
        return wanted


def _take(rows: list[list[int]], asked: int) -> list[Taken]:
    taken: list[Taken] = []
    for entry in rows:
        units = min(entry[1], asked)
        if units > 0:
            entry[1] -= units
            asked -= units
            taken.append(Taken(entry[0], units))
    assert asked == 0, "an item's open units are the sum over its rows"
    return taken
