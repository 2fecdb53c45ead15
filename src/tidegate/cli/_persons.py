"""How a person is named on the command line: `account:u1`, `phone:...`; never in a URL."""

from typing import Annotated

import typer

from tidegate.cli._client import WrongUsage

KINDS = ("account", "phone", "address", "device")
Person = Annotated[
    str,
    typer.Argument(
        metavar="PERSON", help="account:u1, phone:..., address:... or device:...; `-` is asked for"
    ),
]


def person_body(text: str) -> dict[str, str]:
    """A person as bodies have them. Raises WrongUsage."""
    said = typer.prompt("person (kind:value)", err=True) if text == "-" else text
    kind, _, value = str(said).partition(":")
    if kind not in KINDS or not value:
        raise WrongUsage("a person is written account:..., phone:..., address:... or device:...")
    return {kind: value}
