"""What a channel may still sell, as far as we know: lowered by each sale that is heard.

Always an upper bound of what the channel really shows: what is not known for sure is not taken off.
Never: a sale from before a reading is taken off a second time.
"""

import json
import sqlite3
from collections.abc import Iterable
from typing import NamedTuple

from tidegate.channels.capabilities import Capabilities


class Told(NamedTuple):
    """What a feed told of an order, as far as the channel's stock goes."""

    lines: str  # JSON: [[sku, units], …]
    placed_ms: int
    changed_ms: int


class ShownUnits:
    """One channel's counting, by what its kind is known to do."""

    def __init__(self, channel: str, kind: Capabilities) -> None:
        self._channel = channel
        self._kind = kind
        self._deducts_at_placing = kind.deducts_stock.value == "placed"

    def recorded(self, connection: sqlite3.Connection, told: Told, *, is_paid: bool) -> None:
        """A new order: the channel took its units, now or when it is paid."""
        if self._deducts_at_placing:
            self._move(connection, told.lines, -1, told.placed_ms)
        elif is_paid:
            self._move(connection, told.lines, -1, told.changed_ms)

    def paid(self, connection: sqlite3.Connection, told: Told) -> None:
        """An order that was known as unpaid is paid."""
        if not self._deducts_at_placing:
            self._move(connection, told.lines, -1, told.changed_ms)

    def cancelled(self, connection: sqlite3.Connection, told: Told, *, was_paid: bool) -> None:
        """An order is cancelled: its units may be shown again, without anybody asking us."""
        was_taken = was_paid or self._deducts_at_placing
        if was_taken and self._kind.restores_itself(was_paid=was_paid):
            self._move(connection, told.lines, +1, told.changed_ms)

    def _move(self, connection: sqlite3.Connection, lines: str, sign: int, moment_ms: int) -> None:
        rows: Iterable[tuple[object, ...]] = [
            (sign * units, self._channel, sku, moment_ms) for sku, units in json.loads(lines)
        ]
        connection.executemany(
            "UPDATE offer SET shown = max(0, shown + ?) WHERE channel = ? AND sku = ?"
            " AND read_ms < ? - coalesce((SELECT skew_ms FROM feed"
            " WHERE feed.channel = offer.channel), 0)",
            rows,
        )
