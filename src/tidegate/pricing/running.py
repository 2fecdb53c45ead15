"""How one rule runs on a basket: may it touch these lines, is there room, what does it give.

Always in this order: what it requires, what it may touch, what it asks for, what is left to give,
what its budget has room for; and only then the effects. A rule that stops changes nothing.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tidegate.pricing.basket import Working
from tidegate.pricing.effects import FreeShipping, Gift
from tidegate.pricing.promotion import LEVELS, Basket, Room
from tidegate.pricing.result import (
    APPLIED,
    CONFLICT,
    LOCKED,
    NO_EFFECT,
    NO_ROOM,
    NOT_REACHED,
    Clamp,
    GiftLine,
    LineStep,
    PromotionTotal,
    Step,
)
from tidegate.pricing.rounding import platform_part, shares
from tidegate.pricing.rule import LEVEL_START, RUNNING, Rule
from tidegate.pricing.sum_steps import asked_by
from tidegate.pricing.unit_steps import Plan

Rooms = Mapping[str, Room] | None


class Run:
    """One basket on its way through the rules."""

    def __init__(self, basket: Basket, lines: list[Working], *, trace: bool) -> None:
        self.lines = lines  # by SKU code
        self.applied = 0  # mask
        self.level = 0
        self.shipping_fen = basket.shipping_fen
        self.shipping_platform_fen = 0
        self.totals: list[PromotionTotal] = []
        self.gifts: list[GiftLine] = []
        self.clamps: list[Clamp] = []
        self.steps: list[Step] | None = [] if trace else None


def open_base(run: Run, rule: Rule, reached: list[Working]) -> list[Working] | str:
    """The lines that the rule may touch, or why there are none."""
    if rule.requires & ~run.applied:
        return LOCKED
    if not rule.conflicts:
        return reached
    return [line for line in reached if not line.touched & rule.conflicts] or CONFLICT


def has_room(rule: Rule, room: Rooms, units: int, discount_fen: int) -> bool:
    """Whether what is left covers the whole of it; asked before anything is given."""
    left = room.get(rule.code) if room else None
    if left is None:
        return True
    return (
        (left.uses is None or left.uses >= 1)
        and (left.units is None or left.units >= units)
        and (left.money_fen is None or left.money_fen >= discount_fen)
    )


def run_units(run: Run, rule: Rule, reached: list[Working], room: Rooms) -> None:
    """One rule of the unit phase: plan, ask for room, then change the lots."""
    base = open_base(run, rule, reached)
    plan: Plan | str = base if isinstance(base, str) else rule.plan(rule, base, run)
    if isinstance(plan, str):
        note(run, rule, plan)
        return
    discount_fen = platform_fen = over_fen = units = 0
    for change in plan.changes:
        discount_fen += change.discount_fen
        platform_fen += change.platform_fen
        over_fen += change.over_fen
        units += change.units
    if not has_room(rule, room, units + plan.gift_units, discount_fen):
        note(run, rule, NO_ROOM, Seen(0, plan.pieces, 0), discount_fen)
        return
    if over_fen:
        run.clamps.append(Clamp(rule.code, discount_fen + over_fen, discount_fen))
    if not discount_fen and not plan.gift_units:
        note(run, rule, NO_EFFECT, Seen(0, plan.pieces, 0), over_fen)
        return
    if run.steps is not None:
        run.steps.append(unit_step(rule, plan, discount_fen, platform_fen, over_fen))
    bit = 1 << rule.place
    run.applied |= bit
    for line in plan.touched:
        line.touched |= bit
    if plan.gift_units:
        give(run, rule, plan.touched, plan.gift_units)
    for change in plan.changes:
        change.line.lots = change.lots
        if change.discount_fen:
            row = (rule.place, change.discount_fen, change.platform_fen)
            change.line.discounts.append(row)
    run.totals.append(total(rule, discount_fen, platform_fen))


def run_sum(run: Run, rule: Rule, reached: list[Working], room: Rooms) -> None:
    """One rule that takes money off a sum, gives a gift, or frees shipping."""
    base = open_base(run, rule, reached)
    if isinstance(base, str):
        note(run, rule, base)
        return
    seen = measured(rule, base)
    asked_fen, times = asked_by(rule.effect, seen.measured_fen, seen.pieces)
    if not times:
        note(run, rule, NOT_REACHED, seen)
        return
    limit_fen = seen.running_fen
    if isinstance(rule.effect, FreeShipping):
        limit_fen = run.shipping_fen
        asked_fen = min(limit_fen, rule.effect.up_to_fen or limit_fen)
    if rule.discount_max_fen and asked_fen > rule.discount_max_fen:
        asked_fen = rule.discount_max_fen
    given_fen = min(asked_fen, limit_fen)
    gift_units = times * rule.effect.quantity if isinstance(rule.effect, Gift) else 0
    if not has_room(rule, room, gift_units or seen.pieces, given_fen):
        note(run, rule, NO_ROOM, seen, asked_fen)
        return
    if given_fen < asked_fen:
        run.clamps.append(Clamp(rule.code, asked_fen, given_fen))
    if not given_fen and not gift_units:
        note(run, rule, NO_EFFECT, seen, asked_fen)
        return
    # From here it applies.
    platform_fen = platform_part(given_fen, rule.platform_bp) if rule.platform_bp else 0
    if isinstance(rule.effect, FreeShipping):
        run.shipping_fen -= given_fen
        run.shipping_platform_fen += platform_fen
        parts = platform_parts = [0] * len(base)
    else:
        parts = shares(given_fen, [line.amount_fen for line in base])
        platform_parts = shares(platform_fen, parts)
    if run.steps is not None:
        asked = (times, asked_fen, given_fen, platform_fen)
        run.steps.append(sum_step(rule, base, (parts, platform_parts), seen, asked))
    bit = 1 << rule.place
    run.applied |= bit
    for line, part_fen, platform_part_fen in zip(base, parts, platform_parts, strict=True):
        line.touched |= bit
        if part_fen:
            line.amount_fen -= part_fen
            line.discounts.append((rule.place, part_fen, platform_part_fen))
    if gift_units:
        give(run, rule, base, gift_units)
    run.totals.append(total(rule, given_fen, platform_fen))


class Seen(NamedTuple):
    """What a rule measured on the lines that it may touch."""

    measured_fen: int
    pieces: int
    running_fen: int


def measured(rule: Rule, base: list[Working]) -> Seen:
    """Sum and pieces of the lines, on the rule's basis."""
    pieces = running_fen = 0
    for line in base:
        pieces += line.quantity
        running_fen += line.amount_fen
    if rule.basis == RUNNING:
        measured_fen = running_fen
    elif rule.basis == LEVEL_START:
        measured_fen = sum([line.level_fen for line in base])
    else:
        measured_fen = sum([line.list_fen for line in base])
    return Seen(measured_fen, pieces, running_fen)


