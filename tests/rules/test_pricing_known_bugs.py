"""What other engines got wrong, one test a bug, named by where it was reported.

Always the reporter's own situation, in fen, with the exact figures that are right here. Sources:
the public issue trackers of the projects that the names of the tests carry.
"""

from collections.abc import Sequence
from itertools import permutations

import pytest

from tidegate.pricing.book import PriceBook
from tidegate.pricing.effects import (
    AmountOff,
    CheapestFree,
    Every,
    FreeShipping,
    NPieces,
    NthPiece,
    PercentOff,
    PieceTier,
    Spend,
    Tier,
)
from tidegate.pricing.price import price
from tidegate.pricing.promotion import Basket, Budget, Buyer, Coupon, Limits, Line, Room, Scope
from tidegate.pricing.result import Clamp, Priced
from tidegate.testing.prices import NOW_MS, basket, catalogue, priced, promotion

A100 = catalogue(A=10_000)
OFF_500 = AmountOff(off_fen=50_000)


def discounts(result: Priced) -> list[tuple[str, int]]:
    """What each promotion gave."""
    return [(row.promotion, row.discount_fen) for row in result.promotions]


def only(*codes: str) -> Scope:
    """A scope of these SKUs."""
    return Scope(skus=codes)


# Totals below zero, and clamps that nobody sees.


def test_magento_35162_a_discount_above_the_cart_is_cut_and_said() -> None:
    result = priced([promotion("P", "shop", OFF_500)], A100, basket(A=1))
    assert (result.goods_fen, result.payable_fen) == (0, 0)
    assert result.clamps == (Clamp("P", 50_000, 10_000),)


def test_solidus_2741_and_spree_998_a_flat_discount_after_a_line_of_100_percent() -> None:
    rows = [
        promotion("FREE", "item", PercentOff(pay_bp=0)),
        promotion("FLAT", "shop", OFF_500),
    ]
    result = priced(rows, A100, basket(A=1))
    assert (result.goods_fen, discounts(result)) == (0, [("FREE", 10_000)])
    assert result.clamps == (Clamp("FLAT", 50_000, 0),)


@pytest.mark.parametrize(("first", "second"), [(1, 2), (2, 1)])
def test_odoo_63106_ten_percent_and_a_fixed_50_on_50_in_either_order(
    first: int, second: int
) -> None:
    rows = [
        promotion("TEN", "shop", PercentOff(pay_bp=9_000), priority=first),
        promotion("FIFTY", "shop", AmountOff(off_fen=5_000), priority=second),
    ]
    result = priced(rows, catalogue(A=5_000), basket(A=1))
    assert result.goods_fen == 0
    clamps = (Clamp("FIFTY", 5_000, 4_500),) if first == 1 else ()
    assert result.clamps == clamps


@pytest.mark.parametrize("list_fen", [1, 99, 333, 1_001, 99_999])
def test_magento_10790_and_odoo_271032_100_percent_leaves_exactly_nothing(list_fen: int) -> None:
    rows = [promotion("ALL", "shop", PercentOff(pay_bp=0))]
    result = priced(rows, catalogue(A=list_fen, B=7), basket(A=3, B=1))
    assert [line.payable_fen for line in result.lines] == [0, 0]
    assert (result.goods_fen, result.receivable_fen, result.clamps) == (0, 0, ())


def test_medusa_14899_and_15532_there_is_one_basis_and_no_line_goes_below_nothing() -> None:
    # There: tax-inclusive and tax-exclusive promotions ran on two bases in one accumulator. Here
    # every amount is the buyer's, and bases that differ by design take no more than is left.
    rows = [
        promotion("LIST", "shop", PercentOff(pay_bp=4_000), measured_on="list", priority=2),
        promotion("RUN", "shop", PercentOff(pay_bp=5_000), priority=1),
    ]
    result = priced(rows, A100, basket(A=1))
    assert discounts(result) == [("RUN", 5_000), ("LIST", 5_000)]
    assert (result.goods_fen, result.clamps) == (0, (Clamp("LIST", 6_000, 5_000),))


