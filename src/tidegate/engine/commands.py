"""Judging an operator's command: from codes to a fact, or to the reason why not.

`judge_command` changes nothing. Who may ask is checked at the edges; that two different people
stand behind an exception is checked here as well, by their tokens.
"""

from collections.abc import Callable
from typing import Any

from tidegate.domain.reasons import Reason
from tidegate.engine import layout as lo
from tidegate.engine.catalogue import Catalogue, Place, place_key, plan_of
from tidegate.engine.command_context import (
    STOCK_MAX,
    Context,
    Refused,
    bound,
    code_ok,
    known,
    numbered,
)
from tidegate.engine.promotion_commands import (
    next_version,
    publish_promotion,
    put_promotion,
    withdraw_promotion,
)
from tidegate.engine.stock_commands import (
    adjust_stock,
    count_stock,
    finish_recall,
    move_stock,
    receive_stock,
    start_recall,
)
from tidegate.record import facts as f
from tidegate.record.lines import KEY_KINDS, MONEY_FEN_MAX, QUANTITY_MAX

KIND_NAMES = ("own", "marketplace")
FLAG_BITS = {"paused": lo.PAUSED, "alarm": lo.ALARM, "incident": lo.INCIDENT}
EXEMPTABLE = (
    Reason.SHOP_PAUSED, Reason.PROMOTION_PAUSED, Reason.SKU_PAUSED, Reason.ORDER_TOO_LARGE,
    Reason.QUANTITY_BELOW_MINIMUM, Reason.LIMIT_EXCEEDED, Reason.BUDGET_EXHAUSTED,
)  # fmt: skip


def put_sku(ctx: Context, c: f.PutSku) -> f.Fact:
    """A SKU's fact. Parts must exist, not be bundles themselves, and not the SKU itself."""
    number = numbered(ctx.catalogue.skus, c.code, 0, len(ctx.state.skus) - 1)
    parts = []
    for code, each in c.parts.items():
        part = ctx.sku(code)
        if part == number or ctx.catalogue.parts.get(part):
            raise Refused(Reason.OUT_OF_BOUNDS)
        parts.append((part, bound(each, 1, 10_000)))
    bound(len(parts), 0, lo.PARTS_MAX)
    cells = ctx.state.cells[:, number]
    if parts and any(cells[name].any() for name in ("on_hand", "pre_held", "committed", "debt")):
        raise Refused(Reason.OUT_OF_BOUNDS)  # it has stock of its own, which a bundle cannot have
    if any(number == p for parts_ in ctx.catalogue.parts.values() for p, _ in parts_) and parts:
        raise Refused(Reason.OUT_OF_BOUNDS)
    return f.SkuPut(
        number=number,
        code=c.code,
        list_price_fen=bound(c.list_price_fen, 0, MONEY_FEN_MAX),
        cost_floor_fen=-1
        if c.cost_floor_fen is None
        else bound(c.cost_floor_fen, 0, MONEY_FEN_MAX),
        red_line_fen=bound(c.red_line_fen, 0, MONEY_FEN_MAX),
        quantity_max=bound(c.quantity_max, 0, QUANTITY_MAX),
        quantity_min=bound(c.quantity_min, 0, QUANTITY_MAX),
        safety_stock=bound(c.safety_stock, 0, QUANTITY_MAX),
        pricing_version=price_version(ctx, number, c),
        parts=parts,
    )


def price_version(ctx: Context, number: int, c: f.PutSku) -> int:
    """A changed price or floor makes older quotes stale; anything else leaves them as they are."""
    row = ctx.state.skus[number]
    cost = -1 if c.cost_floor_fen is None else c.cost_floor_fen
    same = (
        row["known"] == 1
        and row["list_price_fen"] == c.list_price_fen
        and row["cost_floor_fen"] == cost
        and row["red_line_fen"] == c.red_line_fen
    )
    return int(row["pricing_version"]) if same else next_version(ctx)


def put_pool(ctx: Context, c: f.PutPool) -> f.Fact:
    """A pool's fact."""
    number = numbered(ctx.catalogue.pools, c.code, 0, lo.POOLS_MAX - 1)
    return f.CodePut("pool", number, c.code)


def put_channel(ctx: Context, c: f.PutChannel) -> f.Fact:
    """A channel's fact."""
    if c.kind not in KIND_NAMES:
        raise Refused(Reason.OUT_OF_BOUNDS)
    number = numbered(ctx.catalogue.channels, c.code, 0, 254)
    return f.CodePut("channel", number, c.code, pool=ctx.pool(c.pool), kind=c.kind)


Plans = list[tuple[str, int, list[int]]]


def moved_plans(ctx: Context, number: int, place: Place | None) -> Plans:
    """The plans that change when a rule comes to hang on `place` (None = nowhere), each bounded."""
    cat = ctx.catalogue
    changed: dict[str, list[int]] = {}
    places = []
    old = cat.rule_places.get(number)
    if old is not None:
        changed[place_key(old)] = [r for r in cat.rules_on.get(place_key(old), []) if r != number]
        places.append(old)
    if place is not None:
        key = place_key(place)
        changed[key] = sorted({*changed.get(key, cat.rules_on.get(key, [])), number})
        places.append(place)
    reached: set[Place] = set()
    for scope, target in places:
        if scope == "group":
            reached.update(("sku", sku) for sku in cat.group_skus.get(target, []))
        else:
            reached.add((scope, target))
    return bounded_plans(cat, sorted(reached), changed, {})


