"""Connected channels: what they push, how they stand, stopping, runs, alarms, debts, recalls.

A push is signed by the channel's key; everything else needs a key of ours. What is asked for here
stands in the channels' ledger when it is answered, and is carried out within a turn.
"""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import msgspec

from tidegate.access.roles import (
    APPROVE,
    FIGURES_READ,
    ORDERS_READ,
    PAUSE_WRITE,
    RELEASE_WRITE,
    STOCK_READ,
    STOCK_WRITE,
)
from tidegate.channels import alarms as al
from tidegate.channels import debts as de
from tidegate.channels import recalls as re_
from tidegate.channels import stopping
from tidegate.channels.bulk import Scope, ask_bulk, tally_of
from tidegate.channels.capabilities import capabilities_of
from tidegate.channels.connection import connections
from tidegate.channels.intake import Taken
from tidegate.channels.ledger import Ledger
from tidegate.channels.looking import attention
from tidegate.channels.parking import dismiss
from tidegate.channels.signatures import BODY_BYTES_MAX, NONCE, SIGNATURE, TIME, Request, Untrusted
from tidegate.channels.status import status_of
from tidegate.channels.wire import BadBody
from tidegate.http import channel_schemas as c
from tidegate.http.bodies import too_large
from tidegate.http.calls import BODY_IN_HANDLER, AnyAnswer, Call, Route, json_answer
from tidegate.http.errors import NOT_FOUND, NOT_OPEN, NOT_SIGNED, UNPROCESSABLE, Problem
from tidegate.http.ids import check_id
from tidegate.http.order_lines import moment_ms

T = TypeVar("T")
SIGNED_HEADERS = (TIME, NONCE, SIGNATURE)
CURSOR_DIGITS_MAX = 18


async def push_orders(call: Call) -> AnyAnswer:
    """Orders that a channel pushes, answered when they are durable."""
    headers: dict[str, str] = {}
    for name, value in call.sent.headers:
        key = name.decode("latin-1")
        if key in SIGNED_HEADERS:
            if key in headers:
                raise Problem(NOT_SIGNED, f"{key} is given twice", f"{key} 重复")
            headers[key] = value.decode("latin-1")
    if len(headers) < len(SIGNED_HEADERS):
        raise Problem(NOT_SIGNED, f"sign the request: {', '.join(SIGNED_HEADERS)}")
    if call.content_length > BODY_BYTES_MAX:
        raise too_large(BODY_BYTES_MAX)
    if call.shop.channels is None:
        raise Problem(NOT_SIGNED)
    body = await call.read_body(BODY_BYTES_MAX)
    request = Request(call.sent.method, call.sent.target, headers, body)
    channels = call.channels.channels
    try:
        taken: Taken = await call.channels.beside(
            lambda: channels.receive(call.path["channel"], request)
        )
    except Untrusted as why:
        raise Problem(NOT_SIGNED, str(why)) from None
    except BadBody as why:
        raise Problem(UNPROCESSABLE, str(why)) from None
    return json_answer(c.OrdersTaken(**taken._asdict()))


async def on_ledger(call: Call, work: Callable[[Ledger], T]) -> T:
    """What work on the shop's ledger comes to, beside the loop."""
    return await call.channels.beside(partial(work, call.channels.channels.ledger))


def by(call: Call) -> str:
    """Who asks, as the ledger holds it."""
    return al.by_token(call.principal.person_token)


def now_ms(call: Call) -> int:
    """The shop's time."""
    return call.shop.desk.status().now_ms


# -- how they stand --------------------------------------------------------------------------------


async def list_connections(call: Call) -> AnyAnswer:
    """Each connected channel, debts and alarms."""
    at_ms = now_ms(call)
    return json_answer(
        await on_ledger(
            call,
            lambda ledger: c.Connections(
                status_of(ledger, at_ms), de.owed(ledger, at_ms), al.Alarms(ledger).open_count()
            ),
        )
    )


