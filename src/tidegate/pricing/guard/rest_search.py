"""The lowest price of one SKU of a large shop: all other SKUs stand in as a few sums and counts.

Always sound: whatever others a basket holds, some sum and count within the box is theirs. Nothing
is priced here, so a price found to be low may be one that no basket reaches.
"""

from collections.abc import Iterable, Sequence

from tidegate.pricing.book import PriceBook
from tidegate.pricing.effects import PIECES_MAX
from tidegate.pricing.guard.components import Component
from tidegate.pricing.guard.enclosure import Enclosure
from tidegate.pricing.guard.lines import BoxLine, Rest, S, rest_line
from tidegate.pricing.guard.pricer import Pricer
from tidegate.pricing.guard.scenes import Scene
from tidegate.pricing.guard.search import Box, Node, Search
from tidegate.pricing.price import LINES_MAX
from tidegate.pricing.rule import UNITS

GROUPS_MAX = 3
NOWHERE = 1 << 100  # the bound of a box that no basket is in


class Beside:
    """What is known of the SKUs of a book by the promotions that reach them."""

    def __init__(self, book: PriceBook) -> None:
        self.book = book
        self.members: dict[int, list[int]] = {}
        for sku, mask in enumerate(book.masks):
            if mask:
                self.members.setdefault(mask, []).append(sku)
        self.sums_mask = sum(1 << rule.place for rule in book.rules if rule.phase != UNITS)
        self.count = [0] * len(book.rules)
        self.dearest = [0] * len(book.rules)
        self.cheapest = [0] * len(book.rules)
        self.meets = [0] * len(book.rules)  # promotions that reach a SKU of its scope
        self._add_up()
        self._groups: dict[int, tuple[Rest, ...]] = {}
        self._whole: dict[int, tuple[Rest, ...]] = {}
        self._least: dict[int, tuple[int, int]] = {}

    def _add_up(self) -> None:
        prices_fen = self.book.list_prices_fen
        for mask, skus in self.members.items():
            dearest = max(prices_fen[sku] for sku in skus)
            cheapest = min(prices_fen[sku] for sku in skus)
            for place in places_of(mask):
                first = not self.count[place]
                self.count[place] += len(skus)
                self.dearest[place] = max(self.dearest[place], dearest)
                before = cheapest if first else self.cheapest[place]
                self.cheapest[place] = min(before, cheapest)
                self.meets[place] |= mask

    def whole(self, mask: int) -> tuple[Rest, ...]:
        """All others that meet a SKU of this mask as one, at a glance."""
        known = self._whole.get(mask)
        if known is None:
            shared = [place for place in places_of(mask) if self.count[place] > 1]
            known = self._whole[mask] = (self._rest_of(mask, shared),) if shared else ()
        return known

    def _rest_of(self, mask: int, shared: Sequence[int]) -> Rest:
        meets = 0
        for place in shared:
            meets |= self.meets[place]
        return Rest(
            mask=sum(1 << place for place in shared),
            mask_sure=0,
            foreign=meets & ~mask,
            foreign_sums=meets & ~mask & self.sums_mask,
            cheapest_fen=min(self.cheapest[place] for place in shared),
            dearest_fen=max(self.dearest[place] for place in shared),
            unit_fen=0,
            keep=0,
            skus=sum(self.count[place] - 1 for place in shared),
        )

    def groups(self, mask: int) -> tuple[Rest, ...]:
        """Those that meet a SKU of this mask, one group by the promotions they share with it."""
        known = self._groups.get(mask)
        if known is None:
            rows: dict[int, list[int]] = {}
            for other, skus in self.members.items():
                alone = other == mask and len(skus) == 1
                if other & mask and not alone:
                    rows.setdefault(other & mask, []).append(other)
            parts = sorted(rows.values(), key=lambda part: -len(part))
            if len(parts) > GROUPS_MAX:
                last = [other for part in parts[GROUPS_MAX - 1 :] for other in part]
                parts = [*parts[: GROUPS_MAX - 1], last]
            known = self._groups[mask] = tuple(self._group_of(mask, part) for part in parts)
        return known

    def _group_of(self, mask: int, others: Iterable[int]) -> Rest:
        either, every = 0, -1
        prices_fen: list[int] = []
        least: list[tuple[int, int]] = []
        for other in others:
            either |= other
            every &= other
            prices_fen += [self.book.list_prices_fen[sku] for sku in self.members[other]]
            least += [self.least_of(sku) for sku in self.members[other]]
        return Rest(
            mask=either & mask,
            mask_sure=every & mask,
            foreign=either & ~mask,
            foreign_sums=either & ~mask & self.sums_mask,
            cheapest_fen=min(prices_fen),
            dearest_fen=max(prices_fen),
            unit_fen=min(unit_fen for unit_fen, _ in least),
            keep=min(keep for _, keep in least),
            skus=len(least),
        )

    def least_of(self, sku: int) -> tuple[int, int]:
        """What a line of a SKU costs by unit after the unit phase, and over its list price (1/S).

        At least, whatever promotions are on and whatever stands beside it.
        """
        known = self._least.get(sku)
        if known is None:
            mask = self.book.masks[sku]
            list_fen = self.book.list_prices_fen[sku]
            lines = [BoxLine(sku, mask, list_fen, (1, PIECES_MAX))]
            pieces = PIECES_MAX * LINES_MAX
            lines += [
                rest_line(rest, (0, pieces * rest.dearest_fen), (0, pieces))
                for rest in self.whole(mask)
            ]
            run = Enclosure(self.book, lines, 0, ~mask)
            run.lowest(0, mask & self.book.units_mask)
            mean_lo = run.target.mean_lo
            known = self._least[sku] = (mean_lo // S, mean_lo // list_fen if list_fen else S)
        return known


def places_of(mask: int) -> list[int]:
    """The places of a mask's bits."""
    places = []
    while mask:
        bit = mask & -mask
        mask ^= bit
        places.append(bit.bit_length() - 1)
    return places


class RestSearch(Search):
    """A search for one SKU beside `rests`: a box has its units, and amount and pieces of each."""

    def __init__(
        self, pricer: Pricer, sku: int, scenes: Sequence[Scene], rests: tuple[Rest, ...]
    ) -> None:
        mask = pricer.book.masks[sku]
        super().__init__(pricer, Component((sku,), mask), scenes)
        self.rests = rests
        self.mask = mask

    def roots(self, target: int) -> list[Node]:
        """Every scene with any number of units and any others."""
        pieces = self.most * (LINES_MAX - 1)
        box: Box = ((1, self.most),)
        for rest in self.rests:
            box += ((0, pieces * rest.dearest_fen), (0, pieces))
        assert target == self.skus[0]
        return [Node(scene, scene.must, scene.may, box) for scene in self.scenes]

    def bound(self, node: Node, target: int) -> int:
        """Certified: nothing in the node gives the target less by unit, in 1/S fen."""
        book = self.book
        lines = [BoxLine(target, self.mask, book.list_prices_fen[target], node.box[0])]
        for number, rest in enumerate(self.rests):
            amount, pieces = node.box[1 + 2 * number : 3 + 2 * number]
            line = rest_line(rest, amount, pieces)
            if line.amount_lo > line.amount_hi:
                return NOWHERE
            lines.append(line)
        run = Enclosure(book, lines, self.pricer.floors.waived_fee_fen, ~self.mask)
        return run.lowest(node.must, node.may)

    def points(self, _node: Node) -> int:
        """Nothing here is ever priced: too many to try."""
        return NOWHERE