def bounded_plans(
    cat: Catalogue, places: list[Place], changed: dict[str, list[int]], groups: dict[int, list[int]]
) -> Plans:
    """The plan of each place; more rules than a plan may have are out of bounds."""
    plans = []
    for place in places:
        rules = plan_of(cat, place, changed, groups)
        bound(len(rules), 0, lo.PLAN_MAX)
        plans.append((place[0], place[1], rules))
    return plans


def put_group(ctx: Context, c: f.PutGroup) -> f.Fact:
    """A group's fact, with the plans of the SKUs that came or went."""
    cat = ctx.catalogue
    number = numbered(cat.groups, c.code, 1, 0xFFFF)
    skus = sorted({ctx.sku(code) for code in c.skus})
    touched = sorted(set(skus) ^ set(cat.group_skus.get(number, [])))
    groups = {sku: sorted(set(cat.sku_groups.get(sku, [])) ^ {number}) for sku in touched}
    return f.GroupPut(
        number, c.code, skus, bounded_plans(cat, [("sku", sku) for sku in touched], {}, groups)
    )


def scope_target(ctx: Context, scope: str, target: str) -> int:
    """The number of what a rule hangs on."""
    tables = {
        "sku": ctx.catalogue.skus, "group": ctx.catalogue.groups,
        "promotion": ctx.catalogue.promotions, "channel": ctx.catalogue.channels,
        "exception": ctx.catalogue.exceptions,
    }  # fmt: skip
    if scope == "shop":
        return 0
    if scope not in tables:
        raise Refused(Reason.OUT_OF_BOUNDS)
    return known(tables[scope], target)


def put_rule(ctx: Context, c: f.PutRule) -> f.Fact:
    """A rule's fact: per-key limits over days or longer, a budget over any window, or both."""
    if c.basis not in lo.BASIS_NAMES or c.window not in lo.WINDOW_NAMES:
        raise Refused(Reason.OUT_OF_BOUNDS)
    limits = [-1] * len(KEY_KINDS)
    for kind, limit in c.limits.items():
        if kind not in KEY_KINDS or lo.WINDOW_NAMES.index(c.window) >= lo.MINUTE:
            raise Refused(Reason.OUT_OF_BOUNDS)
        limits[KEY_KINDS.index(kind)] = bound(limit, 0, MONEY_FEN_MAX)
    if not c.limits and c.budget is None:
        raise Refused(Reason.OUT_OF_BOUNDS)
    number = numbered(ctx.catalogue.rules, c.code, 1, len(ctx.state.rules) - 1)
    target = scope_target(ctx, c.scope, c.target)
    basis, window = lo.BASIS_NAMES.index(c.basis), lo.WINDOW_NAMES.index(c.window)
    row = ctx.state.rules[number]
    if c.code in ctx.catalogue.rules and (row["basis"] != basis or row["window"] != window):
        raise Refused(Reason.OUT_OF_BOUNDS)  # what was counted would change its meaning
    budget = -1 if c.budget is None else bound(c.budget, 0, 1 << 50)
    return f.RulePut(
        number,
        c.code,
        c.scope,
        target,
        basis,
        window,
        limits,
        budget,
        True,
        moved_plans(ctx, number, (c.scope, target)),
    )


def drop_rule(ctx: Context, c: f.DropRule) -> f.Fact:
    """A rule's fact, switched off."""
    number = known(ctx.catalogue.rules, c.code)
    row = ctx.state.rules[number]
    scope, target = ctx.catalogue.rule_places.get(number, ("shop", 0))
    limits = [int(row[f"limit{kind}"]) for kind in range(4)]
    return f.RulePut(
        number,
        c.code,
        scope,
        target,
        int(row["basis"]),
        int(row["window"]),
        limits,
        int(row["budget"]),
        False,
        moved_plans(ctx, number, None),
    )


def set_flag(ctx: Context, c: f.SetFlag) -> f.Fact:
    """Pause, alarm or incident on the shop, a SKU or a promotion."""
    if c.flag not in FLAG_BITS or c.scope not in ("shop", "sku", "promotion"):
        raise Refused(Reason.OUT_OF_BOUNDS)
    number = scope_target(ctx, c.scope, c.target)
    if c.scope == "shop":
        flags = int(ctx.state.scalars[lo.SHOP_FLAGS])
    else:
        table = ctx.state.skus if c.scope == "sku" else ctx.state.promotions
        flags = int(table[number]["flags"])
    bit = FLAG_BITS[c.flag]
    moves = c.flag == "paused" and c.scope == "promotion" and c.target in ctx.catalogue.published
    return f.FlagSet(
        c.scope,
        number,
        flags | bit if c.on else flags & ~bit,
        c.note[:200],
        next_version(ctx) if moves else 0,
    )


