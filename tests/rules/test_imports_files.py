"""Files as shops have them: encodings, separators, quotes, compression, workbooks; and bad ones."""

import csv
import gzip
import io
from datetime import datetime
from pathlib import Path

import pytest
from openpyxl import Workbook

from tidegate.imports import tables
from tidegate.imports.encodings import decode_text
from tidegate.imports.files import Reading, read_file, table_of, unpacked
from tidegate.imports.refusal import ImportRefused

CHINESE = "订单号,商品名称\n1,茉莉花茶\n"


def book(*rows: list[object]) -> bytes:
    """The bytes of a workbook with these rows."""
    made = Workbook()
    for row in rows:
        made.active.append(row)
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("raw", "encoding"),
    [
        (CHINESE.encode(), "utf-8"),
        (CHINESE.encode("utf-8-sig"), "utf-8-sig"),
        (CHINESE.encode("gb18030"), "gb18030"),
        (CHINESE.encode("gbk"), "gb18030"),
        (CHINESE.encode("utf-16"), "utf-16"),
        (b"\xfe\xff" + CHINESE.encode("utf-16-be"), "utf-16"),
        ("\ufeff".encode("gb18030") + CHINESE.encode("gb18030"), "gb18030"),
    ],
)
def test_the_encoding_is_found(raw: bytes, encoding: str) -> None:
    assert decode_text(raw) == (CHINESE, encoding)
    assert table_of(raw).rows == [["1", "茉莉花茶"]]


@pytest.mark.parametrize(
    ("raw", "encoding", "message"),
    [
        (
            b"a,b\n1,\xff\n",
            "auto",
            r"neither UTF-8 nor GB18030.*at line 2 \(byte 0xFF, offset 6\); as GB18030 at",
        ),
        (
            "x\n茶\n".encode() + b"\xb2\n\xe8\n",
            "auto",
            r"line 3 \(byte 0xB2, offset 6\); as GB18030 at line 2 \(byte 0xB6, offset 4\)",
        ),
        (b"\xef\xbb\xbfa\n\xb2\xe8\n", "auto", r"not utf-8-sig: line 2 \(byte 0xB2, offset 5"),
        ("\ufeffa\nb".encode("utf-16-le") + b"\x00", "auto", r"not utf-16: line 2"),
        ("a\n茶\n".encode("gb18030"), "utf-8", r"not utf-8: line 2 \(byte 0xB2, offset 2\)"),
        ("a\nb\n".encode("utf-16-le"), "auto", r"line 1 holds a zero byte"),
    ],
)
def test_a_bad_byte_is_named_by_its_line(raw: bytes, encoding: str, message: str) -> None:
    with pytest.raises(ImportRefused, match=message):
        decode_text(raw, encoding)


def test_latin_1_is_read_where_it_is_named() -> None:
    assert decode_text(b"\xa34.95", "latin-1").text == "£4.95"


@pytest.mark.parametrize(
    ("text", "separator"),
    [
        ("a,b;x,c\n1,2,3\n", "comma"),
        ("a;b;c\n1;2;3\n", "semicolon"),
        ("a\tb\tc\n1\t2\t3\n", "tab"),
        ('"a;b",b,c\n1,2,3\n', "comma"),
    ],
)
def test_the_separator_is_found(text: str, separator: str) -> None:
    table = table_of(text.encode())
    assert table.rows == [["1", "2", "3"]]
    assert table.description == f"CSV, utf-8, {separator}-separated"


def test_lines_keep_their_numbers_and_their_text() -> None:
    raw = b'a,b\r\n1,"two\r\nlines"\r\n\r\n3,"say ""x"""\r\n4,4,\r\n5\r\n6,6,6\r\n'
    table = table_of(raw)
    assert table.line_numbers == [2, 4, 5, 6, 7, 8]
    assert table.column(1) == ["two\r\nlines", "", 'say "x"', "4", "", ""]
    assert table.faults == {
        1: tables.BLANK,
        4: tables.WRONG_FIELD_COUNT,
        5: tables.WRONG_FIELD_COUNT,
    }
    assert [table.original(row) for row in range(6)] == [
        '1,"two\r\nlines"',
        "",
        '3,"say ""x"""',
        "4,4,",
        "5",
        "6,6,6",
    ]


