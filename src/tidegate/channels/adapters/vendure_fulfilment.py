"""Vendure's fulfilments as the warehouse: a released order has one, and only such an order leaves.

    released -> fulfilment, Pending      held -> its fulfilment is Cancelled      gone -> Shipped

Always: an order that has a living fulfilment, or may be about to, gets no second one; stock on hand
is raised together with the threshold, so the shelf stays where it is. Never: a fulfilment that was
shipped is undone.
"""

from collections.abc import Callable, Sequence

import msgspec

from tidegate.channels.adapters.vendure_session import Session
from tidegate.channels.adapters.vendure_stock import Shelves, raised_to
from tidegate.channels.ports import AtWarehouse, RefusedOutside, Taken, Unanswered

PIECE_MAX = 50
GONE = ("Shipped", "Delivered")
CANCELLED = "Cancelled"
HANDLER = {
    "code": "manual-fulfillment",
    "arguments": [
        {"name": "method", "value": "Tidegate"},
        {"name": "trackingCode", "value": ""},
    ],
}
STANDING = """query ($options: OrderListOptions!) {
  orders(options: $options) { items {
    id code state lines { id quantity productVariant { sku } } fulfillments { id state }
  } }
}"""
FULFIL = """mutation ($input: FulfillOrderInput!) {
  addFulfillmentToOrder(input: $input) { __typename
    ... on InsufficientStockOnHandError { productVariantId } }
}"""
MOVE = """mutation ($id: ID!, $state: String!) {
  transitionFulfillmentToState(id: $id, state: $state) { __typename }
}"""


class Fulfilment(msgspec.Struct, frozen=True):
    """One fulfilment of an order."""

    id: str
    state: str

    @property
    def is_living(self) -> bool:
        """Whether somebody may still ship it, or has."""
        return self.state != CANCELLED


class Sold(msgspec.Struct, frozen=True):
    """A line's variant."""

    sku: str


class StandingLine(msgspec.Struct, frozen=True, rename="camel"):
    """One line."""

    id: str
    quantity: int
    product_variant: Sold


class Standing(msgspec.Struct, frozen=True):
    """How an order stands in Vendure."""

    id: str
    code: str
    state: str
    lines: list[StandingLine]
    fulfillments: list[Fulfilment] | None = None

    @property
    def at(self) -> AtWarehouse:
        """In the warehouse's words."""
        found = self.fulfillments or []
        if any(one.state in GONE for one in found):
            return "gone"
        if any(one.is_living for one in found):
            return "waiting"
        return "held" if found else "absent"


class StandingOrders(msgspec.Struct, frozen=True):
    """A list of them."""

    items: list[Standing]


class StandingAnswer(msgspec.Struct, frozen=True):
    """The answer to STANDING."""

    orders: StandingOrders


class Outcome(msgspec.Struct, frozen=True):
    """What became of a mutation: the type that Vendure answers with is its word."""

    kind: str = msgspec.field(name="__typename")


class FulfilAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """The answer to FULFIL."""

    add_fulfillment_to_order: Outcome


class MoveAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """The answer to MOVE."""

    transition_fulfillment_to_state: Outcome


