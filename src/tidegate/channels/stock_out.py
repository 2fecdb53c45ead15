"""Stock out: each channel is shown what its pool has for it, coalesced, one push a SKU at a time.

    pool ─► target ─► push ─┬─ done: shown is what was pushed
                            ├─ refused: delisted, and tried again
                            └─ unknown: read back; no refill before the feed has caught up with that

Always: what is pushed stands in the ledger before it is sent. Never: a second push of a SKU starts
while the first is unknown, or an item is refilled on a feed that lags.
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from tidegate.channels.alarms import OFF_SHELF, RATIOS, Alarms
from tidegate.channels.capabilities import Capabilities
from tidegate.channels.feeds import Feed, FeedState
from tidegate.channels.ledger import Ledger
from tidegate.channels.offer_rows import Offer, OfferRows
from tidegate.channels.offers import OfferTerms, target
from tidegate.channels.ports import (
    Pushed,
    RefusedOutside,
    Shop,
    StockChange,
    StockTarget,
    Unanswered,
)
from tidegate.channels.shares import Peers, SharedShelves, over_all, room, scaled

WHOLE = OfferTerms()
PIECE_MAX = 500  # changes of one call
REFUSED = "reduction_refused"
DELIST_REFUSED = "delist_refused"
REFUSED_AGAIN_MS = 60_000
READ_EVERY_MS = 300_000


class Told(NamedTuple):
    """What one turn came to, counted."""

    pushed: int = 0
    refused: int = 0
    unknown: int = 0
    read: int = 0
    listed: int = 0
    delisted: int = 0


class StockOut:
    """One channel's way out. Called from one thread at a time."""

    def __init__(
        self,
        channel: str,
        ledger: Ledger,
        shop: Shop,
        stock: StockTarget,
        feed: Feed,
        kind: Capabilities,
        terms: OfferTerms = WHOLE,
        shelves: SharedShelves | None = None,
    ) -> None:
        """`shelves`: what channels that sell from one pool may show together; None = no others."""
        self.channel = channel
        self._alarms = Alarms(ledger)
        self._rows = OfferRows(channel, ledger)
        self._shelves = shelves or SharedShelves(ledger, shop)
        self._ledger = ledger
        self._shop = shop
        self._stock = stock
        self._feed = feed
        self._kind = kind
        self._terms = terms
        self._own_terms: dict[str, OfferTerms] = {}
        self._opened_ms = 0
        self._next_refused_ms = 0
        self._next_read_ms = 0

    def turn(self, now_ms: int) -> Told:
        """Settle what is unknown, then push what has changed."""
        counts = dict.fromkeys(Told._fields, 0)
        feed = self._feed.state(now_ms)
        self._opened_ms = self._opened_ms or now_ms
        is_starting = now_ms - self._opened_ms < self._feed.terms.silent_ms
        try:
            self._settle(now_ms, counts)
            if is_starting and not feed.is_heard:
                return Told(**counts)  # what it shows stays until its feed has had its chance
            self._push(now_ms, feed, counts)
            self._shelve(counts)
            self._read_now_and_then(now_ms, counts)
        except Unanswered:
            counts["unknown"] += 1
        return Told(**counts)

    def stopped(self) -> bool:
        """Whether a stop is in force: then nothing is shown."""
        row = self._ledger.one("SELECT stopped FROM connection WHERE channel = ?", (self.channel,))
        return bool(row and row[0])

    # -- what is unknown -------------------------------------------------------------------------

    def _settle(self, now_ms: int, counts: dict[str, int]) -> None:
        """Read back pushes that nobody answered for."""
        lost = self._rows.waiting("pushing IS NOT NULL")
        if lost:
            counts["read"] += len(lost)
            self._rows.take_readings(lost, self._stock.read([offer.item for offer in lost]), now_ms)

    def read_soon(self) -> None:
        """Compare everything with the next turn: a promotion has begun."""
        self._next_read_ms = 0

    def _read_now_and_then(self, now_ms: int, counts: dict[str, int]) -> None:
        """Compare everything now and then: somebody may have changed something over there."""
        if now_ms < self._next_read_ms:
            return
        self._next_read_ms = now_ms + READ_EVERY_MS
        offers = self._rows.waiting("pushing IS NULL")
        for at in range(0, len(offers), PIECE_MAX):
            part = offers[at : at + PIECE_MAX]
            found = self._stock.read([offer.item for offer in part])
            counts["read"] += len(part)
            now = {offer.sku: offer for offer in self._rows.waiting("pushing IS NULL")}
            same = [now[offer.sku] for offer in part if offer.sku in now]
            self._rows.compare(same, found, now_ms)

    # -- what has changed ------------------------------------------------------------------------

    def _push(self, now_ms: int, feed: FeedState, counts: dict[str, int]) -> None:
        caught_up_ms = now_ms - feed.lag_ms if feed.is_current else 0
        peers = self._shelves.peers(self.channel, now_ms)
        if not peers.channels:
            wanted, _ = self._wanted(now_ms, feed, peers)
            self._push_all(wanted, caught_up_ms, counts)
            return
        try:
            with self._shelves.turns:
                wanted, units = self._wanted(now_ms, feed, peers)
                wanted = self._beside_others(wanted, units, peers)
                self._shelves.reserve(self.channel, {o.sku: goal for o, goal in wanted})
            self._push_all(wanted, caught_up_ms, counts)
        finally:
            self._shelves.free(self.channel)
        if sku := over_all(peers, [offer.sku for offer, _ in wanted]):
            figures = {"sku": sku, "pool": peers.pool, "ratio_bp": peers.ratios_bp[sku]}
            self._alarms.raise_one(self.channel, RATIOS, now_ms, figures=figures)

    def _wanted(
        self, now_ms: int, feed: FeedState, peers: Peers
    ) -> tuple[list[tuple[Offer, int]], dict[str, int]]:
        """What is to be shown otherwise than it is, and what the pool has of each SKU."""
        offers = self._rows.waiting("pushing IS NULL")
        available = self._available(offers)
        may_retry = now_ms >= self._next_refused_ms
        caught_up_ms = now_ms - feed.lag_ms if feed.is_current else 0
        wanted: list[tuple[Offer, int]] = []
        for offer, units in zip(offers, available, strict=True):
            own = scaled(units, peers.ratios_bp.get(offer.sku, 0))
            goal = target(own, offer.shown, self._terms_of(offer), feed,
                          self._feed.terms.silent_ms)  # fmt: skip
            if offer.is_unknown and caught_up_ms <= offer.read_ms:
                goal = min(goal, offer.shown)
            if offer.fault in (REFUSED, DELIST_REFUSED) and goal < offer.shown and not may_retry:
                continue
            if goal != offer.shown:
                wanted.append((offer, goal))
        if may_retry:
            self._next_refused_ms = now_ms + REFUSED_AGAIN_MS
        skus = [offer.sku for offer in offers]
        return wanted, dict(zip(skus, available, strict=True))

    def _beside_others(
        self, wanted: Sequence[tuple[Offer, int]], units: dict[str, int], peers: Peers
    ) -> list[tuple[Offer, int]]:
        """The same, with room for what other channels of the pool may still sell."""
        more = [offer.sku for offer, goal in wanted if goal > offer.shown]
        others = self._shelves.shown_by_others(peers, more)
        within = [
            (offer, min(goal, room(units[offer.sku], offer.shown, others[offer.sku]))
             if goal > offer.shown else goal)
            for offer, goal in wanted
        ]  # fmt: skip
        return [(offer, goal) for offer, goal in within if goal != offer.shown]

    def _push_all(
        self, wanted: Sequence[tuple[Offer, int]], caught_up_ms: int, counts: dict[str, int]
    ) -> None:
        for at in range(0, len(wanted), PIECE_MAX):
            self._push_piece(wanted[at : at + PIECE_MAX], caught_up_ms, counts)

    def _available(self, offers: Sequence[Offer]) -> list[int]:
        if self.stopped():
            return [0] * len(offers)
        found = self._shop.available(self.channel, [offer.sku for offer in offers])
        too_cheap = self._alarms.too_cheap(self.channel)  # until a person has looked
        if not too_cheap:
            return found
        return [
            0 if offer.sku in too_cheap else units
            for offer, units in zip(offers, found, strict=True)
        ]

    def _push_piece(
        self, wanted: Sequence[tuple[Offer, int]], caught_up_ms: int, counts: dict[str, int]
    ) -> None:
        changes = self._changes(wanted)
        with self._ledger.writing() as connection:
            connection.executemany(
                "UPDATE offer SET pushing = ?, push_id = push_id + 1, is_increment = ?,"
                " is_unknown = CASE WHEN read_ms < ? THEN 0 ELSE is_unknown END"
                " WHERE channel = ? AND sku = ?",
                [
                    (change.quantity, int(change.is_increment), caught_up_ms, self.channel,
                     change.sku)
                    for change in changes
                ],
            )  # fmt: skip
        answers = self._stock.push(changes)  # Unanswered: they stay in flight, and are read back
        self._store(wanted, answers, counts)

    def _changes(self, wanted: Sequence[tuple[Offer, int]]) -> list[StockChange]:
        """As increments where the channel takes them; else set to what it shows now and the step.

        So a sale that was not heard yet is not put back on the shelf by setting.
        """
        adds = self._kind.adds_stock
        now = {} if adds else self._stock.read([offer.item for offer, _ in wanted])
        found = []
        for offer, goal in wanted:
            quantity = goal - offer.shown
            if not adds:
                seen = now.get(offer.item)
                quantity = max(0, quantity + (offer.shown if seen is None else seen.quantity))
            push_id = f"{self.channel}-{offer.sku}-{offer.push_id + 1}"
            found.append(StockChange(offer.item, offer.sku, quantity, adds, push_id))
        return found

    def _store(
        self, wanted: Sequence[tuple[Offer, int]], answers: Sequence[Pushed], counts: dict[str, int]
    ) -> None:
        """A sale that was heard meanwhile has lowered `shown`: the step is added, not the goal."""
        done, refused = [], []
        for (offer, goal), answer in zip(wanted, answers, strict=True):
            if answer == "done":
                done.append((goal - offer.shown, OFF_SHELF, self.channel, offer.sku))
            elif answer == "refused":
                refused.append(offer)
        with self._ledger.writing() as connection:
            connection.executemany(
                "UPDATE offer SET shown = max(0, shown + ?), pushing = NULL,"
                " fault = CASE WHEN fault = ? THEN fault ELSE '' END"
                " WHERE channel = ? AND sku = ?",
                done,
            )
            connection.executemany(
                "UPDATE offer SET pushing = NULL, fault = ? WHERE channel = ? AND sku = ?",
                [(REFUSED, self.channel, offer.sku) for offer in refused],
            )
        counts["pushed"] += len(done)
        counts["refused"] += len(refused)
        counts["unknown"] += len(answers) - len(done) - len(refused)

    # -- the shelf -------------------------------------------------------------------------------

    def _shelve(self, counts: dict[str, int]) -> None:
        """What it refuses to lower, or has none of, goes off the shelf; the rest comes back."""
        moved: list[tuple[int, str, str]] = []
        try:
            for offer in self._rows.waiting("pushing IS NULL"):
                lists = self._terms_of(offer).lists
                is_refused = offer.fault in (REFUSED, DELIST_REFUSED)
                if offer.listed and (is_refused or (lists and offer.shown == 0)):
                    self._list(offer, moved, listed=False)
                elif not offer.listed and lists and offer.shown > 0 and not offer.fault:
                    self._list(offer, moved, listed=True)
        finally:
            with self._ledger.writing() as connection:  # once: thousands may move at a time
                connection.executemany(
                    "UPDATE offer SET listed = ? WHERE channel = ? AND sku = ?", moved
                )
            counts["listed"] += sum(listed for listed, _, _ in moved)
            counts["delisted"] += sum(1 - listed for listed, _, _ in moved)

    def _list(self, offer: Offer, moved: list[tuple[int, str, str]], *, listed: bool) -> None:
        try:
            self._stock.set_listed(offer.item, listed=listed)
        except RefusedOutside:
            if not listed:
                self._rows.blame([offer.sku], DELIST_REFUSED)
            return
        moved.append((int(listed), self.channel, offer.sku))

    # -- the ledger ------------------------------------------------------------------------------

    def _terms_of(self, offer: Offer) -> OfferTerms:
        if not offer.terms:
            return self._terms
        if offer.terms not in self._own_terms:
            self._own_terms[offer.terms] = msgspec.json.decode(offer.terms, type=OfferTerms)
        return self._own_terms[offer.terms]


def put_offers(
    ledger: Ledger, channel: str, offers: Sequence[tuple[str, str, OfferTerms | None]]
) -> None:
    """Offer SKUs on a channel: (SKU, item code, terms or None for the channel's own).

    A new one counts as a push that nobody answered: what the channel shows already is read first.
    """
    with ledger.writing() as connection:
        connection.executemany(
            "INSERT INTO offer (channel, sku, item, terms, pushing) VALUES (?, ?, ?, ?, 0)"
            " ON CONFLICT DO UPDATE SET item = excluded.item, terms = excluded.terms",
            [
                (channel, sku, item, msgspec.json.encode(terms).decode() if terms else "")
                for sku, item, terms in offers
            ],
        )
        connection.executemany(
            "INSERT OR REPLACE INTO item VALUES (?, ?, ?)",
            [(channel, item, sku) for sku, item, _ in offers],
        )
