"""Orders and marketplace sales, one a request or many.

The single route of each is the same order path that the server's protocol calls directly; it is
here for requests that are not plain, for the documents and for other servers.
"""

import asyncio

from tidegate.access.roles import ORDERS_WRITE, SALES_WRITE
from tidegate.http.batch import decided_lines
from tidegate.http.bodies import (
    BATCH_BYTES_MAX,
    NDJSON,
    ORDER_BYTES_MAX,
    require_media_type,
    too_large,
)
from tidegate.http.calls import BODY_IN_HANDLER, AnyAnswer, Call, Route, Streamed
from tidegate.http.errors import Answer
from tidegate.http.order_batch import OrderGroup
from tidegate.http.orders_fast import OrderDoor
from tidegate.http.schemas import Order, OrderAccepted, SaleJudged


async def place_order(call: Call) -> AnyAnswer:
    """One order."""
    return await through(call.shop.orders, call)


async def record_sale(call: Call) -> AnyAnswer:
    """One sale that a marketplace took."""
    return await through(call.shop.sales, call)


async def through(door: OrderDoor, call: Call) -> Answer:
    """The order path, awaited."""
    if call.content_length > ORDER_BYTES_MAX:
        raise too_large(ORDER_BYTES_MAX)
    body = await call.read_body(ORDER_BYTES_MAX)
    answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

    def reply(answer: Answer) -> None:
        if not answered.done():  # the caller may have gone
            answered.set_result(answer)

    door.take(call.headers, body, reply)
    return await answered


async def place_orders(call: Call) -> AnyAnswer:
    """Many orders."""
    return await many(call.shop.orders, call)


async def record_sales(call: Call) -> AnyAnswer:
    """Many sales."""
    return await many(call.shop.sales, call)


async def many(door: OrderDoor, call: Call) -> Streamed:
    """Decide a body of lines; the answer begins when the whole body is in."""
    require_media_type(call.headers.content_type, NDJSON)
    if call.content_length > BATCH_BYTES_MAX:
        raise too_large(BATCH_BYTES_MAX)
    group = OrderGroup(door, call.principal, call.language)
    return Streamed("application/x-ndjson", await decided_lines(group, call.pieces))


_SHOP = "/v1/shops/{shop}"
_MANY = (
    "One JSON object a line, at most 16,384 bytes each and 8 MiB together; one line back for each, "
    "in the same order, each with the `status` that it would have had alone."
)

ROUTES = (
    Route(
        "POST", f"{_SHOP}/orders", "place_order", "Decide one order", place_order, ORDERS_WRITE,
        body=Order, answer=OrderAccepted, status=201, body_bytes_max=ORDER_BYTES_MAX,
        reads_body=BODY_IN_HANDLER, channel_in="request",
        description="201 accepted, 200 a repeat of an accepted one, 409 refused with its reason.",
    ),
    Route(
        "POST", f"{_SHOP}/orders:batch", "place_orders", "Decide many orders", place_orders,
        ORDERS_WRITE, body=Order, answer=OrderAccepted, body_bytes_max=BATCH_BYTES_MAX,
        reads_body=BODY_IN_HANDLER, media_type="application/x-ndjson",
        takes="application/x-ndjson", channel_in="request", description=_MANY,
    ),
    Route(
        "POST", f"{_SHOP}/sales", "record_sale", "Record and judge one sale of a marketplace",
        record_sale, SALES_WRITE, body=Order, answer=SaleJudged, status=201,
        body_bytes_max=ORDER_BYTES_MAX, reads_body=BODY_IN_HANDLER, channel_in="request",
        description="A fact is never refused: `judgement` names every guard that it fails.",
    ),
    Route(
        "POST", f"{_SHOP}/sales:batch", "record_sales", "Record and judge many sales",
        record_sales, SALES_WRITE, body=Order, answer=SaleJudged, body_bytes_max=BATCH_BYTES_MAX,
        reads_body=BODY_IN_HANDLER, media_type="application/x-ndjson",
        takes="application/x-ndjson", channel_in="request", description=_MANY,
    ),
)  # fmt: skip
