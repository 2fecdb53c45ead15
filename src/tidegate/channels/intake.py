"""Orders in: each platform order number is recorded once, or parked with a reason; nothing is lost.

    page → known? → tokens → mapped? → asked (ledger) → desk → recorded (ledger)

Always: the rows of a new order are in the ledger before the desk is asked, so a crash in between
asks the very same rows again. Never: releases anything, or drops an order that it cannot record.
"""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from tidegate.channels.asking import Asking
from tidegate.channels.capabilities import Capabilities
from tidegate.channels.changes import Changes, KnownOrder, News, told_by_feed
from tidegate.channels.feed_order import FeedOrder, Malformed
from tidegate.channels.ledger import Ledger, key_bytes, key_of
from tidegate.channels.order_rows import content_print, due_fen, fact_rows, rows_print
from tidegate.channels.parking import MALFORMED, REFUSED, UNMAPPED, Parked, Parking
from tidegate.channels.ports import Key
from tidegate.channels.shown_units import ShownUnits, Told
from tidegate.desk.answers import ManyDecided
from tidegate.domain.reasons import REASON_TEXTS, Reason
from tidegate.record.lines import KEY_KIND_COUNT, LINE, NO_SKU

RECIPIENT_SPACE = "\0recipient"
PIECE_MAX = 2048  # orders that share a transaction and a call of the desk
ABSENT = ("", "refused")


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


class Recorded(NamedTuple):
    """What came of rows that were placed; `refused` says why by key, parked already."""

    decided: ManyDecided
    refused: dict[bytes, str]


