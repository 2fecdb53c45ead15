"""A promotion compiled for pricing: its place in the order, its masks and its constants.

Always made by `tidegate.pricing.book`; a mask has the bit of every promotion at its place in the
order of evaluation. Nothing here changes once it is compiled.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from tidegate.pricing.effects import AnyEffect

RUNNING, LEVEL_START, LIST = 0, 1, 2
BASES = {"running": RUNNING, "level_start": LEVEL_START, "list": LIST}

# The phases in their order: units of the item level first, then sums, level by level.
UNITS, SUMS = 0, 1

Lower = Callable[[int, int, int], int]  # (running unit price, list unit price, SKU number) -> price


class Rule(msgspec.Struct):
    """What `price` needs of one promotion."""

    place: int  # in the order of evaluation, from 0
    code: str
    level: int
    phase: int
    effect: AnyEffect
    basis: int
    platform_bp: int
    conflicts: int  # mask of the promotions that may not touch the same line
    requires: int  # mask of the promotions that must have applied before
    units_max: int  # of an order; 0 = no cap
    discount_max_fen: int  # of an order; 0 = no cap
    start_ms: int
    end_ms: int
    plan: Any = None  # unit phase: (rule, base, run) -> Plan or an outcome
    lower: Lower | None = None
    lowers: tuple[Lower, ...] = ()  # N pieces at x %: one a tier
    prices_fen: dict[int, int] = {}  # SKU number -> price of a unit (fixed prices, add-ons)
    parts: tuple[tuple[int, int, tuple[tuple[int, int], ...]], ...] = ()
    """Bundles: (SKU number, units in a bundle, ((units, unit price), ...)) by SKU number."""
    gift_sku: str = ""
