"""`tidegate price`: what a basket costs, with a receipt that explains each step.

Always by the same `price` that the desk and the guard ask. Nothing is changed by it.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from tidegate.cli._client import WrongUsage
from tidegate.cli._command import Caller, server_call
from tidegate.cli._pairs import counts_by_code
from tidegate.cli._prices import Malformed, malformed, prices_of_files, promotions_in
from tidegate.cli._times import moment_ms
from tidegate.pricing.guard.floors import FloorPolicy
from tidegate.pricing.price import BasketRefused
from tidegate.pricing.price import price as priced_basket
from tidegate.pricing.problems import PromotionsRefused
from tidegate.pricing.promotion import Basket, Buyer, Line
from tidegate.pricing.receipt import CHINESE, ENGLISH, receipt
from tidegate.pricing.standing import proposed_book

app = typer.Typer()


@app.command()
@server_call
def price(
    caller: Caller,
    line: Annotated[list[str], typer.Option(metavar="SKU=UNITS", help="repeat for several")],
    file: Annotated[Path | None, typer.Argument(help="promotions: YAML, or JSON")] = None,
    catalogue: Annotated[Path | None, typer.Option(help="SKUs: CSV, or YAML with skus:")] = None,
    shop: Annotated[str, typer.Option("--shop", help="a served shop, as it sells now")] = "",
    channel: Annotated[str, typer.Option(help="through which it is bought")] = "",
    choice: Annotated[list[str] | None, typer.Option(help="a coupon or promotion chosen")] = None,
    new: Annotated[bool, typer.Option("--new", help="a new buyer")] = False,
    level: Annotated[str, typer.Option(help="the buyer's level")] = "",
    region: Annotated[str, typer.Option(help="the buyer's region")] = "",
    shipping_fen: Annotated[int, typer.Option(min=0, help="the fee before promotions")] = 0,
    at: Annotated[str, typer.Option(help="when: 2026-10-26T00:00+08:00; default: now")] = "",
) -> None:
    """What a basket costs: under a file's promotions, or in a served shop as it sells now."""
    basket = counts_by_code(line, "--line")
    if bool(shop) == (file is not None):
        raise WrongUsage("give a FILE of promotions, or --shop")
    buyer = Buyer(new, level, region, channel)
    choices = choice or []
    if file is None:
        if at or catalogue is not None:
            raise WrongUsage("--at and --catalogue go with a FILE")
        quoted(caller.at(shop), basket, buyer, choices, shipping_fen)
        return
    at_ms = moment_ms(at, "--at") if at else time.time_ns() // 1_000_000
    with malformed(caller):
        read = promotions_in(file)
        prices = prices_of_files(catalogue, None, read.skus, FloorPolicy())
        try:
            book = proposed_book(prices, read.promotions, 0)
            lines = tuple(Line(sku, units) for sku, units in basket.items())
            wanted = Basket(lines, shipping_fen)
            found = priced_basket(book, wanted, buyer, choices, at_ms, trace=True)
        except PromotionsRefused as refused:
            problems = refused.problems if read.file is None else read.file.placed(refused.problems)
            raise Malformed("\n".join(map(str, problems))) from None
        except BasketRefused as refused:
            raise Malformed(str(refused)) from None
    language = CHINESE if caller.language.startswith("zh") else ENGLISH
    words = receipt(found, book.promotions, language)
    caller.show({"priced": msgspec.to_builtins(found), "receipt": words}, "\n".join(words))


def quoted(
    caller: Caller, basket: dict[str, int], buyer: Buyer, choices: Sequence[str], shipping_fen: int
) -> None:
    """A shop's own quote."""
    if not buyer.channel:
        raise WrongUsage("--channel: a shop's quote is for one of its channels")
    body = {
        "channel": buyer.channel,
        "lines": [{"sku": sku, "quantity": units} for sku, units in basket.items()],
        "choices": list(choices),
        "buyer_class": {"new": buyer.new, "level": buyer.level, "region": buyer.region},
        "shipping_fen": shipping_fen,
        "receipt": True,
    }
    answer = caller.send("POST", caller.path("quotes"), body)
    caller.show(answer, "\n".join(answer["receipt"]))
