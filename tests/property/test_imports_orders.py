"""Random order files: every line stands in exactly one row, and a naive reader of the same file in
thirty lines of Python agrees on each.
"""

import importlib.util
import tempfile
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from itertools import chain
from pathlib import Path
from types import ModuleType

import hypothesis.strategies as st
from hypothesis import given, settings

from tidegate.imports import order_import, order_lines, order_prepared
from tidegate.imports.files import Reading

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
Line = tuple[str, str, int, int, str, str]  # order, item, units, minute, price, buyer


def beside(folder: str, name: str) -> ModuleType:
    """A module of a folder of tests, which is no package."""
    place = Path(__file__).parents[1] / folder / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


Shop = beside("rules", "imports_shop").Shop


@st.composite
def files(draw: st.DrawFn) -> list[Line]:
    """Orders, cancellations and write-offs of few buyers and items, lines interleaved."""
    lines: list[Line] = []
    for number in range(draw(st.integers(1, 12))):
        kind = draw(st.sampled_from(["sale", "sale", "sale", "return", "return", "write_off"]))
        minute = draw(st.integers(0, 9))
        buyer = draw(st.sampled_from(["7", "8", ""]))
        for _ in range(draw(st.integers(1, 4))):
            units = draw(st.integers(1, 5))
            lines.append(
                (
                    f"C{number}" if kind == "return" else f"{number}",
                    draw(st.sampled_from("AB")),
                    units if kind == "sale" else -units,
                    minute,
                    draw(st.sampled_from(["1.00", "2.50", "2.50", "0.004", "0", "-1"])),
                    buyer,
                )
            )
    return draw(st.permutations(lines)) if draw(st.booleans()) else lines


def naive_rows(lines: list[Line], opening: int | None) -> list[str]:
    """What becomes of each line, from the words of the documentation alone."""
    rows = [""] * len(lines)
    sales: dict[str, list[int]] = {}
    for i, (order, _, units, *_) in enumerate(lines):
        if units > 0:
            sales.setdefault(order, []).append(i)
    events = [(line[3], i, [i]) for i, line in enumerate(lines) if line[2] < 0]
    events += [(min(lines[i][3] for i in own), own[0], own) for own in sales.values()]
    stock = dict.fromkeys("AB", 10**9 if opening is None else opening)
    sold: list[list] = []  # order of acceptance: [buyer, item, open units, order]
    for _, first, own in sorted(events):
        order, item, units, _, _, buyer = lines[first]
        if units > 0:
            cents = {i: (Decimal(lines[i][4]) * 100).quantize(1, ROUND_HALF_UP) for i in own}
            if min(cents.values()) <= 0:
                for i in own:
                    why = (
                        "price_rounds_to_zero" if Decimal(lines[i][4]) > 0 else "price_not_positive"
                    )
                    rows[i] = f"refused:{why}" if cents[i] <= 0 else "refused_with_order"
                continue
            need = {x: sum(lines[i][2] for i in own if lines[i][1] == x) for x in "AB"}
            fits = all(need[x] <= stock[x] for x in "AB")
            for i in own:
                rows[i] = "accepted" if fits else "refused:stock_short"
            for x in "AB" if fits else "":
                stock[x] -= need[x]
                sold.append([buyer, x, need[x], order])
        elif order[0] == "C":
            found = [s for s in sold if s[:2] == [buyer, item] and s[2] >= -units and buyer]
            rows[first] = "return_matched" if found else "return_unmatched"
            if found:
                found[-1][2] += units
                stock[item] -= units
        elif stock[item] + units >= 0:
            rows[first] = "write_off"
            stock[item] += units
        else:
            rows[first] = "write_off_refused:out_of_bounds"
    return rows


def as_csv(lines: list[Line]) -> Iterator[str]:
    yield HEADER
    for order, item, units, minute, price, buyer in lines:
        yield f"{order},{item},x,{units},2011-01-01 00:0{minute}:00,{price},{buyer},UK"


@settings(max_examples=150, deadline=None)
@given(files(), st.sampled_from([None, 5, 12]))
def test_the_rows_partition_the_file_and_a_naive_reader_agrees(
    lines: list[Line], opening: int | None
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "orders.csv"
        path.write_text("\n".join(as_csv(lines)) + "\n", "utf-8")
        prepared = order_prepared.prepare_orders(
            path,
            order_prepared.OrderOptions(
                order_lines.OrderReading("Europe/London"),
                opening_stock="enough" if opening is None else str(opening),
            ),
            Reading(),
        )
        account = order_import.run_orders(prepared, Shop().desk, Path(folder) / "progress")
    counts = prepared.lines.tally
    assert [counts.name_of(i) for i in range(len(lines))] == naive_rows(lines, opening)
    by_row = [counts.lines_in(row.name).tolist() for row in account.rows]
    assert sorted(chain.from_iterable(by_row)) == list(range(len(lines)))
    assert account.units == sum(line[2] for line in lines)
    assert [row.lines for row in account.rows] == [len(own) for own in by_row]
