"""XLSX to a Table: the first sheet, or a named one, read row by row without building the workbook.

Text stays as it is, so a code's leading zeros survive; numbers become their shortest decimal text
and dates ISO text. Formulas are never evaluated and never trusted: a sheet with one is refused.
"""

import io
import math
import zipfile
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from typing import Protocol

from tidegate.imports import tables
from tidegate.imports.refusal import ImportRefused

UNPACKED_BYTES_MAX = 1 << 30
# A spreadsheet's numbers are floats: past 15 digits the last ones are invented.
_EXACT_INTEGER_MAX = 10**15
INEXACT_NUMBER = "#number-too-long"


class Cell(Protocol):
    """What this module reads of a cell; the package that reads workbooks ships no types."""

    value: object
    data_type: str
    coordinate: str


class Worksheet(Protocol):
    """One sheet, read as a stream."""

    title: str
    rows: Iterable[tuple[Cell, ...]]

    def reset_dimensions(self) -> None:
        """Forget the size that the file claims to have."""


class Workbook(Protocol):
    """An opened workbook."""

    sheetnames: list[str]

    def __getitem__(self, name: str) -> Worksheet: ...


def read_spreadsheet(raw: bytes, sheet: str | None = None) -> tables.Table:
    """Read one sheet of an XLSX file. Raises ImportRefused: not a workbook, formulas, bounds."""
    _check_archive(raw)
    # Imported here: openpyxl costs 150 ms that no other command should pay.
    from openpyxl import load_workbook

    try:
        book = load_workbook(io.BytesIO(raw), read_only=True, data_only=False, keep_links=False)
    except Exception as error:  # noqa: BLE001  whatever its parsers raise, the file is at fault
        raise ImportRefused(f"the workbook cannot be opened: {error}") from None
    try:
        worksheet = _worksheet(book, sheet)
        worksheet.reset_dimensions()
        rows, numbers = _rows(worksheet.rows)
        return _table(rows, numbers, worksheet.title)
    finally:
        book.close()


def _check_archive(raw: bytes) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
    except zipfile.BadZipFile:
        raise ImportRefused("the file ends too early or is not an XLSX workbook") from None
    if unpacked > UNPACKED_BYTES_MAX:
        raise ImportRefused(
            f"the workbook unpacks to {unpacked:,} bytes; at most {UNPACKED_BYTES_MAX:,} are read. "
            "Save the sheet as CSV."
        )


def _worksheet(book: Workbook, sheet: str | None) -> Worksheet:
    names = list(book.sheetnames)
    if sheet is None:
        return book[names[0]]
    if sheet not in names:
        raise ImportRefused(f"no sheet named {sheet!r}; this workbook has: {', '.join(names)}")
    return book[sheet]


def _rows(source: Iterable[tuple[Cell, ...]]) -> tuple[list[list[str]], list[int]]:
    rows: list[list[str]] = []
    numbers: list[int] = []
    for number, cells in enumerate(source, start=1):
        if number > tables.ROWS_MAX:
            raise ImportRefused(f"more than {tables.ROWS_MAX:,} rows; split the file")
        row = [_text(cell) for cell in cells]
        while row and row[-1] == "":
            row.pop()
        if row or rows:
            rows.append(row)
            numbers.append(number)
    while rows and not rows[-1]:
        rows.pop()
        numbers.pop()
    return rows, numbers


def _table(rows: list[list[str]], numbers: list[int], title: str) -> tables.Table:
    if not rows:
        raise ImportRefused(f"sheet {title!r} is empty")
    header = tuple(cell.strip() for cell in rows[0])
    if len(header) > tables.COLUMNS_MAX:
        raise ImportRefused(f"{len(header)} columns; at most {tables.COLUMNS_MAX} are read")
    faults: dict[int, str] = {}
    body = rows[1:]
    for index, row in enumerate(body):
        if not row:
            faults[index] = tables.BLANK
        elif len(row) > len(header):
            faults[index] = tables.WRONG_FIELD_COUNT
        else:
            row.extend([""] * (len(header) - len(row)))
    return tables.Table(
        header,
        body,
        numbers[1:],
        lambda row: "\t".join(body[row]),
        f"XLSX, sheet {title!r}",
        faults,
    )


def _text(cell: Cell) -> str:
    value = cell.value
    if value is None:
        return ""
    if cell.data_type == "f":
        raise ImportRefused(
            f"cell {cell.coordinate} holds a formula. Formulas are not evaluated: copy the sheet, "
            "paste it as values, and import that."
        )
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        return _number_text(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat(sep=" ") if isinstance(value, datetime) else value.isoformat()
    if isinstance(value, timedelta):
        return str(value)
    raise ImportRefused(f"cell {cell.coordinate} holds a {type(value).__name__}, which is not read")


def _number_text(value: float) -> str:
    if not math.isfinite(value) or value != int(value):
        return repr(value)
    if abs(value) >= _EXACT_INTEGER_MAX:
        return INEXACT_NUMBER
    return str(int(value))
