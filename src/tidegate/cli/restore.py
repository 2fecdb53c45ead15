"""`tidegate restore`: make a store from a backup, checking every entry on the way."""

import json
from pathlib import Path
from typing import Annotated

import typer

from tidegate.cli._store import DEFAULT_STORE, AsJson, Store, refusals

app = typer.Typer(help="Make a store from a backup.")


@app.command()
def restore(
    backup: Annotated[Path, typer.Argument(help="a folder made by `tidegate backup`")],
    store: Store = DEFAULT_STORE,
    secrets: Annotated[
        Path | None,
        typer.Option(help="a folder with a folder of secrets for each shop"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a new store from a backup and the secrets that were kept apart. Can be run again."""
    from tidegate import bootstrap
    from tidegate.cli._progress import progress_bar

    with refusals(), progress_bar("restore", shown=not as_json) as progress:
        done = bootstrap.restore(backup, store, secrets, progress)
    if as_json:
        typer.echo(json.dumps(done))
        return
    for shop in done:
        typer.echo(f"{shop['shop']}: restored up to entry {shop['seq']}, hash {shop['hash'][:16]}")
