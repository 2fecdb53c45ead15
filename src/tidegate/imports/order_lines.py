"""A table of orders to typed columns: one number an order, an item, a buyer; fen and UTC times.

Each line that cannot be read, is no sale, or is there twice gets its row of the reconciliation
here. Buyers stay what the file calls them only in memory; nothing here keeps or prints them.
"""

import re
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from tidegate.imports import cells, roles, tally, times
from tidegate.imports.columns import ColumnMap
from tidegate.imports.line_amounts import LineAmounts, read_amounts
from tidegate.imports.parsed_columns import ABSENT, Integers, ParsedColumns, numbered
from tidegate.imports.tables import Table
from tidegate.imports.tally import LineTally
from tidegate.people import normalise

OUT, SALE, RETURN, WRITE_OFF = 0, 1, 2, 3
KEEP, DROP = "keep", "drop"
_FLOAT_NUMBER = re.compile(r"^(\d+)\.0$")


@dataclass(frozen=True)
class OrderLines:
    """The file's lines in columns; ABSENT (-1) where a line names no order, item or buyer."""

    order_ids: list[str]
    sku_codes: list[str]
    customers: list[str]
    order: Integers
    sku: Integers
    customer: Integers
    quantity: Integers
    amounts: LineAmounts
    time_ms: Integers
    kind: NDArray[np.uint8]
    spoiled: NDArray[np.bool_]  # by order: one of its lines could not be read
    tally: LineTally
    identical_lines: int  # equal in every read column to an earlier line
    masked_buyers: int  # lines whose buyer is named but identifies nobody

    def __len__(self) -> int:
        return len(self.order)


@dataclass(frozen=True)
class OrderReading:
    """What the person importing decided about the file; empty means as the profile says."""

    zone_name: str = "Asia/Shanghai"
    date_order: str = ""
    decimal_mark: str = ""
    identical_lines: str = KEEP


def read_order_lines(table: Table, found: ColumnMap, reading: OrderReading) -> OrderLines:
    """Typed columns of every line. A line that stays out has its row in `tally` and kind OUT.

    Does not look at prices against zero, nor at anything the engine decides.
    """
    columns = ParsedColumns(table, found)
    meaning = found.meaning
    decimal_mark = reading.decimal_mark or meaning.decimal_mark
    orders = columns.parse(roles.ORDER, _ORDER_ID, "")
    _settle_not_a_sale(columns, meaning.not_a_sale)
    order_ids, order = numbered(orders)
    identical = _settle_duplicates(columns, orders, reading.identical_lines)
    skus = columns.parse(roles.SKU, cells.parse_sku_code, "")
    quantity = np.array(columns.parse(roles.QUANTITY, _quantity(decimal_mark), 0), dtype=np.int64)
    time_ms = _times(columns, reading, meaning.date_order)
    amounts = read_amounts(columns, order, quantity, decimal_mark)
    people = columns.parse(roles.CUSTOMER, _customer(meaning.customer_is_number), "")
    sku_codes, sku = numbered(skus)
    customers, customer = numbered(people)
    cancels = _cancellations(order_ids, order, meaning.cancellation_prefix)
    kind = _kinds(columns, quantity, cancels, meaning.negative_quantity == roles.WRITE_OFF)
    _refuse_conflicts(columns, order, customer, kind)
    malformed = columns.settle()
    kind[columns.tally.rows != tally.OPEN] = OUT
    spoiled = np.zeros(len(order_ids), dtype=np.bool_)
    spoiling = malformed[(order[malformed] != ABSENT) & ~cancels[malformed]]
    spoiled[order[spoiling]] = True
    return OrderLines(
        order_ids,
        sku_codes,
        customers,
        order,
        sku,
        customer,
        quantity,
        amounts,
        time_ms,
        kind,
        spoiled,
        columns.tally,
        identical,
        _named(columns.texts(roles.CUSTOMER)) - int((customer != ABSENT).sum()),
    )


_ORDER_ID = partial(
    cells.parse_identifier, missing="order_id_missing", unreadable="order_id_unreadable"
)


def _quantity(decimal_mark: str) -> "partial[int]":
    return partial(cells.parse_quantity, decimal_mark=decimal_mark)


def _customer(is_number: bool) -> "partial[str]":
    return partial(_customer_name, is_number=is_number)


def _customer_name(text: str, is_number: bool) -> str:
    """The buyer's account as one text, empty where it identifies nobody (`张**`, or nothing).

    A number that went through floating point loses its `.0`.
    """
    name = cells.folded(text)
    if not name:
        return ""
    try:
        normalise.account(name)
    except normalise.IdentityMalformed:
        return ""
    return _FLOAT_NUMBER.sub(r"\1", name) if is_number else name


