"""`tidegate watch limits`: hard limits as they stand and as they are worth having, or set.

Always by commands that anybody could give, with a person's key. Never loosens what stands.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tidegate.cli._client import WrongUsage, new_id
from tidegate.cli._command import Caller, shop_call
from tidegate.cli._fields import yuan
from tidegate.cli._store import DEFAULT_STORE, Store

if TYPE_CHECKING:
    from tidegate.watch.limits import Limit, Plan
    from tidegate.watch.usual import UsualShop

PAGE = 1_000
BASES = {"rate": ("orders", "second"), "loss": ("discount", "day")}
WORDS = {
    "collar": "lowest price 价格下限", "order": "largest order 单笔上限",
    "rate": "orders a second 每秒订单", "loss": "loss a day 每日让利上限",
}  # fmt: skip
SHOWN_MAX = 40


@shop_call
def limits(
    caller: Caller,
    set_: Annotated[bool, typer.Option("--set", help="set what is tighter than it stands")] = False,
    only: Annotated[
        list[str] | None, typer.Option(help="collar, order, rate or loss; repeatable")
    ] = None,
    collar: Annotated[float, typer.Option(min=0.0, max=1.0, help="of the list price")] = 0.4,
    loss: Annotated[float, typer.Option(min=0.0, max=1.0, help="of a day at list price")] = 0.5,
    store: Store = DEFAULT_STORE,
) -> None:
    """Show the hard limits 硬性限额, or set them. They hold whether anybody watches or not.

    With the store at hand they follow what is usual in the shop; without, its list prices.
    """
    from tidegate.watch.limits import KINDS, Shares, propose
    from tidegate.watch.usual import NOTHING

    if unknown := sorted(set(only or ()) - set(KINDS)):
        raise WrongUsage(f"--only {unknown[0]}: there are {', '.join(KINDS)}")
    usual = usual_in(store, caller.shop)
    found = [
        limit
        for limit in propose(
            list(skus_of(caller)), [row["code"] for row in pages(caller, "promotions")],
            caller.get(caller.path("policy"))["quantity_max_order"], budgets_of(caller), usual,
            plans_of(caller), Shares(collar, loss),
        )
        if not only or limit.kind in only
    ]  # fmt: skip
    news = [limit for limit in found if limit.is_news]
    if set_:
        set_limits(caller, news)
    document = {
        "limits": [{**limit._asdict(), "is_set": set_ and limit.is_news} for limit in found],
        "history": usual is not NOTHING,
    }
    caller.show(document, "\n".join(lines_of(found, is_set=set_, blind=usual is NOTHING)))


def usual_in(store: Path, shop: str) -> "UsualShop":
    """What is usual, where the store is on this machine."""
    from tidegate import bootstrap
    from tidegate.watch.usual import NOTHING, usual_shop

    try:
        folder = bootstrap.existing_store(store).shop(shop).folder
    except bootstrap.NoSuchStore:
        return NOTHING
    return usual_shop(folder / "watch.state")


def skus_of(caller: Caller) -> Iterator[Any]:
    """Every SKU as it is set."""
    from tidegate.watch.limits import SkuNow

    for row in pages(caller, "skus"):
        yield SkuNow(row["code"], row["list_price_fen"], row["red_line_fen"], row["quantity_max"])


def pages(caller: Caller, table: str) -> Iterator[dict[str, Any]]:
    """A whole list."""
    after = ""
    while True:
        query = f"?limit={PAGE}" + (f"&after={after}" if after else "")
        page = caller.get(caller.path(table) + query)
        yield from page["items"]
        if not page["next"]:
            return
        after = page["next"]


def budgets_of(caller: Caller) -> dict[str, int]:
    """Budgets of the rules that are on."""
    return {
        row["code"]: row["budget"]
        for row in pages(caller, "rules")
        if row["on"] and row["budget"] is not None
    }


def plans_of(caller: Caller) -> "dict[str, Plan]":
    """What is announced, by code; what is announced of everything stands under ""."""
    from tidegate.watch.limits import Plan

    plans: dict[str, Plan] = {}
    for one in caller.get(caller.path("calendar"))["announced"]:
        code = one["subject"]
        before = plans.get(code, Plan())
        plans[code] = Plan(
            min(before.price, one["price"]),
            max(before.orders_per_h, one["orders_per_h"]),
            max(before.fen_per_h, one["plan_fen_per_h"]),
        )
    return plans


def set_limits(caller: Caller, news: "list[Limit]") -> None:
    """Give the commands; a SKU's two in one. Raises Refused with the first that is refused."""
    from tidegate.cli._progress import progress_bar

    of_skus: dict[str, dict[str, int]] = {}
    fields = {"collar": "red_line_fen", "order": "quantity_max"}
    jobs: list[Callable[[], None]] = []
    for limit in news:
        if limit.kind in fields and limit.scope == "sku":
            of_skus.setdefault(limit.target, {})[fields[limit.kind]] = limit.wanted
        elif limit.kind == "order":
            jobs.append(lambda limit=limit: put_policy(caller, limit))  # type: ignore[misc]
        else:
            jobs.append(lambda limit=limit: put_rule(caller, limit))  # type: ignore[misc]
    for code, changes in of_skus.items():
        jobs.append(lambda code=code, changes=changes: put_sku(caller, code, changes))  # type: ignore[misc]
    with progress_bar("limits", shown=not caller.as_json) as progress:
        for done, job in enumerate(jobs, 1):
            job()
            progress(done, len(jobs))


