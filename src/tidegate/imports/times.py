"""A file's dates and times, in the many forms shops write them, to UTC milliseconds.

A time without an offset is the shop's wall clock. A date that could be day-first or month-first is
settled by the other dates of the column or by the mapping, and is otherwise refused. A wall-clock
time that occurred twice (clocks set back) is taken as its first occurrence; one that never occurred
is refused. Reads no clock.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tidegate.imports.cells import folded
from tidegate.imports.refusal import CellRefused, ImportRefused

YEAR_MIN, YEAR_MAX = 1990, 2100
DAY_FIRST, MONTH_FIRST = "dmy", "mdy"

_CLOCK = r"(?:[ T]+(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,6})\d*)?)?\s*(AM|PM)?)?"
_OFFSET = r"\s*(Z|UTC|[+-]\d{2}:?\d{2})?$"
_YEAR_FIRST = re.compile(
    r"^(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})" + _CLOCK + _OFFSET, re.IGNORECASE | re.ASCII
)
_YEAR_LAST = re.compile(
    r"^(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})" + _CLOCK + _OFFSET, re.IGNORECASE | re.ASCII
)
_COMPACT = re.compile(r"^(\d{4})(\d{2})(\d{2})(?:[ T]?(\d{2})(\d{2})(\d{2})?)?$", re.ASCII)
_EPOCH = re.compile(r"^(?:\d{10}|\d{13})$", re.ASCII)
_CHINESE = str.maketrans(
    {"年": "-", "月": "-", "日": " ", "时": ":", "点": ":", "分": ":", "秒": ""}
)
_CHINESE_WORDS = re.compile(r"[年月日时点分]")
_EPOCH_ZERO = datetime(1970, 1, 1, tzinfo=UTC)


def shop_zone(name: str) -> ZoneInfo:
    """The zone of this IANA name. Raises ImportRefused where it is unknown here."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ImportRefused(
            f"no time zone {name!r} on this machine: use a name such as Asia/Shanghai; "
            "if that fails too, install the system's tzdata package"
        ) from None


def date_order_of(values: Iterable[str], given: str = "") -> str:
    """`dmy` or `mdy` where the column proves it (a 13th month is a day), else `given` or ''."""
    if given in (DAY_FIRST, MONTH_FIRST):
        return given
    day_first = month_first = False
    for value in set(values):
        found = _YEAR_LAST.match(folded(value))
        if found:
            day_first |= int(found[1]) > 12
            month_first |= int(found[2]) > 12
    if day_first == month_first:
        return ""
    return DAY_FIRST if day_first else MONTH_FIRST


def parse_time_ms(text: str, zone: tzinfo, date_order: str = "") -> int:
    """UTC milliseconds. Raises CellRefused: missing, unreadable, ambiguous, gap, out of bounds."""
    plain = _plain(folded(text))
    if not plain:
        raise CellRefused("time_missing")
    found = _YEAR_FIRST.match(plain)
    if found:
        return _instant(found[1], found[2], found[3], found.groups()[3:], zone)
    found = _COMPACT.match(plain)
    if found and int(found[2]) <= 12 and YEAR_MIN <= int(found[1]) <= YEAR_MAX:
        clock = (found[4], found[5], found[6], None, None, None)
        return _instant(found[1], found[2], found[3], clock, zone)
    found = _YEAR_LAST.match(plain)
    if found:
        day, month = _day_and_month(int(found[1]), int(found[2]), date_order)
        return _instant(found[3], month, day, found.groups()[3:], zone)
    if _EPOCH.match(plain):
        return _bounded(int(plain) * (1000 if len(plain) == 10 else 1))
    raise CellRefused("time_unreadable")


def _plain(text: str) -> str:
    """Chinese dates in dashes and colons: 2021年10月26日 0时5分 -> 2021-10-26 0:05."""
    if not _CHINESE_WORDS.search(text):
        return text
    dashed = text.translate(_CHINESE).strip().rstrip(":- ")
    date, _, clock = re.sub(r"\s+", " ", dashed).partition(" ")
    if not clock:
        return date
    parts = clock.split(":") + (["00"] if ":" not in clock else [])
    return f"{date} {':'.join(part.strip().zfill(2) for part in parts)}"


def _day_and_month(first: int, second: int, date_order: str) -> tuple[int, int]:
    if date_order == DAY_FIRST:
        return first, second
    if date_order == MONTH_FIRST:
        return second, first
    if first > 12:
        return first, second
    if second > 12:
        return second, first
    if first == second:
        return first, second
    raise CellRefused("time_ambiguous")


def _instant(
    year: str | int,
    month: str | int,
    day: str | int,
    clock: tuple[str | None, ...],
    zone: tzinfo,
) -> int:
    hour, minute, second, fraction, half, offset = clock
    try:
        wall = datetime(  # noqa: DTZ001  a wall clock; the zone follows below
            int(year),
            int(month),
            int(day),
            _hour(int(hour or 0), half),
            int(minute or 0),
            int(second or 0),
            int((fraction or "0").ljust(6, "0")),
        )
    except ValueError:
        raise CellRefused("time_unreadable") from None
    if not YEAR_MIN <= wall.year <= YEAR_MAX:
        raise CellRefused("time_out_of_bounds")
    if offset:
        return _milliseconds(wall.replace(tzinfo=_fixed(offset.upper())))
    local = wall.replace(tzinfo=zone, fold=0)
    moment = _milliseconds(local)
    back = (_EPOCH_ZERO + timedelta(milliseconds=moment)).astimezone(zone).replace(tzinfo=None)
    if back != wall.replace(microsecond=wall.microsecond // 1000 * 1000):
        raise CellRefused("time_does_not_exist")
    return moment


def _hour(hour: int, half: str | None) -> int:
    if half is None:
        return hour
    if not 1 <= hour <= 12:
        raise CellRefused("time_unreadable")
    return hour % 12 + (12 if half.upper() == "PM" else 0)


def _fixed(offset: str) -> tzinfo:
    if offset in ("Z", "UTC"):
        return UTC
    hours, minutes = int(offset[1:3]), int(offset[-2:])
    if hours > 23 or minutes > 59:
        raise CellRefused("time_unreadable")
    sign = -1 if offset[0] == "-" else 1
    return timezone(sign * timedelta(hours=hours, minutes=minutes))


def _milliseconds(moment: datetime) -> int:
    return (moment - _EPOCH_ZERO) // timedelta(milliseconds=1)


def _bounded(milliseconds: int) -> int:
    year = (_EPOCH_ZERO + timedelta(milliseconds=milliseconds)).year
    if not YEAR_MIN <= year <= YEAR_MAX:
        raise CellRefused("time_out_of_bounds")
    return milliseconds
