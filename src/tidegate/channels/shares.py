"""Channels that sell from one pool: together they never show more than it has.

Always: a channel's refill leaves room for what the others may still sell, what is under way to them
included; where the ratios (同步比例) add up to more than all, each is scaled down. Never: one
channel's silence is waited for: room is kept for it instead.
"""

import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from tidegate.channels.ledger import Ledger
from tidegate.channels.offers import ALL_BP, OfferTerms
from tidegate.channels.ports import Shop

KEPT_MS = 2_000  # how long sums of ratios are kept


class Peers(NamedTuple):
    """Who else sells from a channel's pool, and what all promise of each SKU together."""

    pool: str
    channels: tuple[str, ...]
    ratios_bp: dict[str, int]


ALONE = Peers("", (), {})


class SharedShelves:
    """One shop's. `turns` is held from looking at the others until what is wanted is reserved."""

    def __init__(self, ledger: Ledger, shop: Shop) -> None:
        self.turns = threading.Lock()
        self._ledger = ledger
        self._shop = shop
        self._reserved: dict[str, Mapping[str, int]] = {}
        self._known: dict[str, tuple[int, Peers]] = {}

    def peers(self, channel: str, now_ms: int) -> Peers:
        """Who shares a pool with a channel."""
        kept_ms, known = self._known.get(channel, (0, ALONE))
        if kept_ms and now_ms - kept_ms < KEPT_MS:
            return known
        found = self._peers(channel)
        self._known[channel] = (max(1, now_ms), found)
        return found

    def _peers(self, channel: str) -> Peers:
        pool = self._shop.pool_of(channel)
        offering = [name for (name,) in self._ledger.ask("SELECT DISTINCT channel FROM offer")]
        others = tuple(
            name for name in offering if name != channel and self._shop.pool_of(name) == pool
        )
        if not pool or not others:
            return ALONE
        whole = {name: _terms_of(settings) for name, settings in
                 self._ledger.ask("SELECT channel, settings FROM connection")}  # fmt: skip
        own: dict[str, int] = {}
        ratios: dict[str, int] = {}
        rows = self._ledger.of_many(
            "SELECT channel, sku, terms FROM offer WHERE channel IN", (channel, *others)
        )
        for name, sku, terms in rows:
            if terms and terms not in own:
                own[terms] = msgspec.json.decode(terms, type=OfferTerms).ratio_bp
            ratio_bp = own[terms] if terms else whole.get(name, ALL_BP)
            ratios[sku] = ratios.get(sku, 0) + ratio_bp
        return Peers(pool, others, ratios)

    def shown_by_others(self, peers: Peers, skus: Iterable[str]) -> dict[str, int | None]:
        """At most so many units may the others still sell; None = nobody knows yet."""
        found: dict[str, int | None] = dict.fromkeys(skus, 0)
        rows = [
            row
            for channel in peers.channels
            for row in self._ledger.of_many(
                "SELECT channel, sku, shown, pushing, is_increment, read_ms FROM offer"
                " WHERE channel = ? AND sku IN", list(found), before=(channel,),
            )
        ]  # fmt: skip
        for channel, sku, *row in rows:
            reserved = self._reserved.get(channel, {}).get(sku, 0)
            before, most = found[sku], _most(*row)
            found[sku] = None if before is None or most is None else before + max(most, reserved)
        return found

    def reserve(self, channel: str, wanted: Mapping[str, int]) -> None:
        """A channel is about to be shown so many; until `free` the others leave room for it."""
        self._reserved[channel] = wanted

    def free(self, channel: str) -> None:
        """What was asked for stands in the ledger now."""
        self._reserved.pop(channel, None)


def _most(shown: int, pushing: int | None, is_increment: int, read_ms: int) -> int | None:
    """An upper bound of what one channel shows; None where it was never read."""
    if pushing is None:
        return shown
    if not read_ms and not is_increment:
        return None
    return shown + max(0, pushing) if is_increment else max(shown, pushing)


def _terms_of(settings: str) -> int:
    found: dict[str, Any] = msgspec.json.decode(settings)
    return int(found.get("terms", {}).get("ratio_bp", ALL_BP))


def scaled(units: int, total_bp: int) -> int:
    """What of a pool's units the ratios may divide, so that together they are no more than all."""
    return units if total_bp <= ALL_BP else units * ALL_BP // total_bp


def room(units: int, shown: int, others: int | None) -> int:
    """How many a channel may show at most: what the others may still sell is left to them."""
    if others is None:
        return shown
    return max(shown, units - others)


def over_all(peers: Peers, skus: Sequence[str]) -> str:
    """A SKU of which more than all is promised; "" = none."""
    return next((sku for sku in skus if peers.ratios_bp.get(sku, 0) > ALL_BP), "")
