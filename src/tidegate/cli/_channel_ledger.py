"""What the commands beside a server share: the ledger of a shop, and their common options."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.cli._store import refusals

if TYPE_CHECKING:
    from tidegate.channels.ledger import Ledger

ShopName = Annotated[str, typer.Option("--shop", envvar="TIDEGATE_SHOP", help="which shop")]
Channel = Annotated[str, typer.Argument(help="the channel's code")]
OfChannel = Annotated[str, typer.Option("--channel", help="default: every channel")]


@contextmanager
def ledger_of(store: Path, shop: str) -> "Iterator[Ledger]":
    """The ledger of a shop."""
    from tidegate.bootstrap.channel_store import open_ledger

    with refusals():
        ledger = open_ledger(store, shop)
        try:
            yield ledger
        finally:
            ledger.close()
