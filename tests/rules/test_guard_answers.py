"""The guard's answers, one rule each: floors, gifts, waived fees, time, the collar, what changed.

Always in shops small enough to work the figure out by hand.
"""

import itertools
from collections.abc import Sequence
from functools import partial

import msgspec
import pytest

from tidegate.pricing.book import PriceBook
from tidegate.pricing.effects import (
    AmountOff,
    CheapestFree,
    Every,
    FixedPrice,
    FreeShipping,
    Gift,
    PercentOff,
    Spend,
    Tier,
)
from tidegate.pricing.guard.answers import Answer, BelowFloor, Lowest, Proved, Unknown
from tidegate.pricing.guard.check import Checked, check
from tidegate.pricing.guard.compare import (
    Collar,
    Fallen,
    Outside,
    Radius,
    blast_radius,
    newly_allowed,
    outside_collar,
)
from tidegate.pricing.guard.explain import explained
from tidegate.pricing.guard.figures import line_figures
from tidegate.pricing.guard.floors import FloorPolicy, Floors, computed_floor_fen, floors_of
from tidegate.pricing.guard.search import NOTHING_KNOWN
from tidegate.pricing.promotion import Budget, Buyers, Promotion, Scope, Sku
from tidegate.testing.prices import basket, catalogue, priced, promotion
from tidegate.testing.wide_shop import wide_shop

A, B = Sku("A", 10_000, 3_000), Sku("B", 2_000, 500)


def below(answer: Answer) -> BelowFloor:
    assert isinstance(answer, BelowFloor)
    return answer


def lowest(promotions: Sequence[Promotion], skus: Sequence[Sku], **more: int) -> list[int]:
    """The lowest price of every SKU."""
    floors = Floors((0,) * len(skus), **more)
    return [row.fen for row in check(PriceBook(promotions, skus), floors).answer.lowest]


# Floors.


def test_a_computed_floor_leaves_fees_and_margin() -> None:
    policy = FloorPolicy(shipping_fen=800, fees_fen=200, fee_bp=500, margin_bp=1_000)
    # (30.00 + 8.00 + 2.00) / (1 - 0.05 - 0.10) = 47.0588...
    assert computed_floor_fen(3_000, policy) == 4_706
    assert 4_706 * 8_500 // 10_000 == 4_000
    assert 4_705 * 8_500 // 10_000 == 3_999


def test_the_higher_of_computed_floor_and_red_line_counts() -> None:
    policy = FloorPolicy(shipping_fen=800)
    bare = Sku("C", 900)
    floors = floors_of((A, B, bare), policy, {"B": 1_500, "C": 700, "A": 100})
    assert floors.fen == (3_800, 1_500, 700)


def test_a_red_line_for_an_unknown_sku_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown SKU 'Z'"):
        floors_of((A,), FloorPolicy(), {"Z": 1})


def test_fees_and_margin_that_take_everything_are_refused() -> None:
    with pytest.raises(ValueError, match="take the whole price"):
        computed_floor_fen(1, FloorPolicy(fee_bp=5_000, margin_bp=5_000))


def test_a_list_price_below_the_floor_is_found_without_any_promotion() -> None:
    found = below(check(PriceBook((), (B,)), Floors((2_001,))).answer).counterexample
    assert (found.figure_fen, found.floor_fen, found.needed, found.is_smallest) == (
        2_000, 2_001, (), True,
    )  # fmt: skip


# What counts as receivable.


def test_what_the_platform_pays_does_not_lower_the_price_that_counts() -> None:
    half = promotion("P", "shop", PercentOff(pay_bp=5_000), shop_share_bp=2_000)
    assert lowest((half,), (A,)) == [9_000]


def test_a_floor_that_is_met_to_the_fen_is_proved_whatever_the_quantity() -> None:
    tenth = promotion("P1", "shop", PercentOff(pay_bp=9_000))
    fifth = promotion("P2", "platform", PercentOff(pay_bp=8_000), shop_share_bp=5_000)
    book = PriceBook((tenth, fifth), (A,))
    # 100.00 at 90 % is 90.00; of the 18.00 after it the platform pays half.
    assert check(book, Floors((8_100,))).answer == Proved(lowest=(Lowest(8_100, is_reached=True),))


def test_a_gift_burdens_its_parent_until_one_is_bought_alone() -> None:
    gift = promotion("G", "item", Gift(sku="B", pieces=1), scope=Scope(skus=("A",)))
    book = PriceBook((gift,), (A, B))
    found = below(check(book, Floors((9_600, 0))).answer)
    assert found.lowest == (Lowest(9_500, is_reached=True), Lowest(2_000, is_reached=True))
    assert found.counterexample.priced.gifts[0].parent_sku == "A"
    assert "Gifts and waived shipping that this line bears: 5.00." in explained(book, found)


