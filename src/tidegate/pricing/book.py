"""A price book: a set of promotions and a catalogue, compiled once, keyed by its hash.

Always in the order of evaluation: level, at item level units before sums, priority, code. A book
never changes; another set is another book. Suspended promotions, and those that require one, are in
its hash but in none of its rules: no choice and no coupon leads to them.
"""

import hashlib
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from tidegate.pricing.buyers import Axes, holds_for
from tidegate.pricing.checks import problems_in
from tidegate.pricing.compiling import compile_rule, in_order
from tidegate.pricing.problems import PromotionsRefused
from tidegate.pricing.promotion import Buyer, Promotion, Sku
from tidegate.pricing.result import Quote
from tidegate.pricing.rule import UNITS
from tidegate.pricing.scopes import Scopes

VIEWS_MAX = 4096  # (time cell, buyer class) pairs that are remembered


class PriceBook:
    """Promotions and catalogue compiled for `tidegate.pricing.price.price`.

    `masks[sku]` has the bits of the promotions that reach a SKU; bit k is `rules[k]`.
    """

    def __init__(
        self, promotions: Iterable[Promotion], catalogue: Iterable[Sku], version: int = 0
    ) -> None:
        """Compile. Raises PromotionsRefused with every problem that `checks.problems_in` finds."""
        given = tuple(promotions)
        skus = tuple(sorted(catalogue, key=lambda sku: sku.code))
        scopes = Scopes(skus)
        problems = problems_in(given, scopes)
        if problems:
            raise PromotionsRefused(problems)
        self.skus = skus
        self.scopes = scopes
        self.number_of: Mapping[str, int] = scopes.number_of
        self.list_prices_fen = [sku.list_price_fen for sku in skus]
        self.promotions = in_order(given)  # those that can apply
        places = {promotion.code: k for k, promotion in enumerate(self.promotions)}
        self.rules = [
            compile_rule(promotion, self.promotions, places, scopes)
            for promotion in self.promotions
        ]
        self.codes = [rule.code for rule in self.rules]
        self.masks = [0] * len(skus)
        for rule, promotion in zip(self.rules, self.promotions, strict=True):
            bit = 1 << rule.place
            for number in scopes.reach(promotion):
                self.masks[number] |= bit
        self._index_choices()
        self.units_mask = mask_of(rule.place for rule in self.rules if rule.phase == UNITS)
        self.edges_ms = sorted({t for rule in self.rules for t in (rule.start_ms, rule.end_ms)})
        self._axes = Axes(self.promotions)
        self._views: dict[tuple[int, Buyer], int] = {}
        self.quote = Quote(version, book_hash(given, skus))

    def _index_choices(self) -> None:
        """Which words of a buyer's choice name which promotion."""
        self.choice_bits: dict[str, int] = {}
        for place, promotion in enumerate(self.promotions):
            if promotion.is_chosen:
                self.choice_bits[promotion.code] = 1 << place
                if promotion.coupon is not None and promotion.coupon.code is not None:
                    self.choice_bits[promotion.coupon.code] = 1 << place
        places = range(len(self.promotions))
        self.chosen_mask = mask_of(k for k in places if self.promotions[k].is_chosen)
        self.automatic_mask = mask_of(places) & ~self.chosen_mask
        self.may_run_out_mask = mask_of(k for k in places if self.promotions[k].may_run_out)

    def active_mask(self, buyer: Buyer, time_ms: int) -> int:
        """The promotions whose window holds the moment and whose conditions hold for the buyer."""
        key = (bisect_right(self.edges_ms, time_ms), self._axes.place_of(buyer))
        mask = self._views.get(key)
        if mask is None:
            mask = self.on_at(time_ms) & self.open_to(buyer)
            if len(self._views) < VIEWS_MAX:
                self._views[key] = mask
        return mask

    def on_at(self, time_ms: int) -> int:
        """The promotions whose window holds the moment."""
        return mask_of(rule.place for rule in self.rules if rule.start_ms <= time_ms < rule.end_ms)

    def open_to(self, buyer: Buyer) -> int:
        """The promotions whose conditions hold for the buyer."""
        return mask_of(k for k, p in enumerate(self.promotions) if holds_for(p.buyers, buyer))

    def time_cells(self) -> tuple[int, ...]:
        """A moment of every stretch of time in which the same promotions are on."""
        return tuple(self.edges_ms[:-1])

    def buyer_classes(self) -> tuple[Buyer, ...]:
        """A buyer of every class that any promotion tells apart, at any time."""
        classes: dict[int, Buyer] = {}
        for buyer in self._axes.buyers():
            classes.setdefault(self.open_to(buyer), buyer)
        return tuple(classes.values())


def mask_of(places: Iterable[int]) -> int:
    """The mask with the bits of some places."""
    mask = 0
    for place in places:
        mask |= 1 << place
    return mask


def book_hash(promotions: Iterable[Promotion], skus: Sequence[Sku]) -> str:
    """SHA-256 over promotions and catalogue, each by code, in hexadecimal."""
    by_code = sorted(promotions, key=lambda promotion: promotion.code)
    total = hashlib.sha256(b"tidegate price book 1\0")
    total.update(msgspec.json.encode(by_code, order="deterministic") + b"\0")
    total.update(msgspec.json.encode(skus, order="deterministic"))
    return total.hexdigest()
