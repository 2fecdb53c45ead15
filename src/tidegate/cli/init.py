"""`tidegate init`: make a store, and its first administrator, whose key is shown once."""

import json

import typer

from tidegate.cli._store import DEFAULT_STORE, AsJson, Store, refusals

app = typer.Typer(help="Make a store and its first administrator.")


@app.command()
def init(
    administrator: str = typer.Option(..., help="the first administrator's name"),
    store: Store = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Make a store. The administrator's key is printed here and nowhere else, and never again."""
    from tidegate.bootstrap import new_store, open_access

    with refusals():
        access = open_access(new_store(store))
        person = access.operators.create_first_administrator(administrator)
        key = access.keyring.issue(person.token, person.token)
        access.store.close()
    if as_json:
        typer.echo(json.dumps({"store": str(store), "name": administrator, "key": key.key}))
        return
    typer.echo(
        f"The store {store} is ready. {administrator}'s key, shown this once:\n\n  {key.key}\n",
    )
    typer.echo("Next: tidegate shop create NAME, then tidegate serve")
