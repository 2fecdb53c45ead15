"""`tidegate stop`: 一键停售. The shop takes no order from now on, and its channels are stopped.

Needs the desk alone. Selling again takes two people: `tidegate watch half-open`, then `close`.
"""

from typing import Annotated

import typer

from tidegate.cli._client import new_id
from tidegate.cli._command import Caller, shop_command

app = typer.Typer()


@app.command()
@shop_command
def stop(
    caller: Caller,
    reason: Annotated[str, typer.Option(help="why; stands on record")],
) -> None:
    """Stop the shop and its channels 一键停售, ahead of every order that waits."""
    caller.name_it(caller.id or new_id())
    done = caller.send("POST", caller.path("stop"), {"id": caller.id, "reason": reason})
    caller.told(
        done,
        f"shop {caller.shop} is stopped, its channels are being stopped",
        f"店铺 {caller.shop} 已停售，渠道停售中",
    )
    for remark in done["remarks"]:
        caller.say(remark)
