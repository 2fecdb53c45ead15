"""How long a served shop's identities live: told to the table as rules change, swept once a day.

Always by the shop's own day; a day that was missed, because nobody served, is made up for at once.
Never: a person goes whom a running limit period still counts (the table sees to it).
"""

from collections.abc import Callable

import msgspec

from tidegate.desk.days import ShopDays
from tidegate.people.identity import IdentityTable

QUIET_HOUR = 4  # of the shop's day
NEVER = -1


class SweptState(msgspec.Struct, frozen=True):
    """The last day on which everybody who was due was deleted, and how many that were."""

    day: int = NEVER
    deleted: int = 0


class Retention:
    """The daily work on one shop's identity table."""

    def __init__(self, identity: IdentityTable, days: ShopDays, state: SweptState) -> None:
        """`state` is what was last known, of an earlier process too."""
        self._identity = identity
        self._days = days
        self.state = state

    def is_due(self) -> bool:
        """Once a day from the quiet hour on; at any hour when a whole day was missed."""
        today = self._days()
        is_quiet = self._days.hour() >= QUIET_HOUR
        return self.state.day < (today if is_quiet else today - 1)

    def step(self, breathe: Callable[[], None]) -> None:
        """Sweep if it is due; `breathe` is called between pieces, and may raise to leave the rest.

        Raises IdentityUnavailable; the rest is swept the next time.
        """
        if not self.is_due():
            return
        today = self._days()
        swept = self._identity.sweep(breathe)
        if swept.wal_truncated:  # else a reader was in the way, and something is left in the log
            self.state = SweptState(today, swept.deleted)
