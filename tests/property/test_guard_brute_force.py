"""The guard against brute force: every basket of a small shop tried, both ways, to the fen.

Always with floors right at the lowest price, or one fen above it, where a mistake of one fen in
either direction shows. The brute force and the guard share nothing but `price`.
"""

from collections import Counter
from random import Random

import pytest

from tidegate.pricing.effects import Effect
from tidegate.pricing.guard.answers import BelowFloor, Proved
from tidegate.pricing.guard.check import Checked, check
from tidegate.pricing.guard.components import Component, components_of
from tidegate.pricing.guard.figures import line_figures
from tidegate.pricing.guard.floors import Floors
from tidegate.pricing.guard.lines import S
from tidegate.pricing.guard.pricer import Pricer
from tidegate.pricing.guard.prove import Nodes
from tidegate.pricing.guard.rest_search import Beside, RestSearch
from tidegate.pricing.guard.scenes import among, scenes_of
from tidegate.pricing.guard.search import Effort, Search
from tidegate.pricing.price import price
from tidegate.testing.small_shops import SmallShop, Tried, small_shop, try_everything

ORDINARY = range(500)
LONG = range(10_000)
FEW = Nodes(exact=4_000, alone=60, rests=60, beside=60)
BOXED = range(1_000, 2_500)
BOXES_HELD = 20_388  # in the ordinary run: 12 for every component
ONCE_WRONG = (220, 606, 973, 1225, 1304)
SHARP = (1804, 1830)  # where it matters that no fee is asked for
KINDS = {kind.__name__ for kind in Effect.__subclasses__()}
# What the shops must exercise: so many of every 500 at least, counted where it applied.
LEAST = {
    "proved": 150, "below_floor": 150, "crowd proved": 40, "crowd below_floor": 40,
    "several SKUs": 250, "opt-in": 100, "coupon": 30, "run out": 60, "exclusive group": 60,
    "combines with": 10, "requires": 5, "cap of units": 10, "cap of money": 15,
    "platform pays": 100, "buyers": 60, "window": 100, "fee is cost": 20, "below nothing": 2,
}  # fmt: skip


def floors_of(shop: SmallShop, tried: Tried) -> Floors:
    """At the lowest prices; in every second shop one SKU's floor is a fen above it."""
    fen = [max(tried.lowest_fen[sku.code], 0) for sku in shop.book.skus]
    if shop.seed % 2:
        place = shop.seed // 2 % len(fen)
        fen[place] = max(tried.lowest_fen[shop.book.skus[place].code] + 1, 0)
    return Floors(tuple(fen), shop.fee_fen, shop.units_max)


def confirm(shop: SmallShop, floors: Floors, answer: BelowFloor, tried: Tried) -> None:
    """The counterexample is one: priced again here, and no basket of fewer units is below."""
    found = answer.counterexample
    again = price(
        shop.book, found.basket, found.buyer, found.choices, found.time_ms,
        room=found.run_out, trace=True,
    )  # fmt: skip
    assert again == found.priced
    place = [line.sku for line in found.basket.lines].index(found.sku)
    figures = line_figures(shop.book, again, fee_is_cost=bool(shop.fee_fen))
    floor_fen = floors.fen[shop.book.number_of[found.sku]]
    quantity = found.basket.lines[place].quantity
    assert (figures[place], floor_fen * quantity) == (found.figure_fen, found.floor_fen)
    assert found.figure_fen < found.floor_fen
    assert found.is_smallest
    by_code = {sku.code: fen for sku, fen in zip(shop.book.skus, floors.fen, strict=True)}
    units = sum(line.quantity for line in found.basket.lines)
    assert units == tried.fewest_below(by_code)


def judge(seed: int, mix: Counter[str]) -> None:
    """One shop: the guard's lowest prices are those of the brute force, and its answer follows."""
    shop = small_shop(seed)
    tried = try_everything(shop)
    floors = floors_of(shop, tried)
    truth = [tried.lowest_fen[sku.code] for sku in shop.book.skus]
    is_below = any(fen < floor for fen, floor in zip(truth, floors.fen, strict=True))
    expected = "below_floor" if is_below else "proved"
    done = check(shop.book, floors)
    assert [row.fen for row in done.answer.lowest] == truth, seed
    assert [row.is_reached for row in done.answer.lowest] == [True] * len(truth), seed
    assert done.answer.kind == expected, seed
    if isinstance(done.answer, BelowFloor):
        confirm(shop, floors, done.answer, tried)
    mix[expected] += 1
    if seed % 3 == 0:
        judge_crowd(shop, floors, truth, expected, mix)
    mix.update(features(shop, tried))
    mix["baskets"] += tried.baskets


def judge_crowd(
    shop: SmallShop, floors: Floors, truth: list[int], expected: str, mix: Counter[str]
) -> None:
    """The same as in a shop too large to search whole: it may not know, but is never wrong."""
    done: Checked = check(shop.book, floors, exact_skus_max=0, nodes=FEW)
    certified = [row.fen for row in done.rows]
    assert all(fen <= low for fen, low in zip(certified, truth, strict=True)), shop.seed
    assert done.answer.kind in {expected, "unknown"}, shop.seed
    if isinstance(done.answer, Proved):
        assert expected == "proved", shop.seed
    mix[f"crowd {done.answer.kind}"] += 1


