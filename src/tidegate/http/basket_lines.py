"""Orders that carry a basket and no amounts: priced here, at the prices that stand now.

Always by the one `price`; what was charged is compared to the fen, and a difference is for the desk
to judge. A repeat of an order gets the rows that it had, so its answer never changes. Nothing here
asks who the buyer is.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from msgspec import UNSET

from tidegate.http.basket_prices import (
    Asked,
    Left,
    named_discount,
    price_now,
    price_with_what_is_left,
)
from tidegate.http.errors import NOT_FOUND, UNPROCESSABLE, Problem
from tidegate.http.order_lines import ROW, flags_of, half_priced, verified_mask
from tidegate.http.ports import Catalogue
from tidegate.http.schemas import INT32_MAX, BuyerClass, Order
from tidegate.pricing.promotion import Buyer
from tidegate.pricing.result import Priced, PricedLine
from tidegate.publishing.books import Prices
from tidegate.record.lines import (
    CONTINUES,
    LINES_PER_ORDER_MAX,
    MONEY_FEN_MAX,
    NO_EXCEPTION,
    NO_PROMOTION,
)

REMEMBERED_MAX = 100_000  # orders; what is older is priced again, and a changed price is told


class PricesAwaited(Exception):
    """The prices that stand are being compiled: come again when they are."""


class Named(NamedTuple):
    """What an order is called, when it was placed, and through which channel."""

    key: tuple[int, int]
    placed_at_ms: int
    channel: int
    is_fact: bool


class Remembered:
    """The rows of the last orders that were priced here."""

    def __init__(self, orders_max: int = REMEMBERED_MAX) -> None:
        self._rows: OrderedDict[tuple[int, int], tuple[bytes, bytes]] = OrderedDict()
        self._orders_max = orders_max

    def find(self, key: tuple[int, int], content: bytes) -> bytes | None:
        """The rows of the same order, if it said the same."""
        known = self._rows.get(key)
        return known[1] if known is not None and known[0] == content else None

    def keep(self, key: tuple[int, int], content: bytes, rows: bytes) -> None:
        """Remember, and forget the oldest."""
        if key in self._rows:
            return  # the first word counts; what says otherwise is refused by the desk
        self._rows[key] = (content, rows)
        if len(self._rows) > self._orders_max:
            self._rows.popitem(last=False)


def content_of(order: Order, tokens: Sequence[int]) -> bytes:
    """What makes two orders the same; `placed_at` is left out, as the desk leaves it out."""
    same = msgspec.structs.replace(order, placed_at=0, buyer=UNSET)
    hashed = hashlib.blake2b(msgspec.json.encode(same), digest_size=16)
    hashed.update(repr(tuple(tokens)).encode())
    return hashed.digest()


def wants_price(order: Order) -> bool:
    """Whether it is to be priced here. Costs nothing for an order that carries its amounts."""
    return (
        order.lines[0].receivable_fen is UNSET
        or order.choices is not UNSET
        or order.buyer_class is not UNSET
        or order.shipping_fen is not UNSET
    )


def check_basket(order: Order, *, prices: bool) -> None:
    """Raise Problem unless every line has a SKU and a quantity, and nothing else."""
    if not prices:
        raise Problem(NOT_FOUND, "this shop prices nothing here", "该店铺在此不计价")
    for line in order.lines:
        named = (line.receivable_fen, line.promotion, line.exception, line.gift_of)
        if any(field is not UNSET for field in named):
            raise half_priced()


def buyer_of(about: BuyerClass | msgspec.UnsetType, channel: str) -> Buyer:
    """The buyer as promotions see them."""
    if about is UNSET:
        return Buyer(channel=channel)
    return Buyer(
        about.new is True,
        about.level if about.level is not UNSET else "",
        about.region if about.region is not UNSET else "",
        channel,
    )


class RowFacts(NamedTuple):
    """What one row says beside the order's own fields."""

    sku: int
    quantity: int
    receivable_fen: int = 0
    platform_fen: int = 0
    promotion: int = NO_PROMOTION
    exception: int = NO_EXCEPTION
    gift_of: int = 0


