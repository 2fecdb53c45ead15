"""Guard, price and promotion by command: files alone, and against a real server.

Always the exact words and exit statuses. The night's file is the one of docs/operations/publish.md.
"""

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from typer.testing import CliRunner, Result
from xlsxwriter import Workbook

from tidegate.cli.main import app

NIGHT = """
money_unit: yuan
utc_offset: "+08:00"
skus:
  - {code: JUICE-15, list_price: 260, cost: 90}
promotions:
  - code: MIDNIGHT
    name: 零点狂欢
    kind: 折扣
    level: 单品
    scope: all
    discount: 0.385折
    start: 2026-10-26 00:00
    end: 2036-10-27 00:00
"""
FAIR = NIGHT.replace("0.385折", "8折").replace("MIDNIGHT", "FAIR")


def beside(name: str) -> ModuleType:
    """A module of this folder, which is no package."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parent / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


HOUSE = beside("command_line_house")
House = Any  # of that module


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with HOUSE.opened_house("own") as opened:
        opened.shop = "own"
        floors = ("--list-price-fen", "26000", "--cost-floor-fen", "9000")
        opened.did("sku", "put", "JUICE-15", *floors)
        opened.did("stock", "receive", "JUICE-15", "100")
        yield opened


def file(folder: Path, text: str, name: str = "promotions.yaml") -> str:
    path = folder / name
    path.write_text(text, "utf-8")
    return str(path)


def ran(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env={"LC_ALL": "C.UTF-8", "LANG": "en"})


def test_that_nights_discount_is_below_the_floor(tmp_path: Path) -> None:
    said = ran("guard", "check", file(tmp_path, NIGHT))
    assert said.exit_code == 1
    lines = said.stdout.splitlines()
    assert lines[:2] == [
        "BELOW THE FLOOR 低于保本价",
        "  1 × JUICE-15: JUICE-15 leaves 10.01, its floor is 90.00; by MIDNIGHT",
    ]
    assert "    buyer pays 10.01" in lines


def test_a_wrong_cost_does_not_prove_that_nights_discount(tmp_path: Path) -> None:
    cheap = NIGHT.replace("cost: 90", "cost: 0.01")
    said = ran("guard", "check", file(tmp_path, cheap))
    assert said.exit_code == 1
    assert said.stdout.splitlines()[:2] == [
        "BELOW THE COLLAR, which counts as below the floor 低于价格护栏",
        (
            "  1 × JUICE-15: JUICE-15 leaves 10.01, its collar against the list price is 78.00; "
            "by MIDNIGHT"
        ),
    ]
    assert ran("guard", "check", file(tmp_path, cheap), "--collar-bp", "0").exit_code == 0


def test_a_fair_one_is_proved_with_its_lowest_price(tmp_path: Path) -> None:
    said = ran("guard", "check", file(tmp_path, FAIR))
    assert said.stdout.splitlines() == [
        "proved: no basket, buyer, choice or moment goes below a floor · 已证明不破价",
        "  lowest 最低 JUICE-15: 208.00",
    ]
    assert said.exit_code == 0


@pytest.mark.parametrize(("text", "told"), [
    (NIGHT.replace("0.385折", "0.8"), "line 12: MIDNIGHT discount: '0.8' may be"),
    (NIGHT.replace("scope: all", "scope: {skus: [X]}"), "line 11: MIDNIGHT scope.skus: unknown"),
    ("promotions: [", "line 2: "),
])  # fmt: skip
def test_a_malformed_file_ends_with_2_its_line_and_its_mend(
    tmp_path: Path, text: str, told: str
) -> None:
    said = ran("guard", "check", file(tmp_path, text))
    assert said.exit_code == 2
    assert told in said.stderr
    as_json = ran("guard", "check", file(tmp_path, text), "--json")
    assert json.loads(as_json.stdout)["verdict"] == "malformed"


@pytest.mark.parametrize(("table", "why"), [
    ("code,list_price_fen,cost_fen\nJUICE-15,-5,1", "line 2: '-5' is no whole number of fen"),
    ("code,list_price_fen,cost_fen\nJUICE-15,26000,-50", "line 2: '-50' is no whole number"),
    ("code,list_price_fen,cost_fen\nJUICE-15,１２３,1", "line 2: '１２３' is no whole number"),
    ("code,list_price_fen,cost_fen\nJUICE-15,1_000,1", "line 2: '1_000' is no whole number"),
    ("code,list_price_fen\nJUICE-15,99999999999999999999", "is no whole number of fen"),
    ("code,list_price_fen,cost_fen\nA,100,50\nA,200,50", "line 3: SKU A stands twice"),
    ("code,list_price_fen,cost_fen\nA,100,50,9", "line 2: 4 cells under 3 columns"),
    ("code,list_price_fen,cost_fen\nA", "line 2: 1 cells under 3 columns"),
    ("code,list_price_fen,list_price_fen\nA,1,2", "a column stands twice"),
    ("code,list_price\nA,1", "unknown column 'list_price'"),
    ("code,list_price_fen\n,1", "line 2: Expected `str` of length >= 1"),
    ("code,list_price_fen\n" + "A" * 200_000 + ",1", "line 2: field larger than field limit"),
    ('code,list_price_fen\n"A"B,1', "line 2: ',' expected after"),
    ("code,list_price_fen,cost_fen\nJUICE-15,26000,1", "two files say different prices"),
])  # fmt: skip
def test_a_catalogue_that_says_what_it_does_not_mean_proves_nothing(
    tmp_path: Path, table: str, why: str
) -> None:
    said = ran(
        "guard", "check", file(tmp_path, FAIR), "--catalogue", file(tmp_path, table, "skus.csv")
    )
    assert (said.exit_code, why in said.stderr) == (2, True), said.stderr


def test_a_sku_that_stands_twice_in_a_file_is_refused(tmp_path: Path) -> None:
    twice = FAIR.replace("skus:", "skus:\n  - {code: JUICE-15, list_price: 260, cost: 0.01}")
    said = ran("guard", "check", file(tmp_path, twice))
    assert (said.exit_code, "line 6: skus.code: SKU JUICE-15 stands twice" in said.stderr) == (
        2, True,
    )  # fmt: skip


def test_a_file_without_an_end_is_not_read_to_its_end() -> None:
    said = ran("guard", "check", "/dev/zero")
    assert (said.exit_code, "at most 8 MiB" in said.stderr) == (2, True)


def test_a_floor_is_computed_from_cost_shipping_fees_and_margin(tmp_path: Path) -> None:
    """(90 + 8) / (1 - 6 % - 55 %) = 251.29 of 260, and 8折 leaves 208."""
    catalogue = file(tmp_path, "code,list_price_fen,cost_fen\nJUICE-15,26000,9000\n", "c.csv")
    alone = "\n".join(
        line for line in FAIR.splitlines() if "JUICE" not in line and "skus:" not in line
    )
    floors = ("--shipping-fen", "800", "--fee-bp", "600", "--margin-bp", "5500")
    said = ran("guard", "check", file(tmp_path, alone), "--catalogue", catalogue, *floors)
    assert said.exit_code == 1
    assert "its floor is 251.29" in said.stdout
    assert ran("guard", "check", file(tmp_path, alone), "--catalogue", catalogue).exit_code == 0


def test_a_diff_says_what_becomes_possible(tmp_path: Path) -> None:
    said = ran("guard", "diff", file(tmp_path, FAIR))
    assert said.stdout.splitlines()[:2] == [
        "1 SKUs can become cheaper · 1 个商品最低价降低",
        "JUICE-15: 260.00 -> 208.00 (80.0 % of list)",
    ]


def test_a_price_from_a_file_is_a_receipt(tmp_path: Path) -> None:
    at = ("--at", "2026-10-26T00:00:00+08:00")
    said = ran("price", file(tmp_path, FAIR), "--line", "JUICE-15=2", *at)
    assert "buyer pays 416.00" in said.stdout.splitlines()
    before = ran("price", file(tmp_path, FAIR), "--line", "JUICE-15=2",
                 "--at", "2026-10-25T23:59:59+08:00")  # fmt: skip
    assert "buyer pays 520.00" in before.stdout.splitlines()


def test_from_a_file_into_force_and_out_again(house: House, tmp_path: Path) -> None:
    fair = file(tmp_path, FAIR)
    assert house.run("guard", "check", fair, "--shop", "own").code == 0
    house.did("promotion", "draft", fair)
    assert house.run("promotion", "check", "FAIR").code == 0
    house.did("promotion", "publish", "FAIR")
    quote = house.did("price", "--shop", "own", "--channel", "web", "--line", "JUICE-15=1")
    assert "buyer pays 208.00" in quote.out.splitlines()
    listed = house.did("promotion", "list", "--json").document
    assert [(one["code"], one["phase"]) for one in listed["publications"]["published"]] == [
        ("FAIR", "live")
    ]
    house.did("promotion", "suspend", "FAIR", "--note", "stop")
    quote = house.did("price", "--shop", "own", "--channel", "web", "--line", "JUICE-15=1")
    assert "buyer pays 260.00" in quote.out.splitlines()
    house.did("promotion", "withdraw", "FAIR")
    assert house.did("promotion", "list", "--json").document["publications"]["published"] == []


def test_what_is_below_takes_two_people_with_reasons(house: House, tmp_path: Path) -> None:
    house.did("promotion", "draft", file(tmp_path, NIGHT))
    assert house.run("promotion", "check", "MIDNIGHT").code == 1
    assert house.run("promotion", "publish", "MIDNIGHT").code == 1
    terms = ("--units", "5", "--for", "1h", "--reason", "the crowd is to come")
    forced = house.did("promotion", "force", "MIDNIGHT", *terms, who="ann")
    assert "allows 允许 JUICE-15 from 10.01 元, 5 units" in forced.out
    digest = next(line for line in forced.out.splitlines() if "digest" in line).split()[1]
    word = ("exception", "approve", "MIDNIGHT", "--digest", digest)
    assert house.run(*word, "--reason", "I too", who="ann").code == 1
    assert house.run(*word, who="bob").code == 1
    house.did(*word, "--reason", "seen and agreed", who="bob")
    quote = house.did("price", "--shop", "own", "--channel", "web", "--line", "JUICE-15=1")
    assert "buyer pays 10.01" in quote.out.splitlines()
    house.did("promotion", "withdraw", "MIDNIGHT")


HEAD = ("活动编号", "活动名称", "商家编码", "开始时间", "结束时间", "折扣", "活动库存")


def workbook(path: Path, *rows: tuple[object, ...]) -> str:
    """An XLSX file of one sheet."""
    with Workbook(str(path)) as book:
        page = book.add_worksheet("大促报名")
        for number, row in enumerate((HEAD, *rows)):
            page.write_row(number, 0, row)
    return str(path)


def test_a_platforms_workbook_is_shadowed_and_checked_before_it_begins(
    house: House, tmp_path: Path
) -> None:
    window = ("2036-11-10 20:00:00", "2036-11-11 23:59:59")
    sheet = workbook(tmp_path / "报名.xlsx", ("88001", "双11", "JUICE-15", *window, 8, 500))
    refused = house.run("promotion", "shadow", sheet, "--channel", "tmall")
    assert refused.code == 2
    assert "line 2: discount: '8' may be what is paid or what is taken off" in refused.err
    unit = ("--discount-unit", "zhe")
    said = house.did("promotion", "shadow", sheet, "--channel", "tmall", *unit)
    assert said.out.splitlines()[:2] == [
        "1 promotions shadowed at tmall: 88001",
        "proved: no basket, buyer, choice or moment goes below a floor · 已证明不破价",
    ]
    found = house.did("promotion", "expected", "tmall", "--json").document
    assert [row["price_fen"] for row in found["expected"]] == [26_000, 20_800]
    assert "JUICE-15  208.00" in house.did("promotion", "expected", "tmall").out
    house.did("promotion", "drop", "88001")


def test_a_platforms_csv_in_its_own_encoding_and_a_slip_in_it(house: House, tmp_path: Path) -> None:
    row = ("88002", "零点", "JUICE-15", "2036/11/11 0:00", "2036/11/12 0:00", "0.385折", "不限")
    for encoding in ("gb18030", "utf-8-sig"):
        sheet = tmp_path / f"{encoding}.csv"
        text = "\r\n".join(",".join(cells) for cells in (HEAD, row))
        sheet.write_bytes(text.encode(encoding))
        said = house.run("promotion", "shadow", str(sheet), "--channel", "tmall")
        assert said.code == 1
        assert "JUICE-15 leaves 10.01, its floor is 90.00" in said.out
    house.did("promotion", "drop", "88002")


def test_a_sheet_that_is_none_is_malformed(house: House, tmp_path: Path) -> None:
    broken = tmp_path / "broken.xlsx"
    broken.write_bytes(b"PK\x03\x04 and then nothing")
    said = house.run("promotion", "shadow", str(broken), "--channel", "tmall")
    assert (said.code, "not an XLSX workbook" in said.err) == (2, True)
    said = house.run("promotion", "shadow", str(broken), "--channel", "tmall", "--column", "sku")
    assert (said.code, "write ROLE=COLUMN" in said.err) == (2, True)
