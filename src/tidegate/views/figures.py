"""Counts and sums by minute, by SKU and by reason: what a page of figures and the watch read.

Always: integers, added up from decided rows; a repeat of an order is counted as a repeat and never
twice. Never: money or units of a refused order among those accepted. Minutes are of UTC.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from tidegate.record.lines import DUPLICATE, FACT, NO_SKU, OPERATION_KINDS, Array
from tidegate.views.gathered import OperationColumns, OrderColumns, ToldCommand

ORDER, SALE, COMMAND, HOLD_EXPIRED = "order", "sale", "command", "hold_expired"

_MINUTE = """INSERT INTO minute VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (minute) DO UPDATE SET
    decided = decided + excluded.decided, duplicates = duplicates + excluded.duplicates,
    accepted = accepted + excluded.accepted, sales = sales + excluded.sales,
    units = units + excluded.units, receivable_fen = receivable_fen + excluded.receivable_fen,
    short_units = short_units + excluded.short_units"""
_REASON = """INSERT INTO reason_minute VALUES (?, ?, ?, ?)
    ON CONFLICT (minute, about, reason) DO UPDATE SET events = events + excluded.events"""
_SKU = """INSERT INTO sku_minute VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (minute, sku) DO UPDATE SET
    lines = lines + excluded.lines, units = units + excluded.units,
    receivable_fen = receivable_fen + excluded.receivable_fen,
    refused_units = refused_units + excluded.refused_units"""


class MinuteFigures(NamedTuple):
    """One minute of a shop. `accepted` counts orders and marketplace sales, without repeats."""

    minute: int
    decided: int
    duplicates: int
    accepted: int
    sales: int
    units: int
    receivable_fen: int
    short_units: int


class SkuFigures(NamedTuple):
    """One SKU over a stretch of time: accepted lines, units, money; units of refused orders."""

    sku: int
    lines: int
    units: int
    receivable_fen: int
    refused_units: int


class ReasonCount(NamedTuple):
    """How often a reason was given. `about`: order, sale (a judgement), command, hold_expired, or
    the name of an operation; reason 0 counts what was accepted, except for orders.
    """

    about: str
    reason: int
    events: int


class Figures:
    """The figures of one file. Every call is inside a transaction of the caller's."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def add_orders(self, orders: OrderColumns) -> None:
        """Count decided orders."""
        fresh = orders.outcomes["flags"] & DUPLICATE == 0
        accepted = fresh & (orders.outcomes["reason"] == 0)
        sale = orders.lines["flags"][orders.starts] & FACT != 0
        lines_each = np.diff(orders.starts, append=len(orders.lines))
        of_accepted = np.repeat(accepted, lines_each)
        of_refused = np.repeat(fresh & ~accepted, lines_each)
        quantity = orders.lines["quantity"].astype(np.int64)
        units = np.where(of_accepted, quantity, 0)
        money = np.where(of_accepted, orders.lines["receivable_fen"], 0)
        first = _changes(orders.minutes)
        first_line = orders.starts[first]
        columns = (
            orders.minutes[first],
            np.diff(first, append=len(fresh)),
            np.add.reduceat(~fresh, first, dtype=np.int64),
            np.add.reduceat(accepted, first, dtype=np.int64),
            np.add.reduceat(accepted & sale, first, dtype=np.int64),
            np.add.reduceat(units, first_line),
            np.add.reduceat(money, first_line),
            np.add.reduceat(np.where(accepted, orders.outcomes["short"], 0), first, dtype=np.int64),
        )
        self._connection.executemany(_MINUTE, zip(*(c.tolist() for c in columns), strict=True))
        self._add_reasons(orders, fresh & ~accepted, accepted & sale)
        refused_units = np.where(of_refused, np.maximum(quantity, 0), 0)
        line_minutes = np.repeat(orders.minutes, lines_each)
        counted = (of_accepted | of_refused) & (orders.lines["sku"] != NO_SKU)
        table = (line_minutes, orders.lines["sku"], of_accepted, units, money, refused_units)
        self._add_skus(*(column[counted] for column in table))

    def add_operations(self, operations: OperationColumns) -> None:
        """Count decided operations by kind and reason, without repeats."""
        fresh = operations.outcomes["flags"] & DUPLICATE == 0
        kinds = operations.rows["kind"].astype(np.int64)
        reasons = operations.outcomes["reason"].astype(np.int64)
        code = (operations.minutes * 256 + kinds) * 256 + reasons
        counts: Counter[tuple[int, str, int]] = Counter()
        for number, count in _counted(code[fresh]):
            counts[number >> 16, _kind_name(number >> 8 & 0xFF), number & 0xFF] += count
        self._count(counts)

    def add_others(
        self, commands: list[ToldCommand], expired: list[tuple[int, int, Array]]
    ) -> None:
        """Count commands by reason, and holds that ended."""
        counts: Counter[tuple[int, str, int]] = Counter()
        for told in commands:
            counts[told.minute, COMMAND, told.envelope.reason] += 1
        for _, minute, numbers in expired:
            counts[minute, HOLD_EXPIRED, 0] += len(numbers)
        self._count(counts)

    def _add_reasons(self, orders: OrderColumns, refused: Array, judged: Array) -> None:
        counts: Counter[tuple[int, str, int]] = Counter()
        code = orders.minutes[refused] * 256 + orders.outcomes["reason"][refused]
        for number, count in _counted(code):
            counts[number >> 8, ORDER, number & 0xFF] += count
        masks = orders.outcomes["mask"][judged]
        minutes = orders.minutes[judged]
        for reason in _bits(int(np.bitwise_or.reduce(masks)) if len(masks) else 0):
            failed = minutes[masks >> np.uint32(reason) & np.uint32(1) == 1]
            for minute, count in _counted(failed):
                counts[minute, SALE, reason] += count
        self._count(counts)

    def _add_skus(
        self, minutes: Array, skus: Array, lines: Array, units: Array, money: Array, refused: Array
    ) -> None:
        if len(minutes) == 0:
            return
        code = (minutes << np.int64(32)) + skus.astype(np.int64)
        order = np.argsort(code, kind="stable")
        first = _changes(code[order])
        sums = [
            np.add.reduceat(column[order], first, dtype=np.int64).tolist()
            for column in (lines, units, money, refused)
        ]
        ends = code[order][first]
        self._connection.executemany(
            _SKU,
            zip((ends >> 32).tolist(), (ends & 0xFFFF_FFFF).tolist(), *sums, strict=True),
        )

    def _count(self, counts: Counter[tuple[int, str, int]]) -> None:
        self._connection.executemany(
            _REASON, [(*key, count) for key, count in sorted(counts.items())]
        )


