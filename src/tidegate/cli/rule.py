"""`tidegate rule`: purchase limits, budgets and rates."""

from typing import Annotated, Literal

import typer

from tidegate.cli._command import Caller, shop_command
from tidegate.cli._fields import Code
from tidegate.cli._pairs import counts_by_code

app = typer.Typer(help="Purchase limits, budgets and rates.", no_args_is_help=True)

Scope = Literal["shop", "sku", "group", "promotion", "channel", "exception"]
Basis = Literal["units", "orders", "money", "discount", "loss"]
Window = Literal["total", "day", "week", "month", "minute", "second"]


@app.command()
@shop_command
def put(
    caller: Caller,
    code: Code,
    scope: Annotated[Scope, typer.Option(help="what it counts over")],
    target: Annotated[str, typer.Option(help="the code of that SKU, group, ...")] = "",
    basis: Annotated[Basis, typer.Option(help="what is counted; money in fen")] = "units",
    window: Annotated[Window, typer.Option(help="until when it is counted together")] = "total",
    limit: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=NUMBER",
            help="per buyer, by account, phone, address or device; repeat for several",
        ),
    ] = None,
    budget: Annotated[int | None, typer.Option(help="for all buyers together")] = None,
) -> None:
    """Set a rule: so many for each buyer (限购), or so many for all together (预算、限速)."""
    caller.put(
        caller.path("rules", code),
        {
            "scope": scope,
            "target": target,
            "basis": basis,
            "window": window,
            "limits": counts_by_code(limit or (), "--limit"),
            "budget": budget,
        },
        f"rule {code} set",
        f"规则 {code} 已设置",
    )


@app.command()
@shop_command
def drop(caller: Caller, code: Code) -> None:
    """Switch a rule off. What it has counted stays."""
    caller.post(
        caller.path("rules", code, "drop"), {}, f"rule {code} switched off", f"规则 {code} 已停用"
    )
