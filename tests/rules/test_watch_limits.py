"""Which hard limits are worth having: from list prices, what is usual, what is planned."""

import importlib.util
from pathlib import Path

import pytest

from tidegate.watch.limits import Limit, Plan, Shares, SkuNow, propose, rule_code
from tidegate.watch.usual import NOTHING, Usual, UsualShop, usual_of, usual_shop

RULES = Path(__file__).resolve().parent
spec = importlib.util.spec_from_file_location("watch_shop", RULES / "watch_shop.py")
assert spec is not None
assert spec.loader is not None
shop = importlib.util.module_from_spec(spec)
spec.loader.exec_module(shop)

TEA = SkuNow("TEA", 26_000, 0, 0)


def proposed(
    skus: list[SkuNow],
    usual: UsualShop = NOTHING,
    plans: dict[str, Plan] | None = None,
    rules: dict[str, int] | None = None,
    promotions: tuple[str, ...] = (),
) -> dict[tuple[str, str, str], Limit]:
    found = propose(skus, promotions, 1_000_000, rules or {}, usual, plans or {}, Shares())
    return {(one.kind, one.scope, one.target): one for one in found}


def test_of_a_shop_without_history_list_prices_say_what_is_worth_having() -> None:
    found = proposed([TEA], promotions=("P",))
    assert {key: one.wanted for key, one in found.items()} == {
        ("collar", "sku", "TEA"): 10_400,  # 40 % of the list price
        ("order", "sku", "TEA"): 50,
        ("loss", "sku", "TEA"): 260_000,  # half of 20 units
        ("order", "shop", ""): 200,
        ("loss", "shop", ""): 39_000,  # half of three days at one unit
        ("rate", "promotion", "P"): 5,
        ("loss", "promotion", "P"): 19_500,
    }
    assert all(one.is_news for one in found.values())


def test_what_is_usual_makes_limits_fit_the_shop() -> None:
    usual = UsualShop({"TEA": Usual(2.5, 40.0, 20_000.0)}, 360.0, 75)
    found = proposed([TEA], usual, promotions=("P",))
    assert found["collar", "sku", "TEA"].wanted == 8_000
    assert found["order", "sku", "TEA"].wanted == 50  # 20 times 2.5
    assert found["loss", "sku", "TEA"].wanted == 1_560_000  # half of 3 × 40 units
    assert found["order", "shop", ""].wanted == 75
    assert found["rate", "promotion", "P"].wanted == 10  # 100 × 360 an hour


def test_what_is_planned_is_left_room() -> None:
    plans = {"": Plan(price=0.2), "P": Plan(orders_per_h=36_000.0, fen_per_h=100_000.0)}
    found = proposed([TEA], plans=plans, promotions=("P",))
    assert found["collar", "sku", "TEA"].wanted == 5_200
    assert found["rate", "promotion", "P"].wanted == 100
    assert found["loss", "promotion", "P"].wanted == 2_400_000


@pytest.mark.parametrize(
    ("sku", "rules", "key", "is_news"),
    [
        (TEA._replace(red_line_fen=20_000), {}, ("collar", "sku", "TEA"), False),
        (TEA._replace(red_line_fen=5_000), {}, ("collar", "sku", "TEA"), True),
        (TEA._replace(quantity_max=3), {}, ("order", "sku", "TEA"), False),
        (TEA._replace(quantity_max=60), {}, ("order", "sku", "TEA"), True),
        (TEA, {"TEA.watch-loss-sku": 10}, ("loss", "sku", "TEA"), False),
        (TEA, {"TEA.watch-loss-sku": 10**9}, ("loss", "sku", "TEA"), True),
    ],
)
def test_what_stands_is_never_loosened(
    sku: SkuNow, rules: dict[str, int], key: tuple[str, str, str], is_news: bool
) -> None:
    assert proposed([sku], rules=rules)[key].is_news is is_news


def test_a_rule_has_a_name_that_fits() -> None:
    for kind in ("rate", "loss"):
        code = rule_code(Limit(kind, "promotion", "x" * 64, None, 1, ""))
        assert len(code) <= 64
        assert code.endswith(f".watch-{kind}-promotion"[: 64 - 48])


def test_what_is_usual_is_read_from_the_memory(tmp_path: Path) -> None:
    watch = shop.warm_watch(28)
    usual = usual_of(watch.state, watch.names.skus)
    one = usual.skus["S7"]
    assert one.price_fen == pytest.approx(shop.price_fen(7), rel=0.01)
    assert 1.0 < one.units_an_order < 2.5
    assert 5.0 < one.units_a_day < 15.0  # 240 orders a day of 40 items
    assert len(usual.skus) == shop.SKUS
    assert 10.0 < usual.orders_an_hour < 15.0  # rather too much than too little
    assert usual_shop(tmp_path / "watch.state") is NOTHING
