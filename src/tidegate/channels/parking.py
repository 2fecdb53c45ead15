"""Orders that cannot be recorded yet: kept with a reason, tried again, never dropped.

Always: a number is parked once, with the newest reason. Never: holds who buys; of people only
tokens and a keyed hash of the recipient.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from tidegate.channels.feed_order import FeedOrder
from tidegate.channels.ledger import Ledger

BATCH = 1000
REFUSED_AGAIN_MS = 3_600_000  # the desk's answer changes with time only
UNMAPPED, MALFORMED, REFUSED = "sku_unmapped", "malformed", "refused"
CHANGED = "content_changed"


class Parked(NamedTuple):
    """An order that cannot be recorded yet: what is known of it without its buyer."""

    number: str
    reason: str
    order: FeedOrder | None
    tokens: tuple[int, ...]
    recipient: bytes


class Parking:
    """One channel's parked orders."""

    def __init__(self, channel: str, ledger: Ledger, now_ms: Callable[[], int]) -> None:
        self._channel = channel
        self._ledger = ledger
        self._now_ms = now_ms

    def park(self, parked: Sequence[Parked]) -> None:
        """Keep what cannot be recorded, with its reason."""
        if not parked:
            return
        now_ms = self._now_ms()
        with self._ledger.writing() as connection:
            connection.executemany(
                "INSERT INTO parked VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
                " reason = excluded.reason, last_ms = excluded.last_ms,"
                " feed_order = excluded.feed_order, tokens = excluded.tokens,"
                " recipient = excluded.recipient",
                [
                    (
                        self._channel, one.number, one.reason, now_ms, now_ms,
                        None if one.order is None else msgspec.json.encode(one.order),
                        msgspec.json.encode(one.tokens), one.recipient,
                    )
                    for one in parked
                ],
            )  # fmt: skip

    def unpark(self, numbers: Sequence[str]) -> None:
        """They are recorded, or known by another way."""
        if numbers:
            with self._ledger.writing() as connection:
                connection.executemany(
                    "DELETE FROM parked WHERE channel = ? AND number = ?",
                    [(self._channel, number) for number in numbers],
                )

    def again(self) -> Iterator[Parked]:
        """What may be tried once more: a mapping may have come, or a clock been set right."""
        rows = self._ledger.ask(
            "SELECT number, reason, feed_order, tokens, recipient FROM parked WHERE channel = ?"
            " AND feed_order IS NOT NULL AND (reason NOT LIKE 'refused%' OR last_ms < ?)"
            " ORDER BY first_ms LIMIT ?",
            (self._channel, self._now_ms() - REFUSED_AGAIN_MS, BATCH),
        )
        for number, reason, body, tokens, recipient in rows:
            order = msgspec.json.decode(body, type=FeedOrder)
            yield Parked(number, reason, order, tuple(msgspec.json.decode(tokens)), recipient)


def dismiss(ledger: Ledger, channel: str, number: str) -> bool:
    """A person has looked at a parked order, and it is done with; False where there is none."""
    with ledger.writing() as connection:
        found = connection.execute(
            "DELETE FROM parked WHERE channel = ? AND number = ?", (channel, number)
        )
    return bool(found.rowcount)
