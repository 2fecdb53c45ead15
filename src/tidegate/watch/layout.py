"""How the watch's memory lies: every table, its columns and its bounds, and what is looked for.

Always bounded: tables have the size they were made with, and the stream that was quiet longest
makes room. Never anything but numbers: people are tokens, orders are keyed hashes.
"""

from typing import NamedTuple

import numpy as np

from tidegate.record.lines import Array

STATE_VERSION = 2  # changes when a saved state may mean something else

# Scopes: what a stream of events is about.
SKU, PROMOTION, CHANNEL, REFUSALS = 0, 1, 2, 3
SCOPES = 4
SCOPE_NAMES = ("sku", "promotion", "channel", "refusals")

# Hypotheses: what could be wrong with a stream. The first five have a CUSUM each.
CROWD, CHEAP, RUSH, BULK, REPEAT, EXTREME, BURN, SILENCE, SLOW = range(9)
HYPOTHESES = 5
HYPOTHESIS_NAMES = (
    "crowd", "cheap", "rush", "bulk", "repeat", "extreme", "burn", "silence", "slow",
)  # fmt: skip

CHANNELS_MAX = 32  # a channel with a higher number shares the last place
WEEK_HOURS = 168
PRICE_BINS = 12
UNITS_BINS = 9
REPEAT_BINS = 8
GAP_BINS = 10
GAP_BEFORE = 5  # what stood before: a long gap, a middling one, 1, 2, or 3 and more short ones
SIZE_BINS = 128  # units of a line, four bins to a doubling
WAYS = 8  # streams, and buyers, that share a place in their table
CALENDAR_MAX = 64
PEAKS = 1024
ALARMS_MAX = 256  # between two reads
REASONS = 256
ORDER_STEPS = 2 * 64 + 2  # of one order: two a line, one for its channel, one for its reason

# Columns of `State.times` (integers, one row a stream).
LAST_MS, BORN_MS, SEEN, LAST_ORDER, WAITING_MS, BURNT_MS = range(6)
TIME_COLUMNS = 6
# Columns of `State.levels` (reals, one row a stream).
(
    EVENTS, HOURS, LOG_PRICE, PRICED, LOG_UNITS, BURN_SHORT, BURN_LONG, BURN_ORDERS, GAP, SPREAD,
    SHORTS,
) = range(11)  # fmt: skip
LEVEL_COLUMNS = 11
# Columns of `State.runs` (integers, one row a stream and hypothesis): since its score was last 0.
FIRST_HI, FIRST_LO, FIRST_MS, ORDERS, UNITS, STAKE_FEN, ALARMED_MS = range(7)
RUN_COLUMNS = 7
# Columns of `State.channel_levels`.
(
    MEAN, PACE_SEEN, PACE_EXPECTED, HOUR_COUNT, CH_BORN_MS, CH_LAST_MS, DAY_COUNT, SILENT_SINCE,
    DAY_SPREAD, SLOW_SCORE, SLOW_SEEN, SLOW_DUE, SLOW_SINCE_MS, CHEAP_SKU,
    DAY_LEVEL,
) = range(15)  # fmt: skip
CHANNEL_COLUMNS = 15
# Columns of `State.calendar`: an announced window and what is expected in it.
(
    CAL_SCOPE, CAL_NUMBER, CAL_FROM, CAL_UNTIL, CAL_RATE, CAL_PRICE, CAL_UNITS, CAL_PLAN,
    CAL_ORDERS,
) = range(9)  # fmt: skip
CALENDAR_COLUMNS = 9
ANY = -1.0  # CAL_NUMBER: every one of the scope

# Places in `State.counts` (integers).
(
    NOW_MS, HOUR, OFFSET_MS, ORDERS_SEEN, LINES_SEEN, DUPLICATES, LATE, STANDING, STREAMS, EVICTED,
    ALARM_COUNT, ALARMS_LOST, PEAK_COUNT, NEW_BUYERS, KNOWN_BUYERS, REPEATS, REFUSED,
    CALENDAR_COUNT, FIRST_SEEN_MS, SEQ, PEAKS_FITTED, FIRST_HOUR, DAY,
) = range(23)  # fmt: skip
COUNT_PLACES = 32
# Places in `State.settings` (reals).
(
    RATIO, WRONG_PAUSES, WRONG_CAPS, WRONG_NOTES, LIMIT_UNITS, PEAK_OVER, THRESHOLD_SHIFT,
    BURN_FACTOR, UPDATES_FIRST,
) = range(9)  # fmt: skip
SETTING_PLACES = 16

# Columns of `State.steps`: one update of a stream, gathered from an order.
(
    S_SCOPE, S_NUMBER, S_CHANNEL, S_UNITS, S_MONEY_FEN, S_REPEAT, S_TIMED, S_PRICED, S_LOG_RATIO,
    S_LOST_FEN, S_DISCOUNT_FEN, S_LISTED, S_WORST,
) = range(13)  # fmt: skip
STEP_COLUMNS = 13

