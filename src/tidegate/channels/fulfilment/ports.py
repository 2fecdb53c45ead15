"""What these workflows need of a shop's desk beyond what every channel needs, as a Protocol.

Always: what is seen is as of a durable record. Never: a workflow looks into a table of the engine
by itself.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from tidegate.channels.feed_order import FeedOrder, Malformed
from tidegate.channels.intake import Taken
from tidegate.channels.ports import Key, Shop
from tidegate.record.facts import Command

LIVE = ("pre_held", "committed", "on_hold", "released", "shipped")
PAID = ("committed", "on_hold", "released", "shipped")


class LineNow(NamedTuple):
    """One line of a live order. `floor_fen` is of one unit, -1 = no cost is known."""

    sku: str
    pool: str
    receivable_fen: int
    floor_fen: int
    gift_of: int
    ordered: int
    cancelled: int
    shipped: int
    returned: int
    short: int
    parts: tuple[tuple[str, int], ...]

    @property
    def open(self) -> int:
        """Units that may still be cancelled or shipped."""
        return self.ordered - self.cancelled - self.shipped


class OrderNow(NamedTuple):
    """An order as the desk has it; one that is closed has no lines any more."""

    state: str
    is_fact: bool
    payable_fen: int
    decided_s: int
    lines: tuple[LineNow, ...]


class SkuTotals(NamedTuple):
    """One SKU over all pools."""

    on_hand: int
    returned: int
    defective: int


class FulfilmentShop(Shop, Protocol):
    """One shop's desk, seen by these workflows."""

    def orders(self, keys: Sequence[Key]) -> list[OrderNow | None]:
        """How orders stand, line by line; None = not recorded, or refused."""

    def hold_max_s(self) -> int:
        """How long a hold may last in all."""

    def totals(self, skus: Sequence[str] | None = None) -> dict[str, SkuTotals]:
        """Figures of SKUs; where none are named, of every SKU that has any."""

    def floors(self, skus: Sequence[str]) -> dict[str, int]:
        """The floor of one unit in fen, -1 = no cost is known; unknown SKUs are left out."""

    def is_limited(self, sku: str, channel: str) -> bool:
        """Whether a rule counts by people what is sold of a SKU on a channel."""

    def command(self, command: Command, command_id: str, actor: int) -> int:
        """Decide a command; its reason."""


TakeIn = Callable[[str, Sequence[FeedOrder], Sequence[Malformed]], Taken]
ItemSku = Callable[[str, str], str]  # channel and item code -> SKU code, "" = not mapped
KeptBack = Callable[[Sequence[bytes]], set[bytes]]  # which orders a person keeps back
RecipientOf = Callable[[bytes], bytes]  # an order's key -> its recipient's hash, b"" = not known


class NotDone(Exception):
    """A wish that cannot be, and why: `reason` is one word for programs. Nothing has changed."""

    def __init__(self, reason: str, why: str) -> None:
        self.reason = reason
        super().__init__(why)


class NotThere(NotDone):
    """There is nothing of that name."""
