"""What happens to an order that exists: payment, cancellation, shipment, return, release, hold.

Each has an id of its own and is decided once; the same id again gets the same answer.
"""

from tidegate.access.roles import ORDERS_WRITE, RELEASE_WRITE
from tidegate.http.batch import decided_lines
from tidegate.http.bodies import BATCH_BYTES_MAX, NDJSON, require_media_type, too_large
from tidegate.http.calls import BODY_IN_HANDLER, AnyAnswer, Call, Handler, Route, Streamed
from tidegate.http.operation_batch import OperationGroup
from tidegate.http.operations import operation_answer, operation_row
from tidegate.http.schemas import (
    Extension,
    Operation,
    OperationDone,
    PartOfOrder,
    Payment,
    Return,
    WholeOrder,
)
from tidegate.record.lines import (
    ALL_LINES,
    CANCEL,
    EXTEND,
    HOLD,
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
    desk, own_id = call.shop.desk, call.command_id
    channel, order_id = call.path["channel"], call.path["id"]
    row = operation_row(
        desk, own_id, channel, order_id, kind, line=line, quantity=quantity, amount_fen=amount_fen
    )
    decided = await desk.operate(row)
    outcome = decided.outcomes[0]
    return operation_answer(own_id, outcome, decided.seq, decided.position, call.language)


async def operate_orders(call: Call) -> AnyAnswer:
    """Many operations; the answer begins when the whole body is in."""
    require_media_type(call.headers.content_type, NDJSON)
    if call.content_length > BATCH_BYTES_MAX:
        raise too_large(BATCH_BYTES_MAX)
    group = OperationGroup(call.shop, call.doors.gate, call.principal, call.language)
    return Streamed("application/x-ndjson", await decided_lines(group, call.pieces))


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
    Route(
        "POST", "/v1/shops/{shop}/operations:batch", "operate_orders",
        "Decide operations on many orders", operate_orders, ORDERS_WRITE, body=Operation,
        answer=OperationDone, body_bytes_max=BATCH_BYTES_MAX, reads_body=BODY_IN_HANDLER,
        media_type="application/x-ndjson", takes="application/x-ndjson", channel_in="request",
        description="One JSON object a line, decided in their order; one line back for each, with "
        "the `status` that it would have had alone. `release` and `hold` need release:write.",
    ),
)  # fmt: skip
