"""One cell's text to a number, an amount or a time, exactly or not at all.

Money never passes through floating point and rounds half up to 0.01 (away from zero at the tie);
what could be read in two ways is refused, never guessed. Reads no clock and no locale.
"""

import re
import unicodedata
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from typing import TypeVar

from tidegate.imports.refusal import CellRefused
from tidegate.imports.spreadsheets import INEXACT_NUMBER
from tidegate.record.facts import CODE_MAX
from tidegate.record.lines import MONEY_FEN_MAX, QUANTITY_MAX

ID_CHARS_MAX = 128
_CURRENCY = re.compile(
    r"^(?:CNY|RMB|GBP|USD|EUR|HKD|¥|￥|£|\$|€)|(?:CNY|RMB|GBP|USD|EUR|HKD|元|圆)$", re.IGNORECASE
)
_PLAIN = re.compile(r"^[+-]?\d+$", re.ASCII)
_POINT = re.compile(r"^[+-]?\d*\.\d+$|^[+-]?\d+\.$", re.ASCII)
_GROUPED = re.compile(r"^[+-]?\d{1,3}(?:,\d{3})+(?:\.\d*)?$", re.ASCII)
_EXPONENT = re.compile(r"^[+-]?\d+(?:\.\d+)?[eE][+-]?\d+$", re.ASCII)
_EXPORT_QUOTE = re.compile(r'^="(.*)"$')
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_ONE = Decimal(1)

T = TypeVar("T")


def folded(text: str) -> str:
    """Without outer space, full width (１２３，￥) and a spreadsheet's ="..." or leading '."""
    text = text.strip()
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).strip()
    quoted = _EXPORT_QUOTE.match(text)
    if quoted:
        text = quoted.group(1).strip()
    return text.removeprefix("'")


def parse_identifier(text: str, missing: str, unreadable: str) -> str:
    """An order's, line's or item's code. Raises CellRefused(missing) or CellRefused(unreadable).

    Scientific notation is what a spreadsheet leaves of a long number: its last digits are lost.
    """
    code = folded(text)
    if not code:
        raise CellRefused(missing)
    if len(code) > ID_CHARS_MAX or _CONTROL.search(code) or code == INEXACT_NUMBER:
        raise CellRefused(unreadable)
    if "E+" in code.upper() and _EXPONENT.match(code):
        raise CellRefused(unreadable)
    return code


def parse_sku_code(text: str) -> str:
    """An item's code as the engine takes it: printable, at most CODE_MAX characters."""
    code = parse_identifier(text, "sku_missing", "sku_unreadable")
    if len(code) > CODE_MAX or not code.isprintable():
        raise CellRefused("sku_unreadable")
    return code


def parse_money_fen(text: str, decimal_mark: str = "") -> int:
    """An amount in fen, rounded half up. Raises CellRefused: missing, unreadable, ambiguous or
    out of bounds.

    `decimal_mark` settles what `1,234` means; without it, that form is refused as ambiguous.
    """
    value = parse_decimal(text, "money", decimal_mark)
    fen = (value * 100).quantize(_ONE, rounding=ROUND_HALF_UP)
    if abs(fen) > MONEY_FEN_MAX:
        raise CellRefused("money_out_of_bounds")
    return int(fen)


def parse_quantity(text: str, decimal_mark: str = "") -> int:
    """Whole units, possibly negative. Raises CellRefused: missing, unreadable, fraction, bounds."""
    value = parse_decimal(text, "quantity", decimal_mark)
    if value != value.to_integral_value():
        raise CellRefused("quantity_not_whole")
    if abs(value) > QUANTITY_MAX:
        raise CellRefused("quantity_out_of_bounds")
    return int(value)


def parse_decimal(text: str, what: str, decimal_mark: str = "") -> Decimal:
    """An exact decimal of at most 30 characters. Raises CellRefused named after `what`."""
    plain = _without_currency(folded(text))
    if not plain:
        raise CellRefused(f"{what}_missing")
    if len(plain) > 30:
        raise CellRefused(f"{what}_unreadable")
    if _PLAIN.match(plain):
        return Decimal(plain)
    if decimal_mark == ",":
        swapped = plain.translate(_SWAP_MARKS)
        if _POINT.match(swapped) or _GROUPED.match(swapped):
            return Decimal(swapped.replace(",", ""))
        raise CellRefused(f"{what}_unreadable")
    if _POINT.match(plain):
        return Decimal(plain)
    return _with_commas(plain, what, decimal_mark)


_SWAP_MARKS = str.maketrans(",.", ".,")


def _with_commas(plain: str, what: str, decimal_mark: str) -> Decimal:
    """`1,234.50` and `1,234,567` can be read one way only; `1,234` and `1,5` in two."""
    if _GROUPED.match(plain):
        if decimal_mark == "." or "." in plain or plain.count(",") > 1:
            return Decimal(plain.replace(",", ""))
        raise CellRefused(f"{what}_ambiguous")
    swapped = plain.translate(_SWAP_MARKS)
    if decimal_mark == "" and (_POINT.match(swapped) or _GROUPED.match(swapped)):
        # A decimal comma, probably; but a file that mixes both marks must say which it means.
        raise CellRefused(f"{what}_ambiguous")
    raise CellRefused(f"{what}_unreadable")


def _without_currency(text: str) -> str:
    negative = False
    if text.startswith("(") and text.endswith(")"):
        negative, text = True, text[1:-1]
    if text and not (text[0].isdigit() and text[-1].isdigit()):
        sign = text[:1] if text[:1] in "+-" else ""
        text = sign + _CURRENCY.sub("", text[len(sign) :].strip()).strip()
    return f"-{text}" if negative else text


def parse_column(
    values: list[str], parse: Callable[[str], T], fallback: T
) -> tuple[list[T], dict[int, str]]:
    """Parse a column once per distinct text; `fallback` stands where a cell was refused.

    The second result maps a row to the reason its cell was refused for.
    """
    known: dict[str, T] = {}
    refused: dict[str, str] = {}
    for value in set(values):
        try:
            known[value] = parse(value)
        except CellRefused as error:
            known[value] = fallback
            refused[value] = error.reason
    parsed = [known[value] for value in values]
    if not refused:
        return parsed, {}
    return parsed, {row: refused[v] for row, v in enumerate(values) if v in refused}
