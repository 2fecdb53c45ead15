"""Arguments and options that several commands take, each with the one meaning it has.

The server checks every bound; nothing is checked here twice.
"""

from typing import Annotated

import typer

Code = Annotated[str, typer.Argument(help="its code")]
SkuCode = Annotated[str, typer.Argument(metavar="SKU", help="the SKU's code")]
Units = Annotated[int, typer.Argument(metavar="UNITS", help="how many units")]
Channel = Annotated[str, typer.Argument(help="the channel's code")]
OrderId = Annotated[str, typer.Argument(metavar="ORDER", help="the order's id")]
Pool = Annotated[str, typer.Option(help="the pool of stock")]
Note = Annotated[str, typer.Option(help="why, for the record; no personal data")]

SHARED_POOL = "shared"


def counted(units: int) -> str:
    """1 unit, 2 units."""
    return "1 unit" if units == 1 else f"{units} units"


def yuan(fen: int) -> str:
    """Money as people write it: 1990 fen are 19.90."""
    return f"{'-' if fen < 0 else ''}{abs(fen) // 100}.{abs(fen) % 100:02d}"
