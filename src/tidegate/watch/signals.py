"""The signals as they stand: what each stream does now, beside what it usually does.

Always read from the watch's memory, in the shop's own measures; nothing is worked out that a
detector does not use. Never changes anything.
"""

import math
from typing import NamedTuple

import numpy as np

from tidegate.domain.reasons import REASON_TEXTS, Reason
from tidegate.record.lines import Array
from tidegate.watch import layout as lo
from tidegate.watch.scoring import usual_per_hour
from tidegate.watch.watching import Names


class StreamSignals(NamedTuple):
    """One SKU, promotion or channel on one channel."""

    scope: str
    code: str
    channel: str
    events: int
    usual_per_h: float  # in hours of the channel's own time
    usual_price_fen: int  # by its own history, 0 = not known
    list_price_fen: int  # by the catalogue, 0 = not known
    usual_units: float
    odd_price_share: float  # of its prices: below half the usual
    discount_1h_fen: int
    scores: dict[str, float]  # by hypothesis, as a share of the threshold


class ShopSignals(NamedTuple):
    """What is counted for the shop as a whole."""

    orders: int
    lines: int
    duplicates: int
    late: int
    refused: dict[str, int]  # by reason
    new_buyer_share: float
    repeat_share: float  # orders whose buyer ordered within the hour before
    limit_units: int  # the largest line that the shop's tail allows, 0 = not known yet
    streams: int
    evicted: int  # streams forgotten because the table was full


def shop_signals(state: lo.State) -> ShopSignals:
    """The shop's totals since the watch began."""
    counts = state.counts
    buyers = max(1, int(counts[lo.NEW_BUYERS] + counts[lo.KNOWN_BUYERS]))
    refused = {
        REASON_TEXTS[Reason(int(number))].name: int(state.refused[number])
        for number in np.flatnonzero(state.refused)
    }
    return ShopSignals(
        int(counts[lo.ORDERS_SEEN]), int(counts[lo.LINES_SEEN]), int(counts[lo.DUPLICATES]),
        int(counts[lo.LATE]), refused, int(counts[lo.NEW_BUYERS]) / buyers,
        int(counts[lo.REPEATS]) / buyers, int(state.settings[lo.LIMIT_UNITS]),
        int(counts[lo.STREAMS]), int(counts[lo.EVICTED]),
    )  # fmt: skip


def stream_signals(state: lo.State, names: Names, most: int = 20) -> list[StreamSignals]:
    """The streams nearest to an alarm, at most so many."""
    shares = state.scores / np.maximum(_thresholds(state), 1e-9)
    nearest = np.argsort(-shares.max(axis=1), kind="stable")
    rows = [int(row) for row in nearest[: 4 * most] if state.stream_keys[row]]
    return [_signals(state, names, row, shares[row]) for row in rows[:most]]


def _thresholds(state: lo.State) -> Array:
    scopes = np.maximum((state.stream_keys >> np.uint64(56)).astype(np.int64) - 1, 0)
    thresholds: Array = state.thresholds[scopes]
    return thresholds


def _signals(state: lo.State, names: Names, row: int, shares: Array) -> StreamSignals:
    key, levels = int(state.stream_keys[row]), state.levels[row]
    scope, number, channel = (key >> 56) - 1, (key >> 8) & ((1 << 48) - 1), key & 0xFF
    prices = state.price_bins[row] + state.waiting_bins[row]
    known = levels[lo.PRICED] > 0
    listed = scope == lo.SKU and number < len(state.list_fen)
    since_ms = max(0, int(state.counts[lo.NOW_MS] - state.times[row, lo.LAST_MS]))
    return StreamSignals(
        lo.SCOPE_NAMES[scope],
        names.code(scope, number),
        names.code(lo.CHANNEL, channel),
        int(state.times[row, lo.SEEN]),
        float(usual_per_hour(state, row, scope, channel)),
        round(math.exp(levels[lo.LOG_PRICE])) if known else 0,
        int(state.list_fen[number]) if listed else 0,
        2.0 ** float(levels[lo.LOG_UNITS]),
        float(prices[:8].sum() / max(1.0, float(prices.sum()))),
        int(levels[lo.BURN_LONG] * math.exp(-since_ms / 3_600_000)),
        {lo.HYPOTHESIS_NAMES[place]: round(float(share), 3) for place, share in enumerate(shares)},
    )
