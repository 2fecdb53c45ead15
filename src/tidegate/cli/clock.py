"""`tidegate clock`: a person's word that the time is right after a jump."""

import typer

from tidegate.cli._command import Caller, shop_command
from tidegate.cli._fields import Note

app = typer.Typer(help="The shop's clock.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """The shop's clock."""


@app.command()
@shop_command
def confirm(caller: Caller, note: Note = "") -> None:
    """Confirm the server's time after a jump. Compare it with another clock first."""
    caller.post(caller.path("clock", "confirm"), {"note": note}, "time confirmed", "时间已确认")
