"""An order file read and planned, before any shop is asked.

What a person chose (zone, floors, opening stock) are options here, and they stand in the progress
file: an import is never taken up again under other options than it was begun with.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from tidegate.imports import columns, floors, items, order_lines, roles, tally
from tidegate.imports.files import FileRead, Reading, read_file
from tidegate.imports.order_lines import OrderLines, OrderReading
from tidegate.imports.parsed_columns import Integers
from tidegate.imports.plan import Plan, plan_orders
from tidegate.imports.refusal import ImportRefused


@dataclass(frozen=True)
class OrderOptions:
    """What the person importing chose."""

    reading: OrderReading = field(default_factory=OrderReading)
    floor_policy: str = floors.NONE
    opening_stock: str = floors.ENOUGH
    channel: str = ""  # empty: the profile's

    def digest(self, opening_units: Integers) -> str:
        """A text that differs where anything differs that changes the decisions."""
        return json.dumps(asdict(self) | {"opening_units": int(opening_units.sum())})


@dataclass(frozen=True)
class PreparedOrders:
    """A file that was read and planned; nothing has been asked of a desk."""

    file: FileRead
    found: columns.ColumnMap
    plan: Plan
    twice_median_fen: Integers
    floors_fen: Integers
    opening_units: Integers
    options: OrderOptions

    @property
    def lines(self) -> OrderLines:
        """The typed lines."""
        return self.plan.lines

    @property
    def channel(self) -> str:
        """The channel that the orders' ids belong to."""
        return self.options.channel or self.found.meaning.channel


def prepare_orders(
    path: Path,
    options: OrderOptions,
    reading: Reading,
    mapping: dict[str, object] | None = None,
    opening_file: Path | None = None,
) -> PreparedOrders:
    """Read and plan a file. Raises ImportRefused; touches nothing but the files named."""
    policy = floors.floor_policy(options.floor_policy)
    by_code = stock_by_code(opening_file) if opening_file else None
    file = read_file(path, reading)
    found = find_columns(file, roles.ORDER_PROFILES, mapping)
    lines = order_lines.read_order_lines(file.table, found, options.reading)
    plan = plan_orders(lines)
    twice_median = floors.twice_median_fen(lines)
    floors_fen = floors.floors_fen(twice_median, policy)
    opening = floors.opening_units(lines, options.opening_stock, by_code)
    return PreparedOrders(file, found, plan, twice_median, floors_fen, opening, options)


def find_columns(
    file: FileRead, profiles: tuple[roles.Profile, ...], mapping: dict[str, object] | None
) -> columns.ColumnMap:
    """Columns by the mapping where one is given, else by the first profile that fits."""
    if mapping is None:
        return columns.map_columns(file.table.header, profiles)
    return columns.map_by_file(file.table.header, mapping, profiles)


def stock_by_code(path: Path) -> dict[str, int]:
    """Opening units by item code from a stock file. Raises ImportRefused on any bad line."""
    table = read_file(path).table
    stock = items.read_stock(table, columns.map_columns(table.header, roles.STOCK_PROFILES))
    if len(stock.line_of) < len(table.rows):
        bad = int(np.flatnonzero(stock.tally.rows != tally.OPEN)[0])
        raise ImportRefused(
            f"{path}, line {table.line_numbers[bad]}: {stock.tally.name_of(bad)}; "
            "opening stock is taken whole or not at all"
        )
    return stock.codes_and_units()
