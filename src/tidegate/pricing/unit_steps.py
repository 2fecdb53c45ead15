"""Promotions of the item level that make single units cheaper.

A plan says what would become of the lots; nothing is changed until `price` has seen that there is
room for all of it. A unit price is a whole number of fen after every step (R1 by unit), so a line's
amount is an exact multiple of units, whatever the quantity. No unit ever becomes dearer, and units
that a group has taken count in no other group.
"""

from collections.abc import Sequence

from tidegate.pricing.basket import Lot, Units, Working, cheapest_first, free_units
from tidegate.pricing.effects import AddOn, CheapestFree, Gift, NPieces, NthPiece
from tidegate.pricing.result import NO_EFFECT, NOT_REACHED
from tidegate.pricing.rounding import platform_part
from tidegate.pricing.rule import RUNNING, Lower, Rule

Portion = tuple[int, Lower | None]  # so many units of a lot, and what lowers their price
Portions = dict[tuple[int, int], list[Portion]]  # by (line's position, lot)


class Change:
    """What would become of one line."""

    __slots__ = ("discount_fen", "line", "lots", "over_fen", "platform_fen", "units")

    def __init__(self, line: Working) -> None:
        self.line = line
        self.lots: list[Lot] = []
        self.discount_fen = 0
        self.platform_fen = 0
        self.over_fen = 0  # asked for below a price of nothing
        self.units = 0  # that become cheaper


class Plan:
    """What a promotion would do to the units of a basket."""

    __slots__ = ("changes", "gift_units", "pieces", "times", "touched")

    def __init__(self, changes: list[Change], touched: Sequence[Working], pieces: int) -> None:
        self.changes = changes
        self.touched = touched
        self.pieces = pieces  # that were counted
        self.times = 1
        self.gift_units = 0


def lower_lot(change: Change, lot: Lot, count: int, lower: Lower, platform_bp: int) -> int:
    """The new price of `count` units of a lot; adds up in `change` what that gives."""
    unit_fen = lot[1]
    now_fen = lower(unit_fen, change.line.list_unit_fen, change.line.sku)
    if now_fen < 0:
        change.over_fen -= now_fen * count
        now_fen = 0
    if now_fen >= unit_fen:
        return unit_fen
    off_fen = unit_fen - now_fen
    change.discount_fen += off_fen * count
    change.units += count
    if platform_bp:
        change.platform_fen += platform_part(off_fen, platform_bp) * count
    return now_fen


def whole_lines(rule: Rule, lines: Sequence[Working], lower: Lower) -> list[Change]:
    """Every unit of the lines at a lower price."""
    changes = []
    for line in lines:
        change = Change(line)
        for lot in line.lots:
            price_fen = lower_lot(change, lot, lot[0], lower, rule.platform_bp)
            change.lots.append((lot[0], price_fen, lot[2]))
        changes.append(change)
    return changes


def portions_of_lines(
    rule: Rule, lines: Sequence[Working], portions: Portions, *, take: bool
) -> list[Change]:
    """The lines that portions fall on, with those units lowered and, if `take`, taken."""
    changes = []
    for line in lines:
        change = Change(line)
        hit = False
        for number, lot in enumerate(line.lots):
            rest = lot[0]
            for count, lower in portions.get((line.position, number), ()):
                hit = True
                price_fen = lot[1]
                if lower is not None:
                    price_fen = lower_lot(change, lot, count, lower, rule.platform_bp)
                change.lots.append((count, price_fen, lot[2] or take))
                rest -= count
            if rest:
                change.lots.append((rest, lot[1], lot[2]))
        if hit:
            changes.append(change)
    return changes


def portion_out(
    portions: Portions, units: Sequence[Units], first: int, count: int, lower: Lower | None
) -> None:
    """Give the units numbered from `first` (from 0) on, `count` of them, to `lower`."""
    seen = 0
    for _, position, _, number, held in units:
        start, end = max(seen, first), min(seen + held, first + count)
        if start < end:
            portions.setdefault((position, number), []).append((end - start, lower))
        seen += held
        if seen >= first + count:
            return


def plan_each_unit(rule: Rule, base: list[Working], _run: object) -> Plan | str:
    """Percent off, amount off, fixed price, member price: every unit, or so many of an order."""
    assert rule.lower is not None
    pieces = sum(line.quantity for line in base)
    if not rule.units_max or pieces <= rule.units_max:
        return Plan(whole_lines(rule, base, rule.lower), base, pieces)
    portions: Portions = {}
    portion_out(portions, cheapest_first(base, free_only=False), 0, rule.units_max, rule.lower)
    changes = portions_of_lines(rule, base, portions, take=False)
    return Plan(changes, [change.line for change in changes], pieces)


def counted_together(base: list[Working], *, mixed: bool) -> list[list[Working]]:
    """The lines that count together: all of the scope, or each by itself."""
    return [base] if mixed else [[line] for line in base]


def plan_n_pieces(rule: Rule, base: list[Working], _run: object) -> Plan | str:
    """N pieces at x %: all units by the tier reached, or the units in each band."""
    effect = rule.effect
    assert isinstance(effect, NPieces)
    changes: list[Change] = []
    times = 0
    for lines in counted_together(base, mixed=effect.mixed):
        pieces = sum(line.quantity for line in lines)
        reached = sum(pieces >= tier.pieces for tier in effect.tiers)
        if not reached:
            continue
        times = max(times, reached)
        if effect.applies_to == "all_units":
            changes += whole_lines(rule, lines, rule.lowers[reached - 1])
            continue
        units = cheapest_first(lines, free_only=False)[::-1]
        portions: Portions = {}
        for number in range(reached):
            first = effect.tiers[number].pieces - 1
            end = effect.tiers[number + 1].pieces - 1 if number + 1 < reached else pieces
            portion_out(portions, units, first, end - first, rule.lowers[number])
        changes += portions_of_lines(rule, lines, portions, take=False)
    if not times:
        return NOT_REACHED
    plan = Plan(changes, [change.line for change in changes], sum(line.quantity for line in base))
    plan.times = times
    return plan


