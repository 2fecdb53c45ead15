"""The bodies of the bridge protocol (docs/reference/channel-bridge.md), both ways.

Always: strict JSON with a bound on every field; one order that is malformed does not spoil the
others of its page. Never: what a body said is repeated in an error.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from tidegate.channels.feed_order import FeedOrder, FeedPage, Fen, Malformed
from tidegate.channels.ports import AtWarehouse, Pushed, Taken

ORDERS_MAX = 1_000
Orders = Annotated[list[msgspec.Raw], Meta(max_length=ORDERS_MAX)]


class BadBody(ValueError):
    """A body is not what belongs here; the message says where."""


class Page(msgspec.Struct, frozen=True):
    """A page of orders: the answer to a pull, or what is pushed (a heartbeat has no orders)."""

    orders: Orders = []
    next_page: Annotated[str, Meta(max_length=256)] = ""
    now: int = 0


class Change(msgspec.Struct, frozen=True):
    """One change of a quantity: `add` is a step, `set` is exactly so many."""

    item: str
    id: str
    add: int | None = None
    set: int | None = None


class Changes(msgspec.Struct, frozen=True):
    """Changes of quantities; each is answered in the same place."""

    changes: list[Change]


class ChangesDone(msgspec.Struct, frozen=True):
    """`done`, `refused` or `unknown`, in the order of the changes."""

    results: list[Pushed]


class ItemShown(msgspec.Struct, frozen=True):
    """What is shown of an item."""

    item: str
    quantity: Annotated[int, Meta(ge=0, le=1_000_000_000)]
    listed: bool = True


class ItemsShown(msgspec.Struct, frozen=True):
    """What is shown."""

    items: list[ItemShown]


class PriceTold(msgspec.Struct, frozen=True):
    """What a buyer would pay for one unit of an item."""

    item: str
    price_fen: Fen


class PricesTold(msgspec.Struct, frozen=True):
    """Prices in hand; an item without one is left out."""

    items: list[PriceTold]


class Numbers(msgspec.Struct, frozen=True):
    """Platform order numbers."""

    numbers: list[str]


class NumbersTaken(msgspec.Struct, frozen=True):
    """`done`, `refused`, `too_late` or `unknown`, in the order of the numbers."""

    results: list[Taken]


class NumbersThere(msgspec.Struct, frozen=True):
    """`waiting`, `held`, `gone` or `absent`, in the order of the numbers."""

    results: list[AtWarehouse]


class Listing(msgspec.Struct, frozen=True):
    """An item goes on or off the shelf."""

    item: str
    listed: bool


class Audit(msgspec.Struct, frozen=True):
    """Automatic audit on or off."""

    on: bool


class Why(msgspec.Struct, frozen=True):
    """Why something is refused."""

    why: Annotated[str, Meta(max_length=200)] = ""


def read_page(body: bytes, where: str) -> FeedPage:
    """A page of orders; what is no order is named by its place. Raises BadBody."""
    try:
        page = msgspec.json.decode(body, type=Page)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadBody(f"{where}: {error}"[:200]) from None
    orders: list[FeedOrder] = []
    malformed: list[Malformed] = []
    for place, raw in enumerate(page.orders):
        try:
            orders.append(msgspec.json.decode(raw, type=FeedOrder))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            name = _number_of(raw) or f"{where} order {place}"
            malformed.append(Malformed(name, str(error)))
    return FeedPage(orders, malformed, page.next_page, page.now)


class _Numbered(msgspec.Struct, frozen=True):
    number: Annotated[str, Meta(max_length=64, pattern=r"^[A-Za-z0-9._:@+=-]+$")] = ""


def _number_of(raw: msgspec.Raw) -> str:
    try:
        return msgspec.json.decode(raw, type=_Numbered).number
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
