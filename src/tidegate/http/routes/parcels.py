"""Parcels, the warehouses that send them, and what comes back.

A parcel's id counts once through its whole way; where it goes to is never part of an answer.
"""

from typing import Any

from tidegate.access.roles import (
    ORDERS_READ,
    ORDERS_WRITE,
    RELEASE_WRITE,
    RULES_WRITE,
    STOCK_READ,
    STOCK_WRITE,
)
from tidegate.channels.fulfilment.parcel_store import Parcel
from tidegate.channels.fulfilment.parcels import Asked
from tidegate.channels.fulfilment.returns import Back
from tidegate.channels.fulfilment.service import Fulfilment
from tidegate.channels.fulfilment.warehouses import Warehouse
from tidegate.http import fulfilment_schemas as s
from tidegate.http.calls import AnyAnswer, Call, Handler, Route, json_answer
from tidegate.http.ids import check_id
from tidegate.http.routes.presales import (
    ROWS_MAX,
    SHOP,
    do,
    listing,
    require_channel,
    rows,
    shown,
    standing,
)
from tidegate.http.schemas import Nothing


async def plan_parcel(call: Call) -> AnyAnswer:
    """What is to go together."""
    body: s.ParcelPlanned = call.body
    for part in body.lines:
        require_channel(call, part.channel, ORDERS_WRITE)
        check_id(part.order, "order")
    if body.region:
        check_id(body.region, "region")
    parts = [Asked(p.channel, p.order, p.line, p.quantity, p.gift) for p in body.lines]
    made = await do(
        call, lambda f: f.parcels.make(body.id, parts, body.recipient or "", body.region)
    )
    return stands(made)


async def release_parcel(call: Call) -> AnyAnswer:
    """Have a parcel's orders released, and find who sends it."""
    return stands(await do(call, lambda f: f.release(call.path["code"])))


async def ship_parcel(call: Call) -> AnyAnswer:
    """A parcel has left."""
    return stands(await do(call, lambda f: f.parcels.ship(call.path["code"])))


async def cancel_parcel(call: Call) -> AnyAnswer:
    """A parcel is given up."""
    return stands(await do(call, lambda f: f.parcels.cancel(call.path["code"])))


async def refuse_parcel(call: Call) -> AnyAnswer:
    """A warehouse will not send a parcel."""
    body: s.ParcelRefused = call.body
    return stands(await do(call, lambda f: f.sourcing.refuse(call.path["code"], body.warehouse)))


async def parcel(call: Call) -> AnyAnswer:
    """One parcel with its parts and how it was sourced."""

    def look(f: Fulfilment) -> dict[str, Any]:
        found = f.parcels.get(call.path["code"])
        parts = [shown(part._asdict()) for part in f.parcels.rows.parts(found.id)]
        return shown(found._asdict()) | {"parts": parts, "sourcing": f.sourcing.story(found.id)}

    return json_answer(await do(call, look))


async def parcels(call: Call) -> AnyAnswer:
    """Parcels by state; `state=to_stop`: parts on their way of which something was cancelled."""

    def find(f: Fulfilment, state: str) -> list[Any]:
        if state == "to_stop":
            return f.parcels.to_stop()
        return f.parcels.rows.rows("? IN ('', state) ORDER BY made_ms LIMIT ?", state, ROWS_MAX)

    return await rows(call, find)


def stands(parcel_: Parcel) -> AnyAnswer:
    """How a parcel stands."""
    return standing(parcel_.id, parcel_.state, parcel_.reason, parcel_.warehouse)


# -- warehouses ------------------------------------------------------------------------------------


async def put_warehouse(call: Call) -> AnyAnswer:
    """How a warehouse is."""
    body: s.WarehousePut = call.body
    distances = {str(region): far for region, far in (body.distances or {}).items()}
    for region in distances:
        check_id(region, "distances")
    one = Warehouse(call.path["code"], body.priority, distances, body.open)
    await do(call, lambda f: f.warehouses.put(one))
    return standing(one.code, "open" if one.is_open else "closed")


async def count_warehouse(call: Call) -> AnyAnswer:
    """What a warehouse has."""
    body: s.WarehouseCounted = call.body
    found = await do(call, lambda f: f.warehouses.count(call.path["code"], body.skus))
    return json_answer(s.Listed([shelf._asdict() for shelf in found]))


async def warehouses(call: Call) -> AnyAnswer:
    """Every warehouse."""
    return await rows(call, lambda f, _: f.warehouses.listed())


async def warehouse_stock(call: Call) -> AnyAnswer:
    """What warehouses have of each SKU beside what the desk has."""
    return await rows(call, lambda f, _: f.warehouses.compared())


async def set_sourcing(call: Call) -> AnyAnswer:
    """The rule by which parcels get their warehouse."""
    body: s.SourcingRule = call.body
    await do(call, lambda f: f.warehouses.set_rule(body.rule))
    return standing("sourcing", body.rule)


# -- returns ---------------------------------------------------------------------------------------


