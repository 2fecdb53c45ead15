"""How many units one line can have before it is none of this shop's: peaks over a threshold.

Always fitted to the shop's own largest lines (generalised Pareto by probability-weighted moments,
Hosking and Wallis 1987; SPOT, Siffer 2017): the limit is what so many orders pass once in the
stated time. Never set from fewer than PEAKS_MIN peaks, and an order beyond the limit is no peak.
"""

import math
from typing import NamedTuple

import numpy as np

from tidegate.record.lines import Array
from tidegate.watch import layout as lo

PEAKS_MIN = 50
LINES_MIN = 1000
SHARE = 0.02  # of lines that are peaks
SHAPE_MIN, SHAPE_MAX = 0.05, 0.7  # of the tail; units an order are heavy-tailed, and have a mean
MARGIN = 1.5  # the tail of a shop's first months is thinner than that of its years


class Tail(NamedTuple):
    """A generalised Pareto tail: P(X > over + y) = share (1 + shape y / scale)^(-1 / shape)."""

    over: float
    share: float
    shape: float
    scale: float

    def quantile(self, probability: float) -> float:
        """What is exceeded with this probability."""
        assert 0.0 < probability < self.share
        times = math.pow(probability / self.share, -self.shape) - 1.0
        return self.over + self.scale / self.shape * times

    def exceeded(self, value: float) -> float:
        """The probability of more than `value`."""
        y = max(0.0, value - self.over)
        return self.share * math.pow(1.0 + self.shape * y / self.scale, -1.0 / self.shape)


def fit_tail(peaks: Array, over: float, share: float) -> Tail:
    """The tail through these excesses over `over` (all positive), by weighted moments."""
    ordered = np.sort(peaks)
    count = len(ordered)
    rest = 1.0 - (np.arange(1, count + 1) - 0.35) / count
    mean, weighted = float(ordered.mean()), float((rest * ordered).mean())
    shape = 2.0 - mean / max(mean - 2.0 * weighted, 1e-9)
    shape = min(SHAPE_MAX, max(SHAPE_MIN, shape))
    return Tail(over, share, shape, max(mean * (1.0 - shape), 1e-9))


def threshold_of(sizes: Array) -> float:
    """Units that about SHARE of the lines pass, from their histogram by quarter doublings."""
    total = float(sizes.sum())
    above = total - np.cumsum(sizes)
    place = int(np.argmax(above <= SHARE * total))
    return float(math.ceil(2.0 ** ((place + 1) / 4.0)))


def set_limit(state: lo.State, lines_per_180_days: float, allowed: float) -> Tail | None:
    """Fit the tail anew and set the limit that `allowed` lines pass in 180 days; None if too early.

    The threshold is set when there are lines enough, the limit when there are peaks enough.
    """
    lines = float(state.sizes.sum())
    if lines < LINES_MIN:
        return None
    settings = state.settings
    over = threshold_of(state.sizes)
    if over != settings[lo.PEAK_OVER]:
        # Peaks over another threshold are another sample: keep what is above the new one too.
        moved = float(settings[lo.PEAK_OVER]) - over
        held = min(int(state.counts[lo.PEAK_COUNT]), lo.PEAKS)
        kept = state.peaks[:held] + moved
        kept = kept[kept > 0]
        state.peaks[:] = 0.0
        if settings[lo.PEAK_OVER] > 0:
            state.peaks[: len(kept)] = kept
            state.counts[lo.PEAK_COUNT] = len(kept)
        settings[lo.PEAK_OVER] = over
    held = min(int(state.counts[lo.PEAK_COUNT]), lo.PEAKS)
    if held < PEAKS_MIN:
        return None
    tail = fit_tail(state.peaks[:held], over, SHARE)
    probability = min(SHARE / 10.0, allowed / max(lines_per_180_days, 1000.0))
    settings[lo.LIMIT_UNITS] = MARGIN * tail.quantile(probability)
    return tail
