"""Vendure's orders as a channel's feed: what is placed, by the moment of its last change.

Always: pages go on from the last change that was seen, so that an order which changes meanwhile
does not push others out; an order that is none is named and the others are taken. Never: an order
counts as paid because of its state's name; its settled payments say so.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from tidegate.channels.adapters.vendure_session import Session
from tidegate.channels.feed_order import FeedLine, FeedOrder, FeedPage, Malformed, Status
from tidegate.channels.ports import RefusedOutside, Unanswered

PAGE_ORDERS, PAGE_ORDERS_MIN = 500, 20  # smaller after a silence: large orders take their time
SKEW_SEEN_MS = 2_000  # the Date header has whole seconds: less than this says nothing
HEARD_MAX = 20_000
ADDRESS_CHARS = 512
SHIPPED = ("Shipped", "Delivered")
SETTLED = "Settled"
ORDERS = """query ($options: OrderListOptions!) {
  activeChannel { defaultCurrencyCode }
  orders(options: $options) { items {
    code state orderPlacedAt updatedAt currencyCode totalWithTax
    customer { id } payments { state amount }
    shippingAddress { streetLine1 streetLine2 city province postalCode countryCode phoneNumber }
    lines { quantity orderPlacedQuantity proratedLinePriceWithTax unitPriceWithTax
      productVariant { sku } }
  } }
}"""


class _Camel(msgspec.Struct, frozen=True, rename="camel"):
    """What Vendure writes inCamelCase."""


class Customer(_Camel, frozen=True):
    """Who bought; a guest has an id too, one for each e-mail address."""

    id: str


class Payment(_Camel, frozen=True):
    """A payment of an order."""

    state: str
    amount: int


class Address(_Camel, frozen=True):
    """Where an order goes."""

    street_line1: str | None = None
    street_line2: str | None = None
    city: str | None = None
    province: str | None = None
    postal_code: str | None = None
    country_code: str | None = None
    phone_number: str | None = None

    def text(self) -> str:
        """In one line, as it is compared."""
        parts = (self.country_code, self.province, self.city, self.postal_code, self.street_line1,
                 self.street_line2)  # fmt: skip
        return " ".join(part.strip() for part in parts if part and part.strip())[:ADDRESS_CHARS]


class Variant(_Camel, frozen=True):
    """What a line sells."""

    sku: str


class Line(_Camel, frozen=True):
    """One line; a cancelled one has no quantity any more, but had one when it was placed."""

    quantity: int
    order_placed_quantity: int
    prorated_line_price_with_tax: int
    unit_price_with_tax: int
    product_variant: Variant


class Placed(_Camel, frozen=True):
    """A placed order."""

    code: str
    state: str
    order_placed_at: datetime
    updated_at: datetime
    currency_code: str
    total_with_tax: int
    lines: list[Line]
    customer: Customer | None = None
    payments: list[Payment] | None = None
    shipping_address: Address | None = None

    @property
    def is_settled(self) -> bool:
        """Whether the whole amount has been received."""
        received = sum(p.amount for p in self.payments or () if p.state == SETTLED)
        return received >= self.total_with_tax

    @property
    def status(self) -> Status:
        """In the feed's words."""
        if self.state == "Cancelled":
            return "cancelled"
        if self.state in SHIPPED:
            return "shipped"
        return "paid" if self.is_settled else "unpaid"


class _Coded(_Camel, frozen=True):
    code: str = ""
    updated_at: datetime | None = None


class Channel(_Camel, frozen=True):
    """The Vendure channel that is asked."""

    default_currency_code: str


class Orders(_Camel, frozen=True):
    """A page's items."""

    items: list[msgspec.Raw]


class OrdersAnswer(_Camel, frozen=True):
    """The answer to ORDERS."""

    active_channel: Channel
    orders: Orders


class Place(NamedTuple):
    """Where a page begins: a moment, and how many of that very moment are known."""

    since_ms: int
    skip: int

    @classmethod
    def of(cls, page: str, since_ms: int) -> "Place":
        """The page's place; the first one's is the window's."""
        moment, _, skip = page.partition("+")
        return cls(int(moment), int(skip)) if page else cls(since_ms, 0)

    def after(self, moments: Sequence[int]) -> str:
        """The name of the next page."""
        last = moments[-1]
        skip = sum(moment == last for moment in moments)
        return f"{last}+{skip + self.skip if last == self.since_ms else skip}"


