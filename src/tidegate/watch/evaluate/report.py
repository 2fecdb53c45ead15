"""An evaluation as one document, and as lines for people.

Always every alarm over the file as it is, right or wrong, in its own sentence. Never a single
score: a delay without its false alarms says nothing.
"""

import datetime as dt
from collections.abc import Callable
from typing import Any, NamedTuple

from tidegate.watch import layout as lo
from tidegate.watch.alarms import CAP, LEVEL_NAMES, Alarm
from tidegate.watch.evaluate.figures import (
    Delay,
    Quiet,
    Rate,
    clopper,
    delay_figures,
    quiet_figures,
)
from tidegate.watch.evaluate.incidents import INCIDENTS, OPPOSITES
from tidegate.watch.evaluate.replay import Outcome, run_quiet, run_scenes
from tidegate.watch.evaluate.stream import Stream
from tidegate.watch.settings import Settings

SHIFTS = (-8.0, -6.0, -4.0, -2.0, 0.0, 2.0, 4.0, 6.0)
CURVES = ("price_10", "coupon_leak", "reseller", "bot_burst", "crowd_doubling")


class Point(NamedTuple):
    """One place on a curve: thresholds shifted by so much, what that costs and brings."""

    shift: float
    wrong_a_year: float
    delay_orders: dict[str, float]  # median by incident, of what was caught
    caught: dict[str, int]


class Opposite(NamedTuple):
    """What must not be caught, over its seeds."""

    name: str
    runs: int
    stopped: int  # runs with any wrong stop
    paused: int  # runs with a wrong pause
    example: str
    share: tuple[float, float] = (0.0, 1.0)  # of moments at which it is stopped, 95 %


class Evaluation(NamedTuple):
    """Everything that was measured."""

    orders: int
    lines: int
    seeds: int
    quiet: Quiet
    delays: list[Delay]
    opposites: list[Opposite]
    curve: list[Point]
    order_ids: list[str]


class Options(NamedTuple):
    """What to run."""

    settings: Settings
    seeds: int = 20
    scenes: tuple[str, ...] = (*INCIDENTS, *OPPOSITES)
    curve: bool = True
    offset_ms: int = 0


def evaluate(
    stream: Stream, options: Options, progress: Callable[[int, int], None] | None = None
) -> Evaluation:
    """Run everything that the options name."""
    settings, seeds = options.settings, tuple(range(1, options.seeds + 1))
    alarms = run_quiet(stream, settings, 0.0, options.offset_ms)
    quiet = quiet_figures(alarms, stream)
    outcomes: list[Outcome] = []
    if seeds and options.scenes:
        made = run_scenes(
            stream, settings, seeds, options.scenes, (0.0,), options.offset_ms, progress
        )
        outcomes = made[0.0]
    delays = [delay_figures(outcomes, name) for name in options.scenes if name in INCIDENTS]
    opposites = [_opposite(outcomes, name) for name in options.scenes if name in OPPOSITES]
    curve = _curve(stream, options, seeds, progress) if options.curve and seeds else []
    events = stream.events
    orders = int((events.flags == 0).sum())
    return Evaluation(
        orders, len(events.lines), options.seeds, quiet, delays, opposites, curve, stream.order_ids
    )


def _opposite(outcomes: list[Outcome], name: str) -> Opposite:
    mine = [outcome for outcome in outcomes if outcome.name == name]
    wrong = [outcome for outcome in mine if outcome.wrong]
    paused = [outcome for outcome in wrong if any(alarm.level > CAP for alarm in outcome.wrong)]
    example = wrong[0].wrong[0].english if wrong else ""
    share = clopper(len(wrong), len(mine)) if mine else (0.0, 1.0)
    return Opposite(name, len(mine), len(wrong), len(paused), example, share)


def _curve(
    stream: Stream, options: Options, seeds: tuple[int, ...],
    progress: Callable[[int, int], None] | None,
) -> list[Point]:  # fmt: skip
    names = tuple(name for name in CURVES if name in options.scenes)
    runs = run_scenes(stream, options.settings, seeds, names, SHIFTS, options.offset_ms, progress)
    points = []
    for shift in SHIFTS:
        alarms = run_quiet(stream, options.settings, shift, options.offset_ms)
        quiet = quiet_figures(alarms, stream)
        found = [delay_figures(runs[shift], name) for name in names]
        points.append(
            Point(
                shift, quiet.pauses.a_year + quiet.caps.a_year,
                {delay.name: delay.orders[0] for delay in found if delay.caught},
                {delay.name: delay.caught for delay in found},
            )
        )  # fmt: skip
    return points


