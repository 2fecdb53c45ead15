"""What each line brought the merchant, in fen: from its unit price, its total, or its order's.

Amounts are integers throughout; where one order's total is shared out over its lines, the shares
add up to it exactly. A line's total is preferred to a price, a price to a share.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from tidegate.imports import cells, roles, tally
from tidegate.imports.parsed_columns import ABSENT, Integers, ParsedColumns
from tidegate.imports.refusal import CellRefused
from tidegate.record.lines import MONEY_FEN_MAX


@dataclass(frozen=True)
class LineAmounts:
    """By line: the unit price, what the whole line brings, and whether a price rounded to zero."""

    price_fen: Integers
    receivable_fen: Integers
    rounded_to_zero: NDArray[np.bool_]


def read_amounts(
    columns: ParsedColumns, order: Integers, quantity: Integers, decimal_mark: str
) -> LineAmounts:
    """Unit prices and receivables. Lines out of bounds are refused in `columns`."""
    money = partial(cells.parse_money_fen, decimal_mark=decimal_mark)
    units = np.where(quantity == 0, 1, quantity)
    if columns.has(roles.LINE_TOTAL):
        source = roles.LINE_TOTAL
        receivable = np.array(columns.parse(source, money, 0), dtype=np.int64)
        price = _unit_price(receivable, units)
    else:
        source = roles.PRICE
        price = np.array(columns.parse(source, money, 0), dtype=np.int64)
        receivable = _products(columns, price, quantity)
        if columns.has(roles.ORDER_TOTAL):
            totals = np.array(columns.parse(roles.ORDER_TOTAL, money, 0), dtype=np.int64)
            receivable = _shared(columns, order, receivable, totals)
            price = _unit_price(receivable, units)
    return LineAmounts(price, receivable, _rounded_to_zero(columns, source, price, decimal_mark))


def _products(columns: ParsedColumns, price: Integers, quantity: Integers) -> Integers:
    # Both factors are bounded, 2**40 and 10**6, so the product may pass 2**60 but never wraps.
    product = price * quantity
    too_large = np.abs(product) > MONEY_FEN_MAX
    columns.refuse(np.flatnonzero(too_large), "money_out_of_bounds")
    product[too_large] = 0
    return product


def _unit_price(receivable: Integers, units: Integers) -> Integers:
    """Receivable / units, rounded half up (away from zero at the tie)."""
    size, count = np.abs(receivable), np.abs(units)
    sign = np.sign(receivable) * np.sign(units)
    price: Integers = sign * ((2 * size + count) // (2 * count))
    return price


def _shared(
    columns: ParsedColumns, order: Integers, listed: Integers, totals: Integers
) -> Integers:
    """Each order's total over its lines in proportion to their list amounts, largest parts first.

    A total above the list amounts holds freight: then the lines keep their list amounts.
    """
    shared = listed.copy()
    rows = np.flatnonzero((order != ABSENT) & (columns.tally.rows == tally.OPEN) & (listed > 0))
    rows = rows[np.argsort(order[rows], kind="stable")]
    edges = np.flatnonzero(np.diff(order[rows])) + 1
    for group in np.split(rows, edges):
        if len(group) == 0:
            continue
        total = int(totals[group[0]])
        if bool((totals[group] != total).any()):
            columns.refuse(group, "order_has_two_totals")
        elif 0 <= total < int(listed[group].sum()):
            shared[group] = _largest_remainder(total, listed[group].tolist())
    return shared


def _largest_remainder(total: int, weights: list[int]) -> list[int]:
    whole = sum(weights)
    shares = [total * weight // whole for weight in weights]
    by_rest = sorted(range(len(weights)), key=lambda i: (-(total * weights[i] % whole), i))
    for index in by_rest[: total - sum(shares)]:
        shares[index] += 1
    return shares


def _rounded_to_zero(
    columns: ParsedColumns, role: str, price: Integers, decimal_mark: str
) -> NDArray[np.bool_]:
    """Which zero prices were positive before they were rounded to 0.01."""
    rounded = np.zeros(len(price), dtype=np.bool_)
    texts = columns.texts(role)
    for row in np.flatnonzero((price == 0) & (columns.tally.rows == tally.OPEN)).tolist():
        try:
            rounded[row] = cells.parse_decimal(texts[row], "money", decimal_mark) > 0
        except CellRefused:
            continue  # already refused as malformed
    return rounded
