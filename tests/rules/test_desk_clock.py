"""The shop clock: small steps are believed, jumps and sums of steps wait for a person.

Meanwhile time goes on by the monotonic clock. Every moment here is set by hand.
"""

import pytest

from tidegate.desk.clock import FOLLOWED, JUMP_MS, Calendar, WatchedClock, is_zone

NOW_MS = 1_792_944_000_000  # 2026-10-26T00:00:00+08:00
MINUTE_MS = 60_000


class HandClock:
    """A wall clock and a monotonic one, each set by hand."""

    def __init__(self, wall_ms: int = NOW_MS, monotonic_s: float = 1_000.0) -> None:
        self.wall_ms = wall_ms
        self.at_s = monotonic_s

    def now_ms(self) -> int:
        """The wall clock."""
        return self.wall_ms

    def monotonic_s(self) -> float:
        """The other one."""
        return self.at_s

    def pass_s(self, seconds: float) -> None:
        """Time passes on both."""
        self.at_s += seconds
        self.wall_ms += round(seconds * 1000)


@pytest.fixture
def hand() -> HandClock:
    return HandClock()


@pytest.mark.parametrize("step_ms", [4 * MINUTE_MS, -4 * MINUTE_MS, JUMP_MS, -JUMP_MS])
def test_a_step_of_five_minutes_at_most_is_believed_at_once(hand: HandClock, step_ms: int) -> None:
    watched = WatchedClock(hand)
    hand.wall_ms += step_ms
    assert watched.now_ms() == NOW_MS + step_ms
    assert watched.jumped_ms == 0


@pytest.mark.parametrize("step_ms", [6 * MINUTE_MS, -6 * MINUTE_MS, JUMP_MS + 1, -JUMP_MS - 1])
def test_a_jump_is_not_believed_and_time_goes_on_from_where_it_was(
    hand: HandClock, step_ms: int
) -> None:
    watched = WatchedClock(hand)
    hand.wall_ms += step_ms
    assert watched.now_ms() == NOW_MS
    hand.pass_s(90)
    assert watched.now_ms() == NOW_MS + 90_000
    assert watched.jumped_ms == step_ms


def test_a_jump_waits_for_a_person_even_when_the_clock_is_right_again(hand: HandClock) -> None:
    watched = WatchedClock(hand)
    hand.wall_ms += 6 * MINUTE_MS
    watched.now_ms()
    hand.wall_ms -= 6 * MINUTE_MS
    assert watched.now_ms() == NOW_MS
    assert watched.jumped_ms == 6 * MINUTE_MS
    watched.confirm()
    assert (watched.now_ms(), watched.jumped_ms) == (NOW_MS, 0)


@pytest.mark.parametrize("step_ms", [6 * MINUTE_MS, -6 * MINUTE_MS])
def test_a_confirmed_clock_is_the_time_from_then_on(hand: HandClock, step_ms: int) -> None:
    watched = WatchedClock(hand)
    hand.wall_ms += step_ms
    watched.now_ms()
    watched.confirm()
    assert (watched.now_ms(), watched.jumped_ms) == (NOW_MS + step_ms, 0)
    hand.wall_ms += 4 * MINUTE_MS  # measured against the confirmed time
    assert watched.now_ms() == NOW_MS + step_ms + 4 * MINUTE_MS
    assert watched.jumped_ms == 0


@pytest.mark.parametrize("looks", [1, 400])
def test_steps_add_up_however_often_the_clock_is_read(hand: HandClock, looks: int) -> None:
    """Two steps of four minutes within ten seconds are one of eight."""
    watched = WatchedClock(hand)
    hand.wall_ms += 4 * MINUTE_MS
    for _ in range(looks):
        hand.pass_s(10 / looks)
        watched.now_ms()
    assert watched.jumped_ms == 0
    hand.wall_ms += 4 * MINUTE_MS
    assert watched.now_ms() == NOW_MS + 4 * MINUTE_MS + 10_000
    assert watched.jumped_ms == 8 * MINUTE_MS - 10_000 * FOLLOWED


def test_old_steps_are_forgotten_at_86_seconds_a_day(hand: HandClock) -> None:
    watched = WatchedClock(hand)
    for _ in range(20):
        hand.wall_ms += 86_000
        hand.pass_s(86_400)
        watched.now_ms()
    assert watched.jumped_ms == 0


@pytest.mark.parametrize(
    ("behind_ms", "jumped_ms"),
    [(0, 0), (-MINUTE_MS, 0), (JUMP_MS, 0), (JUMP_MS + 1, -JUMP_MS - 1), (-(10**10), 0)],
)
def test_a_start_far_behind_the_journal_has_jumped(
    hand: HandClock, behind_ms: int, jumped_ms: int
) -> None:
    """Ahead of it proves nothing: the shop may have been closed so long."""
    watched = WatchedClock(hand, NOW_MS + behind_ms)
    assert watched.jumped_ms == jumped_ms
    assert watched.now_ms() == (NOW_MS + behind_ms if jumped_ms else NOW_MS)


@pytest.mark.parametrize(
    ("zone", "now_ms", "day"),
    [
        ("Asia/Shanghai", NOW_MS - 1, 20_751),
        ("Asia/Shanghai", NOW_MS, 20_752),
        ("UTC", NOW_MS, 20_751),
        # The day of 25 hours and the one of 23: 2026-10-25 and 2026-03-29 in Berlin.
        ("Europe/Berlin", 1_792_965_600_000 - 1, 20_751),
        ("Europe/Berlin", 1_792_969_200_000 - 1, 20_751),
        ("Europe/Berlin", 1_792_969_200_000, 20_752),
        ("Europe/Berlin", 1_774_821_600_000 - 1, 20_541),
        ("Europe/Berlin", 1_774_821_600_000, 20_542),
    ],
)
def test_a_day_begins_and_ends_at_the_shops_own_midnight(zone: str, now_ms: int, day: int) -> None:
    calendar = Calendar(zone)
    assert calendar.day(now_ms) == day
    assert calendar.day(now_ms) == day  # from memory


@pytest.mark.parametrize(
    ("name", "there"),
    [("Asia/Shanghai", True), ("Mars/Olympus", False), ("../etc/passwd", False), ("", False),
     ("a" * 300, False), ("a\0b", False)],
)  # fmt: skip
def test_only_real_zones_are_zones(name: str, there: bool) -> None:
    assert is_zone(name) is there
