"""The smallest counterexample: fewest units, then fewest lines, then fewest promotions.

Always priced again with a trace, to the fen. Where a component is small it is proven that no
smaller basket is below; elsewhere it is the smallest among the SKUs of the baskets found, and says
so. Nothing here decides whether a floor holds.
"""

import heapq
from collections.abc import Sequence

from tidegate.pricing.guard.answers import Counterexample
from tidegate.pricing.guard.components import Component
from tidegate.pricing.guard.figures import line_figures
from tidegate.pricing.guard.lines import S
from tidegate.pricing.guard.prove import Prover, Row
from tidegate.pricing.guard.scenes import GONE
from tidegate.pricing.guard.search import Effort, Found, Node, Search
from tidegate.pricing.price import price


def smallest_of(
    prover: Prover, rows: Sequence[Row], below: Sequence[int], remain: Sequence[int]
) -> Counterexample:
    """The smallest counterexample of all SKUs that are below."""
    by_reach: dict[tuple[int, ...], tuple[Search, list[int]]] = {}
    for sku in below:
        search = rows[sku].searched
        assert search is not None
        by_reach.setdefault(search.skus, (search, []))[1].append(sku)
    best: tuple[Found, int, Search] | None = None
    is_certain = not remain
    for search, targets in by_reach.values():
        # All SKUs of the component, so nothing else could make a smaller basket below.
        whole = all(search.component.reach & mask in {0, mask} for mask in prover.beside.members)
        shares = sum(len(s) for m, s in prover.beside.members.items() if m & search.component.reach)
        is_certain &= whole and shares <= len(search.skus)
        found = smallest(search, targets, prover.effort(prover.nodes.decide), prover.floors_fen)
        if found is None:
            is_certain = False
            known = [(row, sku) for sku in targets if (row := rows[sku].best) is not None]
            found = min(known, key=lambda pair: size_of(pair[0]))
        if best is None or size_of(found[0]) < size_of(best[0]):
            best = (*found, search)
    assert best is not None
    is_one = size_of(best[0])[0] == 1
    effort = prover.effort(prover.nodes.alone)
    return counterexample_of(*best, effort, is_smallest=is_certain or is_one)


def size_of(found: Found) -> tuple[int, int, int]:
    """Units, lines, promotions."""
    return sum(count for _, count in found.units), len(found.units), found.mask.bit_count()


def smallest(
    search: Search, targets: Sequence[int], effort: Effort, floors_fen: Sequence[int]
) -> tuple[Found, int] | None:
    """The basket of fewest units, then fewest lines, that is below a floor; and whose.

    None when the effort ended before it was certain.
    """
    heap: list[tuple[int, int, int, int, int, Node]] = []
    count = 0
    for target in targets:
        for root in search.roots(target):
            count += 1
            heapq.heappush(heap, (*least_size(root), count, target, root))
    while heap:
        *_, target, node = heapq.heappop(heap)
        if effort.spent():
            return None
        if search.points(node) == 1:
            found = search.priced(node, target)[0]
            if found.fen < floors_fen[target]:
                return found, target
            continue
        for half in search.split(node):
            if search.bound(half, target) < floors_fen[target] * S:
                count += 1
                heapq.heappush(heap, (*least_size(half), count, target, half))
    return None


def least_size(node: Node) -> tuple[int, int, int]:
    """The least size of any basket of a node."""
    units = sum(low for low, _ in node.box)
    return units, sum(1 for low, _ in node.box if low), node.must.bit_count()


def counterexample_of(
    found: Found, sku: int, search: Search, effort: Effort, *, is_smallest: bool
) -> Counterexample:
    """Price a basket again, with a trace, and see which promotions it takes."""
    pricer = search.pricer
    reach = search.component.reach
    floors = pricer.floors
    place = [number for number, _ in found.units].index(sku)
    tried = min(
        (
            pricer.tried(found.units, found.scene, found.mask, reach, fee_fen, trace=True)
            for fee_fen in pricer.fees_fen(found.mask)
        ),
        key=lambda row: row.figures[place],
    )
    floor_fen = floors.fen[sku] * found.units[place][1]
    assert tried.figures[place] < floor_fen, "a counterexample is one that price confirms"
    how = tried.how
    needed = []
    for total in tried.priced.promotions:
        room = {**how.room, total.promotion: GONE}
        again = price(
            search.book, tried.basket, how.buyer, how.choices, how.time_ms, room=room, trace=True
        )
        figures = line_figures(search.book, again, fee_is_cost=bool(floors.waived_fee_fen))
        if figures[place] >= floor_fen:
            needed.append(total.promotion)
    alone = Search(pricer, Component((sku,), reach), search.scenes, most=1)
    one_unit_fen = alone.lowest(sku, None, effort).certified_fen
    return Counterexample(
        sku=search.book.skus[sku].code,
        basket=tried.basket,
        buyer=how.buyer,
        time_ms=how.time_ms,
        choices=how.choices,
        run_out=how.room,
        priced=tried.priced,
        figure_fen=tried.figures[place],
        floor_fen=floor_fen,
        needed=tuple(needed),
        is_smallest=is_smallest,
        one_unit_fen=one_unit_fen if one_unit_fen >= floors.fen[sku] else None,
    )