def approve_exception(ctx: Context, c: f.ApproveException) -> f.Fact:
    """An exception needs two different people, SKUs, units and an end within 30 days."""
    if ctx.actor == 0 or ctx.approver == 0 or ctx.actor == ctx.approver:
        raise Refused(Reason.APPROVAL_MISSING)
    number = numbered(ctx.catalogue.exceptions, c.code, 1, 0xFFFE)
    if c.code in ctx.catalogue.exceptions:
        raise Refused(Reason.OUT_OF_BOUNDS)  # an approval is never widened: approve a new one
    exempted = 0
    by_name = {reason.name.lower(): reason for reason in EXEMPTABLE}
    for name in c.exempt:
        if name not in by_name:
            raise Refused(Reason.OUT_OF_BOUNDS)
        exempted |= 1 << by_name[name]
    bound(len(c.skus), 1, 10_000)
    return f.ExceptionPut(
        number,
        c.code,
        sorted({ctx.sku(code) for code in c.skus}),
        bound(c.floor_fen, 0, MONEY_FEN_MAX),
        bound(c.units, 1, STOCK_MAX),
        bound(c.expires_ms, ctx.now_ms + 1, ctx.now_ms + 30 * 86_400_000),
        exempted,
        True,
        c.note[:200],
    )


def end_exception(ctx: Context, c: f.EndException) -> f.Fact:
    """An exception's fact, ended."""
    number = known(ctx.catalogue.exceptions, c.code)
    return f.ExceptionPut(number, c.code, [], 0, 0, 0, 0, False)


POLICY_BOUNDS = {
    "hold_ttl_s": (lo.HOLD_TTL_S, 10, 7 * 86_400),
    "hold_ttl_max_s": (lo.HOLD_TTL_MAX_S, 10, 30 * 86_400),
    "hold_cap": (lo.HOLD_CAP, 0, 1_000_000),
    "late_payment_s": (lo.LATE_PAYMENT_S, 0, 7 * 86_400),
    "quantity_max_order": (lo.QUANTITY_MAX_ORDER, 1, 64 * QUANTITY_MAX),
    "pricing_version": (lo.PRICING_VERSION, 1, (1 << 32) - 1),
}


def set_policy(ctx: Context, c: f.SetPolicy) -> f.Fact:
    """The settings that were named, checked."""
    values = {}
    for name, (_, low, high) in POLICY_BOUNDS.items():
        value = getattr(c, name)
        if value is not None:
            values[name] = bound(value, low, high)
    zone = ctx.catalogue.zone if c.zone is None else code_ok(c.zone)
    if c.pricing_version is not None:
        bound(c.pricing_version, int(ctx.state.scalars[lo.PRICING_VERSION]), (1 << 32) - 1)
    return f.PolicySet(values, zone)


def confirm_clock(ctx: Context, c: f.ConfirmClock) -> f.Fact:
    """A named person confirms the time."""
    if ctx.actor == 0:
        raise Refused(Reason.APPROVAL_MISSING)
    return f.ClockConfirmed(c.note[:200])


JUDGES: dict[type[f.Command], Callable[[Context, Any], f.Fact]] = {
    f.PutSku: put_sku, f.PutPool: put_pool, f.PutChannel: put_channel,
    f.PutPromotion: put_promotion, f.PublishPromotion: publish_promotion,
    f.WithdrawPromotion: withdraw_promotion, f.PutGroup: put_group, f.PutRule: put_rule,
    f.DropRule: drop_rule, f.ReceiveStock: receive_stock, f.AdjustStock: adjust_stock,
    f.CountStock: count_stock, f.MoveStock: move_stock, f.StartRecall: start_recall,
    f.FinishRecall: finish_recall, f.SetFlag: set_flag,
    f.ApproveException: approve_exception, f.EndException: end_exception,
    f.SetPolicy: set_policy, f.ConfirmClock: confirm_clock,
}  # fmt: skip


def bound_lists(ctx: Context, fact: f.Fact) -> None:
    """Plans and lists are only ever added to (old orders need them): there must be room."""
    s = ctx.state
    plans = {tuple(rules) for _, _, rules in getattr(fact, "plans", [])}
    bound(int(s.scalars[lo.PLAN_TOP]) + sum(map(len, plans)), 0, len(s.plans))
    words = 0
    if isinstance(fact, f.SkuPut):
        words = 1 + 2 * len(fact.parts)
    elif isinstance(fact, f.ExceptionPut):
        words = 1 + len(fact.skus)
    bound(int(s.scalars[lo.RECIPE_TOP]) + words, 0, len(s.recipes))


def judge_command(ctx: Context, command: f.Command) -> tuple[Reason, f.Fact | None]:
    """The verdict on a command and, when it is accepted, the fact it becomes."""
    try:
        fact = JUDGES[type(command)](ctx, command)
        bound_lists(ctx, fact)
    except Refused as refused:
        return refused.reason, None
    return Reason.ACCEPTED, fact