# Order of evaluation.


def test_magento_39448_100_off_and_10_percent_depend_on_the_declared_basis_alone() -> None:
    def given(first: int, second: int, basis: str) -> int:
        rows = [
            promotion("HUNDRED", "shop", AmountOff(off_fen=10_000), priority=first),
            promotion("TEN", "shop", PercentOff(pay_bp=9_000), priority=second, measured_on=basis),
        ]
        result = priced(rows, catalogue(A=100_000), basket(A=1))
        return result.list_fen - result.goods_fen

    assert (given(1, 10, "running"), given(10, 1, "running")) == (19_000, 20_000)
    assert given(1, 10, "level_start") == given(10, 1, "level_start") == 20_000


def test_oracle_atg_the_same_priority_is_no_random_order() -> None:
    rows = [
        promotion("C", "shop", AmountOff(off_fen=1_000)),
        promotion("A", "shop", PercentOff(pay_bp=9_000)),
        promotion("B", "shop", Spend(tiers=(Tier(spend_fen=8_500, off_fen=500),))),
    ]
    for given in permutations(rows):
        result = priced(given, A100, basket(A=1))
        assert discounts(result) == [("A", 1_000), ("B", 500), ("C", 1_000)]


def test_magento_2190_a_rule_with_a_cap_of_units_leaves_an_earlier_one_alone() -> None:
    rows = [
        promotion("EACH", "item", AmountOff(off_fen=1_000), priority=1),
        promotion(
            "CAPPED", "item", AmountOff(off_fen=500), priority=2, limits=Limits(order_units=1)
        ),
    ]
    result = priced(rows, A100, basket(A=5))
    assert discounts(result) == [("EACH", 5_000), ("CAPPED", 500)]


def test_magento_37985_zero_is_before_one_and_shipping_ends_nothing() -> None:
    rows = [
        promotion("FREIGHT", "shop", FreeShipping(spend_fen=5_000), priority=1),
        promotion("FIRST", "shop", AmountOff(off_fen=4_000), priority=0),
        promotion("LAST", "shop", AmountOff(off_fen=1_000), priority=2),
    ]
    result = priced(rows, A100, basket(800, A=1))
    assert discounts(result) == [("FIRST", 4_000), ("FREIGHT", 800), ("LAST", 1_000)]
    assert (result.goods_fen, result.shipping_fen, result.payable_fen) == (5_000, 0, 5_000)


def test_vendure_a_threshold_sees_the_amount_that_its_place_in_the_order_gives_it() -> None:
    # Buy one get one free, and 10 % from 50 yuan on: 30 + 30 yuan is under 50 once one is free.
    bogo = promotion("BOGO", "item", CheapestFree(pieces=2, free=1))
    ten = Spend(tiers=(Tier(spend_fen=5_000, pay_bp=9_000),))
    shop = catalogue(A=3_000)
    assert priced([bogo, promotion("TEN", "shop", ten)], shop, basket(A=2)).goods_fen == 3_000
    on_list = promotion("TEN", "shop", ten, measured_on="list")
    assert priced([bogo, on_list], shop, basket(A=2)).goods_fen == 2_400


# What counts, and how often.


def test_magento_9214_a_cap_of_units_holds_for_the_order_and_not_for_each_product() -> None:
    rows = [promotion("ONE", "item", PercentOff(pay_bp=5_000), limits=Limits(order_units=1))]
    shop = catalogue(A=10_000, B=6_000, C=8_000)
    result = priced(rows, shop, basket(A=2, B=2, C=2))
    assert discounts(result) == [("ONE", 3_000)]


def test_magento_29343_a_fixed_amount_on_200_cheap_units_is_that_amount() -> None:
    rows = [promotion("TWENTY", "shop", AmountOff(off_fen=2_000))]
    result = priced(rows, catalogue(A=500), basket(A=200))
    assert (discounts(result), result.goods_fen) == ([("TWENTY", 2_000)], 98_000)