def basket_rows(
    order: Order,
    named: Named,
    tokens: Sequence[int],
    catalogue: Catalogue,
    prices: Prices,
    left: Left,
    now_ms: int,
) -> bytes:
    """The rows of a basket's order: a row a SKU, then its gifts. Raises Problem.

    A basket with a SKU that has no price goes to the desk without amounts, to be refused there; so
    does one that was charged as if a spent budget were full, with those amounts.
    """
    wanted = [(line.sku, line.quantity) for line in order.lines]
    if any(sku not in prices.book.number_of for sku, _ in wanted):
        facts = [RowFacts(catalogue.sku_number(sku), quantity) for sku, quantity in wanted]
        return packed(order, named, tokens, facts, prices.version, 0)
    asked = Asked(
        wanted,
        buyer_of(order.buyer_class, order.channel),
        order.choices if order.choices is not UNSET else (),
        now_ms,
        order.shipping_fen if order.shipping_fen is not UNSET else 0,
    )
    priced, spent = price_with_what_is_left(prices, asked, left)
    if spent and mismatch_of(order, priced):
        full = price_now(prices, asked)
        priced = priced if mismatch_of(order, full) else full
    facts = [line_facts(prices, catalogue, line) for line in priced.lines]
    places = {line.sku: place for place, line in enumerate(priced.lines, 1)}
    for gift in priced.gifts:
        facts.append(
            RowFacts(
                catalogue.sku_number(gift.sku),
                gift.quantity,
                promotion=catalogue.promotion_number(gift.promotion),
                exception=prices.exceptions.get((gift.promotion, gift.sku), NO_EXCEPTION),
                gift_of=places[gift.parent_sku],
            )
        )
    if len(facts) > LINES_PER_ORDER_MAX:
        raise Problem(UNPROCESSABLE, f"lines: at most {LINES_PER_ORDER_MAX} with the gifts")
    return packed(order, named, tokens, facts, prices.version, mismatch_of(order, priced))


def mismatch_of(order: Order, priced: Priced) -> int:
    """How far what was charged for the goods is from the price."""
    platform_fen = priced.receivable_fen - priced.goods_fen
    if order.platform_fen is not UNSET:
        platform_fen = order.platform_fen
    return order.charged_fen + platform_fen - priced.receivable_fen


def line_facts(prices: Prices, catalogue: Catalogue, line: PricedLine) -> RowFacts:
    """A priced line; of its promotions one stands for all."""
    most = named_discount(prices, line)
    promotion = catalogue.promotion_number(most.promotion) if most is not None else NO_PROMOTION
    exception = NO_EXCEPTION
    if line.receivable_fen < prices.floors[line.sku] * line.quantity:
        for one in line.discounts:  # the first that two people let go below the floor
            exception = prices.exceptions.get((one.promotion, line.sku), NO_EXCEPTION)
            if exception != NO_EXCEPTION:
                break
    return RowFacts(
        catalogue.sku_number(line.sku),
        line.quantity,
        min(line.receivable_fen, MONEY_FEN_MAX + 1),
        min(line.receivable_fen - line.payable_fen, INT32_MAX),
        promotion,
        exception,
    )


def packed(
    order: Order,
    named: Named,
    tokens: Sequence[int],
    facts: Sequence[RowFacts],
    version: int,
    mismatch_fen: int,
) -> bytes:
    """The facts as rows of one order."""
    flags = flags_of(order, is_fact=named.is_fact)
    verified = verified_mask(order) if order.verified else 0
    quoted = order.pricing_version or version
    mismatch_fen = max(-INT32_MAX, min(INT32_MAX, mismatch_fen))
    rows = []
    for fact in facts:
        rows.append(
            ROW.pack(
                *named.key, named.placed_at_ms, *tokens, fact.receivable_fen, fact.platform_fen,
                mismatch_fen, quoted, 0, fact.sku, fact.quantity, fact.promotion, fact.exception,
                named.channel, fact.gift_of, flags, verified,
            )
        )  # fmt: skip
        flags |= CONTINUES
        mismatch_fen = 0
    return b"".join(rows)