async def list_parked(call: Call) -> AnyAnswer:
    """Orders that a person should look at."""
    channel, after = call.query.get("channel", ""), call.query.get("after", "")
    found = await on_ledger(call, lambda ledger: attention(ledger, channel, after))
    return json_answer(c.ParkedOrders([c.ParkedOrder(*one) for one in found]))


async def dismiss_parked(call: Call) -> AnyAnswer:
    """A person is done with a parked order."""
    body: c.Dismissal = call.body
    channel = call.path["channel"]
    done = await on_ledger(call, lambda ledger: dismiss(ledger, channel, body.number))
    if not done:
        raise Problem(NOT_FOUND, "no such parked order", "没有此暂存订单")
    return json_answer(c.Dismissed(body.number, True))


# -- stopping --------------------------------------------------------------------------------------


async def stop_channels(call: Call) -> AnyAnswer:
    """Stop every channel."""
    body: c.StopSelling = call.body
    who, at_ms = by(call), now_ms(call)
    found = await on_ledger(call, lambda ledger: stopping.stop_all(ledger, body.reason, who, at_ms))
    return json_answer(c.ChannelsStopped(*found))


async def stop_channel(call: Call) -> AnyAnswer:
    """Stop one channel."""
    body: c.StopSelling = call.body
    who, at_ms, channel = by(call), now_ms(call), call.path["channel"]
    found = await connected(
        call, lambda ledger: stopping.stop_some(ledger, channel, body.reason, who, at_ms)
    )
    return json_answer(c.ChannelsStopped(*found))


async def resume_channel(call: Call) -> AnyAnswer:
    """Let one channel sell again."""
    who, channel = by(call), call.path["channel"]
    await connected(call, lambda ledger: stopping.resume_one(ledger, channel, who))
    return json_answer(c.ChannelResumed(channel, False))


async def connected(call: Call, work: Callable[[Ledger], T]) -> T:
    """The same as `on_ledger`. Raises Problem where there is nothing of that name."""
    try:
        return await on_ledger(call, work)
    except LookupError as missing:
        raise Problem(NOT_FOUND, str(missing)) from None


# -- runs ------------------------------------------------------------------------------------------


async def ask_run(call: Call) -> AnyAnswer:
    """A bulk hold or release. A release needs the right to approve as well."""
    body: c.Run = call.body
    if body.kind == "release":
        call.doors.gate.require(call.principal, APPROVE, call.shop.name)
    scope = Scope(
        channel=body.channel, sku=body.sku, numbers=body.numbers, exception=body.exception,
        placed_from_ms=0 if body.placed_from is None else moment_ms(body.placed_from),
        placed_to_ms=2**53 if body.placed_to is None else moment_ms(body.placed_to),
    )  # fmt: skip
    who, at_ms = by(call), now_ms(call)
    found = await on_ledger(
        call, lambda ledger: ask_bulk(ledger, body.kind, body.id, scope, who, at_ms)
    )
    return json_answer(c.RunStands(*found), 202)


async def get_run(call: Call) -> AnyAnswer:
    """How a run stands."""
    found = await connected(call, lambda ledger: tally_of(ledger, call.path["name"]))
    return json_answer(c.RunStands(*found))


# -- alarms ----------------------------------------------------------------------------------------


async def list_alarms(call: Call) -> AnyAnswer:
    """Alarms behind a cursor."""
    after = call.query.get("after", "0") or "0"
    if not (after.isascii() and after.isdigit() and len(after) <= CURSOR_DIGITS_MAX):
        raise Problem(UNPROCESSABLE, "after: the id of an alarm", "after：告警编号")
    found = await on_ledger(call, lambda ledger: al.Alarms(ledger).after(int(after)))
    shown = [
        c.AlarmShown(
            one.id, one.at_ms, one.channel, one.kind, one.sku, one.item, one.promotion,
            one.figures, one.scope, one.english, one.chinese, one.settled_ms,
        )
        for one in found
    ]  # fmt: skip
    return json_answer(c.AlarmsShown(shown, found[-1].id if found else int(after)))


