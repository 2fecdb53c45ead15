"""What was received of late for a unit of each SKU: the median over days of the day's mean.

Always a day counts once, however large its crowd: one bad night is one day of thirty and moves no
median. Never is anything decided here, and gifts, which bring nothing, are not counted.
"""

import sqlite3
from collections import defaultdict

DAYS = 30
DAYS_MIN = 3  # with sales; of fewer nobody can say what is usual
DAY_MINUTES = 1_440

_DAYS = """SELECT sku, (? - minute) / 1440 AS day, sum(receivable_fen) / sum(units)
    FROM sku_minute WHERE minute > ? AND minute <= ? AND units > 0 AND receivable_fen > 0
    GROUP BY sku, day"""


def medians(connection: sqlite3.Connection, now_minute: int) -> dict[int, int]:
    """SKU number -> fen of a unit, of the 30 days before a minute; those with too few days are left
    out.

    Days are stretches of 24 hours back from the minute. Of an even number of days the higher of
    the two in the middle counts. Cancelled orders count too: they were sold at that price.
    """
    first = now_minute - DAYS * DAY_MINUTES
    by_sku: dict[int, list[int]] = defaultdict(list)
    for sku, _, unit_fen in connection.execute(_DAYS, (now_minute, first, now_minute)):
        by_sku[int(sku)].append(int(unit_fen))
    return {
        sku: sorted(days)[len(days) // 2] for sku, days in by_sku.items() if len(days) >= DAYS_MIN
    }
