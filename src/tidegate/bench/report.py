"""The report: a table for people, JSON for machines, targets with PASS or MISS.

A target whose bench did not run is "not measured", never met. Figures are printed as they were
measured; the only rounding is for the eye. Nothing here measures.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from rich.console import Console, JustifyMethod
from rich.table import Table

from tidegate.bench.figures import Best, best
from tidegate.bench.registry import AT_LEAST, AT_MOST, TARGETS
from tidegate.bench.runner import DONE, Options, Outcome

FORMAT = 1
PASS, MISS, UNMEASURED = "PASS", "MISS", "not measured"
SIGNS = {AT_LEAST: "≥", AT_MOST: "≤"}
FOREIGN_NOTE = 0.05  # above this share of all cores a figure is marked as disturbed


def measured(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """Every best figure by name."""
    return {
        figure.name: figure.value
        for outcome in outcomes
        for part in best(outcome.rounds)
        for figure in part.figures
    }


def verdicts(figures: Mapping[str, float]) -> list[dict[str, Any]]:
    """Each target with its figure and PASS, MISS or "not measured"."""
    rows = []
    for target in TARGETS:
        value = target.measured(figures)
        verdict = UNMEASURED if value is None else (PASS if target.met(value) else MISS)
        rows.append(
            {
                "target": target.title,
                "relation": target.relation,
                "asked": target.value,
                "measured": value,
                "unit": target.unit,
                "verdict": verdict,
            }
        )
    return rows


def as_json(
    outcomes: Sequence[Outcome], machine: Mapping[str, object], options: Options, started: str
) -> dict[str, Any]:
    """The whole run as one JSON object; `started` is an ISO 8601 time."""
    return {
        "format": FORMAT,
        "started": started,
        "quick": options.quick,
        "seed": options.seed,
        "machine": dict(machine),
        "benches": [_outcome_json(outcome) for outcome in outcomes],
        "against": _comparisons(outcomes),
        "targets": verdicts(measured(outcomes)),
    }


def dump_json(stream: TextIO, report: Mapping[str, Any]) -> None:
    """Write the report to an open text stream."""
    json.dump(report, stream, ensure_ascii=False, indent=1)
    stream.write("\n")


def show(console: Console, report: Mapping[str, Any], outcomes: Sequence[Outcome]) -> None:
    """Print machine, figures, comparison and targets."""
    console.print(machine_line(report["machine"]))
    if report["quick"]:
        console.print("[yellow]quick run: one short round each; figures are rough[/]")
    for outcome in outcomes:
        if outcome.status != DONE:
            console.print(f"[yellow]{outcome.bench.name} {outcome.status}:[/] {outcome.reason}")
    console.print(_figures_table(outcomes))
    for remark in (*_beside(outcomes), *_remarks(outcomes)):
        console.print(f"  {remark}", markup=False)
    if report["against"]:
        console.print(_against_table(report["against"]))
    console.print(_targets_table(report["targets"]))


def number(value: float) -> str:
    """A figure for the eye: four significant digits, thousands apart."""
    if abs(value) >= 1_000:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def _outcome_json(outcome: Outcome) -> dict[str, Any]:
    return {
        "name": outcome.bench.name,
        "title": outcome.bench.title,
        "status": outcome.status,
        "reason": outcome.reason,
        "best": [_best_json(part) for part in best(outcome.rounds)],
        "rounds": [one.as_json() for one in outcome.rounds],
        "rounds_against": [one.as_json() for one in outcome.against],
    }


def _best_json(part: Best) -> dict[str, Any]:
    return {
        "part": part.part,
        "round": part.round_number,
        "foreign": part.foreign,
        "figures": {
            figure.name.rpartition(".")[2]: {"value": figure.value, "unit": figure.unit}
            for figure in part.figures
        },
    }


def _comparisons(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    rows = []
    for outcome in outcomes:
        others = {p.part: p.figures[0].value for p in best(outcome.against)}
        for part in best(outcome.rounds):
            headline = part.figures[0]
            other = others.get(part.part)
            if other:
                rows.append(
                    {
                        "figure": headline.name,
                        "this": headline.value,
                        "other": other,
                        "ratio": headline.value / other,
                        "better": headline.better,
                    }
                )
    return rows


def machine_line(machine: Mapping[str, Any]) -> str:
    """Processor, memory, disk, system and commit of a report."""
    disk = machine["disk"]
    dirty = " with changes" if machine["dirty"] else ""
    return (
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_bytes'] / 2**30:.0f} GiB, "
        f"{disk['filesystem']} on {disk['device']} (write cache: {disk['write_cache']}), "
        f"{machine['kernel']}, {machine['python']}, "
        f"commit {str(machine['commit'])[:12]}{dirty}"
    )


def _figures_table(outcomes: Sequence[Outcome]) -> Table:
    table = Table(title="figures, best round of each part")
    table.add_column("figure", overflow="fold")
    for heading in ("value", "unit", "round", "foreign CPU"):
        justify: JustifyMethod = "left" if heading == "unit" else "right"
        table.add_column(heading, justify=justify, no_wrap=True)
    for outcome in outcomes:
        for part in best(outcome.rounds):
            for place, figure in enumerate(part.figures):
                first = place == 0
                table.add_row(
                    figure.name,
                    number(figure.value),
                    figure.unit,
                    f"{part.round_number + 1}/{len(outcome.rounds)}" if first else "",
                    _foreign(part.foreign) if first else "",
                )
    return table


def _foreign(share: float | None) -> str:
    if share is None:
        return "unknown"
    text = f"{share:.1%}"
    return f"[yellow]{text}[/]" if share > FOREIGN_NOTE else text


def _beside(outcomes: Sequence[Outcome]) -> list[str]:
    """For each bench what the bare disk and the bare echo did in the minutes of its best rounds."""
    lines = []
    for outcome in outcomes:
        for part in best(outcome.rounds):
            beside = outcome.rounds[part.round_number].beside
            figures = ", ".join(f"{name} {number(value)}" for name, value in beside.items())
            if figures:
                lines.append(f"{part.part}: same minute: {figures}")
    return lines


def _remarks(outcomes: Sequence[Outcome]) -> list[str]:
    """Every distinct remark once, in order."""
    return list(
        dict.fromkeys(
            f"{outcome.bench.name}: {remark}"
            for outcome in outcomes
            for one in outcome.rounds
            for remark in one.remarks
        )
    )


def _against_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(title="against the other checkout, same run, rounds in turn")
    for heading in ("figure", "this", "other", "this / other", "better is"):
        table.add_column(heading, justify="left" if heading == "figure" else "right")
    for row in rows:
        table.add_row(
            row["figure"], number(row["this"]), number(row["other"]),
            f"{row['ratio']:.3f}", row["better"],
        )  # fmt: skip
    return table


def _targets_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(title="targets")
    for heading in ("target", "asked", "measured", ""):
        table.add_column(heading, justify="left" if heading in {"target", ""} else "right")
    colours = {PASS: "green", MISS: "red", UNMEASURED: "dim"}
    for row in rows:
        asked = f"{SIGNS.get(row['relation'], '=')} {number(row['asked'])} {row['unit']}".strip()
        value = "" if row["measured"] is None else number(row["measured"])
        colour = colours[row["verdict"]]
        table.add_row(row["target"], asked, value, f"[{colour}]{row['verdict']}[/]")
    return table