async def settle_alarm(call: Call) -> AnyAnswer:
    """A person has looked: the alarm's flag is taken back."""
    body: c.Settlement = call.body
    name = call.path["name"]
    if not (name.isascii() and name.isdigit() and len(name) <= CURSOR_DIGITS_MAX):
        raise Problem(NOT_FOUND, "no such alarm", "没有此告警")
    who, at_ms = by(call), now_ms(call)
    done = await on_ledger(
        call, lambda ledger: al.Alarms(ledger).settle(int(name), who, body.note, at_ms)
    )
    if not done:
        raise Problem(NOT_FOUND, "no such open alarm", "没有此未处理告警")
    return json_answer(c.AlarmSettled(int(name), True))


# -- debts -----------------------------------------------------------------------------------------


async def list_debts(call: Call) -> AnyAnswer:
    """Open debts by deadline."""
    at_ms, channel = now_ms(call), call.query.get("channel", "")
    found, figures = await on_ledger(
        call, lambda ledger: (de.debts(ledger, channel=channel), de.owed(ledger, at_ms))
    )
    return json_answer(c.DebtsShown([shown_debt(one) for one in found], figures))


def shown_debt(one: de.Debt) -> c.DebtShown:
    """A debt as it is shown."""
    return c.DebtShown(
        one.channel, one.number, one.units, one.opened_ms, one.due_ms, one.owner, one.way, one.told,
        one.closing, one.settled_ms, one.outcome,
    )  # fmt: skip


async def decide_debt(call: Call) -> AnyAnswer:
    """A person takes a debt and says how it ends."""
    body: c.DebtDecision = call.body
    channel, number, who, at_ms = call.path["channel"], call.path["id"], by(call), now_ms(call)
    due_ms = at_ms + de.DUE_MS if body.due_at is None else moment_ms(body.due_at)
    if body.owner:
        check_id(body.owner, "owner")

    def decide(ledger: Ledger) -> de.Debt:
        kinds = {one.channel: one.kind for one in connections(ledger)}
        kind = capabilities_of(kinds.get(channel, "files"))
        return de.decide_debt(
            ledger, kind, channel, number, way=body.way, owner=body.owner, due_ms=due_ms,
            note=body.note, by=who, now_ms=at_ms,
        )  # fmt: skip

    try:
        return json_answer(shown_debt(await connected(call, decide)))
    except de.NotAWay as refused:
        raise Problem(NOT_OPEN, str(refused)) from None


# -- recalls ---------------------------------------------------------------------------------------


async def ask_recall(call: Call) -> AnyAnswer:
    """Units of a channel's pool are to come back."""
    body: c.RecallWish = call.body
    channel, who, at_ms = call.path["channel"], by(call), now_ms(call)
    if call.shop.desk.catalogue.channel_number(channel) is None:
        raise Problem(NOT_FOUND, "this shop has no such channel", "该店铺没有此渠道")
    found = await on_ledger(
        call,
        lambda ledger: re_.ask_recall(
            ledger, body.id, channel, body.sku, body.quantity, who, at_ms
        ),
    )
    return json_answer(shown_recall(found), 202)


async def list_recalls(call: Call) -> AnyAnswer:
    """Recalls, the newest first."""
    channel = call.path["channel"]
    found = await on_ledger(call, re_.recalls)
    return json_answer(
        c.RecallsShown([shown_recall(one) for one in found if one.channel == channel])
    )


def shown_recall(one: re_.Recall) -> c.RecallShown:
    """A recall as it is shown."""
    return c.RecallShown(one.name, one.channel, one.sku, one.units, one.state, one.back, one.told)


assert set(msgspec.structs.asdict(c.OrdersTaken(0, 0, 0, 0, 0))) == set(Taken._fields)
_SHOP = "/v1/shops/{shop}"
_CHANNEL = f"{_SHOP}/channels/{{channel}}"

