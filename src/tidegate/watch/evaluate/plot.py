"""An evaluation as one HTML page that needs nothing else: delay against false alarms, and tables.

Always both axes as they were measured, the chosen settings marked, every share with its interval.
Never a script.
"""

import html
import math

from tidegate.watch.alarms import LEVEL_NAMES
from tidegate.watch.evaluate.figures import Rate
from tidegate.watch.evaluate.report import Evaluation, Point, first_id, moment

WIDTH, HEIGHT, MARGIN = 760, 420, 56
COLOURS = ("#0b6e99", "#b3541e", "#4c7a34", "#7a4c8f", "#8a6d00")
WRONG_MIN, DELAY_MIN = 0.5, 1.0
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:54rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse}"
    "td,th{padding:.2rem .7rem;text-align:right;border-bottom:1px solid #ccc}"
    "svg{width:100%;height:auto}text{font:12px system-ui,sans-serif}"
)
_TITLE = "Delay against false alarms 延迟与误报"
_TOLD = (
    "Each point is the whole file with all thresholds shifted; the ring marks the settings as they "
    "are. Delay is the median in orders over the seeds that were caught."
)


def page(made: Evaluation) -> str:
    """The page of an evaluation that has a curve."""
    assert made.curve
    years = f"{made.quiet.years:.2f} shop-years"
    summary = f"{made.orders:,} orders, {years}, {made.seeds} seeds an incident."
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{_TITLE}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{_TITLE}</h1><p>{summary}</p>"
        f"{_figure(made.curve)}<p>{_TOLD}</p>{_table(made.curve)}"
        f"{_quiet(made)}{_incidents(made)}{_opposites(made)}</body></html>\n"
    )


def _figure(curve: list[Point]) -> str:
    wrong = [max(WRONG_MIN, point.wrong_a_year) for point in curve]
    names = list(curve[0].caught)
    delays = [value for point in curve for value in point.delay_orders.values()] or [1.0]
    x_range = (math.log10(WRONG_MIN), math.log10(max(*wrong, 10.0)))
    y_range = (0.0, math.log10(max(*delays, 10.0)))
    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="delay against alarms">']
    parts += _axes(x_range, y_range)
    for name, colour in zip(names, COLOURS, strict=False):
        places = [
            (_x(point.wrong_a_year, x_range), _y(point.delay_orders[name], y_range), point)
            for point in curve
            if name in point.delay_orders
        ]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in places)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for x, y, point in places:
            size = 6 if point.shift == 0.0 else 3
            fill = "none" if point.shift == 0.0 else colour
            parts.append(
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{size}" stroke="{colour}" fill="{fill}">'
                f"<title>{html.escape(name)}, shift {point.shift:+g}</title></circle>"
            )
    for number, (name, colour) in enumerate(zip(names, COLOURS, strict=False)):
        y = MARGIN + 16 * number
        parts.append(f'<text x="{WIDTH - 150}" y="{y}" fill="{colour}">{html.escape(name)}</text>')
    return "".join([*parts, "</svg>"])


def _axes(x_range: tuple[float, float], y_range: tuple[float, float]) -> list[str]:
    bottom = HEIGHT - MARGIN
    axis = f"M{MARGIN} {MARGIN / 2}V{bottom}H{WIDTH - MARGIN / 2}"
    across = "wrong stops a shop-year 每店每年误停"
    upward = "orders until the stop 停售前单数"
    turn = f"rotate(-90 14 {HEIGHT / 2})"
    parts = [
        f'<path d="{axis}" fill="none" stroke="#444"/>',
        f'<text x="{WIDTH / 2}" y="{HEIGHT - 12}" text-anchor="middle">{across}</text>',
        f'<text x="14" y="{HEIGHT / 2}" text-anchor="middle" transform="{turn}">{upward}</text>',
    ]
    for value in (1, 10, 100, 1000):
        if math.log10(value) <= x_range[1]:
            parts.append(
                f'<text x="{_x(value, x_range):.1f}" y="{bottom + 18}" '
                f'text-anchor="middle">{value}</text>'
            )
        if math.log10(value) <= y_range[1]:
            parts.append(
                f'<text x="{MARGIN - 8}" y="{_y(value, y_range) + 4:.1f}" '
                f'text-anchor="end">{value}</text>'
            )
    return parts