def put_sku(caller: Caller, code: str, changes: dict[str, int]) -> None:
    """A SKU as it is, but for its collar or its largest order."""
    row = caller.get(caller.path("skus", code))
    kept = ("list_price_fen", "cost_floor_fen", "red_line_fen", "quantity_max", "quantity_min",
            "safety_stock", "parts")  # fmt: skip
    body = {name: row[name] for name in kept} | changes
    caller.send("PUT", caller.path("skus", code), {"id": new_id(), **body})


def put_policy(caller: Caller, limit: "Limit") -> None:
    """The largest order of the shop."""
    body = {"id": new_id(), "quantity_max_order": limit.wanted}
    caller.send("PUT", caller.path("policy"), body)


def put_rule(caller: Caller, limit: "Limit") -> None:
    """A rate or a loss budget."""
    from tidegate.watch.limits import rule_code

    basis, window = BASES[limit.kind]
    body = {
        "id": new_id(), "scope": limit.scope, "target": limit.target, "basis": basis,
        "window": window, "budget": limit.wanted,
    }  # fmt: skip
    caller.send("PUT", caller.path("rules", rule_code(limit)), body)


def lines_of(found: "list[Limit]", *, is_set: bool, blind: bool) -> Iterator[str]:
    """What stands and what is worth having, a line each; the first SHOWN_MAX."""
    for limit in found[:SHOWN_MAX]:
        target = f"{limit.scope} {limit.target}".rstrip()
        now, wanted = shown(limit, limit.now), shown(limit, limit.wanted)
        if not limit.is_news:
            words = f"{now} stands 已设"
        elif is_set:
            words = f"{wanted} set 已设置 (before: {now})"
        else:
            words = f"{now}, {wanted} would be worth having 建议 ({limit.why})"
        yield f"{target}: {WORDS[limit.kind]} {words}"
    if len(found) > SHOWN_MAX:
        yield f"... and {len(found) - SHOWN_MAX:,} more: --json"
    news = sum(limit.is_news for limit in found)
    if not is_set and news:
        yield f"{news:,} of {len(found):,} are not set: `tidegate watch limits --set`"
    if blind:
        yield "without the watch's memory at hand: from list prices alone 无历史，仅按原价"


def shown(limit: "Limit", value: int | None) -> str:
    """A value as people read it."""
    if value is None or (limit.kind == "collar" and value == 0):
        return "none 无"
    return yuan(value) if limit.kind in {"collar", "loss"} else f"{value:,}"
