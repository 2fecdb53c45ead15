"""`tidegate channel`: where orders come from, how channels are connected, held and stopped."""

from typing import Annotated, Literal

import typer

from tidegate.cli._channel_care import COMMANDS as CARE
from tidegate.cli._channel_store import COMMANDS
from tidegate.cli._command import Caller, shop_command
from tidegate.cli._fields import SHARED_POOL, Code, Pool

app = typer.Typer(help="Channels that orders come from.", no_args_is_help=True)

ChannelKind = Literal["own", "marketplace"]


@app.callback()
def group() -> None:
    """Channels that orders come from."""


@app.command()
@shop_command
def put(
    caller: Caller,
    code: Code,
    kind: Annotated[
        ChannelKind, typer.Option(help="own: we decide; marketplace: it sells, we judge")
    ] = "own",
    pool: Pool = SHARED_POOL,
) -> None:
    """Add a channel, or change the pool it sells from."""
    caller.put(
        caller.path("channels", code),
        {"kind": kind, "pool": pool},
        f"channel {code} set, sells from {pool}",
        f"渠道 {code} 已设置，库存池 {pool}",
    )


for _name, _command in {**COMMANDS, **CARE}.items():
    app.command(_name)(_command)
