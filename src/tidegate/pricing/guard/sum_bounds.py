"""The greatest part of its lines' sum that a promotion can give, over all sums of a box.

Always exact at the points where such a part can peak: the ends of the range, the thresholds, and
where the measured sum stops being what bounds the running one. Rounded up. Nothing here knows a
line.
"""

from typing import NamedTuple

from tidegate.pricing.effects import BP, AnyEffect, Every, Gift, NPieces, PercentOff, Spend
from tidegate.pricing.guard.lines import S
from tidegate.pricing.sum_steps import asked_by


class Range(NamedTuple):
    """What a rule may see: measured sum, pieces, and its lines' running sum."""

    measured_lo: int
    measured_hi: int
    pieces_hi: int
    running_lo: int
    keep: int  # running sum over measured sum: at least so many 1/S ...
    slack_fen: int  # ... less so many fen (R3, by line and step)

    def running_at(self, measured_fen: int) -> int:
        """The least running sum beside a measured one."""
        return max(self.running_lo, measured_fen * self.keep // S - self.slack_fen, 0)


def thresholds(effect: AnyEffect, near: tuple[int, ...]) -> list[int]:
    """The measured sums at which what is asked for jumps; of endless ones, those around `near`."""
    if isinstance(effect, Spend):
        return [tier.spend_fen for tier in effect.tiers if tier.spend_fen is not None]
    step_fen = effect.spend_fen if isinstance(effect, Every | Gift) else None
    if not step_fen:
        return []
    found = [step_fen]
    for sum_fen in near:
        times = sum_fen // step_fen
        found += [times * step_fen, (times + 1) * step_fen]
    return found


def turning_fen(seen: Range) -> int:
    """The measured sum from which on it, and not `running_lo`, bounds the running sum."""
    if not seen.keep:
        return seen.measured_hi
    return -(-(seen.running_lo + seen.slack_fen) * S // seen.keep)


def greatest_part(effect: AnyEffect, seen: Range, cap_fen: int, *, exact: bool = False) -> int:
    """The greatest of what is given over the running sum, in 1/S, at most S.

    `exact`: R1 has nothing to round at any sum that can be seen.

    What is asked for never falls when sum or pieces rise. Below the turning point the running sum
    is bounded by a constant, so the part peaks at the right end; above it, at left ends of steps.
    """
    turning = turning_fen(seen)
    near = (seen.measured_lo, seen.measured_hi, turning)
    points = {seen.measured_lo, seen.measured_hi, turning, turning - 1}
    points.update(thresholds(effect, near))
    greatest = 0
    for measured_fen in points:
        if seen.measured_lo <= measured_fen <= seen.measured_hi:
            given_fen = asked_at_most(effect, measured_fen, seen.pieces_hi, cap_fen, exact=exact)
            running_fen = seen.running_at(measured_fen)
            if given_fen and given_fen >= running_fen:
                return S
            if given_fen:
                greatest = max(greatest, -(-given_fen * S // running_fen))
    rate_bp = rate_of(effect) if exact and seen.keep == S else None
    if rate_bp is not None:  # exact: at a point between two sums that can be seen R1 may round
        return min(greatest, (BP - rate_bp) * (S // BP))
    return greatest


def is_rate(effect: AnyEffect) -> bool:
    """Whether it asks for a percentage, so that R1 may round it up by half a fen."""
    if isinstance(effect, Spend):
        return effect.tiers[0].pay_bp is not None
    return isinstance(effect, PercentOff | NPieces)


def rate_of(effect: AnyEffect) -> int | None:
    """The one rate that it asks for, or None."""
    if isinstance(effect, PercentOff):
        return effect.pay_bp
    if isinstance(effect, Spend | NPieces) and len(effect.tiers) == 1:
        return effect.tiers[0].pay_bp
    return None


def is_always(effect: AnyEffect) -> bool:
    """Whether it asks whatever the sum and the pieces are."""
    return isinstance(effect, PercentOff)


def asked_at_most(
    effect: AnyEffect, measured_fen: int, pieces: int, cap_fen: int, *, exact: bool
) -> int:
    """What is asked for at a sum or anywhere in its piece of it, before the running sum's bound."""
    asked_fen, times = asked_by(effect, measured_fen, pieces)
    if not times:
        return 0
    if is_rate(effect) and not exact:
        asked_fen += 1
    return min(asked_fen, cap_fen) if cap_fen else asked_fen
