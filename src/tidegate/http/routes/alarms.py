"""Alarms: listed, one in full, as they happen, and acknowledged by a person.

They need neither the followers nor the watch: what was told stands in a file of its own. An
acknowledgement is a person's; it changes nothing of what is stopped.
"""

import asyncio
from collections.abc import AsyncIterator

from tidegate.access.roles import FIGURES_READ, PAUSE_WRITE
from tidegate.http import alarm_schemas as a
from tidegate.http.calls import AnyAnswer, Call, Route, Streamed, json_answer
from tidegate.http.errors import BUSY, NOT_FOUND, UNPROCESSABLE, Problem
from tidegate.http.events import LISTENERS_MAX, event_stream
from tidegate.views.events import Event
from tidegate.watch.alerts.alarm_desk import AlarmDesk
from tidegate.watch.alerts.explaining import AlarmExplained, explained
from tidegate.watch.alerts.shown import LIST_MAX, AlertStatus
from tidegate.watch.breaker import Breaker
from tidegate.watch.watch_file import WatchUnavailable

STATES = ("", "open", "acknowledged", "resolved")
LOOK_S = 0.5
NUMBER_DIGITS_MAX = 15


def alarm_desk(call: Call) -> AlarmDesk:
    """The shop's alarms. Raises Problem where this process has none."""
    if call.shop.alarms is None:
        raise Problem(NOT_FOUND, "this shop has no alarms here", "该店铺在此没有告警")
    return call.shop.alarms


async def list_alarms(call: Call) -> AnyAnswer:
    """The newest alarms."""
    state = call.query.get("state", "")
    if state not in STATES:
        raise Problem(UNPROCESSABLE, "state: open, acknowledged or resolved")
    before, limit = number(call, "before", 0), number(call, "limit", LIST_MAX)
    found = await asyncio.to_thread(alarm_desk(call).alarms, state, before, limit)
    after = str(found[-1].id) if len(found) == min(max(limit, 1), LIST_MAX) else ""
    return json_answer(a.AlarmPage(found, after))


async def one_alarm(call: Call) -> AnyAnswer:
    """Everything about one alarm."""
    story = await asyncio.to_thread(alarm_desk(call).story, call.path["alarm"])
    if story is None:
        raise no_such_alarm()
    return json_answer(explained(story, await breaker_of(call)))


async def acknowledge(call: Call) -> AnyAnswer:
    """A person takes one up."""
    body: a.Acknowledge = call.body
    person = f"{call.principal.person_token:016x}"
    done = await asyncio.to_thread(
        alarm_desk(call).acknowledge, call.path["alarm"], person, body.note
    )
    if done is None:
        raise no_such_alarm()
    return json_answer(a.Acknowledged(done[1], done[0]))


async def acknowledge_many(call: Call) -> AnyAnswer:
    """A person takes up every open alarm up to a number."""
    body: a.AcknowledgeUntil = call.body
    person = f"{call.principal.person_token:016x}"
    taken = await asyncio.to_thread(
        alarm_desk(call).acknowledge_until, body.until, person, body.note
    )
    return json_answer(a.Acknowledged(taken, None))


async def alarm_events(call: Call) -> AnyAnswer:
    """Every change of an alarm, as it happens."""
    doors, desk = call.doors, alarm_desk(call)
    if doors.events_listening >= LISTENERS_MAX:
        raise Problem(BUSY, f"{LISTENERS_MAX} listen already", retry_after_s=5.0)
    given = call.event_id or call.query.get("after", "")
    after = given_number(given, "after") if given else await asyncio.to_thread(desk.newest_change)
    return Streamed("text/event-stream", event_stream(doors, told(desk, after)))


async def alert_status(call: Call) -> AnyAnswer:
    """How telling people goes."""
    return json_answer(await asyncio.to_thread(alarm_desk(call).status))


async def told(desk: AlarmDesk, after: int) -> AsyncIterator[Event]:
    """Changes without end; each has the number by which a listener goes on."""
    while True:
        for change, alarm in await asyncio.to_thread(desk.changes, after):
            yield Event(change.id, 0, change.what, a.AlarmChanged(change, alarm))
            after = change.id
        await asyncio.sleep(LOOK_S)


async def breaker_of(call: Call) -> Breaker | None:
    """The breaker as it stands; None where there is none, or it cannot be read."""
    if call.shop.stopping is None:
        return None
    try:
        return await call.shop.stopping.breaker()
    except WatchUnavailable:
        return None


def number(call: Call, name: str, otherwise: int) -> int:
    """A number of the query. Raises Problem."""
    given = call.query.get(name, "")
    return given_number(given, name) if given else otherwise


def given_number(text: str, name: str) -> int:
    """A number as it was given. Raises Problem."""
    if not (text.isascii() and text.isdigit() and len(text) <= NUMBER_DIGITS_MAX):
        raise Problem(UNPROCESSABLE, f"{name}: a number", f"{name}：请填数字")
    return int(text)


def no_such_alarm() -> Problem:
    """To be raised where nobody knows the alarm."""
    return Problem(NOT_FOUND, "there is no such alarm", "没有此告警")


_SHOP = "/v1/shops/{shop}"

ROUTES = (
    Route(
        "GET", f"{_SHOP}/alarms", "list_alarms", "Alarms, newest first", list_alarms,
        FIGURES_READ, answer=a.AlarmPage,
        query={
            "state": "open, acknowledged or resolved; all where it is left out",
            "before": "Older than this number",
            "limit": f"How many, at most {LIST_MAX}",
        },
    ),
    Route(
        "GET", f"{_SHOP}/alarms/events", "alarm_events",
        "Alarms as they happen (server-sent events)", alarm_events, FIGURES_READ,
        media_type="text/event-stream",
        query={"after": "Start behind this change; Last-Event-ID says the same"},
    ),
    Route(
        "POST", f"{_SHOP}/alarms/acknowledge", "acknowledge_alarms",
        "Take up every open alarm up to a number", acknowledge_many, PAUSE_WRITE,
        body=a.AcknowledgeUntil, answer=a.Acknowledged, people_only=True,
        description="For a flood: what came later than you read stays open.",
    ),
    Route(
        "GET", f"{_SHOP}/alarms/{{alarm}}", "get_alarm",
        "One alarm: what it saw, what was done, what to do", one_alarm, FIGURES_READ,
        answer=AlarmExplained,
    ),
    Route(
        "POST", f"{_SHOP}/alarms/{{alarm}}/acknowledge", "acknowledge_alarm",
        "Take an alarm up: it is escalated no more", acknowledge, PAUSE_WRITE,
        body=a.Acknowledge, answer=a.Acknowledged, people_only=True,
        description="The first person's word stands; given again, it changes nothing.",
    ),
    Route(
        "GET", f"{_SHOP}/alerts", "alert_status", "How telling people goes", alert_status,
        FIGURES_READ, answer=AlertStatus,
    ),
)  # fmt: skip
