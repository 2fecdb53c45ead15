"""`tidegate guard`: the lowest price that any buyer can reach, before anything goes live (价格闸).

Always ends with 0 = proved, 1 = below the floor, 2 = unknown or malformed. Nothing of a shop is
changed by it.
"""

import time
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec
import typer

from tidegate.cli._client import WrongUsage
from tidegate.cli._command import Caller, server_call
from tidegate.cli._fields import yuan
from tidegate.cli._prices import (
    Malformed,
    Read,
    malformed,
    need_one,
    prices_of_files,
    prices_of_shop,
    promotions_in,
)
from tidegate.pricing.guard.answers import EXIT_CODES
from tidegate.pricing.guard.compare import Collar
from tidegate.pricing.guard.floors import FloorPolicy
from tidegate.pricing.problems import PromotionsRefused
from tidegate.pricing.publishing import FLOOR, Checked
from tidegate.pricing.standing import ShopPrices
from tidegate.publishing.bounds import COLLAR
from tidegate.publishing.checking import CheckAsked, CheckDone, checked
from tidegate.publishing.guarding import price_guard
from tidegate.publishing.publication import BOUND_WORDS

app = typer.Typer(help="The price guard 价格闸.", no_args_is_help=True)

ROWS_MAX = 20

File = Annotated[Path, typer.Argument(help="promotions: YAML, or JSON")]
CatalogueFile = Annotated[
    Path | None, typer.Option(help="SKUs: CSV with fen in its columns, or YAML with skus:")
]
StandingFile = Annotated[Path | None, typer.Option(help="promotions that stand already")]
ShopName = Annotated[str, typer.Option("--shop", help="catalogue and promotions of a served shop")]
ShippingFen = Annotated[int, typer.Option(min=0, help="to send one unit; part of the floor")]
FeeBp = Annotated[int, typer.Option(min=0, max=9_999, help="fees, in 0.01 % of the price")]
MarginBp = Annotated[int, typer.Option(min=0, max=9_999, help="margin, in 0.01 % of the price")]
CollarBp = Annotated[
    int, typer.Option(min=0, max=10_000, help="of the list price, in 0.01 %, whatever it costs")
]
Seconds = Annotated[float, typer.Option(min=0.1, max=3_600, help="for the proof")]


@app.command()
@server_call
def check(
    caller: Caller,
    file: File,
    catalogue: CatalogueFile = None,
    standing: StandingFile = None,
    shop: ShopName = "",
    shipping_fen: ShippingFen = 0,
    fee_bp: FeeBp = 0,
    margin_bp: MarginBp = 0,
    collar_bp: CollarBp = COLLAR.list_bp,
    seconds: Seconds = 30.0,
) -> None:
    """Prove the floors under a file's promotions and those that stand, or show who gets below."""
    policy = FloorPolicy(shipping_fen=shipping_fen, fee_bp=fee_bp, margin_bp=margin_bp)
    given = Given(file, catalogue, standing, shop, policy)
    with malformed(caller):
        read, prices = found_prices(caller, given)
        done = proof(prices, read, seconds, collar_bp)
    caller.show(msgspec.to_builtins(done), check_text(done.checked, caller.language))
    raise typer.Exit(EXIT_CODES[done.checked.verdict])


@app.command()
@server_call
def diff(
    caller: Caller,
    file: File,
    catalogue: CatalogueFile = None,
    standing: StandingFile = None,
    shop: ShopName = "",
    shipping_fen: ShippingFen = 0,
    fee_bp: FeeBp = 0,
    margin_bp: MarginBp = 0,
    collar_bp: CollarBp = COLLAR.list_bp,
    seconds: Seconds = 30.0,
) -> None:
    """What a file's promotions allow that was not allowed before: lowest prices, old and new."""
    policy = FloorPolicy(shipping_fen=shipping_fen, fee_bp=fee_bp, margin_bp=margin_bp)
    given = Given(file, catalogue, standing, shop, policy)
    with malformed(caller):
        read, prices = found_prices(caller, given)
        before = proof(prices, read._replace(promotions=()), seconds, collar_bp).checked
        after = proof(prices, read, seconds, collar_bp).checked
    list_fen = {sku.code: sku.list_price_fen for sku in prices.skus}
    rows = [
        Cheaper(sku, list_fen[sku], before.lowest.get(sku, list_fen[sku]), lowest_fen)
        for sku, lowest_fen in after.lowest.items()
        if lowest_fen < before.lowest.get(sku, list_fen[sku])
    ]
    document = {
        "verdict": after.verdict,
        "lower": [row._asdict() for row in rows],
        "notes": list(after.notes),
    }
    head = f"{len(rows)} SKUs can become cheaper · {len(rows)} 个商品最低价降低"
    words = [row.text() for row in rows[:ROWS_MAX]]
    caller.show(document, "\n".join([head, *words, *check_lines(after, caller.language)]))
    raise typer.Exit(EXIT_CODES[after.verdict])