def give(run: Run, rule: Rule, base: Sequence[Working], units: int) -> None:
    """Add a gift line; its parent is the touched line of the greatest list amount, then code."""
    assert isinstance(rule.effect, Gift)
    parent = max(base, key=lambda line: (line.list_fen, -line.position))
    run.gifts.append(GiftLine(rule.code, rule.effect.sku, units, parent.code))


def total(rule: Rule, discount_fen: int, platform_fen: int) -> PromotionTotal:
    """What a rule gave, by who pays."""
    return PromotionTotal(rule.code, discount_fen, discount_fen - platform_fen, platform_fen)


def note(run: Run, rule: Rule, outcome: str, seen: Seen | None = None, asked_fen: int = 0) -> None:
    """Keep why a rule did nothing, when a trace is wanted."""
    if run.steps is not None:
        measured_fen, pieces = (seen.measured_fen, seen.pieces) if seen is not None else (0, 0)
        level = LEVELS[rule.level]
        run.steps.append(Step(rule.code, level, outcome, measured_fen, pieces, 0, asked_fen))


def unit_step(rule: Rule, plan: Plan, discount_fen: int, platform_fen: int, over_fen: int) -> Step:
    """The step of a rule of the unit phase, made before the lots are changed."""
    skus = tuple(
        LineStep(
            change.line.code,
            sum(count * unit_fen for count, unit_fen, _ in change.line.lots),
            change.discount_fen,
            change.platform_fen,
            change.units,
        )
        for change in plan.changes
    )
    return Step(
        rule.code, LEVELS[rule.level], APPLIED, 0, plan.pieces, plan.times,
        discount_fen + over_fen, discount_fen, platform_fen, skus,
    )  # fmt: skip


def sum_step(
    rule: Rule,
    base: list[Working],
    parts: tuple[Sequence[int], Sequence[int]],
    seen: Seen,
    asked: tuple[int, int, int, int],
) -> Step:
    """The step of a rule that works on a sum, made before the amounts are changed."""
    lines = tuple(
        LineStep(line.code, line.amount_fen, part_fen, platform_fen, line.quantity)
        for line, part_fen, platform_fen in zip(base, *parts, strict=True)
    )
    level = LEVELS[rule.level]
    return Step(rule.code, level, APPLIED, seen.measured_fen, seen.pieces, *asked, lines)
