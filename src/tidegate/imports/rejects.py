"""The reject file: each line that was not taken in, with its number, the reason and its text.

CSV in UTF-8 with a byte-order mark, so that a spreadsheet shows Chinese. Readable by its owner
only, since it repeats what the imported file said. A text that a spreadsheet would run as a formula
never stands bare: an apostrophe precedes it.
"""

import csv
import io
import os
from pathlib import Path

from tidegate.imports.tables import Table
from tidegate.imports.tally import SETTLED, LineTally

_HEADER = ("line", "reason", "original")
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def rejected_lines(counts: LineTally) -> list[int]:
    """The indexes of all lines whose row is not settled, in the order of the file."""
    settled = [number for number, name in enumerate(counts.names) if name in SETTLED]
    return [line for line, row in enumerate(counts.rows.tolist()) if row not in settled]


def write_rejects(path: Path, table: Table, counts: LineTally) -> int:
    """Write the reject file anew; returns how many lines it has. The header alone if none."""
    rejected = rejected_lines(counts)
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(_HEADER)
    for line in rejected:
        reason = counts.name_of(line)
        writer.writerow((table.line_numbers[line], reason, _shown(table.original(line))))
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8-sig", newline="") as file:
        file.write(text.getvalue())
    return len(rejected)


def _shown(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text
