"""The price of a basket as quotes and orders ask for it: the prices that stand, with what is left.

Always: a promotion whose budget does not cover what the desk would charge for it is left out whole,
and the trace says so; so what a quote promises, the desk can give. Nothing here takes anything from
a budget.
"""

import unicodedata
from collections.abc import Callable, Sequence
from typing import NamedTuple

from tidegate.http.errors import UNPROCESSABLE, Problem
from tidegate.pricing.price import BasketRefused, price
from tidegate.pricing.promotion import Basket, Buyer, Line, Room
from tidegate.pricing.result import LineDiscount, Priced, PricedLine
from tidegate.publishing.books import Prices

Left = Callable[[str], Room]  # what the desk's rules still let a promotion give
SPENT = Room(uses=0)


class Asked(NamedTuple):
    """A basket, who buys it with which choices, and when."""

    lines: Sequence[tuple[str, int]]
    buyer: Buyer
    choices: Sequence[str]
    now_ms: int
    shipping_fen: int = 0


class BasketPrice(NamedTuple):
    """A price, and the promotions that it leaves out since too little is left of their budgets."""

    priced: Priced
    spent: tuple[str, ...] = ()


def price_now(prices: Prices, asked: Asked, *, trace: bool = False) -> Priced:
    """The price, were every budget full. Raises Problem."""
    return priced_with(prices, asked, {}, trace=trace)


def price_with_what_is_left(
    prices: Prices, asked: Asked, left: Left, *, trace: bool = False
) -> BasketPrice:
    """The price with every promotion that the desk would accept it with. Raises Problem.

    Leaving one out may bring in another, so it is asked again until all of them are covered.
    """
    spent: dict[str, Room] = {}
    while True:
        priced = priced_with(prices, asked, spent, trace=trace)
        over = [code for code, charge in charges(prices, priced).items() if charge.over(left(code))]
        if not over:
            return BasketPrice(priced, tuple(sorted(spent)))
        spent.update(dict.fromkeys(over, SPENT))


def priced_with(prices: Prices, asked: Asked, room: dict[str, Room], *, trace: bool) -> Priced:
    """The one `price`, in words of the door."""
    lines = tuple(Line(sku, quantity) for sku, quantity in asked.lines)
    basket = Basket(lines, asked.shipping_fen)
    choices = [typed(word) for word in asked.choices]
    try:
        return price(
            prices.book, basket, asked.buyer, choices, asked.now_ms, room=room, trace=trace
        )
    except BasketRefused as refused:
        raise Problem(UNPROCESSABLE, f"lines: {refused}") from None


def typed(word: str) -> str:
    """A code as it was typed: in one width and without spaces, as codes are."""
    return "".join(unicodedata.normalize("NFKC", word).split())


class Charge:
    """What the desk will charge a promotion's budgets for one order."""

    def __init__(self) -> None:
        self.units = 0
        self.money_fen = 0

    def over(self, left: Room) -> bool:
        """Whether less than that, or no order more, is left."""
        return (
            (left.units is not None and self.units > left.units)
            or (left.money_fen is not None and self.money_fen > left.money_fen)
            or left.uses == 0
        )


def charges(prices: Prices, priced: Priced) -> dict[str, Charge]:
    """By promotion with a budget, as the engine counts: all units and all that is off a line that
    names it.
    """
    found: dict[str, Charge] = {}
    for line in priced.lines:
        named = named_discount(prices, line)
        if named is not None and named.promotion in prices.budgeted:
            charge = found.setdefault(named.promotion, Charge())
            charge.units += line.quantity
            charge.money_fen += line.list_fen - line.receivable_fen
    for gift in priced.gifts:
        if gift.promotion in prices.budgeted:
            charge = found.setdefault(gift.promotion, Charge())
            charge.units += gift.quantity
            unit_fen = prices.book.list_prices_fen[prices.book.number_of[gift.sku]]
            charge.money_fen += unit_fen * gift.quantity
    return found


def named_discount(prices: Prices, line: PricedLine) -> LineDiscount | None:
    """Of a line's promotions the one that stands for all on record: with a budget or a cap first,
    then by amount.
    """
    limited = prices.limited
    return max(
        line.discounts, key=lambda one: (one.promotion in limited, one.discount_fen), default=None
    )