def _x(wrong: float, span: tuple[float, float]) -> float:
    share = (math.log10(max(WRONG_MIN, wrong)) - span[0]) / (span[1] - span[0])
    return MARGIN + share * (WIDTH - 1.5 * MARGIN)


def _y(delay: float, span: tuple[float, float]) -> float:
    share = (math.log10(max(DELAY_MIN, delay)) - span[0]) / (span[1] - span[0])
    return HEIGHT - MARGIN - share * (HEIGHT - 1.5 * MARGIN)


def _table(curve: list[Point]) -> str:
    names = list(curve[0].caught)
    head = "".join(f"<th>{html.escape(name)}</th>" for name in names)
    rows = []
    for point in curve:
        cells = "".join(
            f"<td>{point.delay_orders.get(name, float('nan')):.0f} ({point.caught[name]})</td>"
            for name in names
        )
        rows.append(f"<tr><td>{point.shift:+g}</td><td>{point.wrong_a_year:.1f}</td>{cells}</tr>")
    return (
        f"<table><tr><th>shift</th><th>wrong a year</th>{head}</tr>{''.join(rows)}</table>"
        "<p>In brackets: how many seeds were caught.</p>"
    )


def _quiet(made: Evaluation) -> str:
    """The file as it is: rates with their intervals, and every alarm."""
    quiet = made.quiet
    rates = [
        [name, *_rate(rate)]
        for name, rate in (
            ("pauses 误停", quiet.pauses), ("caps 误限购", quiet.caps), ("notes 提示", quiet.notes),
        )
    ]  # fmt: skip
    alarms = [
        [
            moment(alarm.at_ms), LEVEL_NAMES[alarm.level],
            "right" if alarm in quiet.right else "", alarm.english,
            first_id(alarm, made.order_ids),
        ]
        for alarm in sorted((*quiet.right, *quiet.wrong), key=lambda one: one.at_ms)
    ]  # fmt: skip
    return (
        "<h2>As it is 原始数据</h2>"
        + _rows(["wrong stops", "in all", "a shop-year", "95 %"], rates)
        + _rows(["at (UTC)", "level", "", "alarm", "order"], alarms)
    )


def _rate(rate: Rate) -> list[str]:
    return [str(rate.alarms), f"{rate.a_year:.1f}", f"{rate.low:.1f} to {rate.high:.1f}"]


def _incidents(made: Evaluation) -> str:
    rows = [
        [
            one.name, f"{one.caught}/{one.runs}", f"{one.share[0]:.0%} to {one.share[1]:.0%}",
            f"{one.seconds[0]:,.2f} ({one.seconds[1]:,.2f})",
            f"{one.orders[0]:,.0f} ({one.orders[1]:,.0f})",
            f"{one.lost_fen[0] / 100:,.2f} ({one.lost_fen[1] / 100:,.2f})", f"{one.bound:.0%}",
        ]
        for one in made.delays
    ]  # fmt: skip
    head = [
        "incident 事故", "caught", "95 %", "seconds (p95)", "orders (p95)", "yuan (p95)",
        "of Lorden's bound",
    ]  # fmt: skip
    return "<h2>Put in 注入事故</h2>" + _rows(head, rows)


def _opposites(made: Evaluation) -> str:
    rows = [
        [
            one.name, f"{one.stopped}/{one.runs}", f"{one.share[0]:.0%} to {one.share[1]:.0%}",
            str(one.paused), one.example,
        ]
        for one in made.opposites
    ]  # fmt: skip
    head = ["opposite 不应误停", "stopped", "95 %", "of them paused", "e.g."]
    return "<h2>What must not be stopped 不应误停</h2>" + _rows(head, rows)


def _rows(head: list[str], rows: list[list[str]]) -> str:
    top = "".join(f"<th>{html.escape(cell)}</th>" for cell in head)
    lines = [
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    ]
    return f"<table><tr>{top}</tr>{''.join(lines)}</table>"
