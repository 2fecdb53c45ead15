"""The generic pull adapter: a merchant's own app, or a bridge in front of an ERP, over signed HTTP.

Always: every request is signed and every answer bounded; an answer that is missing, late or cannot
be read is "unknown". Never: a redirect is followed, or a body is repeated in an error.
"""

import http.client
import secrets
from collections.abc import Callable, Sequence
from typing import TypeVar
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from tidegate.channels import wire
from tidegate.channels.feed_order import FeedPage
from tidegate.channels.ports import (
    AtWarehouse,
    Pushed,
    RefusedOutside,
    Shown,
    StockChange,
    Taken,
    Unanswered,
)
from tidegate.channels.signatures import signed

TIMEOUT_S = 10.0
ANSWER_BYTES_MAX = 8 << 20
OK, CONFLICT, NOT_FOUND = 200, 409, 404
NUMBERS_MAX = 20  # of one call: what the most careful ERP takes

T = TypeVar("T")


class Bridge:
    """Orders, stock and warehouse behind one address; any thread may call."""

    def __init__(
        self, address: str, key: bytes, now_ms: Callable[[], int], timeout_s: float = TIMEOUT_S
    ) -> None:
        """`address`: http(s)://host[:port][/prefix]. Raises ValueError for another."""
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"an address is http(s)://host, not {address!r}")
        self._parts = parts
        self._key = key
        self._now_ms = now_ms
        self._timeout_s = timeout_s

    # -- orders ----------------------------------------------------------------------------------

    def fetch(self, since_ms: int, until_ms: int, page: str) -> FeedPage:
        """Orders that changed in a window."""
        query = urlencode({"since": since_ms, "until": until_ms, "page": page})
        body = self._asked("GET", f"/orders?{query}", b"")
        try:
            return wire.read_page(body, f"page {page or 1}")
        except wire.BadBody as bad:
            raise Unanswered(str(bad)) from None

    # -- stock -----------------------------------------------------------------------------------

    def push(self, changes: Sequence[StockChange]) -> list[Pushed]:
        """Change quantities."""
        body = wire.Changes(
            [
                wire.Change(c.item, c.push_id, add=c.quantity)
                if c.is_increment
                else wire.Change(c.item, c.push_id, set=c.quantity)
                for c in changes
            ]
        )
        found = self._called("POST", "/stock", body, wire.ChangesDone)
        return _as_many(found.results, changes)

    def read(self, items: Sequence[str]) -> dict[str, Shown]:
        """What is shown."""
        found = self._called("POST", "/stock/read", wire.Numbers(list(items)), wire.ItemsShown)
        return {shown.item: Shown(shown.quantity, shown.listed) for shown in found.items}

    def set_listed(self, item: str, *, listed: bool) -> None:
        """Put an item on or off the shelf."""
        self._called("POST", "/shelf", wire.Listing(item, listed), wire.Why)

    def end_activity(self) -> None:
        """End the running promotion."""
        self._called("POST", "/activity/end", wire.Why(), wire.Why)

    # -- prices, orders ---------------------------------------------------------------------------

    def read_prices(self, items: Sequence[str], not_before_ms: int) -> dict[str, int]:  # noqa: ARG002 -- a port's; what it answers is of now
        """What a buyer would pay now."""
        found = self._called("POST", "/prices/read", wire.Numbers(list(items)), wire.PricesTold)
        return {told.item: told.price_fen for told in found.items}

    def close_orders(self, numbers: Sequence[str]) -> list[Taken]:
        """Ask the channel to close orders; its feed says when they are."""
        found = self.numbers("/orders/close", numbers, wire.NumbersTaken)
        return _as_many([word for part in found for word in part.results], numbers)

    # -- warehouse -------------------------------------------------------------------------------

    def warehouse(self) -> "BridgeWarehouse":
        """The same address as a warehouse."""
        return BridgeWarehouse(self)

    def numbers(self, path: str, numbers: Sequence[str], kind: type[T]) -> list[T]:
        """Ask about numbers in calls of NUMBERS_MAX; an answer for each of them."""
        found = []
        for at in range(0, len(numbers), NUMBERS_MAX):
            part = wire.Numbers(list(numbers[at : at + NUMBERS_MAX]))
            found.append(self._called("POST", path, part, kind))
        return found

    def switch(self, path: str, body: msgspec.Struct) -> None:
        """Have something switched."""
        self._called("POST", path, body, wire.Why)

    # -- HTTP ------------------------------------------------------------------------------------

    def _called(self, method: str, path: str, body: msgspec.Struct, kind: type[T]) -> T:
        answer = self._asked(method, path, msgspec.json.encode(body))
        try:
            return msgspec.json.decode(answer or b"{}", type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise Unanswered(f"{path.partition('?')[0]}: the answer cannot be read") from None

    def _asked(self, method: str, path: str, body: bytes) -> bytes:
        """The answer's body. Raises Unanswered and RefusedOutside."""
        full = quote(self._parts.path.rstrip("/"), safe="/%") + path
        headers = signed(self._key, self._now_ms(), secrets.token_hex(16), method, full, body)
        connection = self._connection()
        try:
            connection.request(
                method, full, body or None, {**headers, "Content-Type": "application/json"}
            )
            found = connection.getresponse()
            answer = found.read(ANSWER_BYTES_MAX + 1)
        except (OSError, http.client.HTTPException) as error:
            raise Unanswered(f"{path.partition('?')[0]}: {type(error).__name__}") from None
        finally:
            connection.close()
        if found.status in (CONFLICT, NOT_FOUND):
            raise RefusedOutside(_why(answer) or f"answered {found.status}")
        if found.status != OK or len(answer) > ANSWER_BYTES_MAX:
            raise Unanswered(f"{path.partition('?')[0]}: answered {found.status}")
        return answer

    def _connection(self) -> http.client.HTTPConnection:
        secure = self._parts.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        assert self._parts.hostname
        return kind(self._parts.hostname, self._parts.port, timeout=self._timeout_s)


class BridgeWarehouse:
    """A warehouse, or the ERP in front of it, behind a bridge."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge

    def push(self, numbers: Sequence[str]) -> list[Taken]:
        """Hand released orders over."""
        return self._taken("/warehouse/release", numbers)

    def intercept(self, numbers: Sequence[str]) -> list[Taken]:
        """Stop orders that it has."""
        return self._taken("/warehouse/hold", numbers)

    def read(self, numbers: Sequence[str]) -> list[AtWarehouse]:
        """How orders stand there."""
        found = self._bridge.numbers("/warehouse/read", numbers, wire.NumbersThere)
        return _as_many([word for part in found for word in part.results], numbers)

    def switch_audit(self, *, on: bool) -> None:
        """Switch automatic audit on or off."""
        self._bridge.switch("/warehouse/audit", wire.Audit(on))

    def _taken(self, path: str, numbers: Sequence[str]) -> list[Taken]:
        found = self._bridge.numbers(path, numbers, wire.NumbersTaken)
        return _as_many([word for part in found for word in part.results], numbers)


def _as_many(found: list[T], asked: Sequence[object]) -> list[T]:
    if len(found) != len(asked):
        raise Unanswered(f"{len(found)} answers to {len(asked)} questions")
    return found


def _why(answer: bytes) -> str:
    try:
        return msgspec.json.decode(answer, type=wire.Why).why
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
