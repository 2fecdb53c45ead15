"""What the doors tell of the process and its shops: how they are, what could be sold now.

Always a glance: none of it is a promise, and nothing is decided by it.
"""

import msgspec


class Availability(msgspec.Struct, frozen=True):
    """Units that could be sold now through a channel; a glance, not a promise."""

    sku: str
    channel: str
    available: int


class Health(msgspec.Struct, frozen=True):
    """The process answers."""

    status: str
    version: str


class ShopReadiness(msgspec.Struct, frozen=True):
    """Whether a shop takes orders, and how far its views and its watch are behind its journal.

    `watch_silent_ms`: since the watch last said that it lives; -1 = it never did. `watch_windows`:
    announced ones that it knows.
    `alerts_fault`: why people are not told of alarms; it keeps no order from being taken.
    """

    shop: str
    ready: bool
    why: str
    seq: int
    epoch: int
    inbox: int
    views_seq: int
    views_lag_entries: int
    watch_seq: int = 0
    watch_lag_entries: int = 0
    watch_lag_ms: int = 0
    watch_silent_ms: int = -1
    breaker_open: int = 0
    watch_windows: int = 0
    channel_faults: list[str] = []
    alarms_open: int = 0
    alarms_unacknowledged: int = 0
    alerts_undelivered: int = 0
    alerts_fault: str = ""


class Readiness(msgspec.Struct, frozen=True):
    """Ready when every shop is."""

    ready: bool
    shops: list[ShopReadiness]
