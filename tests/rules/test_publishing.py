"""The rules of publishing: windows, exceptions, what stands together, what is stopped.

Always values in and values out; with a desk and a clock in test_publishing_watch.py.
"""

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tidegate.pricing.price import price
from tidegate.pricing.problems import PromotionsRefused
from tidegate.pricing.promotion import (
    Basket,
    Buyer,
    Coupon,
    Line,
    Promotion,
    Scope,
    canonical,
)
from tidegate.pricing.publishing import (
    EXCEPTIONS_MAX,
    Checked,
    Terms,
    TermsRefused,
    configuration_hash,
    exceptions_for,
    phase_of,
    to_pause,
)
from tidegate.pricing.standing import (
    PricedSku,
    ShopPrices,
    floors_by_code,
    proposed_book,
    standing_book,
    standing_of,
)


def beside(name: str) -> ModuleType:
    """A module of this folder, which is no package."""
    path = Path(__file__).parent / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


house = beside("publishing_house")
House, promotion, run, example = house.House, house.promotion, house.run, house.example
NOW_MS, DAY_MS, HOUR_MS = house.NOW_MS, house.DAY_MS, house.HOUR_MS


@pytest.mark.parametrize(("at_ms", "paused", "phase"), [
    (NOW_MS - 1, False, "scheduled"),
    (NOW_MS, False, "live"),
    (NOW_MS + DAY_MS - 1, False, "live"),
    (NOW_MS + DAY_MS, False, "ended"),
    (NOW_MS, True, "paused"),
    (NOW_MS - 1, True, "paused"),
    (NOW_MS + DAY_MS, True, "ended"),
])  # fmt: skip
def test_a_window_begins_at_its_start_and_ends_before_its_end(
    at_ms: int, paused: bool, phase: str
) -> None:
    assert phase_of(promotion(), at_ms, paused=paused) == phase


@pytest.mark.parametrize(("said", "excepted", "stopped"), [
    (Checked("proved"), set(), []),
    (example("P"), set(), ["P"]),
    (example("P", "Q"), {"Q"}, ["P"]),
    (example("Q"), {"Q"}, ["Q"]),  # the exception no longer covers it
    (Checked("unknown"), {"Q"}, ["P", "R"]),
    (example("gone"), {"Q"}, ["P", "R"]),
])  # fmt: skip
def test_what_is_stopped_when_it_is_no_longer_proved(
    said: Checked, excepted: set[str], stopped: list[str]
) -> None:
    standing = tuple(promotion(code) for code in "PQR")
    assert to_pause(said, standing, excepted) == stopped


def test_each_sku_below_gets_an_exception_of_its_own_at_its_lowest_price() -> None:
    said = Checked("below_floor", below={"B": 877, "A": 1_000})
    terms = Terms(5, {"B": 2}, {"C": 300})
    made = [(one.skus, one.floor_fen, one.units)
            for one in exceptions_for(promotion(), "d" * 64, said, terms)]  # fmt: skip
    assert made == [(("A",), 1_000, 5), (("B",), 877, 2), (("C",), 300, 5)]


def test_very_many_skus_share_one_exception_at_the_lowest_of_their_prices() -> None:
    below = {f"S{n:03}": 100 + n for n in range(EXCEPTIONS_MAX + 1)}
    (only,) = exceptions_for(promotion(), "d" * 64, Checked("below_floor", below=below), Terms(2))
    assert (len(only.skus), only.floor_fen, only.units) == (201, 100, 402)


def test_an_unknown_without_prices_needs_them_named() -> None:
    with pytest.raises(TermsRefused):
        exceptions_for(promotion(), "d" * 64, Checked("unknown"), Terms(2))


def shop(*promotions: Promotion, **changes: Any) -> ShopPrices:  # noqa: ANN401
    skus = (PricedSku("A", 1_000, 500), PricedSku("B", 2_000, 900, 1_200), PricedSku("N", 700))
    documents = tuple(canonical(one).decode() for one in promotions)
    return ShopPrices(**({"version": 7, "skus": skus, "documents": documents} | changes))


def cost(prices: ShopPrices, *skus: str, choices: tuple[str, ...] = ()) -> int:
    book, _ = standing_book(prices, NOW_MS)
    basket = Basket(tuple(Line(sku, 1) for sku in skus))
    return price(book, basket, Buyer(), choices, NOW_MS).goods_fen


def test_the_floor_is_the_higher_of_the_two() -> None:
    assert floors_by_code(shop()) == {"A": 500, "B": 1_200, "N": 0}


def test_a_new_sku_without_a_cost_is_left_out_of_a_promotion_for_everything() -> None:
    everything = promotion(scope=Scope(all=True))
    assert cost(shop(everything), "A", "N") == 800 + 700
    assert standing_of(shop(everything), NOW_MS).left_out == {}


def test_what_requires_a_stopped_one_is_out_and_what_combined_with_it_goes_on() -> None:
    first = promotion("P")
    locked = promotion("Q", 9_000, requires=("P",), priority=200)
    beside_it = promotion("R", 9_000, combines_with=("P",), priority=200)
    whole = shop(first, locked, beside_it)
    # 1000 x 0.8; Q does not combine with R, so 0.9 once more; R finds Q on the line
    assert cost(whole, "A") == 720
    stopped = shop(first, locked, beside_it, paused=frozenset({"P"}))
    assert cost(stopped, "A") == 900
    assert standing_of(stopped, NOW_MS).left_out == {"Q": "what it requires is gone"}


def test_a_promotion_whose_sku_lost_its_cost_sells_nothing_cheaper() -> None:
    skus = (PricedSku("A", 1_000), PricedSku("B", 2_000, 900))
    there = shop(promotion(), promotion("B8", scope=Scope(skus=("B",))), skus=skus)
    assert cost(there, "A", "B") == 1_000 + 1_600
    assert list(standing_of(there, NOW_MS).left_out) == ["P"]


def test_what_ended_stands_no_more() -> None:
    assert standing_of(shop(promotion()), NOW_MS + DAY_MS).promotions == ()


def test_a_suspended_coupon_leads_nowhere() -> None:
    coupon = promotion(coupon=Coupon("C8"))
    assert cost(shop(coupon), "A", choices=("C8",)) == 800
    assert cost(shop(coupon, paused=frozenset({"P"})), "A", choices=("C8", "P")) == 1_000


def test_the_hash_of_what_was_checked_moves_with_everything_that_it_rests_on() -> None:
    def named(prices: ShopPrices, wanted: Promotion) -> str:
        book = proposed_book(prices, (wanted,), NOW_MS)
        return configuration_hash(book, floors_by_code(prices), (wanted,))

    red = (PricedSku("A", 1_000, 500, 600), *shop().skus[1:])
    dearer = (PricedSku("A", 1_001, 500), *shop().skus[1:])
    names = [
        named(shop(), promotion()),
        named(shop(skus=red), promotion()),
        named(shop(skus=dearer), promotion()),
        named(shop(), promotion(pay_bp=7_999)),
        named(shop(promotion("Q")), promotion()),
    ]
    assert len(set(names)) == 5
    assert named(shop(version=8), promotion()) == names[0]  # the version is carried by itself


def test_what_is_wrong_with_a_proposed_one_is_told_not_mended() -> None:
    with pytest.raises(PromotionsRefused, match="no cost is known of N"):
        proposed_book(shop(), (promotion(scope=Scope(all=True)),), NOW_MS)
