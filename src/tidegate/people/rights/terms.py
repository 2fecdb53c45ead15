"""Kinds of requests, their deadlines, grounds of refusal, from a dated file that cites its source.

A deadline is counted in China's working days from the day after the request. This module has no
number and no article of its own.
"""

import warnings
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import chinese_calendar
import msgspec

FILE = Path(__file__).with_name("terms.json")
EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_SATURDAY = 5


class Term(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One kind of request."""

    working_days: int
    law: str
    source: str
    verified: bool


class Both(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The same words in both languages."""

    zh: str
    en: str


class Terms(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    version: str
    note: str
    kinds: dict[str, Term]
    refusals: dict[str, str]
    court: Both


class Due(NamedTuple):
    """The last day; provisional where a year's holidays were not published when it was counted."""

    day: int
    is_provisional: bool


@lru_cache(maxsize=1)
def load_terms() -> Terms:
    """The file of this release."""
    return msgspec.json.decode(FILE.read_bytes(), type=Terms)


def due_after(day: int, working_days: int) -> Due:
    """The last of so many working days after `day` (days since 1970-01-01).

    A year that the calendar does not know is counted by weekends alone: too early, never too late.
    """
    is_provisional = False
    at = date.fromordinal(day + EPOCH_ORDINAL)
    left = working_days
    while left > 0:
        at += timedelta(days=1)
        working, known = is_working_day(at)
        is_provisional = is_provisional or not known
        left -= working
    return Due(at.toordinal() - EPOCH_ORDINAL, is_provisional)


def is_working_day(day: date) -> tuple[bool, bool]:
    """Whether people work on that day in mainland China, and whether that is known."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return bool(chinese_calendar.is_workday(day)), True
    except NotImplementedError:
        return day.weekday() < _SATURDAY, False


def date_text(day: int) -> str:
    """A day number as `2026-12-15`; "" for none."""
    return date.fromordinal(day + EPOCH_ORDINAL).isoformat() if day else ""


def moment_text(at_ms: int) -> str:
    """A moment in UTC, to the second."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
