"""Floors and opening stock for a file that has neither: chosen by a policy, computed exactly.

A floor from a percentage is rounded up to the next fen: prices are whole fen, so a price lies below
it exactly when it lies below that percentage of the median. Integers only.
"""

import re
from dataclasses import dataclass

import numpy as np

from tidegate.imports.order_lines import OUT, SALE, WRITE_OFF, OrderLines
from tidegate.imports.parsed_columns import ABSENT, Integers
from tidegate.imports.refusal import ImportRefused
from tidegate.record.lines import QUANTITY_MAX

NONE = "none"
ENOUGH = "enough"
_PERCENT = re.compile(r"^percent-of-median:(\d{1,3})(?:\.(\d{1,2}))?$", re.ASCII)
BASIS_POINTS = 10_000


@dataclass(frozen=True)
class FloorPolicy:
    """Floors as basis points of the median price; 0 = no floor."""

    median_basis_points: int = 0


def floor_policy(text: str) -> FloorPolicy:
    """`none` or `percent-of-median:P`, 0 < P <= 100, two decimals. Raises ImportRefused."""
    if text == NONE:
        return FloorPolicy()
    found = _PERCENT.match(text)
    points = int(found[1]) * 100 + int((found[2] or "0").ljust(2, "0")) if found else 0
    if not 0 < points <= BASIS_POINTS:
        raise ImportRefused(
            f"--floor-policy {text!r}: write none, or percent-of-median:P with P up to 100"
        )
    return FloorPolicy(points)


def twice_median_fen(lines: OrderLines) -> Integers:
    """By SKU: twice the median of its positive unit prices in the file; 0 where it has none.

    Every readable line counts once, whatever its quantity, cancellations too. Doubled, so that the
    middle of an even number of prices stays whole.
    """
    doubled = np.zeros(len(lines.sku_codes), dtype=np.int64)
    price = lines.amounts.price_fen
    rows = np.flatnonzero((lines.sku != ABSENT) & (price > 0) & (lines.kind != OUT))
    rows = rows[np.lexsort((price[rows], lines.sku[rows]))]
    if len(rows) == 0:
        return doubled
    starts = np.concatenate(([0], np.flatnonzero(np.diff(lines.sku[rows])) + 1))
    counts = np.diff(np.concatenate((starts, [len(rows)])))
    low = price[rows[starts + (counts - 1) // 2]]
    high = price[rows[starts + counts // 2]]
    doubled[lines.sku[rows[starts]]] = low + high
    return doubled


def floors_fen(twice_median: Integers, policy: FloorPolicy) -> Integers:
    """By SKU: the policy's share of the median, rounded up to the next fen; 0 without a median."""
    share = twice_median * policy.median_basis_points
    floors: Integers = -(-share // (2 * BASIS_POINTS))
    return floors


def opening_units(lines: OrderLines, opening: str, by_code: dict[str, int] | None) -> Integers:
    """By SKU: `enough` is what the file sells and writes off; else one number, or a table's;
    `none` leaves the shop's stock as it is.

    A SKU that the table does not name opens with 0. Raises ImportRefused.
    """
    count = len(lines.sku_codes)
    if by_code is not None:
        return np.array([by_code.get(code, 0) for code in lines.sku_codes], dtype=np.int64)
    if opening == NONE:
        return np.zeros(count, dtype=np.int64)
    if opening != ENOUGH:
        if not (opening.isascii() and opening.isdecimal()) or int(opening) > QUANTITY_MAX:
            raise ImportRefused(
                f"--opening-stock {opening!r}: write enough, none, "
                f"a number up to {QUANTITY_MAX:,}, or the path of a stock file"
            )
        return np.full(count, int(opening), dtype=np.int64)
    rows = np.flatnonzero((lines.kind == SALE) | (lines.kind == WRITE_OFF))
    units = np.zeros(count, dtype=np.int64)
    np.add.at(units, lines.sku[rows], np.abs(lines.quantity[rows]))
    return units
