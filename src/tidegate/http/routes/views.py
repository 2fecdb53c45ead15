"""What may be asked of a shop: units on sale, an order's story, everything as it is decided."""

import asyncio

from tidegate.access.roles import FIGURES_READ, ORDERS_READ, STOCK_READ
from tidegate.http.calls import AnyAnswer, Call, Route, Streamed, json_answer
from tidegate.http.errors import BUSY, NOT_FOUND, UNPROCESSABLE, Problem
from tidegate.http.events import LISTENERS_MAX, event_stream
from tidegate.http.ids import check_id
from tidegate.http.status_schemas import Availability
from tidegate.record.lines import NO_SKU

SEQ_DIGITS_MAX = 18


async def availability(call: Call) -> AnyAnswer:
    """Units that a channel could sell now."""
    channel = call.query.get("channel", "")
    if not channel:
        raise Problem(UNPROCESSABLE, "channel: say which", "channel：请指定渠道")
    check_id(channel, "channel")
    call.doors.gate.require(call.principal, STOCK_READ, call.shop.name, channel)
    desk = call.shop.desk
    sku, number = (
        desk.catalogue.sku_number(call.path["code"]),
        desk.catalogue.channel_number(channel),
    )
    if sku == NO_SKU or number is None:
        raise Problem(NOT_FOUND, "no such SKU or channel", "没有此商品或渠道")
    return json_answer(Availability(call.path["code"], channel, desk.available(sku, number)))


async def story(call: Call) -> AnyAnswer:
    """Every event of an order, and why."""
    found = await asyncio.to_thread(call.shop.views.story, call.path["channel"], call.path["id"])
    if found is None:
        raise Problem(
            NOT_FOUND, "no such order, or its story is not there yet", "没有此订单，或记录尚未生成"
        )
    return json_answer(found)


async def events(call: Call) -> AnyAnswer:
    """Everything that is decided, as it is decided."""
    doors = call.doors
    if doors.events_listening >= LISTENERS_MAX:
        raise Problem(BUSY, f"{LISTENERS_MAX} listen already", retry_after_s=5.0)
    after = call.event_id or call.query.get("after", "")
    if after and not (after.isascii() and after.isdigit() and len(after) <= SEQ_DIGITS_MAX):
        raise Problem(UNPROCESSABLE, "after: the number of an entry", "after：记录序号")
    after_seq = int(after) if after else call.shop.desk.status().seq
    return Streamed("text/event-stream", event_stream(doors, call.shop.views.decided(after_seq)))


_SHOP = "/v1/shops/{shop}"

ROUTES = (
    Route(
        "GET", f"{_SHOP}/availability/{{code}}", "availability", "Units on sale through a channel",
        availability, STOCK_READ, answer=Availability, channel_in="request",
        query={"channel": "The channel's code"},
        description="A glance, not a promise: only an order holds units.",
    ),
    Route(
        "GET", f"{_SHOP}/orders/{{channel}}/{{id}}", "order_story",
        "Every event of one order, and why it was refused", story, ORDERS_READ, channel_in="path",
    ),
    Route(
        "GET", f"{_SHOP}/events", "events", "Everything as it is decided (server-sent events)",
        events, FIGURES_READ, media_type="text/event-stream",
        query={"after": "Start behind this entry; Last-Event-ID says the same"},
    ),
)  # fmt: skip
