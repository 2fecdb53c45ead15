"""What an import would do, from the file alone: how it was read, its first lines, what is planned.

Nothing is asked of a shop, so nothing here says what the engine would decide. Buyers are never
shown: a preview may end up in a chat window.
"""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np

from tidegate.imports import tally
from tidegate.imports.columns import ColumnMap
from tidegate.imports.files import FileRead
from tidegate.imports.items import ItemLines
from tidegate.imports.order_lines import RETURN, SALE, WRITE_OFF
from tidegate.imports.order_prepared import PreparedOrders
from tidegate.imports.parsed_columns import ABSENT
from tidegate.imports.tally import LineTally

_KIND_NAMES = {SALE: "sale", RETURN: "return", WRITE_OFF: "write_off"}


@dataclass(frozen=True)
class Preview:
    """Texts and counts to show; `lines` has one row of texts for each previewed line."""

    source: str
    sha256: str
    form: str
    columns: list[tuple[str, str]]  # role, the file's own name
    header: list[str]
    lines: list[list[str]]
    planned: dict[str, int]
    kept_out: dict[str, int]

    def as_json(self) -> dict[str, object]:
        """Plain values."""
        return asdict(self)


def preview_orders(prepared: PreparedOrders, lines_shown: int) -> Preview:
    """The first lines of an order file as they were understood, and the size of the plan."""
    lines, sales = prepared.lines, prepared.plan.sales
    zone = ZoneInfo(prepared.options.reading.zone_name)
    shown = []
    for line in range(min(lines_shown, len(lines))):
        order, sku = int(lines.order[line]), int(lines.sku[line])
        moment = datetime.fromtimestamp(int(lines.time_ms[line]) / 1000, UTC).astimezone(zone)
        shown.append(
            [
                str(prepared.file.table.line_numbers[line]),
                "" if order == ABSENT else lines.order_ids[order],
                "" if sku == ABSENT else lines.sku_codes[sku],
                str(lines.quantity[line]),
                yuan(int(lines.amounts.price_fen[line])),
                moment.isoformat(sep=" ", timespec="seconds"),
                "named" if lines.customer[line] != ABSENT else "anonymous",
                _row(lines.tally, line) or _KIND_NAMES[int(lines.kind[line])],
            ]
        )
    planned = {
        "orders": len(np.unique(sales.part_order)),
        "orders_split": sales.split_orders,
        "parts": len(sales.part_order),
        "rows": len(sales.rows),
        "returns": int((lines.kind == RETURN).sum()),
        "write_offs": int((lines.kind == WRITE_OFF).sum()),
        "items": len(lines.sku_codes),
    }
    header = ["line", "order", "sku", "quantity", "unit price", "time", "buyer", "is"]
    return _preview(prepared.file, prepared.found, header, shown, planned, lines.tally)


def preview_items(file: FileRead, found: ColumnMap, items: ItemLines, lines_shown: int) -> Preview:
    """The first lines of a catalogue or stock file as they were understood."""
    commands = dict(zip(items.line_of, items.commands, strict=True))
    shown = [
        [str(file.table.line_numbers[line]), str(commands.get(line, _row(items.tally, line)))]
        for line in range(min(lines_shown, len(file.table.rows)))
    ]
    planned = {"items": len(items.line_of)}
    return _preview(file, found, ["line", "is"], shown, planned, items.tally)


def _preview(
    file: FileRead,
    found: ColumnMap,
    header: list[str],
    lines: list[list[str]],
    planned: dict[str, int],
    counts: LineTally,
) -> Preview:
    kept_out = {name: len(counts.lines_in(name)) for name in sorted(counts.names)}
    return Preview(
        file.table.description,
        file.sha256,
        found.profile,
        found.shown(),
        header,
        lines,
        {"lines": len(file.table.rows), **planned},
        {name: lines_in for name, lines_in in kept_out.items() if lines_in},
    )


def _row(counts: LineTally, line: int) -> str:
    return "" if counts.rows[line] == tally.OPEN else counts.name_of(line)


def yuan(fen: int) -> str:
    """An amount with two decimals and thousands separators."""
    sign = "-" if fen < 0 else ""
    whole, rest = divmod(abs(fen), 100)
    return f"{sign}{whole:,}.{rest:02d}"
