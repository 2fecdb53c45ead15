"""Orders that a person has decided to close: cancelled in Vendure, and what was paid given back.

Always: asked again, it goes on where it stopped; that the order is closed, the feed says. Never: an
order that has been shipped is closed, or more is given back than was received.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from tidegate.channels.adapters.vendure_session import Session
from tidegate.channels.ports import RefusedOutside, Taken, Unanswered

REASON = "Tidegate: closed by the seller"
# Older ways of saying how much: Vendure 3.7 stores them all the same, and takes no nothing.
UNUSED: dict[str, Any] = {"lines": [], "shipping": 0, "adjustment": 0}
GONE = ("Shipped", "Delivered", "PartiallyShipped", "PartiallyDelivered")
PAID = """query ($options: OrderListOptions!) { orders(options: $options) { items {
  id code state payments { id state amount refunds { state total } }
} } }"""
CANCEL = """mutation ($input: CancelOrderInput!) { cancelOrder(input: $input) { __typename } }"""
REFUND = """mutation ($input: RefundOrderInput!) { refundOrder(input: $input) { __typename } }"""


class Refund(msgspec.Struct, frozen=True):
    """Money given back, or on its way."""

    state: str
    total: int


class Received(msgspec.Struct, frozen=True):
    """One payment."""

    id: str
    state: str
    amount: int
    refunds: list[Refund] = []

    @property
    def left(self) -> int:
        """What was received and not given back."""
        if self.state != "Settled":
            return 0
        return self.amount - sum(one.total for one in self.refunds if one.state != "Failed")


class PaidOrder(msgspec.Struct, frozen=True):
    """An order with its payments."""

    id: str
    code: str
    state: str
    payments: list[Received] | None = None


class PaidOrders(msgspec.Struct, frozen=True):
    """A list of them."""

    items: list[PaidOrder]


class PaidAnswer(msgspec.Struct, frozen=True):
    """The answer to PAID."""

    orders: PaidOrders


class VendureCloser:
    """Where the seller closes orders. Called from the gate's thread."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def close_orders(self, numbers: Sequence[str]) -> list[Taken]:
        """Cancel and give back. Raises Unanswered, RefusedOutside."""
        options = {"take": len(numbers), "filter": {"code": {"in": list(numbers)}}}
        found = self._session.ask(PAID, PaidAnswer, options=options).orders.items
        by_code = {order.code: order for order in found}
        answers: list[Taken] = []
        for number in numbers:
            order = by_code.get(number)
            try:
                answers.append(self._closed(order) if order else "refused")
            except Unanswered:
                return answers + ["unknown"] * (len(numbers) - len(answers))
        return answers

    def _closed(self, order: PaidOrder) -> Taken:
        if order.state in GONE:
            return "too_late"
        try:
            if order.state != "Cancelled":
                wanted = {"orderId": order.id, "cancelShipping": True, "reason": REASON}
                if self._word(CANCEL, "cancelOrder", wanted) != "Order":
                    return "refused"
            for payment in order.payments or []:
                if payment.left > 0:
                    back = {"paymentId": payment.id, "amount": payment.left, "reason": REASON}
                    if self._word(REFUND, "refundOrder", back | UNUSED) != "Refund":
                        return "refused"
        except RefusedOutside:
            return "refused"
        return "done"

    def _word(self, question: str, field: str, wanted: dict[str, Any]) -> str:
        found = self._session.ask(question, dict[str, dict[str, str]], input=wanted)
        return found[field]["__typename"]
