"""`tidegate group`: SKUs that are counted together by a rule."""

from typing import Annotated

import typer

from tidegate.cli._command import Caller, shop_command
from tidegate.cli._fields import Code

app = typer.Typer(help="Groups of SKUs.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Groups of SKUs."""


@app.command()
@shop_command
def put(
    caller: Caller,
    code: Code,
    skus: Annotated[list[str], typer.Argument(metavar="SKU...", help="all SKUs of the group")],
) -> None:
    """Set the SKUs of a group; the ones that are not named leave it."""
    caller.put(
        caller.path("groups", code),
        {"skus": skus},
        f"group {code} set: {len(skus)} SKU{'' if len(skus) == 1 else 's'}",
        f"分组 {code} 已设置，共 {len(skus)} 种商品",
    )
