"""`tidegate pool`: pools of stock, each with its own count."""

import typer

from tidegate.cli._command import Caller, shop_command
from tidegate.cli._fields import Code

app = typer.Typer(help="Pools of stock.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Pools of stock."""


@app.command()
@shop_command
def put(caller: Caller, code: Code) -> None:
    """Add a pool of stock; `shared` is always there."""
    caller.put(caller.path("pools", code), {}, f"pool {code} set", f"库存池 {code} 已设置")
