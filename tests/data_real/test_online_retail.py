"""Eight months of a real shop's orders through the real engine, with every line accounted for.

The file is UCI Online Retail, December 2010 to July 2011 (Chen 2015, doi 10.24432/C5BW33, CC BY
4.0). It is not part of the repository: put it beside the checkout as shared/data/, or name its
folder in TIDEGATE_REAL_DATA. See docs/operations/real-data.md.
"""

import csv
import gzip
import importlib.util
import io
import os
import time
from collections import Counter, defaultdict
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from types import ModuleType

import pytest

from tidegate.imports import order_import, order_lines, order_prepared
from tidegate.imports.files import Reading
from tidegate.imports.reconciliation import Reconciliation

NAME = "online_retail_2010-12_2011-07.csv.gz"
FOLDER = Path(
    os.environ.get("TIDEGATE_REAL_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data"
)
IMPORT_S_MAX = 60

pytestmark = pytest.mark.skipif(
    not (FOLDER / NAME).exists(),
    reason=f"{NAME} is not in {FOLDER.name}/: see docs/operations/real-data.md",
)


def shops() -> ModuleType:
    """The module with the shop for tests of imports."""
    place = Path(__file__).parents[1] / "rules" / "imports_shop.py"
    spec = importlib.util.spec_from_file_location("imports_shop", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def imported(folder: Path, **options: str) -> Reconciliation:
    reading = order_lines.OrderReading("Europe/London")
    chosen = order_prepared.OrderOptions(reading, **options)
    prepared = order_prepared.prepare_orders(FOLDER / NAME, chosen, Reading())
    module = shops()
    desk = module.Shop(module.LARGE).desk
    return order_import.run_orders(prepared, desk, folder / "progress")


@pytest.fixture(scope="module")
def rows() -> list[list[str]]:
    """The file's lines, read without any of our code."""
    with gzip.open(FOLDER / NAME) as packed:
        return list(csv.reader(io.TextIOWrapper(packed, "utf-8", newline="")))[1:]


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Reconciliation:
    """The reconciliation with enough stock and no floors."""
    imported(tmp_path_factory.mktemp("warm"), opening_stock="0")  # compiles what is not compiled
    began = time.perf_counter()
    account = imported(tmp_path_factory.mktemp("real"))
    took_s = time.perf_counter() - began
    print(f"\n{NAME}: {account.lines:,} lines in {took_s:.1f} s")
    assert took_s < IMPORT_S_MAX
    return account


def test_every_line_is_in_one_row(account: Reconciliation) -> None:
    assert {row.name: (row.lines, row.units, row.money_fen) for row in account.rows} == {
        "accepted": (276_399, 2_884_978, 546_396_408),
        "return_matched": (3_861, -114_451, -18_469_962),
        "write_off": (875, -124_815, 0),
        "refused:price_not_positive": (791, 41_524, 0),
        "refused:price_rounds_to_zero": (2, 2, 0),
        "refused_with_order": (2_175, 18_650, 8_172_360),
        "return_unmatched": (1_318, -22_605, -28_173_719),
    }
    assert (account.lines, account.units, account.money_fen) == (285_421, 2_683_283, 507_925_087)


def test_the_notes_say_what_was_done_to_large_orders(account: Reconciliation) -> None:
    split = "648 orders were too large for one and were decided in 1874 parts (id/1, id/2, ...)"
    assert account.notes == [
        "4052 lines were merged with a line of the same item and price",
        f"{split}; all or nothing holds for each part",
        "2264 lines are identical to an earlier line of their order",
        "93 item codes differ from another one only in case; they are different items",
    ]


def test_a_naive_count_of_the_same_file_agrees(
    account: Reconciliation, rows: list[list[str]]
) -> None:
    cents = {
        text: (Decimal(text) * 100).quantize(1, ROUND_HALF_UP) for _, _, _, _, _, text, *_ in rows
    }
    unpriced = {r[0] for r in rows if r[0][0] != "C" and int(r[3]) > 0 and cents[r[5]] <= 0}
    sold: dict[tuple[str, str], list[list]] = defaultdict(list)
    counted: Counter[str] = Counter()
    for order, item, _, quantity, _, price, buyer, _ in rows:
        units = int(quantity)
        if order[0] == "C":
            open_sales = [s for s in sold[buyer, item] if s[1] >= -units] if buyer else []
            counted["return_matched" if open_sales else "return_unmatched"] += 1
            if open_sales:
                open_sales[-1][1] += units
        elif units < 0:
            counted["write_off"] += 1
        elif order in unpriced:
            free = cents[price] <= 0
            counted["refused" if free else "refused_with_order"] += 1
        else:
            counted["accepted"] += 1
            if not sold[buyer, item] or sold[buyer, item][-1][0] != order:
                sold[buyer, item].append([order, 0])
            sold[buyer, item][-1][1] += units
    found = Counter({row.name.partition(":")[0]: 0 for row in account.rows})
    for row in account.rows:
        found[row.name.partition(":")[0]] += row.lines
    assert found == counted
    assert account.units == sum(int(r[3]) for r in rows)
    assert account.money_fen == sum(int(cents[r[5]]) * int(r[3]) for r in rows)


def test_floors_and_scarce_stock_still_account_for_every_line(tmp_path: Path) -> None:
    account = imported(tmp_path, floor_policy="percent-of-median:50", opening_stock="100")
    assert {row.name: row.lines for row in account.rows} == {
        "accepted": 15_160,
        "return_matched": 335,
        "write_off": 641,
        "refused:price_below_floor": 4_099,
        "refused:price_not_positive": 791,
        "refused:price_rounds_to_zero": 2,
        "refused:stock_short": 208_452,
        "refused_with_order": 50_863,
        "return_unmatched": 4_844,
        "write_off_refused:out_of_bounds": 234,
    }
    assert (account.lines, account.units, account.money_fen) == (285_421, 2_683_283, 507_925_087)
