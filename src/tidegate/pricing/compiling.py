"""How a promotion becomes a rule: its place, its masks, and its constants.

Always the same rules for the same promotions, in whatever order they are given. Nothing here judges
a promotion: `tidegate.pricing.checks` has passed it before.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tidegate.pricing import unit_steps
from tidegate.pricing.effects import (
    BP,
    AddOn,
    AmountOff,
    BundlePrice,
    CheapestFree,
    Effect,
    FixedPrice,
    Gift,
    MemberPrice,
    NPieces,
    NthPiece,
    PercentOff,
)
from tidegate.pricing.promotion import LEVELS, Promotion
from tidegate.pricing.rounding import price_at, shares
from tidegate.pricing.rule import BASES, RUNNING, SUMS, UNITS, Lower, Rule
from tidegate.pricing.scopes import Scopes

PLANS: dict[type[Effect], Any] = {
    PercentOff: unit_steps.plan_each_unit,
    AmountOff: unit_steps.plan_each_unit,
    FixedPrice: unit_steps.plan_each_unit,
    MemberPrice: unit_steps.plan_each_unit,
    NPieces: unit_steps.plan_n_pieces,
    NthPiece: unit_steps.plan_groups,
    CheapestFree: unit_steps.plan_groups,
    BundlePrice: unit_steps.plan_bundle,
    AddOn: unit_steps.plan_add_on,
    Gift: unit_steps.plan_gift_by_pieces,
}

SINGLE_UNIT_KINDS = (PercentOff, AmountOff, FixedPrice, MemberPrice)


def phase_of(promotion: Promotion) -> int:
    """Units for what makes single units cheaper or takes them, sums for the rest."""
    if promotion.level != "item":
        return SUMS
    if isinstance(promotion.effect, Gift) and promotion.effect.pieces is None:
        return SUMS
    return UNITS if type(promotion.effect) in PLANS else SUMS


def order_key(promotion: Promotion) -> tuple[int, int, int, str]:
    """The order of evaluation: level, units before sums, priority, code."""
    level = LEVELS.index(promotion.level)
    return level, phase_of(promotion), promotion.priority, promotion.code


def in_order(promotions: Iterable[Promotion]) -> tuple[Promotion, ...]:
    """The promotions that can apply, in order of evaluation.

    Left out are suspended ones and, with them, those that require one that is left out.
    """
    kept = {promotion.code: promotion for promotion in promotions if promotion.state == "active"}
    while True:
        dead = [p.code for p in kept.values() if any(code not in kept for code in p.requires)]
        if not dead:
            return tuple(sorted(kept.values(), key=order_key))
        for code in dead:
            del kept[code]


def compile_rule(
    promotion: Promotion,
    promotions: Sequence[Promotion],
    places: Mapping[str, int],
    scopes: Scopes,
) -> Rule:
    """The rule of a promotion at its place among all of them."""
    effect = promotion.effect
    phase = phase_of(promotion)
    share_bp = BP if promotion.shop_share_bp is None else promotion.shop_share_bp
    requires = 0
    for code in promotion.requires:
        requires |= 1 << places[code]
    rule = Rule(
        place=places[promotion.code],
        code=promotion.code,
        level=LEVELS.index(promotion.level),
        phase=phase,
        effect=effect,
        basis=BASES[promotion.measured_on],
        platform_bp=BP - share_bp,
        conflicts=conflicts_of(promotion, promotions),
        requires=requires,
        units_max=promotion.limits.order_units or 0,
        discount_max_fen=promotion.limits.order_discount_fen or 0,
        start_ms=promotion.start_ms,
        end_ms=promotion.end_ms,
    )
    if phase == UNITS:
        add_unit_constants(rule, scopes)
    return rule


def conflicts_of(promotion: Promotion, promotions: Sequence[Promotion]) -> int:
    """The promotions that may not touch the same line: one says so, or they share a group."""
    mask = 0
    for place, other in enumerate(promotions):
        if other.code == promotion.code:
            continue
        grouped = promotion.exclusive_group and promotion.exclusive_group == other.exclusive_group
        if grouped or not allows(promotion, other) or not allows(other, promotion):
            mask |= 1 << place
    return mask


def allows(one: Promotion, other: Promotion) -> bool:
    """Whether `one` lets `other` touch the same line."""
    return one.combines_with is None or other.code in one.combines_with


def add_unit_constants(rule: Rule, scopes: Scopes) -> None:
    """Plan and unit prices of a rule of the unit phase."""
    effect = rule.effect
    rule.plan = PLANS[type(effect)]
    if isinstance(effect, PercentOff | NthPiece):
        rule.lower = lower_to_rate(effect.pay_bp, rule.basis)
    elif isinstance(effect, CheapestFree):
        rule.lower = lower_to_rate(0, RUNNING)
    elif isinstance(effect, AmountOff):
        rule.lower = lower_by(effect.off_fen)
    elif isinstance(effect, NPieces):
        rule.lowers = tuple(lower_to_rate(tier.pay_bp, rule.basis) for tier in effect.tiers)
    elif isinstance(effect, BundlePrice):
        rule.parts = bundle_parts(effect, scopes)
    elif isinstance(effect, FixedPrice | MemberPrice | AddOn):
        known = effect.prices_fen.items()
        rule.prices_fen = {scopes.number_of[code]: price_fen for code, price_fen in known}
        one_price = None if isinstance(effect, AddOn) else effect.price_fen
        rule.lower = lower_to_price(one_price, rule.prices_fen)


def lower_to_rate(pay_bp: int, basis: int) -> Lower:
    """A unit at a rate of its running price, or less what that rate takes off its list price."""
    if basis == RUNNING:
        return lambda unit_fen, _list_fen, _sku: price_at(unit_fen, pay_bp)
    return lambda unit_fen, list_fen, _sku: unit_fen - (list_fen - price_at(list_fen, pay_bp))


def lower_by(off_fen: int) -> Lower:
    """A unit less a fixed amount; below nothing is the caller's to cut and to report."""
    return lambda unit_fen, _list_fen, _sku: unit_fen - off_fen


def lower_to_price(price_fen: int | None, prices_fen: Mapping[int, int]) -> Lower:
    """A unit at its SKU's price or the one price, and never above what it costs already."""

    def lower(unit_fen: int, _list_fen: int, sku: int) -> int:
        wanted_fen = prices_fen.get(sku, price_fen)
        return unit_fen if wanted_fen is None else min(unit_fen, wanted_fen)

    return lower


def bundle_parts(
    effect: BundlePrice, scopes: Scopes
) -> tuple[tuple[int, int, tuple[tuple[int, int], ...]], ...]:
    """Each part's units and their prices: the bundle's price by list price (R3), then by unit."""
    rows = sorted((scopes.number_of[code], count) for code, count in effect.parts.items())
    weights = [scopes.skus[number].list_price_fen * count for number, count in rows]
    parts = []
    for (number, count), part_fen in zip(rows, shares(effect.price_fen, weights), strict=True):
        price_fen, dearer = divmod(part_fen, count)
        slots = ((dearer, price_fen + 1), (count - dearer, price_fen))
        parts.append((number, count, tuple(slot for slot in slots if slot[0])))
    return tuple(parts)
