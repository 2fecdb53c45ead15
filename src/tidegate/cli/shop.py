"""`tidegate shop`: make a shop's folder and secrets, and list the shops there are."""

import json
from typing import Annotated

import typer

from tidegate.cli._store import DEFAULT_STORE, AsJson, Store, refusals

app = typer.Typer(help="The shops of a store.", no_args_is_help=True)


@app.command()
def create(
    names: Annotated[
        list[str], typer.Argument(help="lower-case letters, digits and dashes; or several")
    ],
    store: Store = DEFAULT_STORE,
    zone: Annotated[str, typer.Option(help="the shop's time zone")] = "Asia/Shanghai",
    as_json: AsJson = False,
) -> None:
    """Make a shop. A running server takes it up when it is started again."""
    from tidegate import bootstrap

    made = []
    with refusals():
        found = bootstrap.existing_store(store)
        for name in names:
            paths = found.shop(name)
            bootstrap.create_shop(paths, name, zone)
            made.append({"shop": name, "zone": zone})
            if not as_json:
                kept = f"Keep a copy of {paths.secrets} apart from the backups."
                typer.echo(f"The shop {name} is ready. {kept}")
    if as_json:
        typer.echo(json.dumps(made[0] if len(made) == 1 else {"shops": made}))


@app.command("list")
def list_(store: Store = DEFAULT_STORE, as_json: AsJson = False) -> None:
    """List the shops of a store."""
    from tidegate import bootstrap

    with refusals():
        names = bootstrap.existing_store(store).shops()
    typer.echo(json.dumps(names) if as_json else "\n".join(names))
