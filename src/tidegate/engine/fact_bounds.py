"""Whether a recorded fact can be this engine's: numbers inside the tables that they point into.

Only a fold asks. The journal's chain finds damage before; this keeps the kernel, which runs
without bounds checks, inside its arrays should a damaged fact get so far. Changes nothing.
"""

from tidegate.engine import layout as lo
from tidegate.engine.layout import State
from tidegate.record import facts as f
from tidegate.record.lines import KEY_KIND_COUNT

Plans = list[tuple[str, int, list[int]]]


def plans_fit(s: State, plans: Plans) -> bool:
    """Whether plans name rows and rules that there are, and there is room for them."""
    tables = {
        "shop": 1, "sku": len(s.skus), "promotion": len(s.promotions),
        "channel": len(s.channels), "exception": len(s.exceptions),
    }  # fmt: skip
    words = sum(len(rules) for _, _, rules in plans)
    return int(s.scalars[lo.PLAN_TOP]) + words <= len(s.plans) and all(
        0 <= number < tables.get(scope, 0)
        and len(rules) <= lo.PLAN_MAX
        and all(0 < rule < len(s.rules) for rule in rules)
        for scope, number, rules in plans
    )


def list_fits(s: State, words: int) -> bool:
    """Whether a list of so many numbers still fits."""
    return int(s.scalars[lo.RECIPE_TOP]) + 1 + words <= len(s.recipes)


def fact_fits(s: State, fact: f.Fact) -> bool:
    """Whether every number of a fact lies inside its table."""
    skus = range(len(s.skus))
    match fact:
        case f.SkuPut():
            return (
                fact.number in skus
                and len(fact.parts) <= lo.PARTS_MAX
                and all(part in skus and each > 0 for part, each in fact.parts)
                and list_fits(s, 2 * len(fact.parts))
            )
        case f.CodePut():
            most = {"pool": lo.POOLS_MAX, "channel": len(s.channels)}
            number_max = most.get(fact.scope, len(s.promotions))
            return 0 <= fact.number < number_max and 0 <= fact.pool < lo.POOLS_MAX
        case f.PromotionPublished():
            return 0 < fact.number < len(s.promotions) and 0 <= fact.exception < len(s.exceptions)
        case f.GroupPut():
            return all(sku in skus for sku in fact.skus) and plans_fit(s, fact.plans)
        case f.RulePut():
            return (
                0 < fact.number < len(s.rules)
                and len(fact.limits) == KEY_KIND_COUNT
                and 0 <= fact.basis < len(lo.BASIS_NAMES)
                and 0 <= fact.window < len(lo.WINDOW_NAMES)
                and plans_fit(s, fact.plans)
            )
        case f.StockChanged():
            pools = range(lo.POOLS_MAX)
            return fact.sku in skus and fact.pool in pools and fact.to_pool in (-1, *pools)
        case f.FlagSet():
            rows = {"shop": 1, "sku": len(s.skus), "promotion": len(s.promotions)}
            return 0 <= fact.number < rows.get(fact.scope, 0)
        case f.ExceptionPut():
            listed = all(sku in skus for sku in fact.skus) and list_fits(s, len(fact.skus))
            return 0 < fact.number < len(s.exceptions) and listed
    return True
