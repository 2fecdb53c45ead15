"""`tidegate pause`: stop selling, now: a shop, a SKU or a promotion (一键停售).

Takes a lane of its own in the server, ahead of every order that waits.
"""

from typing import Annotated

import typer

from tidegate.cli._command import Caller, shop_command
from tidegate.cli._fields import Note
from tidegate.cli._switch import switched

app = typer.Typer()


@app.command()
@shop_command
def pause(
    caller: Caller,
    sku: Annotated[str, typer.Option(help="only this SKU")] = "",
    promotion: Annotated[str, typer.Option(help="only this promotion")] = "",
    note: Note = "",
) -> None:
    """Stop selling 一键停售: the whole shop, or one SKU or promotion."""
    switched(caller, "pause", sku, promotion, note)