class VendureWarehouse:
    """Fulfilments, as a warehouse. Called from the gate's thread."""

    def __init__(self, session: Session, shelves: Shelves, settled_s: float) -> None:
        """`settled_s`: a question that was given up is over when Vendure has answered so long."""
        self._session = session
        self._shelves = shelves
        self._settled_s = settled_s

    def push(self, numbers: Sequence[str]) -> list[Taken]:
        """A fulfilment for each order; after a silence the rest is unknown."""
        return self._each(numbers, self._fulfil)

    def intercept(self, numbers: Sequence[str]) -> list[Taken]:
        """Cancel fulfilments that nobody has shipped."""
        return self._each(numbers, self._cancel)

    def read(self, numbers: Sequence[str]) -> list[AtWarehouse]:
        """How orders stand. Raises Unanswered."""
        found: list[AtWarehouse] = []
        for at in range(0, len(numbers), PIECE_MAX):
            part = numbers[at : at + PIECE_MAX]
            standing = self._standing(part)
            found += [standing[n].at if n in standing else "absent" for n in part]
        if {"absent", "held"} & set(found) and not self._is_settled():
            wait = f"{self._settled_s:g} s"
            raise Unanswered(f"Vendure has answered for less than {wait}: not known yet")
        return found

    def switch_audit(self, *, on: bool) -> None:
        """Vendure ships nothing by itself, so off is how it always is."""
        if on:
            raise RefusedOutside("Vendure has no automatic audit: its fulfilments come from here")

    # -- one order -------------------------------------------------------------------------------

    def _each(self, numbers: Sequence[str], work: Callable[[Standing], Taken]) -> list[Taken]:
        answers: list[Taken] = []
        for at in range(0, len(numbers), PIECE_MAX):
            part = numbers[at : at + PIECE_MAX]
            try:
                standing = self._standing(part)
                for number in part:
                    taken = work(standing[number]) if number in standing else "refused"
                    answers.append(taken)
            except Unanswered:
                return answers + ["unknown"] * (len(numbers) - len(answers))
        return answers

    def _standing(self, numbers: Sequence[str]) -> dict[str, Standing]:
        options = {"take": len(numbers), "filter": {"code": {"in": list(numbers)}}}
        try:
            answer = self._session.ask(STANDING, StandingAnswer, options=options)
        except RefusedOutside as why:
            raise Unanswered(str(why)) from None
        return {order.code: order for order in answer.orders.items}

    def _fulfil(self, order: Standing) -> Taken:
        if order.at in ("waiting", "gone"):
            return "done"
        lines = [line for line in order.lines if line.quantity]
        kind = self._asked_to_fulfil(lines)
        if kind == "InsufficientStockOnHandError":
            self._make_room(lines)
            kind = self._asked_to_fulfil(lines)
        return "done" if kind in ("Fulfillment", "ItemsAlreadyFulfilledError") else "refused"

    def _asked_to_fulfil(self, lines: Sequence[StandingLine]) -> str:
        wanted = {
            "handler": HANDLER,
            "lines": [{"orderLineId": line.id, "quantity": line.quantity} for line in lines],
        }
        try:
            answer = self._session.ask(FULFIL, FulfilAnswer, input=wanted)
        except RefusedOutside:
            return "refused"
        return answer.add_fulfillment_to_order.kind

    def _make_room(self, lines: Sequence[StandingLine]) -> None:
        """The desk has counted these units: Vendure's own count is raised to let them go."""
        needed: dict[str, int] = {}
        for line in lines:
            sku = line.product_variant.sku
            needed[sku] = needed.get(sku, 0) + line.quantity
        with self._shelves.lock:
            shelf = self._shelves.read(list(needed))
            inputs = [
                raised_to(variant, needed[sku], variant.saleable(shelf.tracking))
                for sku, variant in shelf.variants.items()
                if variant.on_hand < needed[sku]
            ]
            try:
                self._shelves.write(inputs)
            except RefusedOutside:
                return  # the second question says so

    def _cancel(self, order: Standing) -> Taken:
        if order.at == "gone":
            return "too_late"
        for fulfilment in order.fulfillments or []:
            if fulfilment.is_living:
                try:
                    answer = self._session.ask(MOVE, MoveAnswer, id=fulfilment.id, state=CANCELLED)
                except RefusedOutside:
                    return "refused"
                if answer.transition_fulfillment_to_state.kind != "Fulfillment":
                    return "too_late"
        return "done" if self._is_settled() else "unknown"

    def _is_settled(self) -> bool:
        """Whether no fulfilment that was asked for can still appear."""
        return self._session.answered_for_s() >= self._settled_s