class Cheaper(NamedTuple):
    """A SKU whose lowest price goes down."""

    sku: str
    list_fen: int
    lowest_before_fen: int
    lowest_after_fen: int

    def text(self) -> str:
        """In a line, with what is left of the list price."""
        tenths = self.lowest_after_fen * 1000 // max(1, self.list_fen)
        return (
            f"{self.sku}: {yuan(self.lowest_before_fen)} -> {yuan(self.lowest_after_fen)}"
            f" ({tenths // 10}.{tenths % 10} % of list)"
        )


class Given(NamedTuple):
    """What the options say about promotions and the prices that stand."""

    file: Path
    catalogue: Path | None
    standing: Path | None
    shop: str
    policy: FloorPolicy


def found_prices(caller: Caller, given: Given) -> tuple[Read, ShopPrices]:
    """The promotions, and the prices that stand. Raises Malformed, WrongUsage."""
    read = promotions_in(given.file)
    need_one(given.catalogue or given.standing, given.shop, read.skus)
    if not given.shop:
        return read, prices_of_files(given.catalogue, given.standing, read.skus, given.policy)
    if given.policy != FloorPolicy():
        raise WrongUsage("a shop has its floors already: leave shipping, fees and margin out")
    return read, prices_of_shop(caller.at(given.shop))


def proof(prices: ShopPrices, read: Read, seconds: float, collar_bp: int) -> CheckDone:
    """What the guard says. Raises Malformed."""
    now_ms = time.time_ns() // 1_000_000
    first_ms = min([one.start_ms for one in read.promotions], default=now_ms)
    collar = Collar(list_bp=collar_bp)
    asked = CheckAsked(prices, min(now_ms, first_ms), read.promotions, seconds, collar)
    try:
        return checked(asked, price_guard)
    except PromotionsRefused as refused:
        problems = refused.problems if read.file is None else read.file.placed(refused.problems)
        raise Malformed("\n".join(str(problem) for problem in problems)) from None


WORDS = {
    "proved": "proved: no basket, buyer, choice or moment goes below a floor · 已证明不破价",
    "below_floor": "BELOW THE FLOOR 低于保本价",
    "outside_collar": "BELOW THE COLLAR, which counts as below the floor 低于价格护栏",
    "unknown": "unknown, which counts as below · 未能证明，按破价处理",
}


def check_text(done: Checked, language: str = "en") -> str:
    """An answer for people."""
    return "\n".join(check_lines(done, language))


def check_lines(done: Checked, language: str = "en") -> list[str]:
    """The verdict, the smallest basket with its receipt, and how far the change reaches."""
    found = done.counterexample
    is_collar = found is not None and found.bound != FLOOR
    lines = [WORDS["outside_collar" if is_collar else done.verdict]]
    if done.why:
        lines.append(f"  {done.why}")
    if found is not None:
        basket = ", ".join(f"{units} × {sku}" for sku, units in found.lines)
        held = f"its {BOUND_WORDS[found.bound]} is {yuan(found.floor_fen)}"
        lines.append(
            f"  {basket}: {found.sku} leaves {yuan(found.receivable_fen)}, {held}; "
            f"by {', '.join(found.promotions)}"
        )
        if found.choices:
            lines.append(f"  with 选用 {', '.join(found.choices)}")
        receipt = found.receipt_zh if language.startswith("zh") else found.receipt
        lines += [f"    {line}" for line in receipt]
        lines.append(below_text(done.below))
    lines += [f"  ! {note}" for note in done.notes]
    if done.verdict == "proved":
        rows = list(done.lowest.items())[:ROWS_MAX]
        lines += [f"  lowest 最低 {sku}: {yuan(fen)}" for sku, fen in rows]
    return lines


def below_text(below: dict[str, int]) -> str:
    """How many SKUs go below, and the first of them."""
    shown = ", ".join(f"{sku} {yuan(fen)}" for sku, fen in list(below.items())[:5])
    more = f" and {len(below) - 5} more" if len(below) > 5 else ""
    return f"  {len(below)} SKUs go below: {shown}{more}"
