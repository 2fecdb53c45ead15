"""`tidegate demo`: the night of 26 October 2021 against a real server on this machine, act by act.

Always holds: everything it makes lies in a temporary folder that is removed afterwards. Never here:
the acts themselves.
"""

import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()

DEFAULT_SEED = 20211026
WIDTH_WITHOUT_TERMINAL = 140


@app.command(name="demo")
def demo(
    scale: Annotated[
        float,
        typer.Option(min=0.001, max=4.0, help="size of the crowd; 1 = 140,500 buyers"),
    ] = 1.0,
    seed: Annotated[int, typer.Option(min=0, help="the crowd is drawn from it")] = DEFAULT_SEED,
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="write all figures as JSON"),
    ] = None,
    keep: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="keep store, answers and logs here"),
    ] = None,
) -> None:
    """Play the night of 26 October 2021 against a real server: own shop and marketplace shop.

    Ends with 1 when a promise was broken, with 2 when the night could not be played.
    """
    from rich.console import Console

    from tidegate.demo.fleet import LoadFailed
    from tidegate.demo.night import JudgeFailed, play
    from tidegate.demo.result import as_json, machine
    from tidegate.demo.server import ServerFailed
    from tidegate.demo.shop_api import CallRefused
    from tidegate.demo.table import report

    # A file or pipe has no width of its own; the table needs one.
    console = Console(width=None if sys.stdout.isatty() else WIDTH_WITHOUT_TERMINAL)
    with tempfile.TemporaryDirectory(prefix="tidegate-demo-") as temporary:
        folder = keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            result = play(folder, seed, scale, console)
        except (CallRefused, JudgeFailed, LoadFailed, ServerFailed) as error:
            typer.echo(f"the night could not be played: {error}", err=True)
            raise typer.Exit(2) from error
    if json_file is not None:
        json_file.write_bytes(as_json(result, machine()) + b"\n")
    console.print(report(result))
    if result.faults:
        raise typer.Exit(1)