def test_a_waived_fee_is_a_cost_only_where_the_policy_says_so() -> None:
    free = promotion("F", "shop", FreeShipping(spend_fen=5_000))
    assert lowest((free,), (B,)) == [2_000]
    # Three units reach 50.00 and bear 12.00 between them.
    assert lowest((free,), (B,), waived_fee_fen=1_200) == [1_600]


def test_the_first_bears_the_fee_of_goods_that_cost_nothing() -> None:
    nothing = promotion("P", "item", FixedPrice(price_fen=0))
    free = promotion("F", "shop", FreeShipping())
    book = PriceBook((nothing, free), (A, B))
    done = priced((nothing, free), (A, B), basket(shipping_fen=800, B=1, A=1), trace=True)
    assert [line.sku for line in done.lines] == ["B", "A"]
    assert line_figures(book, done, fee_is_cost=True) == [0, -800]
    assert line_figures(book, done, fee_is_cost=False) == [0, 0]


def test_a_cheaper_sku_goes_free_beside_a_dearer_one() -> None:
    deal = promotion("N", "item", CheapestFree(pieces=2))
    found = below(check(PriceBook((deal,), (A, B)), Floors((5_000, 1))).answer)
    assert [row.fen for row in found.lowest] == [5_000, 0]
    assert {line.sku for line in found.counterexample.basket.lines} == {"A", "B"}


# Moments, buyers, choices, what runs out.


def test_a_moment_in_which_two_windows_overlap_is_found() -> None:
    day = 86_400_000
    one = promotion("P1", "shop", AmountOff(off_fen=3_000), start_ms=0, end_ms=2 * day)
    two = promotion("P2", "shop", AmountOff(off_fen=3_000), start_ms=day, end_ms=3 * day)
    found = below(check(PriceBook((one, two), (A,)), Floors((5_000,))).answer).counterexample
    assert (found.time_ms, found.figure_fen) == (day, 4_000)
    assert found.needed == ("P1", "P2")


def test_buyers_who_cannot_be_one_person_are_not_added_up() -> None:
    new = promotion("P1", "shop", AmountOff(off_fen=3_000), buyers=Buyers(new=True))
    old = promotion("P2", "shop", AmountOff(off_fen=3_000), buyers=Buyers(new=False))
    assert lowest((new, old), (A,)) == [7_000]


def test_what_runs_out_may_unlock_something_worse() -> None:
    first = promotion(
        "P1", "item", AmountOff(off_fen=10), exclusive_group="X", priority=1,
        budget=Budget(units=5),
    )  # fmt: skip
    then = promotion("P2", "item", AmountOff(off_fen=6_000), exclusive_group="X", priority=2)
    found = below(check(PriceBook((first, then), (A,)), Floors((9_000,))).answer).counterexample
    assert (list(found.run_out), found.figure_fen) == (["P1"], 4_000)


def test_what_one_promotion_keeps_from_another_is_seen_in_a_crowd() -> None:
    """B belongs to F, so P1 falls on A alone; yet B helps A over P2's threshold."""
    skus = catalogue(A=1_000, B=1_000)
    promotions = (
        promotion("F", "item", AmountOff(off_fen=1), scope=Scope(skus=("B",)), exclusive_group="X"),
        promotion("P1", "shop", AmountOff(off_fen=300), exclusive_group="X"),
        promotion("P2", "platform", Spend(tiers=(Tier(1_600, off_fen=600),))),
    )
    book = PriceBook(promotions, skus)
    # 10.00 - 3.00 = 7.00, of 6.00 off 16.99 it bears 2.47.
    assert lowest(promotions, skus)[0] == 453
    for floor_fen in (400, 454):
        done = check(book, Floors((floor_fen, 0)), exact_skus_max=0)
        assert done.rows[0].fen <= 453
        assert (done.answer.kind == "below_floor") is (floor_fen == 454)


def test_what_unlocks_a_promotion_may_lie_in_another_sku() -> None:
    key = promotion("P1", "item", AmountOff(off_fen=1), scope=Scope(skus=("B",)))
    door = promotion("P2", "shop", AmountOff(off_fen=4_000), scope=Scope(skus=("A",)),
                     requires=("P1",))  # fmt: skip
    assert lowest((key, door), (A, B)) == [6_000, 1_999]


def test_a_suspended_promotion_is_out() -> None:
    off = promotion("P", "shop", AmountOff(off_fen=9_000), state="suspended")
    assert lowest((off,), (A,)) == [10_000]


# Time.


