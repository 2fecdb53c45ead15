"""From the lines of a file to the work for the engine: orders as LINE rows, in the file's own time.

Lines of one item at one price are merged; an order that is still larger than an order may be is
split into parts, never between lines of the same item. Pure: the ids, tokens and item numbers that
only a shop can give are filled in later. Nothing is planned for an order that holds a refused line.
"""

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tidegate.imports import tally
from tidegate.imports.order_lines import RETURN, SALE, WRITE_OFF, OrderLines
from tidegate.imports.parsed_columns import ABSENT, Integers
from tidegate.record.lines import (
    CONTINUES,
    LINE,
    LINES_PER_ORDER_MAX,
    MONEY_FEN_MAX,
    PAID,
    QUANTITY_MAX,
)

ORDER_OUT_OF_BOUNDS = tally.REFUSED + "order_out_of_bounds"
_NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True)
class SalePlan:
    """All sale orders in feeding order. Part p has rows part_first[p] : part_first[p + 1]."""

    rows: NDArray[np.void]  # LINE; `sku` is the file's own SKU number until it is bound
    row_customer: Integers
    row_of_line: Integers  # by file line; ABSENT where the line is in no row
    part_first: Integers
    part_order: Integers  # index into OrderLines.order_ids
    part_ids: list[str]

    @property
    def part_of_row(self) -> Integers:
        """The part each row belongs to."""
        return np.repeat(np.arange(len(self.part_order)), np.diff(self.part_first))

    @property
    def merged_lines(self) -> int:
        """How many lines of the file share a row with an earlier line."""
        return int((self.row_of_line != ABSENT).sum()) - len(self.rows)

    @property
    def split_orders(self) -> int:
        """How many orders were too large for one part."""
        return int((np.bincount(self.part_order) > 1).sum()) if len(self.part_order) else 0


@dataclass(frozen=True)
class Step:
    """Consecutive events of one kind at one time: `refs` are parts for SALE, else file lines."""

    kind: int
    now_ms: int
    refs: Integers


@dataclass(frozen=True)
class Plan:
    """Everything that an import will ask of the desk, in non-decreasing time."""

    lines: OrderLines
    sales: SalePlan
    steps: list[Step]

    @property
    def first_ms(self) -> int:
        """The time of the first event; 0 for a file without any."""
        return self.steps[0].now_ms if self.steps else 0


@dataclass(frozen=True)
class _Merged:
    """Rows in feeding order: the sale lines, the row of each, and each row's first line."""

    sales: Integers
    row_of_sale: Integers
    first_line: Integers
    quantity: Integers
    receivable_fen: Integers


def plan_orders(lines: OrderLines, lines_per_order_max: int = LINES_PER_ORDER_MAX) -> Plan:
    """Plan a file. Lines of orders that cannot be sent get their rows in the tally."""
    _refuse_unpriced(lines)
    start_ms, first_line = _order_starts(lines)
    merged = _merge(lines, start_ms, first_line)
    if _refuse_unbounded(lines, merged):
        merged = _merge(lines, start_ms, first_line)
    sales = _sale_plan(lines, merged, start_ms, lines_per_order_max)
    return Plan(lines, sales, _steps(lines, sales, start_ms, first_line))


def _refuse_unpriced(lines: OrderLines) -> None:
    """A sale line at a price <= 0, or one that could not be read, takes its order with it."""
    sales = _open_of_kind(lines, SALE)
    price, receivable = lines.amounts.price_fen[sales], lines.amounts.receivable_fen[sales]
    free = sales[(price <= 0) | (receivable <= 0)]
    rounded = lines.amounts.rounded_to_zero[free]
    lines.tally.assign(free[~rounded], tally.PRICE_NOT_POSITIVE)
    lines.tally.assign(free[rounded], tally.PRICE_ROUNDS_TO_ZERO)
    taken = lines.spoiled.copy()
    taken[lines.order[free]] = True
    lines.tally.assign_open(sales[taken[lines.order[sales]]], tally.REFUSED_WITH_ORDER)


def _open_of_kind(lines: OrderLines, kind: int) -> Integers:
    still_open = lines.tally.open_lines()
    chosen: Integers = still_open[lines.kind[still_open] == kind]
    return chosen


def _order_starts(lines: OrderLines) -> tuple[Integers, Integers]:
    """By order: the time of its earliest sale line, and its first line in the file."""
    start_ms = np.full(len(lines.order_ids), _NEVER, dtype=np.int64)
    first_line = np.full(len(lines.order_ids), _NEVER, dtype=np.int64)
    sales = _open_of_kind(lines, SALE)
    np.minimum.at(start_ms, lines.order[sales], lines.time_ms[sales])
    np.minimum.at(first_line, lines.order[sales], sales)
    return start_ms, first_line