def features(shop: SmallShop, tried: Tried) -> set[str]:
    """What the shop exercises, of what applied to any basket."""
    found = set()
    if len(shop.book.skus) > 1:
        found.add("several SKUs")
    if min(tried.lowest_fen.values()) < 0:
        found.add("below nothing")
    for promotion in shop.book.promotions:
        if promotion.code not in tried.applied:
            continue
        limits = promotion.limits
        said = {
            type(promotion.effect).__name__: True,
            promotion.level: True,
            "opt-in": promotion.opt_in,
            "coupon": promotion.coupon is not None,
            "run out": promotion.may_run_out,
            "exclusive group": bool(promotion.exclusive_group),
            "combines with": promotion.combines_with is not None,
            "requires": bool(promotion.requires),
            "cap of units": limits.order_units is not None,
            "cap of money": limits.order_discount_fen is not None,
            "platform pays": promotion.shop_share_bp not in {None, 10_000},
            "buyers": promotion.buyers.new is not None or bool(promotion.buyers.levels),
            "window": promotion.end_ms - promotion.start_ms < 86_400_000,
            "fee is cost": type(promotion.effect).__name__ == "FreeShipping" and shop.fee_fen > 0,
        }
        found.update(word for word, holds in said.items() if holds)
    return found


def judge_boxes(seed: int, boxes: int) -> int:
    """Bounds of drawn boxes and sets of promotions, held against every basket in them."""
    shop = small_shop(seed)
    rng = Random(seed)
    floors = Floors((0,) * len(shop.book.skus), shop.fee_fen, shop.units_max)
    pricer = Pricer(shop.book, floors)
    scenes = scenes_of(shop.book)
    held = 0
    for component in components_of(shop.book):
        search = Search(pricer, component, among(scenes, component.reach))
        for _ in range(boxes):
            target = rng.choice(component.skus)
            node = rng.choice(search.roots(target))
            kept = node.may & rng.getrandbits(64)
            put = node.may & ~kept & rng.getrandbits(64)
            box = []
            for low, high in node.box:
                least = rng.randint(low, high)
                box.append((least, rng.randint(least, min(high, least + 2))))
            node = node._replace(must=node.must | put, may=kept, box=tuple(box))
            lowest_fen = min(found.fen for found in search.priced(node, target))
            assert search.bound(node, target) // S <= lowest_fen, (seed, node, target)
            held += 1
    return held


def judge_rests(seed: int) -> None:
    """What is certified beside any others, or when the effort ended early, holds all the same."""
    shop = small_shop(seed)
    tried = try_everything(shop)
    pricer = Pricer(shop.book, Floors((0,) * len(shop.book.skus), shop.fee_fen, shop.units_max))
    scenes = scenes_of(shop.book)
    beside = Beside(shop.book)
    for number, sku in enumerate(shop.book.skus):
        mask = shop.book.masks[number]
        reach = 0
        for other in shop.book.masks:
            reach |= other
        everything = Component(tuple(range(len(shop.book.skus))), reach)
        cut_short = Search(pricer, everything, among(scenes, reach))
        for nodes in (4, 12):
            result = cut_short.lowest(number, None, Effort(nodes, lambda: False))
            assert result.certified_fen <= tried.lowest_fen[sku.code], (seed, sku.code)
        for rests in (beside.whole(mask), beside.groups(mask)):
            search = RestSearch(pricer, number, among(scenes, mask), rests)
            result = search.lowest(number, None, Effort(25, lambda: False))
            assert result.certified_fen <= tried.lowest_fen[sku.code], (seed, sku.code)


def run(seeds: range) -> Counter[str]:
    """All of them, and their mix, which must be rich."""
    mix: Counter[str] = Counter()
    for seed in seeds:
        judge(seed, mix)
    print(f"{len(seeds)} shops: {dict(sorted(mix.items()))}")
    share = len(seeds) / 500
    least = LEAST | dict.fromkeys(KINDS, 15)
    least |= {"item": 200, "shop": 100, "platform": 50, "payment": 50}
    assert {word: mix[word] for word, count in least.items() if mix[word] < count * share} == {}
    assert mix["crowd unknown"] <= share
    return mix


def test_the_guard_agrees_with_brute_force_on_500_shops() -> None:
    run(ORDINARY)


def test_every_bound_holds_for_every_basket_of_its_box() -> None:
    assert sum(judge_boxes(seed, 12) for seed in BOXED) == BOXES_HELD


@pytest.mark.parametrize("seed", [*ONCE_WRONG, *SHARP])
def test_shops_about_which_a_guard_was_wrong_or_easily_is(seed: int) -> None:
    judge_rests(seed)
    judge(seed - seed % 3, Counter())
    judge(seed, Counter())


def test_what_is_certified_beside_any_others_holds() -> None:
    for seed in range(20_000, 20_250):
        judge_rests(seed)


@pytest.mark.long
def test_every_bound_holds_in_many_boxes() -> None:
    assert sum(judge_boxes(seed, 60) for seed in range(10_000, 14_000)) > 60 * 4_000


@pytest.mark.long
def test_the_guard_agrees_with_brute_force_on_10_000_shops() -> None:
    run(LONG)
