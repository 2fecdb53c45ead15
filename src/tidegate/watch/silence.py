"""A feed that fell silent: no order of a channel for longer than its week makes likely.

Always against the hours of the channel's own week: a quiet night is no silence. Never acts: it is
a note for a person, raised once a silence.
"""

import math

import numpy as np

from tidegate.record.lines import Array
from tidegate.watch import layout as lo
from tidegate.watch.profile import COLD_MS, HOUR_MS, hour_number

CAUTION = 0.5  # of the expected orders: a channel may have a bad day
LOOK_BACK_H = 24 * 14


def silent_channels(state: lo.State, now_ms: int, wrong_notes: float) -> Array:
    """ALARM rows of channels that fell silent since the last call.

    A gap with m expected orders has probability e^-m; it is an alarm when as many gaps as there
    are orders in 180 days would hold fewer than `wrong_notes` such.
    """
    found = []
    for channel in range(lo.CHANNELS_MAX):
        levels = state.channel_levels[channel]
        born, last = int(levels[lo.CH_BORN_MS]), int(levels[lo.CH_LAST_MS])
        if born == 0 or now_ms - born < 2 * COLD_MS or levels[lo.SILENT_SINCE] == last:
            continue
        due = CAUTION * due_since(state, channel, last, now_ms)
        orders = max(1000.0, float(state.hours[channel].sum()) / 7.0 * 180.0)
        threshold = math.log(orders / max(wrong_notes, 0.01))
        if due < threshold:
            continue
        levels[lo.SILENT_SINCE] = last
        row = np.zeros(1, lo.ALARM)[0]
        row["at_ms"], row["first_ms"] = now_ms, last
        row["number"], row["channel"], row["scope"] = channel, channel, lo.CHANNEL
        row["hypothesis"] = lo.SILENCE
        row["saw"], row["expected"] = (now_ms - last) / 1000.0, due
        row["score"], row["threshold"] = due, threshold
        found.append(row)
    return np.array(found, lo.ALARM)


def due_since(state: lo.State, channel: int, last_ms: int, now_ms: int) -> float:
    """Orders that the channel's week expects between two moments; whole hours in between."""
    offset_ms = int(state.counts[lo.OFFSET_MS])
    first, last = hour_number(last_ms, offset_ms), hour_number(now_ms, offset_ms)
    week = state.hours[channel]
    if first == last:
        return float(week[first % lo.WEEK_HOURS]) * (now_ms - last_ms) / HOUR_MS
    begun = 1.0 - ((last_ms + offset_ms) % HOUR_MS) / HOUR_MS
    ended = ((now_ms + offset_ms) % HOUR_MS) / HOUR_MS
    whole = np.arange(max(first + 1, last - LOOK_BACK_H), last) % lo.WEEK_HOURS
    edges = begun * float(week[first % lo.WEEK_HOURS]) + ended * float(week[last % lo.WEEK_HOURS])
    return edges + float(week[whole].sum())
