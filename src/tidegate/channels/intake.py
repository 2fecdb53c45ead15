"""Orders in: each platform order number is recorded once, or parked with a reason; nothing is lost.

    page → known? → tokens → mapped? → asked (ledger) → desk → recorded (ledger)

Always: the rows of a new order are in the ledger before the desk is asked, so a crash in between
asks the very same rows again. Never: releases anything, or drops an order that it cannot record.
"""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np

from tidegate.channels.asking import Asking
from tidegate.channels.capabilities import Capabilities
from tidegate.channels.changes import Changes, KnownOrder
from tidegate.channels.feed_order import FeedOrder, Malformed
from tidegate.channels.ledger import Ledger, key_bytes, key_of
from tidegate.channels.order_rows import content_print, due_fen, fact_rows
from tidegate.channels.ports import Key
from tidegate.channels.shown_units import ShownUnits, Told
from tidegate.domain.reasons import REASON_TEXTS, Reason
from tidegate.record.lines import KEY_KIND_COUNT, LINE, NO_SKU

RECIPIENT_SPACE = "\0recipient"
PIECE_MAX = 2048  # orders that share a transaction and a call of the desk
PARKED_BATCH = 1000
REFUSED_AGAIN_MS = 3_600_000  # the desk's answer changes with time only
ABSENT = ("", "refused")
UNMAPPED, MALFORMED, REFUSED = "sku_unmapped", "malformed", "refused"


class Parked(NamedTuple):
    """An order that cannot be recorded yet: what is known of it without its buyer."""

    number: str
    reason: str
    order: FeedOrder | None
    tokens: tuple[int, ...]
    recipient: bytes


class Taken(NamedTuple):
    """What became of a piece of a feed, counted."""

    heard: int = 0
    recorded: int = 0
    parked: int = 0
    changed: int = 0
    repeated: int = 0

    def plus(self, other: "Taken") -> "Taken":
        """Both together."""
        return Taken(*(a + b for a, b in zip(self, other, strict=True)))


class New(NamedTuple):
    """A new order, ready to be recorded."""

    order: FeedOrder
    key: Key
    tokens: tuple[int, ...]
    recipient: bytes