def plan_groups(rule: Rule, base: list[Working], _run: object) -> Plan | str:
    """N-th piece and cheapest free: of every N free units the cheapest are lowered, all N taken."""
    effect = rule.effect
    assert isinstance(effect, NthPiece | CheapestFree)
    assert rule.lower is not None
    size, rewarded = (
        (effect.nth, 1) if isinstance(effect, NthPiece) else (effect.pieces, effect.free)
    )
    changes: list[Change] = []
    times = 0
    for lines in counted_together(base, mixed=effect.mixed):
        groups = free_units(lines) // size
        if effect.times_max:
            groups = min(groups, effect.times_max - times)
        if not groups:
            continue
        times += groups
        units = cheapest_first(lines, free_only=True)
        portions: Portions = {}
        portion_out(portions, units, 0, groups * rewarded, rule.lower)
        portion_out(portions, units[::-1], 0, groups * (size - rewarded), None)
        changes += portions_of_lines(rule, lines, portions, take=True)
    if not times:
        return NOT_REACHED
    plan = Plan(changes, [change.line for change in changes], sum(line.quantity for line in base))
    plan.times = times
    return plan


def capped(times: int, times_max: int) -> int:
    """How often, at most `times_max`; 0 stands for no cap."""
    return min(times, times_max) if times_max else times


def plan_bundle(rule: Rule, base: list[Working], _run: object) -> Plan | str:
    """Bundle: as many as the free units of every part give; dearest units first."""
    lines = {line.sku: line for line in base}
    if any(sku not in lines for sku, _, _ in rule.parts):
        return NOT_REACHED
    bundles = min(free_units((lines[sku],)) // count for sku, count, _ in rule.parts)
    bundles = capped(bundles, getattr(rule.effect, "times_max", 0))
    if not bundles:
        return NOT_REACHED
    portions: Portions = {}
    for sku, _, slots in rule.parts:
        units = cheapest_first((lines[sku],), free_only=True)[::-1]
        first = 0
        for count, price_fen in slots:
            portion_out(portions, units, first, bundles * count, at_most(price_fen))
            first += bundles * count
    changes = portions_of_lines(rule, base, portions, take=True)
    plan = Plan(changes, [change.line for change in changes], sum(line.quantity for line in base))
    plan.times = bundles
    return plan


def plan_gift_by_pieces(rule: Rule, base: list[Working], _run: object) -> Plan | str:
    """Gift for pieces: takes those units, dearest first, and changes no price."""
    effect = rule.effect
    assert isinstance(effect, Gift)
    assert effect.pieces is not None
    pieces = free_units(base)
    times = times_reached(pieces, effect.pieces, effect.times_max, repeat=effect.repeat)
    if not times:
        return NOT_REACHED
    portions: Portions = {}
    units = cheapest_first(base, free_only=True)[::-1]
    portion_out(portions, units, 0, times * effect.pieces, None)
    changes = portions_of_lines(rule, base, portions, take=True)
    plan = Plan(changes, [change.line for change in changes], pieces)
    plan.times = times
    plan.gift_units = times * effect.quantity
    return plan


def times_reached(measured: int, step: int, times_max: int, *, repeat: bool) -> int:
    """How often a condition is met: once, or with `repeat` as often as it fits."""
    if measured < step:
        return 0
    return capped(measured // step, times_max) if repeat and step else 1


def plan_add_on(rule: Rule, base: list[Working], _run: object) -> Plan | str:
    """Add-on: so many units at their price as the condition allows. They never count for it."""
    effect = rule.effect
    assert isinstance(effect, AddOn)
    assert rule.lower is not None
    asking = [line for line in base if line.sku not in rule.prices_fen]
    wanted = [line for line in base if line.sku in rule.prices_fen]
    if effect.pieces is not None:
        measured, step = free_units(asking), effect.pieces
    else:
        measured, step = sum(measured_fen(rule, line) for line in asking), effect.spend_fen or 0
    times = times_reached(measured, step, effect.times_max, repeat=effect.repeat)
    if not times or not asking:
        return NOT_REACHED
    count = min(times * effect.units_each, free_units(wanted))
    if not count:
        return NO_EFFECT
    portions: Portions = {}
    portion_out(portions, cheapest_first(wanted, free_only=True), 0, count, rule.lower)
    used = -(-count // effect.units_each)
    if effect.pieces is not None:
        units = cheapest_first(asking, free_only=True)[::-1]
        portion_out(portions, units, 0, used * effect.pieces, None)
    changes = portions_of_lines(rule, base, portions, take=True)
    plan = Plan(changes, base, measured if effect.pieces is not None else 0)
    plan.times = used
    return plan


def measured_fen(rule: Rule, line: Working) -> int:
    """A line's amount as the rule measures it, while units are priced."""
    if rule.basis != RUNNING:  # at the start of the item level a price is the list price
        return line.list_fen
    return sum(count * unit_fen for count, unit_fen, _ in line.lots)


def at_most(price_fen: int) -> Lower:
    """A price of a unit that is not above what it costs already."""

    def lower(unit_fen: int, _list_fen: int, _sku: int) -> int:
        return min(unit_fen, price_fen)

    return lower
