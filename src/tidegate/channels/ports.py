"""What channels need of the rest of the house and of the outside, as Protocols.

Always: synchronous, called from a channel's own thread; an answer of the shop is durable when it is
there. Never: a channel reaches past these into a journal or a table.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

from tidegate.channels.feed_order import FeedPage
from tidegate.desk.answers import ManyDecided
from tidegate.record.facts import Command
from tidegate.record.lines import Array

Key = tuple[int, int]


class Free(NamedTuple):
    """One SKU in a channel's pool: what is on hand, and what of it is covered by a promise."""

    on_hand: int
    promised: int


class Shop(Protocol):
    """One shop's desk, seen by a channel. Calls block until the answer is durable.

    `place_rows` and `operate` raise DeskBusy, DeskUnready or Undecided: the same call may be made
    again, and counts once.
    """

    def begin(self) -> None:
        """The desk runs; called on its loop, before anything is asked."""

    def now_ms(self) -> int:
        """The shop's time."""

    def order_key(self, channel: str, number: str, /) -> Key:
        """The keyed hash of a name."""

    def channel_number(self, code: str) -> int | None:
        """None where the shop has no such channel."""

    def sku_number(self, code: str) -> int:
        """NO_SKU where there is none."""

    def sku_codes(self, numbers: Sequence[int]) -> list[str]:
        """The codes back; "" for a number that stands for none."""

    def promotion_number(self, code: str) -> int:
        """A number that no guard lets through where there is none."""

    def exception_number(self, code: str) -> int:
        """A number that was never given where there is none."""

    def tokens(self, keys: Sequence[tuple[int, str]]) -> list[int]:
        """Durable tokens of (kind, value) pairs; 0 for a value that identifies nobody."""

    def place_rows(self, rows: Array) -> ManyDecided:
        """Record and judge facts."""

    def operate(self, rows: Array) -> ManyDecided:
        """Decide operations."""

    def states(self, keys: Sequence[Key]) -> list[str]:
        """How orders stand: pre_held, committed, on_hold, released, closed; "" = not recorded."""

    def free(self, channel: str, skus: Sequence[str]) -> list[Free]:
        """What the channel's pool has of SKUs, as of a durable record."""

    def available(self, channel: str, skus: Sequence[str]) -> list[int]:
        """Units of SKUs that the channel could sell now, as of a durable record; 0 if stopped."""

    def command(self, command: Command, command_id: str, actor: int) -> int:
        """Decide a command, once under its id; its reason. `actor` 0: nobody but Tidegate."""

    def pool_of(self, channel: str) -> str:
        """The pool that a channel sells from; "" where the shop has no such channel."""


class OurPrice(NamedTuple):
    """What one unit of a SKU costs a buyer here, what the merchant receives, and its floor."""

    price_fen: int
    receivable_fen: int
    floor_fen: int


class PromotionStart(NamedTuple):
    """A published promotion begins."""

    promotion: str
    start_ms: int


class OurPrices(Protocol):
    """What the shop's own price engine says."""

    def of(self, channel: str, skus: Sequence[str], at_ms: int) -> dict[str, OurPrice]:
        """One unit of each SKU at a moment; a SKU that has no price is left out."""

    def receivable_fen(
        self, channel: str, lines: Sequence[tuple[str, int]], at_ms: int
    ) -> int | None:
        """What the merchant receives for a basket at a moment; None where it has no price."""

    def starts(self, from_ms: int, to_ms: int) -> list[PromotionStart]:
        """Promotions that begin in [from, to)."""


class Unanswered(Exception):
    """The outside did not answer: whether it did what was asked is unknown."""


class RefusedOutside(Exception):
    """The outside said no, and why."""


class Unreadable(Exception):
    """A file is not what it should be; the message says what to do."""


class OrderSource(Protocol):
    """Where a channel's orders come from."""

    def fetch(self, since_ms: int, until_ms: int, page: str) -> FeedPage:
        """Orders that changed in [since, until), a page at a time. Raises Unanswered."""


class StockChange(NamedTuple):
    """What a channel is to show of an item: so many more, or exactly so many."""

    item: str
    sku: str
    quantity: int
    is_increment: bool
    push_id: str


Pushed = Literal["done", "refused", "unknown"]


class Shown(NamedTuple):
    """What a channel really shows of an item."""

    quantity: int
    listed: bool


class StockTarget(Protocol):
    """Where a channel is told how much it may sell."""

    def push(self, changes: Sequence[StockChange]) -> list[Pushed]:
        """Change quantities; one answer each. Raises Unanswered: then all are unknown."""

    def read(self, items: Sequence[str]) -> dict[str, Shown]:
        """What is shown now; items that do not exist are left out. Raises Unanswered."""

    def set_listed(self, item: str, *, listed: bool) -> None:
        """Put an item on or off the shelf. Raises RefusedOutside or Unanswered."""

    def end_activity(self) -> None:
        """End the running promotion. Raises RefusedOutside or Unanswered."""


class PriceSource(Protocol):
    """Where the price that a buyer would pay (到手价) is read."""

    def read_prices(self, items: Sequence[str], not_before_ms: int) -> dict[str, int]:
        """Fen for one unit of each item, no older than a moment; what cannot be read is left out.

        Raises Unanswered, and RefusedOutside where this channel tells no prices.
        """


class OrderCloser(Protocol):
    """Where the seller may close orders."""

    def close_orders(self, numbers: Sequence[str]) -> "list[Taken]":
        """Ask the channel to close orders. Raises Unanswered, RefusedOutside."""


AtWarehouse = Literal["waiting", "held", "gone", "absent"]
Taken = Literal["done", "refused", "too_late", "unknown"]


class Warehouse(Protocol):
    """Where released orders go: a warehouse, or the ERP in front of it."""

    def push(self, numbers: Sequence[str]) -> list[Taken]:
        """Hand released orders over; the same number counts once. Raises Unanswered."""

    def intercept(self, numbers: Sequence[str]) -> list[Taken]:
        """Stop orders that it has. Raises Unanswered."""

    def read(self, numbers: Sequence[str]) -> list[AtWarehouse]:
        """How orders stand there. Raises Unanswered."""

    def switch_audit(self, *, on: bool) -> None:
        """Switch automatic audit on or off. Raises RefusedOutside (say who must do it)."""
