"""Numbers out of runs: false alarms with their interval, delays, and how close to the bound.

Always exact intervals (Garwood 1936): counts here are small. Never an average where a scene was
missed: what was missed is counted beside it.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from tidegate.watch import layout as lo
from tidegate.watch.alarms import CAP, LEVEL_NAMES, PAUSE_PROMOTION, Alarm
from tidegate.watch.evaluate.replay import Outcome
from tidegate.watch.evaluate.stream import DAY_MS, Stream

CONFIDENCE = 0.95
EPISODE_MS = 600_000  # alarms of the same shop so close together are one wrong stop


class Rate(NamedTuple):
    """A count as a rate a year, with its interval."""

    alarms: int
    a_year: float
    low: float
    high: float


def poisson_below(mean: float, count: int) -> float:
    """P(X <= count) of a Poisson variable."""
    term = total = math.exp(-mean)
    for k in range(1, count + 1):
        term *= mean / k
        total += term
    return min(1.0, total)


def garwood(count: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """The exact interval of a Poisson mean of which `count` was seen."""
    half = (1.0 - confidence) / 2.0
    low = 0.0 if count == 0 else _solve(lambda mean: 1.0 - poisson_below(mean, count - 1) - half)
    return low, _solve(lambda mean: half - poisson_below(mean, count))


def clopper(count: int, runs: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """The exact interval of a share of which `count` of `runs` was seen (Clopper, Pearson 1934)."""
    half = (1.0 - confidence) / 2.0
    low = 0.0
    if count > 0:
        low = _solve(lambda share: 1.0 - binomial_below(share, count - 1, runs) - half, 1.0)
    high = 1.0
    if count < runs:
        high = _solve(lambda share: half - binomial_below(share, count, runs), 1.0)
    return low, high


def binomial_below(share: float, count: int, runs: int) -> float:
    """P(X <= count) of a binomial variable."""
    terms = (math.comb(runs, k) * share**k * (1.0 - share) ** (runs - k) for k in range(count + 1))
    return min(1.0, math.fsum(terms))


def _solve(rising: Callable[[float], float], most: float = 700.0) -> float:
    """Where a rising function passes 0."""
    low, high = 0.0, most
    for _ in range(80):
        middle = (low + high) / 2.0
        low, high = (middle, high) if rising(middle) < 0.0 else (low, middle)
    return (low + high) / 2.0


def rate_of(count: int, years: float) -> Rate:
    """A count over so many shop-years."""
    low, high = garwood(count)
    return Rate(count, count / years, low / years, high / years)


def episodes(alarms: list[Alarm]) -> list[Alarm]:
    """The first alarm of each stop: what follows within minutes is the same stop."""
    kept: list[Alarm] = []
    last_ms = -EPISODE_MS - 1
    for alarm in sorted(alarms, key=lambda one: one.at_ms):
        if alarm.at_ms - last_ms > EPISODE_MS:
            kept.append(alarm)
        last_ms = alarm.at_ms
    return kept


def is_right(alarm: Alarm, stream: Stream) -> bool:
    """Whether the file itself says that the order concerned was none: it came back within a day."""
    return alarm.hypothesis == lo.EXTREME and any(
        back.sku == alarm.number
        and back.quantity >= alarm.units
        and 0 <= back.at_ms - alarm.at_ms + 60_000 <= DAY_MS
        for back in stream.returns
    )


class Quiet(NamedTuple):
    """The file as it is."""

    years: float
    pauses: Rate
    caps: Rate
    notes: Rate
    right: list[Alarm]
    wrong: list[Alarm]


def quiet_figures(alarms: list[Alarm], stream: Stream) -> Quiet:
    """Wrong stops a shop-year, by what they stop."""
    right = [alarm for alarm in alarms if is_right(alarm, stream)]
    wrong = [alarm for alarm in alarms if alarm not in right]
    pauses = episodes([alarm for alarm in wrong if alarm.level >= PAUSE_PROMOTION])
    caps = episodes([alarm for alarm in wrong if alarm.level == CAP])
    notes = [alarm for alarm in wrong if alarm.level < CAP]
    years = stream.years
    pause, cap, note = (rate_of(len(kind), years) for kind in (pauses, caps, notes))
    return Quiet(years, pause, cap, note, right, wrong)


class Delay(NamedTuple):
    """One incident over its seeds."""

    name: str
    runs: int
    caught: int
    seconds: tuple[float, float]  # median, 95th of a hundred
    orders: tuple[float, float]
    lost_fen: tuple[float, float]
    bound: float  # Lorden's bound over the mean delay, both in orders; 1 is as good as can be
    how: str
    share: tuple[float, float] = (0.0, 1.0)  # of moments at which it is caught, 95 %


def delay_figures(outcomes: list[Outcome], name: str) -> Delay:
    """Median and 95th percentile of what was caught."""
    mine = [outcome for outcome in outcomes if outcome.name == name]
    caught = [outcome for outcome in mine if outcome.found]
    share = clopper(len(caught), len(mine)) if mine else (0.0, 1.0)
    if not caught:
        return Delay(name, len(mine), 0, (0, 0), (0, 0), (0, 0), 0.0, "", share)

    def both(values: list[float]) -> tuple[float, float]:
        return float(np.median(values)), float(np.percentile(values, 95))

    mean = float(np.mean([outcome.delay_orders for outcome in caught]))
    bound = float(np.mean([outcome.bound_orders for outcome in caught]))
    ways = sorted({lo.HYPOTHESIS_NAMES[o.hypothesis] + ":" + LEVEL_NAMES[o.level] for o in caught})
    return Delay(
        name, len(mine), len(caught), both([o.delay_s for o in caught]),
        both([o.delay_orders for o in caught]), both([o.lost_fen for o in caught]),
        min(1.0, bound / max(1.0, mean)), " ".join(ways), share,
    )  # fmt: skip
