"""Exact search over baskets and sets of promotions: best first, pruned by enclosures.

Always decided by `price` where a box is a single basket under a single set; a box is left out only
when its bound shows that nothing better is in it. Stops when the effort is spent and says what it
had certified by then. Never samples.
"""

import heapq
from collections.abc import Callable, Sequence
from itertools import product
from typing import NamedTuple

from tidegate.pricing.guard.components import Component
from tidegate.pricing.guard.enclosure import Enclosure
from tidegate.pricing.guard.lines import BoxLine, S
from tidegate.pricing.guard.pricer import Pricer, Units
from tidegate.pricing.guard.scenes import Scene
from tidegate.pricing.price import LINES_MAX

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

    def spent(self) -> bool:
        """Count a node; whether it was one too many."""
        self.nodes_left -= 1
        if self.nodes_left % 16 == 0:
            self._over = self._over or self._is_over()
        return self._over or self.nodes_left < 0


class Search:
    """Searches in one component. `skus` are the component's, or some of them."""

    def __init__(self, pricer: Pricer, component: Component, scenes: Sequence[Scene]) -> None:
        self.pricer = pricer
        self.book = pricer.book
        self.component = component
        self.skus = component.skus
        self.scenes = scenes

    def roots(self, target: int) -> list[Node]:
        """Every scene with every basket that has the target."""
        most = self.pricer.floors.line_units_max
        box = tuple((int(sku == target), most) for sku in self.skus)
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
        """Two halves: with and without a promotion, or by the units of a SKU."""
        ratio, place = max(
            (high - low if low else 2 * high, -k) for k, (low, high) in enumerate(node.box)
        )
        place = -place
        low, high = node.box[place]
        if node.may and (ratio <= 8 * max(low, 1)):
            bit = node.may & -node.may
            rest = node.may ^ bit
            return [node._replace(must=node.must | bit, may=rest), node._replace(may=rest)]
        if low == high:
            bit = node.may & -node.may
            rest = node.may ^ bit
            return [node._replace(must=node.must | bit, may=rest), node._replace(may=rest)]
        middle = low if not low else min(high - 1, max(low, low * 2 - 1, 1))
        if low and high <= 4 * low:
            middle = (low + high) // 2
        boxes = [
            (*node.box[:place], half, *node.box[place + 1 :])
            for half in ((low, middle), (middle + 1, high))
        ]
        return [node._replace(box=box) for box in boxes]

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
            for half in self.split(node):
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


def smallest(
    search: Search, targets: Sequence[int], effort: Effort, floors_fen: Sequence[int]
) -> tuple[Found, int] | None:
    """The basket of fewest units, then fewest lines, that is below a floor; and whose.

    None when the effort ended before it was certain.
    """
    heap: list[tuple[int, int, int, int, int, Node]] = []
    count = 0

    def push(node: Node, target: int) -> None:
        nonlocal count
        if search.bound(node, target) >= floors_fen[target] * S:
            return
        count += 1
        units = sum(low for low, _ in node.box)
        lines = sum(1 for low, _ in node.box if low)
        chosen = node.must.bit_count()
        heapq.heappush(heap, (units, lines, chosen, count, target, node))

    for target in targets:
        for root in search.roots(target):
            push(root, target)
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
            push(half, target)
    return None
