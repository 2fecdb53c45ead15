"""Until when identities must live, by the rules in force, and when they are swept."""

from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest

from tidegate.bootstrap.retention import NEVER, Retention, SweptState
from tidegate.desk.days import ShopDays
from tidegate.desk.periods import last_limit_day, period_end
from tidegate.engine import layout as lo
from tidegate.people.identity import RETENTION_DAYS, IdentityTable

EPOCH = date(1970, 1, 1).toordinal()
ZONE = "Asia/Shanghai"


def day(text: str) -> int:
    """The number of a day."""
    return date.fromisoformat(text).toordinal() - EPOCH


class HeldClock:
    """A clock that stands still until it is moved."""

    def __init__(self, text: str) -> None:
        self.at = datetime.fromisoformat(text).astimezone(UTC)

    def now_ms(self) -> int:
        """UTC milliseconds."""
        return int(self.at.timestamp() * 1000)

    def move(self, text: str) -> None:
        """To another moment."""
        self.at = datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    ("window", "on", "ends"),
    [
        (lo.DAY, "2026-10-26", "2026-10-26"),
        (lo.WEEK, "2026-10-26", "2026-11-01"),  # a Monday
        (lo.WEEK, "2026-11-01", "2026-11-01"),  # a Sunday
        (lo.MONTH, "2026-10-01", "2026-10-31"),
        (lo.MONTH, "2026-12-31", "2026-12-31"),
        (lo.MONTH, "2028-02-03", "2028-02-29"),
        (lo.TOTAL, "2026-10-26", "2027-11-30"),
    ],
)
def test_a_period_ends_where_the_engine_ends_it(window: int, on: str, ends: str) -> None:
    assert period_end(window, day(on)) == day(ends)
    if window != lo.TOTAL:
        from tidegate.engine.tables import window_at

        number = window_at.py_func if hasattr(window_at, "py_func") else window_at
        assert number(window, day(ends), 0) == number(window, day(on), 0)
        assert number(window, day(ends) + 1, 0) == number(window, day(on), 0) + 1


def rules(*rows: tuple[int, int, int]) -> "np.ndarray[tuple[int], np.dtype[np.void]]":
    """Rules as (window, keyed, known), behind the row that nobody uses."""
    made = np.zeros(len(rows) + 1, lo.RULE)
    for row, (window, keyed, known) in zip(made[1:], rows, strict=True):
        row["window"], row["keyed"], row["known"] = window, keyed, known
    return made


@pytest.mark.parametrize(
    ("rows", "ends"),
    [
        ([], "2026-10-31"),
        ([(lo.DAY, 1, 1)], "2026-10-31"),
        ([(lo.WEEK, 2, 1)], "2026-11-01"),
        ([(lo.DAY, 1, 1), (lo.MONTH, 1, 1)], "2026-10-31"),
        ([(lo.MONTH, 1, 0), (lo.WEEK, 1, 1)], "2026-11-01"),  # switched off
        ([(lo.TOTAL, 0, 1)], "2026-10-31"),  # a budget: it counts nobody
        ([(lo.TOTAL, 8, 1), (lo.DAY, 1, 1)], "2027-12-05"),
    ],
)
def test_the_longest_rule_that_counts_persons_holds_them(
    rows: list[tuple[int, int, int]], ends: str
) -> None:
    assert last_limit_day(rules(*rows), day("2026-10-30")) == day(ends)


def test_on_the_last_day_of_a_month_the_next_month_holds_already() -> None:
    assert last_limit_day(rules((lo.MONTH, 1, 1)), day("2026-10-31")) == day("2026-11-30")


@pytest.mark.parametrize(
    ("now", "swept", "is_due"),
    [
        ("2026-10-26T03:59:59+08:00", "2026-10-25", False),
        ("2026-10-26T04:00:00+08:00", "2026-10-25", True),
        ("2026-10-26T23:00:00+08:00", "2026-10-26", False),
        ("2026-10-26T00:00:01+08:00", "2026-10-24", True),  # a whole day was missed
        ("2026-10-25T19:59:59+00:00", "2026-10-25", False),  # the shop's four o'clock, not ours
        ("2026-10-25T20:00:00+00:00", "2026-10-25", True),
    ],
)
def test_a_sweep_is_due_once_a_day_at_a_quiet_hour_of_the_shop(
    tmp_path: Path, now: str, swept: str, is_due: bool
) -> None:
    days = ShopDays(ZONE, HeldClock(now).now_ms)
    table = IdentityTable.open(tmp_path / "identity.db", bytes(32), days)
    assert Retention(table, days, SweptState(day(swept))).is_due() is is_due
    assert Retention(table, days, SweptState()).is_due() is True
    table.close()


def test_days_that_were_missed_are_made_up_for_after_a_restart(tmp_path: Path) -> None:
    clock = HeldClock("2026-01-01T12:00:00+08:00")
    path, days = tmp_path / "identity.db", ShopDays(ZONE, clock.now_ms)
    table = IdentityTable.open(path, bytes(32), days)
    retention = Retention(table, days, SweptState())
    assert retention.state == SweptState(NEVER, 0)
    table.tokens([(0, table.keyed_hash(0, f"u{n}")) for n in range(5)])
    retention.step(lambda: None)
    assert retention.state == SweptState(day("2026-01-01"), 0)
    table.close()

    gone = date.fromordinal(day("2026-01-01") + EPOCH + RETENTION_DAYS + 1).isoformat()
    clock.move(f"{gone}T00:30:00+08:00")
    table = IdentityTable.open(path, bytes(32), days)
    again = Retention(table, days, retention.state)
    again.step(lambda: None)
    assert again.state == SweptState(day(gone), 5)
    assert [count.persons for count in table.counts()] == []
    table.close()


def test_a_sweep_that_is_stopped_is_finished_the_next_time(tmp_path: Path) -> None:
    clock = HeldClock("2026-01-01T12:00:00+08:00")
    days = ShopDays(ZONE, clock.now_ms)
    table = IdentityTable.open(tmp_path / "identity.db", bytes(32), days)
    table.tokens([(0, table.keyed_hash(0, f"u{n}")) for n in range(5_000)])
    table.forget_hashes([table.keyed_hash(0, f"u{n}") for n in range(2_500)], 0)
    clock.move("2028-01-01T12:00:00+08:00")
    retention = Retention(table, days, SweptState())

    def stop() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        retention.step(stop)
    assert retention.state == SweptState()
    retention.step(lambda: None)
    assert retention.state.day == day("2028-01-01")
    assert [count.persons for count in table.counts()] == []
    table.close()
