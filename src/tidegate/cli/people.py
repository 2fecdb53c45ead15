"""`tidegate people`: notices, consents, the gate, messages, and whatever else touches a person.

`tidegate people NAME` is the variable `app` of the module `tidegate/cli/_people_NAME.py`, found by
its file as `tidegate NAME` is; a new one needs no line here. Nothing is decided here.
"""

import pkgutil

import typer
import typer.core
from typer._click import Command, Context  # typer publishes no name for what it hands us

import tidegate.cli
from tidegate.cli.main import command_of

_PREFIX = "_people_"


def people_commands() -> dict[str, str]:
    """The commands by name, each with its module; imports none of them."""
    names = [found.name for found in pkgutil.iter_modules(tidegate.cli.__path__)]
    return {
        name.removeprefix(_PREFIX).replace("_", "-"): f"tidegate.cli.{name}"
        for name in sorted(names)
        if name.startswith(_PREFIX)
    }


class PeopleCommands(typer.core.TyperGroup):
    """The group whose commands are the modules `_people_NAME`."""

    def list_commands(self, ctx: Context) -> list[str]:  # noqa: ARG002  typer's signature
        """Every command's name, in alphabetical order."""
        return list(people_commands())

    def get_command(
        self,
        ctx: Context,  # noqa: ARG002  typer's signature
        cmd_name: str,
    ) -> Command | None:
        """The command of that name, or None where there is no such module."""
        module = people_commands().get(cmd_name)
        return None if module is None else command_of(module, cmd_name)


app = typer.Typer(
    cls=PeopleCommands, help="Notices, consents, the gate, messages.", no_args_is_help=True
)


@app.callback()
def people() -> None:
    """Notices, consents, the gate, messages · 告知、同意、闸门、消息."""