def _merge(lines: OrderLines, start_ms: Integers, first_line: Integers) -> _Merged:
    """One row for each item and price of an order; rows of an item stand together."""
    sales = _open_of_kind(lines, SALE)
    order = lines.order[sales]
    item_key = order * max(len(lines.sku_codes), 1) + lines.sku[sales]
    _, item_first, item = np.unique(item_key, return_index=True, return_inverse=True)
    prices, price = np.unique(lines.amounts.price_fen[sales], return_inverse=True)
    row_key = item * max(len(prices), 1) + price
    _, row_first, row = np.unique(row_key, return_index=True, return_inverse=True)
    lead = row_first  # positions in `sales`, the first line of each row
    feed = np.lexsort(
        (lead, item_first[item[lead]], first_line[order[lead]], start_ms[order[lead]])
    )
    rank = np.empty(len(feed), dtype=np.int64)
    rank[feed] = np.arange(len(feed))
    row_of_sale = rank[row]
    quantity = np.zeros(len(feed), dtype=np.int64)
    np.add.at(quantity, row_of_sale, lines.quantity[sales])
    receivable = np.zeros(len(feed), dtype=np.int64)
    np.add.at(receivable, row_of_sale, lines.amounts.receivable_fen[sales])
    return _Merged(sales, row_of_sale, sales[lead[feed]], quantity, receivable)


def _refuse_unbounded(lines: OrderLines, merged: _Merged) -> bool:
    """Refuse orders whose merged lines pass the engine's bounds; says if there were any."""
    beyond = (merged.quantity > QUANTITY_MAX) | (merged.receivable_fen > MONEY_FEN_MAX)
    if not bool(beyond.any()):
        return False
    orders = np.unique(lines.order[merged.first_line[beyond]])
    rows = merged.sales[np.isin(lines.order[merged.sales], orders)]
    lines.tally.assign(rows, ORDER_OUT_OF_BOUNDS)
    return True


def _sale_plan(
    lines: OrderLines, merged: _Merged, start_ms: Integers, lines_per_order_max: int
) -> SalePlan:
    order, sku = lines.order[merged.first_line], lines.sku[merged.first_line]
    part_first, part_order = _parts(order, sku, lines_per_order_max)
    rows = np.zeros(len(order), dtype=LINE)
    rows["placed_at_ms"] = start_ms[order]
    rows["receivable_fen"] = merged.receivable_fen
    rows["sku"] = sku
    rows["quantity"] = merged.quantity
    rows["flags"] = PAID | CONTINUES
    rows["flags"][part_first[:-1]] = PAID
    row_of_line = np.full(len(lines), ABSENT, dtype=np.int64)
    row_of_line[merged.sales] = merged.row_of_sale
    part_ids = _part_ids(lines.order_ids, part_order)
    customer = lines.customer[merged.first_line]
    return SalePlan(rows, customer, row_of_line, part_first, part_order, part_ids)


def _parts(order: Integers, sku: Integers, lines_per_order_max: int) -> tuple[Integers, Integers]:
    """First rows of all parts, closed by the number of rows, and the order of each part."""
    if len(order) == 0:
        return np.zeros(1, dtype=np.int64), np.empty(0, dtype=np.int64)
    order_first = np.concatenate(([0], np.flatnonzero(np.diff(order)) + 1))
    bounds = np.concatenate((order_first, [len(order)]))
    cuts = [bounds]
    for large in np.flatnonzero(np.diff(bounds) > lines_per_order_max).tolist():
        begin, end = int(bounds[large]), int(bounds[large + 1])
        cuts.append(begin + _cuts(sku[begin:end].tolist(), lines_per_order_max))
    part_first = np.unique(np.concatenate(cuts))
    return part_first, order[part_first[:-1]]


def _cuts(skus: list[int], size_max: int) -> Integers:
    """Where to cut the rows of one order: between items, and inside one only if it alone is over.

    An item with more than `size_max` different prices in one order is the only case of the latter.
    """
    cuts: list[int] = []
    part_begin = item_begin = 0
    for row, sku in enumerate(skus):
        if row > 0 and sku != skus[row - 1]:
            item_begin = row
        if row - part_begin >= size_max:
            part_begin = item_begin if item_begin > part_begin else row
            cuts.append(part_begin)
    return np.array(cuts, dtype=np.int64)


def _part_ids(order_ids: list[str], part_order: Integers) -> list[str]:
    """An order in one part keeps its id; parts of a split one are id/1, id/2 and so on."""
    counts = np.bincount(part_order) if len(part_order) else part_order
    ids: list[str] = []
    number = 0
    for position, order in enumerate(part_order.tolist()):
        number = number + 1 if position and order == int(part_order[position - 1]) else 1
        ids.append(f"{order_ids[order]}/{number}" if counts[order] > 1 else order_ids[order])
    return ids


def _steps(
    lines: OrderLines, sales: SalePlan, start_ms: Integers, first_line: Integers
) -> list[Step]:
    """All events by time, then by place in the file, cut where the time or the kind changes."""
    others = [_open_of_kind(lines, kind) for kind in (RETURN, WRITE_OFF)]
    parts = np.arange(len(sales.part_order))
    kind = np.repeat([SALE, RETURN, WRITE_OFF], [len(parts), *map(len, others)])
    refs = np.concatenate((parts, *others))
    order = sales.part_order
    time_ms = np.concatenate((start_ms[order], *(lines.time_ms[rows] for rows in others)))
    place = np.concatenate((first_line[order], *others))
    feed = np.lexsort((refs, place, time_ms))
    kind, refs, time_ms = kind[feed], refs[feed], time_ms[feed]
    edges = np.flatnonzero((np.diff(time_ms) != 0) | (np.diff(kind) != 0)) + 1
    bounds = [0, *edges.tolist(), len(feed)] if len(feed) else [0]
    return [
        Step(int(kind[begin]), int(time_ms[begin]), refs[begin:end])
        for begin, end in itertools.pairwise(bounds)
    ]
