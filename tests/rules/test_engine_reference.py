"""docs/reference/engine.md says what the code says: rows, guards in order, kinds, codes."""

import re
from pathlib import Path

import numpy as np
import pytest

from tidegate.domain.reasons import REASON_TEXTS, Reason
from tidegate.engine.commands import EXEMPTABLE
from tidegate.record.lines import LINE, OPERATION, OPERATION_KINDS, OUTCOME

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "engine.md").read_text("utf-8")


def section(title: str) -> str:
    """The text under a heading."""
    return re.split(r"^#+ ", PAGE.partition(f"# {title}")[2], flags=re.MULTILINE)[0]


def cells(text: str) -> list[list[str]]:
    """The rows of a table, without its head."""
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


@pytest.mark.parametrize(
    ("title", "dtype"),
    [("LINE, 96 bytes", LINE), ("OPERATION, 48 bytes", OPERATION), ("OUTCOME, 16 bytes", OUTCOME)],
)
def test_rows(title: str, dtype: np.dtype) -> None:
    named: list[str] = []
    total = 0
    for fields, size, _ in cells(section(title)):
        first, *rest = re.findall(r"`(\w+)`", fields)
        names = [f"key{n}" for n in range(4)] if "…" in fields else [first, *rest]
        assert sum(dtype[name].itemsize for name in names) == int(size)
        named += names
        total += int(size)
    assert sorted(named) == sorted(dtype.names)
    assert total == dtype.itemsize


def test_guards_stand_in_their_order_with_what_an_exception_may_lift() -> None:
    rows = cells(section("Guards, in order"))
    expected = [REASON_TEXTS[r].name for r in Reason if 0 < r <= Reason.STOCK_SHORT]
    assert [row[0].strip("`") for row in rows] == expected
    lifted = {row[0].strip("`") for row in rows if row[2]}
    exempt = {REASON_TEXTS[reason].name for reason in EXEMPTABLE}
    assert lifted == exempt | {"price_below_floor", "identity_missing"}


def test_kinds_of_operation() -> None:
    (row,) = [row for row in cells(section("OPERATION, 48 bytes")) if row[0] == "`kind`"]
    said = dict(re.findall(r"(\d) (\w+)", row[2]))
    kinds = {str(number): name for number, name in enumerate(OPERATION_KINDS) if name}
    assert said == kinds
