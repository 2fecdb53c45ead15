"""Where a stream's rows are, and where a buyer is: tables of fixed size, WAYS to a place.

Always found or made; when a place is full, whoever was quiet longest goes, and comes back as new.
Never grows.
"""

from tidegate.domain.jit import Word, i64, kernel, u64
from tidegate.watch.layout import (
    BORN_MS,
    EVICTED,
    LAST_MS,
    SPREAD,
    STREAMS,
    WAYS,
    State,
)

MIX = 0x9E3779B97F4A7C15  # golden ratio: spreads dense numbers over the table
HOUR_MS = 3_600_000
SPREAD_FIRST = 0.2  # of a stream's log prices, before it has any


@kernel
def stream_key(scope: int, number: int, channel: int) -> Word:
    """The key of a stream; never 0."""
    return (u64(scope + 1) << u64(56)) | (u64(number) << u64(8)) | u64(channel)


@kernel
def place_of(key: Word, size: int) -> int:
    """First of the WAYS rows in which a key may be."""
    mixed = (key ^ (key >> u64(29))) * u64(MIX)
    return i64((mixed >> u64(32)) & u64(size // WAYS - 1)) * WAYS


@kernel
def stream_row(state: State, key: Word, at_ms: int) -> int:
    """The row of a stream, made new where there is none."""
    first = place_of(key, state.stream_keys.shape[0])
    oldest = first
    for row in range(first, first + WAYS):
        if state.stream_keys[row] == key:
            return row
        if state.stream_keys[row] == u64(0):
            oldest = row
            break
        if state.times[row, LAST_MS] < state.times[oldest, LAST_MS]:
            oldest = row
    if state.stream_keys[oldest] != u64(0):
        state.counts[EVICTED] += 1
    else:
        state.counts[STREAMS] += 1
    state.stream_keys[oldest] = key
    for place in range(state.times.shape[1]):
        state.times[oldest, place] = 0
    for place in range(state.levels.shape[1]):
        state.levels[oldest, place] = 0.0
    for place in range(state.price_bins.shape[1]):
        state.price_bins[oldest, place] = 0.0
        state.waiting_bins[oldest, place] = 0.0
    for place in range(state.units_bins.shape[1]):
        state.units_bins[oldest, place] = 0.0
    for place in range(state.scores.shape[1]):
        state.scores[oldest, place] = 0.0
        for column in range(state.runs.shape[2]):
            state.runs[oldest, place, column] = 0
    state.levels[oldest, SPREAD] = SPREAD_FIRST
    state.times[oldest, BORN_MS] = at_ms
    state.times[oldest, LAST_MS] = at_ms
    return oldest


@kernel
def buyer_seen(state: State, token: Word, at_ms: int) -> float:
    """Note an order of a buyer; how many it had in the hour before, -1 if it was not known."""
    first = place_of(token, state.buyers.shape[0])
    oldest = first
    for row in range(first, first + WAYS):
        if state.buyers[row] == token:
            gap_ms = at_ms - state.buyer_times[row]
            before = state.buyer_counts[row]
            if gap_ms > HOUR_MS:
                before = 0.0
            elif gap_ms > 0:
                before = before * (1.0 - gap_ms / HOUR_MS)
            state.buyer_counts[row] = before + 1.0
            if gap_ms > 0:
                state.buyer_times[row] = at_ms
            return before
        if state.buyers[row] == u64(0):
            oldest = row
            break
        if state.buyer_times[row] < state.buyer_times[oldest]:
            oldest = row
    state.buyers[oldest] = token
    state.buyer_times[oldest] = at_ms
    state.buyer_counts[oldest] = 1.0
    return -1.0
