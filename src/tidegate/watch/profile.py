"""How many orders a channel usually has, by weekday and hour, and how its week goes on.

Always learnt from hours that are over, each week at a quarter, so a month is remembered; an hour
far above what was expected teaches at most LESSON times that, so an incident is no lesson. Never
used before a channel is COLD_MS old: until then nothing is said about rates.
"""

import math

from tidegate.domain.jit import i64, kernel
from tidegate.watch.layout import (
    CH_BORN_MS,
    CHANNELS_MAX,
    CHEAP,
    CROWD,
    DAY_COUNT,
    FIRST_HOUR,
    HOUR,
    HOUR_COUNT,
    HYPOTHESES,
    MEAN,
    NOW_MS,
    OFFSET_MS,
    PACE_EXPECTED,
    PACE_SEEN,
    PROMOTION,
    REFUSALS,
    RUSH,
    SCOPES,
    THRESHOLD_SHIFT,
    UPDATES_FIRST,
    WEEK_HOURS,
    WRONG_CAPS,
    WRONG_NOTES,
    WRONG_PAUSES,
    State,
)
from tidegate.watch.settings import CAPS_SHARES, PAUSES_SHARES

HOUR_MS = 3_600_000
COLD_MS = 7 * 24 * HOUR_MS
MONDAY = 72  # 1 January 1970 was a Thursday
WEEKS = 4.0
LESSON = 3.0
PACE_HOURS = 72.0  # over which the shop's present pace against its week is averaged
PACE_MIN, PACE_MAX = 0.5, 4.0
QUIET_SHARE = 0.3  # of the busiest hours: what is allowed for at hours that are usually quiet
UPDATES_MEMORY_H = 24.0 * 60
BUDGET_DAYS = 180.0


@kernel
def hour_number(at_ms: int, offset_ms: int) -> int:
    """Hours since the Monday before the epoch, in the shop's zone."""
    return (at_ms + offset_ms) // HOUR_MS + MONDAY


@kernel
def elapsed_at(state: State, channel: int, at_ms: int) -> float:
    """The channel's own time in hours: it runs fast at busy hours and slowly at quiet ones."""
    hour = hour_number(at_ms, state.counts[OFFSET_MS])
    week, inside = hour // WEEK_HOURS, hour % WEEK_HOURS
    part = ((at_ms + state.counts[OFFSET_MS]) % HOUR_MS) / HOUR_MS
    begin = state.elapsed[channel, inside]
    step = state.elapsed[channel, inside + 1] - begin
    return week * state.elapsed[channel, WEEK_HOURS] + begin + part * step


@kernel
def hours_between(state: State, channel: int, from_ms: int, until_ms: int) -> float:
    """Hours of the channel's own time; of the clock's, while the channel's week is not known."""
    if until_ms <= from_ms:
        return 0.0
    if state.channel_levels[channel, MEAN] <= 0.0:
        return (until_ms - from_ms) / HOUR_MS
    return elapsed_at(state, channel, until_ms) - elapsed_at(state, channel, from_ms)


@kernel
def learn_hour(state: State, channel: int, hour: int, count: float) -> None:
    """Take in an hour that is over, and the pace of the last days."""
    place = hour % WEEK_HOURS
    usual, known = state.expected[channel, place], state.hours_known[channel, place]
    if known > 0:
        count = min(count, LESSON * usual + LESSON)
        fade = math.exp(-1.0 / PACE_HOURS)
        base = state.hours[channel, place]
        state.channel_levels[channel, PACE_SEEN] = (
            state.channel_levels[channel, PACE_SEEN] * fade + count
        )
        state.channel_levels[channel, PACE_EXPECTED] = (
            state.channel_levels[channel, PACE_EXPECTED] * fade + base
        )
    weight = 1.0 / min(known + 1.0, WEEKS)
    state.hours[channel, place] += weight * (count - state.hours[channel, place])
    state.hours_known[channel, place] = known + 1