class Heard:
    """Codes of orders that the feed has told, the newest ones: what is not here is on its way."""

    def __init__(self) -> None:
        self._codes: dict[str, None] = {}

    def add(self, codes: Sequence[str]) -> None:
        """These were told."""
        for code in codes:
            self._codes.pop(code, None)
            self._codes[code] = None
        for code in list(self._codes)[: max(0, len(self._codes) - HEARD_MAX)]:
            del self._codes[code]

    def __contains__(self, code: str) -> bool:
        return code in self._codes


class VendureOrders:
    """The feed. Called by the channel's own thread."""

    def __init__(self, session: Session, heard: Heard, now_ms: Callable[[], int]) -> None:
        """`now_ms` is the shop's clock, to see how far Vendure's is from it."""
        self._session = session
        self._heard = heard
        self._now_ms = now_ms
        self._size = PAGE_ORDERS

    def fetch(self, since_ms: int, until_ms: int, page: str) -> FeedPage:
        """Placed orders that changed in [since, until). Raises Unanswered."""
        place = Place.of(page, since_ms)
        size = self._size
        answer = self._asked(_options(place, until_ms, size))
        orders: list[FeedOrder] = []
        malformed: list[Malformed] = []
        moments: list[int] = []
        for raw in answer.orders.items:
            coded = msgspec.json.decode(raw, type=_Coded)
            moments.append(_ms(coded.updated_at) if coded.updated_at else place.since_ms)
            try:
                orders.append(feed_order(raw, answer.active_channel.default_currency_code))
            except (msgspec.DecodeError, ValueError) as why:
                malformed.append(Malformed(coded.code, str(why)[:160]))
        self._heard.add([order.number for order in orders])
        next_page = place.after(moments) if len(moments) >= size else ""
        return FeedPage(orders, malformed, next_page, self._server_now_ms())

    def _asked(self, options: dict[str, object]) -> OrdersAnswer:
        """A page; half as many orders are asked for after a silence, twice as many after none."""
        try:
            answer = self._session.ask(ORDERS, OrdersAnswer, options=options)
        except RefusedOutside as why:
            raise Unanswered(str(why)) from None
        except Unanswered:
            self._size = max(PAGE_ORDERS_MIN, self._size // 2)
            raise
        self._size = min(PAGE_ORDERS, self._size * 2)
        return answer

    def _server_now_ms(self) -> int:
        """Vendure's clock, where it is clearly another than ours; 0 = as ours."""
        told_ms = self._session.server_now_ms
        return told_ms if abs(told_ms - self._now_ms()) > SKEW_SEEN_MS else 0


def feed_order(raw: msgspec.Raw, currency: str) -> FeedOrder:
    """A placed order in the feed's shape. Raises msgspec.DecodeError, ValueError."""
    placed = msgspec.json.decode(raw, type=Placed)
    if placed.currency_code != currency:
        raise ValueError(f"in {placed.currency_code[:3]}, not in the channel's own {currency[:3]}")
    address = placed.shipping_address
    lines = [_feed_line(line, placed) for line in placed.lines]
    lines = [line for line in lines if line.quantity]
    order = FeedOrder(
        placed.code, _ms(placed.order_placed_at), _ms(placed.updated_at), placed.status,
        sum(line.receivable_fen for line in lines), lines,
        account=f"vendure:{placed.customer.id}" if placed.customer else "",
        phone=(address.phone_number or "") if address else "",
        address=address.text() if address else "",
    )  # fmt: skip
    return msgspec.convert(msgspec.to_builtins(order), FeedOrder)  # its bounds are checked here


def _feed_line(line: Line, placed: Placed) -> FeedLine:
    """A line; of a cancelled order as it was placed, so that it is not taken for other content."""
    if placed.status == "cancelled" and not line.quantity:
        units = line.order_placed_quantity
        return FeedLine(line.product_variant.sku, units, units * line.unit_price_with_tax)
    return FeedLine(
        line.product_variant.sku, line.quantity, max(0, line.prorated_line_price_with_tax)
    )


def _options(place: Place, until_ms: int, size: int) -> dict[str, object]:
    window = {"start": iso(place.since_ms), "end": iso(max(place.since_ms, until_ms))}
    return {
        "take": size,
        "skip": place.skip,
        "sort": {"updatedAt": "ASC", "id": "ASC"},
        "filter": {"orderPlacedAt": {"isNull": False}, "updatedAt": {"between": window}},
    }


def iso(moment_ms: int) -> str:
    """A moment as GraphQL takes it."""
    return datetime.fromtimestamp(moment_ms / 1000, UTC).isoformat(timespec="milliseconds")


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
