"""Catalogue and stock files: one item a line, to commands for the desk.

An item may stand in a file once: a second line that says the same is a duplicate, one that says
something else is malformed. A line is the whole truth of its item; an empty cost means that the
cost is missing, never that it is zero.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from tidegate.imports import cells, roles, tally
from tidegate.imports.answers import reason_name
from tidegate.imports.columns import ColumnMap
from tidegate.imports.parsed_columns import Integers, ParsedColumns
from tidegate.imports.ports import DeskPort, NamedCommand
from tidegate.imports.refusal import CellRefused
from tidegate.imports.tables import Table
from tidegate.imports.tally import LineTally
from tidegate.pricing.guard.floors import FloorPolicy, computed_floor_fen
from tidegate.record.facts import CountStock, PutSku, ReceiveStock

COUNT, RECEIPT = "count", "receipt"
COMMANDS_PER_CALL_MAX = 1_000
SKU_TWICE = "sku_twice"


NO_POLICY = FloorPolicy()
WHOLE_BP = 10_000


@dataclass(frozen=True)
class ItemLines:
    """Commands of the readable lines with the file line of each; units by file line."""

    commands: Sequence[PutSku | CountStock | ReceiveStock]
    line_of: list[int]
    quantity: Integers
    tally: LineTally

    def codes_and_units(self) -> dict[str, int]:
        """Units by item code."""
        named = zip(self.commands, self.line_of, strict=True)
        return {_code(command): int(self.quantity[line]) for command, line in named}


def read_catalogue(
    table: Table, found: ColumnMap, decimal_mark: str = "", policy: FloorPolicy = NO_POLICY
) -> ItemLines:
    """What each item is. Lines that cannot be read have their rows in the tally.

    `policy`: what a price must cover beside the file's cost; without one the cost is the floor.
    """
    columns = ParsedColumns(table, found)
    mark = decimal_mark or found.meaning.decimal_mark
    codes = columns.parse(roles.SKU, cells.parse_sku_code, "")
    price = partial(_price, decimal_mark=mark)
    list_price = columns.parse(roles.LIST_PRICE, price, 0)
    cost = columns.parse(roles.COST, partial(_or_none, parse=price), None)
    red_line = columns.parse(roles.FLOOR, partial(_or_zero, parse=price), 0)
    units = partial(_or_zero, parse=partial(_units, decimal_mark=mark))
    most, least, safety = (
        columns.parse(role, units, 0)
        for role in (roles.QUANTITY_MAX, roles.QUANTITY_MIN, roles.SAFETY_STOCK)
    )
    columns.settle()
    items = {
        line: PutSku(
            codes[line],
            list_price[line],
            floor_fen(cost[line], policy),
            red_line[line],
            most[line],
            max(1, least[line]),
            safety[line],
        )
        for line in columns.tally.open_lines().tolist()
    }
    line_of = _each_once(columns.tally, codes, items)
    nothing = np.zeros(len(table.rows), dtype=np.int64)
    return ItemLines([items[line] for line in line_of], line_of, nothing, columns.tally)


def floor_fen(cost_fen: int | None, policy: FloorPolicy) -> int | None:
    """保本价 of an item; None where its cost is not known."""
    return None if cost_fen is None else computed_floor_fen(cost_fen, policy)


def read_stock(
    table: Table, found: ColumnMap, kind: str = COUNT, decimal_mark: str = ""
) -> ItemLines:
    """Units of each item: COUNT says what lies on the shelf, RECEIPT what arrived."""
    columns = ParsedColumns(table, found)
    mark = decimal_mark or found.meaning.decimal_mark
    codes = columns.parse(roles.SKU, cells.parse_sku_code, "")
    units = columns.parse(roles.QUANTITY, partial(_units, decimal_mark=mark), 0)
    quantity = np.array(units, dtype=np.int64)
    if kind == RECEIPT:
        columns.refuse(np.flatnonzero(quantity == 0), "quantity_zero")
    columns.settle()
    make = CountStock if kind == COUNT else ReceiveStock
    items: dict[int, CountStock | ReceiveStock] = {
        line: make(codes[line], units[line]) for line in columns.tally.open_lines().tolist()
    }
    line_of = _each_once(columns.tally, codes, items)
    return ItemLines([items[line] for line in line_of], line_of, quantity, columns.tally)


def send_items(
    lines: ItemLines,
    port: DeskPort,
    now_ms: int,
    digest: str,
    on_item: Callable[[int], None] = lambda _done: None,
) -> None:
    """Ask for all commands, then give every open line its row.

    Command ids are made of the file's SHA-256 and the line: the same file again changes nothing.
    """
    reasons = np.zeros(len(lines.commands), dtype=np.uint8)
    for begin in range(0, len(reasons), COMMANDS_PER_CALL_MAX):
        end = min(begin + COMMANDS_PER_CALL_MAX, len(reasons))
        asked = [
            NamedCommand(f"import/{digest}/{lines.line_of[i]}", lines.commands[i])
            for i in range(begin, end)
        ]
        reasons[begin:end] = port.commands(asked, now_ms)
        on_item(end)
    port.sync()
    _settle(lines.tally, lines.line_of, reasons)


def _code(command: PutSku | CountStock | ReceiveStock) -> str:
    return command.code if isinstance(command, PutSku) else command.sku


def _each_once(counts: LineTally, codes: list[str], items: Mapping[int, object]) -> list[int]:
    """The lines that name their item first; later ones are duplicates or contradictions."""
    first: dict[str, object] = {}
    kept: list[int] = []
    for line, item in items.items():
        known = first.setdefault(codes[line], item)
        if known is item:
            kept.append(line)
        else:
            twice = tally.DUPLICATE_LINE if known == item else tally.MALFORMED + SKU_TWICE
            counts.assign(np.array([line]), twice)
    return kept


def _settle(counts: LineTally, line_of: Sequence[int], reasons: NDArray[np.uint8]) -> None:
    assert len(reasons) == len(line_of), "one reason for each line"
    lines = np.array(line_of, dtype=np.int64)
    for reason in np.unique(reasons).tolist():
        name = tally.ACCEPTED if reason == 0 else tally.REFUSED + reason_name(reason)
        counts.assign(lines[reasons == reason], name)


def _price(text: str, decimal_mark: str) -> int:
    fen = cells.parse_money_fen(text, decimal_mark)
    if fen < 0:
        raise CellRefused("money_negative")
    return fen


def _units(text: str, decimal_mark: str) -> int:
    units = cells.parse_quantity(text, decimal_mark)
    if units < 0:
        raise CellRefused("quantity_negative")
    return units


def _or_none(text: str, parse: Callable[[str], int]) -> int | None:
    return parse(text) if cells.folded(text) else None


def _or_zero(text: str, parse: Callable[[str], int]) -> int:
    return parse(text) if cells.folded(text) else 0
