"""The columns of one table, parsed a role at a time, with the first refusal of each line kept.

A line is malformed for one reason only: the first, in the order in which the roles are parsed.
Cells of columns without a role are never looked at.
"""

from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from tidegate.imports import tally
from tidegate.imports.cells import parse_column
from tidegate.imports.columns import ColumnMap
from tidegate.imports.tables import BLANK, Table
from tidegate.imports.tally import LineTally

T = TypeVar("T")
Integers = NDArray[np.int64]
ABSENT = -1


class ParsedColumns:
    """Parses columns of a table and collects why cells were refused."""

    def __init__(self, table: Table, found: ColumnMap) -> None:
        self._table = table
        self._columns = found.columns
        self.tally = LineTally(len(table.rows))
        self._refused: dict[int, str] = {}
        for row, fault in table.faults.items():
            name = BLANK if fault == BLANK else tally.MALFORMED + fault
            self.tally.assign(np.array([row]), name)

    def has(self, role: str) -> bool:
        """Whether the file has a column of this role."""
        return role in self._columns

    def texts(self, role: str) -> list[str]:
        """The cells of a role's column; empty texts where the file has none."""
        if role not in self._columns:
            return [""] * len(self._table.rows)
        return self._table.column(self._columns[role])

    def parse(self, role: str, parse: Callable[[str], T], fallback: T) -> list[T]:
        """A parsed column; `fallback` where refused, which makes the line malformed."""
        values, refused = parse_column(self.texts(role), parse, fallback)
        for row, reason in refused.items():
            self._refused.setdefault(row, reason)
        return values

    def refuse(self, rows: Integers, reason: str) -> None:
        """Make lines malformed for a reason that one cell alone does not show."""
        for row in rows.tolist():
            self._refused.setdefault(row, reason)

    def settle(self) -> Integers:
        """Give every refused line its row, unless it has one; returns the malformed lines."""
        by_reason: dict[str, list[int]] = {}
        for row, reason in self._refused.items():
            by_reason.setdefault(reason, []).append(row)
        settled = [np.empty(0, dtype=np.int64)]
        for reason in sorted(by_reason):
            rows = np.array(sorted(by_reason[reason]), dtype=np.int64)
            settled.append(self.tally.assign_open(rows, tally.MALFORMED + reason))
        self._refused.clear()
        return np.concatenate(settled)


def numbered(values: list[str]) -> tuple[list[str], Integers]:
    """Distinct non-empty texts in order of first appearance, and each line's number, or ABSENT."""
    numbers: dict[str, int] = {"": ABSENT}
    dense = [numbers.setdefault(value, len(numbers) - 1) for value in values]
    names = list(numbers)[1:]
    return names, np.array(dense, dtype=np.int64)
