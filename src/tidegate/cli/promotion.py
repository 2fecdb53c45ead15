"""`tidegate promotion`: offers that orders name, and that can be stopped by themselves."""

import typer

from tidegate.cli._command import Caller, shop_command
from tidegate.cli._fields import Code

app = typer.Typer(help="Promotions.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Promotions."""


@app.command()
@shop_command
def put(caller: Caller, code: Code) -> None:
    """Add a promotion, or say that its price changed: quotes from before are refused then."""
    caller.put(caller.path("promotions", code), {}, f"promotion {code} set", f"促销 {code} 已设置")
