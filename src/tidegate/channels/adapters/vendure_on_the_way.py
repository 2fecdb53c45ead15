"""What Vendure is about to sell, or has sold, that its order feed has not told yet.

Vendure checks stock when a buyer goes to the payment, and takes it when the payment is there: who
stands between the two will buy, whatever the shelf says by then.

Always: counts too much rather than too little; a step up waits for it. Never: waits for a buyer who
has not paid within CHECKOUT_MS.
"""

from collections import Counter
from collections.abc import Callable
from datetime import datetime

import msgspec

from tidegate.channels.adapters.vendure_orders import Heard, Variant, iso
from tidegate.channels.adapters.vendure_session import Session
from tidegate.channels.ports import RefusedOutside, Unanswered

CHECKOUT_MS = 60_000
SETTLING_MS = 1_000  # others may be right behind a sale as young as this, in open transactions
ON_THE_WAY_MAX = 500
AT_PAYMENT = "ArrangingPayment"
ON_THE_WAY = """query ($options: OrderListOptions!) {
  orders(options: $options) { totalItems items {
    code state orderPlacedAt lines { quantity productVariant { sku } }
  } }
}"""


class ComingLine(msgspec.Struct, frozen=True, rename="camel"):
    """One line."""

    quantity: int
    product_variant: Variant


class Coming(msgspec.Struct, frozen=True, rename="camel"):
    """An order at its payment, or placed."""

    code: str
    state: str
    lines: list[ComingLine]
    order_placed_at: datetime | None = None


class ComingOrders(msgspec.Struct, frozen=True, rename="camel"):
    """A page of them."""

    total_items: int
    items: list[Coming]


class ComingAnswer(msgspec.Struct, frozen=True):
    """The answer to ON_THE_WAY."""

    orders: ComingOrders


class OnTheWay:
    """Asked before a shelf is filled."""

    def __init__(self, session: Session, heard: Heard, now_ms: Callable[[], int]) -> None:
        self._session = session
        self._heard = heard
        self._now_ms = now_ms

    def units(self) -> Counter[str] | None:
        """By SKU; None where there are too many to tell. Raises Unanswered."""
        now_ms = self._now_ms()
        either = [{"state": {"eq": AT_PAYMENT}}, {"orderPlacedAt": {"isNull": False}}]
        options = {
            "take": ON_THE_WAY_MAX,
            "sort": {"updatedAt": "DESC"},
            "filter": {"updatedAt": {"after": iso(now_ms - CHECKOUT_MS)}, "_or": either},
        }
        try:
            found = self._session.ask(ON_THE_WAY, ComingAnswer, options=options).orders
        except RefusedOutside as why:
            raise Unanswered(str(why)) from None
        if found.total_items > len(found.items):
            return None
        units: Counter[str] = Counter()
        for order in found.items:
            if self._is_unheard(order, now_ms):
                for line in order.lines:
                    units[line.product_variant.sku] += line.quantity
        return units

    def _is_unheard(self, order: Coming, now_ms: int) -> bool:
        if order.order_placed_at is None or order.code not in self._heard:
            return True
        return order.order_placed_at.timestamp() * 1000 > now_ms - SETTLING_MS
