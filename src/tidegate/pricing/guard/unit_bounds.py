"""What a rule of the unit phase can do to the lines of a box: an enclosure of `unit_steps`.

Always at least as much off as any basket of the box gets. Groups (N-th piece, cheapest free,
bundle, add-on) may reward any unit that they can reach. Nothing here prices a basket.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tidegate.pricing.effects import (
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
from tidegate.pricing.guard.lines import BoxLine, Loss, S
from tidegate.pricing.rule import RUNNING, Rule
from tidegate.pricing.unit_steps import at_most, times_reached

if TYPE_CHECKING:
    from tidegate.pricing.guard.enclosure import Enclosure

Base = Sequence[tuple[BoxLine, bool]]  # the lines that the rule may touch; whether it surely may


def enclose_units(run: "Enclosure", rule: Rule, base: Base, *, sure: bool) -> None:
    """One rule of the unit phase; `sure`: it is there and nothing locks it."""
    BOUNDS[type(rule.effect)](run, rule, base, sure=sure)


def touch(run: "Enclosure", rule: Rule, base: Base, touched: Sequence[BoxLine]) -> None:
    """Mark who may be touched, and who surely is."""
    bit = 1 << rule.place
    run.applied_maybe |= bit
    for line, _ in base:
        line.maybe |= bit
    for line in touched:
        line.surely |= bit
        run.applied_surely |= bit


def bound_each(run: "Enclosure", rule: Rule, base: Base, *, sure: bool) -> None:
    """Percent off, amount off, fixed and member price."""
    assert rule.lower is not None
    loss_of = Loss(rule.platform_bp)
    mean_bp = rate_of(rule, getattr(rule.effect, "pay_bp", -1))
    capped = bool(rule.units_max) and sum(line.units_hi for line, _ in base) > rule.units_max
    some_surely = sure and any(
        certain and line.at(rule.lower, line.unit_lo) < line.unit_lo for line, certain in base
    )
    for line, certain in base:
        if not capped:
            line.whole(rule.lower, sure=sure and certain, loss_of=loss_of, mean_bp=mean_bp)
        else:
            line.some(rule.lower, (rule.units_max, max(line.units_lo, 1)), loss_of)
    surely = [line for line, certain in base if certain] if some_surely and not capped else []
    touch(run, rule, base, surely)


def rate_of(rule: Rule, pay_bp: int) -> int:
    """The rate of the running price that is paid, or -1 where it is something else."""
    return pay_bp if rule.basis == RUNNING else -1


def bound_n_pieces(run: "Enclosure", rule: Rule, base: Base, *, sure: bool) -> None:
    """N pieces at x %: between the tiers that the fewest and the most pieces reach."""
    effect = rule.effect
    assert isinstance(effect, NPieces)
    loss_of = Loss(rule.platform_bp)
    surely = []
    for lines in together(base, mixed=effect.mixed):
        most = reached(effect, sum(line.units_hi for line, _ in lines))
        if not most:
            continue
        fewest = reached(effect, sum(line.units_lo for line, certain in lines if certain))
        if effect.applies_to != "all_units":
            for line, _ in lines:
                line.some(rule.lowers[most - 1], (1, 1), loss_of)
            continue
        lowers = rule.lowers[most - 1], rule.lowers[fewest - 1] if fewest and sure else None
        some_surely = lowers[1] is not None and any(
            certain and line.at(lowers[1], line.unit_lo) < line.unit_lo for line, certain in lines
        )
        mean_bp = rate_of(rule, effect.tiers[most - 1].pay_bp)
        for line, certain in lines:
            dearest = line.unit_hi
            if lowers[1] is not None and certain:
                dearest = line.at(lowers[1], line.unit_hi)
            line.whole(lowers[0], sure=False, loss_of=loss_of, mean_bp=mean_bp)
            line.unit_hi = dearest
            if some_surely and certain:
                surely.append(line)
    touch(run, rule, base, surely)


def reached(effect: NPieces, pieces: int) -> int:
    """How many tiers so many pieces reach."""
    return sum(pieces >= tier.pieces for tier in effect.tiers)


def together(base: Base, *, mixed: bool) -> list[Base]:
    """The lines that count together."""
    return [base] if mixed else [[row] for row in base]


def bound_groups(run: "Enclosure", rule: Rule, base: Base, *, sure: bool) -> None:  # noqa: ARG001 -- all are called alike
    """N-th piece, cheapest free: a line that is dearer than all others gets no more than its part.

    Of such a line at most `rewarded` of every `size` units are rewarded; of any other, all may be.
    """
    effect = rule.effect
    assert isinstance(effect, NthPiece | CheapestFree)
    assert rule.lower is not None
    size, rewarded = (
        (effect.nth, 1) if isinstance(effect, NthPiece) else (effect.pieces, effect.free)
    )
    loss_of = Loss(rule.platform_bp)
    touched = False
    for lines in together(base, mixed=effect.mixed):
        groups = sum(line.units_hi for line, _ in lines) // size
        if effect.times_max:
            groups = min(groups, effect.times_max)
        if not groups:
            continue
        touched = True
        parts = [part_rewarded(line, lines, size, rewarded, groups) for line, _ in lines]
        for (line, _), part in zip(lines, parts, strict=True):
            line.some(rule.lower, part, loss_of)
    if touched:
        touch(run, rule, base, [])


def part_rewarded(
    line: BoxLine, lines: Base, size: int, rewarded: int, groups: int
) -> tuple[int, int]:
    """The greatest part of a line's units that groups can reward, as (over, under)."""
    dearest = all(other is line or other.unit_hi < line.unit_lo for other, _ in lines)
    by_number = (groups * rewarded, max(line.units_lo, 1))
    by_size = (rewarded, size)
    if dearest and by_size[0] * by_number[1] < by_number[0] * by_size[1]:
        return by_size
    return by_number


