"""Presales with deposit and balance, the platform's events of them, and gifts added to orders.

Every payment, event and gift has an id of its own and counts once.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from tidegate.access.roles import ORDERS_READ, ORDERS_WRITE, RELEASE_WRITE, SALES_WRITE
from tidegate.channels.fulfilment.presale import Terms
from tidegate.channels.fulfilment.presale_facts import PresaleEvent
from tidegate.channels.fulfilment.service import Fulfilment
from tidegate.http import fulfilment_schemas as s
from tidegate.http.calls import AnyAnswer, Call, Handler, Route, json_answer
from tidegate.http.errors import NOT_FOUND, Problem
from tidegate.http.ids import check_id
from tidegate.http.order_lines import moment_ms

SHOP = "/v1/shops/{shop}"
ROWS_MAX = 200
T = TypeVar("T")
HIDDEN = frozenset(("key", "print", "recipient", "actor", "exception"))


async def open_presale(call: Call) -> AnyAnswer:
    """An unpaid order becomes a presale."""
    body: s.PresaleOpened = call.body
    require_channel(call, body.channel, ORDERS_WRITE)
    check_id(body.order, "order")
    terms = Terms(body.deposit_fen, body.balance_fen, moment_ms(body.deposit_until),
                  moment_ms(body.balance_until), body.unpaid_balance)  # fmt: skip
    made = await do(call, lambda f: f.presales.open(body.channel, body.order, terms))
    return standing(body.order, made.state, made.reason)


async def pay_presale(call: Call) -> AnyAnswer:
    """A deposit or a balance was paid."""
    body: s.PresalePayment = call.body
    channel, order = call.path["channel"], call.path["id"]
    found = await do(
        call, lambda f: f.presales.pay(channel, order, body.id, body.part, body.amount_fen)
    )
    return standing(body.id, found.state, found.reason)


async def settle_payment(call: Call) -> AnyAnswer:
    """A person says what became of a deposit or a refund."""
    body: s.PresaleSettled = call.body
    check_id(body.payment, "payment")
    found = await do(call, lambda f: f.presales.settle(body.payment, body.state))
    return standing(body.payment, found.state, found.reason)


async def presales(call: Call) -> AnyAnswer:
    """Presales by state."""
    return await rows(call, lambda f, state: f.presales.listed(state, ROWS_MAX))


async def presale_payments(call: Call) -> AnyAnswer:
    """Payments by what became of them."""
    return await rows(call, lambda f, state: f.presales.money_listed(state, ROWS_MAX))


async def tell_presale(call: Call) -> AnyAnswer:
    """An event of a marketplace's presale."""
    body: s.PresaleTold = call.body
    require_channel(call, body.channel, SALES_WRITE)
    event = PresaleEvent(body.event, moment_ms(body.at), body.order, body.deposit_fen,
                         body.balance_fen, moment_ms(body.balance_until), body.deposit)  # fmt: skip
    found = await do(call, lambda f: f.presale_facts.hear(body.channel, event, f.now_ms()))
    return json_answer(found._asdict())


async def told_presales(call: Call) -> AnyAnswer:
    """Marketplaces' presales; `state=overdue`: only those whose balance is late."""
    return await rows(
        call, lambda f, state: f.presale_facts.listed(f.now_ms(), overdue=state == "overdue")
    )


async def add_gift(call: Call) -> AnyAnswer:
    """A gift was added to an order."""
    body: s.GiftAdded = call.body
    require_channel(call, body.channel, SALES_WRITE)
    check_id(body.order, "order")
    check_id(body.item, "item")
    one = await do(
        call,
        lambda f: f.gifts.add(
            body.channel, body.order, body.id, body.item, body.quantity, body.line
        ),
    )
    return standing(body.id, one.state, one.reason)


async def release_gift(call: Call) -> AnyAnswer:
    """A person lets a held gift go."""
    body: s.GiftReleased = call.body
    require_channel(call, body.channel, RELEASE_WRITE)
    one = await do(
        call, lambda f: f.gifts.let_go(body.channel, body.order, body.gift, body.exception)
    )
    return standing(body.gift, one.state, one.reason)


