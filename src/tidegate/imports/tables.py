"""A file as rows of text: a header, the cells of each row, and where each row stood.

Every row keeps its place and its original text, so that a refusal can quote it; this module never
interprets a cell.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

ROWS_MAX = 5_000_000
COLUMNS_MAX = 512
CELL_CHARS_MAX = 32_767  # what one cell of a spreadsheet can hold

BLANK = "blank"
WRONG_FIELD_COUNT = "wrong_number_of_fields"
BROKEN_QUOTES = "broken_quotes"


@dataclass(frozen=True)
class Table:
    """One sheet or CSV file. `faults` maps a row's index to why it cannot be read as cells."""

    header: tuple[str, ...]
    rows: list[list[str]]
    line_numbers: list[int]
    original: Callable[[int], str]
    description: str
    faults: dict[int, str] = field(default_factory=dict)

    def column(self, index: int) -> list[str]:
        """The cells of one column; rows with a fault give an empty text."""
        if not self.faults:
            return [row[index] for row in self.rows]
        faults = self.faults
        return ["" if i in faults else row[index] for i, row in enumerate(self.rows)]


def row_fault(row: list[str], width: int) -> str | None:
    """Why a row does not fit its header, or None. Trailing empty cells are trimmed in place."""
    if len(row) == width:
        return None
    if not row or (len(row) == 1 and not row[0].strip()):
        return BLANK
    # Marketplace exports end lines with a separator too many; only empty surplus is forgiven.
    while len(row) > width and not row[-1].strip():
        row.pop()
    return None if len(row) == width else WRONG_FIELD_COUNT
