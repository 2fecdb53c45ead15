"""The crowd as the bytes of the documented API: one JSON body an order, and HTTP/1.1 around it.

Always holds: the same order and try give the same bytes, so a repeat is a true repeat. Never here:
a decision, a socket or a real person's data; no mobile number begins with 100.
"""

from dataclasses import dataclass
from typing import Final

from tidegate.demo.crowd import LIMIT_PER_ACCOUNT, PRODUCTS, Orders
from tidegate.demo.erp_model import Lines

FIRST_TRY: Final = 1
_PRICES: Final = tuple(product.wrong_price_fen for product in PRODUCTS)


@dataclass(frozen=True, slots=True)
class Terms:
    """What all bodies of one act share."""

    channel: str
    midnight_ms: int  # placed_at of the night's first instant, UTC milliseconds
    promotion: str = ""
    exceptions: tuple[str, ...] = ()  # an approved exception a product, or none at all
    exceptions_from_order: int = 0  # orders first sent before the approval stay as they were


def order_id(order: int, try_number: int = FIRST_TRY) -> str:
    """The id of an order; a buyer who tries again after a refusal gets a new one."""
    return f"N{order:07d}" if try_number == FIRST_TRY else f"N{order:07d}-{try_number}"


def units_asked(units: int, try_number: int) -> int:
    """After a refusal a buyer asks for no more than the limit, then for one box."""
    if try_number == FIRST_TRY:
        return units
    return min(units, LIMIT_PER_ACCOUNT) if try_number == FIRST_TRY + 1 else min(units, 1)


def _line_templates(promotion: str, exceptions: tuple[str, ...]) -> tuple[bytes, ...]:
    """One line of an order a product, waiting for boxes and fen."""
    offer = f',"promotion":"{promotion}"' if promotion else ""
    return tuple(
        f'{{"sku":"{product.code}","quantity":%d,"receivable_fen":%d{offer}'.encode()
        + (f',"exception":"{exception}"}}'.encode() if exception else b"}")
        for product, exception in zip(PRODUCTS, exceptions, strict=True)
    )


class Bodies:
    """Every order of a crowd as JSON, a few microseconds each."""

    def __init__(self, orders: Orders, terms: Terms) -> None:
        self._at_ms = orders["at_ms"].tolist()
        self._buyer = orders["buyer"].tolist()
        self._phone = orders["phone"].tolist()
        self._sku = orders["sku"].tolist()
        self._quantity = orders["quantity"].tolist()
        self._second_sku = orders["second_sku"].tolist()
        self._second_quantity = orders["second_quantity"].tolist()
        self._midnight_ms = terms.midnight_ms
        self._exceptions_from_order = terms.exceptions_from_order
        self._plain = _line_templates(terms.promotion, ("",) * len(PRODUCTS))
        self._excepted = _line_templates(terms.promotion, terms.exceptions or ("",) * len(PRODUCTS))
        self._body = (
            b'{"id":"%b","channel":"' + terms.channel.encode() + b'","placed_at":%d,"paid":true,'
            b'"charged_fen":%d,"platform_fen":0,'
            b'"buyer":{"account":"u%07d","phone":"100%08d"},'
            b'"verified":["account","phone"],"lines":[%b]}'
        )

    def lines(self, order: int, try_number: int = FIRST_TRY) -> Lines:
        """(product, boxes) of each line of an order as asked for at that try."""
        first = (self._sku[order], units_asked(self._quantity[order], try_number))
        second = units_asked(self._second_quantity[order], try_number)
        return (first, (self._second_sku[order], second)) if second else (first,)

    def body(self, order: int, try_number: int = FIRST_TRY) -> bytes:
        """The JSON object that `POST .../orders` and `POST .../sales` take."""
        excepted = try_number > FIRST_TRY or order >= self._exceptions_from_order
        templates = self._excepted if excepted else self._plain
        charged_fen, parts = 0, []
        for sku, units in self.lines(order, try_number):
            receivable_fen = units * _PRICES[sku]
            charged_fen += receivable_fen
            parts.append(templates[sku] % (units, receivable_fen))
        return self._body % (
            order_id(order, try_number).encode(),
            self._midnight_ms + self._at_ms[order],
            charged_fen,
            self._buyer[order],
            self._phone[order],
            b",".join(parts),
        )


class Requests:
    """HTTP/1.1 requests to one server with one key."""

    def __init__(self, host: str, key: str) -> None:
        self._common = f"Host: {host}\r\nAuthorization: Bearer {key}\r\n".encode()

    def post(self, path: str, content_type: str = "application/json") -> "Post":
        """A request line and headers that wait for bodies."""
        head = f"POST {path} HTTP/1.1\r\n".encode() + self._common
        return Post(head + f"Content-Type: {content_type}\r\nContent-Length: ".encode())


@dataclass(frozen=True, slots=True)
class Post:
    """One path's head, rendered once; a body makes it a request."""

    head: bytes

    def with_body(self, body: bytes) -> bytes:
        """The whole request."""
        return b"%b%d\r\n\r\n%b" % (self.head, len(body), body)
