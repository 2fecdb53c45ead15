"""`tidegate stock`: units that arrive, are counted, moved, recalled, and what is on sale."""

from typing import Annotated
from urllib.parse import urlencode

import typer

from tidegate.cli._command import Caller, shop_call, shop_command
from tidegate.cli._fields import SHARED_POOL, Pool, SkuCode, Units, counted

app = typer.Typer(help="Stock: receive, count, move, recall, look.", no_args_is_help=True)
recall = typer.Typer(help="Take units back from a channel's pool.", no_args_is_help=True)
app.add_typer(recall, name="recall")

NEGATIVE = {"ignore_unknown_options": True}  # -5 is a number here, not an option
RecalledPool = Annotated[str, typer.Option(help="the channel's pool")]


@app.command()
@shop_command
def receive(caller: Caller, sku: SkuCode, units: Units, pool: Pool = SHARED_POOL) -> None:
    """Units arrived 入库."""
    caller.post(
        caller.path("stock", "receipts"),
        {"sku": sku, "quantity": units, "pool": pool},
        f"{counted(units)} of {sku} received into {pool}",
        f"{sku} 入库 {units} 件（{pool}）",
    )


@app.command(context_settings=NEGATIVE)
@shop_command
def adjust(
    caller: Caller,
    sku: SkuCode,
    delta: Annotated[int, typer.Argument(metavar="UNITS", help="+ found, - written off: 3 or -3")],
    pool: Pool = SHARED_POOL,
) -> None:
    """Units were found or written off 调整."""
    caller.post(
        caller.path("stock", "adjustments"),
        {"sku": sku, "delta": delta, "pool": pool},
        f"{sku} adjusted by {delta:+d} in {pool}",
        f"{sku} 调整 {delta:+d} 件（{pool}）",
    )


@app.command()
@shop_command
def count(caller: Caller, sku: SkuCode, units: Units, pool: Pool = SHARED_POOL) -> None:
    """Units were counted on the shelf 盘点; what is promised beyond them is a named shortfall."""
    caller.post(
        caller.path("stock", "counts"),
        {"sku": sku, "counted": units, "pool": pool},
        f"{counted(units)} of {sku} counted in {pool}",
        f"{sku} 盘点 {units} 件（{pool}）",
    )


@app.command()
@shop_command
def move(
    caller: Caller,
    sku: SkuCode,
    units: Units,
    from_pool: Annotated[str, typer.Option("--from", help="the pool they leave")],
    to_pool: Annotated[str, typer.Option("--to", help="the pool they come to")],
) -> None:
    """Move available units from one pool to another."""
    caller.post(
        caller.path("stock", "transfers"),
        {"sku": sku, "quantity": units, "from_pool": from_pool, "to_pool": to_pool},
        f"{counted(units)} of {sku} moved from {from_pool} to {to_pool}",
        f"{sku} {units} 件已从 {from_pool} 调至 {to_pool}",
    )


@recall.command("start")
@shop_command
def start_recall(caller: Caller, sku: SkuCode, units: Units, pool: RecalledPool) -> None:
    """Take units of a channel's pool off sale, until the channel has lowered its offer."""
    caller.post(
        caller.path("stock", "recalls"),
        {"sku": sku, "quantity": units, "pool": pool, "step": "start"},
        f"{counted(units)} of {sku} taken off sale in {pool}; next: recall finish",
        f"{sku} {units} 件停止在 {pool} 销售，待收回",
    )


@recall.command("finish")
@shop_command
def finish_recall(caller: Caller, sku: SkuCode, units: Units, pool: RecalledPool) -> None:
    """The channel has lowered its offer and its last sales are in: back to the shared pool."""
    caller.post(
        caller.path("stock", "recalls"),
        {"sku": sku, "quantity": units, "pool": pool, "step": "finish"},
        f"recall of {counted(units)} of {sku} from {pool} finished",
        f"{sku} {units} 件已从 {pool} 收回",
    )


@app.command()
@shop_call
def available(
    caller: Caller,
    sku: SkuCode,
    channel: Annotated[str, typer.Option(help="the channel's code")],
) -> None:
    """Units that a channel could sell now 可用数. A glance, not a promise."""
    path = caller.path("availability", sku)
    found = caller.get(f"{path}?{urlencode({'channel': channel})}")
    caller.show(found, f"{sku} on {channel}: {found['available']} available 可用")
