"""`tidegate watch`: the breaker, hard limits, announcements, and what a file would have shown.

Always: what changes a shop goes through the server, with a person's key; `evaluate` replays a file
in memory. Never: a stop is taken back without people.
"""

import json
from pathlib import Path
from typing import Annotated

import typer

from tidegate.cli._store import AsJson
from tidegate.cli._watch_alarms import COMMANDS as ALARM_COMMANDS
from tidegate.cli._watch_breaker import COMMANDS
from tidegate.cli._watch_limits import limits

app = typer.Typer(help="The watch: breaker, limits, announcements, replays.", no_args_is_help=True)

REFUSED_EXIT = 2


@app.callback()
def watch() -> None:
    """The watch: breaker, limits, announcements, replays."""


@app.command()
def evaluate(
    file: Annotated[Path, typer.Argument(help="orders: CSV, gzip-compressed CSV or XLSX")],
    zone: Annotated[str, typer.Option(help="the file's time zone")] = "Asia/Shanghai",
    mapping: Annotated[
        Path | None, typer.Option(help="TOML or JSON that names the columns")
    ] = None,
    seeds: Annotated[
        int, typer.Option(min=0, max=1000, help="moments each incident is put in at; 0: none")
    ] = 20,
    scene: Annotated[
        list[str] | None, typer.Option(help="only these incidents or opposites; repeatable")
    ] = None,
    wrong_pauses: Annotated[
        float, typer.Option(min=0.001, help="wrong pauses allowed in 180 days")
    ] = 1.0,
    plot: Annotated[
        Path | None, typer.Option(help="write delay against false alarms here, as HTML")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Replay a file, as it is and with incidents put into it: delays, false alarms, their price."""
    from tidegate.cli._order_stream import ahead_of_utc_ms, read_stream
    from tidegate.cli._progress import progress_bar
    from tidegate.imports.columns import load_mapping
    from tidegate.imports.refusal import ImportRefused
    from tidegate.watch.evaluate import report
    from tidegate.watch.settings import Settings

    known = report.Options(Settings()).scenes
    unknown = [name for name in scene or () if name not in known]
    if unknown:
        typer.echo(
            f"tidegate: no scene {', '.join(unknown)}; there are {', '.join(known)}", err=True
        )
        raise typer.Exit(REFUSED_EXIT)
    try:
        named = load_mapping(mapping) if mapping else None
        stream = read_stream(file, zone, named, seed=1)
        offset_ms = ahead_of_utc_ms(zone, int(stream.events.at_ms[0]))
    except ImportRefused as refused:
        typer.echo(f"tidegate: {refused}", err=True)
        raise typer.Exit(REFUSED_EXIT) from None
    options = report.Options(
        Settings(wrong_pauses=wrong_pauses), seeds, tuple(scene) if scene else known,
        curve=plot is not None,
        offset_ms=offset_ms,
    )  # fmt: skip
    with progress_bar("evaluate", shown=not as_json) as progress:
        made = report.evaluate(stream, options, progress)
    if plot is not None and made.curve:
        from tidegate.watch.evaluate.plot import page

        plot.write_text(page(made), "utf-8")
    if as_json:
        typer.echo(json.dumps(report.as_document(made), ensure_ascii=False))
    else:
        typer.echo("\n".join(report.as_lines(made)))


app.command("limits")(limits)
for _name, _command in COMMANDS.items():
    app.command(_name)(_command)


for _name, _command in ALARM_COMMANDS.items():
    app.command(_name)(_command)
