"""Every kind of promotion on a basket small enough to work out by hand.

Always through the whole of `price`, with exact amounts for every line. One row, one fact.
"""

from typing import Any

import pytest

from tidegate.pricing.book import PriceBook
from tidegate.pricing.effects import (
    AddOn,
    AmountOff,
    AnyEffect,
    BundlePrice,
    CheapestFree,
    Every,
    FixedPrice,
    FreeShipping,
    Gift,
    MemberPrice,
    NPieces,
    NthPiece,
    PercentOff,
    PieceTier,
    Spend,
    Tier,
)
from tidegate.pricing.price import BasketRefused, price
from tidegate.pricing.promotion import (
    Basket,
    Budget,
    Buyer,
    Buyers,
    Level,
    Limits,
    Line,
    Scope,
    Sku,
)
from tidegate.pricing.result import GiftLine, LineDiscount, PromotionTotal
from tidegate.testing.prices import END_MS, NOW_MS, START_MS, basket, catalogue, priced, promotion

SHOP = catalogue(A=10_000, B=6_000, C=1_000)
ONLY_A = Scope(skus=("A",))
TWO_TIERS = (Tier(spend_fen=10_000, off_fen=1_000), Tier(spend_fen=20_000, off_fen=3_000))

ROWS: list[tuple[str, Level, AnyEffect, dict[str, Any], dict[str, int], list[int]]] = [
    # what it shows, level, effect, more of the promotion, basket, payable by line
    ("percent by unit", "item", PercentOff(9_000), {}, {"A": 2, "B": 1}, [18_000, 5_400]),
    ("percent of a sum", "shop", PercentOff(9_000), {}, {"A": 2, "B": 1}, [18_000, 5_400]),
    ("amount by unit", "item", AmountOff(500), {}, {"A": 3, "C": 1}, [28_500, 500]),
    ("amount once", "shop", AmountOff(2_600), {}, {"A": 2, "B": 1}, [18_000, 5_400]),
    ("one price", "item", FixedPrice(900), {}, {"A": 2, "C": 1}, [1_800, 900]),
    (
        "price of each", "item", FixedPrice(prices_fen={"A": 9_000, "C": 1_000}),
        {"scope": Scope(skus=("A", "C"))}, {"A": 1, "B": 1, "C": 1}, [9_000, 6_000, 1_000],
    ),
    ("pieces: under", "item", NPieces((PieceTier(3, 5_000),)), {}, {"A": 2}, [20_000]),
    ("pieces: all", "item", NPieces((PieceTier(3, 5_000),)), {}, {"A": 2, "C": 1}, [10_000, 500]),
    (
        "pieces: each SKU", "item", NPieces((PieceTier(2, 5_000),), mixed=False),
        {}, {"A": 2, "C": 1}, [10_000, 1_000],
    ),
    (
        "pieces of a sum", "shop", NPieces((PieceTier(2, 5_000),)),
        {}, {"A": 1, "C": 1}, [5_000, 500],
    ),
    (
        "band: the cheapest units come last", "item",
        NPieces((PieceTier(2, 5_000),), applies_to="units_in_band"),
        {}, {"A": 1, "B": 1, "C": 1}, [10_000, 3_000, 500],
    ),
    (
        "second at half", "item", NthPiece(2, 5_000),
        {}, {"A": 1, "B": 1, "C": 1}, [10_000, 6_000, 500],
    ),
    ("second, twice", "item", NthPiece(2, 5_000), {}, {"A": 3, "C": 1}, [25_000, 500]),
    ("second, once", "item", NthPiece(2, 5_000, times_max=1), {}, {"A": 3, "C": 1}, [30_000, 500]),
    (
        "second, each SKU", "item", NthPiece(2, 5_000, mixed=False),
        {}, {"A": 3, "C": 2}, [25_000, 1_500],
    ),
    (
        "second, each SKU, once in all", "item", NthPiece(2, 5_000, mixed=False, times_max=1),
        {}, {"A": 3, "C": 2}, [25_000, 2_000],
    ),
    ("cheapest free", "item", CheapestFree(3), {}, {"A": 2, "B": 1}, [20_000, 0]),
    ("two of three free", "item", CheapestFree(3, 2), {}, {"A": 2, "C": 1}, [10_000, 0]),
    ("first tier", "shop", Spend(TWO_TIERS), {}, {"A": 1}, [9_000]),
    ("second tier, once", "shop", Spend(TWO_TIERS), {}, {"A": 4}, [37_000]),
    (
        "tier in pieces", "shop", Spend((Tier(pieces=2, off_fen=700),)),
        {}, {"C": 2}, [1_300],
    ),
    (
        "percentage from a spend", "platform", Spend((Tier(spend_fen=15_000, pay_bp=8_000),)),
        {}, {"A": 1, "B": 1}, [8_000, 4_800],
    ),
    ("every", "shop", Every(500, spend_fen=8_000), {}, {"A": 2}, [19_000]),
    ("every, capped", "shop", Every(500, spend_fen=8_000, times_max=1), {}, {"A": 2}, [19_500]),
    ("every piece pair", "shop", Every(500, pieces=2), {}, {"A": 5}, [49_000]),
    (
        "a cap of money", "shop", PercentOff(5_000),
        {"limits": Limits(order_discount_fen=1_000)}, {"A": 1}, [9_000],
    ),
    (
        "a cap of units: the cheapest", "item", AmountOff(100),
        {"limits": Limits(order_units=2)}, {"A": 3, "C": 1}, [29_900, 900],
    ),
    ("scope", "shop", PercentOff(5_000), {"scope": ONLY_A}, {"A": 1, "B": 1}, [5_000, 6_000]),
    (
        "a sum at item level measures units at their price", "item", Spend(TWO_TIERS),
        {}, {"A": 2}, [17_000],
    ),
    ("payment level", "payment", AmountOff(500), {}, {"A": 1}, [9_500]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("level", "effect", "more", "wanted", "payable"),
    [pytest.param(*row[1:], id=row[0]) for row in ROWS],
)
def test_a_kind_by_hand(
    level: Level,
    effect: AnyEffect,
    more: dict[str, Any],
    wanted: dict[str, int],
    payable: list[int],
) -> None:
    result = priced([promotion("P", level, effect, **more)], SHOP, basket(**wanted))
    assert [line.payable_fen for line in result.lines] == payable
    assert result.clamps == ()


@pytest.mark.parametrize(
    ("quantities", "payable"),
    [
        ({"A": 1}, [10_000]),
        ({"A": 1, "B": 1}, [7_500, 4_500]),
        ({"A": 2, "B": 1}, [17_500, 4_500]),
        ({"A": 3, "B": 2, "C": 1}, [25_000, 9_000, 1_000]),
    ],
)
def test_a_bundle_is_split_by_list_price_and_takes_its_units(
    quantities: dict[str, int], payable: list[int]
) -> None:
    row = promotion("SET", "item", BundlePrice({"A": 1, "B": 1}, 12_000), scope=Scope())
    result = priced([row], SHOP, basket(**quantities))
    assert [line.payable_fen for line in result.lines] == payable


def test_a_bundle_that_does_not_divide_gives_the_fen_to_the_first_unit() -> None:
    row = promotion("SET", "item", BundlePrice({"A": 3}, 20_000), scope=Scope())
    result = priced([row], SHOP, basket(A=3))
    assert result.goods_fen == 20_000


def test_a_unit_that_is_cheaper_than_its_part_of_a_bundle_stays_so() -> None:
    rows = [
        promotion("SET", "item", BundlePrice({"A": 1, "B": 1}, 12_000), scope=Scope()),
        promotion("FLASH", "item", FixedPrice(5_000), scope=ONLY_A, priority=1),
    ]
    result = priced(rows, SHOP, basket(A=1, B=1))
    assert [line.payable_fen for line in result.lines] == [5_000, 4_500]


def test_an_add_on_needs_its_condition_and_never_counts_for_it() -> None:
    row = promotion("PLUS", "item", AddOn({"C": 100}, spend_fen=10_000), opt_in=True)
    for wanted, payable in [
        ({"A": 1, "C": 2}, [10_000, 1_100]),
        ({"B": 1, "C": 9}, [6_000, 9_000]),
    ]:
        result = priced([row], SHOP, basket(**wanted), "PLUS")
        assert [line.payable_fen for line in result.lines] == payable
    assert priced([row], SHOP, basket(A=1, C=1)).goods_fen == 11_000


def test_add_ons_for_pieces_take_only_the_units_they_need() -> None:
    plus = AddOn({"C": 0}, pieces=2, repeat=True)
    rows = [
        promotion("PLUS", "item", plus, priority=1),
        promotion("PAIR", "item", CheapestFree(2), priority=2, scope=ONLY_A),
    ]
    result = priced(rows, SHOP, basket(A=4, C=1))  # one use takes two A, the other two make a pair
    assert [line.payable_fen for line in result.lines] == [30_000, 0]


@pytest.mark.parametrize(("quantity", "units"), [(1, 0), (2, 1), (3, 1), (4, 2), (9, 3)])
def test_a_gift_for_pieces_takes_them_and_repeats_as_said(quantity: int, units: int) -> None:
    rows = [promotion("G", "item", Gift("C", pieces=2, repeat=True, times_max=3))]
    result = priced(rows, SHOP, basket(A=quantity))
    assert result.gifts == ((GiftLine("G", "C", units, "A"),) if units else ())
    assert result.goods_fen == 10_000 * quantity


def test_units_that_a_gift_has_taken_make_no_pair() -> None:
    rows = [
        promotion("G", "item", Gift("C", pieces=2), priority=1),
        promotion("PAIR", "item", CheapestFree(2), priority=2),
    ]
    assert priced(rows, SHOP, basket(A=3)).goods_fen == 30_000
    assert priced(rows, SHOP, basket(A=4)).goods_fen == 30_000


def test_a_gift_for_a_spend_hangs_on_the_largest_line() -> None:
    rows = [promotion("G", "shop", Gift("C", quantity=2, spend_fen=10_000, repeat=True))]
    result = priced(rows, SHOP, basket(B=3, A=1, C=1))
    assert result.gifts == (GiftLine("G", "C", 4, "B"),)
    assert result.promotions == (PromotionTotal("G", 0, 0, 0),)


@pytest.mark.parametrize(
    ("effect", "shipping_fen"),
    [
        (FreeShipping(), 0),
        (FreeShipping(spend_fen=10_001), 900),
        (FreeShipping(spend_fen=10_000), 0),
        (FreeShipping(pieces=2), 900),
        (FreeShipping(up_to_fen=300), 600),
    ],
)
def test_shipping_is_freed_apart_from_goods(effect: FreeShipping, shipping_fen: int) -> None:
    row = promotion("S", "shop", effect, shop_share_bp=5_000)
    result = priced([row], SHOP, basket(900, A=1))
    assert (result.goods_fen, result.shipping_fen) == (10_000, shipping_fen)
    assert result.payable_fen == 10_000 + shipping_fen
    assert result.shipping_platform_fen == (900 - shipping_fen) // 2


def test_who_pays_is_split_with_the_broken_fen_on_the_shop() -> None:
    unit = promotion("U", "item", AmountOff(333), shop_share_bp=5_000)
    result = priced([unit], SHOP, basket(A=3))
    assert result.lines[0].discounts == (LineDiscount("U", 999, 498),)
    assert result.promotions == (PromotionTotal("U", 999, 501, 498),)
    assert (result.goods_fen, result.receivable_fen) == (29_001, 29_499)
    above = promotion("S", "shop", AmountOff(999), shop_share_bp=5_000)
    result = priced([above], SHOP, basket(A=3))
    assert result.promotions == (PromotionTotal("S", 999, 500, 499),)


@pytest.mark.parametrize(
    ("buyer", "goods_fen"),
    [
        (Buyer(), 10_000),
        (Buyer(level="gold"), 8_000),
        (Buyer(level="silver"), 10_000),
        (Buyer(new=True), 9_500),
        (Buyer(new=True, level="gold", channel="live", region="x"), 6_500),
    ],
)
def test_buyers_meet_the_promotions_made_for_them(buyer: Buyer, goods_fen: int) -> None:
    rows = [
        promotion("M", "item", MemberPrice(8_000), scope=ONLY_A, buyers=Buyers(levels=("gold",))),
        promotion("N", "shop", AmountOff(500), buyers=Buyers(new=True)),
        promotion("L", "shop", AmountOff(1_000), buyers=Buyers(channels=("live",))),
        promotion("R", "shop", AmountOff(1_000), buyers=Buyers(regions=("y",))),
    ]
    assert price(PriceBook(rows, SHOP), basket(A=1), buyer, (), NOW_MS).goods_fen == goods_fen


def test_windows_are_half_open_and_cells_lie_between_their_edges() -> None:
    rows = [
        promotion("P", "shop", AmountOff(500)),
        promotion("Q", "shop", AmountOff(300), start_ms=END_MS, end_ms=END_MS + 10),
    ]
    book = PriceBook(rows, SHOP)
    times = (START_MS - 1, START_MS, END_MS - 1, END_MS, END_MS + 9, END_MS + 10)
    found = [price(book, basket(A=1), Buyer(), (), time_ms).goods_fen for time_ms in times]
    assert found == [10_000, 9_500, 9_500, 9_700, 9_700, 10_000]
    assert book.time_cells() == (START_MS, END_MS)


def test_buyer_classes_are_those_that_promotions_tell_apart() -> None:
    rows = [
        promotion("M", "item", MemberPrice(500), buyers=Buyers(levels=("gold", "black"))),
        promotion("N", "shop", AmountOff(500), buyers=Buyers(new=True)),
    ]
    found = PriceBook(rows, SHOP).buyer_classes()
    assert found == (
        Buyer(), Buyer(level="black"), Buyer(new=True), Buyer(new=True, level="black"),
    )  # fmt: skip


def test_what_a_promotion_requires_must_have_applied() -> None:
    first = promotion("A1", "shop", Spend((Tier(spend_fen=15_000, off_fen=1_000),)), opt_in=True)
    second = promotion("A2", "shop", AmountOff(200), requires=("A1",))
    rows = [first, second]
    assert priced(rows, SHOP, basket(A=2), "A1").goods_fen == 18_800
    assert priced(rows, SHOP, basket(A=1), "A1").goods_fen == 10_000
    assert priced(rows, SHOP, basket(A=2)).goods_fen == 20_000


def test_a_group_keeps_one_promotion_on_a_line_and_others_on_other_lines() -> None:
    rows = [
        promotion("A1", "item", PercentOff(9_000), scope=ONLY_A, exclusive_group="one"),
        promotion("B1", "shop", PercentOff(5_000), exclusive_group="one"),
    ]
    result = priced(rows, SHOP, basket(A=1, B=1))
    assert [line.payable_fen for line in result.lines] == [9_000, 3_000]


def test_a_sku_without_a_cost_sells_at_list_price_whatever_else_there_is() -> None:
    skus = (*SHOP, Sku("NEW", 5_000))
    rows = [promotion("P", "shop", PercentOff(5_000), scope=Scope(skus=("A", "B", "C")))]
    result = priced(rows, skus, basket(A=1, NEW=1))
    assert [line.payable_fen for line in result.lines] == [5_000, 5_000]


@pytest.mark.parametrize(
    "wanted",
    [
        Basket(()),
        basket(X=1),
        Basket((Line("A", 0),)),
        Basket((Line("A", 1),) * 65),
        Basket((Line("A", 600_000),) * 2),
        basket(-1, A=1),
    ],
)
def test_a_basket_without_a_price_is_refused(wanted: Basket) -> None:
    with pytest.raises(BasketRefused):
        priced([], SHOP, wanted)


def test_a_million_units_cost_no_more_to_price_than_one() -> None:
    rows = [
        promotion("N", "item", NthPiece(3, 5_000)),
        promotion("B", "item", NPieces((PieceTier(2, 9_000),), applies_to="units_in_band")),
    ]
    result = priced(rows, SHOP, basket(A=1_000_000))
    # 333,333 units at 5,000 and 666,667 at 10,000; all but the dearest one then at 90 %.
    assert result.goods_fen == 333_333 * 4_500 + 666_666 * 9_000 + 10_000


def test_payers_are_taken_too_and_what_lies_between_is_free_for_the_next() -> None:
    rows = [
        promotion("TRIO", "item", CheapestFree(3), priority=1),
        promotion("PAIR", "item", NthPiece(2, 5_000), priority=2),
    ]
    # Of five: one free, the two dearest pay, and two are left to make a pair.
    result = priced(rows, SHOP, basket(A=2, B=2, C=1))
    assert [line.payable_fen for line in result.lines] == [20_000, 9_000, 0]
    assert priced(rows, SHOP, basket(A=2, B=1, C=1)).goods_fen == 26_000


def test_a_band_prices_units_that_a_group_has_taken() -> None:
    rows = [
        promotion("PAIR", "item", CheapestFree(2), priority=1),
        promotion("BAND", "item", NPieces((PieceTier(2, 5_000),), "units_in_band"), priority=2),
    ]
    assert priced(rows, SHOP, basket(A=3)).goods_fen == 15_000


def test_an_add_on_takes_the_dearest_units_that_are_asked_for() -> None:
    rows = [
        promotion("PLUS", "item", AddOn({"C": 100}, pieces=1), priority=1),
        promotion("PAIR", "item", CheapestFree(2), priority=2, scope=Scope(skus=("A", "B"))),
    ]
    result = priced(rows, SHOP, basket(A=1, B=2, C=1))  # A pays for C, so the pair is of B
    assert [line.payable_fen for line in result.lines] == [10_000, 6_000, 100]


def test_a_book_tells_which_of_its_promotions_price_units_and_which_may_be_absent() -> None:
    rows = [
        promotion("U", "item", PercentOff(9_000)),
        promotion("S", "shop", AmountOff(1), opt_in=True),
        promotion("T", "shop", AmountOff(1), budget=Budget(units=5)),
    ]
    book = PriceBook(rows, SHOP)
    assert [rule.code for rule in book.rules] == ["U", "S", "T"]
    assert (book.units_mask, book.chosen_mask, book.may_run_out_mask) == (0b001, 0b010, 0b100)
    assert (book.automatic_mask, book.masks) == (0b101, [0b111, 0b111, 0b111])


def test_a_lines_receivable_is_what_the_buyer_and_the_platform_pay_for_it() -> None:
    rows = [promotion("S", "platform", AmountOff(1_000), shop_share_bp=3_000)]
    result = priced(rows, SHOP, basket(A=1, B=1))
    assert [(line.payable_fen, line.receivable_fen) for line in result.lines] == [
        (9_375, 9_813),  # 437.5 of the platform's 700: the broken fen goes to the smaller code
        (5_625, 5_887),
    ]
    assert (result.goods_fen, result.receivable_fen) == (15_000, 15_700)


def test_one_book_keeps_buyers_apart() -> None:
    book = PriceBook([promotion("N", "shop", AmountOff(500), buyers=Buyers(new=True))], SHOP)
    found = [
        price(book, basket(A=1), Buyer(new=new, level=level), (), NOW_MS).goods_fen
        for new in (False, True, False)
        for level in ("", "gold")
    ]
    assert found == [10_000, 10_000, 9_500, 9_500, 10_000, 10_000]