def minute_figures(
    connection: sqlite3.Connection, from_minute: int, to_minute: int
) -> list[MinuteFigures]:
    """The minutes from one to before another in which something was decided."""
    rows = connection.execute(
        "SELECT * FROM minute WHERE minute >= ? AND minute < ? ORDER BY minute",
        (from_minute, to_minute),
    )
    return [MinuteFigures(*row) for row in rows]


def sku_figures(
    connection: sqlite3.Connection, from_minute: int, to_minute: int
) -> list[SkuFigures]:
    """Each SKU over these minutes, the one with most units first."""
    rows = connection.execute(
        "SELECT sku, sum(lines), sum(units), sum(receivable_fen), sum(refused_units)"
        " FROM sku_minute WHERE minute >= ? AND minute < ? GROUP BY sku"
        " ORDER BY sum(units) DESC, sku",
        (from_minute, to_minute),
    )
    return [SkuFigures(*row) for row in rows]


def reason_counts(
    connection: sqlite3.Connection, from_minute: int, to_minute: int
) -> list[ReasonCount]:
    """How often each reason was given in these minutes."""
    rows = connection.execute(
        "SELECT about, reason, sum(events) FROM reason_minute WHERE minute >= ? AND minute < ?"
        " GROUP BY about, reason ORDER BY about, reason",
        (from_minute, to_minute),
    )
    return [ReasonCount(*row) for row in rows]


def _changes(values: Array) -> Array:
    """Where each stretch of equal values begins."""
    changes: Array = np.flatnonzero(np.diff(values, prepend=values[0] - 1))
    return changes


def _counted(values: Array) -> Iterator[tuple[int, int]]:
    """Each different value and how often it stands there."""
    found, counts = np.unique(values, return_counts=True)
    return zip(found.tolist(), counts.tolist(), strict=True)


def _kind_name(kind: int) -> str:
    return OPERATION_KINDS[kind] if kind < len(OPERATION_KINDS) else f"operation_{kind}"


def _bits(mask: int) -> list[int]:
    return [bit for bit in range(32) if mask >> bit & 1]
