"""`tidegate bench`: measure this machine and this checkout, and say which targets are met.

Exit status 0 means that every bench asked for ran or said why it cannot run here; a missed target
is printed, not turned into an exit status. It never touches a store that exists.
"""

import datetime as dt
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:  # the bench's parts are imported when it runs, so that other commands start fast
    from collections.abc import Mapping

    from tidegate.bench import registry, runner

app = typer.Typer()


@app.command(name="bench")
def bench(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]...", help="benches to run; default: all"),
    ] = None,
    json_file: Annotated[
        Path | None,
        typer.Option("--json", help="write the report here; - is standard output"),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="one short round of each")] = False,
    against: Annotated[
        Path | None,
        typer.Option(help="root of another checkout, measured in turns with this one"),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(help="where to write while measuring (on the disk that counts)"),
    ] = None,
    seed: Annotated[int, typer.Option(help="seed of the made-up orders")] = 1,
    record: Annotated[
        list[Path] | None,
        typer.Option(help="write the targets between the marks for figures of this page"),
    ] = None,
    earlier: Annotated[
        Path | None,
        typer.Option("--report", help="measure nothing: record this report of an earlier run"),
    ] = None,
    list_only: Annotated[bool, typer.Option("--list", help="list the benches and stop")] = False,
) -> None:
    """Run the benches and print figures, foreign CPU and which targets are met."""
    from rich.console import Console

    from tidegate.bench import machine, registry, report, runner

    out = Console(stderr=json_file == Path("-"))
    if list_only:
        for entry in registry.BENCHES:
            out.print(f"{entry.name:10} {entry.title}", highlight=False)
        return
    if earlier is not None:
        _record(record or [], json.loads(earlier.read_text("utf-8")))
        return
    options = runner.Options(quick=quick, seed=seed, folder=folder, against=against)
    started = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    try:
        chosen = registry.chosen(names or [])
        outcomes = _run_with_progress(chosen, options)
    except ValueError as error:
        typer.echo(f"tidegate bench: {error}", err=True)
        raise typer.Exit(2) from error
    facts = machine.describe(runner.scratch_parent(options))
    made = report.as_json(outcomes, facts, options, started)
    report.show(out, made, outcomes)
    if json_file == Path("-"):
        report.dump_json(sys.stdout, made)
    elif json_file is not None:
        with json_file.open("w", encoding="utf-8") as opened:
            report.dump_json(opened, made)
    _record(record or [], made)
    if any(outcome.status == runner.FAILED for outcome in outcomes):
        raise typer.Exit(1)


def _record(pages: "list[Path]", report: "Mapping[str, Any]") -> None:
    from tidegate.bench.record import NoMarks, record

    for page in pages:
        try:
            record(page, report)
        except (OSError, NoMarks) as error:
            typer.echo(f"tidegate bench: {error}", err=True)
            raise typer.Exit(2) from error


def _run_with_progress(
    chosen: "list[registry.Bench]",
    options: "runner.Options",
) -> "list[runner.Outcome]":
    """Run with a bar for each bench, on standard error."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from tidegate.bench import runner

    columns = (
        TextColumn("{task.description:10}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(), TextColumn("{task.fields[text]}"),
    )  # fmt: skip
    # Drawing takes processor time from what is measured: four times a second is enough.
    with Progress(*columns, console=Console(stderr=True), refresh_per_second=4) as bars:
        tasks = {
            entry.name: bars.add_task(entry.name, total=1.0, start=False, text="")
            for entry in chosen
        }

        def tell(name: str, share: float, text: str) -> None:
            bars.start_task(tasks[name])
            bars.update(tasks[name], completed=share, text=text)

        return runner.run(chosen, options, tell)
