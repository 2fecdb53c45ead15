"""`tidegate key`: issue, rotate, revoke and list API keys. A key is shown once, when it is made."""

import json
from typing import Annotated

import typer

from tidegate.cli._store import DEFAULT_STORE, AsJson, Store, Who, actor, opened_access

app = typer.Typer(help="API keys of people and machines.", no_args_is_help=True)

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
Many = Annotated[list[str] | None, typer.Option()]


@app.command()
def issue(
    owner: Annotated[str, typer.Argument(help="the person or machine the key is for")],
    by: Who,
    store: Store = DEFAULT_STORE,
    scope: Annotated[
        list[str] | None,
        typer.Option(help="repeat for several; default: all"),
    ] = None,
    shop: Annotated[list[str] | None, typer.Option(help="repeat for several; default: all")] = None,
    channel: Annotated[list[str] | None, typer.Option(help="repeat; default: all")] = None,
    days: Annotated[int, typer.Option(min=0, help="days until it ends; 0 = never")] = 0,
    as_json: AsJson = False,
) -> None:
    """Make a key and show it this once."""
    with opened_access(store) as access:
        who = actor(access, by)
        ends = access.store.now_ms() + days * DAY_MS if days else None
        parties = {party.name: party.token for party in access.operators.list_parties()}
        new = access.keyring.issue(
            parties.get(owner, 0), who, scopes=scope or ("*",), shops=shop or ("*",),
            channels=channel or ("*",), expires_at_ms=ends,
        )  # fmt: skip
    shown(new.key_id, new.key, as_json=as_json)


@app.command()
def rotate(
    key_id: str,
    by: Who,
    store: Store = DEFAULT_STORE,
    overlap_hours: Annotated[int, typer.Option(min=0, max=720)] = 24,
    as_json: AsJson = False,
) -> None:
    """Make a new key with the same rights; the old one works for a while longer."""
    with opened_access(store) as access:
        new = access.keyring.rotate(key_id, actor(access, by), overlap_ms=overlap_hours * HOUR_MS)
    shown(new.key_id, new.key, as_json=as_json)


@app.command()
def revoke(key_id: str, by: Who, store: Store = DEFAULT_STORE) -> None:
    """End a key; it stops working within a second."""
    with opened_access(store) as access:
        access.keyring.revoke(key_id, actor(access, by))


@app.command("list")
def list_(store: Store = DEFAULT_STORE, as_json: AsJson = False) -> None:
    """List the keys, without their secrets."""
    with opened_access(store) as access:
        names = {party.token: party.name for party in access.operators.list_parties()}
        rows = [
            {
                "key_id": key.key_id,
                "owner": names.get(key.principal.person_token, ""),
                "created_at_ms": key.created_at_ms,
                "expires_at_ms": key.expires_at_ms,
                "revoked_at_ms": key.revoked_at_ms,
            }
            for key in access.keyring.list_keys()
        ]
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False))
        return
    for row in rows:
        typer.echo(f"{row['key_id']}  {row['owner']}  revoked={row['revoked_at_ms'] or 'no'}")


def shown(key_id: str, key: str, *, as_json: bool) -> None:
    """Print a new key, this once."""
    if as_json:
        typer.echo(json.dumps({"key_id": key_id, "key": key}))
        return
    typer.echo(f"{key_id}, shown this once:\n\n  {key}\n")
