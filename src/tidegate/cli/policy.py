"""`tidegate policy`: a shop's own settings."""

from typing import Annotated

import typer

from tidegate.cli._client import WrongUsage
from tidegate.cli._command import Caller, shop_command

app = typer.Typer(help="A shop's settings.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """A shop's settings."""


@app.command("set")
@shop_command
def set_(
    caller: Caller,
    hold_ttl_s: Annotated[int | None, typer.Option(help="how long unpaid units are held")] = None,
    hold_ttl_max_s: Annotated[int | None, typer.Option(help="with all extensions")] = None,
    hold_cap: Annotated[int | None, typer.Option(help="unpaid orders a buyer; 0 = no cap")] = None,
    late_payment_s: Annotated[
        int | None, typer.Option(help="how late a payment may take units again")
    ] = None,
    quantity_max_order: Annotated[int | None, typer.Option(help="units an order may have")] = None,
    zone: Annotated[str | None, typer.Option(help="time zone of days, weeks and months")] = None,
    pricing_version: Annotated[
        int | None, typer.Option(help="quotes of older versions are refused")
    ] = None,
) -> None:
    """Change settings; what is left out stays as it is."""
    settings = {
        "hold_ttl_s": hold_ttl_s,
        "hold_ttl_max_s": hold_ttl_max_s,
        "hold_cap": hold_cap,
        "late_payment_s": late_payment_s,
        "quantity_max_order": quantity_max_order,
        "zone": zone,
        "pricing_version": pricing_version,
    }
    named = [f"{name}={value}" for name, value in settings.items() if value is not None]
    if not named:
        raise WrongUsage("nothing to change: name at least one setting")
    caller.put(
        caller.path("policy"),
        settings,
        f"settings changed: {', '.join(named)}",
        "设置已更改",
    )
