"""What the price, the units and the repetition of one order say for and against an incident.

Always a likelihood ratio f1/f0 whose mean under f0 is at most 1, f0 being counted in the shop
itself with a prior that gives rare things their due. Never more than MARK_NATS for one order: no
single order opens anything by its price.
"""

import math

import numpy as np

from tidegate.domain.jit import i64, kernel
from tidegate.record.lines import Array
from tidegate.watch.layout import GAP_BINS, PRICE_BINS, REPEAT_BINS, UNITS_BINS

MARK_NATS = 7.0
GAP_NATS = 3.5  # nor four by coming together
POOL = 5.0  # a stream's own histogram weighs as much as the shop's from so many events on
PRIOR = 200.0  # events that the shop's own histograms begin with

# Price over expected price: upper edges of the bins, the last is open.
PRICE_EDGES = (0.04, 0.06, 0.09, 0.13, 0.2, 0.3, 0.4, 0.5, 0.6, 0.75, 0.9)
# If something is wrong the price is below 0.4 of what it was, more or less evenly on a log scale.
# From 0.4 upward it never speaks for one: half price is a sale, and a sale may be unannounced.
PRICE_DOUBTFUL = 7  # the first bin of those
PRICE_WRONG = (0.14, 0.14, 0.14, 0.14, 0.15, 0.13, 0.10, 0.01, 0.01, 0.01, 0.01, 0.02)
PRICE_PRIOR = (
    0.0005, 0.0005, 0.0005, 0.001, 0.001, 0.0015, 0.005, 0.01, 0.03, 0.05, 0.1, 0.8,
)  # fmt: skip
# Units over usual units, in doublings.
UNITS_EDGES = (-1.0, 0.0, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0)
UNITS_WRONG = (0.005, 0.01, 0.01, 0.02, 0.055, 0.25, 0.30, 0.20, 0.15)
UNITS_PRIOR = (0.1, 0.3, 0.35, 0.12, 0.07, 0.03, 0.02, 0.007, 0.003)
# Orders of the same buyer within the hour before: 0 to 6, then 7 and more. What counts is whether
# so many are followed by one more, so that a buyer's series is one thing and not many.
REPEAT_WRONG = 0.9
REPEAT_PRIOR = (0.93, 0.05, 0.012, 0.004, 0.002, 0.001, 0.0005, 0.0005)
REPEAT_NATS = 3.0
# Time since the order before, in expected gaps. Right: the shop's own, clusters and all, begun as
# a Poisson process. Wrong: the same at ten, fifty or five hundred times the rate.
GAP_EDGES = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
GAP_SHORT, GAP_LONG = 0.03, 0.3
GAP_POOL = 20.0
RATES_WRONG = ((10.0, 0.4), (50.0, 0.3), (500.0, 0.3))
WRONG_MIN = 0.0005

assert len(PRICE_WRONG) == len(PRICE_PRIOR) == PRICE_BINS
assert len(UNITS_WRONG) == len(UNITS_PRIOR) == UNITS_BINS
assert len(REPEAT_PRIOR) == REPEAT_BINS


def poisson_bins(rates: tuple[tuple[float, float], ...]) -> Array:
    """Shares of gaps by bin, for a mixture of Poisson processes at (rate, weight)."""
    ends = [sum(w * -math.expm1(-rate * edge) for rate, w in rates) for edge in GAP_EDGES]
    shares = np.diff([0.0, *ends, 1.0])
    return np.maximum(shares, WRONG_MIN) / np.maximum(shares, WRONG_MIN).sum()


GAP_EDGES_ARRAY = np.array(GAP_EDGES)
GAP_WRONG_ARRAY = poisson_bins(RATES_WRONG)
GAP_PRIOR_ARRAY = poisson_bins(((1.0, 1.0),))
assert len(GAP_WRONG_ARRAY) == GAP_BINS
LOG_PRICE_EDGES = np.log(np.array(PRICE_EDGES))
UNITS_EDGES_ARRAY = np.array(UNITS_EDGES)
PRICE_WRONG_ARRAY = np.array(PRICE_WRONG)
PRICE_PRIOR_ARRAY = np.array(PRICE_PRIOR)
UNITS_WRONG_ARRAY = np.array(UNITS_WRONG)
UNITS_PRIOR_ARRAY = np.array(UNITS_PRIOR)
REPEAT_PRIOR_ARRAY = np.array(REPEAT_PRIOR)


@kernel
def bin_of(value: float, edges: Array) -> int:
    """Which bin a value is in; a value on an edge is in the upper one."""
    place = 0
    while place < edges.shape[0] and value >= edges[place]:
        place += 1
    return place


@kernel
def repeat_gain(before: float, shop: Array) -> float:
    """The ln f1/f0 of a buyer's next order after `before` others within the hour."""
    place = min(REPEAT_BINS - 1, i64(before + 0.5))
    if place == 0:
        usual = (shop[0] + PRIOR * REPEAT_PRIOR_ARRAY[0]) / (total_of(shop) + PRIOR)
        return math.log((1.0 - REPEAT_WRONG) / usual)
    so_many, more = 0.0, 0.0
    for other in range(min(place, REPEAT_BINS - 2) - 1, REPEAT_BINS):
        count = shop[other] + PRIOR * REPEAT_PRIOR_ARRAY[other]
        if other == min(place, REPEAT_BINS - 2) - 1:
            so_many = count
        elif other == min(place, REPEAT_BINS - 2):
            more = count
    return min(REPEAT_NATS, math.log(REPEAT_WRONG * so_many / max(more, 1e-9)))


@kernel
def gap_state(gap: float, shorts: float) -> int:
    """What stands before the next gap: this one, and how many short ones it ends."""
    if gap < GAP_SHORT:
        return i64(min(4.0, 2.0 + shorts))
    return 1 if gap < GAP_LONG else 0


@kernel
def gap_log_ratio(place: int, before: int, gaps: Array) -> float:
    """The ln f1/f0 of a gap; f0 of gaps after the like, where those are few of the state before."""
    usual = (gaps[0, place] + PRIOR * GAP_PRIOR_ARRAY[place]) / (total_of(gaps[0]) + PRIOR)
    for state in range(1, before + 1):
        row = gaps[state]
        usual = (row[place] + GAP_POOL * usual) / (total_of(row) + GAP_POOL)
    return min(GAP_NATS, math.log(GAP_WRONG_ARRAY[place] / usual))


@kernel
def total_of(row: Array) -> float:
    """How many events a histogram has."""
    total = 0.0
    for place in range(row.shape[0]):
        total += row[place]
    return total


@kernel
def pooled_log_ratio(place: int, own: Array, shop: Array, wrong: Array, prior: Array) -> float:
    """Ln f1/f0 of a bin, f0 from the stream's own counts and the shop's; at most MARK_NATS."""
    usual = (shop[place] + PRIOR * prior[place]) / (total_of(shop) + PRIOR)
    usual = (own[place] + POOL * usual) / (total_of(own) + POOL)
    return min(MARK_NATS, math.log(wrong[place] / usual))
