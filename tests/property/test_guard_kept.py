"""Proofs that are kept from check to check: an edit says what a whole proof says.

Always small shops of every kind with one change: a promotion more, less or other, a price, a SKU.
What is taken over may never be above what a basket was found to reach.
"""

from collections.abc import Iterator
from random import Random

import pytest

from tidegate.pricing.book import PriceBook
from tidegate.pricing.guard.check import Checked, check
from tidegate.pricing.guard.floors import Floors
from tidegate.pricing.guard.prove import Nodes
from tidegate.pricing.problems import PromotionsRefused
from tidegate.pricing.promotion import Sku
from tidegate.publishing.guarding import KEPT_MAX, Guarding, slim, strays
from tidegate.testing.small_shops import SmallShop, drawn_promotion, small_shop

ORDINARY = range(100)
LONG = range(6_000)
FEW = Nodes(exact=4_000, alone=60, rests=60, beside=60)
KEPT_LEAST = 8  # rows taken over in the ordinary run: or nothing is shown


def edits(shop: SmallShop, rng: Random) -> Iterator[PriceBook]:
    """The shop after one change, where that compiles."""
    skus = list(shop.book.skus)
    promotions = {one.code: one for one in shop.book.promotions}
    codes = list(promotions)
    kind = rng.randrange(5)
    if kind == 0 and codes:
        code = rng.choice(codes)
        promotions[code] = drawn_promotion(rng, code, codes, skus)
    elif kind == 1:
        promotions["PX"] = drawn_promotion(rng, "PX", [*codes, "PX"], skus)
    elif kind == 2 and codes:
        del promotions[rng.choice(codes)]
    elif kind == 3:
        place = rng.randrange(len(skus))
        old = skus[place]
        list_fen = max(1, old.list_price_fen + rng.choice((-1, 1, 500)))
        skus[place] = Sku(old.code, list_fen, old.cost_fen, old.categories)
    else:
        skus.append(Sku("D", rng.choice((333, 2_600)), 100, ("all", "d")))
    try:
        yield PriceBook(promotions.values(), skus)
    except PromotionsRefused:
        return


def floors_near(done: Checked, book: PriceBook, shop: SmallShop, rng: Random) -> Floors:
    """At the lowest prices of before, or a little below them."""
    fen = [max(0, row.fen - rng.choice((0, 0, 1, 100))) for row in done.rows]
    fen += [0] * (len(book.skus) - len(fen))
    return Floors(tuple(fen), shop.fee_fen, shop.units_max)


def judge(seed: int) -> int:
    """One shop and its edit, as a small shop and as a crowd; how many rows were taken over."""
    shop, rng = small_shop(seed), Random(seed)
    kept = 0
    for book in edits(shop, rng):
        for exact in (0, 4):
            free = Floors((0,) * len(shop.book.skus), shop.fee_fen, shop.units_max)
            first = check(shop.book, free, nodes=FEW, exact_skus_max=exact)
            floors = floors_near(first, book, shop, rng)
            whole = check(book, floors, nodes=FEW, exact_skus_max=exact)
            edit = check(book, floors, slim(first), nodes=FEW, exact_skus_max=exact)
            kept += len(book.skus) - edit.proven_anew
            assert edit.answer.kind == whole.answer.kind, seed
            for one, other in zip(edit.rows, whole.rows, strict=True):
                assert other.best is None or one.fen <= other.best.fen, seed
    return kept


def test_an_edit_says_what_a_whole_proof_says() -> None:
    assert sum(judge(seed) for seed in ORDINARY) >= KEPT_LEAST


@pytest.mark.long
def test_many_edits_say_what_whole_proofs_say() -> None:
    assert sum(judge(seed) for seed in LONG) >= KEPT_LEAST


def test_the_service_keeps_few_proofs_and_begins_from_the_nearest() -> None:
    guard = Guarding()
    shops = [small_shop(seed) for seed in range(12)]
    for shop in (*shops, *shops):
        floors = Floors((0,) * len(shop.book.skus), shop.fee_fen, shop.units_max)
        alone = check(shop.book, floors)
        assert guard(shop.book, floors, lambda: False) == alone.answer
        assert len(guard._kept) <= KEPT_MAX
        assert all(row.searched is None for done in guard._kept for row in done.rows)
        guard(shop.book, floors, lambda: False)
        assert guard.proven_anew == 0  # nothing moved
    assert strays(shops[0].book, shops[0].book) == 0
