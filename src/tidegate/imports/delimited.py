"""CSV text to a Table: any of comma, semicolon or tab, quotes read strictly.

Each record keeps the number of the physical line it starts on. A record with broken quotes is one
bad record on its own line; it never swallows the lines after it.
"""

import csv
import io
from collections.abc import Iterator

from tidegate.imports import tables
from tidegate.imports.refusal import ImportRefused

DELIMITERS = (",", ";", "\t")
_DELIMITER_NAMES = {",": "comma", ";": "semicolon", "\t": "tab"}
# More broken records than this is a wrong delimiter or quote style, not a few bad lines; and each
# costs one scan of up to CELL_CHARS_MAX, so the bound also bounds the work.
BROKEN_RECORDS_MAX = 1_000


class _Lines:
    """Physical lines with a position that can be set back after a broken record."""

    def __init__(self, text: str) -> None:
        self.lines = list(io.StringIO(text, newline=""))
        self.position = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self.position >= len(self.lines):
            raise StopIteration
        self.position += 1
        return self.lines[self.position - 1]


def read_delimited(text: str, encoding: str, delimiter: str | None = None) -> tables.Table:
    """Read CSV text into a Table. Raises ImportRefused on no header, or bounds exceeded."""
    lines = _Lines(text)
    if not lines.lines:
        raise ImportRefused("the file is empty")
    chosen = delimiter or find_delimiter(lines.lines[0])
    records, starts, ends, broken = _records(lines, chosen)
    if not records or 0 in broken:
        raise ImportRefused("the first line, which should name the columns, cannot be read")
    header = tuple(cell.strip() for cell in records[0])
    if len(header) > tables.COLUMNS_MAX:
        raise ImportRefused(f"{len(header)} columns; at most {tables.COLUMNS_MAX} are read")
    faults = _faults(records, len(header), broken)
    originals = lines.lines

    def original(row: int) -> str:
        return "".join(originals[starts[row + 1] - 1 : ends[row + 1]]).rstrip("\r\n")

    description = f"CSV, {encoding}, {_DELIMITER_NAMES[chosen]}-separated"
    return tables.Table(header, records[1:], starts[1:], original, description, faults)


def find_delimiter(first_line: str) -> str:
    """The separator that cuts the header into most columns; at a tie the earlier of `,;TAB`."""
    counts = [
        len(next(csv.reader([first_line], delimiter=candidate), [])) for candidate in DELIMITERS
    ]
    return DELIMITERS[counts.index(max(counts))]


def _records(
    lines: _Lines, delimiter: str
) -> tuple[list[list[str]], list[int], list[int], set[int]]:
    """All records with the numbers of their first and last lines, and which are broken."""
    records: list[list[str]] = []
    starts: list[int] = []
    ends: list[int] = []
    broken: set[int] = set()
    limit_before = csv.field_size_limit(tables.CELL_CHARS_MAX)
    try:
        while lines.position < len(lines.lines):
            start = lines.position
            try:
                for record in csv.reader(lines, delimiter=delimiter, strict=True):
                    records.append(record)
                    starts.append(start + 1)
                    ends.append(lines.position)
                    start = lines.position
                    if len(records) > tables.ROWS_MAX:
                        raise ImportRefused(f"more than {tables.ROWS_MAX:,} lines; split the file")
            except csv.Error:
                broken.add(len(records))
                records.append([])
                starts.append(start + 1)
                ends.append(start + 1)
                lines.position = start + 1
                _check_broken(broken, start + 1)
    finally:
        csv.field_size_limit(limit_before)
    return records, starts, ends, broken


def _check_broken(broken: set[int], line: int) -> None:
    if len(broken) > BROKEN_RECORDS_MAX:
        raise ImportRefused(
            f"more than {BROKEN_RECORDS_MAX} lines have broken quotes (the last is line {line}): "
            "name the separator with --delimiter, or save the file again as CSV"
        )


def _faults(records: list[list[str]], width: int, broken: set[int]) -> dict[int, str]:
    faults: dict[int, str] = {}
    for index, record in enumerate(records):
        if len(record) != width:
            fault = tables.row_fault(record, width)
            if fault is not None:
                faults[index - 1] = tables.BROKEN_QUOTES if index in broken else fault
    faults.pop(-1, None)
    return faults
