"""Vendure's shelf: how many units of a variant it may still sell, moved by its stock threshold.

    may still sell = stock on hand - allocated - threshold

Always: a step up leaves room for buyers who are past Vendure's stock check and not heard of yet.
Never: stock on hand is written to move the shelf: sales write it too, and the last writer wins.
"""

import threading
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Literal, NamedTuple

import msgspec

from tidegate.channels.adapters.vendure_on_the_way import OnTheWay
from tidegate.channels.adapters.vendure_session import NotAllowed, Session
from tidegate.channels.ports import Pushed, RefusedOutside, Shown, StockChange, Unanswered

PIECE_MAX = 50  # variants of one question: Vendure writes them one after the other
UNTRACKED = 1_000_000_000  # what it shows of a variant that it does not count
VARIANTS = """query ($options: ProductVariantListOptions!) {
  globalSettings { trackInventory outOfStockThreshold }
  productVariants(options: $options) { items {
    id sku enabled trackInventory outOfStockThreshold useGlobalOutOfStockThreshold
    product { enabled } stockLevels { stockLocationId stockOnHand stockAllocated }
  } }
}"""
UPDATE = """mutation ($input: [UpdateProductVariantInput!]!) {
  updateProductVariants(input: $input) { id }
}"""
PROMOTIONS = """query { promotions(options: {take: 1000, filter: {enabled: {eq: true}}}) {
  items { id } } }"""
END_PROMOTION = """mutation ($input: UpdatePromotionInput!) {
  updatePromotion(input: $input) { __typename }
}"""


class Tracking(msgspec.Struct, frozen=True, rename="camel"):
    """Vendure's global settings of stock."""

    track_inventory: bool
    out_of_stock_threshold: int


class Level(msgspec.Struct, frozen=True, rename="camel"):
    """Stock of a variant at one location."""

    stock_location_id: str
    stock_on_hand: int
    stock_allocated: int


class Product(msgspec.Struct, frozen=True):
    """What a variant is one of."""

    enabled: bool


class Stocked(msgspec.Struct, frozen=True, rename="camel"):
    """A variant with its stock."""

    id: str
    sku: str
    enabled: bool
    track_inventory: Literal["TRUE", "FALSE", "INHERIT"]
    out_of_stock_threshold: int
    use_global_out_of_stock_threshold: bool
    product: Product
    stock_levels: list[Level]

    @property
    def on_hand(self) -> int:
        """Units that are there, as Vendure counts them."""
        return sum(level.stock_on_hand for level in self.stock_levels)

    @property
    def unallocated(self) -> int:
        """Units on hand that no order of Vendure has allocated."""
        return self.on_hand - sum(level.stock_allocated for level in self.stock_levels)

    def saleable(self, tracking: Tracking) -> int:
        """What Vendure would still sell."""
        is_tracked = self.track_inventory == "TRUE" or (
            self.track_inventory == "INHERIT" and tracking.track_inventory
        )
        if not is_tracked:
            return UNTRACKED
        threshold = (
            tracking.out_of_stock_threshold
            if self.use_global_out_of_stock_threshold
            else self.out_of_stock_threshold
        )
        return self.unallocated - threshold


class Variants(msgspec.Struct, frozen=True):
    """A list of variants."""

    items: list[Stocked]


class VariantsAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """The answer to VARIANTS."""

    global_settings: Tracking
    product_variants: Variants


class Shelf(NamedTuple):
    """Variants by SKU, with what counts for all of them."""

    variants: dict[str, Stocked]
    tracking: Tracking


