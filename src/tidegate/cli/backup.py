"""`tidegate backup`: copy a store while it runs; a second run copies only what is new."""

import json
from pathlib import Path
from typing import Annotated

import typer

from tidegate.cli._store import DEFAULT_STORE, AsJson, Store, refusals

app = typer.Typer(help="Copy a store while it runs.")


@app.command()
def backup(
    destination: Annotated[Path, typer.Argument(help="a folder; may hold an earlier backup")],
    store: Store = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Copy every shop and the access database. Secrets are left out: keep them apart."""
    from tidegate import bootstrap
    from tidegate.cli._progress import progress_bar

    with refusals(), progress_bar("backup", shown=not as_json) as progress:
        done = bootstrap.back_up(store, destination, progress)
    if as_json:
        typer.echo(json.dumps(done))
        return
    for shop in done:
        typer.echo(
            f"{shop['shop']}: up to entry {shop['seq']}, hash {shop['hash'][:16]},"
            f" {shop['new_segments']} new segments",
        )
    typer.echo("Secrets are not in it: copy each shop's `secrets` folder to another place.")
