"""How one SKU is proven, or found below its floor: cheap bounds first, then exact searches.

Always in the same order, with the same effort for the same book: what a busy machine changes is
only whether the caller's time is up. Nothing here chooses a basket by chance.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from tidegate.pricing.guard.components import Component
from tidegate.pricing.guard.lines import S
from tidegate.pricing.guard.pricer import Pricer
from tidegate.pricing.guard.rest_search import NOWHERE, Beside, RestSearch
from tidegate.pricing.guard.scenes import Scene, among
from tidegate.pricing.guard.search import NOTHING_KNOWN, Effort, Found, Result, Search

EXACT_SKUS_MAX = 4  # in a component that is searched with all its SKUs at once
SEARCHED_SKUS_MAX = 8  # in a component that is searched so where nothing else decides
BY_BOUND, BY_RESTS, BY_BASKETS = "bound", "rests", "baskets"  # what a lowest price rests on


class Nodes(NamedTuple):
    """The effort of each search, in boxes."""

    exact: int = 4_000  # for the very lowest price, where a component is small
    alone: int = 400
    rests: int = 400
    beside: int = 300
    decide: int = 50_000  # for a floor, where a component is small


class Row(NamedTuple):
    """What is known of one SKU."""

    fen: int  # certified: no basket gives less by unit
    best: Found | None
    basis: str
    searched: Search | None = None  # that found `best`

    def is_below(self, floor_fen: int) -> bool:
        """Whether a priced basket is below the floor."""
        return self.best is not None and self.best.fen < floor_fen


class Prover:
    """Proofs for one book and its floors."""

    def __init__(
        self,
        pricer: Pricer,
        scenes: Sequence[Scene],
        is_over: Callable[[], bool],
        nodes: Nodes = Nodes(),  # noqa: B008 -- it cannot be changed
    ) -> None:
        self.pricer = pricer
        self.book = pricer.book
        self.floors_fen = pricer.floors.fen
        self.scenes = scenes
        self.is_over = is_over
        self.nodes = nodes
        self.beside = Beside(pricer.book)
        self._among: dict[int, list[Scene]] = {}

    def scenes_among(self, reach: int) -> list[Scene]:
        """The scenes as far as some promotions go."""
        known = self._among.get(reach)
        if known is None:
            known = self._among[reach] = among(self.scenes, reach)
        return known

    def effort(self, nodes: int) -> Effort:
        """So many boxes, or until the caller's time is up."""
        return Effort(nodes, self.is_over)

    def by_bound(self, sku: int) -> Row:
        """One bound over every basket at once."""
        mask = self.book.masks[sku]
        search = RestSearch(self.pricer, sku, self.scenes_among(mask), self.beside.whole(mask))
        lowest = NOWHERE
        for root in search.roots(sku):
            if self.is_over():
                return Row(NOTHING_KNOWN, None, BY_BOUND)
            lowest = min(lowest, search.bound(root, sku))
        return Row(lowest // S, None, BY_BOUND)

    def in_component(self, sku: int, component: Component) -> Row:
        """Every basket of a small component: the lowest price, or at least the floor."""
        search = Search(self.pricer, component, self.scenes_among(component.reach))
        result = search.lowest(sku, None, self.effort(self.nodes.exact))
        floor_fen = self.floors_fen[sku]
        found_below = result.best is not None and result.best.fen < floor_fen
        if not result.is_whole and not found_below and result.certified_fen < floor_fen:
            again = search.lowest(sku, floor_fen, self.effort(self.nodes.decide))
            result = better(result, again)
        return Row(result.certified_fen, result.best, BY_BASKETS, search)

    def in_crowd(self, sku: int, row: Row, component: Component) -> Row:
        """A SKU that meets many others, and that one bound did not prove."""
        floor_fen = self.floors_fen[sku]
        mask = self.book.masks[sku]
        alone = self.with_others(sku, (), self.nodes.alone)
        row = Row(row.fen, alone.best, row.basis, alone.searched)
        if row.is_below(floor_fen):
            return row
        scenes = self.scenes_among(mask)
        search = RestSearch(self.pricer, sku, scenes, self.beside.groups(mask))
        result = search.lowest(sku, floor_fen, self.effort(self.nodes.rests))
        row = row._replace(fen=max(row.fen, result.certified_fen), basis=BY_RESTS)
        if row.fen >= floor_fen:
            return row
        for others in self.companions(sku):
            tried = self.with_others(sku, others, self.nodes.beside)
            if tried.is_below(floor_fen):
                return row._replace(best=tried.best, searched=tried.searched)
            if self.is_over():
                return row
        if len(component.skus) <= SEARCHED_SKUS_MAX:
            whole = self.in_component(sku, component)
            return whole._replace(fen=max(whole.fen, row.fen))
        return row

    def with_others(self, sku: int, others: tuple[int, ...], nodes: int) -> Row:
        """A SKU with a few named others: whether they reach below the floor together."""
        skus = tuple(sorted((sku, *others)))
        reach = 0
        for number in skus:
            reach |= self.book.masks[number]
        search = Search(self.pricer, Component(skus, reach), self.scenes_among(reach))
        result = search.lowest(sku, self.floors_fen[sku], self.effort(nodes))
        return Row(result.certified_fen, result.best, BY_BASKETS, search)

    def companions(self, sku: int) -> list[tuple[int, ...]]:
        """Others to try beside a SKU: of each promotion it shares the cheapest and the dearest."""
        mask = self.book.masks[sku]
        prices_fen = self.book.list_prices_fen
        found: list[int] = []
        for place in range(mask.bit_length()):
            if mask >> place & 1:
                sharing = [
                    other
                    for known, skus in self.beside.members.items()
                    if known >> place & 1
                    for other in skus
                    if other != sku
                ]
                if sharing:
                    by_price = [(prices_fen[other], other) for other in sharing]
                    found += [min(by_price)[1], max(by_price)[1]]
        distinct = list(dict.fromkeys(found))
        tried: list[tuple[int, ...]] = [(other,) for other in distinct[:6]]
        return tried + [(one, two) for one in distinct[:3] for two in distinct[:3] if one < two]


def better(one: Result, two: Result) -> Result:
    """What two searches of the same baskets certify and found together."""
    found = [result.best for result in (one, two) if result.best is not None]
    best = min(found, key=lambda row: row.fen, default=None)
    return Result(max(one.certified_fen, two.certified_fen), best, two.is_whole)