class Shelves:
    """Reads and writes variants; the lock is held over a read and the write that follows."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.lock = threading.Lock()

    def read(self, skus: Sequence[str]) -> Shelf:
        """What there is of SKUs; one that stands for several variants is left out."""
        options = {"take": 2 * len(skus), "filter": {"sku": {"in": list(skus)}}}
        answer = self._session.ask(VARIANTS, VariantsAnswer, options=options)
        found = answer.product_variants.items
        often = Counter(variant.sku for variant in found)
        return Shelf(
            {variant.sku: variant for variant in found if often[variant.sku] == 1},
            answer.global_settings,
        )

    def write(self, inputs: Sequence[dict[str, object]]) -> None:
        """Change variants, all or none. Raises RefusedOutside, Unanswered."""
        self._session.ask(UPDATE, dict[str, Any], input=list(inputs))


def set_to(variant: Stocked, quantity: int) -> dict[str, object]:
    """The change after which a variant may sell so many units."""
    found: dict[str, object] = {
        "id": variant.id,
        "trackInventory": "TRUE",
        "useGlobalOutOfStockThreshold": False,
        "outOfStockThreshold": variant.unallocated - quantity,
    }
    if not variant.stock_levels:
        found["stockOnHand"] = 0  # without a level Vendure would allocate nothing, and never stop
    return found


def raised_to(variant: Stocked, units: int, saleable: int) -> dict[str, object]:
    """The change after which so many units are on hand, and no more may be sold than before."""
    missing = units - variant.on_hand
    found: dict[str, object] = {
        "id": variant.id,
        "useGlobalOutOfStockThreshold": False,
        "outOfStockThreshold": variant.unallocated + missing - saleable,
    }
    if not variant.stock_levels:
        return {**found, "stockOnHand": units}
    first = variant.stock_levels[0]
    raised = {
        "stockLocationId": first.stock_location_id,
        "stockOnHand": first.stock_on_hand + missing,
    }
    return {**found, "stockLevels": [raised]}


class VendureStock:
    """The shelf, as a stock target. Called from the channel's stock thread."""

    def __init__(self, session: Session, shelves: Shelves, on_the_way: OnTheWay) -> None:
        self._session = session
        self._shelves = shelves
        self._on_the_way = on_the_way

    def read(self, items: Sequence[str]) -> dict[str, Shown]:
        """What is shown now. Raises Unanswered."""
        found = {}
        for at in range(0, len(items), PIECE_MAX):
            shelf = self._read(items[at : at + PIECE_MAX])
            for sku, variant in shelf.variants.items():
                quantity = max(0, variant.saleable(shelf.tracking))
                found[sku] = Shown(quantity, variant.enabled and variant.product.enabled)
        return found

    def push(self, changes: Sequence[StockChange]) -> list[Pushed]:
        """Set quantities. Unknown: not the whole step was taken, or nobody answered."""
        answers: list[Pushed] = []
        for at in range(0, len(changes), PIECE_MAX):
            part = changes[at : at + PIECE_MAX]
            try:
                answers += self._push_piece(part)
            except Unanswered:
                return answers + ["unknown"] * (len(changes) - at)
        return answers

    def set_listed(self, item: str, *, listed: bool) -> None:
        """Enable or disable a variant. Raises RefusedOutside, Unanswered."""
        variant = self._read([item]).variants.get(item)
        if variant is None:
            raise RefusedOutside("Vendure has no variant, or several, with this SKU")
        if listed and not variant.product.enabled:
            raise RefusedOutside("its product is disabled in Vendure: enable it there")
        if variant.enabled != listed:
            self._shelves.write([{"id": variant.id, "enabled": listed}])

    def end_activity(self) -> None:
        """Disable every promotion that is enabled. Raises RefusedOutside, Unanswered."""
        try:
            found = self._session.ask(PROMOTIONS, dict[str, dict[str, list[dict[str, str]]]])
            for promotion in found["promotions"]["items"]:
                wanted = {"id": promotion["id"], "enabled": False}
                self._session.ask(END_PROMOTION, dict[str, Any], input=wanted)
        except NotAllowed:
            raise RefusedOutside("disable promotions by hand: Marketing, Promotions") from None

    # -- pieces ----------------------------------------------------------------------------------

    def _read(self, items: Sequence[str]) -> Shelf:
        try:
            return self._shelves.read(items)
        except RefusedOutside as why:
            raise Unanswered(str(why)) from None

    def _push_piece(self, changes: Sequence[StockChange]) -> list[Pushed]:
        with self._shelves.lock:
            shelf = self._read([change.item for change in changes])
            coming = self._coming(changes, shelf)
            answers: list[Pushed] = []
            inputs: list[dict[str, object]] = []
            for change in changes:
                variant = shelf.variants.get(change.item)
                if variant is None:
                    answers.append("refused")
                    continue
                now = max(0, variant.saleable(shelf.tracking))
                quantity = change.quantity
                if quantity > now:
                    room = now if coming is None else quantity - coming[change.item]
                    quantity = max(now, room)
                if quantity != now:
                    inputs.append(set_to(variant, quantity))
                answers.append("done" if quantity == change.quantity else "unknown")
            if inputs:
                self._write(inputs, shelf, answers, changes)
        return answers

    def _write(
        self,
        inputs: list[dict[str, object]],
        shelf: Shelf,
        answers: list[Pushed],
        changes: Sequence[StockChange],
    ) -> None:
        """All at once, or one by one to see which of them is refused."""
        with suppress(RefusedOutside):
            self._shelves.write(inputs)
            return
        skus = {variant.id: sku for sku, variant in shelf.variants.items()}
        places = {change.item: place for place, change in enumerate(changes)}
        for wanted in inputs:
            try:
                self._shelves.write([wanted])
            except RefusedOutside:
                answers[places[skus[str(wanted["id"])]]] = "refused"

    def _coming(self, changes: Sequence[StockChange], shelf: Shelf) -> Counter[str] | None:
        """Units on their way, where anything is to go up at all; None: too many to tell."""
        for change in changes:
            variant = shelf.variants.get(change.item)
            if variant is not None and change.quantity > variant.saleable(shelf.tracking):
                return self._on_the_way.units()
        return Counter()