def test_magento_36756_a_step_that_is_not_reached_does_not_apply_and_keeps_nothing_out() -> None:
    step = Every(off_fen=500, pieces=4)
    rows = [
        promotion("STEP", "shop", step, priority=1, exclusive_group="one"),
        promotion("OTHER", "shop", AmountOff(off_fen=300), priority=2, exclusive_group="one"),
    ]
    assert discounts(priced(rows, A100, basket(A=3))) == [("OTHER", 300)]
    assert discounts(priced(rows, A100, basket(A=4))) == [("STEP", 500)]


@pytest.mark.parametrize(("quantity", "goods_fen"), [(2, 200), (3, 280), (4, 360), (5, 410)])
def test_erpnext_18006_a_quantity_band_is_for_the_units_in_it(
    quantity: int, goods_fen: int
) -> None:
    bands = (PieceTier(3, 8_000), PieceTier(5, 5_000))
    rows = [promotion("BAND", "item", NPieces(tiers=bands, applies_to="units_in_band"))]
    assert priced(rows, catalogue(A=100), basket(A=quantity)).goods_fen == goods_fen


@pytest.mark.parametrize(("quantity", "goods_fen"), [(2, 10_000), (3, 20_000), (4, 20_000)])
def test_django_oscar_3343_cheapest_free_counts_no_unit_twice(
    quantity: int, goods_fen: int
) -> None:
    rows = [
        promotion("FIRST", "item", CheapestFree(pieces=2)),
        promotion("SECOND", "item", CheapestFree(pieces=2)),
        promotion("THIRD", "item", NthPiece(nth=2, pay_bp=5_000)),
    ]
    assert priced(rows, A100, basket(A=quantity)).goods_fen == goods_fen


def test_broadleaf_129_stacking_does_what_it_says_for_buy_one_get_one_and_20_percent() -> None:
    shop = catalogue(SHIRT=2_000, SAUCE=1_000)
    twenty = promotion("TWENTY", "item", PercentOff(pay_bp=8_000), scope=only("SHIRT"))
    free = promotion("BOGO", "item", CheapestFree(pieces=2), priority=1)
    both = priced([twenty, free], shop, basket(SHIRT=1, SAUCE=1))
    assert discounts(both) == [("BOGO", 1_000), ("TWENTY", 400)]
    more = priced([twenty, free], shop, basket(SHIRT=2, SAUCE=1))
    assert discounts(more) == [("BOGO", 1_000), ("TWENTY", 800)]
    alone = promotion("BOGO", "item", CheapestFree(pieces=2), priority=1, combines_with=())
    assert discounts(priced([twenty, alone], shop, basket(SHIRT=1, SAUCE=1))) == [("BOGO", 1_000)]


# Rounding and shares.


def test_saleor_12041_there_is_one_rounding_and_it_is_half_up_of_the_price() -> None:
    half = [promotion("HALF", "item", PercentOff(pay_bp=5_000))]
    assert priced(half, catalogue(A=5), basket(A=1)).goods_fen == 3
    above = [promotion("HALF", "shop", PercentOff(pay_bp=5_000))]
    assert priced(above, catalogue(A=5), basket(A=1)).goods_fen == 3


def test_saleor_17024_an_orders_discount_adds_up_over_its_lines() -> None:
    rows = [promotion("TEN", "shop", AmountOff(off_fen=1_000))]
    result = priced(rows, catalogue(A=333, B=333, C=334), basket(A=3, B=3, C=3))
    assert [line.discounts[0].discount_fen for line in result.lines] == [333, 333, 334]
    assert sum(line.payable_fen for line in result.lines) == result.goods_fen == 2_000


@pytest.mark.parametrize("quantity", [3, 7, 9, 11])
def test_vendure_2995_a_fixed_line_discount_is_not_divided_by_the_quantity(quantity: int) -> None:
    rows = [promotion("FIXED", "shop", AmountOff(off_fen=1_000), scope=only("A"))]
    result = priced(rows, catalogue(A=999, B=500), basket(A=quantity, B=1))
    assert [line.payable_fen for line in result.lines] == [999 * quantity - 1_000, 500]


