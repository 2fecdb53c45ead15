"""`tidegate order`: place an order, read its story, and everything that happens to it later.

Never takes a phone number, an address or a device as an argument: arguments are visible to others
on the machine and stay in a shell's history. Such orders come from a file.
"""

from pathlib import Path
from typing import Annotated

import typer

from tidegate.cli._client import WrongUsage, new_id
from tidegate.cli._command import Caller, shop_call, shop_command
from tidegate.cli._fields import Channel, OrderId, counted, yuan
from tidegate.cli._order_body import order_from_file, order_from_flags, placed_text
from tidegate.cli._story import story_text
from tidegate.cli._times import span_s

app = typer.Typer(help="Orders: place, look, pay, cancel, ship, ...", no_args_is_help=True)

Line = Annotated[int | None, typer.Option(help="only this line; 0 = the first")]
Quantity = Annotated[int | None, typer.Option(help="only so many units")]


@app.command()
@shop_command
def place(
    caller: Caller,
    file: Annotated[
        Path | None, typer.Argument(help="the order as JSON; - is standard input")
    ] = None,
    channel: Annotated[str, typer.Option(help="where it comes from")] = "",
    sku: Annotated[str, typer.Option(help="without FILE: the one SKU that is ordered")] = "",
    quantity: Annotated[int, typer.Option(help="units of it")] = 1,
    receivable_fen: Annotated[
        int | None, typer.Option(help="what the merchant receives for them all")
    ] = None,
    promotion: Annotated[str, typer.Option(help="the promotion's code")] = "",
    exception: Annotated[str, typer.Option(help="the approved exception's code")] = "",
    account: Annotated[str, typer.Option(help="the buyer's verified account")] = "",
    paid: Annotated[bool, typer.Option("--paid", help="it is paid already")] = False,
    sale: Annotated[
        bool, typer.Option("--sale", help="a marketplace sold it: recorded and judged")
    ] = False,
) -> None:
    """Place one order, from a JSON file or from options. `--id` is the order's own id."""
    flags = {
        "channel": channel,
        "sku": sku,
        "quantity": quantity,
        "receivable_fen": receivable_fen,
        "promotion": promotion,
        "exception": exception,
        "account": account,
        "paid": paid,
    }
    order = order_from_flags(flags) if file is None else order_from_file(file, flags)
    if caller.id and order.get("id", caller.id) != caller.id:
        raise WrongUsage("--id is not the id in the file")
    caller.name_it(order.get("id") or caller.id or new_id())
    order["id"] = caller.id
    answer = caller.send("POST", caller.path("sales" if sale else "orders"), order)
    caller.show(answer, placed_text(answer))


@app.command()
@shop_call
def show(caller: Caller, channel: Channel, order: OrderId) -> None:
    """Tell an order's story: every event, and why, with the numbers."""
    found = caller.get(caller.path("orders", channel, order))
    caller.show(found, story_text(channel, order, found))


@app.command()
@shop_command
def pay(
    caller: Caller,
    channel: Channel,
    order: OrderId,
    amount_fen: Annotated[int, typer.Option(help="what was paid")],
) -> None:
    """Report a payment 付款, late and wrong ones too. `--id` is the payment's own id."""
    caller.post(
        caller.path("orders", channel, order, "payments"),
        {"amount_fen": amount_fen},
        f"{channel} {order}: paid {yuan(amount_fen)}",
        f"已付款 {yuan(amount_fen)} 元",
    )


@app.command()
@shop_command
def cancel(
    caller: Caller,
    channel: Channel,
    order: OrderId,
    line: Line = None,
    quantity: Quantity = None,
) -> None:
    """Cancel what is not shipped 取消: all, one line, or some units."""
    _on_part(caller, (channel, order, "cancel"), line, quantity, ("cancelled", "已取消"))


@app.command()
@shop_command
def ship(
    caller: Caller,
    channel: Channel,
    order: OrderId,
    line: Line = None,
    quantity: Quantity = None,
) -> None:
    """Units left the warehouse 发货: all, one line, or some units."""
    _on_part(caller, (channel, order, "ship"), line, quantity, ("shipped", "已发货"))


@app.command("return")
@shop_command
def return_(
    caller: Caller,
    channel: Channel,
    order: OrderId,
    line: Line = None,
    quantity: Quantity = None,
    defective: Annotated[
        bool, typer.Option("--defective", help="not fit for sale: not back into stock")
    ] = False,
) -> None:
    """Units came back 退货: all, one line, or some units."""
    told = (
        ("returned, not fit for sale", "已退货，残次不回库")
        if defective
        else ("returned", "已退货")
    )
    _on_part(caller, (channel, order, "return"), line, quantity, told, {"defective": defective})


@app.command()
@shop_command
def release(caller: Caller, channel: Channel, order: OrderId) -> None:
    """Let a marketplace's order go to the warehouse 放行."""
    _on_whole(caller, (channel, order, "release"), ("released", "已放行"))


@app.command()
@shop_command
def hold(caller: Caller, channel: Channel, order: OrderId) -> None:
    """Keep a marketplace's order back 挂起."""
    _on_whole(caller, (channel, order, "hold"), ("kept back", "已挂起"))


@app.command()
@shop_command
def extend(
    caller: Caller,
    channel: Channel,
    order: OrderId,
    span: Annotated[str, typer.Option("--for", help="from now: 90s, 45m, 2h, 3d")],
) -> None:
    """Hold an unpaid order's units for longer 延长占货."""
    caller.post(
        caller.path("orders", channel, order, "extend"),
        {"seconds": span_s(span, "--for")},
        f"{channel} {order}: held for {span} from now",
        f"占货延长 {span}",
    )


def _on_whole(caller: Caller, where: tuple[str, str, str], told: tuple[str, str]) -> None:
    channel, order, _ = where
    english, chinese = told
    caller.post(caller.path("orders", *where), {}, f"{channel} {order}: {english}", chinese)


def _on_part(
    caller: Caller,
    where: tuple[str, str, str],
    line: int | None,
    quantity: int | None,
    told: tuple[str, str],
    more: dict[str, bool] | None = None,
) -> None:
    channel, order, _ = where
    english, chinese = told
    what = f"{channel} {order}:" + ("" if line is None else f" line {line},")
    if quantity is not None:
        what, chinese = f"{what} {counted(quantity)}", f"{chinese} {quantity} 件"
    body = {"line": line, "quantity": quantity, **(more or {})}
    caller.post(caller.path("orders", *where), body, f"{what} {english}", chinese)