def test_broken_quotes_cost_one_line_and_not_the_lines_after() -> None:
    table = table_of(b'a,b\n1,"open\n2,x\n3,"y"z\n4,ok\n')
    assert table.faults == {0: tables.BROKEN_QUOTES, 2: tables.BROKEN_QUOTES}
    assert table.column(0) == ["", "2", "", "4"]
    assert table.original(0) == '1,"open'
    assert csv.field_size_limit() == 131_072  # the process's own limit is as it was


def test_a_file_of_broken_quotes_is_refused() -> None:
    raw = b"a,b\n" + b'1,"x"y\n' * 1_001
    with pytest.raises(ImportRefused, match=r"more than 1000 lines have broken quotes .*line 1002"):
        table_of(raw)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "empty"),
        (b'"a,b\n1,2\n', "name the columns"),
        (b"," * 512 + b"\n", "513 columns; at most 512"),
        (b"\xd0\xcf\x11\xe0rest", r"\.xls workbook: save it as"),
        (b"PK\x03\x04rest", "not an XLSX workbook"),
    ],
)
def test_what_is_no_table_is_refused(raw: bytes, message: str) -> None:
    with pytest.raises(ImportRefused, match=message):
        table_of(raw)


def test_a_cell_beyond_its_bound_is_a_broken_line() -> None:
    table = table_of(b"a,b\n1," + b"x" * 32_768 + b"\n2,y\n")
    assert table.faults == {0: tables.BROKEN_QUOTES}
    assert table.column(1) == ["", "y"]


def test_gzip_is_opened_and_damage_named(tmp_path: Path) -> None:
    packed = gzip.compress(CHINESE.encode())
    path = tmp_path / "orders"  # the name says nothing; the first bytes do
    path.write_bytes(packed)
    read = read_file(path)
    assert read.table.rows == [["1", "茉莉花茶"]]
    assert read.size_bytes == len(packed)
    path.write_bytes(packed[:-9])
    with pytest.raises(ImportRefused, match="gzip file is damaged"):
        read_file(path)


def test_a_gzip_bomb_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidegate.imports.files.UNPACKED_BYTES_MAX", 1_000)
    with pytest.raises(ImportRefused, match="more than 1,000 bytes"):
        unpacked(gzip.compress(b"x" * 1_001))


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(ImportRefused, match="No such file"):
        read_file(tmp_path / "none.csv")


def test_a_workbook_keeps_leading_zeros_and_exact_numbers() -> None:
    raw = book(
        ["sku", "qty", "price", "when", "big", "code", None],
        [
            "0012",
            3,
            2.55,
            datetime.fromisoformat("2021-10-26 00:05:00"),
            123456789012345,
            True,
            None,
        ],
        [],
        [
            "0013",
            4.0,
            0.1,
            datetime.fromisoformat("2021-10-27"),
            1234567890123456,
            None,
            "=not a formula"[1:],
        ],
    )
    table = table_of(raw)
    assert table.header == ("sku", "qty", "price", "when", "big", "code")
    assert table.rows[0] == ["0012", "3", "2.55", "2021-10-26 00:05:00", "123456789012345", "TRUE"]
    assert table.faults == {1: tables.BLANK, 2: tables.WRONG_FIELD_COUNT}
    assert table.rows[2][:5] == ["0013", "4", "0.1", "2021-10-27 00:00:00", "#number-too-long"]
    assert table.line_numbers == [2, 3, 4]
    assert table.original(0).startswith("0012\t3\t2.55\t")


def test_a_formula_is_refused_with_its_cell() -> None:
    with pytest.raises(ImportRefused, match=r"cell B3 holds a formula.*paste it as values"):
        table_of(book(["sku", "qty"], ["a", 1], ["b", "=1+1"]))


def test_a_sheet_is_chosen_by_name() -> None:
    made = Workbook()
    made.active.append(["a"])
    made.create_sheet("库存").append(["sku"])
    out = io.BytesIO()
    made.save(out)
    assert table_of(out.getvalue(), Reading(sheet="库存")).header == ("sku",)
    with pytest.raises(ImportRefused, match="no sheet named 'x'; this workbook has: Sheet, 库存"):
        table_of(out.getvalue(), Reading(sheet="x"))


def test_a_workbook_that_unpacks_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidegate.imports.spreadsheets.UNPACKED_BYTES_MAX", 1_000)
    with pytest.raises(ImportRefused, match="at most 1,000 are read"):
        table_of(book(["a"]))


def test_an_empty_workbook_is_refused() -> None:
    with pytest.raises(ImportRefused, match="sheet 'Sheet' is empty"):
        table_of(book())
