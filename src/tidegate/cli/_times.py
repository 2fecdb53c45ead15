"""Times and spans as a person reads and writes them on the command line.

Always: a time is shown in the terminal's zone, with its offset. Never: a time without a zone is
guessed at.
"""

import datetime as dt
import re

from tidegate.cli._client import WrongUsage

_UNITS_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_SPAN = re.compile(r"([1-9][0-9]{0,6})([smhd])")


def local_time(at_ms: int) -> str:
    """A moment in the terminal's zone: 2026-10-26 00:00:00+08:00."""
    moment = dt.datetime.fromtimestamp(at_ms // 1000, dt.UTC).astimezone()
    return moment.isoformat(" ", "seconds")


def span_s(text: str, option: str) -> int:
    """Seconds of `90s`, `45m`, `2h` or `3d`. Raises WrongUsage."""
    found = _SPAN.fullmatch(text)
    if found is None:
        raise WrongUsage(f"{option}: write a span such as 90s, 45m, 2h or 3d")
    return int(found[1]) * _UNITS_S[found[2]]


def moment_ms(text: str, option: str) -> int:
    """UTC milliseconds of an RFC 3339 time with an offset. Raises WrongUsage."""
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        moment = dt.datetime.min  # noqa: DTZ901  has no zone, as wanted
    if moment.tzinfo is None:
        raise WrongUsage(f"{option}: write a time with its offset: 2026-10-26T12:00+08:00")
    return int(moment.timestamp() * 1000)
