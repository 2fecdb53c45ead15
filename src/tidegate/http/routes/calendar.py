"""What is announced: more orders, other prices, a plan for discounts, so that the watch expects it.

Only raises what is expected, so only people may say so; what is published is announced by itself.
"""

import asyncio
from functools import partial

from tidegate.access.roles import CATALOGUE_READ, RULES_WRITE
from tidegate.http import breaker_schemas as b
from tidegate.http import schemas as s
from tidegate.http.calls import AnyAnswer, Call, Route, json_answer
from tidegate.http.errors import NOT_FOUND, UNPROCESSABLE, Problem
from tidegate.http.order_lines import moment_ms
from tidegate.http.routes.breaker import stopping
from tidegate.watch.announcements import (
    Announcement,
    AnnouncementRefused,
    AnnouncementStore,
    Kept,
)

TABLES = {"sku": "skus", "promotion": "promotions", "channel": "channels"}


async def announce(call: Call) -> AnyAnswer:
    """Announce a window."""
    body: b.Announce = call.body
    if body.subject and body.subject not in getattr(
        call.shop.desk.machine.catalogue, TABLES[body.scope]
    ):
        raise Problem(NOT_FOUND, "subject: this shop has no such code", "subject：该店铺没有此编码")
    entry = Announcement(
        body.scope, body.subject, moment_ms(body.from_at), moment_ms(body.until_at), body.rate,
        body.orders_per_h, body.price, body.units, body.plan_fen_per_h, body.note,
    )  # fmt: skip
    store = AnnouncementStore(stopping(call).watch_file())
    given = call.command_id if call.id_is_given else ""
    person, now_ms = call.principal.person_token, call.doors.clock.now_ms()
    try:
        kept = await asyncio.to_thread(store.put, entry, person, now_ms, given)
    except AnnouncementRefused as why:
        raise Problem(UNPROCESSABLE, str(why)) from None
    return json_answer(shown(kept), 201)


async def calendar(call: Call) -> AnyAnswer:
    """What is announced and not over."""
    store = AnnouncementStore(stopping(call).watch_file())
    found = await asyncio.to_thread(partial(store.current, call.doors.clock.now_ms()))
    return json_answer(b.Calendar([shown(kept) for kept in found]))


async def drop(call: Call) -> AnyAnswer:
    """Take one back."""
    store, name = AnnouncementStore(stopping(call).watch_file()), call.path["announcement"]
    dropped = await asyncio.to_thread(store.drop, name)
    return json_answer(b.AnnouncementDropped(name, dropped))


def shown(kept: Kept) -> b.Announced:
    """As it is told."""
    entry = kept.entry
    return b.Announced(
        kept.id, entry.scope, entry.subject, entry.from_ms, entry.until_ms, entry.rate,
        entry.orders_per_h, entry.price, entry.units, entry.plan_fen_per_h, entry.note,
        f"{kept.person:016x}",
    )  # fmt: skip


_SHOP = "/v1/shops/{shop}"

ROUTES = (
    Route(
        "GET", f"{_SHOP}/calendar", "calendar", "What people announced", calendar, CATALOGUE_READ,
        answer=b.Calendar,
    ),
    Route(
        "POST", f"{_SHOP}/calendar", "announce", "Announce more orders, other prices, a plan",
        announce, RULES_WRITE, body=b.Announce, answer=b.Announced, status=201, people_only=True,
        description="The watch knows it within two seconds. An empty subject is every one.",
    ),
    Route(
        "POST", f"{_SHOP}/calendar/{{announcement}}/drop", "drop_announcement",
        "Take an announcement back", drop, RULES_WRITE, body=s.Nothing,
        answer=b.AnnouncementDropped, people_only=True,
    ),
)  # fmt: skip
