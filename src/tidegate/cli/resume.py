"""`tidegate resume`: sell again what `tidegate pause` stopped. A person's key only."""

from typing import Annotated

import typer

from tidegate.cli._command import Caller, shop_command
from tidegate.cli._fields import Note
from tidegate.cli._switch import switched

app = typer.Typer()


@app.command()
@shop_command
def resume(
    caller: Caller,
    sku: Annotated[str, typer.Option(help="only this SKU")] = "",
    promotion: Annotated[str, typer.Option(help="only this promotion")] = "",
    note: Note = "",
) -> None:
    """Sell again 恢复销售: the whole shop, or one SKU or promotion. A person's key only."""
    switched(caller, "resume", sku, promotion, note)
