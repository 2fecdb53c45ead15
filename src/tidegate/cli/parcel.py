"""`tidegate parcel`: orders merged 合单 and split 拆单, released, given to warehouses, sent."""

from typing import Annotated, Any

import typer

from tidegate.cli._client import WrongUsage
from tidegate.cli._command import Caller, shop_call
from tidegate.cli._standing import row_text, show_rows, stand

app = typer.Typer(help="Parcels: merge, split, release, send.", no_args_is_help=True)

ParcelId = Annotated[str, typer.Argument(metavar="PARCEL", help="the parcel's id")]
LINE_PARTS = 4


@app.command()
@shop_call
def plan(
    caller: Caller,
    parcel: ParcelId,
    channel: Annotated[str, typer.Option(help="the channel of its orders")],
    line: Annotated[list[str], typer.Option(help="ORDER:LINE:UNITS[:GIFT], several times")],
    recipient: Annotated[str, typer.Option(help="the platform's handle; for several orders")] = "",
    region: Annotated[str, typer.Option(help="where to, as warehouses name it")] = "",
) -> None:
    """Plan a parcel. Its id counts once."""
    body = {
        "id": parcel, "lines": [_line(channel, text) for text in line],
        "recipient": recipient or None, "region": region,
    }  # fmt: skip
    stand(caller, caller.path("parcels"), body, parcel, has_id=False)


def _line(channel: str, text: str) -> dict[str, Any]:
    parts = text.split(":")
    if not 3 <= len(parts) <= LINE_PARTS or not (parts[1] + parts[2]).isdigit():
        raise WrongUsage("--line: write ORDER:LINE:UNITS, for example T-1:0:2")
    found: dict[str, Any] = {
        "channel": channel, "order": parts[0], "line": int(parts[1]), "quantity": int(parts[2]),
    }  # fmt: skip
    return found | ({"gift": parts[3]} if len(parts) == LINE_PARTS else {})


@app.command()
@shop_call
def release(caller: Caller, parcel: ParcelId) -> None:
    """Take out what was cancelled, have its orders released, find its warehouse 放行."""
    stand(caller, caller.path("parcels", parcel, "release"), {}, parcel, has_id=False)


@app.command()
@shop_call
def ship(caller: Caller, parcel: ParcelId) -> None:
    """The parcel has left 发货; the same again counts once."""
    stand(caller, caller.path("parcels", parcel, "ship"), {}, parcel, has_id=False)


@app.command()
@shop_call
def cancel(caller: Caller, parcel: ParcelId) -> None:
    """Give a parcel up; its orders stay as they are."""
    stand(caller, caller.path("parcels", parcel, "cancel"), {}, parcel, has_id=False)


@app.command()
@shop_call
def refuse(
    caller: Caller,
    parcel: ParcelId,
    warehouse: Annotated[str, typer.Argument(help="that will not send it")],
) -> None:
    """A warehouse will not send it; another one is found."""
    body = {"warehouse": warehouse}
    stand(caller, caller.path("parcels", parcel, "refuse"), body, parcel, has_id=False)


@app.command()
@shop_call
def show(caller: Caller, parcel: ParcelId) -> None:
    """Show a parcel, part by part."""
    found = caller.get(caller.path("parcels", parcel))
    columns = ("channel", "number", "line", "quantity", "taken_out", "shipped", "reason")
    lines = [row_text(part, columns) for part in found["parts"]]
    head = f"{parcel}: {found['state']} {found['warehouse']} {found['reason']}".rstrip()
    caller.show(found, "\n".join([head, *lines]))


@app.command("list")
@shop_call
def list_(
    caller: Caller, state: Annotated[str, typer.Option(help="in this state only")] = ""
) -> None:
    """List parcels: planned, waiting, released, sourced, split, shipped, cancelled."""
    show_rows(caller, caller.path("parcels"), ("id", "state", "warehouse", "reason"), state)


@app.command("to-stop")
@shop_call
def to_stop(caller: Caller) -> None:
    """List parts on their way of which something was cancelled: call the warehouse."""
    columns = ("parcel", "channel", "number", "line", "quantity")
    show_rows(caller, caller.path("parcels"), columns, "to_stop")
