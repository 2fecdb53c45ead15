"""The guards: each alone at its edge, and all of them in their order of precedence.

An order that fails guards n to the last is refused for n; as a fact it is taken, with all of them
in its judgement. Every test ends by folding what was recorded.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tidegate.domain.reasons import Reason
from tidegate.record import facts as f
from tidegate.record.lines import NO_SKU
from tidegate.testing.scene import ANNA, BERT, DAY_MS, Scene, Verdict, stocked

Order = dict[str, Any]


@pytest.fixture
def shop() -> Iterator[Scene]:
    scene = stocked()
    yield scene
    assert scene.sound()


def all_wrong() -> tuple[Scene, Order]:
    """A shop and an order of two lines, at odds in every way that there is."""
    shop = stocked(units=0)
    for command in (
        f.PutPromotion("P"),
        f.PutSku("A", 1_000, cost_floor_fen=600, quantity_max=3, quantity_min=10),
        f.PutSku("C", 700),
        f.PutRule("phones", "sku", "A", limits={"phone": 50}),
        f.PutRule("accounts", "sku", "A", limits={"account": 4}),
        f.PutRule("spent", "sku", "A", basis="orders", budget=0),
        f.SetPolicy(hold_cap=1),
        f.ReceiveStock("B", 1),
    ):
        shop.do(command)
    assert shop.buy("B", paid=False, keys={"account": 7}).ok  # its one hold
    for scope, target in (("shop", ""), ("promotion", "P"), ("sku", "A")):
        shop.do(f.SetFlag(scope, "paused", on=True, target=target))
    wrong = {"promotion": 1, "quantity": 5, "receivable_fen": 2_999, "pricing_version": 1}
    order = {
        "lines": [shop.line("A") | wrong, shop.line("C") | {"promotion": 1}, shop.line("B")],
        "how": {"paid": False, "keys": {"account": 7}, "placed_at_ms": shop.now_ms - DAY_MS - 1},
    }
    order["lines"][2]["sku"] = NO_SKU
    order["lines"][0]["mismatch_fen"] = 1
    return shop, order


def cure(command: f.Command) -> Callable[[Scene, Order], None]:
    return lambda shop, _: shop.do(command)


def change(line: int, **fields: int) -> Callable[[Scene, Order], None]:
    return lambda _, order: order["lines"][line].update(fields)


def unpause(scope: str, target: str = "") -> Callable[[Scene, Order], None]:
    return cure(f.SetFlag(scope, "paused", on=False, target=target))


def requote(shop: Scene, order: Order) -> None:
    order["lines"][0]["pricing_version"] = 1_000


def identify(**keys: int) -> Callable[[Scene, Order], None]:
    return lambda _, order: order["how"].update(keys=keys)


CURES = (
    (Reason.ORDER_TOO_OLD, lambda shop, order: order["how"].update(placed_at_ms=shop.now_ms)),
    (Reason.SHOP_PAUSED, unpause("shop")),
    (Reason.PROMOTION_PAUSED, unpause("promotion", "P")),
    (Reason.SKU_PAUSED, unpause("sku", "A")),
    (Reason.UNKNOWN_SKU, change(2, sku=1)),
    (Reason.ORDER_TOO_LARGE, cure(
        f.PutSku("A", 1_000, cost_floor_fen=600, quantity_max=9, quantity_min=10))),
    (Reason.QUANTITY_BELOW_MINIMUM, cure(f.PutSku("A", 1_000, cost_floor_fen=600, quantity_max=9))),
    (Reason.PRICE_CHANGED, requote),
    (Reason.PRICE_MISMATCH, change(0, mismatch_fen=0)),
    (Reason.COST_MISSING, change(1, promotion=0)),
    (Reason.PRICE_BELOW_FLOOR, change(0, receivable_fen=3_000)),
    (Reason.IDENTITY_MISSING, identify(account=7, phone=8)),
    (Reason.LIMIT_EXCEEDED, cure(f.PutRule("accounts", "sku", "A", limits={"account": 5}))),
    (Reason.HOLDS_EXCEEDED, cure(f.SetPolicy(hold_cap=2))),
    (Reason.BUDGET_EXHAUSTED, cure(f.PutRule("spent", "sku", "A", basis="orders", budget=1))),
    (Reason.STOCK_SHORT, cure(f.ReceiveStock("A", 5))),
)  # fmt: skip


def test_an_order_is_refused_for_the_first_guard_that_it_fails() -> None:
    shop, order = all_wrong()
    shop.do(f.ReceiveStock("C", 1))
    found = []
    for reason, apply_cure in CURES:
        verdict = shop.order(*order["lines"], **order["how"])
        found.append((verdict.reason, reason))
        apply_cure(shop, order)
    assert found == [(reason, reason) for reason, _ in CURES]
    last = shop.order(*order["lines"], **order["how"])
    assert last.reason is Reason.STOCK_SHORT  # B sold its last unit to the hold
    shop.do(f.ReceiveStock("B", 1))
    assert shop.order(*order["lines"], **order["how"]).ok
    assert shop.sound()


def test_every_reason_of_an_order_stands_in_the_table() -> None:
    reasons = {reason for reason in Reason if Reason.ID_REUSED < reason <= Reason.STOCK_SHORT}
    assert {reason for reason, _ in CURES} == reasons
    assert [reason for reason, _ in CURES] == sorted(reasons)


def test_a_fact_fails_all_of_them_and_is_taken() -> None:
    shop, order = all_wrong()
    order["lines"][2]["sku"] = 1
    verdict = shop.order(*order["lines"], fact=True, **order["how"])
    expected = [reason for reason, _ in CURES]
    # A fact has its hold already, and its SKUs are known here.
    expected.remove(Reason.HOLDS_EXCEEDED)
    expected.remove(Reason.UNKNOWN_SKU)
    # The account has only this order: five units are one too many.
    assert (verdict.reason, list(verdict.failed)) == (Reason.ACCEPTED, expected)
    assert shop.sound()


def placed(shop: Scene, ago_ms: int) -> Verdict:
    return shop.buy("A", placed_at_ms=shop.now_ms - ago_ms)


@pytest.mark.parametrize(
    ("ago_ms", "reason"),
    [
        (DAY_MS, Reason.ACCEPTED), (DAY_MS + 1, Reason.ORDER_TOO_OLD),
        (-300_000, Reason.ACCEPTED), (-300_001, Reason.ORDER_TOO_OLD),
        (1 << 62, Reason.ORDER_TOO_OLD), (-(1 << 62), Reason.ORDER_TOO_OLD),
    ],
)  # fmt: skip
def test_age(shop: Scene, ago_ms: int, reason: Reason) -> None:
    assert placed(shop, ago_ms).reason is reason


PAUSES = """
scope      target  bought        reason
shop       .       A             shop_paused
sku        A       A             sku_paused
sku        A       B             accepted
sku        A       D             sku_paused
sku        D       D             sku_paused
sku        D       A             accepted
promotion  P       A             accepted
promotion  P       A-in-P        promotion_paused
promotion  P       A-in-unknown  promotion_paused
"""


@pytest.mark.parametrize("row", PAUSES.strip().splitlines()[1:])
def test_pauses(shop: Scene, row: str) -> None:
    scope, target, bought, reason = row.split()
    code, _, promotion = bought.partition("-in-")
    shop.do(f.PutPromotion("P"))
    shop.do(f.PutSku("D", 3_000, parts={"A": 1, "B": 1}))
    shop.do(f.SetFlag(scope, "paused", on=True, target=target.strip(".")))
    order = shop.line(code, 1, promotion=promotion)
    assert shop.order(order).reason.name.lower() == reason
    shop.do(f.SetFlag(scope, "paused", on=False, target=target.strip(".")))
    ended = Reason.PROMOTION_PAUSED if promotion == "unknown" else Reason.ACCEPTED
    assert shop.order(order).reason is ended


@pytest.mark.parametrize("channel", [3, 200, 255])
def test_a_channel_that_nobody_made_sells_nothing(shop: Scene, channel: int) -> None:
    assert shop.buy("A", channel=channel).reason is Reason.SHOP_PAUSED
    assert shop.cell("A") == {"on_hand": 100, "received": 100}


QUANTITIES = """
units      reason
0          quantity_below_minimum
-1         quantity_below_minimum
-2147483648 quantity_below_minimum
1          quantity_below_minimum
2          accepted
9          accepted
10         order_too_large
1000000    order_too_large
1000001    order_too_large
2147483647 order_too_large
"""


@pytest.mark.parametrize("row", QUANTITIES.strip().splitlines()[1:])
def test_quantities_and_their_bounds(shop: Scene, row: str) -> None:
    units, reason = row.split()
    shop.do(f.PutSku("A", 1_000, cost_floor_fen=600, quantity_min=2, quantity_max=9))
    verdict = shop.buy("A", int(units), 10_000_000)
    assert verdict.reason.name.lower() == reason
    assert shop.cell("A").get("committed", 0) == (int(units) if verdict.ok else 0)


def test_a_million_units_are_an_order_and_one_more_are_not() -> None:
    shop = stocked(units=2_000_000)
    assert shop.buy("A", 1_000_000).ok
    assert shop.buy("A", 1_000_001).reason is Reason.ORDER_TOO_LARGE
    assert shop.sound()


def test_the_shops_own_maximum_counts_every_line(shop: Scene) -> None:
    shop.do(f.SetPolicy(quantity_max_order=10))
    assert shop.order(shop.line("A", 5), shop.line("B", 6)).reason is Reason.ORDER_TOO_LARGE
    assert shop.order(shop.line("A", 5), shop.line("B", 5)).ok


def test_lines_of_one_sku_count_together(shop: Scene) -> None:
    shop.do(f.PutSku("A", 1_000, cost_floor_fen=600, quantity_min=3, quantity_max=4))
    two = shop.line("A", 2)
    assert shop.order(two).reason is Reason.QUANTITY_BELOW_MINIMUM
    assert shop.order(two, two).ok
    assert shop.order(two, two, shop.line("A", 1)).reason is Reason.ORDER_TOO_LARGE


def test_units_inside_bundles_count_for_the_maximum_but_not_for_the_minimum(shop: Scene) -> None:
    shop.do(f.PutSku("A", 1_000, cost_floor_fen=600, quantity_min=2, quantity_max=4))
    shop.do(f.PutSku("D", 3_000, parts={"A": 2, "B": 1}))
    assert shop.buy("D", 1).ok
    assert shop.buy("D", 3).reason is Reason.ORDER_TOO_LARGE
    assert shop.order(shop.line("D", 1), shop.line("A", 3)).reason is Reason.ORDER_TOO_LARGE
    assert shop.order(shop.line("D", 1), shop.line("A", 2)).ok


def test_several_lines_are_all_or_nothing(shop: Scene) -> None:
    verdict = shop.order(shop.line("A", 5), shop.line("B", 101))
    assert (verdict.reason, verdict.has) == (Reason.STOCK_SHORT, 100)
    assert shop.cell("A") == {"on_hand": 100, "received": 100}
    lines = [shop.line("A", 1), shop.line("B", 1)] * 32
    assert shop.order(*lines).ok
    assert (shop.cell("A")["committed"], shop.cell("B")["committed"]) == (32, 32)


def test_safety_stock_is_not_for_sale(shop: Scene) -> None:
    shop.do(f.PutSku("A", 1_000, cost_floor_fen=600, safety_stock=10))
    assert shop.machine.available(shop.line("A")["sku"], 0) == 90
    verdict = shop.buy("A", 91)
    assert (verdict.reason, verdict.has) == (Reason.STOCK_SHORT, 90)
    assert shop.buy("A", 90).ok


def test_the_first_line_speaks_for_the_order(shop: Scene) -> None:
    other = shop.line("B", 2, flags=0, channel=1, key0=99, verified=1)
    verdict = shop.order(shop.line("A", 3), other, keys={"account": 7})
    assert verdict.ok
    assert shop.cell("A") == {"on_hand": 100, "committed": 3, "received": 100}
    assert shop.cell("B") == {"on_hand": 100, "committed": 2, "received": 100}


def test_an_exception_lifts_a_guard_for_its_own_line_only(shop: Scene) -> None:
    for code in "AB":
        floor = {"A": 600, "B": 300}[code]
        price = {"A": 1_000, "B": 500}[code]
        shop.do(f.PutSku(code, price, cost_floor_fen=floor, quantity_max=3, quantity_min=2))
    exempt = ["order_too_large", "quantity_below_minimum"]
    until = shop.now_ms + DAY_MS
    shop.do(f.ApproveException("E", ["A"], 100, 50, until, exempt), ANNA, BERT)
    many = shop.line("A", 20, exception="E")
    assert shop.order(many).ok
    assert shop.order(many, shop.line("B", 2)).ok
    assert shop.order(many, shop.line("B", 4)).reason is Reason.ORDER_TOO_LARGE
    few = shop.line("A", 1, exception="E")
    assert shop.order(few).ok
    assert shop.order(few, shop.line("B", 1)).reason is Reason.QUANTITY_BELOW_MINIMUM
    assert shop.order(shop.line("B", 20, exception="E")).reason is Reason.ORDER_TOO_LARGE
