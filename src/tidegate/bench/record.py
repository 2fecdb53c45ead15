"""The figures of a report, written into a page between its two marks.

Always: every target of the report stands there with its verdict, missed ones too, and the machine,
commit and day they were measured with. Never: touches anything outside the marks.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tidegate.bench.report import SIGNS, UNMEASURED, machine_line, number

BEGIN, END = "<!-- figures: begin.", "<!-- figures: end -->"


class NoMarks(ValueError):
    """A page has no place for figures."""


def record(page: Path, report: Mapping[str, Any]) -> None:
    """Replace what stands between the marks of a page. Raises NoMarks, OSError."""
    text = page.read_text("utf-8")
    head, begin, rest = text.partition(BEGIN)
    mark, end, tail = rest.partition(END)
    first, newline, _ = mark.partition("\n")
    if not begin or not end or not newline:
        raise NoMarks(f"{page} has no place for figures: `{BEGIN} … -->` and `{END}` are missing")
    made = "\n".join(_lines(report))
    page.write_text(f"{head}{BEGIN}{first}\n{made}\n{END}{tail}", "utf-8")


def _lines(report: Mapping[str, Any]) -> list[str]:
    rows = [
        f"| {row['target']} | {_asked(row)} | {_measured(row)} | {row['verdict']} |"
        for row in report["targets"]
    ]
    return [
        f"{report['started'][:10]}, {machine_line(report['machine'])}; {_foreign(report)}.",
        "",
        "| | asked | measured | |",
        "|---|---:|---:|---|",
        *rows,
    ]


def _asked(row: Mapping[str, Any]) -> str:
    return f"{SIGNS.get(row['relation'], '=')} {number(row['asked'])} {row['unit']}".strip()


def _measured(row: Mapping[str, Any]) -> str:
    if row["measured"] is None:
        return UNMEASURED
    return f"{number(row['measured'])} {row['unit']}".strip()


def _foreign(report: Mapping[str, Any]) -> str:
    """How much others used of the processors, at most, in the rounds that the figures come from."""
    shares = [
        part["foreign"]
        for bench in report["benches"]
        for part in bench["best"]
        if part["foreign"] is not None
    ]
    if not shares:
        return "foreign CPU unknown"
    return f"best of three, foreign CPU at most {max(shares):.0%}"
