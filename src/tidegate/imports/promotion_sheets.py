"""A platform's promotion sheet from its file: XLSX or CSV, GB18030 or UTF-8, to text cells.

Always the same readers, with the same bounds, as catalogues and orders have. Which column means
what, and in which unit, is not decided here (`tidegate.pricing.sheets`).
"""

from pathlib import Path

from tidegate.imports.files import Reading, read_file
from tidegate.imports.refusal import ImportRefused
from tidegate.imports.tables import BLANK
from tidegate.pricing.sheets import ROWS_MAX, Sheet


def sheet_in(path: Path, reading: Reading = Reading()) -> Sheet:  # noqa: B008 -- it cannot be changed
    """The cells of a file, blank rows left out. Raises ImportRefused at rows that are no rows."""
    table = read_file(path, reading).table
    broken = {row: why for row, why in table.faults.items() if why != BLANK}
    if broken:
        row = min(broken)
        raise ImportRefused(
            f"{len(broken)} rows of {path.name} cannot be read as cells; the first is line "
            f"{table.line_numbers[row]}: {broken[row].replace('_', ' ')}"
        )
    kept = [row for row in range(len(table.rows)) if row not in table.faults]
    if len(kept) > ROWS_MAX:
        raise ImportRefused(f"{len(kept):,} rows; at most {ROWS_MAX:,} promotion rows: split it")
    return Sheet(
        table.header,
        tuple(tuple(table.rows[row]) for row in kept),
        tuple(table.line_numbers[row] for row in kept),
    )
