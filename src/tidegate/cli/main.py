"""The command `tidegate`: finds the module of the command that was asked for and hands over.

`tidegate NAME` is the variable `app`, a `typer.Typer`, of the module `tidegate/cli/NAME.py`. A dash
in a name is an underscore in the file (`pause-shop` is `pause_shop.py`), a Python keyword gets an
underscore behind it (`import` is `import_.py`); modules that start with an underscore are shared
pieces, not commands. With one function and no callback `app` is a command, otherwise a group.

Only the module that is run gets imported, so a command pays for no other. Nothing is decided here.
"""

import importlib
import pkgutil
from collections.abc import Iterable

import typer
import typer.core
import typer.main
from typer._click import Command, Context  # typer publishes no name for what it hands us

import tidegate.cli

# Typer puts these on every command made alone; shells complete from the root or not at all.
COMPLETION_OPTIONS = ("install_completion", "show_completion")


def command_names(modules: Iterable[str]) -> dict[str, str]:
    """The commands by name, each with its module; shared pieces and this module left out."""
    public = sorted(name for name in modules if not name.startswith("_") and name != "main")
    return {name.rstrip("_").replace("_", "-"): f"tidegate.cli.{name}" for name in public}


def installed_commands() -> dict[str, str]:
    """The commands that this installation has, found by file name; imports none of them."""
    return command_names(found.name for found in pkgutil.iter_modules(tidegate.cli.__path__))


class CommandsByModule(typer.core.TyperGroup):
    """The group whose commands are the modules beside this one."""

    def list_commands(self, ctx: Context) -> list[str]:  # noqa: ARG002  typer's signature
        """Every command's name, in alphabetical order."""
        return list(installed_commands())

    def get_command(
        self,
        ctx: Context,  # noqa: ARG002  typer's signature
        cmd_name: str,
    ) -> Command | None:
        """The command of that name, or None where there is no such module."""
        module = installed_commands().get(cmd_name)
        return None if module is None else command_of(module, cmd_name)


def command_of(module: str, name: str) -> Command:
    """The variable `app` of a module as the command of that name."""
    command = typer.main.get_command(importlib.import_module(module).app)
    command.name = name
    command.params = [param for param in command.params if param.name not in COMPLETION_OPTIONS]
    return command


app = typer.Typer(
    cls=CommandsByModule,
    name="tidegate",
    help="Tidegate 潮闸: orders, stock and promotions, decided exactly and on record.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,  # a traceback must not print an order's people
)


@app.callback()
def root() -> None:
    """Tidegate 潮闸: orders, stock and promotions, decided exactly and on record."""


def run() -> None:
    """Run the command line: the console script and `python -m tidegate.cli.main`."""
    app(prog_name="tidegate")


if __name__ == "__main__":
    run()
