"""`tidegate gift`: gifts that an ERP or a platform added to orders 赠品."""

from typing import Annotated

import typer

from tidegate.cli._command import Caller, shop_call, shop_command
from tidegate.cli._fields import Channel, OrderId, Units
from tidegate.cli._standing import show_rows, stand

app = typer.Typer(help="Gifts that were added to orders.", no_args_is_help=True)


@app.command()
@shop_command
def add(
    caller: Caller,
    channel: Channel,
    order: OrderId,
    item: Annotated[str, typer.Argument(help="the channel's item code, or a SKU")],
    units: Units,
    line: Annotated[int, typer.Option(help="the line that it was added to; 0 = first")] = 0,
) -> None:
    """Tell of a gift; it takes stock, and its order's line pays for it. `--id` is the gift's."""
    body = {"channel": channel, "order": order, "item": item, "quantity": units, "line": line}
    stand(caller, caller.path("gifts"), body, f"{channel} {order}: {item} x {units}")


@app.command()
@shop_call
def release(
    caller: Caller,
    channel: Channel,
    order: OrderId,
    gift: Annotated[str, typer.Argument(help="the gift's id")],
    exception: Annotated[str, typer.Option(help="approved by two, past a floor or limit")] = "",
) -> None:
    """Let a held gift go with its order 放行赠品."""
    body = {"channel": channel, "order": order, "gift": gift, "exception": exception}
    stand(caller, caller.path("gifts", "release"), body, f"{order}: {gift}", has_id=False)


@app.command("list")
@shop_call
def list_(
    caller: Caller, state: Annotated[str, typer.Option(help="in this state only")] = ""
) -> None:
    """List gifts: unmapped, waiting, covered, held, short, released, shipped, cancelled."""
    columns = ("channel", "number", "gift", "item", "quantity", "state", "reason")
    show_rows(caller, caller.path("gifts"), columns, state)