def test_when_time_is_up_what_is_open_is_unknown() -> None:
    # Every 20.00 gives 9.00: the bound for any basket is 11.00 for B; a basket is not looked for.
    book = PriceBook((promotion("E", "shop", Every(spend_fen=2_000, off_fen=900)),), (A, B))
    answer = check(book, Floors((6_000, 1_600)), is_over=lambda: True, exact_skus_max=0).answer
    assert answer == Unknown((0, 1), answer.lowest)
    assert explained(book, answer) == [
        (
            "Unknown, which counts as below: 2 of 2 SKUs could be neither proven nor shown below "
            "in the time given: A, B."
        )
    ]
    assert all(row.fen <= fen for row, fen in zip(answer.lowest, (5_500, 1_100), strict=True))


@pytest.mark.parametrize("exact_skus_max", [0, 4])
def test_when_time_is_up_nothing_is_known_and_nothing_more_is_looked_at(
    exact_skus_max: int,
) -> None:
    windows = [
        promotion(f"P{n}", "shop", PercentOff(pay_bp=9_000), start_ms=n, end_ms=1_000 + n)
        for n in range(50)
    ]
    book = PriceBook(windows, (A, B))
    asked: list[int] = []

    def is_over() -> bool:
        asked.append(1)
        return True

    done = check(book, Floors((1, 1)), is_over=is_over, exact_skus_max=exact_skus_max)
    assert done.answer.kind == "unknown"
    assert {row.fen for row in done.rows} == {NOTHING_KNOWN}
    assert len(asked) <= 6


def test_more_moments_and_buyers_than_anybody_could_look_at_leave_all_open() -> None:
    windows = [
        promotion(f"P{n}", "shop", PercentOff(pay_bp=9_000), start_ms=n, end_ms=1_000 + n,
                  buyers=Buyers(**{("levels", "regions")[n % 2]: (f"w{n}",)}))
        for n in range(120)
    ]  # fmt: skip
    book = PriceBook(windows, (A, B))
    answer = check(book, Floors((1, 1))).answer
    assert isinstance(answer, Unknown)
    assert answer.open == (0, 1)


def test_a_bound_just_below_the_floor_is_not_a_proof() -> None:
    book = PriceBook((promotion("E", "shop", Every(spend_fen=2_000, off_fen=900)),), (A, B))
    bounds = [row.fen for row in check(book, Floors((0, 0)), exact_skus_max=0).rows]
    for over, kind in ((0, "proved"), (1, "unknown")):
        floors = Floors((bounds[0] + over, bounds[1]))
        left = [False] * 4  # time is up once both SKUs were held against both scenes
        done = check(book, floors, is_over=partial(next, iter(left), True), exact_skus_max=0)
        assert done.answer.kind == kind


# A change.


def test_a_change_is_told_by_its_reach_and_by_what_it_newly_allows() -> None:
    old = check(PriceBook((), (A, B)), Floors((0, 0)))
    row = promotion("P", "item", PercentOff(pay_bp=9_000), scope=Scope(skus=("A",)))
    new = check(PriceBook((row,), (A, B)), Floors((0, 0)), old)
    assert newly_allowed(old, new) == (Fallen("A", 10_000, 9_000),)
    assert newly_allowed(new, old) == ()
    assert blast_radius(old.book, new.book) == Radius(1, 2, {"P": 1})
    every = PriceBook((msgspec.structs.replace(row, scope=Scope(all=True)),), (A, B))
    assert blast_radius(old.book, every) == Radius(2, 2, {"P": 2})
    assert blast_radius(old.book, every).is_whole_shop
    assert blast_radius(new.book, new.book) == Radius(0, 2, {})


def test_the_collar_knows_no_costs() -> None:
    half = promotion("P", "item", PercentOff(pay_bp=5_000))
    done = check(PriceBook((half,), (A, B)), Floors((0, 0)))
    collar = Collar(list_bp=5_000, median_bp=6_000)
    assert outside_collar(done, collar, {"A": 9_000}) == (Outside("A", 5_000, 5_000, 5_555),)
    assert outside_collar(done, Collar(list_bp=5_001), {}) == (
        Outside("A", 5_000, 5_000, None),
        Outside("B", 1_000, 5_000, None),
    )


# Only what a change touched is proven again.