class Intake:
    """One channel's way in. Called from one thread at a time."""

    def __init__(
        self,
        channel: str,
        ledger: Ledger,
        asking: Asking,
        kind: Capabilities,
        verified: int = 1,
    ) -> None:
        """`kind`: what the channel can do. `verified`: bit k, it vouches for keys of kind k."""
        self.channel = channel
        self._ledger = ledger
        self._asking = asking
        self._shop = asking.shop
        self._verified = verified
        self._shown = ShownUnits(channel, kind)
        self._changes = Changes(channel, ledger, asking, self._shown)

    def resume(self) -> int:
        """Ask again whatever was asked when the process ended; how many."""
        rows = self._ledger.ask(
            "SELECT key, rows FROM orders WHERE state = 'asked' AND channel = ?", (self.channel,)
        )
        for at in range(0, len(rows), PIECE_MAX):
            self._record(rows[at : at + PIECE_MAX])
        return len(rows)

    def take(self, orders: Sequence[FeedOrder], malformed: Sequence[Malformed] = ()) -> Taken:
        """Take in a part of a feed, in any order, with any repeats. Raises what the desk raises.

        After it returned everything in it is recorded or parked, durably.
        """
        self._park([Parked(f"?{bad.name}"[:64], f"{MALFORMED}: {bad.why}"[:200], None, (), b"")
                    for bad in malformed])  # fmt: skip
        total = Taken(heard=len(malformed), parked=len(malformed))
        newest = newest_of(orders)
        for at in range(0, len(newest), PIECE_MAX):
            total = total.plus(self._take_piece(newest[at : at + PIECE_MAX]))
        return total._replace(repeated=total.repeated + len(orders) - len(newest))

    def take_parked(self) -> Taken:
        """Try what is parked once more: a mapping may have come, or a clock been set right."""
        rows = self._ledger.ask(
            "SELECT feed_order, tokens, recipient FROM parked WHERE channel = ?"
            " AND feed_order IS NOT NULL AND (reason NOT LIKE 'refused%' OR last_ms < ?)"
            " ORDER BY first_ms LIMIT ?",
            (self.channel, self._shop.now_ms() - REFUSED_AGAIN_MS, PARKED_BATCH),
        )
        found = []
        for body, tokens, recipient in rows:
            order = msgspec.json.decode(body, type=FeedOrder)
            key = self._shop.order_key(self.channel, order.number)
            found.append(New(order, key, tuple(msgspec.json.decode(tokens)), recipient))
        return self._take_new(found) if found else Taken()

    # -- pieces ----------------------------------------------------------------------------------

    def _take_piece(self, orders: Sequence[FeedOrder]) -> Taken:
        keys = [self._shop.order_key(self.channel, order.number) for order in orders]
        packed = [key_bytes(key) for key in keys]
        known = self._known(packed)
        changed: list[tuple[KnownOrder, FeedOrder, bytes]] = []
        new: list[tuple[FeedOrder, Key]] = []
        repeated = 0
        for order, key, name in zip(orders, keys, packed, strict=True):
            row = known.get(name)
            if row is None:
                new.append((order, key))
            elif self._is_news(row, order):
                changed.append((row, order, self._recipient(order)))
            else:
                repeated += 1
        self._changes.apply(changed)
        total = Taken(heard=len(orders), changed=len(changed), repeated=repeated)
        return total.plus(self._take_new(self._without_people(new))) if new else total

    def _known(self, keys: Iterable[bytes]) -> dict[bytes, KnownOrder]:
        statement = f"SELECT {', '.join(KnownOrder._fields)} FROM orders WHERE key IN"  # noqa: S608 -- our own names
        return {row[0]: KnownOrder(*row) for row in self._ledger.of_many(statement, keys)}

    def _is_news(self, row: KnownOrder, order: FeedOrder) -> bool:
        """Whether it tells something that is not known; what is older than what is known is not."""
        if order.changed_at < row.changed_ms:
            return False
        if order.status != row.status or content_print(order) != row.print:
            return True
        return order.changed_at > row.changed_ms and self._recipient(order) != row.recipient

    def _without_people(self, new: Sequence[tuple[FeedOrder, Key]]) -> list[New]:
        """Exchange who buys for tokens, all at once, before anything is kept."""
        asked = [pair for order, _ in new for pair in order.buyer_keys()]
        tokens = iter(self._shop.tokens(asked))
        found = []
        for order, key in new:
            placed = [0] * KEY_KIND_COUNT
            for kind, _ in order.buyer_keys():
                placed[kind] = next(tokens)
            found.append(New(order.without_buyer(), key, tuple(placed), self._recipient(order)))
        return found

    def _recipient(self, order: FeedOrder) -> bytes:
        handle = order.recipient or order.address
        return key_bytes(self._shop.order_key(RECIPIENT_SPACE, handle)) if handle else b""

    # -- new ones --------------------------------------------------------------------------------

    def _take_new(self, found: Sequence[New]) -> Taken:
        skus = self._mapped({line.item for new in found for line in new.order.lines})
        channel = self._shop.channel_number(self.channel)
        ready: list[tuple[Any, ...]] = []
        parked: list[Parked] = []
        for new in found:
            missing = next((x.item for x in new.order.lines if x.item not in skus), None)
            if channel is None or missing is not None:
                why = "channel_unknown" if channel is None else f"{UNMAPPED}: {missing}"
                parked.append(Parked(new.order.number, why, new.order, new.tokens, new.recipient))
            else:
                ready.append(self._ledger_row(new, channel, skus))
        self._park(parked)
        self._store(ready)
        asked = [(row[0], row[10]) for row in ready if row[3] == "asked"]
        refused = self._record(asked) if asked else {}
        by_key = {key_bytes(new.key): new for new in found} if refused else {}
        for key, why in refused.items():
            new = by_key[key]
            self._park([Parked(new.order.number, why, new.order, new.tokens, new.recipient)])
        return Taken(recorded=len(ready) - len(refused), parked=len(parked) + len(refused))

    def _mapped(self, items: set[str]) -> dict[str, tuple[str, int]]:
        """SKU code and number of every item code that has one; unmapped ones name themselves."""
        statement = "SELECT item, sku FROM item WHERE channel = ? AND item IN"
        codes = {item: item for item in items}
        codes |= dict(self._ledger.of_many(statement, items, before=(self.channel,)))
        numbers = {item: (code, self._shop.sku_number(code)) for item, code in codes.items()}
        return {item: found for item, found in numbers.items() if found[1] != NO_SKU}

    def _ledger_row(
        self, new: New, channel: int, skus: dict[str, tuple[str, int]]
    ) -> tuple[Any, ...]:
        order = new.order
        lines = json.dumps([[skus[line.item][0], line.quantity] for line in order.lines])
        rows = None
        if order.status != "cancelled":  # one that was cancelled before we heard never took stock
            numbers = [skus[line.item][1] for line in order.lines]
            promotions = [
                self._shop.promotion_number(line.promotion) if line.promotion else 0
                for line in order.lines
            ]
            rows = fact_rows(
                order, new.key, channel, numbers, promotions, new.tokens, self._verified
            )
        state = "closed" if rows is None else "asked"
        return (
            key_bytes(new.key), self.channel, order.number, state, order.status, order.placed_at,
            order.changed_at, content_print(order), new.recipient, lines, rows, due_fen(order),
        )  # fmt: skip

    def _store(self, ready: Sequence[tuple[Any, ...]]) -> None:
        if not ready:
            return
        with self._ledger.writing() as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO orders (key, channel, number, state, status, placed_ms,"
                " changed_ms, print, recipient, lines, rows, due_fen)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                ready,
            )
            connection.executemany(
                "DELETE FROM parked WHERE channel = ? AND number = ?",
                [(row[1], row[2]) for row in ready],
            )

    def _record(self, asked: Sequence[tuple[bytes, bytes]]) -> dict[bytes, str]:
        """Place rows that the ledger holds, and store what came of it; which were refused, why."""
        rows = np.frombuffer(bytearray().join([rows for _, rows in asked]), LINE)
        outcomes = self._asking.place(rows)
        refused = np.flatnonzero(outcomes["reason"])
        masks, shorts = outcomes["mask"].tolist(), outcomes["short"].tolist()
        updates = [
            (mask, short, key) for (key, _), mask, short in zip(asked, masks, shorts, strict=True)
        ]
        with self._ledger.writing() as connection:
            connection.executemany(
                "UPDATE orders SET state = CASE status WHEN 'unpaid' THEN 'unpaid'"
                " ELSE 'recorded' END, mask = ?, short = ?, rows = NULL WHERE key = ?",
                updates,
            )
            self._count(connection, [key for key, _ in asked])
            reasons = [
                (asked[place][0], self._not_recorded(connection, asked[place][0], outcomes[place]))
                for place in refused.tolist()
            ]
        return {key: why for key, why in reasons if why}

    def _count(self, connection: sqlite3.Connection, keys: Sequence[bytes]) -> None:
        """Take what was sold off what the channel may still sell."""
        statement = "SELECT lines, placed_ms, changed_ms, status FROM orders WHERE key IN"
        for lines, placed_ms, changed_ms, status in self._ledger.of_many(statement, keys):
            told = Told(lines, placed_ms, changed_ms)
            self._shown.recorded(connection, told, is_paid=status != "unpaid")

    def _not_recorded(self, connection: sqlite3.Connection, key: bytes, outcome: Any) -> str:  # noqa: ANN401  one row of outcomes
        """Why even a fact cannot be; "" = the number is recorded, but stands for other content."""
        reason = Reason(int(outcome["reason"]))
        if reason is Reason.ID_REUSED and self._shop.states([key_of(key)])[0] not in ABSENT:
            connection.execute(
                "UPDATE orders SET state = 'recorded', flags = 'recorded_otherwise',"
                " reason = ?, keep = 1 WHERE key = ?",
                (int(reason), key),
            )
            return ""
        why = f"{REFUSED}: {REASON_TEXTS[reason].name}"
        now_ms = self._shop.now_ms()
        connection.execute(
            "INSERT OR REPLACE INTO parked SELECT channel, number, ?, ?, ?, NULL, NULL, recipient"
            " FROM orders WHERE key = ?",
            (why, now_ms, now_ms, key),
        )
        connection.execute("DELETE FROM orders WHERE key = ?", (key,))
        return why

    def _park(self, parked: Sequence[Parked]) -> None:
        if not parked:
            return
        now_ms = self._shop.now_ms()
        with self._ledger.writing() as connection:
            connection.executemany(
                "INSERT INTO parked VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
                " reason = excluded.reason, last_ms = excluded.last_ms,"
                " feed_order = excluded.feed_order, tokens = excluded.tokens,"
                " recipient = excluded.recipient",
                [
                    (
                        self.channel, one.number, one.reason, now_ms, now_ms,
                        None if one.order is None else msgspec.json.encode(one.order),
                        msgspec.json.encode(one.tokens), one.recipient,
                    )
                    for one in parked
                ],
            )  # fmt: skip


def newest_of(orders: Sequence[FeedOrder]) -> list[FeedOrder]:
    """One of each number, as it was last; in the order in which numbers first come."""
    newest: dict[str, FeedOrder] = {}
    for order in orders:
        known = newest.get(order.number)
        if known is None or order.changed_at >= known.changed_at:
            newest[order.number] = order
    return list(newest.values())
