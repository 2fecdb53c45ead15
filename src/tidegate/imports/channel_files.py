"""Exports of a back office as a channel's feed: orders and shown stock, from CSV or XLSX.

Always: an order of which one line cannot be read is left out whole and named with its line. Never:
a recipient's name or address is read; of people only the account that the export names.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import tzinfo
from pathlib import Path

from tidegate.channels.feed_order import FeedLine, FeedOrder, FeedPage, Malformed, Status
from tidegate.channels.ports import Unreadable
from tidegate.imports import cells, roles, times
from tidegate.imports.columns import ColumnMap, map_columns
from tidegate.imports.files import read_file
from tidegate.imports.refusal import CellRefused, ImportRefused
from tidegate.imports.tables import Table
from tidegate.record.lines import LINES_PER_ORDER_MAX

CANCELLED = ("交易关闭", "付款前关闭", "已取消", "取消", "(删除)", "已关闭", "退款成功", "cancel",
             "closed", "voided")  # fmt: skip
UNPAID = ("等待买家付款", "待付款", "未付款", "等待付款", "unpaid", "pending")
SHIPPED = ("卖家已发货", "已发货", "交易成功", "已完成", "等待买家确认", "shipped", "completed")
NUMBER_NAMES = ("订单号", "订单编号", "order", "number")
STATUS_NAMES = ("订单状态", "状态", "status")
THERE = {
    "gone": SHIPPED,
    "held": ("挂起", "异常", "已拦截", "on hold", "held"),
}


def orders_of_file(path: Path, zone: tzinfo, changed_at_ms: int) -> FeedPage:
    """Every order of an export, as it was when it was exported. Raises Unreadable."""
    table = _table(path)
    found = _mapped(table, roles.ORDER_PROFILES)
    lines: dict[str, list[int]] = defaultdict(list)
    malformed: list[Malformed] = []
    order_at = found.columns[roles.ORDER]
    for row, record in enumerate(table.rows):
        if row in table.faults:
            if table.faults[row] != "blank":
                malformed.append(_bad(path, table, row, table.faults[row]))
            continue
        number = cells.folded(record[order_at])
        lines[number].append(row)
    orders = []
    for number, rows in lines.items():
        try:
            orders.append(_order(number, rows, table, found, zone, changed_at_ms))
        except CellRefused as refused:
            malformed.append(_bad(path, table, rows[0], refused.reason))
    return FeedPage(orders, malformed)


def stock_of_file(path: Path) -> dict[str, int]:
    """What a back office says it shows, by item code. Raises Unreadable."""
    table = _table(path)
    found = _mapped(table, roles.STOCK_PROFILES)
    shown: dict[str, int] = {}
    for row, record in enumerate(table.rows):
        if row in table.faults:
            continue
        try:
            code = cells.parse_sku_code(record[found.columns[roles.SKU]])
            shown[code] = max(0, cells.parse_quantity(record[found.columns[roles.QUANTITY]]))
        except CellRefused as refused:
            raise Unreadable(
                f"{path.name} line {table.line_numbers[row]}: {refused.reason}"
            ) from None
    return shown


def states_of_file(path: Path) -> dict[str, str]:
    """How a warehouse's export says that orders stand. Raises Unreadable."""
    table = _table(path)
    index = {name.strip(): place for place, name in enumerate(table.header)}
    order = next((index[name] for name in NUMBER_NAMES if name in index), None)
    status = next((index[name] for name in STATUS_NAMES if name in index), None)
    if order is None or status is None:
        raise Unreadable(f"{path.name}: it needs the columns 订单号 (number) and 状态 (status)")
    return {
        cells.folded(record[order]): _there(record[status])
        for row, record in enumerate(table.rows)
        if row not in table.faults
    }


def _table(path: Path) -> Table:
    try:
        return read_file(path).table
    except ImportRefused as refused:
        raise Unreadable(f"{path.name}: {refused}") from None


def _mapped(table: Table, profiles: Sequence[roles.Profile]) -> ColumnMap:
    try:
        return map_columns(table.header, profiles)
    except ImportRefused as refused:
        raise Unreadable(str(refused)) from None


def _there(text: str) -> str:
    word = cells.folded(text).casefold()
    for state, words in THERE.items():
        if word.startswith(words):
            return state
    return "waiting"


def _order(
    number: str, rows: list[int], table: Table, found: ColumnMap, zone: tzinfo, changed_at_ms: int
) -> FeedOrder:
    cells.parse_identifier(number, "order_id_missing", "order_id_unreadable")
    if len(number) > 64 or not number.isascii() or not number.replace("-", "").isalnum():
        raise CellRefused("order_id_unreadable")
    if len(rows) > LINES_PER_ORDER_MAX:
        raise CellRefused("too_many_lines")
    lines = [_line(table.rows[row], found) for row in rows]
    first = table.rows[rows[0]]
    placed_at = times.parse_time_ms(first[found.columns[roles.TIME]], zone)
    account = ""
    if roles.CUSTOMER in found.columns:
        account = cells.folded(first[found.columns[roles.CUSTOMER]])[:512]
    return FeedOrder(
        number, placed_at, max(placed_at, changed_at_ms), _status(first, found),
        sum(line.receivable_fen for line in lines), lines, account=account,
    )  # fmt: skip


def _line(record: list[str], found: ColumnMap) -> FeedLine:
    columns = found.columns
    units = cells.parse_quantity(record[columns[roles.QUANTITY]])
    if units < 1:
        raise CellRefused("quantity_not_positive")
    if roles.LINE_TOTAL in columns:
        fen = cells.parse_money_fen(record[columns[roles.LINE_TOTAL]], found.meaning.decimal_mark)
    else:
        fen = units * cells.parse_money_fen(
            record[columns[roles.PRICE]], found.meaning.decimal_mark
        )
    if fen < 0:
        raise CellRefused("money_negative")
    return FeedLine(cells.parse_sku_code(record[columns[roles.SKU]]), units, fen)


def _status(record: list[str], found: ColumnMap) -> Status:
    """By its status' words; where there are none, by its time of payment; otherwise paid."""
    columns = found.columns
    word = cells.folded(record[columns[roles.STATUS]]).casefold() if roles.STATUS in columns else ""
    if word.startswith(CANCELLED):
        return "cancelled"
    if word.startswith(UNPAID):
        return "unpaid"
    if word.startswith(SHIPPED):
        return "shipped"
    if roles.PAID_TIME in columns and not record[columns[roles.PAID_TIME]].strip():
        return "unpaid"
    return "paid"


def _bad(path: Path, table: Table, row: int, why: str) -> Malformed:
    return Malformed(f"{path.name} line {table.line_numbers[row]}", why)
