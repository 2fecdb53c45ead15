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
    """Whether a shop takes orders, and how far its views are behind its journal."""

    shop: str
    ready: bool
    why: str
    seq: int
    epoch: int
    inbox: int
    views_seq: int
    views_lag_entries: int


class Readiness(msgspec.Struct, frozen=True):
    """Ready when every shop is."""

    ready: bool
    shops: list[ShopReadiness]
