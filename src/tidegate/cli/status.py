"""`tidegate status`: does every shop take orders, and how far are its views behind.

Needs no key. Ends with 1 while a shop takes no orders.
"""

from typing import Any

import typer

from tidegate.cli._client import Request
from tidegate.cli._command import REFUSED_EXIT, Caller, server_call

app = typer.Typer()


@app.command()
@server_call
def status(caller: Caller) -> None:
    """Whether each shop takes orders, and how far its views lag. Exit 1 if one does not."""
    found = caller.anyone.ask(Request("GET", "/ready"), patience_s=0).document()
    lines = [shop_line(shop) for shop in found["shops"]]
    caller.show(found, "\n".join(lines) or "no shop yet 尚无店铺: tidegate shop create NAME")
    if not found["ready"]:
        raise typer.Exit(REFUSED_EXIT)


def shop_line(shop: dict[str, Any]) -> str:
    """One shop in a line."""
    how = "takes orders 正常接单" if shop["ready"] else f"takes no orders 暂停接单: {shop['why']}"
    return (
        f"{shop['shop']}: {how} (entry {shop['seq']}, epoch {shop['epoch']}, "
        f"{shop['inbox']} waiting, views {shop['views_lag_entries']} entries behind)"
    )
