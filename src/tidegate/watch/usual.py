"""What is usual in a shop, read from the watch's saved memory: units, prices, orders a day.

Always rather too much than too little: limits are made of it. Never changes the memory.
"""

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tidegate.watch import layout as lo
from tidegate.watch.storing import StateUnreadable, load

SEEN_MIN = 20  # orders before a stream says what is usual
HOURS_MIN = 24.0
CHANNEL_BITS, SCOPE_SHIFT = 8, 56


class Usual(NamedTuple):
    """What is usual of a SKU; nothing known = zeros."""

    units_an_order: float = 0.0
    units_a_day: float = 0.0
    price_fen: float = 0.0


class UsualShop(NamedTuple):
    """What is usual of a shop: by SKU, its orders an hour, units no order should pass (0 = ?)."""

    skus: dict[str, Usual]
    orders_an_hour: float
    units_limit: int


NOTHING = UsualShop({}, 0.0, 0)


def usual_shop(path: Path) -> UsualShop:
    """From a shop's `watch.state`; NOTHING where there is none that can be read."""
    try:
        state, saved = load(path.read_bytes())
    except (OSError, StateUnreadable):
        return NOTHING
    return usual_of(state, saved.names.skus)


def usual_of(state: lo.State, codes: dict[int, str]) -> UsualShop:
    """From a memory. Channels of one SKU are added up."""
    keys = state.stream_keys
    is_sku = (keys >> np.uint64(SCOPE_SHIFT)).astype(np.int64) == lo.SKU + 1
    rows = np.flatnonzero(is_sku & (state.times[:, lo.SEEN] >= SEEN_MIN))
    found: dict[str, Usual] = {}
    for row in rows.tolist():
        number = int(keys[row] >> np.uint64(CHANNEL_BITS)) & 0xFFFFFFFF
        code = codes.get(number)
        if code is None:
            continue
        levels = state.levels[row]
        units = 2.0 ** float(levels[lo.LOG_UNITS])
        hours = max(HOURS_MIN, float(levels[lo.HOURS]))
        a_day = float(levels[lo.EVENTS]) / hours * 24.0 * units
        price = math.exp(float(levels[lo.LOG_PRICE])) if levels[lo.PRICED] > 0 else 0.0
        before = found.get(code, Usual())
        found[code] = Usual(
            max(before.units_an_order, units),
            before.units_a_day + a_day,
            max(before.price_fen, price),
        )
    orders = float(state.channel_levels[:, lo.MEAN].sum())
    return UsualShop(found, orders, round(float(state.settings[lo.LIMIT_UNITS])))
