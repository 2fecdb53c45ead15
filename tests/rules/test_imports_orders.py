"""What becomes of each line of an order file, decided by the real engine: one row per case.

A case is a small file of the Online Retail form; the last column says where each line must stand.
"""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from tidegate.imports import order_import, order_lines, order_prepared
from tidegate.imports.files import Reading
from tidegate.imports.reconciliation import Reconciliation
from tidegate.imports.refusal import ImportRefused
from tidegate.record import facts
from tidegate.record.lines import LINES_PER_ORDER_MAX

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"


def beside(name: str) -> ModuleType:
    """A module of this folder, which is no package."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parent / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


Shop = beside("imports_shop").Shop


def uci(case: str) -> tuple[bytes, list[str]]:
    """A file and the expected row of each line, from `order sku units minute price buyer | row`."""
    lines, rows = [HEADER], []
    for text in case.strip().splitlines():
        cells, _, row = text.partition("|")
        order, sku, units, minute, price, buyer = cells.split()
        buyer = "" if buyer == "-" else buyer
        lines.append(f"{order},{sku},x,{units},2011-01-01 00:{minute}:00,{price},{buyer},UK")
        rows.append(row.strip())
    return ("\n".join(lines) + "\n").encode(), rows


def prepared_file(folder: Path, raw: bytes, **options: str) -> order_prepared.PreparedOrders:
    """A file of these bytes, read and planned for London."""
    path = folder / "orders.csv"
    path.write_bytes(raw)
    identical = options.pop("identical_lines", "keep")
    reading = order_lines.OrderReading("Europe/London", identical_lines=identical)
    return order_prepared.prepare_orders(
        path, order_prepared.OrderOptions(reading, **options), Reading()
    )


def imported(
    folder: Path, raw: bytes, shop: "Shop | None" = None, **options: str
) -> tuple[order_prepared.PreparedOrders, Reconciliation]:
    """A file after its import."""
    prepared = prepared_file(folder, raw, **options)
    desk = (shop or Shop()).desk
    return prepared, order_import.run_orders(prepared, desk, folder / "progress")


CASES = {
    "sales, known and anonymous buyers": """
        1 A 3 01 2.50 17 | accepted
        1 B 1 01 0.01 17 | accepted
        2 A 1 01 2.50 -  | accepted
    """,
    "a price at or below zero takes its invoice with it": """
        1 A 3 01 0    17 | refused:price_not_positive
        1 B 1 01 2.00 17 | refused_with_order
        2 A 1 01 -1   17 | refused:price_not_positive
        3 A 1 01 1.00 17 | accepted
    """,
    "a price that rounds to 0.00 is no price": """
        1 A 1 01 0.001 17 | refused:price_rounds_to_zero
        1 B 1 01 1.00  17 | refused_with_order
        2 A 1 01 0.005 17 | accepted
    """,
    "a return takes the latest earlier order with enough units": """
        1  A  5 01 1.00 17 | accepted
        2  A  2 02 1.00 17 | accepted
        C3 A -3 03 1.00 17 | return_matched
        C4 A -2 04 1.00 17 | return_matched
        C5 A -2 05 1.00 17 | return_matched
        C6 A -1 06 1.00 17 | return_unmatched
    """,
    "a return needs the same buyer, the same code, an earlier order": """
        1  A  5 02 1.00 17 | accepted
        C2 A -1 03 1.00 18 | return_unmatched
        C3 B -1 03 1.00 17 | return_unmatched
        C4 a -1 03 1.00 17 | return_unmatched
        C5 A -1 01 1.00 17 | return_unmatched
        C6 A -1 03 1.00 -  | return_unmatched
        C7 A -6 03 1.00 17 | return_unmatched
    """,
    "anonymous orders are never given back": """
        1  A  5 01 1.00 - | accepted
        C2 A -1 02 1.00 - | return_unmatched
    """,
    "within one minute the order of the file counts": """
        C1 A -1 01 1.00 17 | return_unmatched
        2  A  1 01 1.00 17 | accepted
        C3 A -1 01 1.00 17 | return_matched
    """,
    "a refused order gives nothing back": """
        1  A  1 01 0    17 | refused:price_not_positive
        1  B  5 01 1.00 17 | refused_with_order
        C2 B -1 02 1.00 17 | return_unmatched
    """,
    "a return may take from lines at two prices of one order": """
        1  A  2 01 1.00 17 | accepted
        1  A  3 01 2.00 17 | accepted
        C2 A -4 02 1.00 17 | return_matched
        C3 A -1 03 1.00 17 | return_matched
        C4 A -1 04 1.00 17 | return_unmatched
    """,
    "a negative quantity without C is a write-off": """
        1 A  3 01 1.00 17 | accepted
        2 A -2 02 0    -  | write_off
        2 A -2 02 0    -  | write_off
    """,
    "identical lines are units of their own": """
        1 A 3 01 1.00 17 | accepted
        1 A 3 01 1.00 17 | accepted
        C2 A -6 02 1.00 17 | return_matched
    """,
    "what cannot be read is named and takes its order with it": """
        1  A x  01 1.00 17 | malformed:quantity_unreadable
        1  B 1  01 1.00 17 | refused_with_order
        2  A 0  01 1.00 17 | malformed:quantity_zero
        3  A 1  61 1.00 17 | malformed:time_unreadable
        4  A 1  01 1,00 17 | malformed:wrong_number_of_fields
        C5 A 1  01 1.00 17 | malformed:cancellation_not_negative
        6  A 1  01 x    17 | malformed:money_unreadable
        7  A 1  01 1.00 17 | refused_with_order
        7  B 1  01 1.00 18 | malformed:order_has_two_buyers
    """,
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_each_line_stands_where_it_must(tmp_path: Path, case: str) -> None:
    raw, expected = uci(case)
    prepared, account = imported(tmp_path, raw)
    counts = prepared.lines.tally
    assert [counts.name_of(line) for line in range(len(expected))] == expected
    assert account.lines == len(expected)
    assert sum(row.lines for row in account.rows) == len(expected)


def test_a_floor_refuses_its_line_and_the_others_go_with_it(tmp_path: Path) -> None:
    raw, expected = uci("""
        1 A 1 01 1.00 17 | accepted
        2 A 1 02 1.01 17 | accepted
        3 A 1 03 0.50 17 | refused:price_below_floor
        3 B 1 03 5.00 17 | refused_with_order
        4 A 1 04 0.51 17 | accepted
        5 A 1 05 0.10 17 | accepted
        5 A 1 05 2.00 17 | accepted
        6 B 1 06 5.00 17 | accepted
        7 A 1 07 0.40 17 | refused:price_below_floor
        7 A 1 07 0.60 17 | refused:price_below_floor
    """)  # the median of A's eight prices is 0.555, and 91 % of it 0.50505: the floor is 0.51
    prepared, _ = imported(tmp_path, raw, floor_policy="percent-of-median:91")
    assert prepared.floors_fen.tolist() == [51, 455]
    counts = prepared.lines.tally
    assert [counts.name_of(line) for line in range(len(expected))] == expected


def test_stock_runs_out_and_returns_bring_it_back(tmp_path: Path) -> None:
    raw, expected = uci("""
        1  A  6 01 1.00 17 | accepted
        2  A  5 02 1.00 17 | refused:stock_short
        2  B  1 02 1.00 17 | refused:stock_short
        C3 A -2 03 1.00 17 | return_matched
        4  A  5 04 1.00 17 | accepted
        5  B -11 05 0   -  | write_off_refused:out_of_bounds
        6  B -10 06 0   -  | write_off
    """)
    shop = Shop()
    prepared, account = imported(tmp_path, raw, shop, opening_stock="10")
    counts = prepared.lines.tally
    assert [counts.name_of(line) for line in range(len(expected))] == expected
    assert (shop.on_hand("A"), shop.on_hand("B")) == (1, 0)
    assert (account.row("accepted").units, account.row("accepted").money_fen) == (11, 1100)
    assert (account.units, account.money_fen) == (-6, 1500)


def test_opening_stock_comes_from_a_file_or_is_left_alone(tmp_path: Path) -> None:
    raw, _ = uci("""
        1 A 6 01 1.00 17 |
        2 B 1 02 1.00 17 |
    """)
    stock = tmp_path / "stock.csv"
    stock.write_text("sku,quantity\nB,1\nZ,9\n", "utf-8")
    path = tmp_path / "orders.csv"
    path.write_bytes(raw)
    prepared = order_prepared.prepare_orders(
        path, order_prepared.OrderOptions(), Reading(), None, stock
    )
    assert prepared.opening_units.tolist() == [0, 1]
    assert prepared_file(tmp_path, raw, opening_stock="none").opening_units.tolist() == [0, 0]
    stock.write_text("sku,quantity\nB,x\n", "utf-8")
    with pytest.raises(ImportRefused, match=r"line 2: malformed:quantity_unreadable"):
        order_prepared.prepare_orders(path, order_prepared.OrderOptions(), Reading(), None, stock)


@pytest.mark.parametrize("text", ["lots", "-1", "1000001", "٣"])
def test_a_wrong_opening_stock_is_refused(tmp_path: Path, text: str) -> None:
    raw, _ = uci("1 A 6 01 1.00 17 |")
    with pytest.raises(ImportRefused, match="write enough, none, a number up to 1,000,000"):
        prepared_file(tmp_path, raw, opening_stock=text)


@pytest.mark.parametrize("text", ["x", "percent-of-median:0", "percent-of-median:101", "percent"])
def test_a_wrong_floor_policy_is_refused(tmp_path: Path, text: str) -> None:
    raw, _ = uci("1 A 6 01 1.00 17 |")
    with pytest.raises(ImportRefused, match="percent-of-median:P with P up to 100"):
        prepared_file(tmp_path, raw, floor_policy=text)


def test_limited_goods_need_a_buyer(tmp_path: Path) -> None:
    raw, expected = uci("""
        1  A  3 01 1.00 17 | accepted
        2  A  1 02 1.00 17 | refused:limit_exceeded
        3  A  1 02 1.00 -  | refused:identity_missing
        C4 A -1 03 1.00 17 | return_matched
        5  A  1 04 1.00 17 | accepted
        6  B  9 05 1.00 -  | accepted
    """)
    shop = Shop()
    shop.machine.begin(1, 0)
    shop.machine.decide_command(1, 1, facts.PutSku("A", 100, 0), 0)
    rule = facts.PutRule("three", "sku", "A", window="month", limits={"account": 3})
    assert shop.machine.decide_command(1, 2, rule, 0).reason == 0
    prepared, _ = imported(tmp_path, raw, shop)
    counts = prepared.lines.tally
    assert [counts.name_of(line) for line in range(len(expected))] == expected
    assert shop.token_batches == [1]  # one batch, of the one buyer who was named


def test_an_order_with_more_lines_than_an_order_may_have_is_split(tmp_path: Path) -> None:
    count = LINES_PER_ORDER_MAX + 6
    case = "".join(f"1 S{i % (count - 2)} 1 01 {1 + i} 17 | accepted\n" for i in range(count))
    raw, expected = uci(case)
    prepared, account = imported(tmp_path, raw)
    sales = prepared.plan.sales
    assert sales.part_ids == ["1/1", "1/2"]
    # S0 and S1 stand twice at two prices: their rows stay together at the head.
    assert sales.part_first.tolist() == [0, LINES_PER_ORDER_MAX, count]
    assert sales.rows["sku"][:4].tolist() == [0, 0, 1, 1]
    counts = prepared.lines.tally
    assert [counts.name_of(line) for line in range(len(expected))] == expected
    note = "1 orders were too large for one and were decided in 2 parts (id/1, id/2, ...)"
    assert account.notes == [f"{note}; all or nothing holds for each part"]


def test_a_part_never_ends_between_lines_of_one_item(tmp_path: Path) -> None:
    size = LINES_PER_ORDER_MAX
    case = "".join(f"1 S{i} 1 01 1 17 |\n" for i in range(size - 1))
    case += "1 T 1 01 1 17 |\n1 T 1 01 2 17 |\n"
    prepared = prepared_file(tmp_path, uci(case)[0])
    assert prepared.plan.sales.part_first.tolist() == [0, size - 1, size + 1]
    alone = "".join(f"1 T 1 01 {i + 1} 17 |\n" for i in range(size + 1))
    prepared = prepared_file(tmp_path, uci(alone)[0])
    assert prepared.plan.sales.part_first.tolist() == [0, size, size + 1]


def test_lines_of_one_item_and_price_are_merged(tmp_path: Path) -> None:
    raw, _ = uci("""
        1 A 3 01 1.00 17 |
        1 B 1 01 2.00 17 |
        1 A 4 01 1.00 17 |
        1 A 5 01 1.50 17 |
    """)
    sales = prepared_file(tmp_path, raw).plan.sales
    assert sales.row_of_line.tolist() == [0, 2, 0, 1]
    assert sales.rows["quantity"].tolist() == [7, 5, 1]
    assert sales.rows["receivable_fen"].tolist() == [700, 750, 200]
    assert sales.merged_lines == 1


def test_an_order_beyond_the_engines_bounds_is_refused_whole(tmp_path: Path) -> None:
    raw, expected = uci("""
        1 A 600000 01 1.00 17 | refused:order_out_of_bounds
        1 A 600000 01 1.00 17 | refused:order_out_of_bounds
        1 B 1      01 1.00 17 | refused:order_out_of_bounds
        2 A 600000 01 1.00 17 | accepted
    """)
    prepared, _ = imported(tmp_path, raw)
    counts = prepared.lines.tally
    assert [counts.name_of(line) for line in range(len(expected))] == expected


def test_files_that_are_not_in_the_order_of_time_are_put_into_it(tmp_path: Path) -> None:
    raw, expected = uci("""
        C3 A -1 03 1.00 17 | return_matched
        2  A  1 02 1.00 17 | accepted
        1  A  1 04 1.00 17 | accepted
        1  B  1 01 1.00 17 | accepted
    """)
    prepared, _ = imported(tmp_path, raw)
    times = [step.now_ms for step in prepared.plan.steps]
    assert times == sorted(times)
    assert [(times[i] - times[0]) // 60_000 for i in range(3)] == [0, 1, 2]
    counts = prepared.lines.tally
    assert [counts.name_of(line) for line in range(len(expected))] == expected


def test_history_is_not_put_behind_a_shop_that_has_gone_past_it(tmp_path: Path) -> None:
    raw, _ = uci("1 A 1 01 1.00 17 |")
    shop = Shop()
    shop.machine.begin(1_600_000_000_000, 18_518)
    with pytest.raises(ImportRefused, match="has not opened yet"):
        imported(tmp_path, raw, shop)
    assert shop.entries == []


def test_items_that_history_defined_have_no_known_cost_afterwards(tmp_path: Path) -> None:
    raw, _ = uci("""
        1 A 1 01 1.00 17 |
        1 A 1 01 2.01 17 |
        2 B 1 02 3.00 17 |
    """)
    shop = Shop()
    shop.machine.begin(1, 0)
    shop.machine.decide_command(1, 1, facts.PutSku("B", 500, 250, 240), 0)
    imported(tmp_path, raw, shop, floor_policy="percent-of-median:50")
    rows = shop.machine.state.skus
    price = ["list_price_fen", "cost_floor_fen", "red_line_fen"]
    assert [int(rows[shop.machine.catalogue.skus["A"]][name]) for name in price] == [151, -1, 76]
    assert [int(rows[shop.machine.catalogue.skus["B"]][name]) for name in price] == [500, 250, 240]


def test_an_empty_file_has_an_empty_account(tmp_path: Path) -> None:
    _, account = imported(tmp_path, (HEADER + "\n").encode())
    assert (account.rows, account.lines, account.units, account.money_fen) == ([], 0, 0, 0)
