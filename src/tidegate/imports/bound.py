"""A plan with what only a shop can give: item numbers, order keys, buyers' tokens.

Everything is exchanged in batches before the first order is placed. Buyers' accounts go in and
random tokens come out; after that no row holds anything but numbers.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tidegate.imports.order_lines import RETURN, WRITE_OFF
from tidegate.imports.parsed_columns import ABSENT, Integers
from tidegate.imports.plan import Plan, Step
from tidegate.imports.ports import DeskPort, NamedCommand
from tidegate.imports.returns import Taken
from tidegate.record.facts import AdjustStock
from tidegate.record.lines import ALL_LINES, NO_SKU, OPERATION, SHIP
from tidegate.record.lines import RETURN as RETURN_TO_STOCK

ACCOUNT_VERIFIED = 1  # bit 0: the shop's own order file says whose order it was


@dataclass(frozen=True)
class BoundPlan:
    """Rows ready for one shop's desk. `line_ids`: command ids of returns and write-offs."""

    plan: Plan
    rows: NDArray[np.void]  # LINE
    part_keys: NDArray[np.uint64]  # (parts, 2)
    shipment_keys: NDArray[np.uint64]  # (parts, 2)
    line_ids: dict[int, str]
    port: DeskPort

    def chunks(self, step: Step, rows_max: int) -> Iterator[tuple[int, int]]:
        """The parts of a sale step in runs of at most `rows_max` rows (or one part)."""
        first, end = int(step.refs[0]), int(step.refs[-1]) + 1
        begin = first
        for part in range(first + 1, end + 1):
            rows = int(self.plan.sales.part_first[part] - self.plan.sales.part_first[begin])
            if part == end:
                yield begin, part
            elif rows + self._part_rows(part) > rows_max:
                yield begin, part
                begin = part

    def _part_rows(self, part: int) -> int:
        return int(self.plan.sales.part_first[part + 1] - self.plan.sales.part_first[part])

    def part_rows(self, first: int, last: int) -> NDArray[np.void]:
        """LINE rows of parts first..last-1."""
        bounds = self.plan.sales.part_first
        return self.rows[bounds[first] : bounds[last]]

    def shipments(self, parts: Integers) -> NDArray[np.void]:
        """One OPERATION a part: all its lines have left the house."""
        rows = np.zeros(len(parts), dtype=OPERATION)
        rows["id_hi"], rows["id_lo"] = self.shipment_keys[parts].T
        rows["order_hi"], rows["order_lo"] = self.part_keys[parts].T
        rows["line"] = ALL_LINES
        rows["kind"] = SHIP
        return rows

    def returns(self, line: int, taken: list[Taken]) -> NDArray[np.void]:
        """One OPERATION for each row of an order that a cancellation line gives back."""
        keys = self.port.command_keys([f"{self.line_ids[line]}/{n}" for n in range(len(taken))])
        rows = np.zeros(len(taken), dtype=OPERATION)
        row = np.array([item.row for item in taken], dtype=np.int64)
        part = np.searchsorted(self.plan.sales.part_first, row, side="right") - 1
        rows["id_hi"], rows["id_lo"] = keys.T
        rows["order_hi"], rows["order_lo"] = self.part_keys[part].T
        rows["line"] = row - self.plan.sales.part_first[part]
        rows["quantity"] = [item.quantity for item in taken]
        rows["kind"] = RETURN_TO_STOCK
        return rows

    def write_off(self, line: int) -> NamedCommand:
        """Units of a line without an order that left the stock."""
        lines = self.plan.lines
        code, units = lines.sku_codes[lines.sku[line]], int(lines.quantity[line])
        return NamedCommand(self.line_ids[line], AdjustStock(code, units))


def bind(plan: Plan, port: DeskPort, channel: str) -> BoundPlan:
    """Exchange ids, accounts and codes with the shop. Asserts that every item is known to it."""
    lines, sales = plan.lines, plan.sales
    sku_numbers = port.sku_numbers(lines.sku_codes)
    part_keys = port.order_keys(channel, sales.part_ids)
    shipment_keys = port.command_keys([f"ship/{channel}/{name}" for name in sales.part_ids])
    buyers = np.unique(sales.row_customer[sales.row_customer != ABSENT])
    tokens = np.zeros(len(lines.customers) + 1, dtype=np.uint64)  # the last stands for ABSENT
    tokens[buyers] = port.account_tokens([lines.customers[i] for i in buyers.tolist()])
    rows = sales.rows.copy()
    rows["sku"] = sku_numbers[sales.rows["sku"]]
    assert not bool((rows["sku"] == NO_SKU).any()), "items are defined before a plan is bound"
    rows["key0"] = tokens[sales.row_customer]
    rows["verified"] = np.where(rows["key0"] != 0, ACCOUNT_VERIFIED, 0)
    number = port.channel_number(channel)
    assert number is not None, "the channel is defined before a plan is bound"
    rows["channel"] = number
    rows["id_hi"], rows["id_lo"] = part_keys[sales.part_of_row].T
    line_ids = _line_ids(plan, channel)
    return BoundPlan(plan, rows, part_keys, shipment_keys, line_ids, port)


def _line_ids(plan: Plan, channel: str) -> dict[int, str]:
    """Command ids of cancellation and write-off lines: the same in every file that holds them.

    A line is named by its order, its item and its number among the same; not by its place in the
    file, so that an export of another period does not return the same units twice.
    """
    lines = plan.lines
    ids: dict[int, str] = {}
    seen: dict[tuple[int, int], int] = {}
    for line in np.flatnonzero((lines.kind == RETURN) | (lines.kind == WRITE_OFF)).tolist():
        key = (int(lines.order[line]), int(lines.sku[line]))
        seen[key] = seen.get(key, 0) + 1
        word = "return" if lines.kind[line] == RETURN else "write-off"
        order, sku = lines.order_ids[key[0]], lines.sku_codes[key[1]]
        ids[line] = f"{word}/{channel}/{order}/{sku}/{seen[key]}"
    return ids
