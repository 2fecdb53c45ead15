"""Announced promotions: what is expected to be different, of what, from when to when.

Always only raises what is expected inside its window; what is beyond that is still an alarm. Never
more than CALENDAR_MAX windows at once: those that are over make room.
"""

from typing import NamedTuple

from tidegate.watch import layout as lo


class Window(NamedTuple):
    """An announced window: `rate` times the usual orders or `orders_per_h`, whichever is more, at
    `price` of the usual price, with `units` times the usual units and discounts of
    `plan_fen_per_h` (0 = no plan). Of a SKU, a promotion or a channel by number.
    """

    scope: int
    number: int  # -1: every one of the scope
    from_ms: int
    until_ms: int
    rate: float = 1.0
    price: float = 1.0
    units: float = 1.0
    plan_fen_per_h: float = 0.0
    orders_per_h: float = 0.0


class CalendarFull(ValueError):
    """More windows than can be watched at once."""


def announce(state: lo.State, windows: tuple[Window, ...]) -> None:
    """Make these the announced windows, in place of any before. Raises CalendarFull."""
    if len(windows) > lo.CALENDAR_MAX:
        raise CalendarFull(f"{len(windows)} windows; at most {lo.CALENDAR_MAX} at once")
    for window in windows:
        assert window.scope in (lo.SKU, lo.PROMOTION, lo.CHANNEL)
        assert window.rate >= 1.0
        assert 0.0 < window.price <= 1.0
        assert window.from_ms < window.until_ms
    state.calendar[:] = 0.0
    for row, window in enumerate(windows):
        state.calendar[row] = window
    state.counts[lo.CALENDAR_COUNT] = len(windows)
