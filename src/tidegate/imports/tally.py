"""In which row of the reconciliation each line of a file stands.

A line is given its row exactly once; giving it a second is a bug and stops the import. The rows
therefore always partition the file. Holds no text of the file.
"""

import numpy as np
from numpy.typing import NDArray

from tidegate.imports.tables import BLANK

ACCEPTED = "accepted"
REFUSED_WITH_ORDER = "refused_with_order"
RETURN_MATCHED = "return_matched"
RETURN_UNMATCHED = "return_unmatched"
WRITTEN_OFF = "write_off"
DUPLICATE_LINE = "duplicate_line"
NOT_A_SALE = "not_a_sale"
PRICE_NOT_POSITIVE = "refused:price_not_positive"
PRICE_ROUNDS_TO_ZERO = "refused:price_rounds_to_zero"
REFUSED = "refused:"
MALFORMED = "malformed:"
RETURN_REFUSED = "return_refused:"
WRITE_OFF_REFUSED = "write_off_refused:"

# Lines that did what they say; every other row goes into the reject file.
SETTLED = frozenset({ACCEPTED, RETURN_MATCHED, WRITTEN_OFF, BLANK})

Indexes = NDArray[np.int64]
OPEN = -1


class LineTally:
    """One number per line: its row, or open."""

    def __init__(self, lines: int) -> None:
        self.names: list[str] = []
        self._number: dict[str, int] = {}
        self.rows = np.full(lines, OPEN, dtype=np.int16)

    def assign(self, lines: Indexes, name: str) -> None:
        """Put open lines into a row. Asserts that none of them has a row already."""
        assert bool((self.rows[lines] == OPEN).all()), f"a line was counted twice: {name}"
        number = self._number.setdefault(name, len(self._number))
        if number == len(self.names):
            self.names.append(name)
        self.rows[lines] = number

    def assign_open(self, lines: Indexes, name: str) -> Indexes:
        """Put those of the lines that are still open into a row; returns which they were."""
        still_open: Indexes = lines[self.rows[lines] == OPEN]
        self.assign(still_open, name)
        return still_open

    def open_lines(self) -> Indexes:
        """The lines that have no row yet."""
        return np.flatnonzero(self.rows == OPEN)

    def lines_in(self, name: str) -> Indexes:
        """The lines of one row."""
        number = self._number.get(name)
        if number is None:
            return np.empty(0, dtype=np.int64)
        return np.flatnonzero(self.rows == number)

    def name_of(self, line: int) -> str:
        """The row a line stands in."""
        number = int(self.rows[line])
        assert number != OPEN, f"line {line} was never counted"
        return self.names[number]