async def record_return(call: Call) -> AnyAnswer:
    """Units came back."""
    body: s.GoodsBack = call.body
    require_channel(call, body.channel, ORDERS_WRITE)
    check_id(body.order, "order")
    told = Back(body.id, b"", body.channel, body.order, body.gift, body.line, body.quantity, 0, 0,
                body.warehouse, "", "", 0)  # fmt: skip
    found = await do(call, lambda f: f.returns.arrive(told))
    return standing(found.id, found.state)


async def inspect_return(call: Call) -> AnyAnswer:
    """What somebody found."""
    body: s.Inspected = call.body
    found = await do(
        call, lambda f: f.returns.inspect(call.path["code"], body.id, body.good, body.defective)
    )
    return standing(found.id, found.state, found.reason)


async def returns(call: Call) -> AnyAnswer:
    """Returns by state."""
    return await rows(call, lambda f, state: f.returns.listed(state, ROWS_MAX))


async def reconciled_returns(call: Call) -> AnyAnswer:
    """What was inspected beside what the desk took back."""
    found = await do(call, lambda f: f.returns.reconciled())
    return json_answer(s.Listed([
        row._asdict() | dict(zip(("good_elsewhere", "defective_elsewhere"), row.elsewhere,
                                 strict=True))
        for row in found
    ]))  # fmt: skip


async def dispose_defective(call: Call) -> AnyAnswer:
    """Defective units leave their place."""
    body: s.DefectiveDisposed = call.body
    actor = call.principal.person_token
    found = await do(
        call,
        lambda f: f.returns.dispose(
            body.id, body.sku, body.quantity, body.outcome, body.pool, actor
        ),
    )
    return standing(found.id, found.state, found.reason)


def _parcel(
    verb: str, summary: str, handler: Handler, scope: str = ORDERS_WRITE, body: type = Nothing
) -> Route:
    return Route(
        "POST", f"{SHOP}/parcels/{{code}}/{verb}", f"{verb}_parcel", summary, handler, scope,
        body=body, answer=s.Standing,
    )  # fmt: skip


ROUTES = (
    Route(
        "POST", f"{SHOP}/parcels", "plan_parcel", "Plan a parcel", plan_parcel, ORDERS_WRITE,
        body=s.ParcelPlanned, answer=s.Standing, channel_in="request",
        description="Several orders of one recipient, or a part of one order; never more of a "
        "line than is open and in no other parcel.",
    ),
    Route("GET", f"{SHOP}/parcels/{{code}}", "get_parcel", "One parcel", parcel, ORDERS_READ),
    listing("parcels", "list_parcels", "Parcels", parcels, ORDERS_READ),
    _parcel("release", "Release a parcel's orders and find its warehouse", release_parcel,
            RELEASE_WRITE),
    _parcel("ship", "A parcel has left", ship_parcel),
    _parcel("cancel", "Give a parcel up", cancel_parcel),
    _parcel("refuse", "A warehouse will not send a parcel", refuse_parcel, body=s.ParcelRefused),
    Route(
        "PUT", f"{SHOP}/warehouses/{{code}}", "put_warehouse", "Add or change a warehouse",
        put_warehouse, STOCK_WRITE, body=s.WarehousePut, answer=s.Standing,
    ),
    Route(
        "POST", f"{SHOP}/warehouses/{{code}}/counts", "count_warehouse",
        "Say what a warehouse has of SKUs", count_warehouse, STOCK_WRITE, body=s.WarehouseCounted,
        answer=s.Listed,
    ),
    Route("GET", f"{SHOP}/warehouses", "list_warehouses", "Warehouses", warehouses, STOCK_READ,
          answer=s.Listed),
    Route("GET", f"{SHOP}/warehouse-stock", "compare_warehouses",
          "What warehouses have together, what the desk has, and the difference", warehouse_stock,
          STOCK_READ, answer=s.Listed),
    Route("PUT", f"{SHOP}/sourcing", "set_sourcing", "By which rule parcels get a warehouse",
          set_sourcing, RULES_WRITE, body=s.SourcingRule, answer=s.Standing),
    Route(
        "POST", f"{SHOP}/returns", "record_return", "Units came back, not inspected",
        record_return, ORDERS_WRITE, body=s.GoodsBack, answer=s.Standing, channel_in="request",
        description="Nothing is for sale again before it was inspected.",
    ),
    Route(
        "POST", f"{SHOP}/returns/{{code}}/inspections", "inspect_return",
        "Say what was found good and what defective", inspect_return, STOCK_WRITE,
        body=s.Inspected, answer=s.Standing,
    ),
    listing("returns", "list_returns", "Returns", returns, ORDERS_READ),
    Route("GET", f"{SHOP}/returned-stock", "reconcile_returns",
          "Inspected units beside what the desk took back", reconciled_returns, STOCK_READ,
          answer=s.Listed),
    Route(
        "POST", f"{SHOP}/defective/disposals", "dispose_defective",
        "Defective units are scrapped, sent back or repaired", dispose_defective, STOCK_WRITE,
        body=s.DefectiveDisposed, answer=s.Standing,
    ),
)  # fmt: skip
