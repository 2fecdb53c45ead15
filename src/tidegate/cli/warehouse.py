"""`tidegate warehouse`: who sends parcels, what is where, and the rule between them."""

from typing import Annotated, Literal

import typer

from tidegate.cli._command import Caller, shop_call
from tidegate.cli._fields import Code
from tidegate.cli._pairs import counts_by_code
from tidegate.cli._standing import show_rows, show_standing

app = typer.Typer(help="Warehouses and what they have.", no_args_is_help=True)


@app.command()
@shop_call
def put(
    caller: Caller,
    code: Code,
    near: Annotated[list[str] | None, typer.Option(help="REGION=DISTANCE, several times")] = None,
    priority: Annotated[int, typer.Option(help="the smaller the sooner")] = 100,
    closed: Annotated[bool, typer.Option("--closed", help="sends nothing now")] = False,
) -> None:
    """Add a warehouse, or change it."""
    body = {
        "priority": priority, "distances": counts_by_code(near or (), "--near"),
        "open": not closed,
    }  # fmt: skip
    show_standing(caller, caller.send("PUT", caller.path("warehouses", code), body), code)


@app.command()
@shop_call
def count(
    caller: Caller,
    code: Code,
    sku: Annotated[list[str], typer.Option(help="SKU=UNITS that are there, several times")],
) -> None:
    """Say what is in a warehouse now 盘点; the difference to the desk is in `stock`."""
    skus = counts_by_code(sku, "--sku")
    found = caller.send("POST", caller.path("warehouses", code, "counts"), {"skus": skus})
    caller.show(found, f"{code}: {len(skus)} SKUs counted 已盘点")


@app.command()
@shop_call
def rule(
    caller: Caller,
    name: Annotated[
        Literal["fewest_parcels", "nearest", "priority"], typer.Argument(help="the rule")
    ],
) -> None:
    """Set the rule by which a parcel gets its warehouse 分仓规则."""
    answer = caller.send("PUT", caller.path("sourcing"), {"rule": name})
    caller.show(answer, f"sourcing: {name} 分仓规则已设置")


@app.command("list")
@shop_call
def list_(caller: Caller) -> None:
    """List warehouses."""
    show_rows(caller, caller.path("warehouses"), ("code", "priority", "is_open"))


@app.command()
@shop_call
def stock(caller: Caller) -> None:
    """Compare what warehouses have together with what the desk has."""
    columns = ("sku", "warehouses", "on_hand", "difference", "missing")
    show_rows(caller, caller.path("warehouse-stock"), columns)
