"""Folding a command's fact into the state and the catalogue. Never judges, never fails."""

from collections.abc import Callable
from typing import Any

from tidegate.engine import layout as lo
from tidegate.engine.catalogue import Catalogue, place_key
from tidegate.engine.commands import POLICY_BOUNDS
from tidegate.engine.layout import State
from tidegate.record import facts as f


def write_plan(s: State, rules: list[int]) -> tuple[int, int]:
    """Append a plan; where it begins and how long it is. Plans are never changed in place."""
    start = int(s.scalars[lo.PLAN_TOP])
    s.plans[start : start + len(rules)] = rules
    s.scalars[lo.PLAN_TOP] = start + len(rules)
    return start, len(rules)


def write_recipe(s: State, numbers: list[int], count: int) -> int:
    """Append a counted list of numbers; where it begins. An empty one is 0."""
    if not numbers:
        return 0
    start = int(s.scalars[lo.RECIPE_TOP])
    s.recipes[start] = count
    s.recipes[start + 1 : start + 1 + len(numbers)] = numbers
    s.scalars[lo.RECIPE_TOP] = start + 1 + len(numbers)
    return start


def apply_plans(s: State, plans: list[tuple[str, int, list[int]]]) -> None:
    """Put plans where they are looked up. Rows of one plan share one list."""
    written: dict[tuple[int, ...], tuple[int, int]] = {}
    for scope, number, rules in plans:
        key = tuple(rules)
        if key not in written:
            written[key] = write_plan(s, rules)
        start, count = written[key]
        if scope == "shop":
            s.scalars[lo.SHOP_PLAN_START], s.scalars[lo.SHOP_PLAN_COUNT] = start, count
            continue
        tables = {
            "sku": s.skus, "promotion": s.promotions, "channel": s.channels,
            "exception": s.exceptions,
        }  # fmt: skip
        row = tables[scope][number]
        row["plan_start"], row["plan_count"] = start, count


def note_version(s: State, version: int) -> None:
    """The shop's pricing version is the highest that any SKU or promotion has."""
    s.scalars[lo.PRICING_VERSION] = max(int(s.scalars[lo.PRICING_VERSION]), version)


def sku_put(s: State, cat: Catalogue, fact: f.SkuPut) -> None:
    """A SKU is added or changed."""
    if fact.code not in cat.skus:
        cat.skus[fact.code] = fact.number
        cat.sku_codes.append(fact.code)
    row = s.skus[fact.number]
    for name in (
        "list_price_fen", "cost_floor_fen", "red_line_fen", "quantity_max", "quantity_min",
        "safety_stock", "pricing_version",
    ):  # fmt: skip
        row[name] = getattr(fact, name)
    if [tuple(p) for p in fact.parts] != [tuple(p) for p in cat.parts.get(fact.number, [])]:
        flat = [n for part in fact.parts for n in part]
        row["recipe"] = write_recipe(s, flat, len(fact.parts))
        cat.parts[fact.number] = fact.parts
    row["known"] = 1
    note_version(s, fact.pricing_version)


def code_put(s: State, cat: Catalogue, fact: f.CodePut) -> None:
    """A pool, channel or promotion is added or changed."""
    if fact.scope == "pool":
        cat.pools[fact.code] = fact.number
    elif fact.scope == "channel":
        cat.channels[fact.code] = fact.number
        cat.channel_kinds[fact.code] = fact.kind
        s.channels[fact.number]["pool"] = fact.pool
        s.channels[fact.number]["known"] = 1
    else:
        cat.promotions[fact.code] = fact.number
        s.promotions[fact.number]["known"] = 1
        s.promotions[fact.number]["pricing_version"] = fact.pricing_version
        note_version(s, fact.pricing_version)


def promotion_published(s: State, cat: Catalogue, fact: f.PromotionPublished) -> None:
    """A promotion's document is in force, or gone. Every older quote is stale."""
    cat.promotions[fact.code] = fact.number
    cat.published.pop(fact.code, None)
    cat.published_exceptions.pop(fact.code, None)
    if fact.document:
        cat.published[fact.code] = fact.document
        if fact.exception:
            cat.published_exceptions[fact.code] = fact.exception
    s.promotions[fact.number]["known"] = 1
    prices_from(s, fact.pricing_version)


def prices_from(s: State, version: int) -> None:
    """Quotes from before this version are stale."""
    s.scalars[lo.PRICES_FROM] = version
    note_version(s, version)


