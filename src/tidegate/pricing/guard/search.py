"""Exact search over baskets and sets of promotions: best first, pruned by enclosures.

Always decided by `price` where a box is a single basket under a single set; a box is left out only
when its bound shows that nothing better is in it. Stops when the effort is spent and says what it
had certified by then. Never samples.
"""

import heapq
from collections.abc import Callable, Sequence
from itertools import product
from math import isqrt
from typing import NamedTuple

from tidegate.pricing.guard.components import Component
from tidegate.pricing.guard.enclosure import Enclosure
from tidegate.pricing.guard.lines import BoxLine, S
from tidegate.pricing.guard.pricer import Pricer, Units
from tidegate.pricing.guard.scenes import Scene
from tidegate.pricing.price import LINES_MAX

NOTHING_KNOWN = -(1 << 100)  # certified where time was up before anything could be shown
NEAR = 8  # units are split first while the most are over so many times the fewest
POINTS_MAX = 4  # a box of so few baskets and sets is priced, not enclosed
Box = tuple[tuple[int, int], ...]  # for each SKU of the component, fewest and most units


class Node(NamedTuple):
    """Part of the search: a scene, its sets from `must` to `must | may`, and a box."""

    scene: Scene
    must: int
    may: int
    box: Box


class Found(NamedTuple):
    """A basket under a set, and its line's figure by unit, rounded down."""

    fen: int
    units: Units
    scene: Scene
    mask: int


class Effort:
    """How much may still be spent; `is_over` asks the caller's clock now and then."""

    def __init__(self, nodes: int, is_over: Callable[[], bool]) -> None:
        self.nodes_left = nodes
        self._is_over = is_over
        self._over = False

    def is_over(self) -> bool:
        """Whether the caller's time is up."""
        self._over = self._over or self._is_over()
        return self._over

    def spent(self) -> bool:
        """Count a node; whether it was one too many."""
        self.nodes_left -= 1
        if self.nodes_left % 16 == 0:
            self._over = self._over or self._is_over()
        return self._over or self.nodes_left < 0


class Search:
    """Searches in one component. `skus` are the component's, or some of them."""

    def __init__(
        self, pricer: Pricer, component: Component, scenes: Sequence[Scene], most: int = 0
    ) -> None:
        """`most`: units of a SKU in a basket; 0 = as many as the floors say."""
        self.most = most or pricer.floors.line_units_max
        self.pricer = pricer
        self.book = pricer.book
        self.component = component
        self.skus = component.skus
        self.scenes = scenes

    def roots(self, target: int) -> list[Node]:
        """Every scene with every basket that has the target."""
        box = tuple((int(sku == target), self.most) for sku in self.skus)
        return [Node(scene, scene.must, scene.may, box) for scene in self.scenes]

    def bound(self, node: Node, target: int) -> int:
        """Certified: no basket of the node gives the target less by unit, in 1/S fen."""
        book = self.book
        lines = [
            BoxLine(sku, book.masks[sku], book.list_prices_fen[sku], units)
            for sku, units in zip(self.skus, node.box, strict=True)
            if units[1]
        ]
        lines.sort(key=lambda line: line.sku != target)
        run = Enclosure(book, lines, self.pricer.floors.waived_fee_fen)
        return run.lowest(node.must, node.may)

    def points(self, node: Node) -> int:
        """How many baskets under how many sets."""
        count: int = 1 << node.may.bit_count()
        for low, high in node.box:
            count *= high - low + 1
        return count

    def priced(self, node: Node, target: int) -> list[Found]:
        """Every basket of a small node under each of its sets, priced."""
        found = []
        sets = subsets(node.may)
        for counts in product(*(range(low, high + 1) for low, high in node.box)):
            units = tuple((s, n) for s, n in zip(self.skus, counts, strict=True) if n)
            if len(units) > LINES_MAX:
                continue
            place = [sku for sku, _ in units].index(target)
            for extra in sets:
                mask = node.must | extra
                figures = self.pricer.figures(units, node.scene, mask, self.component.reach)
                fen = figures[place] // units[place][1]
                found.append(Found(fen, units, node.scene, mask))
        return found

    def split(self, node: Node) -> list[Node]:
        """Two halves: with and without a promotion, or by the units of a SKU. [] at a point."""
        ratio, place = max(
            ((high + 1) * S // (low + 1), -k) for k, (low, high) in enumerate(node.box)
        )
        low, high = node.box[-place]
        if node.may and ratio <= NEAR * S:
            bit = node.may & -node.may
            rest = node.may ^ bit
            return [node._replace(must=node.must | bit, may=rest), node._replace(may=rest)]
        if low == high:
            return []
        middle = isqrt(low * high) if high > 4 * low else (low + high) // 2
        halves = ((low, middle), (middle + 1, high))
        return [
            node._replace(box=(*node.box[:-place], half, *node.box[1 - place :])) for half in halves
        ]

    def lowest(self, target: int, enough_fen: int | None, effort: Effort) -> "Result":
        """The target's lowest figure by unit over everything.

        With `enough_fen` it ends as soon as nothing is below that. What is certified holds when
        the effort ends early too.
        """
        best: Found | None = None
        heap: list[tuple[int, int, Node]] = []
        certified: int | None = None
        count = 0
        for root in self.roots(target):
            if effort.is_over():
                return Result(NOTHING_KNOWN, None, is_whole=False)
            heapq.heappush(heap, (self.bound(root, target), count := count + 1, root))
        while heap:
            bound, _, node = heap[0]
            fen = bound // S
            if (best is not None and fen >= best.fen) or (
                enough_fen is not None and fen >= enough_fen
            ):
                certified = fen
                break
            if effort.spent():
                return Result(min(fen, best.fen) if best else fen, best, is_whole=False)
            heapq.heappop(heap)
            if self.points(node) <= POINTS_MAX:
                for found in self.priced(node, target):
                    if best is None or found.fen < best.fen:
                        best = found
                continue
            halves = self.split(node)
            if not halves:  # a point that nothing can price (see RestSearch): its bound stands
                certified = min(fen, best.fen) if best else fen
                break
            for half in halves:
                below = max(self.bound(half, target), bound)
                heapq.heappush(heap, (below, count := count + 1, half))
        if best is not None and (certified is None or certified >= best.fen):
            certified = best.fen
        assert certified is not None
        return Result(certified, best, is_whole=True)


class Result(NamedTuple):
    """No basket gives less than `certified_fen`; `best` is the lowest that was priced."""

    certified_fen: int
    best: Found | None
    is_whole: bool


def subsets(mask: int) -> list[int]:
    """Every subset of a mask, the empty one first."""
    found = []
    part = 0
    while True:
        found.append(part)
        part = (part - mask) & mask
        if not part:
            return found
