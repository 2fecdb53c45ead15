"""Runs: the file as it is, and every incident at twenty moments of it.

Always the same for the same file, settings and seeds. One pass over the file carries the watch
from moment to moment; what happens at a moment happens to a copy of it.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

from tidegate.record.lines import Array
from tidegate.watch import layout as lo
from tidegate.watch import marks
from tidegate.watch.alarms import CAP, Alarm
from tidegate.watch.evaluate.incidents import INCIDENTS, OPPOSITES, WEEK_MS, Moment, Scene
from tidegate.watch.evaluate.stream import DAY_MS, Events, Stream, usual_before
from tidegate.watch.settings import Settings
from tidegate.watch.watching import Names, Watch

CAPACITY = lo.Capacity(1 << 14, 1 << 14, 1 << 16)
FIRST_DAYS, LAST_DAYS = 42, 16  # of the file: no incident before, or after
CHUNK = 64

Progress = Callable[[int, int], None]


class Outcome(NamedTuple):
    """What came of one scene at one moment."""

    name: str
    seed: int
    found: bool
    delay_s: float
    delay_orders: int
    lost_fen: int
    level: int
    hypothesis: int
    bound_orders: float  # Lorden: as few as any detector with this false-alarm rate needs
    alarm: str
    wrong: tuple[Alarm, ...] = ()  # alarms that the same stream without it does not have


def new_watch(stream: Stream, settings: Settings, shift: float, offset_ms: int) -> Watch:
    """A watch that knows the file's codes and nothing else."""
    names = Names(dict(enumerate(stream.sku_codes)), {1: "promotion"}, {1: "file"})
    watch = Watch(settings, CAPACITY, names=names)
    watch.state.settings[lo.THRESHOLD_SHIFT] = shift
    watch.local_time(offset_ms)
    return watch


def feed(watch: Watch, events: Events) -> list[Alarm]:
    """Take events in."""
    if len(events.outcomes) == 0:
        return []
    return watch.take_events(events.lines, events.outcomes, events.at_ms, events.flags)


def run_quiet(
    stream: Stream, settings: Settings, shift: float = 0.0, offset_ms: int = 0
) -> list[Alarm]:
    """Every alarm over the file as it is."""
    return feed(new_watch(stream, settings, shift, offset_ms), stream.events)


def copied(watch: Watch) -> Watch:
    """The same watch, to be used up."""
    state = lo.State(*(table.copy() for table in watch.state))
    return Watch(watch.settings, state=state, names=watch.names)


def moments(stream: Stream, seeds: Iterable[int]) -> list[tuple[int, int]]:
    """(order number, seed) in the order of the file: when a shop sells, things go wrong."""
    at_ms = stream.events.at_ms
    first = int(np.searchsorted(at_ms, at_ms[0] + FIRST_DAYS * DAY_MS))
    last = int(np.searchsorted(at_ms, at_ms[-1] - LAST_DAYS * DAY_MS))
    drawn = [(int(np.random.default_rng(seed).integers(first, last)), seed) for seed in seeds]
    return sorted(drawn)


def run_scenes(
    stream: Stream, settings: Settings, seeds: tuple[int, ...], names: tuple[str, ...],
    shifts: tuple[float, ...] = (0.0,), offset_ms: int = 0, progress: Progress | None = None,
) -> dict[float, list[Outcome]]:  # fmt: skip
    """Each named scene at each seed's moment, for each shift of the thresholds."""
    watch = new_watch(stream, settings, 0.0, offset_ms)
    events, done = stream.events, 0
    found: dict[float, list[Outcome]] = {shift: [] for shift in shifts}
    for number, (order, seed) in enumerate(moments(stream, seeds)):
        feed(watch, events.between(done, order))
        done = order
        usual = usual_before(events, order)
        after = events.between(order, len(events.outcomes))
        week_before = int(np.searchsorted(events.at_ms, events.at_ms[order] - WEEK_MS))
        earlier = events.between(week_before, len(events.outcomes))
        for place, name in enumerate(names):
            random = np.random.default_rng((seed, place + 1))
            moment = Moment(after, earlier, usual, int(events.at_ms[order]), random)
            scene = {**INCIDENTS, **OPPOSITES}[name](moment)
            for shift in shifts:
                changed = copied(watch)
                changed.state.thresholds[:] += shift
                changed.state.settings[lo.THRESHOLD_SHIFT] = shift
                if name in INCIDENTS:
                    outcome = run_incident(changed, name, seed, scene)
                else:
                    outcome = run_opposite(changed, name, seed, scene, moment)
                found[shift].append(outcome)
        if progress is not None:
            progress(number + 1, len(seeds))
    return found