def as_document(made: Evaluation) -> dict[str, Any]:
    """As JSON."""
    quiet = made.quiet
    return {
        "orders": made.orders,
        "lines": made.lines,
        "shop_years": quiet.years,
        "seeds": made.seeds,
        "quiet": {
            "wrong_pauses": quiet.pauses._asdict(),
            "wrong_caps": quiet.caps._asdict(),
            "notes": quiet.notes._asdict(),
            "right": [_alarm(alarm, made.order_ids) for alarm in quiet.right],
            "wrong": [_alarm(alarm, made.order_ids) for alarm in quiet.wrong],
        },
        "incidents": [delay._asdict() for delay in made.delays],
        "opposites": [one._asdict() for one in made.opposites],
        "curve": [point._asdict() for point in made.curve],
    }


def _alarm(alarm: Alarm, order_ids: list[str]) -> dict[str, Any]:
    return {
        "at": moment(alarm.at_ms),
        "level": LEVEL_NAMES[alarm.level],
        "sentence": alarm.english,
        "sentence_zh": alarm.chinese,
        "first_order": first_id(alarm, order_ids),
        "orders": alarm.orders,
        "stake_fen": alarm.stake_fen,
        "score": round(alarm.score, 2),
        "threshold": round(alarm.threshold, 2),
    }


def first_id(alarm: Alarm, order_ids: list[str]) -> str:
    """The file's own id of the first order concerned; empty where there is none."""
    number = int(alarm.first_order[16:], 16)
    if alarm.hypothesis in (lo.SILENCE, lo.SLOW) or number >= len(order_ids):
        return ""
    return order_ids[number]


def moment(at_ms: int) -> str:
    """A moment in UTC, to the minute."""
    return dt.datetime.fromtimestamp(at_ms / 1000, dt.UTC).isoformat(" ", "seconds")[:16]


def as_lines(made: Evaluation) -> list[str]:
    """For people."""
    quiet = made.quiet
    lines = [
        f"{made.orders:,} orders, {made.lines:,} lines, {quiet.years:.2f} shop-years",
        "",
        "As it is 原始数据, wrong stops a shop-year (95 %):",
        _rate("  pauses 误停", quiet.pauses),
        _rate("  caps 误限购", quiet.caps),
        _rate("  notes 提示", quiet.notes),
        "",
        "Every alarm 全部告警:",
    ]
    for alarm in sorted((*quiet.right, *quiet.wrong), key=lambda one: one.at_ms):
        judged = "right" if alarm in quiet.right else "     "
        order = first_id(alarm, made.order_ids)
        lines.append(
            f"  {moment(alarm.at_ms)} {judged} {LEVEL_NAMES[alarm.level]:16} {alarm.english}"
            + (f" (order {order})" if order else "")
        )
    if made.delays:
        lines += ["", _HEAD]
        lines += [_delay(delay) for delay in made.delays]
    if made.opposites:
        lines += ["", "What must not be stopped 不应误停:   stopped (95 % of runs)  of them paused"]
        for one in made.opposites:
            lines.append(
                f"  {one.name:28} {one.stopped:6}/{one.runs}"
                f" ({one.share[0]:.0%} to {one.share[1]:.0%}) {one.paused:10}"
            )
            if one.example:
                lines.append(f"      e.g. {one.example}")
    return lines


_HEAD = (
    "Incidents 事故              caught     seconds (p95)      orders (p95)"
    "          yuan (p95)  of Lorden's bound"
)


def _rate(title: str, rate: Rate) -> str:
    return f"{title}: {rate.a_year:.1f} ({rate.low:.1f} to {rate.high:.1f}), {rate.alarms} in all"


def _delay(delay: Delay) -> str:
    if not delay.caught:
        return f"  {delay.name:24} {0:3}/{delay.runs}  missed"
    return (
        f"  {delay.name:24} {delay.caught:3}/{delay.runs}"
        f" {delay.seconds[0]:11,.2f} ({delay.seconds[1]:,.1f})"
        f" {delay.orders[0]:9,.0f} ({delay.orders[1]:,.0f})"
        f" {delay.lost_fen[0] / 100:13,.2f} ({delay.lost_fen[1] / 100:,.0f})"
        f" {delay.bound:8.0%}  {delay.how}"
    )
