"""`tidegate people keys`: where the vault's keys are backed up, and how they come back.

Works on the store's files. A backup that is past its day is refused; what was destroyed since a
backup was made is destroyed again before the vault serves anything.
"""

import json
import time
from pathlib import Path
from typing import Annotated

import typer

from tidegate.cli._store import DEFAULT_STORE, AsJson, Store, refusals

app = typer.Typer(help="Backups of the vault's keys.", no_args_is_help=True)

ShopName = Annotated[str, typer.Argument(help="the shop")]
DAY_S = 86_400


@app.command("backup-to")
def backup_to(
    shop: ShopName,
    folder: Annotated[Path, typer.Argument(help="on another disk than the store")],
    days: Annotated[int, typer.Option(min=1, max=30, help="how long a backup lives")] = 30,
    store: Store = DEFAULT_STORE,
) -> None:
    """Back the keys up there once a day, from the next start of the server on."""
    from tidegate.bootstrap import existing_store
    from tidegate.bootstrap.vaults import KeyBackupPolicy, set_key_backup_policy

    with refusals():
        paths = existing_store(store).shop(shop)
        set_key_backup_policy(paths.vault, KeyBackupPolicy(str(folder.resolve()), days))
    typer.echo(f"{shop}: keys go to {folder} once a day, each backup for {days} days")


@app.command("list")
def list_(
    folder: Annotated[Path, typer.Argument(help="where backups lie")], as_json: AsJson = False
) -> None:
    """The backups in a folder, with their last days."""
    from tidegate.people.rights.terms import date_text
    from tidegate.people.vault.key_backups import ends_day_of

    with refusals():
        found = [
            {"name": path.name, "ends": date_text(ends_day_of(path))}
            for path in sorted(folder.glob("vault-keys-*.db"))
        ]
    if as_json:
        typer.echo(json.dumps(found))
        return
    for one in found:
        typer.echo(f"{one['name']}  ends {one['ends']}")


@app.command()
def restore(
    shop: ShopName,
    backup: Annotated[Path, typer.Argument(help="a file of `keys list`")],
    tombstones: Annotated[
        Path | None, typer.Option(help="a later tombstones.log than the one beside the backup")
    ] = None,
    store: Store = DEFAULT_STORE,
) -> None:
    """Put keys back into a store that was restored; the server does the rest when it starts."""
    from tidegate.bootstrap import existing_store
    from tidegate.bootstrap.vault_copies import restore_keys

    with refusals():
        paths = existing_store(store).shop(shop)
        restore_keys(backup, paths, int(time.time()) // DAY_S, tombstones)
    typer.echo(
        f"{shop}: keys are back; whoever was destroyed since is destroyed again at the next start"
    )
