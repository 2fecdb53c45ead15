"""`tidegate sku`: what a shop sells, at which prices and within which bounds."""

from typing import Annotated

import typer

from tidegate.cli._command import Caller, shop_command
from tidegate.cli._fields import Code
from tidegate.cli._pairs import counts_by_code

app = typer.Typer(help="SKUs: prices, floors, bounds, bundles.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """SKUs: prices, floors, bounds, bundles."""


@app.command()
@shop_command
def put(
    caller: Caller,
    code: Code,
    list_price_fen: Annotated[int, typer.Option(help="the price without any promotion")],
    cost_floor_fen: Annotated[
        int | None, typer.Option(help="loses nothing; without it only list price is sold")
    ] = None,
    red_line_fen: Annotated[int, typer.Option(help="the lowest price that you allow")] = 0,
    quantity_max: Annotated[int, typer.Option(help="units an order may have; 0 = no bound")] = 0,
    quantity_min: Annotated[int, typer.Option(help="units an order must have")] = 1,
    safety_stock: Annotated[int, typer.Option(help="units that are never offered")] = 0,
    part: Annotated[
        list[str] | None,
        typer.Option(metavar="SKU=UNITS", help="makes it a bundle; repeat for several"),
    ] = None,
) -> None:
    """Add a SKU, or say how it is from now on: what is left out goes back to its default."""
    caller.put(
        caller.path("skus", code),
        {
            "list_price_fen": list_price_fen,
            "cost_floor_fen": cost_floor_fen,
            "red_line_fen": red_line_fen,
            "quantity_max": quantity_max,
            "quantity_min": quantity_min,
            "safety_stock": safety_stock,
            "parts": counts_by_code(part or (), "--part"),
        },
        f"SKU {code} set",
        f"商品 {code} 已设置",
    )
