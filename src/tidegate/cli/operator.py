"""`tidegate operator`: the people and machines that may ask for something."""

import json
from typing import Annotated

import typer

from tidegate.cli._store import DEFAULT_STORE, AsJson, Store, Who, actor, opened_access

app = typer.Typer(help="People and machines.", no_args_is_help=True)


@app.command()
def add(
    name: str,
    by: Who,
    role: Annotated[list[str] | None, typer.Option(help="repeat for several")] = None,
    store: Store = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Add a person with their own name and roles."""
    from tidegate.access.roles import roles_from

    with opened_access(store) as access:
        party = access.operators.create_operator(name, roles_from(role or ()), actor(access, by))
    typer.echo(json.dumps({"name": name, "token": f"{party.token:016x}"}) if as_json else name)


@app.command()
def machine(name: str, by: Who, store: Store = DEFAULT_STORE, as_json: AsJson = False) -> None:
    """Add a machine: a channel's client, an importer."""
    with opened_access(store) as access:
        party = access.operators.create_machine(name, actor(access, by))
    typer.echo(json.dumps({"name": name, "token": f"{party.token:016x}"}) if as_json else name)


@app.command("list")
def list_(store: Store = DEFAULT_STORE, as_json: AsJson = False) -> None:
    """List people and machines."""
    from tidegate.access.roles import role_names

    with opened_access(store) as access:
        rows = [
            {
                "name": party.name,
                "person": party.is_person,
                "roles": list(role_names(party.roles)),
                "active": party.is_active,
            }
            for party in access.operators.list_parties()
        ]
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False))
        return
    for row in rows:
        typer.echo(f"{row['name']}  {row['roles']}  active={row['active']}")


@app.command()
def suspend(name: str, by: Who, store: Store = DEFAULT_STORE) -> None:
    """All keys of this person or machine stop working within a second."""
    with opened_access(store) as access:
        access.operators.suspend(token_of(access.operators.list_parties(), name), actor(access, by))


@app.command()
def resume(name: str, by: Who, store: Store = DEFAULT_STORE) -> None:
    """Their keys work again."""
    with opened_access(store) as access:
        access.operators.resume(token_of(access.operators.list_parties(), name), actor(access, by))


def token_of(parties: list, name: str) -> int:  # type: ignore[type-arg]
    """The token of a name; 0 when there is none."""
    return next((party.token for party in parties if party.name == name), 0)