@pytest.mark.parametrize("pay_bp", [8_500, 6_500, 9_999, 1])
def test_umbraco_744_and_chameleon_236_percent_of_the_total_is_not_a_cent_off(pay_bp: int) -> None:
    rows = [promotion("PERCENT", "shop", PercentOff(pay_bp=pay_bp))]
    shop = catalogue(A=1_995, B=2_995, C=1_049)
    result = priced(rows, shop, basket(A=1, B=3, C=7))
    assert result.goods_fen == (result.list_fen * pay_bp + 5_000) // 10_000
    assert sum(line.payable_fen for line in result.lines) == result.goods_fen


# Paths that a suspension, a budget or a choice must close.


def voucher(state: str) -> PriceBook:
    """An offer with a voucher in hand, in one of its states."""
    row = promotion(
        "OFFER", "shop", AmountOff(off_fen=1_000), coupon=Coupon(code="IN-HAND"), state=state
    )
    unlocked = promotion("AFTER", "shop", AmountOff(off_fen=1), priority=200, requires=("OFFER",))
    return PriceBook([row, unlocked], A100)


@pytest.mark.parametrize("choices", [("OFFER",), ("IN-HAND",), ("OFFER", "IN-HAND")])
def test_django_oscar_api_289_a_suspended_offer_is_dead_by_voucher_too(
    choices: Sequence[str],
) -> None:
    live = price(voucher("active"), basket(A=1), Buyer(), choices, NOW_MS)
    assert discounts(live) == [("OFFER", 1_000), ("AFTER", 1)]
    dead = price(voucher("suspended"), basket(A=1), Buyer(), choices, NOW_MS)
    assert (discounts(dead), dead.goods_fen) == ([], 10_000)
    assert dead.unused_choices == tuple(sorted(choices))


@pytest.mark.parametrize(
    ("left", "given"),
    [
        (Room(money_fen=999), []),
        (Room(money_fen=1_000), [("P", 1_000)]),
        (Room(units=1), []),
        (Room(units=2), [("P", 1_000)]),
        (Room(uses=0), []),
        (Room(), [("P", 1_000)]),
    ],
)
def test_django_oscar_a_budget_is_asked_before_and_never_overshot_by_one_order(
    left: Room, given: list[tuple[str, int]]
) -> None:
    rows = [promotion("P", "shop", AmountOff(off_fen=1_000), budget=Budget(money_fen=10_000))]
    result = priced(rows, A100, basket(A=2), room={"P": left})
    assert (discounts(result), result.clamps) == (given, ())


def test_commercetools_a_promotion_whose_target_does_not_match_stops_nothing() -> None:
    rows = [
        promotion("NONE", "shop", AmountOff(off_fen=900), scope=only("B"), combines_with=()),
        promotion("ALL", "shop", AmountOff(off_fen=300), priority=200),
    ]
    assert discounts(priced(rows, catalogue(A=10_000, B=10_000), basket(A=1))) == [("ALL", 300)]


def test_shopify_several_percentages_on_the_same_subtotal_add_up() -> None:
    rows = [
        promotion("TEN", "shop", PercentOff(pay_bp=9_000), measured_on="level_start"),
        promotion("FIFTEEN", "shop", PercentOff(pay_bp=8_500), measured_on="level_start"),
    ]
    assert discounts(priced(rows, catalogue(A=35_000), basket(A=1))) == [
        ("FIFTEEN", 5_250),
        ("TEN", 3_500),
    ]


def test_saleor_stock_lines_given_twice_count_once() -> None:
    rows = [promotion("TWO", "item", NPieces(tiers=(PieceTier(2, 5_000),)))]
    wanted = Basket((Line("A", 1), Line("A", 1)))
    result = priced(rows, A100, wanted)
    assert [(line.quantity, line.payable_fen) for line in result.lines] == [(2, 10_000)]
