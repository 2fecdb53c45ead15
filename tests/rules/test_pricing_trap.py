"""The trap: one piece looks safe, four cost a fifth of list price, and greed is not the way.

Always by trying every choice: no cleverness that could share a mistake with the guard.
"""

from itertools import chain, combinations
from pathlib import Path

import pytest

from tidegate.pricing.price import price
from tidegate.pricing.promotion import Basket, Buyer, Line
from tidegate.pricing.reading import read_yaml
from tidegate.pricing.receipt import CHINESE, receipt

TRAP = read_yaml((Path(__file__).parent / "pricing_files" / "trap.yaml").read_text("utf-8"))
BOOK = TRAP.compile(version=7)
CODES = [promotion.code for promotion in TRAP.promotions]
CHOICES = list(chain.from_iterable(combinations(CODES, count) for count in range(len(CODES) + 1)))
NOW_MS = TRAP.promotions[0].start_ms
WITHOUT_ITEM_AND_MEMBER = {"ACROSS-SHOPS", "PIECES", "PLATFORM-COUPON", "SHOP-COUPON", "SPEND"}


def lowest(quantity: int) -> tuple[int, set[str]]:
    """The lowest price of so many pieces, over all choices, and the choices that lead there."""
    basket = Basket((Line("JUICE-15", quantity),))
    found = [(price(BOOK, basket, Buyer(), c, NOW_MS).goods_fen, set(c)) for c in CHOICES]
    return min(found, key=lambda row: (row[0], len(row[1])))


@pytest.mark.parametrize(
    ("quantity", "goods_fen"),
    [(1, 17230), (2, 20000), (3, 20000), (4, 20800), (5, 29575), (10, 75150), (60, 540_900)],
)
def test_the_lowest_price_is_exact(quantity: int, goods_fen: int) -> None:
    assert lowest(quantity)[0] == goods_fen


def test_the_unit_prices_are_those_worked_out_by_hand() -> None:
    each = {q: (2 * lowest(q)[0] + q) // (2 * q) for q in (1, 2, 3, 4, 5, 10, 60)}
    assert each == {1: 17230, 2: 10000, 3: 6667, 4: 5200, 5: 5915, 10: 7515, 60: 9015}


@pytest.mark.parametrize("quantity", [2, 3])
def test_at_two_or_three_pieces_it_is_cheaper_to_leave_two_discounts_out(quantity: int) -> None:
    assert lowest(quantity)[1] == WITHOUT_ITEM_AND_MEMBER


def test_taking_everything_misses_the_lowest_price() -> None:
    basket = Basket((Line("JUICE-15", 4),))
    assert price(BOOK, basket, Buyer(), CODES, NOW_MS).goods_fen == 28460


def test_no_quantity_up_to_60_is_below_four_pieces() -> None:
    each = [(lowest(quantity)[0] * 60 // quantity, quantity) for quantity in range(1, 61, 3)]
    assert min(each) == (5200 * 60, 4)


def test_funding_that_nobody_named_is_the_shops() -> None:
    choices = lowest(4)[1]
    result = price(BOOK, Basket((Line("JUICE-15", 4),)), Buyer(), choices, NOW_MS)
    assert (result.goods_fen, result.receivable_fen) == (20800, 20800)
    assert [row.platform_fen for row in result.promotions] == [0] * 6


def test_the_receipt_explains_every_step() -> None:
    choices = lowest(4)[1]
    basket = Basket((Line("JUICE-15", 4),))
    result = price(BOOK, basket, Buyer(), choices, NOW_MS, trace=True)
    assert receipt(result, TRAP.promotions, CHINESE)[:13] == [
        "JUICE-15 × 4  原价 1040.00",
        "1. 单品: 单品 9 折 [ITEM-9]: -104.00; 4 件降价",
        "     JUICE-15: 1040.00 - 104.00 = 936.00",
        "2. 单品: 2 件 7.5 折，3 件 5 折 [PIECES]: -468.00; 4 件降价",
        "     JUICE-15: 936.00 - 468.00 = 468.00",
        (
            "3. 店铺: 满 199 减 50，满 399 减 120 [SPEND]: -120.00; "
            "共 4 件，按当前金额计 468.00; 第 2 档（次）"
        ),
        "     JUICE-15: 468.00 - 120.00 = 348.00",
        "4. 店铺: 店铺券 299−40 [SHOP-COUPON]: -40.00; 共 4 件，按当前金额计 348.00; 第 1 档（次）",
        "     JUICE-15: 348.00 - 40.00 = 308.00",
        (
            "5. 平台: 跨店每满 300 减 50 [ACROSS-SHOPS]: -50.00; "
            "共 4 件，按本层级开始时的金额计 308.00; 第 1 档（次）"
        ),
        "     JUICE-15: 308.00 - 50.00 = 258.00",
        (
            "6. 平台: 平台券 300−50 [PLATFORM-COUPON]: -50.00; "
            "共 4 件，按本层级开始时的金额计 308.00; 第 1 档（次）"
        ),
        "     JUICE-15: 258.00 - 50.00 = 208.00",
    ]
    assert "JUICE-15  208.00 (each 52.00)" in receipt(result, TRAP.promotions)


def test_outside_its_day_and_without_its_coupon_code_nothing_applies() -> None:
    basket = Basket((Line("JUICE-15", 4),))
    end_ms = TRAP.promotions[0].end_ms
    for time_ms in (NOW_MS - 1, end_ms):
        result = price(BOOK, basket, Buyer(), CODES, time_ms)
        assert (result.goods_fen, result.unused_choices) == (104_000, tuple(sorted(CODES)))
    assert price(BOOK, basket, Buyer(), ["PT300"], end_ms - 1).goods_fen == 99_000
    assert price(BOOK, basket, Buyer(), ["NO-SUCH"], NOW_MS).unused_choices == ("NO-SUCH",)


def test_a_quote_is_the_version_and_the_hash_of_what_was_compiled() -> None:
    assert BOOK.quote.version == 7
    assert len(BOOK.quote.hash) == 64
    assert TRAP.compile().quote.hash == BOOK.quote.hash
