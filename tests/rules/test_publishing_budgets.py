"""What a promotion may give away, as the desk counts it: whose rules, how called, who may meet."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from tidegate.pricing.problems import PromotionsRefused
from tidegate.pricing.promotion import Budget, Coupon, Limits, Promotion, Scope, canonical
from tidegate.pricing.standing import PricedSku, ShopPrices
from tidegate.publishing.budgets import rule_code, rule_codes, rules_of
from tidegate.publishing.checking import CheckAsked, checked
from tidegate.publishing.guarding import price_guard


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
promotion, NOW_MS, DAY_MS = house.promotion, house.NOW_MS, house.DAY_MS


def test_everything_that_ends_is_a_rule_of_the_desk() -> None:
    whole = promotion(
        coupon=Coupon("C8", claims_max=500, claims_per_buyer_max=2),
        budget=Budget(units=10, money_fen=900),
        limits=Limits(buyer_orders=3, buyer_units=4, buyer_discount_fen=700),
    )
    assert [(one.code, one.basis, one.limits, one.budget) for one in rules_of(whole)] == [
        ("P.budget-units", "units", {}, 10),
        ("P.budget-money", "discount", {}, 900),
        ("P.claims", "orders", {}, 500),
        ("P.buyer-orders", "orders", {"account": 3}, None),
        ("P.buyer-units", "units", {"account": 4}, None),
        ("P.buyer-money", "discount", {"account": 700}, None),
        ("P.buyer-claims", "orders", {"account": 2}, None),
    ]
    assert {one.code for one in rules_of(whole)} == set(rule_codes("P"))
    assert rules_of(promotion(coupon=Coupon("C8"))) == []


def test_no_two_promotions_share_a_budget_however_long_their_codes() -> None:
    codes = ["A" * 48, "A" * 49, "A" * 50, "A" * 49 + "B", "A" * 64]
    named = {rule_code(code, "buyer-orders") for code in codes}
    assert len(named) == len(codes)
    assert max(map(len, named)) == 61  # within the 64 of the engine
    assert rule_code("A" * 48, "claims") == "A" * 48 + ".claims"


def refused(proposed: Promotion, *standing: Promotion, is_shadow: bool = False) -> str:
    """Why a promotion does not go with others; "" where it does."""
    skus = (PricedSku("A", 1_000, 1), PricedSku("B", 1_000, 1))
    prices = ShopPrices(7, skus, tuple(canonical(one).decode() for one in standing))
    asked = CheckAsked(prices, NOW_MS, (proposed,), is_shadow=is_shadow)
    try:
        checked(asked, price_guard)
    except PromotionsRefused as error:
        return str(error)
    return ""


LIMITED = promotion("LIMITED", 9_000, budget=Budget(units=5))


@pytest.mark.parametrize(("proposed", "meets"), [
    (promotion("NEW", 9_000, budget=Budget(money_fen=1)), True),
    (promotion("NEW", 9_000, limits=Limits(buyer_orders=1)), True),
    (promotion("NEW", 9_000, coupon=Coupon("C", claims_max=3)), True),
    (promotion("NEW", 9_000, scope=Scope(all=True), budget=Budget(units=1)), True),
    (promotion("NEW", 9_000), False),
    (promotion("NEW", 9_000, coupon=Coupon("C")), False),
    (promotion("NEW", 9_000, budget=Budget(units=1), scope=Scope(skus=("B",))), False),
    (promotion("NEW", 9_000, budget=Budget(units=1), combines_with=()), False),
    (promotion("NEW", 9_000, budget=Budget(units=1), start_ms=NOW_MS + DAY_MS,
               end_ms=NOW_MS + 2 * DAY_MS), False),
    (promotion("LIMITED", 8_000, budget=Budget(units=9)), False),  # it takes its own place
])  # fmt: skip
def test_two_that_are_counted_never_meet_on_a_line(proposed: Promotion, *, meets: bool) -> None:
    said = refused(proposed, LIMITED)
    assert ("NEW budget: it may meet LIMITED on one line" in said) is meets, said
    assert bool(said) is meets
    assert refused(proposed, LIMITED, is_shadow=True) == ""  # a platform counts for itself