async def gifts(call: Call) -> AnyAnswer:
    """Gifts by state."""
    return await rows(call, lambda f, state: f.gifts.listed(state, ROWS_MAX))


# -- what these routes and those of parcels share --------------------------------------------------


async def do(call: Call, work: Callable[[Fulfilment], T]) -> T:
    """What work comes to. Raises Problem, and what the desk raises."""
    if call.shop.fulfilment is None:
        raise Problem(NOT_FOUND, "this shop has no such workflows here", "该店铺在此无此功能")
    return await call.shop.fulfilment.do(work)


async def rows(call: Call, find: Callable[[Fulfilment, str], list[Any]]) -> AnyAnswer:
    """Rows as JSON, without hashes."""
    state = call.query.get("state", "")
    found = await do(call, lambda f: find(f, state))
    return json_answer(s.Listed([shown(row._asdict()) for row in found]))


def shown(row: dict[str, Any]) -> dict[str, Any]:
    """A row without what only the store needs."""
    return {name: value for name, value in row.items() if name not in HIDDEN}


def standing(name: str, state: str, reason: str = "", warehouse: str = "") -> AnyAnswer:
    """How something stands."""
    return json_answer(s.Standing(name, state, reason, warehouse))


def require_channel(call: Call, channel: str, scope: str) -> None:
    """Raise Problem 403 unless the key may do that for a channel; 404 where there is none."""
    call.doors.gate.require(call.principal, scope, call.shop.name, channel)
    if call.shop.desk.catalogue.channel_number(channel) is None:
        raise Problem(NOT_FOUND, "this shop has no such channel", "该店铺没有此渠道")


def listing(path: str, name: str, summary: str, handler: Handler, scope: str) -> Route:
    """A route that lists rows by state."""
    return Route(
        "GET", f"{SHOP}/{path}", name, summary, handler, scope, answer=s.Listed,
        query={"state": "Rows in this state only"},
    )  # fmt: skip


ROUTES = (
    Route(
        "POST", f"{SHOP}/presales", "open_presale", "Make a presale of an unpaid order",
        open_presale, ORDERS_WRITE, body=s.PresaleOpened, answer=s.Standing, channel_in="request",
        description="The order stands at deposit + balance; its hold lasts until the deposit, "
        "then until the balance is due.",
    ),
    Route(
        "POST", f"{SHOP}/presales/{{channel}}/{{id}}/payments", "pay_presale",
        "Report a deposit or a balance", pay_presale, ORDERS_WRITE, body=s.PresalePayment,
        answer=s.Standing, channel_in="path",
    ),
    Route(
        "POST", f"{SHOP}/presale-payments/settle", "settle_presale_payment",
        "Let a kept deposit go, or note a refund that was paid out", settle_payment, ORDERS_WRITE,
        body=s.PresaleSettled, answer=s.Standing, people_only=True,
    ),
    listing("presales", "list_presales", "Presales", presales, ORDERS_READ),
    listing("presale-payments", "list_presale_payments", "Deposits and balances, and their fate",
            presale_payments, ORDERS_READ),
    Route(
        "POST", f"{SHOP}/presale-events", "tell_presale", "An event of a marketplace's presale",
        tell_presale, SALES_WRITE, body=s.PresaleTold, channel_in="request",
        description="Deposit, balance and closing in any order; the order is recorded and judged "
        "once, at deposit + balance.",
    ),
    listing("presale-events", "list_told_presales", "Marketplaces' presales", told_presales,
            ORDERS_READ),
    Route(
        "POST", f"{SHOP}/gifts", "add_gift", "A gift was added to an order", add_gift, SALES_WRITE,
        body=s.GiftAdded, answer=s.Standing, channel_in="request",
        description="Takes stock as a fact that is judged with its parent's line.",
    ),
    Route(
        "POST", f"{SHOP}/gifts/release", "release_gift", "Let a held gift go with its order",
        release_gift, RELEASE_WRITE, body=s.GiftReleased, answer=s.Standing, channel_in="request",
    ),
    listing("gifts", "list_gifts", "Gifts that were added to orders", gifts, ORDERS_READ),
)  # fmt: skip
