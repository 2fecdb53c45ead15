"""`tidegate verify`: read a shop's journal again and say what that proves, in one line a shop."""

import json
from typing import Annotated

import typer

from tidegate.cli._store import DEFAULT_STORE, AsJson, Store, refusals

app = typer.Typer(help="Re-read, re-hash, re-fold and re-decide journals.")

NOT_SO_EXIT = 1


@app.command()
def verify(
    shop: Annotated[list[str] | None, typer.Argument(help="default: every shop")] = None,
    store: Store = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Verify shops, beside a running server if there is one. Exit 1 when something is not so."""
    from tidegate import bootstrap
    from tidegate.cli._progress import progress_bar

    results = []
    with refusals():
        for name in shop or bootstrap.existing_store(store).shops():
            with progress_bar(f"verify {name}", shown=not as_json) as progress:
                results.append(bootstrap.verify_shop(store, name, progress))
    for result in results:
        if not as_json:
            typer.echo(result.sentence())
    if as_json:
        shown = [
            {
                "shop": r.shop, "entries": r.entries, "head_seq": r.head.seq,
                "head_hash": r.head.hash.hex(), "orders": r.orders, "operations": r.operations,
                "expired": r.expired, "commands_folded": r.commands, "snapshots": r.snapshots,
                "folded_only": r.folded_only, "fault": r.fault, "not_proved": r.limits,
            }
            for r in results
        ]  # fmt: skip
        typer.echo(json.dumps(shown, ensure_ascii=False))
    if any(result.fault for result in results):
        raise typer.Exit(NOT_SO_EXIT)
