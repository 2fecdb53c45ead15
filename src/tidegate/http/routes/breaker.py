"""Stopping a shop (一键停售), and the breaker: what opened it, and how people close it.

A stop needs the desk alone: no view, no follower and no file beside the journal. Selling again is
people's, with a reason; after a stop of the shop it takes two.
"""

from tidegate.access.roles import CATALOGUE_READ, PAUSE_WRITE
from tidegate.domain.reasons import Reason
from tidegate.http import breaker_schemas as b
from tidegate.http.calls import AnyAnswer, Call, Route, json_answer
from tidegate.http.commands import command_answer
from tidegate.http.errors import NOT_FOUND, REFUSED, UNPROCESSABLE, Problem, refusal_document
from tidegate.http.ids import check_note
from tidegate.stopping.service import Stopping, Turned
from tidegate.watch.acting import InForce, NothingToStop
from tidegate.watch.alarms import LEVEL_NAMES
from tidegate.watch.breaker import CLOSED, Action, Person

HISTORY_SHOWN = 100
SCOPES = ("shop", "sku", "promotion")


def stopping(call: Call) -> Stopping:
    """What stops the shop. Raises Problem where this process has none."""
    if call.shop.stopping is None:
        raise Problem(NOT_FOUND, "this shop has no breaker here", "该店铺在此没有熔断器")
    return call.shop.stopping


async def stop(call: Call) -> AnyAnswer:
    """一键停售."""
    body: b.StopShop = call.body
    check_note(body.reason, "reason")
    person = Person(call.principal.person_token, body.reason)
    done = await stopping(call).stop(call.command_id, person)
    if done.answer.reason != Reason.ACCEPTED:
        return command_answer(call, done.answer)
    return json_answer(
        b.ShopStopped(
            call.command_id, "accepted", done.answer.seq, done.answer.duplicate, done.remarks
        )
    )


async def open_breaker(call: Call) -> AnyAnswer:
    """Stop what the watch wants stopped."""
    body: b.OpenBreaker = call.body
    require_subject(body.scope, body.subject)
    actor = call.principal.person_token
    action = Action(call.command_id, body.kind, body.scope, body.subject, body.note, actor)
    try:
        now = await stopping(call).open(action)
    except NothingToStop as why:
        figures = {"id": call.command_id}
        refusal = refusal_document(Reason.UNKNOWN_TARGET, call.language, str(why), figures)
        return json_answer(refusal, REFUSED)
    return json_answer(shown_in_force(now))


async def in_force(call: Call) -> AnyAnswer:
    """How something is at the desk."""
    scope, subject = call.query.get("scope", "shop"), call.query.get("subject", "")
    if scope not in SCOPES:
        raise Problem(UNPROCESSABLE, "scope: shop, sku or promotion", "scope：店铺、商品或促销")
    require_subject(scope, subject)
    return json_answer(shown_in_force(stopping(call).hands.in_force(scope, subject)))


async def half_open(call: Call) -> AnyAnswer:
    """Let a trickle through."""
    body, person = wish(call)
    return turned(await stopping(call).half_open(body.scope, body.subject, person))


async def close(call: Call) -> AnyAnswer:
    """End it."""
    body, person = wish(call)
    return turned(await stopping(call).shut(body.scope, body.subject, person))


async def breaker(call: Call) -> AnyAnswer:
    """What is stopped, since when and why."""
    found = await stopping(call).breaker()
    switches = [
        b.SwitchShown(
            one.target, one.code, one.phase, LEVEL_NAMES[one.level], one.since_ms, one.alarm,
            one.sentence, one.action is None, one.asked_by is not None, one.fault,
        )
        for one in found.switches.values()
        if one.phase != CLOSED or one.action is not None
    ]  # fmt: skip
    history = [
        b.BreakerEvent(
            line.at_ms, line.target, line.code, line.phase, line.level, line.why,
            f"{line.person:016x}" if line.person else "",
        )
        for line in reversed(found.history[-HISTORY_SHOWN:])
    ]  # fmt: skip
    return json_answer(b.BreakerShown(switches, history))


def require_subject(scope: str, subject: str) -> None:
    """Raise Problem unless exactly what has a code is named by one."""
    if (scope == "shop") == bool(subject):
        raise Problem(
            UNPROCESSABLE,
            "subject: the code of the SKU or promotion; empty for the shop",
            "subject：商品或促销编码；店铺则为空",
        )


def wish(call: Call) -> tuple[b.TurnBreaker, Person]:
    """What a person wants of the breaker, and who it is."""
    body: b.TurnBreaker = call.body
    require_subject(body.scope, body.subject)
    check_note(body.reason, "reason")
    return body, Person(call.principal.person_token, body.reason)


def shown_in_force(now: InForce) -> b.InForceShown:
    """As it is told."""
    return b.InForceShown(*now)


def turned(done: Turned) -> AnyAnswer:
    """What came of it; 202 while a second person must agree."""
    answer = b.BreakerTurned(done.phase, done.waits, done.in_force)
    return json_answer(answer, 202 if done.waits else 200)


_SHOP = "/v1/shops/{shop}"

ROUTES = (
    Route(
        "POST", f"{_SHOP}/stop", "stop_shop", "Stop the shop and its channels (一键停售)", stop,
        PAUSE_WRITE, body=b.StopShop, answer=b.ShopStopped,
        description="Needs the desk alone. Selling again takes two people: half-open, then close.",
    ),
    Route(
        "GET", f"{_SHOP}/breaker", "breaker", "What is stopped, since when and why", breaker,
        CATALOGUE_READ, answer=b.BreakerShown,
    ),
    Route(
        "GET", f"{_SHOP}/breaker/in-force", "breaker_in_force", "How something is at the desk",
        in_force, CATALOGUE_READ, answer=b.InForceShown,
        query={"scope": "shop, sku or promotion", "subject": "its code; empty for the shop"},
    ),
    Route(
        "POST", f"{_SHOP}/breaker/open", "open_breaker", "Pause or cap what an alarm is about",
        open_breaker, PAUSE_WRITE, body=b.OpenBreaker, answer=b.InForceShown,
        description="What the watch calls, with its own key. A pause of the shop stops channels.",
    ),
    Route(
        "POST", f"{_SHOP}/breaker/half-open", "half_open_breaker", "Let a trickle through",
        half_open, PAUSE_WRITE, body=b.TurnBreaker, answer=b.BreakerTurned, people_only=True,
        description="202 while a second person must agree.",
    ),
    Route(
        "POST", f"{_SHOP}/breaker/close", "close_breaker", "Sell again as before", close,
        PAUSE_WRITE, body=b.TurnBreaker, answer=b.BreakerTurned, people_only=True,
        description="Fifteen minutes after half open at the earliest.",
    ),
)  # fmt: skip
