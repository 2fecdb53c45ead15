"""`tidegate export`: everything a journal says, as JSON lines, for other programs to read."""

import json
from typing import Annotated

import typer

from tidegate.cli._store import DEFAULT_STORE, Store, refusals

app = typer.Typer(help="Write a shop's journal as JSON lines.")


@app.command()
def export(
    shop: Annotated[str, typer.Argument(help="the shop")],
    store: Store = DEFAULT_STORE,
    from_seq: Annotated[int, typer.Option(min=1, help="first entry")] = 1,
) -> None:
    """One JSON object an event on standard output: orders, operations, commands, notes, ..."""
    from tidegate import bootstrap
    from tidegate.record.readable import readable_events

    with refusals(), bootstrap.reading_shop(store, shop) as (journal, _):
        for entry in bootstrap.batches_from(journal, from_seq):
            for event in readable_events(entry.payload):
                typer.echo(json.dumps({"seq": entry.seq, **event}, ensure_ascii=False))
