"""What the commands that open a store share: its folder, who is asking, and clear refusals."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tidegate.bootstrap import Access

Store = Annotated[Path, typer.Option(envvar="TIDEGATE_STORE", help="the store's folder")]
AsJson = Annotated[bool, typer.Option("--json", help="print JSON")]
Who = Annotated[
    str,
    typer.Option("--as", envvar="TIDEGATE_OPERATOR", help="your name as an operator"),
]
DEFAULT_STORE = Path(".tidegate")
REFUSED_EXIT = 2


@contextmanager
def refusals() -> Iterator[None]:
    """Print what cannot be done as one message, without a traceback, and end with status 2."""
    from tidegate.bootstrap import Unusable

    try:
        yield
    except Unusable.KINDS as error:
        typer.echo(f"tidegate: {error}", err=True)
        raise typer.Exit(REFUSED_EXIT) from None


@contextmanager
def opened_access(store: Path) -> "Iterator[Access]":
    """The access database of a store that is there."""
    from tidegate import bootstrap

    with refusals():
        access = bootstrap.open_access(bootstrap.existing_store(store))
        try:
            yield access
        finally:
            access.store.close()


def actor(access: "Access", name: str) -> int:
    """The token of the operator who asks. Whoever can write the store's files may say a name."""
    from tidegate.access.operators import AccessRefused

    for party in access.operators.list_parties():
        if party.name == name and party.is_person and party.is_active:
            return party.token
    raise AccessRefused(f"say who you are with --as: there is no active operator {name!r}")
