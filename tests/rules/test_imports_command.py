"""`tidegate import` as a person types it: previews, accounts, reject files, refusals."""

import importlib.util
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest
from typer.testing import CliRunner

from tidegate.cli.import_ import app
from tidegate.imports.history_desk import HistoryDesk

ORDERS = """\
InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country
1,A,x,5,2011-01-01 00:01:00,1.00,17,UK
2,A,x,1,2011-01-01 00:02:00,0,18,UK
C3,A,x,-2,2011-01-01 00:03:00,1.00,17,UK
"""


FREE = "refused:price_not_positive"


def beside(name: str) -> ModuleType:
    """A module of this folder, which is no package."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parent / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


Shop = beside("imports_shop").Shop


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "Shop":
    """The shop that the commands open; the working folder is empty."""
    opened = Shop()

    @contextmanager
    def open_history(store: Path, name: str) -> Iterator[HistoryDesk]:
        assert (store, name) == (tmp_path / "store", "s1")
        yield opened.desk

    monkeypatch.setattr("tidegate.bootstrap.open_history", open_history)
    monkeypatch.setenv("TIDEGATE_STORE", str(tmp_path / "store"))
    monkeypatch.chdir(tmp_path)
    return opened


def typed(*words: str) -> tuple[int, str, str]:
    """Exit status, standard output, standard error."""
    result = CliRunner().invoke(app, words)
    return result.exit_code, result.stdout, result.stderr


def test_orders_are_imported_and_accounted_for(shop: "Shop", tmp_path: Path) -> None:
    (tmp_path / "o.csv").write_text(ORDERS, "utf-8")
    status, out, _ = typed("orders", "o.csv", "--shop", "s1", "--zone", "Europe/London", "--json")
    account = json.loads(out)
    assert status == 0
    assert {row["name"]: row["lines"] for row in account["rows"]} == {
        "accepted": 1,
        "return_matched": 1,
        "refused:price_not_positive": 1,
    }
    assert (account["lines"], account["rejected_lines"]) == (3, 1)
    assert account["rejects"] == "o.csv.rejects.csv"
    assert (tmp_path / "o.csv.rejects.csv").read_text("utf-8-sig") == (
        'line,reason,original\n3,refused:price_not_positive,"2,A,x,1,2011-01-01 00:02:00,0,18,UK"\n'
    )
    assert len(list((tmp_path / "store/shops/s1/imports").iterdir())) == 1
    assert shop.on_hand("A") == 3  # 6 of "enough", 5 sold, 2 back


def test_the_account_is_a_table_for_people(shop: "Shop", tmp_path: Path) -> None:
    (tmp_path / "o.csv").write_text(ORDERS, "utf-8")
    _, out, _ = typed("orders", "o.csv", "--shop", "s1")
    cells = [[cell.strip() for cell in line.strip("│┃").split("│")] for line in out.splitlines()]
    assert ["accepted", "1", "5", "5.00"] in cells
    assert ["return_matched", "1", "-2", "-2.00"] in cells
    assert ["the file", "3", "4", "3.00"] in cells
    assert out.splitlines()[-1] == "1 lines that were not taken in are listed in o.csv.rejects.csv"
    assert shop.entries != []


def test_a_preview_changes_nothing(shop: "Shop", tmp_path: Path) -> None:
    (tmp_path / "o.csv").write_text(ORDERS, "utf-8")
    status, out, _ = typed("orders", "o.csv", "--preview", "2", "--json")
    preview = json.loads(out)
    assert status == 0
    assert preview["form"] == "uci-online-retail"
    assert preview["lines"] == [
        ["2", "1", "A", "5", "1.00", "2011-01-01 00:01:00+08:00", "named", "sale"],
        ["3", "2", "A", "1", "0.00", "2011-01-01 00:02:00+08:00", "named", FREE],
    ]
    assert preview["planned"] == {
        "lines": 3,
        "orders": 1,
        "orders_split": 0,
        "parts": 1,
        "rows": 1,
        "returns": 1,
        "write_offs": 0,
        "items": 1,
    }
    assert preview["kept_out"] == {"refused:price_not_positive": 1}
    assert "17" not in out.replace(preview["sha256"], "")  # no buyer is shown
    assert typed("orders", "o.csv", "--preview", "1")[0] == 0
    assert shop.entries == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["o.csv"]


def test_catalogue_then_stock(shop: "Shop", tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text("sku;price;cost\n01;2,50;1,50\n", "utf-8")
    (tmp_path / "s.csv").write_text("sku,qty\n01,7\n02,1\n", "utf-8")
    at = ("--at", "2011-01-01", "--shop", "s1")
    status, out, _ = typed("catalogue", "c.csv", "--decimal-mark", ",", "--json", *at)
    assert (status, json.loads(out)["rows"][0]["lines"]) == (0, 1)
    status, out, _ = typed("stock", "s.csv", "--json", *at)
    rows = {row["name"]: row["units"] for row in json.loads(out)["rows"]}
    assert rows == {"accepted": 7, "refused:unknown_target": 1}
    assert shop.on_hand("01") == 7
    assert int(shop.machine.state.skus[0]["cost_floor_fen"]) == 150
    assert shop.machine.now_ms == 1_293_811_200_000  # midnight in Shanghai
    status, out, _ = typed("catalogue", "c.csv", "--preview", "1", "--json")
    assert json.loads(out)["kept_out"] == {"malformed:money_ambiguous": 1}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("orders", "none.csv", "--shop", "s1"), "No such file"),
        (("orders", "o.csv"), "name the shop with --shop"),
        (("orders", "o.csv", "--shop", "s1", "--floor-policy", "x"), "percent-of-median:P"),
        (("orders", "o.csv", "--shop", "s1", "--zone", "x/y"), "no time zone 'x/y'"),
        (("orders", "o.csv", "--preview", "1", "--delimiter", "|"), "comma, semicolon, tab"),
        (("orders", "o.csv", "--preview", "1", "--encoding", "klingon"), "no encoding 'klingon'"),
        (("stock", "o.csv", "--as", "gift"), "write count or receipt"),
        (("catalogue", "o.csv", "--preview", "1"), "columns are missing"),
        (("stock", "s.csv", "--shop", "s1", "--at", "now"), "--at 'now': time_unreadable"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_message(
    shop: "Shop", tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    (tmp_path / "o.csv").write_text(ORDERS.replace("UnitPrice", "Price"), "utf-8")
    (tmp_path / "s.csv").write_text("sku,qty\n", "utf-8")
    if words[0] == "catalogue":
        (tmp_path / "o.csv").write_text("a,b\n", "utf-8")
    status, out, err = typed(*words)
    assert (status, out) == (2, "")
    assert err.startswith("tidegate import: ")
    assert message in err
    assert shop.entries == []


def test_a_reject_file_that_cannot_be_written_says_so(shop: "Shop", tmp_path: Path) -> None:
    (tmp_path / "o.csv").write_text(ORDERS, "utf-8")
    words = ("orders", "o.csv", "--shop", "s1", "--rejects", str(tmp_path / "no/r.csv"))
    status, _, err = typed(*words)
    assert status == 1
    assert "r.csv cannot be written (No such file or directory): nothing is decided twice" in err
    assert shop.entries != []