def group_put(s: State, cat: Catalogue, fact: f.GroupPut) -> None:
    """A group's SKUs are set."""
    cat.groups[fact.code] = fact.number
    for sku in set(cat.group_skus.get(fact.number, [])) ^ set(fact.skus):
        cat.sku_groups[sku] = sorted(set(cat.sku_groups.get(sku, [])) ^ {fact.number})
    cat.sku_groups = {sku: cat.sku_groups[sku] for sku in sorted(cat.sku_groups)}
    cat.group_skus[fact.number] = fact.skus
    apply_plans(s, fact.plans)


def rule_put(s: State, cat: Catalogue, fact: f.RulePut) -> None:
    """A rule is added, changed or switched off."""
    cat.rules[fact.code] = fact.number
    old = cat.rule_places.pop(fact.number, None)
    if old is not None:
        cat.rules_on[place_key(old)].remove(fact.number)
    if fact.known:
        cat.rule_places[fact.number] = (fact.scope, fact.target)
        on = cat.rules_on.setdefault(place_key((fact.scope, fact.target)), [])
        on.append(fact.number)
        on.sort()
    row = s.rules[fact.number]
    for kind in range(4):
        row[f"limit{kind}"] = fact.limits[kind]
    row["keyed"] = sum(1 << kind for kind in range(4) if fact.limits[kind] >= 0)
    row["budget"] = fact.budget
    row["basis"], row["window"], row["known"] = fact.basis, fact.window, int(fact.known)
    apply_plans(s, fact.plans)


def stock_changed(s: State, _: Catalogue, fact: f.StockChanged) -> None:
    """Physical stock or recalled units changed."""
    cell = s.cells[fact.pool, fact.sku]
    cell["on_hand"] = fact.on_hand
    cell["recalling"] = fact.recalling
    cell["received"] += fact.delta
    if fact.to_pool >= 0:
        other = s.cells[fact.to_pool, fact.sku]
        other["on_hand"] -= fact.delta
        other["received"] -= fact.delta


def flag_set(s: State, _: Catalogue, fact: f.FlagSet) -> None:
    """Flags of a shop, SKU or promotion are set; `PAUSES` counts those that pause something."""
    if fact.scope == "shop":
        before = int(s.scalars[lo.SHOP_FLAGS])
    else:
        before = int((s.skus if fact.scope == "sku" else s.promotions)[fact.number]["flags"])
    s.scalars[lo.PAUSES] += (fact.flags & lo.PAUSED) - (before & lo.PAUSED)
    if fact.pricing_version:
        prices_from(s, fact.pricing_version)
    if fact.scope == "shop":
        s.scalars[lo.SHOP_FLAGS] = fact.flags
    elif fact.scope == "sku":
        s.skus[fact.number]["flags"] = fact.flags
    else:
        s.promotions[fact.number]["flags"] = fact.flags


def exception_put(s: State, cat: Catalogue, fact: f.ExceptionPut) -> None:
    """An exception is approved or ended."""
    cat.exceptions[fact.code] = fact.number
    row = s.exceptions[fact.number]
    row["known"] = int(fact.known)
    if fact.known:
        row["floor_fen"], row["units_left"] = fact.floor_fen, fact.units
        row["expires_ms"], row["exempt"] = fact.expires_ms, fact.exempt
        row["skus_start"] = write_recipe(s, fact.skus, len(fact.skus))


def policy_set(s: State, cat: Catalogue, fact: f.PolicySet) -> None:
    """Settings changed."""
    for name, value in fact.values.items():
        s.scalars[POLICY_BOUNDS[name][0]] = value
    cat.zone = fact.zone


def clock_confirmed(_: State, __: Catalogue, ___: f.ClockConfirmed) -> None:
    """The confirmation itself is the record; the desk reads it."""


FOLDS: dict[type[f.Fact], Callable[[State, Catalogue, Any], None]] = {
    f.SkuPut: sku_put, f.CodePut: code_put, f.PromotionPublished: promotion_published,
    f.GroupPut: group_put, f.RulePut: rule_put,
    f.StockChanged: stock_changed, f.FlagSet: flag_set, f.ExceptionPut: exception_put,
    f.PolicySet: policy_set, f.ClockConfirmed: clock_confirmed,
}  # fmt: skip


def apply_fact(s: State, cat: Catalogue, fact: f.Fact) -> None:
    """Fold one fact."""
    FOLDS[type(fact)](s, cat, fact)