def wide(skus: int) -> tuple[Checked, tuple[Promotion, ...], tuple[Sku, ...]]:
    promotions, rows = wide_shop(3, skus)
    floors = Floors(tuple(sku.list_price_fen * 45 // 100 for sku in rows))
    return check(PriceBook(promotions, rows), floors), promotions, rows


def test_a_change_is_proven_like_the_whole() -> None:
    before, promotions, rows = wide(300)
    assert isinstance(before.answer, Proved)
    assert before.proven_anew == 300
    scope = Scope(skus=tuple(sku.code for sku in rows[:20]))
    edits = {
        20: (*promotions, promotion("NEW", "item", PercentOff(pay_bp=9_900), scope=scope)),
        0: promotions,
        300: tuple(p for p in promotions if p.code != "A-EVERY"),
    }
    for anew, edited in edits.items():
        book = PriceBook(edited, rows)
        after = check(book, before.floors, before)
        whole = check(book, before.floors)
        assert after.answer == whole.answer
        assert after.proven_anew == anew


def test_a_dearer_neighbour_is_noticed() -> None:
    """The dearest SKU of a deal pays for its own groups; once another is dearer it may go free."""
    skus = catalogue(A=1_000, B=1_100, C=1_200, D=1_300, E=1_400, Z=2_000)
    deal = promotion("N", "item", CheapestFree(pieces=2))
    # C goes free beside a dearer one, Z only beside another Z.
    floors = Floors((0, 0, 0, 0, 0, 900))
    before = check(PriceBook((deal,), skus), floors)
    assert before.answer.kind == "proved"
    dearer = tuple(
        msgspec.structs.replace(s, list_price_fen=2_100) if s.code == "C" else s for s in skus
    )
    after = check(PriceBook((deal,), dearer), floors, before)
    found = below(after.answer).counterexample
    assert (found.sku, found.figure_fen) == ("Z", 0)


def test_what_was_proved_of_lower_floors_does_not_stand_for_higher_ones() -> None:
    book = PriceBook((promotion("P", "shop", AmountOff(off_fen=500)),), (B,))
    before = check(book, Floors((1_500,)))
    assert before.answer.kind == "proved"
    after = check(book, Floors((1_501,)), before)
    assert below(after.answer).counterexample.figure_fen == 1_500
    assert below(check(book, Floors((1_501,)), after).answer) == after.answer


def test_a_neighbour_between_the_cheapest_and_the_dearest_counts_in_a_search() -> None:
    skus = catalogue(A=1_000, B=1_100, C=1_200)
    row = promotion("P", "shop", Spend(tiers=(Tier(2_000, off_fen=300),)))
    before = check(PriceBook((row,), skus), Floors((0, 0, 0)))
    other = (skus[0], msgspec.structs.replace(skus[1], list_price_fen=1_001), skus[2])
    after = check(PriceBook((row,), other), Floors((0, 0, 0)), before)
    assert after.proven_anew == 3
    assert after.answer == check(PriceBook((row,), other), Floors((0, 0, 0))).answer


def test_a_neighbour_that_becomes_cheap_is_noticed() -> None:
    """A gift for every two pieces: the cheaper the others, the more of them Z may stand for."""
    skus = catalogue(A=1_500, B=1_500, C=1_500, D=1_500, E=1_500, Z=2_000)
    gift = promotion("G", "item", Gift(sku="G", pieces=2, repeat=True))
    given = (*skus, Sku("G", 1_500, 100))
    floors = Floors((0, 0, 0, 0, 0, 0, 1_500), line_units_max=40)
    before = check(PriceBook((gift,), given), floors)
    assert (before.answer.kind, before.rows[6].basis) == ("proved", "bound")
    cheap = (*skus[1:], Sku("G", 1_500, 100), msgspec.structs.replace(skus[0], list_price_fen=10))
    after = check(PriceBook((gift,), cheap), floors, before)
    assert 6 in below(after.answer).below


def test_pieces_of_others_have_their_price() -> None:
    """3.00 off three pieces: beside two of the cheapest A is left at 20.00 - 300 x 20 / 60."""
    skus = catalogue(A=2_000, B=2_000, C=2_500, D=2_600, E=2_700)
    row = promotion("P", "shop", Spend(tiers=(Tier(pieces=3, off_fen=300),)))
    done = check(PriceBook((row,), skus), Floors((1_890, 1_890, 0, 0, 0)))
    assert done.answer.kind == "proved"


def test_small_components_are_taken_over_only_untouched() -> None:
    skus = catalogue(A=1_000, B=1_100, C=1_200, D=1_300)
    pair = promotion("P1", "shop", Spend(tiers=(Tier(2_000, off_fen=300),)),
                     scope=Scope(skus=("A", "B")))  # fmt: skip
    other = promotion("P2", "item", AmountOff(off_fen=50), scope=Scope(skus=("C", "D")))
    floors = Floors((0,) * 4)
    before = check(PriceBook((pair, other), skus), floors)
    dearer = tuple(msgspec.structs.replace(s, list_price_fen=1_001) if s.code == "A" else s
                   for s in skus)  # fmt: skip
    cases = itertools.product(((pair, other), (pair,)), (skus, dearer))
    anew = []
    for promotions, rows in cases:
        book = PriceBook(promotions, rows)
        after = check(book, floors, before)
        assert [row.fen for row in after.rows] == [row.fen for row in check(book, floors).rows]
        anew.append(after.proven_anew)
    assert anew == [0, 2, 2, 4]
