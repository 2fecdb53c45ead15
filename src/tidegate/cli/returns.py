"""`tidegate returns`: what came back, what was good 良品 and what defective 次品."""

from typing import Annotated, Literal

import typer

from tidegate.cli._command import Caller, shop_call, shop_command
from tidegate.cli._fields import SHARED_POOL, Channel, OrderId, Pool, SkuCode, Units
from tidegate.cli._standing import show_rows, stand

app = typer.Typer(help="Returns: arrive, inspect, dispose of.", no_args_is_help=True)


@app.command()
@shop_command
def arrive(
    caller: Caller,
    channel: Channel,
    order: OrderId,
    units: Units,
    line: Annotated[int, typer.Option(help="the line's number; 0 = first")] = 0,
    gift: Annotated[str, typer.Option(help="the id of a gift that was added")] = "",
    warehouse: Annotated[str, typer.Option(help="where they lie")] = "",
) -> None:
    """Units came back; nothing is for sale before it was inspected. `--id` is the return's."""
    body = {
        "channel": channel, "order": order, "quantity": units, "line": line, "gift": gift,
        "warehouse": warehouse,
    }  # fmt: skip
    stand(caller, caller.path("returns"), body, f"{channel} {order}: {units}")


@app.command()
@shop_command
def inspect(
    caller: Caller,
    returned: Annotated[str, typer.Argument(metavar="RETURN", help="the return's id")],
    good: Annotated[int, typer.Option(help="fit for sale 良品")] = 0,
    defective: Annotated[int, typer.Option(help="not fit for sale 次品")] = 0,
) -> None:
    """Say what was found; good units are for sale again. `--id` is the inspection's."""
    body = {"good": good, "defective": defective}
    stand(caller, caller.path("returns", returned, "inspections"), body, returned)


@app.command()
@shop_command
def dispose(
    caller: Caller,
    sku: SkuCode,
    units: Units,
    outcome: Annotated[
        Literal["scrapped", "to_supplier", "repaired"], typer.Argument(help="what became of them")
    ],
    pool: Pool = SHARED_POOL,
) -> None:
    """Defective units leave their place; repaired ones are for sale again."""
    body = {"sku": sku, "quantity": units, "outcome": outcome, "pool": pool}
    stand(caller, caller.path("defective", "disposals"), body, f"{sku} x {units}")


@app.command("list")
@shop_call
def list_(
    caller: Caller, state: Annotated[str, typer.Option(help="arrived or inspected")] = ""
) -> None:
    """List returns."""
    columns = ("id", "channel", "number", "line", "units", "good", "defective", "state")
    show_rows(caller, caller.path("returns"), columns, state)


@app.command()
@shop_call
def reconcile(caller: Caller) -> None:
    """Compare what was inspected with what the desk took back, SKU by SKU."""
    columns = ("sku", "desk_good", "inspected_good", "desk_defective", "inspected_defective",
               "in_place")  # fmt: skip
    show_rows(caller, caller.path("returned-stock"), columns)
