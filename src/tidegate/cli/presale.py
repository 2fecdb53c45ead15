"""`tidegate presale`: an order on deposit and balance 定金/尾款, and its payments."""

from typing import Annotated, Literal

import typer

from tidegate.cli._command import Caller, shop_call, shop_command
from tidegate.cli._fields import Channel, OrderId, yuan
from tidegate.cli._standing import show_rows, stand
from tidegate.cli._times import moment_ms

app = typer.Typer(help="Presales: deposit and balance.", no_args_is_help=True)

State = Annotated[str, typer.Option(help="in this state only")]
Fen = Annotated[int, typer.Option(help="in fen")]


@app.command("open")
@shop_command
def open_(
    caller: Caller,
    channel: Channel,
    order: OrderId,
    deposit_fen: Fen,
    balance_fen: Fen,
    deposit_until: Annotated[str, typer.Option(help="RFC 3339 with an offset")],
    balance_until: Annotated[str, typer.Option(help="RFC 3339 with an offset")],
    unpaid_balance: Annotated[
        Literal["kept", "refunded"], typer.Option(help="the deposit's fate without a balance")
    ] = "kept",
) -> None:
    """Make a presale of an unpaid order that stands at deposit + balance."""
    stand(
        caller,
        caller.path("presales"),
        {
            "channel": channel, "order": order, "deposit_fen": deposit_fen,
            "balance_fen": balance_fen,
            "deposit_until": moment_ms(deposit_until, "--deposit-until"),
            "balance_until": moment_ms(balance_until, "--balance-until"),
            "unpaid_balance": unpaid_balance,
        },
        f"{channel} {order}",
    )  # fmt: skip


@app.command()
@shop_command
def pay(
    caller: Caller,
    channel: Channel,
    order: OrderId,
    part: Annotated[Literal["deposit", "balance"], typer.Argument(help="which part was paid")],
    amount_fen: Annotated[int, typer.Option(help="what was paid")],
) -> None:
    """Report a deposit 定金 or a balance 尾款. `--id` is the payment's own id."""
    stand(
        caller,
        caller.path("presales", channel, order, "payments"),
        {"part": part, "amount_fen": amount_fen},
        f"{channel} {order}: {part} {yuan(amount_fen)}",
    )


@app.command()
@shop_command
def settle(
    caller: Caller,
    payment: Annotated[str, typer.Argument(help="the payment's id")],
    state: Annotated[
        Literal["refund_due", "refunded"], typer.Argument(help="let it go, or: was paid out")
    ],
) -> None:
    """Let a kept deposit go, or note that a refund was paid out; note it before you pay."""
    stand(
        caller,
        caller.path("presale-payments", "settle"),
        {"payment": payment, "state": state},
        payment,
    )


@app.command("list")
@shop_call
def list_(caller: Caller, state: State = "") -> None:
    """List presales: deposit_due, balance_due, committed, ended."""
    columns = ("channel", "number", "deposit_fen", "balance_fen", "state", "reason")
    show_rows(caller, caller.path("presales"), columns, state)


@app.command()
@shop_call
def payments(caller: Caller, state: State = "") -> None:
    """List payments: counted, used, kept, refund_due, refunded."""
    columns = ("id", "part", "amount_fen", "state", "reason")
    show_rows(caller, caller.path("presale-payments"), columns, state)


@app.command()
@shop_call
def told(
    caller: Caller, overdue: Annotated[bool, typer.Option(help="balance late only")] = False
) -> None:
    """List marketplaces' presales, and what becomes of their deposits."""
    columns = ("channel", "number", "state", "deposit", "balance", "flags")
    show_rows(caller, caller.path("presale-events"), columns, "overdue" if overdue else "")
