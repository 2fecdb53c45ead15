"""A leak too slow for any single hour: days that are all somewhat above what they should be.

Always a note and no more: a shop's own weeks differ by as much as a slow leak does, so how much
they differ is measured and divides what a day says (quasi-Poisson). Never learns from a day more
than LESSON times what was due.
"""

import math

import numpy as np

from tidegate.record.lines import Array
from tidegate.watch import layout as lo

RATIO = 1.3  # what is looked for
WEEKS = 8.0  # over which a weekday is averaged
WEEKS_MIN = 2
LEVEL_DAYS = 8.0  # how the last days stood to their weekdays: a shop has seasons
LEVEL_MIN, LEVEL_MAX = 0.5, 1.2
LEVEL_HELD = 0.3  # so much less the level moves while days are above it: that may be the leak
LESSON = 1.5
SPREAD_FIRST, SPREAD_MIN, SPREAD_WEIGHT = 6.0, 1.0, 1 / 20
SHARES = 4.0  # kinds of notes that share what is allowed
DAY_MS = 86_400_000
BUDGET_DAYS = 180.0


def close_day(state: lo.State, day: int) -> Array:
    """Take in the day that is over, when `day` (local) is a new one; ALARM rows of slow leaks."""
    last = int(state.counts[lo.DAY])
    if day <= last:
        return np.zeros(0, lo.ALARM)
    state.counts[lo.DAY] = day
    found = []
    for channel in range(lo.CHANNELS_MAX):
        levels = state.channel_levels[channel]
        count, levels[lo.DAY_COUNT] = float(levels[lo.DAY_COUNT]), 0.0
        if last == 0 or levels[lo.CH_BORN_MS] == 0:
            continue
        if _score_day(state, channel, last, count):
            found.append(_alarm(state, channel, day))
        for quiet in range(max(last + 1, day - 7), day):
            _learn_day(state, channel, quiet, 0.0)
    return np.array(found, lo.ALARM)


def _threshold(state: lo.State) -> float:
    return math.log(BUDGET_DAYS * SHARES / max(0.01, float(state.settings[lo.WRONG_NOTES])))


def _score_day(state: lo.State, channel: int, day: int, count: float) -> bool:
    """CUSUM over days; whether it passed its threshold."""
    levels, place = state.channel_levels[channel], day % 7
    usual, known = float(state.days[channel, place]), int(state.days_known[channel, place])
    level = float(levels[lo.DAY_LEVEL]) or 1.0
    due = usual * min(LEVEL_MAX, max(LEVEL_MIN, level))
    if known >= WEEKS_MIN and due >= 1.0:
        spread = max(SPREAD_MIN, float(levels[lo.DAY_SPREAD]) or SPREAD_FIRST)
        gain = (count * math.log(RATIO) - (RATIO - 1.0) * due) / spread
        odd = min(4.0 * SPREAD_FIRST, (count - due) ** 2 / due)
        levels[lo.DAY_SPREAD] = spread + SPREAD_WEIGHT * (odd - spread)
        score = max(0.0, float(levels[lo.SLOW_SCORE]) + gain)
        if score == 0.0:
            levels[lo.SLOW_SEEN], levels[lo.SLOW_DUE], levels[lo.SLOW_SINCE_MS] = 0.0, 0.0, 0.0
        else:
            levels[lo.SLOW_SINCE_MS] = levels[lo.SLOW_SINCE_MS] or day * DAY_MS
            levels[lo.SLOW_SEEN] += count
            levels[lo.SLOW_DUE] += due
        levels[lo.SLOW_SCORE] = score
        weight = (LEVEL_HELD if score > 0.0 else 1.0) / LEVEL_DAYS
        levels[lo.DAY_LEVEL] = level + weight * (min(count / usual, LESSON) - level)
    _learn_day(state, channel, day, count)
    return bool(levels[lo.SLOW_SCORE] >= _threshold(state))


def _learn_day(state: lo.State, channel: int, day: int, count: float) -> None:
    place = day % 7
    known = int(state.days_known[channel, place])
    if known >= WEEKS_MIN:
        count = min(count, LESSON * float(state.days[channel, place]) + LESSON)
    weight = 1.0 / min(known + 1.0, WEEKS)
    state.days[channel, place] += weight * (count - state.days[channel, place])
    state.days_known[channel, place] = known + 1


def _alarm(state: lo.State, channel: int, day: int) -> Array:
    levels = state.channel_levels[channel]
    row = np.zeros(1, lo.ALARM)[0]
    row["at_ms"] = max(day * DAY_MS - int(state.counts[lo.OFFSET_MS]), 1)
    row["first_ms"] = int(levels[lo.SLOW_SINCE_MS])
    row["number"], row["channel"], row["scope"] = channel, channel, lo.CHANNEL
    row["hypothesis"] = lo.SLOW
    row["saw"], row["expected"] = levels[lo.SLOW_SEEN], levels[lo.SLOW_DUE]
    row["orders"] = int(levels[lo.SLOW_SEEN])
    row["score"], row["threshold"] = levels[lo.SLOW_SCORE], _threshold(state)
    levels[lo.SLOW_SCORE] = 0.0
    return row
