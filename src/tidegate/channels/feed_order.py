"""An order as a channel's feed tells it, and a page of them.

Always: money is integer fen, times are UTC milliseconds, and every field has a bound. Never: what
names a person leaves this shape but as a token; `without_buyer` is what may be kept.
"""

from typing import Annotated, Literal, NamedTuple

import msgspec
from msgspec import Meta

from tidegate.record.lines import KEY_KINDS, LINES_PER_ORDER_MAX, MONEY_FEN_MAX, QUANTITY_MAX

NUMBER_CHARS_MAX = 64
MOMENT_MAX_MS = 2**53

Status = Literal["unpaid", "paid", "cancelled", "shipped"]
Number = Annotated[
    str,
    Meta(min_length=1, max_length=NUMBER_CHARS_MAX, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:@+=-]*$"),
]
Moment = Annotated[int, Meta(ge=0, le=MOMENT_MAX_MS)]
Fen = Annotated[int, Meta(ge=0, le=MONEY_FEN_MAX)]
Code = Annotated[str, Meta(min_length=1, max_length=64)]
Handle = Annotated[str, Meta(max_length=512)]


class FeedLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line: the channel's item code, and what the merchant receives for all its units."""

    item: Code
    quantity: Annotated[int, Meta(ge=1, le=QUANTITY_MAX)]
    receivable_fen: Fen
    promotion: Annotated[str, Meta(max_length=64)] = ""


class FeedOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One order as it was at `changed_at`; `recipient` is the channel's handle or ciphertext."""

    number: Number
    placed_at: Moment
    changed_at: Moment
    status: Status
    charged_fen: Fen
    lines: Annotated[list[FeedLine], Meta(min_length=1, max_length=LINES_PER_ORDER_MAX)]
    platform_fen: Annotated[int, Meta(ge=0, le=2**31 - 1)] = 0
    account: Handle = ""
    phone: Handle = ""
    address: Handle = ""
    device: Handle = ""
    recipient: Handle = ""

    def buyer_keys(self) -> list[tuple[int, str]]:
        """(kind, value) of what is known of the buyer, in the order of KEY_KINDS."""
        values = (self.account, self.phone, self.address, self.device)
        return [(kind, value) for kind, value in enumerate(values) if value]

    def without_buyer(self) -> "FeedOrder":
        """The same without anything that names a person."""
        return msgspec.structs.replace(self, **dict.fromkeys((*KEY_KINDS, "recipient"), ""))


class Malformed(NamedTuple):
    """Something in a feed that is no order: where it stood and why, never what it said."""

    name: str
    why: str


class FeedPage(NamedTuple):
    """A part of a feed; `next_page` is empty on the last, `server_now_ms` 0 if it does not say.

    `known_until_ms`: how far this feed can know anything, where that is not the window's end.
    """

    orders: list[FeedOrder]
    malformed: list[Malformed]
    next_page: str = ""
    server_now_ms: int = 0
    known_until_ms: int | None = None
