"""New ids per key: a burst, then a steady rate, and bounded memory."""

import pytest

from tidegate.access import rate as rate_module
from tidegate.access.rate import RateLimit


class Clock:
    """A monotonic clock, set by hand."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_burst_passes_and_then_the_rate(clock: Clock) -> None:
    limit = RateLimit(10.0, 5, clock)
    assert [limit.take("k") for _ in range(5)] == [0.0] * 5
    assert limit.take("k") == pytest.approx(0.1)
    clock.now_s += 0.1
    assert limit.take("k") == 0.0
    assert limit.take("k") == pytest.approx(0.1)
    clock.now_s += 100
    assert [limit.take("k") for _ in range(6)] == [0.0] * 5 + [pytest.approx(0.1)]


def test_what_is_refused_is_not_counted(clock: Clock) -> None:
    limit = RateLimit(1.0, 1, clock)
    assert limit.take("k") == 0.0
    assert [limit.take("k") for _ in range(100)] == [pytest.approx(1.0)] * 100
    clock.now_s += 1.0
    assert limit.take("k") == 0.0


def test_a_batch_counts_whole_or_not_at_all(clock: Clock) -> None:
    limit = RateLimit(100.0, 50, clock)
    assert limit.take("k", 30) == 0.0
    assert limit.take("k", 30) == pytest.approx(0.1)
    assert limit.take("k", 20) == 0.0
    assert limit.take("k", 51) > 0


def test_keys_do_not_share(clock: Clock) -> None:
    limit = RateLimit(1.0, 1, clock)
    assert [limit.take(key) for key in ("a", "b", "a")] == [0.0, 0.0, pytest.approx(1.0)]


def test_over_any_stretch_a_key_gets_its_burst_and_its_rate(clock: Clock) -> None:
    limit = RateLimit(7.0, 3, clock)
    passed = 0
    for _ in range(10_000):
        passed += limit.take("k") == 0.0
        clock.now_s += 0.01
    assert passed == 3 + 7 * 100 - 1  # the last token of the stretch fills at its very end


def test_memory_is_bounded(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_module, "KEYS_MAX", 100)
    limit = RateLimit(1.0, 1, clock)
    for number in range(1000):
        assert limit.take(f"k{number}") == 0.0
        assert len(limit._full_at_s) <= 100
    clock.now_s += 2
    assert limit.take("another") == 0.0
    assert list(limit._full_at_s) == ["another"]
