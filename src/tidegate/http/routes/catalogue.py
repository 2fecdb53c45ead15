"""What a shop sells and by which rules: SKUs with their floors, groups, rules, pools, promotions.

A PUT says how something is from now on; what was decided before stays as it was.
"""

from tidegate.access.roles import CATALOGUE_WRITE, RULES_WRITE
from tidegate.http import schemas as s
from tidegate.http.calls import AnyAnswer, Call, Route
from tidegate.http.commands import give
from tidegate.record import facts as f


async def put_sku(call: Call) -> AnyAnswer:
    """A SKU with its floors and bounds."""
    body: s.Sku = call.body
    return await give(
        call,
        f.PutSku(
            code=call.path["code"],
            list_price_fen=body.list_price_fen,
            cost_floor_fen=body.cost_floor_fen,
            red_line_fen=body.red_line_fen,
            quantity_max=body.quantity_max,
            quantity_min=body.quantity_min,
            safety_stock=body.safety_stock,
            parts=body.parts,
        ),
    )


async def put_pool(call: Call) -> AnyAnswer:
    """A pool of stock."""
    return await give(call, f.PutPool(code=call.path["code"]))


async def put_channel(call: Call) -> AnyAnswer:
    """A channel."""
    body: s.Channel = call.body
    return await give(call, f.PutChannel(code=call.path["code"], kind=body.kind, pool=body.pool))


async def put_promotion(call: Call) -> AnyAnswer:
    """A promotion, or a new price of it."""
    return await give(call, f.PutPromotion(code=call.path["code"]))


async def put_group(call: Call) -> AnyAnswer:
    """A group of SKUs."""
    body: s.Group = call.body
    return await give(call, f.PutGroup(code=call.path["code"], skus=body.skus))


async def put_rule(call: Call) -> AnyAnswer:
    """A purchase limit, budget or rate."""
    body: s.Rule = call.body
    return await give(
        call,
        f.PutRule(
            code=call.path["code"],
            scope=body.scope,
            target=body.target,
            basis=body.basis,
            window=body.window,
            limits={str(kind): limit for kind, limit in body.limits.items()},
            budget=body.budget,
        ),
    )


async def drop_rule(call: Call) -> AnyAnswer:
    """Switch a rule off."""
    return await give(call, f.DropRule(code=call.path["code"]))


_SHOP = "/v1/shops/{shop}"

ROUTES = (
    Route(
        "PUT", f"{_SHOP}/skus/{{code}}", "put_sku", "Add or change a SKU, its floors and bounds",
        put_sku, CATALOGUE_WRITE, body=s.Sku, answer=s.CommandDone,
    ),
    Route(
        "PUT", f"{_SHOP}/pools/{{code}}", "put_pool", "Add a pool of stock", put_pool,
        CATALOGUE_WRITE, body=s.Named, answer=s.CommandDone,
    ),
    Route(
        "PUT", f"{_SHOP}/channels/{{code}}", "put_channel", "Add or change a channel",
        put_channel, CATALOGUE_WRITE, body=s.Channel, answer=s.CommandDone,
    ),
    Route(
        "PUT", f"{_SHOP}/promotions/{{code}}", "put_promotion",
        "Add a promotion, or say that its price changed", put_promotion, CATALOGUE_WRITE,
        body=s.Named, answer=s.CommandDone,
    ),
    Route(
        "PUT", f"{_SHOP}/groups/{{code}}", "put_group", "Set the SKUs of a group", put_group,
        CATALOGUE_WRITE, body=s.Group, answer=s.CommandDone,
    ),
    Route(
        "PUT", f"{_SHOP}/rules/{{code}}", "put_rule", "Set a purchase limit, budget or rate",
        put_rule, RULES_WRITE, body=s.Rule, answer=s.CommandDone,
    ),
    Route(
        "POST", f"{_SHOP}/rules/{{code}}/drop", "drop_rule", "Switch a rule off", drop_rule,
        RULES_WRITE, body=s.WholeOrder, answer=s.CommandDone,
        description="What it has counted stays.",
    ),
)  # fmt: skip
