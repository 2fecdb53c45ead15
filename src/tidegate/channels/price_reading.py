"""Prices read back: what a buyer would pay on a channel, against what the shop says it costs.

    every few minutes, and within START_READ_MS of every promotion's start ──► read ──► compare

Always: a price that differs, is below its floor or cannot be read raises an alarm with a flag of
the desk, and nothing at that price is released before a person has looked. Never: an item that is
off the shelf, or a channel that tells no prices, counts as wrong.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from tidegate.channels.alarms import BELOW_FLOOR, PRICE_DIFFERS, UNREADABLE, Alarms, Wish
from tidegate.channels.ledger import Ledger
from tidegate.channels.ports import (
    OurPrice,
    OurPrices,
    PriceSource,
    PromotionStart,
    RefusedOutside,
    Unanswered,
)

PIECE_MAX = 500  # items of one call
START_FIRST_MS = 3_000  # after a start: a platform may still show what it kept a moment before
START_READ_MS = 60_000
START_BACK_MS = 600_000  # a start that was missed is still looked at
AGAIN_MS = 5_000
FAILURES_MAX = 3  # in a row, before a channel's prices count as unreadable
SHOP_FLAG_SKUS = 50  # so many at once are no single mistake: the whole shop is flagged


class Compared(NamedTuple):
    """What one turn came to, counted."""

    read: int = 0
    wrong: int = 0
    unreadable: int = 0


class Offered(NamedTuple):
    """An item that a buyer can see."""

    sku: str
    item: str


class PriceReading:
    """One channel's prices. Called from one thread at a time."""

    def __init__(
        self,
        channel: str,
        ledger: Ledger,
        ours: OurPrices,
        source: PriceSource,
        every_ms: int,
        on_start: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_start`: what else is to be read when a promotion has begun."""
        self.channel = channel
        self._ledger = ledger
        self._ours = ours
        self._source = source
        self._every_ms = every_ms
        self._on_start = on_start
        self._alarms = Alarms(ledger)
        self._next_ms = 0
        self._failures = 0
        self.untold = ""  # why this channel tells no prices

    def turn(self, now_ms: int) -> Compared:
        """Read if it is due. A channel's silence is counted, and becomes an alarm."""
        starts = self._unread_starts(now_ms)
        is_due = now_ms >= self._next_ms
        if not starts and not is_due:
            return Compared()
        if is_due:
            self._next_ms = now_ms + self._every_ms
        elif now_ms < self._next_ms - self._every_ms + AGAIN_MS and self._failures:
            return Compared()  # it was asked a moment ago
        since_ms = max((start.start_ms for start in starts), default=0)
        try:
            found = self._read(now_ms, max(since_ms, now_ms - 2 * self._every_ms))
        except RefusedOutside as refused:
            self.untold = str(refused)[:200] or "it tells no prices"
            return Compared()
        except Unanswered:
            self._failed(starts, now_ms)
            return Compared(unreadable=1)
        self._failures, self.untold = 0, ""
        self._alarms.readable_again(self.channel, "", now_ms)
        self._mark_read(starts, now_ms)
        return found

    # -- when ------------------------------------------------------------------------------------

    def _unread_starts(self, now_ms: int) -> list[PromotionStart]:
        """Promotions that have begun and were not looked at since."""
        begun = self._ours.starts(now_ms - START_BACK_MS, now_ms - START_FIRST_MS + 1)
        if not begun:
            return []
        known = {
            PromotionStart(code, start_ms)
            for code, start_ms in self._ledger.ask(
                "SELECT promotion, start_ms FROM price_start WHERE channel = ? AND read_ms > 0",
                (self.channel,),
            )
        }
        return [start for start in begun if start not in known]

    def _mark_read(self, starts: Sequence[PromotionStart], now_ms: int) -> None:
        if not starts:
            return
        with self._ledger.writing() as connection:
            connection.executemany(
                "INSERT INTO price_start (channel, promotion, start_ms, read_ms)"
                " VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET read_ms = excluded.read_ms",
                [(self.channel, start.promotion, start.start_ms, now_ms) for start in starts],
            )
        self._on_start()

    def _failed(self, starts: Sequence[PromotionStart], now_ms: int) -> None:
        """Nobody answered: after a start that is an alarm at once when its minute is over."""
        self._failures += 1
        self._next_ms = min(self._next_ms, now_ms + AGAIN_MS * min(self._failures, 12))
        late = [s for s in starts if now_ms - s.start_ms >= START_READ_MS - AGAIN_MS]
        for start in late:
            self._alarms.raise_one(
                self.channel, UNREADABLE, now_ms, promotion=start.promotion,
                flags=("promotion", start.promotion),
            )  # fmt: skip
        if not starts and self._failures >= FAILURES_MAX:
            self._alarms.raise_one(self.channel, UNREADABLE, now_ms)

    # -- what ------------------------------------------------------------------------------------

    def _read(self, now_ms: int, not_before_ms: int) -> Compared:
        offers = [
            Offered(*row)
            for row in self._ledger.ask(
                "SELECT sku, item FROM offer WHERE channel = ? AND listed = 1 AND shown > 0"
                " ORDER BY sku",
                (self.channel,),
            )
        ]
        found: dict[str, int] = {}
        for at in range(0, len(offers), PIECE_MAX):
            items = [offer.item for offer in offers[at : at + PIECE_MAX]]
            found |= self._source.read_prices(items, not_before_ms)
        ours = self._ours.of(self.channel, [offer.sku for offer in offers], now_ms)
        self._keep(offers, found, ours, now_ms)
        return self._compare(offers, found, ours, now_ms)

    def _compare(
        self,
        offers: Sequence[Offered],
        found: Mapping[str, int],
        ours: Mapping[str, OurPrice],
        now_ms: int,
    ) -> Compared:
        wishes: list[Wish] = []
        unread = self._alarms.unreadable(self.channel)
        for offer in offers:
            price, read_fen = ours.get(offer.sku), found.get(offer.item)
            if price is None:
                continue  # the shop itself sells it for nothing that anybody knows
            if read_fen is None:
                wishes.append(self._wish(UNREADABLE, offer, {}))
                continue
            if offer.sku in unread:
                self._alarms.readable_again(self.channel, offer.sku, now_ms)
            kind = verdict(read_fen, price)
            if kind:
                figures = {"read_fen": read_fen, **price._asdict()}
                wishes.append(self._wish(kind, offer, figures))
        if len(wishes) > SHOP_FLAG_SKUS:  # so many at once: one flag for the shop
            wishes = [one._replace(flags=("shop", "")) for one in wishes]
        self._alarms.raise_all(wishes, now_ms)
        unreadable = sum(one.kind == UNREADABLE for one in wishes)
        return Compared(len(found), len(wishes) - unreadable, unreadable)

    def _wish(self, kind: str, offer: Offered, figures: dict[str, object]) -> Wish:
        flags = ("sku", offer.sku)
        return Wish(self.channel, kind, offer.sku, offer.item, "", figures, flags)

    def _keep(
        self,
        offers: Sequence[Offered],
        found: Mapping[str, int],
        ours: Mapping[str, OurPrice],
        now_ms: int,
    ) -> None:
        """What was read last, for people."""
        with self._ledger.writing() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO price_read VALUES (?, ?, ?, ?, ?)",
                [
                    (self.channel, offer.sku, now_ms, found.get(offer.item),
                     ours[offer.sku].price_fen if offer.sku in ours else None)
                    for offer in offers
                ],
            )  # fmt: skip


def verdict(read_fen: int, price: OurPrice) -> str:
    """The kind of alarm of one price; "" = right.

    Who pays for a discount that the shop does not know of is unknown: it counts as the shop's.
    """
    receivable_fen = price.receivable_fen if read_fen == price.price_fen else read_fen
    if receivable_fen < price.floor_fen:
        return BELOW_FLOOR
    return PRICE_DIFFERS if read_fen != price.price_fen else ""