def _named(customers: list[str]) -> int:
    return sum(1 for text in customers if cells.folded(text))


def _times(columns: ParsedColumns, reading: OrderReading, date_order: str) -> Integers:
    zone = times.shop_zone(reading.zone_name)
    order = times.date_order_of(columns.texts(roles.TIME), reading.date_order or date_order)
    parse = partial(times.parse_time_ms, zone=zone, date_order=order)
    return np.array(columns.parse(roles.TIME, parse, 0), dtype=np.int64)


def _settle_not_a_sale(columns: ParsedColumns, words: tuple[str, ...]) -> None:
    """Lines whose status, or empty payment time, says that nothing was sold."""
    prefixes = tuple(word.casefold() for word in words)
    rows = np.zeros(len(columns.tally.rows), dtype=np.bool_)
    if columns.has(roles.STATUS) and prefixes:
        status = columns.texts(roles.STATUS)
        closed = {text: cells.folded(text).casefold().startswith(prefixes) for text in set(status)}
        rows |= np.array([closed[text] for text in status], dtype=np.bool_)
    if columns.has(roles.PAID_TIME):
        paid = columns.texts(roles.PAID_TIME)
        rows |= np.array([not text.strip() for text in paid], dtype=np.bool_)
    columns.tally.assign_open(np.flatnonzero(rows), tally.NOT_A_SALE)


def _settle_duplicates(columns: ParsedColumns, orders: list[str], identical: str) -> int:
    """Repeated line ids are duplicates; identical lines without ids only where DROP was asked for.

    Returns how many open lines are equal to an earlier one in every column that is read.
    """
    used = (roles.SKU, roles.QUANTITY, roles.TIME, roles.PRICE, roles.LINE_TOTAL, roles.CUSTOMER)
    contents = zip(orders, *(columns.texts(role) for role in used), strict=True)
    seen: set[tuple[str, ...]] = set()
    seen_ids: dict[tuple[str, str], tuple[str, ...]] = {}
    same: list[int] = []
    repeated: list[int] = []
    reused: list[int] = []
    still_open = (columns.tally.rows == tally.OPEN).tolist()
    line_ids = columns.texts(roles.LINE_ID)
    for row, content in enumerate(contents):
        if not still_open[row] or not orders[row]:
            continue
        if line_ids[row]:
            first = seen_ids.setdefault((orders[row], line_ids[row]), content)
            if first is not content:
                (repeated if first == content else reused).append(row)
        elif content in seen:
            same.append(row)
        else:
            seen.add(content)
    columns.tally.assign(np.array(repeated, dtype=np.int64), tally.DUPLICATE_LINE)
    columns.refuse(np.array(reused, dtype=np.int64), "line_id_reused")
    if identical == DROP:
        columns.tally.assign(np.array(same, dtype=np.int64), tally.DUPLICATE_LINE)
    return len(same)


def _cancellations(order_ids: list[str], order: Integers, prefix: str) -> NDArray[np.bool_]:
    by_order = np.zeros(len(order_ids) + 1, dtype=np.bool_)  # the last stands for ABSENT
    if prefix:
        by_order[:-1] = [name.startswith(prefix) for name in order_ids]
    return by_order[order]


def _kinds(
    columns: ParsedColumns, quantity: Integers, cancels: NDArray[np.bool_], write_offs: bool
) -> NDArray[np.uint8]:
    """What each line is by its sign and its order's prefix; contradictions are malformed."""
    kind = np.full(len(quantity), SALE, dtype=np.uint8)
    kind[cancels & (quantity < 0)] = RETURN
    kind[~cancels & (quantity < 0)] = WRITE_OFF
    columns.refuse(np.flatnonzero(quantity == 0), "quantity_zero")
    columns.refuse(np.flatnonzero(cancels & (quantity > 0)), "cancellation_not_negative")
    if not write_offs:
        columns.refuse(np.flatnonzero(kind == WRITE_OFF), "quantity_negative")
    return kind


def _refuse_conflicts(
    columns: ParsedColumns, order: Integers, customer: Integers, kind: NDArray[np.uint8]
) -> None:
    """One order has one buyer: a sale line that names another than its order's first is refused."""
    sales = np.flatnonzero((kind == SALE) & (order != ABSENT) & (columns.tally.rows == tally.OPEN))
    numbers, first = np.unique(order[sales], return_index=True)
    buyer = np.full(int(order.max(initial=-1)) + 1, ABSENT, dtype=np.int64)
    buyer[numbers] = customer[sales[first]]
    columns.refuse(sales[customer[sales] != buyer[order[sales]]], "order_has_two_buyers")