ALARM = np.dtype(
    [
        ("at_ms", "<i8"),
        ("first_ms", "<i8"),
        ("first_hi", "<u8"),
        ("first_lo", "<u8"),
        ("number", "<i8"),  # of the SKU, promotion, channel or reason
        ("orders", "<i8"),  # since the first one concerned
        ("units", "<i8"),
        ("stake_fen", "<i8"),
        ("saw", "<f8"),  # what was seen, in the hypothesis' own measure
        ("expected", "<f8"),
        ("score", "<f8"),
        ("threshold", "<f8"),
        ("channel", "u1"),
        ("scope", "u1"),
        ("hypothesis", "u1"),
        ("listed", "u1"),  # its prices were judged by the catalogue, not by history alone
        ("pad", "u1", (4,)),
    ],
)


class State(NamedTuple):
    """Everything the watch of one shop knows. `steps` is scratch; `alarms` are to be read."""

    stream_keys: Array
    times: Array
    levels: Array
    price_bins: Array
    waiting_bins: Array  # odd prices that are not taught yet
    units_bins: Array
    scores: Array
    runs: Array
    shop_price: Array  # by scope
    shop_units: Array
    shop_gaps: Array
    shop_repeat: Array
    sizes: Array
    peaks: Array
    buyers: Array
    buyer_times: Array
    buyer_counts: Array
    refused: Array
    list_fen: Array  # by SKU, 0 = not known
    hours: Array  # orders by channel and hour of the week
    hours_known: Array
    days: Array  # orders by channel and weekday
    days_known: Array
    expected: Array
    elapsed: Array  # sums of `expected` over its mean, by hour of the week
    channel_levels: Array
    calendar: Array
    thresholds: Array
    updates: Array
    settings: Array
    counts: Array
    alarms: Array
    steps: Array


class Capacity(NamedTuple):
    """How much the watch remembers at once; powers of two."""

    streams: int = 1 << 15  # about 600 bytes each
    buyers: int = 1 << 16
    skus: int = 1 << 16  # whose list price is kept


USUAL = Capacity()


def new_state(capacity: Capacity = USUAL) -> State:
    """Tables of a shop of which nothing is known. About 20 MB with the default capacity."""
    streams, buyers, skus = capacity
    assert streams & (streams - 1) == 0
    assert buyers & (buyers - 1) == 0
    real, whole = np.float64, np.int64
    return State(
        stream_keys=np.zeros(streams, np.uint64),
        times=np.zeros((streams, TIME_COLUMNS), whole),
        levels=np.zeros((streams, LEVEL_COLUMNS), real),
        price_bins=np.zeros((streams, PRICE_BINS), np.float32),
        waiting_bins=np.zeros((streams, PRICE_BINS), np.float32),
        units_bins=np.zeros((streams, UNITS_BINS), np.float32),
        scores=np.zeros((streams, HYPOTHESES), real),
        runs=np.zeros((streams, HYPOTHESES, RUN_COLUMNS), whole),
        shop_price=np.zeros((SCOPES, PRICE_BINS), real),
        shop_units=np.zeros((SCOPES, UNITS_BINS), real),
        shop_gaps=np.zeros((SCOPES, GAP_BEFORE, GAP_BINS), real),
        shop_repeat=np.zeros(REPEAT_BINS, real),
        sizes=np.zeros(SIZE_BINS, real),
        peaks=np.zeros(PEAKS, real),
        buyers=np.zeros(buyers, np.uint64),
        buyer_times=np.zeros(buyers, whole),
        buyer_counts=np.zeros(buyers, np.float32),
        list_fen=np.zeros(skus, real),
        refused=np.zeros(REASONS, whole),
        hours=np.zeros((CHANNELS_MAX, WEEK_HOURS), real),
        hours_known=np.zeros((CHANNELS_MAX, WEEK_HOURS), whole),
        days=np.zeros((CHANNELS_MAX, 7), real),
        days_known=np.zeros((CHANNELS_MAX, 7), whole),
        expected=np.zeros((CHANNELS_MAX, WEEK_HOURS), real),
        elapsed=np.zeros((CHANNELS_MAX, WEEK_HOURS + 1), real),
        channel_levels=np.zeros((CHANNELS_MAX, CHANNEL_COLUMNS), real),
        calendar=np.zeros((CALENDAR_MAX, CALENDAR_COLUMNS), real),
        thresholds=np.zeros((SCOPES, HYPOTHESES), real),
        updates=np.zeros(SCOPES, real),
        settings=np.zeros(SETTING_PLACES, real),
        counts=np.zeros(COUNT_PLACES, whole),
        alarms=np.zeros(ALARMS_MAX, ALARM),
        steps=np.zeros((ORDER_STEPS, STEP_COLUMNS), real),
    )