def run_incident(watch: Watch, name: str, seed: int, scene: Scene) -> Outcome:
    """Feed a scene until the alarm that opens the breaker (a note, for the slow leak)."""
    watch.announce(scene.windows)
    bound = bound_orders(watch.state, scene)
    events, starts = scene.events, scene.events.starts
    is_slow = name == "slow_leak"  # in two weeks anything may be raised: its own note counts
    for begin in range(0, len(events.outcomes), CHUNK):
        end = min(begin + CHUNK, len(events.outcomes))
        chunk = Events(
            events.lines[starts[begin] : starts[end]], events.outcomes[begin:end],
            events.at_ms[begin:end], events.flags[begin:end],
        )  # fmt: skip
        for alarm in feed(watch, chunk):
            counts = alarm.hypothesis == lo.SLOW if is_slow else alarm.level >= CAP
            if counts and (alarm.scope, alarm.number) in scene.targets:
                return _caught(name, seed, scene, alarm, bound)
    return Outcome(name, seed, False, 0.0, 0, int(scene.loss_fen.sum()), 0, -1, bound, "")


def _caught(name: str, seed: int, scene: Scene, alarm: Alarm, bound: float) -> Outcome:
    bad_at = scene.events.at_ms[scene.bad]
    seen = scene.bad & (scene.events.at_ms <= alarm.at_ms)
    return Outcome(
        name, seed, True, max(0.0, float(alarm.at_ms - bad_at[0]) / 1000.0), int(seen.sum()),
        int(scene.loss_fen[seen].sum()), alarm.level, alarm.hypothesis, bound, alarm.english,
    )  # fmt: skip


def run_opposite(watch: Watch, name: str, seed: int, scene: Scene, moment: Moment) -> Outcome:
    """Feed what must not be caught; alarms that the plain stream has too are not its fault."""
    plain = copied(watch)
    watch.announce(scene.windows)
    until_ms = int(scene.events.at_ms.max())
    usual = {_same(alarm) for alarm in feed(plain, moment.part(until_ms - moment.at_ms))}
    wrong = tuple(
        alarm
        for alarm in feed(watch, scene.events)
        if alarm.level >= CAP and _same(alarm) not in usual
    )
    return Outcome(name, seed, bool(wrong), 0.0, 0, 0, 0, -1, 0.0, "", wrong)


def _same(alarm: Alarm) -> tuple[int, int, int]:
    return alarm.scope, alarm.number, alarm.hypothesis


def bound_orders(state: lo.State, scene: Scene) -> float:
    """Lorden's bound in orders: threshold over information, for who knows exactly what comes.

    The information of a bad order is that of its price and of its gap against what the shop's own
    counts say is usual. At least one order.
    """
    starts = scene.events.starts[:-1]
    lines = scene.events.lines[starts][scene.bad]
    if len(lines) == 0:
        return 0.0
    prices = state.shop_price[lo.SKU]
    usual = (prices + marks.PRIOR * marks.PRICE_PRIOR_ARRAY) / (prices.sum() + marks.PRIOR)
    divisor = 1.0
    if scene.loss_fen.any():
        paid = lines["receivable_fen"].sum()
        lost = scene.loss_fen[scene.bad].sum()
        divisor = 1.0 if lost <= paid else 1.0 + float(lost) / float(max(paid, 1))
    place = int(marks.bin_of(-np.log(divisor), marks.LOG_PRICE_EDGES))
    of_price = float(-np.log(usual[place])) if divisor > 1.0 else 0.0
    mean = max(1e-6, float(state.channel_levels[1, lo.MEAN]))
    of_gap = _gap_information(state.shop_gaps[lo.CHANNEL, 0], max(1.0, scene.rate / mean))
    threshold = float(state.thresholds[lo.CHANNEL, lo.CROWD])
    return max(1.0, threshold / max(1e-6, of_price + of_gap))


def _gap_information(gaps: Array, ratio: float) -> float:
    """What one gap tells, on average, if orders come `ratio` times as often as usual."""
    prior = marks.GAP_PRIOR_ARRAY
    usual = (gaps + marks.PRIOR * prior) / (gaps.sum() + marks.PRIOR)
    ends = -np.expm1(-ratio * np.array(marks.GAP_EDGES))
    true = np.maximum(np.diff([0.0, *ends, 1.0]), 1e-12)
    return float((true * np.log(true / usual)).sum())
