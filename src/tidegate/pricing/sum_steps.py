"""Promotions that take money off a sum: spend, every, and percent or amount off above item level.

What is asked for depends on the measured sum and the pieces alone, and is piecewise affine in both.
What is given is never more than the scope's running sum; what is cut off is reported as a clamp.
Nothing here looks at single units.
"""

from tidegate.pricing.effects import (
    AmountOff,
    AnyEffect,
    Every,
    FreeShipping,
    Gift,
    NPieces,
    PercentOff,
    Spend,
)
from tidegate.pricing.rounding import price_at
from tidegate.pricing.unit_steps import times_reached

Asked = tuple[int, int]  # (fen wanted, tier reached from 1 or times); times 0 = not reached


def asked_by(effect: AnyEffect, measured_fen: int, pieces: int) -> Asked:
    """What a promotion asks for on what was measured, before any cap.

    For a gift and free shipping the fen are 0 and the times tell.
    """
    if isinstance(effect, Spend):
        return spend(effect, measured_fen, pieces)
    if isinstance(effect, Every):
        return every(effect, measured_fen, pieces)
    if isinstance(effect, PercentOff):
        return measured_fen - price_at(measured_fen, effect.pay_bp), 1
    if isinstance(effect, AmountOff):
        return effect.off_fen, 1
    if isinstance(effect, NPieces):
        return n_pieces(effect, measured_fen, pieces)
    if isinstance(effect, Gift):
        step_fen = effect.spend_fen or 0
        return 0, times_reached(measured_fen, step_fen, effect.times_max, repeat=effect.repeat)
    assert isinstance(effect, FreeShipping), f"{type(effect).__name__} takes nothing off a sum"
    if effect.pieces is not None:
        return 0, int(pieces >= effect.pieces)
    return 0, int(measured_fen >= (effect.spend_fen or 0))


def spend(effect: Spend, measured_fen: int, pieces: int) -> Asked:
    """满减: the highest tier reached, once."""
    reached = 0
    for tier in effect.tiers:
        if tier.spend_fen is not None:
            met = measured_fen >= tier.spend_fen
        else:
            met = pieces >= (tier.pieces or 0)
        if not met:
            break
        reached += 1
    if not reached:
        return 0, 0
    tier = effect.tiers[reached - 1]
    if tier.off_fen is not None:
        return tier.off_fen, reached
    return measured_fen - price_at(measured_fen, tier.pay_bp or 0), reached


def every(effect: Every, measured_fen: int, pieces: int) -> Asked:
    """每满减: as often as the step fits, at most `times_max`."""
    if effect.spend_fen is not None:
        times = measured_fen // effect.spend_fen
    else:
        times = pieces // (effect.pieces or 1)
    if effect.times_max and times > effect.times_max:
        times = effect.times_max
    return times * effect.off_fen, times


def n_pieces(effect: NPieces, measured_fen: int, pieces: int) -> Asked:
    """N pieces at x % above item level: the tier's percentage of the sum."""
    reached = sum(pieces >= tier.pieces for tier in effect.tiers)
    if not reached:
        return 0, 0
    return measured_fen - price_at(measured_fen, effect.tiers[reached - 1].pay_bp), reached