class Intake:
    """One channel's way in, for its feed, its pushes and its sales. Calls take turns."""

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
        self.shop = asking.shop
        self._verified = verified
        self._shown = ShownUnits(channel, kind)
        self.changes = Changes(channel, ledger, asking, self._shown)
        self.parking = Parking(channel, ledger, asking.shop.now_ms)
        self.turns = ledger.turns(channel)

    def resume(self) -> int:
        """Ask again whatever was asked when the process ended; how many."""
        with self.turns:
            return self._resume()

    def _resume(self) -> int:
        rows = self._ledger.ask(
            "SELECT key, rows FROM orders WHERE state = 'asked' AND channel = ?", (self.channel,)
        )
        for at in range(0, len(rows), PIECE_MAX):
            self.record(rows[at : at + PIECE_MAX])
        return len(rows)

    def take(self, orders: Sequence[FeedOrder], malformed: Sequence[Malformed] = ()) -> Taken:
        """Take in a part of a feed, in any order, with any repeats. Raises what the desk raises.

        After it returned everything in it is recorded or parked, durably.
        """
        with self.turns:
            bad = [(f"?{one.name}"[:64], f"{MALFORMED}: {one.why}"[:200]) for one in malformed]
            self.parking.park([Parked(name, why, None, (), b"") for name, why in bad])
            total = Taken(heard=len(malformed), parked=len(malformed))
            newest = newest_of(orders)
            for at in range(0, len(newest), PIECE_MAX):
                total = total.plus(self._take_piece(newest[at : at + PIECE_MAX]))
            return total._replace(repeated=total.repeated + len(orders) - len(newest))

    def take_parked(self) -> Taken:
        """Try what is parked once more: a mapping may have come, or a clock been set right."""
        found = [
            New(one.order, self.shop.order_key(self.channel, one.number), one.tokens,
                one.recipient)
            for one in self.parking.again()
            if one.order is not None
        ]  # fmt: skip
        with self.turns:
            known = self.known([key_bytes(new.key) for new in found])
            for new in found:
                row = known.get(key_bytes(new.key))
                if row is not None:  # recorded otherwise meanwhile: it is news of that one
                    self._take_news([(row, new.order, new.recipient)])
            found = [new for new in found if key_bytes(new.key) not in known]
            return self._take_new(found) if found else Taken()

    # -- pieces ----------------------------------------------------------------------------------

    def _take_piece(self, orders: Sequence[FeedOrder]) -> Taken:
        keys = [self.shop.order_key(self.channel, order.number) for order in orders]
        packed = [key_bytes(key) for key in keys]
        known = self.known(packed)
        heard: list[tuple[KnownOrder, FeedOrder, bytes]] = []
        new: list[tuple[FeedOrder, Key]] = []
        for order, key, name in zip(orders, keys, packed, strict=True):
            row = known.get(name)
            if row is None:
                new.append((order, key))
            else:
                heard.append((row, order, self._recipient(order)))
        total = self._take_news(heard)._replace(heard=len(orders))
        return total.plus(self._take_new(self._without_people(new))) if new else total

    def known(self, keys: Iterable[bytes]) -> dict[bytes, KnownOrder]:
        """What the ledger knows of orders, by key; what was asked and not answered is asked now."""
        found = self._rows_of(keys)
        if any(row.state == "asked" for row in found.values()):
            self._resume()
            return self._rows_of(found)
        return found

    def _rows_of(self, keys: Iterable[bytes]) -> dict[bytes, KnownOrder]:
        statement = f"SELECT {', '.join(KnownOrder._fields)} FROM orders WHERE key IN"  # noqa: S608 -- our own names
        return {row[0]: KnownOrder(*row) for row in self._ledger.of_many(statement, keys)}

    def _take_news(self, heard: Sequence[tuple[KnownOrder, FeedOrder, bytes]]) -> Taken:
        """News of recorded orders; what a sale told of and has an unmapped item waits, parked."""
        changed: list[tuple[KnownOrder, News]] = []
        parked: list[Parked] = []
        for row, order, recipient in heard:
            if order.changed_at < row.changed_ms:
                continue
            news = told_by_feed(row, order, recipient)
            if not row.print:  # only sales told of it so far: what its rows say decides
                said = self._said_in_rows(order)
                if said is None:
                    why = f"{UNMAPPED}: of an order that a sale told of"
                    parked.append(Parked(order.number, why, order.without_buyer(), (), recipient))
                else:
                    is_other = bool(row.rows_print) and said != row.rows_print
                    changed.append((row._replace(recipient=b""), news._replace(is_other=is_other)))
            elif (
                news.is_other
                or order.status != row.status
                or (order.changed_at > row.changed_ms and recipient != row.recipient)
            ):
                changed.append((row, news))
        self.changes.apply(changed)
        self.parking.unpark([row.number for row, _ in changed if not row.print])
        self.parking.park(parked)
        repeated = len(heard) - len(changed) - len(parked)
        return Taken(len(heard), 0, len(parked), len(changed), repeated)

    def _said_in_rows(self, order: FeedOrder) -> bytes | None:
        """What a feed's order would say in rows; None where an item is not mapped."""
        skus = self._mapped({line.item for line in order.lines})
        if any(line.item not in skus for line in order.lines):
            return None
        return rows_print(self._rows_for(order, (0, 0), 0, skus, (0,) * KEY_KIND_COUNT))

    def _without_people(self, new: Sequence[tuple[FeedOrder, Key]]) -> list[New]:
        """Exchange who buys for tokens, all at once, before anything is kept."""
        asked = [pair for order, _ in new for pair in order.buyer_keys()]
        tokens = iter(self.shop.tokens(asked))
        found = []
        for order, key in new:
            placed = [0] * KEY_KIND_COUNT
            for kind, _ in order.buyer_keys():
                placed[kind] = next(tokens)
            found.append(New(order.without_buyer(), key, tuple(placed), self._recipient(order)))
        return found

    def _recipient(self, order: FeedOrder) -> bytes:
        handle = order.recipient or order.address
        return key_bytes(self.shop.order_key(RECIPIENT_SPACE, handle)) if handle else b""

    # -- new ones --------------------------------------------------------------------------------

    def _take_new(self, found: Sequence[New]) -> Taken:
        skus = self._mapped({line.item for new in found for line in new.order.lines})
        channel = self.shop.channel_number(self.channel)
        ready: list[tuple[Any, ...]] = []
        parked: list[Parked] = []
        for new in found:
            missing = next((x.item for x in new.order.lines if x.item not in skus), None)
            if channel is None or missing is not None:
                why = "channel_unknown" if channel is None else f"{UNMAPPED}: {missing}"
                parked.append(Parked(new.order.number, why, new.order, new.tokens, new.recipient))
            else:
                ready.append(self._ledger_row(new, channel, skus))
        self.parking.park(parked)
        self.store(ready)
        asked = [(row[0], row[10]) for row in ready if row[3] == "asked"]
        refused = self.record(asked).refused if asked else {}
        by_key = {key_bytes(new.key): new for new in found} if refused else {}
        for key, why in refused.items():
            new = by_key[key]
            self.parking.park([Parked(new.order.number, why, new.order, new.tokens, new.recipient)])
        return Taken(recorded=len(ready) - len(refused), parked=len(parked) + len(refused))

    def _mapped(self, items: set[str]) -> dict[str, tuple[str, int]]:
        """SKU code and number of every item code that has one; unmapped ones name themselves."""
        statement = "SELECT item, sku FROM item WHERE channel = ? AND item IN"
        codes = {item: item for item in items}
        codes |= dict(self._ledger.of_many(statement, items, before=(self.channel,)))
        numbers = {item: (code, self.shop.sku_number(code)) for item, code in codes.items()}
        return {item: found for item, found in numbers.items() if found[1] != NO_SKU}

    def _ledger_row(
        self, new: New, channel: int, skus: dict[str, tuple[str, int]]
    ) -> tuple[Any, ...]:
        order = new.order
        lines = json.dumps([[skus[line.item][0], line.quantity] for line in order.lines])
        rows = None
        if order.status != "cancelled":  # one that was cancelled before we heard never took stock
            rows = self._rows_for(order, new.key, channel, skus, new.tokens)
        state = "closed" if rows is None else "asked"
        return (
            key_bytes(new.key), self.channel, order.number, state, order.status, order.placed_at,
            order.changed_at, content_print(order), new.recipient, lines, rows, due_fen(order),
            f"[{','.join([str(line.receivable_fen) for line in order.lines])}]",
            b"" if rows is None else rows_print(rows),
        )  # fmt: skip

    def _rows_for(
        self,
        order: FeedOrder,
        key: Key,
        channel: int,
        skus: dict[str, tuple[str, int]],
        tokens: Sequence[int],
    ) -> bytes:
        numbers = [skus[line.item][1] for line in order.lines]
        promotions = [
            self.shop.promotion_number(line.promotion) if line.promotion else 0
            for line in order.lines
        ]
        return fact_rows(order, key, channel, numbers, promotions, tokens, self._verified)

    def store(self, ready: Sequence[tuple[Any, ...]]) -> None:
        """Keep orders that are about to be asked for, in the order of the columns here."""
        if not ready:
            return
        with self._ledger.writing() as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO orders (key, channel, number, state, status, placed_ms,"
                " changed_ms, print, recipient, lines, rows, due_fen, amounts, rows_print)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                ready,
            )
        self.parking.unpark([row[2] for row in ready])

    def record(self, asked: Sequence[tuple[bytes, bytes]]) -> Recorded:
        """Place rows that the ledger holds, and store what came of it; which were refused, why."""
        rows = np.frombuffer(bytearray().join([rows for _, rows in asked]), LINE)
        decided = self._asking.placed(rows)
        outcomes = decided.outcomes
        refused = np.flatnonzero(outcomes["reason"])
        masks, shorts = outcomes["mask"].tolist(), outcomes["short"].tolist()
        updates = [
            (mask, short, decided.seq, decided.position + place, key)
            for place, ((key, _), mask, short) in enumerate(zip(asked, masks, shorts, strict=True))
        ]
        with self._ledger.writing() as connection:
            connection.executemany(
                "UPDATE orders SET state = CASE status WHEN 'unpaid' THEN 'unpaid'"
                " ELSE 'recorded' END, mask = ?, short = ?, seq = ?, position = ?, rows = NULL"
                " WHERE key = ?",
                updates,
            )
            self._count(connection, [key for key, _ in asked])
            reasons = [
                (asked[place][0], self._not_recorded(connection, asked[place][0], outcomes[place]))
                for place in refused.tolist()
            ]
        return Recorded(decided, {key: why for key, why in reasons if why})

    def _count(self, connection: sqlite3.Connection, keys: Sequence[bytes]) -> None:
        """Take what was sold off what the channel may still sell."""
        statement = "SELECT lines, placed_ms, changed_ms, status FROM orders WHERE key IN"
        for lines, placed_ms, changed_ms, status in self._ledger.of_many(statement, keys):
            told = Told(lines, placed_ms, changed_ms)
            self._shown.recorded(connection, told, is_paid=status != "unpaid")

    def _not_recorded(self, connection: sqlite3.Connection, key: bytes, outcome: Any) -> str:  # noqa: ANN401  one row of outcomes
        """Why even a fact cannot be; "" = the number is recorded, but stands for other content."""
        reason = Reason(int(outcome["reason"]))
        if reason is Reason.ID_REUSED and self.shop.states([key_of(key)])[0] not in ABSENT:
            connection.execute(
                "UPDATE orders SET state = 'recorded', flags = 'recorded_otherwise',"
                " reason = ?, keep = 1 WHERE key = ?",
                (int(reason), key),
            )
            return ""
        why = f"{REFUSED}: {REASON_TEXTS[reason].name}"
        now_ms = self.shop.now_ms()
        connection.execute(
            "INSERT OR REPLACE INTO parked SELECT channel, number, ?, ?, ?, NULL, NULL, recipient"
            " FROM orders WHERE key = ?",
            (why, now_ms, now_ms, key),
        )
        connection.execute("DELETE FROM orders WHERE key = ?", (key,))
        return why


def newest_of(orders: Sequence[FeedOrder]) -> list[FeedOrder]:
    """One of each number, as it was last; in the order in which numbers first come."""
    newest: dict[str, FeedOrder] = {}
    for order in orders:
        known = newest.get(order.number)
        if known is None or order.changed_at >= known.changed_at:
            newest[order.number] = order
    return list(newest.values())