def bound_bundle(run: "Enclosure", rule: Rule, base: Base, *, sure: bool) -> None:  # noqa: ARG001 -- all are called alike
    """Bundle: any unit may have the cheapest place of its part."""
    lines = {line.sku: line for line, _ in base}
    has_rest = any(line.is_rest for line, _ in base)
    for sku, count, _ in rule.parts:
        if lines[sku].units_hi < count if sku in lines else not has_rest:
            return
    for sku, _, slots in rule.parts:
        if sku in lines:
            cheapest_fen = min(price_fen for _, price_fen in slots)
            lines[sku].some(at_most(cheapest_fen), (1, 1), Loss(rule.platform_bp))
    touch(run, rule, base, [])


def bound_add_on(run: "Enclosure", rule: Rule, base: Base, *, sure: bool) -> None:  # noqa: ARG001 -- all are called alike
    """Add-on: any unit of an add-on may have its price, once something is bought beside it."""
    effect = rule.effect
    assert isinstance(effect, AddOn)
    assert rule.lower is not None
    asking = [line for line, _ in base if line.sku not in rule.prices_fen]
    wanted = [line for line, _ in base if line.sku in rule.prices_fen]
    pieces = sum(line.units_hi for line in asking)
    spend_fen = sum(line.list_hi for line in asking)  # no unit ever costs more than its list price
    measured, step = (
        (spend_fen, effect.spend_fen or 0) if effect.pieces is None else (pieces, effect.pieces)
    )
    times = times_reached(measured, step, effect.times_max, repeat=effect.repeat)
    wants = bool(wanted) or any(line.is_rest for line, _ in base)  # a rest may be either
    if not asking or not wants or not times:
        return
    for line in wanted:
        part = (times * effect.units_each, max(line.units_lo, 1))
        line.some(rule.lower, part, Loss(rule.platform_bp))
    touch(run, rule, base, [])


def bound_gift(run: "Enclosure", rule: Rule, base: Base, *, sure: bool) -> None:  # noqa: ARG001 -- all are called alike
    """Gift for pieces: its cost burdens the line of the greatest list amount."""
    effect = rule.effect
    assert isinstance(effect, Gift)
    assert effect.pieces is not None
    pieces = sum(line.units_hi for line, _ in base)
    times = times_reached(pieces, effect.pieces, effect.times_max, repeat=effect.repeat)
    if not times:
        return
    touch(run, rule, base, [])
    target = run.target
    # A dearer line need not stand above it: another group may have taken all of its units before.
    if any(line is target for line, _ in base):
        # No touched line has a greater list amount than the parent, so the units that were taken
        # are at most `widest` times the parent's.
        widest = run.units_beside(base)
        fewest = (
            target.units_lo
            if widest is None
            else max(target.units_lo, -(-effect.pieces * S // widest))
        )
        each = times * S // max(fewest, 1) + 1
        if widest is not None and effect.repeat:
            each = min(each, widest // effect.pieces + 1)
        if fewest <= target.units_hi:
            run.gifts_hi += run.gift_cost_fen(rule) * effect.quantity * each


BOUNDS: dict[type[Effect], Callable[..., None]] = {
    PercentOff: bound_each,
    AmountOff: bound_each,
    FixedPrice: bound_each,
    MemberPrice: bound_each,
    NPieces: bound_n_pieces,
    NthPiece: bound_groups,
    CheapestFree: bound_groups,
    BundlePrice: bound_bundle,
    AddOn: bound_add_on,
    Gift: bound_gift,
}
