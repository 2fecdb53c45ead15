"""What happens to an order that exists: payment, cancellation, shipment, return, release, hold.

Each has an id of its own and is decided once; the same id again gets the same answer.
"""

import numpy as np

from tidegate.access.roles import ORDERS_WRITE, RELEASE_WRITE
from tidegate.desk.names import OPERATIONS
from tidegate.domain.reasons import Reason
from tidegate.http.calls import AnyAnswer, Call, Handler, Route, json_answer
from tidegate.http.errors import NOT_FOUND, REFUSED, Problem, refusal_document
from tidegate.http.schemas import (
    Extension,
    OperationDone,
    PartOfOrder,
    Payment,
    Return,
    WholeOrder,
)
from tidegate.record.lines import (
    ALL_LINES,
    CANCEL,
    DUPLICATE,
    EXTEND,
    HOLD,
    OPERATION,
    PAY,
    RELEASE,
    RETURN,
    RETURN_DEFECTIVE,
    SHIP,
)


async def pay(call: Call) -> AnyAnswer:
    """A payment result, late, doubled or wrong amounts included."""
    body: Payment = call.body
    return await operate(call, PAY, amount_fen=body.amount_fen)


async def cancel(call: Call) -> AnyAnswer:
    """Cancel what is not shipped."""
    return await on_part(call, CANCEL)


async def ship(call: Call) -> AnyAnswer:
    """Units left the warehouse."""
    return await on_part(call, SHIP)


async def take_back(call: Call) -> AnyAnswer:
    """Units came back."""
    body: Return = call.body
    return await on_part(call, RETURN_DEFECTIVE if body.defective else RETURN)


async def release(call: Call) -> AnyAnswer:
    """May a marketplace's order go to the warehouse?"""
    return await operate(call, RELEASE)


async def hold(call: Call) -> AnyAnswer:
    """A person keeps a marketplace's order back."""
    return await operate(call, HOLD)


async def extend(call: Call) -> AnyAnswer:
    """A longer hold."""
    body: Extension = call.body
    return await operate(call, EXTEND, quantity=body.seconds)


async def on_part(call: Call, kind: int) -> AnyAnswer:
    """An operation that may be about one line or some units."""
    body: PartOfOrder | Return = call.body
    return await operate(
        call,
        kind,
        line=ALL_LINES if body.line is None else body.line,
        quantity=body.quantity or 0,
    )


async def operate(
    call: Call, kind: int, *, line: int = ALL_LINES, quantity: int = 0, amount_fen: int = 0
) -> AnyAnswer:
    """Decide one operation and say what came of it. Raises Problem and what the desk raises."""
    desk = call.shop.desk
    channel = call.path["channel"]
    if desk.catalogue.channel_number(channel) is None:
        raise Problem(NOT_FOUND, "this shop has no such channel", "该店铺没有此渠道")
    row = np.zeros(1, OPERATION)
    row["id_hi"], row["id_lo"] = desk.order_key(OPERATIONS, call.command_id)
    row["order_hi"], row["order_lo"] = desk.order_key(channel, call.path["id"])
    row["amount_fen"], row["quantity"], row["line"], row["kind"] = amount_fen, quantity, line, kind
    decided = await desk.operate(row)
    outcome = decided.outcomes[0]
    reason = Reason(int(outcome["reason"]))
    duplicate = bool(outcome["flags"] & DUPLICATE)
    if reason != Reason.ACCEPTED:
        place = {"id": call.command_id, "seq": decided.seq, "position": decided.position}
        figures = place | ({"duplicate": True} if duplicate else {})
        return json_answer(refusal_document(reason, call.language, "", figures), REFUSED)
    return json_answer(
        OperationDone(call.command_id, "accepted", decided.seq, decided.position, duplicate)
    )


_ORDER = "/v1/shops/{shop}/orders/{channel}/{id}"


def _route(
    verb: str, name: str, summary: str, handler: Handler, body: type, scope: str = ORDERS_WRITE
) -> Route:
    return Route(
        "POST", f"{_ORDER}/{verb}", name, summary, handler, scope, body=body,
        answer=OperationDone, channel_in="path",
    )  # fmt: skip


ROUTES = (
    _route("payments", "pay_order", "Report a payment", pay, Payment),
    _route("cancel", "cancel_order", "Cancel an order or part of it", cancel, PartOfOrder),
    _route("ship", "ship_order", "Report a shipment", ship, PartOfOrder),
    _route("return", "return_order", "Report a return", take_back, Return),
    _route(
        "release", "release_order", "Release a marketplace's order", release, WholeOrder,
        RELEASE_WRITE,
    ),
    _route(
        "hold", "hold_order", "Keep a marketplace's order back", hold, WholeOrder, RELEASE_WRITE,
    ),
    _route("extend", "extend_hold", "Extend an unpaid hold", extend, Extension),
)  # fmt: skip
