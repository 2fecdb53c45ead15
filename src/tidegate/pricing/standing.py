"""The prices of a shop as they stand: its catalogue and published promotions, as one price book.

Always compiles: a published promotion that no longer goes with the catalogue is narrowed or left
out, so that what sells is never cheaper than what was checked, and what was left out is named.
Nothing here reads an engine's table; the facts come in as values.
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from tidegate.pricing.book import PriceBook
from tidegate.pricing.checks import PROMOTIONS_MAX
from tidegate.pricing.problems import PromotionsRefused
from tidegate.pricing.promotion import Promotion, Sku, canonical

TOO_MANY = f"{PROMOTIONS_MAX:,} promotions stand already"

_decode = msgspec.json.Decoder(Promotion).decode


class PricedSku(msgspec.Struct, frozen=True, array_like=True):
    """A SKU's prices. `cost_floor_fen` None = its cost is not known."""

    code: str
    list_price_fen: int
    cost_floor_fen: int | None = None
    red_line_fen: int = 0
    categories: tuple[str, ...] = ()

    @property
    def floor_fen(self) -> int:
        """The higher of 保本价 and 红线价."""
        return max(self.cost_floor_fen or 0, self.red_line_fen)


class Allowance(msgspec.Struct, frozen=True, array_like=True):
    """An approved exception that is in force: so low may a SKU go under a promotion."""

    promotion: str
    sku: str
    floor_fen: int


class ShopPrices(msgspec.Struct, frozen=True):
    """Everything that prices of a shop depend on, at one pricing version."""

    version: int
    skus: tuple[PricedSku, ...]
    documents: tuple[str, ...] = ()
    paused: frozenset[str] = frozenset()  # codes of promotions
    allowances: tuple[Allowance, ...] = ()
    line_units_max: int = 1_000_000


class Standing(msgspec.Struct, frozen=True):
    """What stands together now, what was left out, and why."""

    promotions: tuple[Promotion, ...]
    left_out: dict[str, str]


def with_bundles(
    skus: Iterable[PricedSku], parts: Mapping[str, Mapping[str, int]]
) -> tuple[PricedSku, ...]:
    """The SKUs, bundles without a cost of their own with the sum of their parts' floors.

    As the desk has it; where a part's cost is not known, neither is the bundle's.
    """
    known = {sku.code: sku for sku in skus}
    for code, units in parts.items():
        bundle = known.get(code)
        if bundle is None or bundle.cost_floor_fen is not None or not units:
            continue
        floors = [(known[part], each) for part, each in units.items() if part in known]
        if len(floors) == len(units) and all(sku.cost_floor_fen is not None for sku, _ in floors):
            cost_fen = sum(sku.floor_fen * each for sku, each in floors)
            known[code] = msgspec.structs.replace(bundle, cost_floor_fen=cost_fen)
    return tuple(known.values())


def catalogue_of(prices: ShopPrices) -> tuple[Sku, ...]:
    """The SKUs as pricing sees them. The computed floor stands for the cost."""
    return tuple(
        Sku(sku.code, sku.list_price_fen, sku.cost_floor_fen, sku.categories) for sku in prices.skus
    )


def floors_by_code(prices: ShopPrices) -> dict[str, int]:
    """Each SKU's floor, whatever was approved."""
    return {sku.code: sku.floor_fen for sku in prices.skus}


def standing_of(prices: ShopPrices, now_ms: int) -> Standing:
    """The published promotions that are on or still to come, and compile together."""
    return standing_book(prices, now_ms)[1]


def standing_book(prices: ShopPrices, now_ms: int) -> tuple[PriceBook, Standing]:
    """The book that the desk prices with, and what stands in it."""
    promotions = [_decode(document) for document in prices.documents]
    kept = [one for one in promotions if one.end_ms > now_ms and one.code not in prices.paused]
    skus = catalogue_of(prices)
    left_out = {one.code: TOO_MANY for one in kept[PROMOTIONS_MAX:]}
    del kept[PROMOTIONS_MAX:]
    while True:
        settled = settle(kept, skus)
        kept_codes = {one.code for one in settled}
        left_out |= {one.code: "what it requires is gone" for one in kept
                     if one.code not in kept_codes}  # fmt: skip
        try:
            book = PriceBook(settled, skus, prices.version)
        except PromotionsRefused as refused:
            wrong = {problem.promotion: str(problem) for problem in refused.problems}
            if "" in wrong:
                raise  # the catalogue itself: nothing that leaving out a promotion would mend
            left_out |= wrong
            kept = [one for one in settled if one.code not in wrong]
        else:
            return book, Standing(tuple(settled), left_out)


def settle(promotions: Iterable[Promotion], skus: Iterable[Sku]) -> list[Promotion]:
    """Promotions without words about others that are gone, and without SKUs that have no cost."""
    kept = {promotion.code: promotion for promotion in promotions}
    while True:
        locked = [p.code for p in kept.values() if any(code not in kept for code in p.requires)]
        if not locked:
            break
        for code in locked:
            del kept[code]
    without = tuple(sorted(sku.code for sku in skus if sku.cost_fen is None))
    return [narrowed(one, kept, without) for one in kept.values()]


def narrowed(
    promotion: Promotion, there: Mapping[str, Promotion], without: tuple[str, ...]
) -> Promotion:
    """One of them: it combines with those that are there, and reaches no SKU without a cost."""
    combines = promotion.combines_with
    if combines is not None:
        combines = tuple(code for code in combines if code in there)
    scope = promotion.scope
    if without and (scope.all or scope.categories or scope.skus):
        named = tuple(code for code in scope.skus if code not in without)
        excepted = scope.except_skus
        if scope.all or scope.categories:
            excepted = tuple(sorted({*excepted, *without}))
        scope = msgspec.structs.replace(scope, skus=named, except_skus=excepted)
    return msgspec.structs.replace(promotion, combines_with=combines, scope=scope)


def without_excepted(
    prices: ShopPrices, proposed: Sequence[Promotion], now_ms: int
) -> PriceBook | None:
    """The book without the promotions that sell under exceptions; None where there are none.

    What two people approved of one promotion is no leave for another: so the others are judged
    without it too, at their own floors.
    """
    codes = {one.code for one in proposed}
    excepted = {one.promotion for one in prices.allowances} - codes
    if not excepted:
        return None
    documents = [one for one in prices.documents if _decode(one).code not in codes]
    documents += [canonical(one).decode() for one in proposed]
    rest = msgspec.structs.replace(
        prices, documents=tuple(documents), paused=(prices.paused - codes) | excepted
    )
    return standing_book(rest, now_ms)[0]


def proposed_book(prices: ShopPrices, proposed: Sequence[Promotion], now_ms: int) -> PriceBook:
    """The book as it would be with some promotions more, or changed. Raises PromotionsRefused.

    The proposed ones are taken as they are: whatever is wrong with them is told, not mended.
    """
    codes = {one.code for one in proposed}
    prices = msgspec.structs.replace(
        prices,
        documents=tuple(
            document for document in prices.documents if _decode(document).code not in codes
        ),
        paused=prices.paused - codes,
    )
    others = standing_of(prices, now_ms).promotions
    return PriceBook((*others, *proposed), catalogue_of(prices), prices.version)
