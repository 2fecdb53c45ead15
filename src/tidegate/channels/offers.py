"""How much of a SKU a channel is shown: from what its pool has, by the merchant's terms.

Always: never more than the pool has after its deductions, and less while the channel's feed is late
or silent. Never: reads a clock or a ledger; everything comes in as arguments.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from tidegate.channels.feeds import FeedState

UNITS_MAX = 1_000_000_000
ALL_BP = 10_000

Units = Annotated[int, Meta(ge=0, le=UNITS_MAX)]


class OfferTerms(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The merchant's terms: ratio, addition, floor, ceiling, safety stock, (de)listing."""

    ratio_bp: Annotated[int, Meta(ge=0, le=ALL_BP)] = ALL_BP
    addition: Annotated[int, Meta(ge=-UNITS_MAX, le=UNITS_MAX)] = 0
    floor: Units = 0  # below it nothing is shown: the last units are not worth a disappointment
    ceiling: Units = UNITS_MAX
    safety: Units = 0
    lists: bool = True


def to_show(available: int, terms: OfferTerms) -> int:
    """Units to show while the feed is current; rounded down.

    An addition never shows what is not there: what counts is what was deducted for the channel.
    """
    wanted = available * terms.ratio_bp // ALL_BP + terms.addition - terms.safety
    wanted = min(wanted, terms.ceiling, available)
    return wanted if wanted >= max(1, terms.floor) else 0


def target(
    available: int, shown: int, terms: OfferTerms, feed: FeedState, silent_limit_ms: int
) -> int:
    """Units to show now: no refill while the feed lags, and half as many for each more silence."""
    wanted = to_show(available, terms)
    if feed.is_current:
        return wanted
    late_ms = max(feed.lag_ms, feed.silent_ms)
    halvings = min(30, late_ms // max(1, silent_limit_ms))
    shrunk = wanted >> halvings
    return min(shown, shrunk if shrunk >= max(1, terms.floor) else 0)
