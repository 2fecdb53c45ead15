"""How long a purchase limit that runs now still counts somebody: what identities must outlive.

Only rules that are in force and count by a kind of identity key matter. The periods are those of
the engine (weeks begin on Monday). Nothing here decides about an order.
"""

from datetime import date

from tidegate.engine import layout as lo
from tidegate.record.lines import Array

EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
TOTAL_DAYS = 400  # "in total" ends with its rule, and is never asked of anybody for longer


def period_end(window: int, day: int) -> int:
    """The last day of the period of that kind which `day` is in."""
    if window == lo.WEEK:
        return day + 6 - (day + 3) % 7
    if window == lo.MONTH:
        first = date.fromordinal(day + EPOCH_ORDINAL).replace(day=1)
        after = first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)
        return after.toordinal() - 1 - EPOCH_ORDINAL
    if window == lo.TOTAL:
        return day + TOTAL_DAYS
    return day


def last_limit_day(rules: Array, day: int) -> int:
    """The last day of the longest limit period that runs today or begins tomorrow.

    Tomorrow's too: whoever comes right after midnight is met before this is asked again.
    """
    keyed = rules[(rules["known"] != 0) & (rules["keyed"] != 0)]
    windows = {int(window) for window in keyed["window"]}
    return max((period_end(window, day + 1) for window in windows), default=day + 1)
