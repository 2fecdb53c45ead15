"""The catalogue as promotions see it: SKU numbers by code, and which SKUs a scope reaches.

Always numbered in the order of SKU codes, so numbers of one catalogue are the same wherever it is
read. A SKU without a cost is reached by no promotion: it sells at list price only.
"""

from collections.abc import Sequence

from tidegate.pricing.effects import AddOn, BundlePrice
from tidegate.pricing.promotion import Promotion, Scope, Sku


class Scopes:
    """What scopes reach in one catalogue. `skus` must be sorted by code."""

    def __init__(self, skus: Sequence[Sku]) -> None:
        self.skus = skus
        self.number_of = {sku.code: number for number, sku in enumerate(skus)}
        self.has_cost = [sku.cost_fen is not None for sku in skus]
        self.with_cost = [number for number, known in enumerate(self.has_cost) if known]
        self._found: dict[int, tuple[Scope, list[int]]] = {}
        self.of_category: dict[str, list[int]] = {}
        for number, sku in enumerate(skus):
            for category in sku.categories:
                self.of_category.setdefault(category, []).append(number)

    def named(self, scope: Scope) -> list[int]:
        """The SKUs of a scope, with or without a cost; unknown codes are left out."""
        kept = self._found.get(id(scope))  # the scope is kept too, so its id stays its own
        if kept is None:
            kept = self._found[id(scope)] = (scope, self._look_up(scope))
        return kept[1]

    def _look_up(self, scope: Scope) -> list[int]:
        left_out = {self.number_of[code] for code in scope.except_skus if code in self.number_of}
        for category in scope.except_categories:
            left_out.update(self.of_category.get(category, ()))
        if scope.all:
            found: set[int] | range = range(len(self.skus))
        else:
            found = {self.number_of[code] for code in scope.skus if code in self.number_of}
            for category in scope.categories:
                found.update(self.of_category.get(category, ()))
        return sorted(number for number in found if number not in left_out)

    def reach(self, promotion: Promotion) -> list[int]:
        """The SKUs that a promotion touches or counts: its scope, its parts, its add-ons."""
        effect = promotion.effect
        if isinstance(effect, BundlePrice):
            codes = sorted(effect.parts)
            return [self.number_of[code] for code in codes if code in self.number_of]
        found = [number for number in self.named(promotion.scope) if self.has_cost[number]]
        if isinstance(effect, AddOn):
            known = {self.number_of[code] for code in effect.prices_fen if code in self.number_of}
            found = sorted({*found, *known})
        return [number for number in found if self.has_cost[number]]