@kernel
def expect_week(state: State, channel: int) -> None:
    """What to expect at each hour: the week learnt, its neighbours, and a share of its peak."""
    hours, expected = state.hours[channel], state.expected[channel]
    levels = state.channel_levels[channel]
    pace = (levels[PACE_SEEN] + 8.0) / (levels[PACE_EXPECTED] + 8.0)
    pace = min(PACE_MAX, max(PACE_MIN, pace))
    peak = 0.0
    for place in range(WEEK_HOURS):
        before = hours[(place + WEEK_HOURS - 1) % WEEK_HOURS]
        after = hours[(place + 1) % WEEK_HOURS]
        peak = max(peak, (before + hours[place] + after) / 3.0)
    total = 0.0
    for place in range(WEEK_HOURS):
        before = hours[(place + WEEK_HOURS - 1) % WEEK_HOURS]
        after = hours[(place + 1) % WEEK_HOURS]
        usual = max(hours[place], 0.5 * max(before, after))
        expected[place] = pace * max(usual, QUIET_SHARE * peak)
        total += expected[place]
    mean = total / WEEK_HOURS
    levels[MEAN] = mean
    begun = 0.0
    for place in range(WEEK_HOURS):
        state.elapsed[channel, place] = begun
        begun += expected[place] / mean if mean > 0.0 else 1.0
    state.elapsed[channel, WEEK_HOURS] = begun


@kernel
def set_thresholds(state: State) -> None:
    """How high a score must be: ln of the updates in 180 days over the alarms allowed in them.

    A score whose mean factor is at most 1 for each update passes e^h at most once in e^h updates
    (Lorden 1971; Shin, Ramdas and Rinaldo 2022), however many streams share the updates. What is
    allowed is divided evenly among the hypotheses of a level.
    """
    known_h = min(UPDATES_MEMORY_H, max(24.0, 1.0 * state.counts[HOUR] - first_hour(state)))
    for scope in range(SCOPES):
        per_180 = state.updates[scope] / known_h * 24.0 * BUDGET_DAYS
        per_180 = max(per_180, state.settings[UPDATES_FIRST])
        for hypothesis in range(HYPOTHESES):
            allowed = state.settings[WRONG_CAPS] / CAPS_SHARES
            if scope == REFUSALS:
                allowed = state.settings[WRONG_NOTES]
            elif (
                hypothesis == CHEAP
                or hypothesis == RUSH
                or (scope == PROMOTION and hypothesis == CROWD)
            ):
                allowed = state.settings[WRONG_PAUSES] / PAUSES_SHARES
            state.thresholds[scope, hypothesis] = (
                math.log(per_180 / allowed) + state.settings[THRESHOLD_SHIFT]
            )


@kernel
def first_hour(state: State) -> float:
    """The hour in which the watch began to count."""
    return 1.0 * state.counts[FIRST_HOUR]


@kernel
def roll_hours(state: State, at_ms: int) -> None:
    """Close every hour that is over at `at_ms`: learn from it, and set what is expected next."""
    hour = hour_number(at_ms, state.counts[OFFSET_MS])
    last = state.counts[HOUR]
    if last == 0:
        state.counts[HOUR] = hour
        state.counts[FIRST_HOUR] = hour
        set_thresholds(state)
        return
    if hour <= last:
        return
    fade = math.exp(-(hour - last) / UPDATES_MEMORY_H)
    for scope in range(SCOPES):
        state.updates[scope] *= fade
    for channel in range(CHANNELS_MAX):
        if state.channel_levels[channel, CH_BORN_MS] == 0.0:
            continue
        count = state.channel_levels[channel, HOUR_COUNT]
        state.channel_levels[channel, HOUR_COUNT] = 0.0
        learn_hour(state, channel, last, count)
        for quiet in range(max(last + 1, hour - WEEK_HOURS), hour):
            learn_hour(state, channel, quiet, 0.0)
        expect_week(state, channel)
    state.counts[HOUR] = hour
    set_thresholds(state)


@kernel
def is_warm(state: State, channel: int) -> bool:
    """Whether a channel is old enough for its rate to be judged."""
    born = state.channel_levels[channel, CH_BORN_MS]
    return born > 0.0 and state.counts[NOW_MS] - born >= COLD_MS


@kernel
def count_order(state: State, channel: int, at_ms: int) -> None:
    """Note that a channel had an order now."""
    if state.channel_levels[channel, CH_BORN_MS] == 0.0:
        state.channel_levels[channel, CH_BORN_MS] = i64(at_ms)
        expect_week(state, channel)
    state.channel_levels[channel, HOUR_COUNT] += 1.0
    state.channel_levels[channel, DAY_COUNT] += 1.0
