"""The trap, found by the guard: one piece looks safe, four cost a fifth of the list price.

Always the shop of test_pricing_trap.py, whose prices were worked out by hand.
"""

from pathlib import Path

import pytest

from tidegate.pricing.guard.answers import BelowFloor, Lowest, Proved
from tidegate.pricing.guard.check import check
from tidegate.pricing.guard.explain import explained
from tidegate.pricing.guard.floors import Floors
from tidegate.pricing.reading import read_yaml
from tidegate.pricing.receipt import CHINESE, receipt

TRAP = read_yaml((Path(__file__).parent / "pricing_files" / "trap.yaml").read_text("utf-8"))
BOOK = TRAP.compile(version=7)
ALL_BUT_TWO = {"PIECES", "SPEND", "SHOP-COUPON", "ACROSS-SHOPS", "PLATFORM-COUPON"}


def answer_at(floor_fen: int, units_max: int = 1_000_000) -> Proved | BelowFloor:
    answer = check(BOOK, Floors((floor_fen,), line_units_max=units_max)).answer
    assert isinstance(answer, Proved | BelowFloor)
    return answer


@pytest.mark.parametrize(
    ("units_max", "lowest_fen"), [(1, 17230), (2, 10000), (3, 6666), (4, 5200), (1_000_000, 5200)]
)
def test_the_lowest_price_is_certified_and_reached(units_max: int, lowest_fen: int) -> None:
    answer = answer_at(lowest_fen, units_max)
    assert answer == Proved(lowest=(Lowest(lowest_fen, is_reached=True),))


@pytest.mark.parametrize(
    ("floor_fen", "units", "figure_fen"),
    [(5201, 4, 20800), (6667, 3, 20000), (10001, 2, 20000), (17231, 1, 17230)],
)
def test_the_smallest_basket_below_is_found(floor_fen: int, units: int, figure_fen: int) -> None:
    """Of six promotions or fewer, whichever suffice: a floor just above a price leaves one way."""
    answer = answer_at(floor_fen)
    assert isinstance(answer, BelowFloor)
    found = answer.counterexample
    assert found.is_smallest
    if units == 1:
        # At this floor two pieces cost 100.00, but one is fewer.
        assert (found.basket.lines[0].quantity, found.figure_fen) == (1, figure_fen)
    else:
        assert (found.basket.lines[0].quantity, found.figure_fen) == (units, figure_fen)


def test_at_three_pieces_two_discounts_are_left_out() -> None:
    answer = answer_at(6667)
    assert isinstance(answer, BelowFloor)
    assert set(answer.counterexample.choices) == ALL_BUT_TWO
    assert set(answer.counterexample.needed) == ALL_BUT_TWO


def test_it_is_explained_in_words_and_shown_as_a_receipt() -> None:
    answer = answer_at(5201)
    assert isinstance(answer, BelowFloor)
    found = answer.counterexample
    assert found.one_unit_fen == 17230
    words = explained(BOOK, answer)
    assert words[0] == (
        "Below the floor: JUICE-15 × 4 leaves JUICE-15 at 208.00 (52.00 each); "
        "its floor is 208.04 (52.01 each)."
    )
    assert words[4:6] == [
        "One unit alone costs at least 172.30: looked at by itself it seems safe.",
        "No basket of fewer units is below a floor.",
    ]
    assert words[6:] == receipt(found.priced, BOOK.promotions)
    assert "JUICE-15  208.00 (each 52.00)" in words
    assert "满 199 减 50，满 399 减 120 [SPEND]" in words[2]


def test_it_is_explained_in_chinese() -> None:
    words = explained(BOOK, answer_at(5201), CHINESE)
    assert words[0] == (
        "低于底价：购买 JUICE-15 × 4 时，JUICE-15 商家应收 208.00（单件 52.00），"
        "底价 208.04（单件 52.01）。"
    )
    assert words[4:7] == [
        "只买一件至少要 172.30：单看一件似乎没有问题。",
        "没有件数更少的购物篮低于底价。",
        "JUICE-15 × 4  原价 1040.00",
    ]
    assert explained(BOOK, answer_at(5200), CHINESE)[1] == "JUICE-15：不低于 52.00（有购物篮达到）"
