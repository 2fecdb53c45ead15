"""How a presale, gift, parcel or return stands after a command, in both languages.

The server's words stay as they are for programs; beside them stands what people call them.
"""

from typing import Any

from tidegate.cli._client import new_id
from tidegate.cli._command import Body, Caller

CHINESE = {
    "deposit_due": "待付定金", "balance_due": "待付尾款", "committed": "已成交", "ended": "已结束",
    "counted": "已计入", "used": "已用于订单", "kept": "定金不退", "refund_due": "待退款",
    "refunded": "已退款", "planned": "已计划", "waiting": "等待放行", "released": "已放行",
    "sourced": "已分仓", "split": "已拆分", "shipped": "已发货", "cancelled": "已取消",
    "covered": "由主品承担", "held": "挂起", "short": "缺货", "unmapped": "未映射",
    "refused": "已拒绝", "arrived": "待质检", "inspected": "已质检", "done": "已完成",
    "open": "启用", "closed": "停用",
}  # fmt: skip


def stand(caller: Caller, path: str, body: Body, what: str, *, has_id: bool = True) -> None:
    """Give a command and tell how the thing stands now."""
    if has_id:
        caller.name_it(caller.id or new_id())
        body = {"id": caller.id, **body}
    show_standing(caller, caller.send("POST", path, body, has_id=has_id), what)


def show_standing(caller: Caller, answer: dict[str, Any], what: str) -> None:
    """An answer that says how something stands."""
    state = str(answer["state"])
    notes = [note for note in (answer.get("reason"), answer.get("warehouse")) if note]
    more = f" ({', '.join(notes)})" if notes else ""
    caller.show(answer, f"{what}: {state} {CHINESE.get(state, '')}".rstrip() + more)


def show_rows(caller: Caller, path: str, columns: tuple[str, ...], state: str = "") -> None:
    """Rows that the server lists, one a line."""
    found = caller.get(f"{path}?state={state}" if state else path)
    lines = [row_text(row, columns) for row in found["rows"]]
    caller.show(found, "\n".join([*lines, f"{len(lines)} rows 共 {len(lines)} 条"]))


def row_text(row: dict[str, Any], columns: tuple[str, ...]) -> str:
    """Some fields of a row in a line."""
    return "  ".join(str(row[name]) for name in columns).rstrip()
