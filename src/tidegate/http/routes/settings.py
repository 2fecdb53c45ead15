"""What may be put may be read: SKUs, stock, rules, pools, channels, promotions, groups, settings.

A list comes in pages, in the order in which its codes were first put. Every answer is a glance.
"""

from msgspec import defstruct

from tidegate.access.roles import CATALOGUE_READ, STOCK_READ
from tidegate.http import shown
from tidegate.http.calls import AnyAnswer, Call, Handler, Route, json_answer

_SHOP = "/v1/shops/{shop}"
_PAGE = {
    "after": "Go on behind this code",
    "limit": f"How many, at most {shown.PAGE_MAX:,}; {shown.PAGE} where it is left out",
}


async def get_policy(call: Call) -> AnyAnswer:
    """The shop's settings."""
    return json_answer(shown.policy(call.shop.desk))


async def get_stock(call: Call) -> AnyAnswer:
    """A SKU's units in every pool."""
    return json_answer(shown.one_of(call.shop.desk, "skus", call.path["code"], shown.stock))


def _routes(
    table: str, name: str, words: str, read: shown.Reader[object], kind: type
) -> tuple[Route, Route]:
    """The list of a table, and one of it."""

    async def some(call: Call) -> AnyAnswer:
        return json_answer(shown.page_of(call.shop.desk, table, call.query, read))

    async def one(call: Call) -> AnyAnswer:
        return json_answer(shown.one_of(call.shop.desk, table, call.path["code"], read))

    page = defstruct(f"{kind.__name__}Page", [("items", list[kind]), ("next", str)])  # type: ignore[valid-type]
    return (
        _get(table, f"list_{table}", f"List {words}", some, page, query=_PAGE),
        _get(f"{table}/{{code}}", f"get_{name}", f"One of the {words}", one, kind),
    )


def _get(
    path: str, name: str, summary: str, handler: Handler, answer: type, *,
    scope: str = CATALOGUE_READ, query: dict[str, str] | None = None,
) -> Route:  # fmt: skip
    return Route(
        "GET", f"{_SHOP}/{path}", name, summary, handler, scope, answer=answer, query=query or {}
    )


ROUTES = (
    *_routes("skus", "sku", "SKUs", shown.sku, shown.SkuShown),
    *_routes("rules", "rule", "limits, budgets and rates", shown.rule, shown.RuleShown),
    *_routes("pools", "pool", "pools of stock", shown.pool, shown.PoolShown),
    *_routes("channels", "channel", "channels", shown.channel, shown.ChannelShown),
    *_routes("promotions", "promotion", "promotions", shown.promotion, shown.PromotionShown),
    *_routes("groups", "group", "groups of SKUs", shown.group, shown.GroupShown),
    *_routes("exceptions", "exception", "exceptions", shown.exception, shown.ExceptionShown),
    _get("policy", "get_policy", "The shop's settings", get_policy, shown.PolicyShown),
    _get(
        "skus/{code}/stock", "get_stock", "A SKU's units in every pool", get_stock,
        shown.StockShown, scope=STOCK_READ,
    ),
)  # fmt: skip
