"""What people look through: orders that were parked, or that changed after they were recorded.

Always from the ledger alone, so that the doors and the command line show the same. Never: a buyer.
"""

from typing import NamedTuple

from tidegate.channels.ledger import Ledger

PAGE_MAX = 500


class Attention(NamedTuple):
    """One order that a person should look at. `state` is "parked", or how it stands."""

    channel: str
    number: str
    why: str
    since_ms: int
    state: str


def attention(
    ledger: Ledger, channel: str = "", after: str = "", limit: int = PAGE_MAX
) -> list[Attention]:
    """Parked and flagged orders by number, behind a number."""
    values = (after, channel, channel, min(limit, PAGE_MAX))
    parked = ledger.ask(
        "SELECT channel, number, reason, first_ms, 'parked' FROM parked WHERE number > ?"
        " AND (? = '' OR channel = ?) ORDER BY number, channel LIMIT ?",
        values,
    )
    flagged = ledger.ask(
        "SELECT channel, number, flags, changed_ms, state FROM orders WHERE flags <> ''"
        " AND number > ? AND (? = '' OR channel = ?) ORDER BY number, channel LIMIT ?",
        values,
    )
    found = [Attention(*row) for row in (*parked, *flagged)]
    return sorted(found, key=lambda one: (one.number, one.channel, one.state))[:limit]
