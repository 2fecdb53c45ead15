"""Hard limits worth having, from list prices, what is planned and what is usual.

Always slots of the engine: a red line, the largest order, and rules, which hold whoever watches.
What stands already is never loosened. A loss is what an order pays below list price: the floor that
it would be measured against may be the very thing that is wrong. Never sets anything.
"""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tidegate.watch.usual import Usual, UsualShop

COLLAR, ORDER, RATE, LOSS = "collar", "order", "rate", "loss"
KINDS = (COLLAR, ORDER, RATE, LOSS)
SHOP, SKU, PROMOTION = "shop", "sku", "promotion"
CODE_CHARS = 48  # of a code: what is put around it must still fit

UNITS_MIN, UNITS_TIMES, UNITS_BLIND = 10, 20.0, 50  # of an order: at least, times usual, unknown
SHOP_UNITS_BLIND = 200
RATE_MIN, RATE_TIMES = 5, 100.0  # orders a second: at least, times the shop's usual
PLAN_TIMES = 10.0  # what is planned may be passed so many times within one second
DAY_UNITS_MIN, DAY_TIMES = 20.0, 3.0  # units a day that a loss may be made on


class SkuNow(NamedTuple):
    """A SKU as it is set."""

    code: str
    list_fen: int
    red_line_fen: int
    quantity_max: int


class Plan(NamedTuple):
    """What is announced of a promotion or SKU; zeros and ones = nothing."""

    price: float = 1.0
    orders_per_h: float = 0.0
    fen_per_h: float = 0.0


class Shares(NamedTuple):
    """What a person may choose: the collar and the loss, as shares."""

    collar: float = 0.4  # of the list price, or of the usual price where that is lower
    loss: float = 0.5  # of a day's turnover at list prices


class Limit(NamedTuple):
    """One limit: `now` is what stands (None = nothing), `wanted` what is worth having."""

    kind: str
    scope: str
    target: str
    now: int | None
    wanted: int
    why: str

    @property
    def is_news(self) -> bool:
        """Whether it is tighter than what stands. A collar is tight when it is high."""
        if self.now is None:
            return True
        return self.wanted > self.now if self.kind == COLLAR else self.wanted < self.now


def rule_code(limit: Limit) -> str:
    """What the rule of a rate or loss is called."""
    name = limit.target or "shop"
    return f"{name[:CODE_CHARS]}.watch-{limit.kind}-{limit.scope}"[:64]


def propose(
    skus: Sequence[SkuNow],
    promotions: Sequence[str],
    order_units_now: int,
    rules_now: dict[str, int],
    usual: UsualShop,
    plans: dict[str, Plan],
    shares: Shares,
) -> Iterator[Limit]:
    """Every limit worth having. `rules_now`: budgets by rule; `plans`: by code, "" = everything."""
    turnover_fen = 0.0
    for sku in skus:
        known = usual.skus.get(sku.code, Usual())
        units_a_day = max(DAY_UNITS_MIN, DAY_TIMES * known.units_a_day)
        turnover_fen += sku.list_fen * max(1.0, known.units_a_day)
        if sku.list_fen > 0:
            yield _collar(sku, known, plans, shares)
        yield _units(sku, known)
        if sku.list_fen > 0:
            budget_fen = shares.loss * sku.list_fen * units_a_day
            why = f"{shares.loss:.0%} of {units_a_day:,.0f} units a day at list price"
            yield _rule(LOSS, SKU, sku.code, budget_fen, rules_now, why)
    units = usual.units_limit or SHOP_UNITS_BLIND
    why = "no order of this shop should pass it" if usual.units_limit else "nothing known yet"
    yield Limit(ORDER, SHOP, "", order_units_now, max(units, UNITS_MIN), why)
    day_fen = shares.loss * DAY_TIMES * turnover_fen
    if day_fen > 0:
        why = f"{shares.loss:.0%} of {DAY_TIMES:g} usual days at list price"
        yield _rule(LOSS, SHOP, "", day_fen, rules_now, why)
    for code in promotions:
        yield from _of_promotion(code, usual, plans.get(code, Plan()), day_fen, rules_now)


def _of_promotion(
    code: str, usual: UsualShop, plan: Plan, shop_fen: float, rules_now: dict[str, int]
) -> Iterator[Limit]:
    per_s = RATE_TIMES * usual.orders_an_hour / 3600.0
    why = f"{RATE_TIMES:g} times the shop's usual, {RATE_MIN} at least"
    if plan.orders_per_h > 0:
        per_s = PLAN_TIMES * plan.orders_per_h / 3600.0
        why = f"{PLAN_TIMES:g} times what is announced"
    yield _rule(RATE, PROMOTION, code, max(RATE_MIN, math.ceil(per_s)), rules_now, why)
    budget_fen = shop_fen / 2.0
    why = "half of the shop's"
    if plan.fen_per_h > 0:
        budget_fen = 24.0 * plan.fen_per_h
        why = "a day of what is planned"
    if budget_fen > 0:
        yield _rule(LOSS, PROMOTION, code, budget_fen, rules_now, why)


def _collar(sku: SkuNow, known: Usual, plans: dict[str, Plan], shares: Shares) -> Limit:
    usual_fen = min(sku.list_fen, known.price_fen) if known.price_fen else float(sku.list_fen)
    wanted = shares.collar * usual_fen
    why = f"{shares.collar:.0%} of {'what is usual' if known.price_fen else 'the list price'}"
    planned = min(plans.get(sku.code, Plan()).price, plans.get("", Plan()).price)
    if planned * sku.list_fen < wanted:
        wanted, why = planned * sku.list_fen, "the lowest price that is announced"
    return Limit(COLLAR, SKU, sku.code, sku.red_line_fen, math.floor(wanted), why)


def _units(sku: SkuNow, known: Usual) -> Limit:
    wanted, why = UNITS_BLIND, "nothing known yet"
    if known.units_an_order:
        wanted = max(UNITS_MIN, math.ceil(UNITS_TIMES * known.units_an_order))
        why = f"{UNITS_TIMES:g} times {known.units_an_order:.1f} units"
    return Limit(ORDER, SKU, sku.code, sku.quantity_max or None, wanted, why)


def _rule(
    kind: str, scope: str, target: str, budget: float, rules_now: dict[str, int], why: str
) -> Limit:
    limit = Limit(kind, scope, target, None, max(1, round(budget)), why)
    return limit._replace(now=rules_now.get(rule_code(limit)))
