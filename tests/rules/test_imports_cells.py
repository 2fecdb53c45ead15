"""Every form of money, quantity and code that a cell may hold: its exact value, or its refusal."""

from collections.abc import Callable

import pytest

from tidegate.imports import cells
from tidegate.imports.refusal import CellRefused
from tidegate.record.lines import MONEY_FEN_MAX


def read(parse: Callable[..., object], *arguments: str) -> object:
    """The value, or the reason for which the cell is refused."""
    try:
        return parse(*arguments)
    except CellRefused as refused:
        return refused.reason


@pytest.mark.parametrize(
    ("text", "decimal_mark", "expected"),
    [
        ("2.55", "", 255),
        ("2.5", "", 250),
        ("2", "", 200),
        (".5", "", 50),
        ("5.", "", 500),
        ("-4.65", "", -465),
        ("0.001", "", 0),
        ("0.005", "", 1),
        ("0.0049999", "", 0),
        ("1.005", "", 101),  # binary floating point would make this 1.00
        ("-1.005", "", -101),  # half up means away from zero
        ("¥12.50", "", 1250),
        ("￥１２．５０", "", 1250),
        ("£4.95", "", 495),
        ("-£4.95", "", -495),
        ("£-4.95", "", -495),
        ("CNY 12", "", 1200),
        ("12.50元", "", 1250),
        ("(12.50)", "", -1250),
        ("  12.50\t", "", 1250),
        ("1,234.50", "", 123450),
        ("1,234,567", "", 123456700),
        ("1,234", "", "money_ambiguous"),
        ("1,234", ".", 123400),
        ("1,234", ",", 123),
        ("1,5", "", "money_ambiguous"),
        ("1,5", ",", 150),
        ("1.234,56", "", "money_ambiguous"),
        ("1.234,56", ",", 123456),
        ("1,5", ".", "money_unreadable"),
        ("12,34,567", "", "money_unreadable"),
        ("1e3", "", "money_unreadable"),
        ("NaN", "", "money_unreadable"),
        ("Infinity", "", "money_unreadable"),
        ("1_000", "", "money_unreadable"),
        ("1 000", "", "money_unreadable"),
        ("--1", "", "money_unreadable"),
        ("", "", "money_missing"),
        ("  ", "", "money_missing"),
        ("¥", "", "money_missing"),
        ("9" * 31, "", "money_unreadable"),
        ("10995116277.76", "", MONEY_FEN_MAX),
        ("10995116277.77", "", "money_out_of_bounds"),
    ],
)
def test_money(text: str, decimal_mark: str, expected: int | str) -> None:
    assert read(cells.parse_money_fen, text, decimal_mark) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("6", 6),
        ("６", 6),
        ("-80995", -80995),
        ("2.0", 2),
        ("0", 0),
        ("+3", 3),
        ("2.5", "quantity_not_whole"),
        ("1,000", "quantity_ambiguous"),
        ("six", "quantity_unreadable"),
        ("", "quantity_missing"),
        ("1000000", 1_000_000),
        ("1000001", "quantity_out_of_bounds"),
        ("18446744073709551617", "quantity_out_of_bounds"),  # past 64 bits
        ("٣", "quantity_unreadable"),  # other scripts' digits are not folded by accident
    ],
)
def test_quantity(text: str, expected: int | str) -> None:
    assert read(cells.parse_quantity, text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0012", "0012"),
        ('="0012"', "0012"),
        ("'0012", "0012"),
        (" 85123A ", "85123A"),
        ("８５１２３Ａ", "85123A"),
        ("件-01", "件-01"),
        ("1E5", "1E5"),  # a code may look like this; only the spreadsheet's own E+ is a lost number
        ("1.23457E+18", "unreadable"),
        ("#number-too-long", "unreadable"),
        ("a\tb", "unreadable"),
        ("x" * 128, "x" * 128),
        ("x" * 129, "unreadable"),
        ("", "missing"),
        ('=""', "missing"),
    ],
)
def test_identifier(text: str, expected: str) -> None:
    assert read(cells.parse_identifier, text, "missing", "unreadable") == expected


def test_a_sku_code_is_as_short_as_the_engine_wants_it() -> None:
    assert read(cells.parse_sku_code, "x" * 64) == "x" * 64
    assert read(cells.parse_sku_code, "x" * 65) == "sku_unreadable"
    assert read(cells.parse_sku_code, "a\u200bb") == "sku_unreadable"
    assert read(cells.parse_sku_code, "") == "sku_missing"


def test_a_column_is_parsed_once_per_text_and_keeps_the_reasons_by_row() -> None:
    asked: list[str] = []

    def parse(text: str) -> int:
        asked.append(text)
        return cells.parse_quantity(text)

    values, refused = cells.parse_column(["1", "x", "1", "", "1"], parse, -7)
    assert values == [1, -7, 1, -7, 1]
    assert refused == {1: "quantity_unreadable", 3: "quantity_missing"}
    assert sorted(asked) == ["", "1", "x"]
