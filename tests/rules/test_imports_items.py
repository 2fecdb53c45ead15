"""Catalogue and stock files: what each line does to the shop, and which lines are kept out."""

import importlib.util
from pathlib import Path
from types import ModuleType

from tidegate.imports import columns, items, reconciliation, roles
from tidegate.imports.files import table_of
from tidegate.imports.rejects import write_rejects
from tidegate.pricing.guard.floors import FloorPolicy

CATALOGUE = """\
商家编码,宝贝标题,一口价,成本价,红线价,起购数量,安全库存
0012,茶,12.50,8.00,9.00,2,5
0013,水,5.00,,,,
0012,茶,12.50,8.00,9.00,2,5
0013,水,6.00,,,,
,无,1.00,,,,
0014,汽水,-1,,,,
0015,果汁,1.00,x,,,
""".encode("gb18030")


def beside(name: str) -> ModuleType:
    """A module of this folder, which is no package."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parent / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


Shop = beside("imports_shop").Shop


def catalogue(raw: bytes) -> items.ItemLines:
    table = table_of(raw)
    return items.read_catalogue(table, columns.map_columns(table.header, roles.CATALOGUE_PROFILES))


def stock(raw: bytes, kind: str = items.COUNT) -> items.ItemLines:
    table = table_of(raw)
    found = columns.map_columns(table.header, roles.STOCK_PROFILES)
    return items.read_stock(table, found, kind)


def test_a_catalogue_defines_items(tmp_path: Path) -> None:
    shop = Shop()
    lines = catalogue(CATALOGUE)
    items.send_items(lines, shop.desk, 1_000, "d" * 64)
    assert [lines.tally.name_of(i) for i in range(7)] == [
        "accepted",
        "accepted",
        "duplicate_line",
        "malformed:sku_twice",
        "malformed:sku_missing",
        "malformed:money_negative",
        "malformed:money_unreadable",
    ]
    assert shop.machine.catalogue.skus == {"0012": 0, "0013": 1}
    names = ["list_price_fen", "cost_floor_fen", "red_line_fen", "quantity_min", "safety_stock"]
    rows = shop.machine.state.skus
    assert [int(rows[0][name]) for name in names] == [1250, 800, 900, 2, 5]
    assert [int(rows[1][name]) for name in names] == [500, -1, 0, 1, 0]
    assert len(shop.entries) == 1
    table = table_of(CATALOGUE)
    assert write_rejects(tmp_path / "r.csv", table, lines.tally) == 5
    assert (tmp_path / "r.csv").read_bytes() == (
        "\ufeffline,reason,original\r\n"
        '4,duplicate_line,"0012,茶,12.50,8.00,9.00,2,5"\r\n'
        '5,malformed:sku_twice,"0013,水,6.00,,,,"\r\n'
        '6,malformed:sku_missing,",无,1.00,,,,"\r\n'
        '7,malformed:money_negative,"0014,汽水,-1,,,,"\r\n'
        '8,malformed:money_unreadable,"0015,果汁,1.00,x,,,"\r\n'
    ).encode()
    assert (tmp_path / "r.csv").stat().st_mode & 0o777 == 0o600


def test_the_same_file_again_changes_nothing() -> None:
    shop = Shop()
    for _ in range(2):
        items.send_items(catalogue(CATALOGUE), shop.desk, 1_000, "d" * 64)
        items.send_items(stock(b"sku,qty\n0012,7\n", items.RECEIPT), shop.desk, 2_000, "e" * 64)
    assert shop.on_hand("0012") == 7
    assert len(shop.entries) == 2


def test_stock_is_counted_or_received() -> None:
    shop = Shop()
    items.send_items(catalogue(CATALOGUE), shop.desk, 1_000, "d" * 64)
    lines = stock("商家编码,库存\n0012,7\n0099,1\n0013,-1\n0013,0\n0012,8\n".encode())
    items.send_items(lines, shop.desk, 2_000, "e" * 64)
    assert [lines.tally.name_of(i) for i in range(5)] == [
        "accepted",
        "refused:unknown_target",
        "malformed:quantity_negative",
        "accepted",
        "malformed:sku_twice",
    ]
    account = reconciliation.reconcile(lines.tally, lines.quantity, lines.quantity * 0, [])
    assert (account.lines, account.units, account.row("accepted").units) == (5, 16, 7)
    received = stock(b"sku,qty\n0012,5\n0013,0\n", items.RECEIPT)
    items.send_items(received, shop.desk, 3_000, "f" * 64)
    assert received.tally.name_of(1) == "malformed:quantity_zero"
    assert (shop.on_hand("0012"), shop.on_hand("0013")) == (12, 0)


def test_what_a_spreadsheet_would_run_is_shown_as_text(tmp_path: Path) -> None:
    raw = b'sku,qty\n"=1+1",x\n-2,x\n@a,x\n'
    lines = stock(raw)
    write_rejects(tmp_path / "r.csv", table_of(raw), lines.tally)
    assert (tmp_path / "r.csv").read_text("utf-8-sig").splitlines()[1:] == [
        '2,malformed:quantity_unreadable,"""=1+1"",x"',
        '3,malformed:quantity_unreadable,"\'-2,x"',
        '4,malformed:quantity_unreadable,"\'@a,x"',
    ]


def test_a_floor_is_computed_from_cost_shipping_fees_and_margin() -> None:
    """(8.00 + 3.00) / (1 - 5 % - 10 %) = 12.941…, up to the fen; what has no cost has no floor."""
    table = table_of(b"code,list_price,cost\nA,20.00,8.00\nB,20.00,\n")
    found = columns.map_columns(table.header, roles.CATALOGUE_PROFILES)
    policy = FloorPolicy(shipping_fen=300, fee_bp=500, margin_bp=1_000)
    lines = items.read_catalogue(table, found, policy=policy)
    assert [one.cost_floor_fen for one in lines.commands] == [1_295, None]  # type: ignore[union-attr]