ROUTES = (
    Route(
        "POST", f"{_CHANNEL}/webhook", "push_orders", "Orders that a channel pushes, signed",
        push_orders, body=c.OrdersPushed, answer=c.OrdersTaken, body_bytes_max=BODY_BYTES_MAX,
        reads_body=BODY_IN_HANDLER, signed=True,
        description="Signed by the channel's key (docs/reference/channel-bridge.md) instead of "
        "Authorization. 200: each order is recorded or parked, durably; 503: push it again.",
    ),
    Route(
        "GET", f"{_SHOP}/connections", "list_connections",
        "How connected channels stand", list_connections, FIGURES_READ, answer=c.Connections,
    ),
    Route(
        "GET", f"{_SHOP}/connections/parked", "list_parked",
        "Orders that were parked, or that changed after they were recorded", list_parked,
        ORDERS_READ, answer=c.ParkedOrders,
        query={"channel": "Of this channel only", "after": "Go on behind this number"},
    ),
    Route(
        "POST", f"{_CHANNEL}/parked/dismiss", "dismiss_parked", "Be done with a parked order",
        dismiss_parked, RELEASE_WRITE, body=c.Dismissal, answer=c.Dismissed, people_only=True,
    ),
    Route(
        "POST", f"{_SHOP}/connections/stop", "stop_channels", "Stop selling on every channel",
        stop_channels, PAUSE_WRITE, body=c.StopSelling, answer=c.ChannelsStopped,
        description="Begins the stop ladder of each: audit off, activity ended, stock 0, delisted.",
    ),
    Route(
        "POST", f"{_CHANNEL}/stop", "stop_channel", "Stop selling on a channel", stop_channel,
        PAUSE_WRITE, body=c.StopSelling, answer=c.ChannelsStopped,
    ),
    Route(
        "POST", f"{_CHANNEL}/resume", "resume_channel", "Let a stopped channel sell again",
        resume_channel, PAUSE_WRITE, body=c.StopSelling, answer=c.ChannelResumed, people_only=True,
        description="A person's key only. The ERP's automatic audit stays off until a person "
        "switches it on.",
    ),
    Route(
        "POST", f"{_SHOP}/runs", "ask_run", "Hold or release many orders", ask_run, RELEASE_WRITE,
        body=c.Run, answer=c.RunStands, status=202, people_only=True,
        description="A release needs the scope approve as well.",
    ),
    Route(
        "GET", f"{_SHOP}/runs/{{name}}", "get_run", "How a bulk hold or release stands", get_run,
        ORDERS_READ, answer=c.RunStands,
    ),
    Route(
        "GET", f"{_SHOP}/connections/alarms", "list_channel_alarms",
        "What was read back of channels and is not right", list_alarms, FIGURES_READ,
        answer=c.AlarmsShown, query={"after": "Behind this alarm"},
    ),
    Route(
        "POST", f"{_SHOP}/connections/alarms/{{name}}/settle", "settle_channel_alarm",
        "Say that an alarm was looked at", settle_alarm, RELEASE_WRITE, body=c.Settlement,
        answer=c.AlarmSettled, people_only=True,
    ),
    Route(
        "GET", f"{_SHOP}/debts", "list_debts", "Oversold orders with owner, way out and deadline",
        list_debts, ORDERS_READ, answer=c.DebtsShown, query={"channel": "Of this channel only"},
    ),
    Route(
        "POST", f"{_CHANNEL}/debts/{{id}}", "decide_debt", "Take a debt and say how it ends",
        decide_debt, RELEASE_WRITE, body=c.DebtDecision, answer=c.DebtShown, people_only=True,
    ),
    Route(
        "POST", f"{_CHANNEL}/recalls", "ask_recall", "Have units come back from a channel",
        ask_recall, STOCK_WRITE, body=c.RecallWish, answer=c.RecallShown, status=202,
        description="Off sale, shown less, acknowledged, sales in flight heard, then shared.",
    ),
    Route(
        "GET", f"{_CHANNEL}/recalls", "list_recalls", "Recalls from a channel", list_recalls,
        STOCK_READ, answer=c.RecallsShown,
    ),
)  # fmt: skip
