"""How figures are said to people, in English and Chinese: money, units, limits, states, times.

Always both languages at once, of the same figures. Never: a figure that is not also given as a
number, so that a program need not read words.
"""

from datetime import UTC, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from tidegate.domain.reasons import REASON_TEXTS, Reason

ZONE_DEFAULT = "Asia/Shanghai"
SATURATED = 0xFFFF_FFFF  # a figure of the record that may have been larger

WINDOWS_EN = {
    "total": "in total", "day": "a day", "week": "a week", "month": "a month",
    "minute": "a minute", "second": "a second",
}  # fmt: skip
WINDOWS_ZH = {
    "total": "总共", "day": "每日", "week": "每周", "month": "每月", "minute": "每分钟",
    "second": "每秒",
}  # fmt: skip
STATES_ZH = {
    "refused": "已拒单", "pre_held": "预占", "committed": "占用", "released": "已放行",
    "on_hold": "挂起", "expired": "已过期", "closed": "已完结",
}  # fmt: skip
KINDS_ZH = {"account": "账号", "phone": "手机号", "address": "地址", "device": "设备"}
MONEY_BASES = ("money", "discount", "loss")


class Said(NamedTuple):
    """Figures, and what they say in both languages."""

    figures: dict[str, Any]
    en: str
    zh: str


NOTHING_MORE = Said({}, "", "")  # the reason's own words say it all


def yuan(fen: int) -> str:
    """Money as people write it: 1990 fen are 19.90."""
    sign, whole = ("-" if fen < 0 else ""), abs(fen)
    return f"{sign}{whole // 100}.{whole % 100:02d}"


def amount(value: int, basis: str) -> str:
    """What a rule counts, as people write it."""
    text = yuan(value) if basis in MONEY_BASES else str(value)
    return f"{text}+" if value == SATURATED else text


def units_en(count: int) -> str:
    """So many units."""
    return "1 unit" if count == 1 else f"{count} units"


def limit_said(limit: int, has: int | None, asked: int, basis: str, window: str) -> tuple[str, str]:
    """A limit in both languages: "limit 6 a month, has 4, asked 3"."""
    most, wanted = amount(limit, basis), amount(asked, basis)
    unit = " orders" if basis == "orders" else ""
    unit_zh = " 单" if basis == "orders" else " 元" if basis in MONEY_BASES else " 件"
    held_en = "" if has is None else f"has {amount(has, basis)}, "
    held_zh = "" if has is None else f"已有 {amount(has, basis)}，"
    return (
        f"limit {most}{unit} {WINDOWS_EN[window]}, {held_en}asked {wanted}",
        f"{WINDOWS_ZH[window]}限 {most}{unit_zh}，{held_zh}本次 {wanted}",
    )


def local_time(at_ms: int, zone: str) -> str:
    """A moment on the shop's clock, with its distance from UTC."""
    moment = datetime.fromtimestamp(at_ms // 1000, UTC).replace(microsecond=at_ms % 1000 * 1000)
    return moment.astimezone(ZoneInfo(zone)).isoformat(timespec="milliseconds")


def clock_time(at_ms: int, zone: str) -> str:
    """A moment on the shop's clock, to the second, for a sentence."""
    moment = datetime.fromtimestamp(at_ms // 1000, UTC)
    return moment.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S")


def reason_said(reason: Reason, more: Said) -> Said:
    """A reason's own words, then what its figures say."""
    text = REASON_TEXTS[reason]
    en = f"{text.english} ({more.en})" if more.en else text.english
    zh = f"{text.chinese}（{more.zh}）" if more.zh else text.chinese
    return Said(more.figures, en, zh)
