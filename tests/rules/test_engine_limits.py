"""Purchase limits in all their forms, and budgets, over scopes, windows and kinds of key.

Time stands at Monday 2026-10-26 00:00 in the shop's zone and is moved by hand.
"""

from collections.abc import Iterator

import pytest

from tidegate.domain.reasons import Reason
from tidegate.record import facts as f
from tidegate.testing.scene import ANNA, BERT, DAY_MS, Scene, stocked

LIMIT, BUDGET, MISSING = Reason.LIMIT_EXCEEDED, Reason.BUDGET_EXHAUSTED, Reason.IDENTITY_MISSING
ANN, BEN = {"account": 1}, {"account": 2}


@pytest.fixture
def shop() -> Iterator[Scene]:
    scene = stocked(units=1_000)
    scene.do(f.PutPromotion("P"))
    yield scene
    assert scene.sound()


def test_the_refusal_says_which_rule_and_what_it_had_counted(shop: Scene) -> None:
    shop.do(f.PutRule("first", "sku", "B", limits={"account": 1}))
    rule = shop.do(f.PutRule("six", "sku", "A", limits={"account": 6}))
    assert shop.buy("A", 4, keys=ANN).ok
    verdict = shop.buy("A", 3, keys=ANN)
    assert (verdict.reason, verdict.rule, verdict.has) == (LIMIT, rule.number, 4)
    assert shop.buy("A", 2, keys=ANN).ok
    assert shop.buy("A", 1, keys=ANN).has == 6
    assert shop.buy("A", 6, keys=BEN).ok


@pytest.mark.parametrize(("window", "days"), [("day", 1), ("week", 7), ("month", 6)])
def test_windows_end_at_local_midnight_monday_and_the_first(
    shop: Scene, window: str, days: int
) -> None:
    shop.do(f.PutRule("R", "sku", "A", window=window, limits={"account": 2}))
    assert shop.buy("A", 2, keys=ANN).ok
    shop.wait(days=days, ms=-1)
    assert shop.buy("A", 1, keys=ANN).reason is LIMIT
    shop.wait(ms=1)
    assert shop.buy("A", 2, keys=ANN).ok
    assert shop.buy("A", 1, keys=ANN).reason is LIMIT


def test_a_total_never_ends(shop: Scene) -> None:
    shop.do(f.PutRule("R", "sku", "A", limits={"account": 2}))
    assert shop.buy("A", 2, keys=ANN).ok
    shop.wait(days=2_000)
    assert shop.buy("A", 1, keys=ANN).reason is LIMIT


SCOPES = """
scope      target  bought           counts
shop       .       A                yes
shop       .       B                yes
sku        A       A                yes
sku        A       B                no
group      G       A                yes
group      G       B                yes
group      G       C                no
promotion  P       A-in-P           yes
promotion  P       A                no
channel    web     A                yes
channel    bazaar  A                no
exception  E       A-by-E           yes
exception  E       A                no
"""


@pytest.mark.parametrize("row", SCOPES.strip().splitlines()[1:])
def test_scopes(shop: Scene, row: str) -> None:
    scope, target, bought, counts = row.split()
    shop.do(f.PutSku("C", 1_000, cost_floor_fen=600))
    shop.do(f.ReceiveStock("C", 10))
    shop.do(f.PutGroup("G", ["A", "B"]))
    shop.do(f.ApproveException("E", ["A"], 100, 50, shop.now_ms + DAY_MS), ANNA, BERT)
    shop.do(f.PutRule("R", scope, target.strip("."), limits={"account": 1}))
    code, _, rest = bought.partition("-")
    line = shop.line(code, 2, promotion=rest[3:] if rest[:2] == "in" else "",
                     exception=rest[3:] if rest[:2] == "by" else "")  # fmt: skip
    expected = LIMIT if counts == "yes" else Reason.ACCEPTED
    assert shop.order(line, keys=ANN).reason is expected
    assert shop.order(line).reason is (MISSING if counts == "yes" else Reason.ACCEPTED)


def test_the_smallest_of_several_limits_wins(shop: Scene) -> None:
    shop.do(f.PutGroup("G", ["A", "B"]))
    shop.do(f.PutRule("shop", "shop", limits={"account": 9}))
    shop.do(f.PutRule("group", "group", "G", limits={"account": 5}))
    tightest = shop.do(f.PutRule("sku", "sku", "A", limits={"account": 3}))
    verdict = shop.buy("A", 4, keys=ANN)
    assert (verdict.reason, verdict.rule) == (LIMIT, tightest.number)
    assert shop.buy("A", 3, keys=ANN).ok
    assert shop.buy("B", 3, keys=ANN).reason is LIMIT
    assert shop.buy("B", 2, keys=ANN).ok


def test_each_kind_of_key_counts_alone_across_orders_and_channels(shop: Scene) -> None:
    shop.do(f.PutRule("R", "sku", "A", limits={"account": 4, "phone": 2}))
    assert shop.buy("A", 2, keys={"account": 1, "phone": 11}).ok
    assert shop.buy("A", 1, keys={"account": 2, "phone": 11}).reason is LIMIT
    assert shop.buy("A", 2, keys={"account": 1, "phone": 12}, channel=2).ok
    assert shop.buy("A", 1, keys={"account": 1, "phone": 13}).reason is LIMIT
    assert shop.buy("A", 2, keys={"account": 3, "phone": 13}).ok


def test_a_missing_or_unverified_key_is_no_key(shop: Scene) -> None:
    shop.do(f.PutRule("R", "sku", "A", limits={"account": 2, "phone": 2}))
    assert shop.buy("A", 1, keys=ANN).reason is MISSING
    assert shop.buy("A", 1, keys=ANN, unverified={"phone": 11}).reason is MISSING
    assert shop.buy("B", 1, keys=ANN, unverified={"phone": 11}).ok
    assert shop.buy("A", 2, keys={"account": 2, "phone": 11}).ok


def test_an_unverified_key_uses_up_nobodys_limit(shop: Scene) -> None:
    shop.do(f.PutRule("R", "sku", "A", limits={"account": 2}))
    for account in range(10, 15):
        keys = {"account": account}
        assert shop.buy("A", 2, keys=keys, unverified={"phone": 11, "address": 12}).ok
    shop.do(f.PutRule("S", "sku", "A", limits={"phone": 2}))
    assert shop.buy("A", 2, keys={"account": 20, "phone": 11}).ok


def test_one_token_under_two_kinds_is_one_key(shop: Scene) -> None:
    shop.do(f.PutRule("R", "sku", "A", limits={"account": 2, "phone": 2}))
    assert shop.buy("A", 2, keys={"account": 5, "phone": 5}).ok
    assert shop.buy("A", 1, keys={"account": 5, "phone": 6}).reason is LIMIT
    assert shop.buy("A", 1, keys={"account": 6, "phone": 5}).reason is LIMIT


BASES = """
basis     limit  first  second  reason
units     4      2      2       accepted
units     4      2      3       limit_exceeded
orders    1      9      1       limit_exceeded
orders    2      9      9       accepted
money     3000   2      1       accepted
money     2999   2      1       limit_exceeded
"""


@pytest.mark.parametrize("row", BASES.strip().splitlines()[1:])
def test_bases(shop: Scene, row: str) -> None:
    basis, limit, first, second, reason = row.split()
    shop.do(f.PutRule("R", "sku", "A", basis=basis, limits={"account": int(limit)}))
    assert shop.buy("A", int(first), keys=ANN).ok
    assert shop.buy("A", int(second), keys=ANN).reason.name.lower() == reason


def test_lines_gifts_and_bundles_count_together(shop: Scene) -> None:
    shop.do(f.PutSku("D", 3_000, parts={"A": 2, "B": 1}))
    shop.do(f.PutRule("R", "sku", "A", limits={"account": 5}))
    bundle, single = shop.line("D", 1), shop.line("A", 1)
    gift = shop.line("A", 1, 0, gift_of=1)
    verdict = shop.order(bundle, gift, single, shop.line("D", 1), keys=ANN)
    assert (verdict.reason, verdict.has) == (LIMIT, 0)
    assert shop.order(bundle, gift, single, single, keys=ANN).ok
    assert shop.order(single, keys=ANN).has == 5


def test_a_limit_on_a_bundle_counts_bundles(shop: Scene) -> None:
    shop.do(f.PutSku("D", 3_000, parts={"A": 2, "B": 1}))
    shop.do(f.PutRule("R", "sku", "D", limits={"account": 2}))
    assert shop.buy("D", 2, keys=ANN).ok
    assert shop.buy("D", 1, keys=ANN).has == 2
    assert shop.buy("A", 9, keys=ANN).ok


def test_an_order_counts_once_however_many_lines_it_has(shop: Scene) -> None:
    shop.do(f.PutRule("R", "shop", basis="orders", limits={"account": 2}, budget=3))
    lines = [shop.line("A"), shop.line("B"), shop.line("A")]
    assert shop.order(*lines, keys=ANN).ok
    assert shop.order(*lines, keys=ANN).ok
    assert shop.order(*lines, keys=ANN).reason is LIMIT
    assert shop.order(*lines, keys=BEN).ok
    assert shop.order(*lines, keys=BEN).reason is BUDGET


def test_a_limit_of_zero_sells_to_nobody(shop: Scene) -> None:
    shop.do(f.PutRule("R", "sku", "A", limits={"account": 0}))
    assert shop.buy("A", 1, keys=ANN).reason is LIMIT


def test_a_changed_limit_keeps_what_was_counted(shop: Scene) -> None:
    shop.do(f.PutRule("R", "sku", "A", limits={"account": 5}))
    assert shop.buy("A", 4, keys=ANN).ok
    shop.do(f.PutRule("R", "sku", "A", limits={"account": 3}))
    assert shop.buy("A", 1, keys=ANN).has == 4
    shop.do(f.DropRule("R"))
    assert shop.buy("A", 9, keys=ANN).ok
    shop.do(f.PutRule("R", "sku", "A", limits={"account": 5}))
    assert shop.buy("A", 1, keys=ANN).ok


def test_a_rule_that_was_dropped_does_not_come_back_counting_something_else(shop: Scene) -> None:
    shop.do(f.PutRule("R", "sku", "A", limits={"account": 5}))
    order = shop.buy("A", 5, keys=ANN)
    shop.do(f.DropRule("R"))
    for other in (
        f.PutRule("R", "sku", "A", window="day", limits={"account": 5}),
        f.PutRule("R", "sku", "A", basis="orders", limits={"account": 5}),
    ):
        assert shop.tell(other).reason is Reason.OUT_OF_BOUNDS
    shop.do(f.PutRule("R", "sku", "A", limits={"account": 5}))
    assert shop.operate("cancel", order.id).ok
    assert shop.buy("A", 5, keys=ANN).ok
    assert shop.buy("A", 1, keys=ANN).reason is LIMIT


def test_an_exception_lifts_the_limit_and_charges_nothing(shop: Scene) -> None:
    shop.do(f.PutRule("R", "shop", basis="orders", limits={"account": 1}))
    until = shop.now_ms + DAY_MS
    shop.do(f.ApproveException("E", ["B"], 100, 50, until, ["limit_exceeded"]), ANNA, BERT)
    lifted = shop.line("B", exception="E")
    for _ in range(3):
        assert shop.order(lifted, keys=ANN).ok
        assert shop.order(lifted).ok  # no key is needed either
    assert shop.order(lifted, shop.line("A"), keys=ANN).ok
    assert shop.order(lifted, shop.line("A"), keys=ANN).reason is LIMIT


BUDGETS = """
basis     budget  price  first  second  reason
units     4       1000   2      2       accepted
units     4       1000   2      3       budget_exhausted
orders    1       1000   2      1       budget_exhausted
money     3000    1000   2      1       accepted
money     2999    1000   2      1       budget_exhausted
discount  600     800    2      1       accepted
discount  599     800    2      1       budget_exhausted
discount  0       1000   9      9       accepted
discount  0       1200   9      9       accepted
loss      0       600    9      9       accepted
"""


@pytest.mark.parametrize("row", BUDGETS.strip().splitlines()[1:])
def test_budgets(shop: Scene, row: str) -> None:
    basis, budget, price, first, second, reason = row.split()
    shop.do(f.PutRule("R", "sku", "A", basis=basis, budget=int(budget)))
    assert shop.buy("A", int(first), int(first) * int(price)).ok
    verdict = shop.buy("A", int(second), int(second) * int(price))
    assert verdict.reason.name.lower() == reason


def test_a_loss_budget_counts_what_an_exception_sells_below_the_floor(shop: Scene) -> None:
    shop.do(f.PutRule("R", "sku", "A", basis="loss", budget=500))
    shop.do(f.ApproveException("E", ["A"], 400, 50, shop.now_ms + DAY_MS), ANNA, BERT)
    assert shop.order(shop.line("A", 2, 800, exception="E")).ok  # 2 x 200 below
    verdict = shop.order(shop.line("A", 1, 450, exception="E"))
    assert (verdict.reason, verdict.has) == (BUDGET, 400)
    assert shop.order(shop.line("A", 1, 500, exception="E")).ok


@pytest.mark.parametrize(("window", "ms"), [("second", 1_000), ("minute", 60_000)])
def test_rates(shop: Scene, window: str, ms: int) -> None:
    shop.do(f.PutRule("R", "shop", basis="orders", window=window, budget=2))
    order = shop.buy("A")
    assert shop.buy("A").ok
    assert shop.operate("cancel", order.id).ok  # a rate is not given back
    assert shop.buy("A").reason is BUDGET
    shop.wait(ms=ms - 1)
    assert shop.buy("A").reason is BUDGET
    shop.wait(ms=1)
    assert shop.buy("A").ok


def test_a_keyed_limit_has_no_window_shorter_than_a_day(shop: Scene) -> None:
    rule = f.PutRule("R", "shop", window="minute", limits={"account": 1})
    assert shop.tell(rule).reason is Reason.OUT_OF_BOUNDS


def test_what_is_cancelled_or_returned_is_given_back_to_its_own_window(shop: Scene) -> None:
    shop.do(f.PutRule("R", "sku", "A", window="day", limits={"account": 5}, budget=5))
    old = shop.buy("A", 5, keys=ANN)
    shop.wait(days=1)
    assert shop.buy("A", 3, keys=ANN).ok
    assert shop.operate("cancel", old.id).ok  # yesterday's: gives nothing back today
    assert shop.buy("A", 3, keys=ANN).reason is LIMIT
    today = shop.buy("A", 2, keys=ANN)
    assert shop.operate("cancel", today.id, quantity=1).ok
    assert shop.buy("A", 2, keys=ANN).has == 4
    assert shop.buy("A", 1, keys=ANN).ok


def test_money_is_given_back_in_proportion_and_to_the_last_fen(shop: Scene) -> None:
    shop.do(f.PutRule("R", "sku", "A", basis="money", limits={"account": 10_000}))
    order = shop.buy("A", 3, 10_000, keys=ANN)
    left = []
    for _ in range(3):
        assert shop.operate("cancel", order.id, quantity=1).ok
        left.append(shop.buy("A", 10, 10_001, keys=ANN).has)
    assert left == [6_667, 3_334, 0]


def test_an_order_counted_once_is_given_back_with_its_last_line(shop: Scene) -> None:
    shop.do(f.PutRule("R", "shop", basis="orders", limits={"account": 1}))
    for first, second in ((0, 1), (1, 0)):
        order = shop.order(shop.line("A", 2), shop.line("B"), keys=ANN)
        assert order.ok
        assert shop.operate("cancel", order.id, line=first).ok
        assert shop.buy("A", keys=ANN).reason is LIMIT
        assert shop.operate("cancel", order.id, line=second).ok
    hold = shop.order(shop.line("A"), shop.line("B"), keys=ANN, paid=False)
    assert shop.operate("cancel", hold.id, line=0).ok
    shop.wait(s=901)
    assert shop.expire() == 1
    assert shop.buy("A", keys=ANN).ok


def test_unpaid_holds_count_and_are_capped_for_each_key(shop: Scene) -> None:
    shop.do(f.SetPolicy(hold_cap=2))
    first = shop.buy("A", keys=ANN | {"phone": 11}, paid=False)
    assert shop.buy("A", keys=ANN, paid=False).ok
    verdict = shop.buy("A", keys=ANN | {"phone": 12}, paid=False)
    assert (verdict.reason, verdict.has) == (Reason.HOLDS_EXCEEDED, 2)
    assert shop.buy("A", keys={"phone": 11}, paid=False).ok
    assert shop.buy("A", keys={"phone": 11}, paid=False).reason is Reason.HOLDS_EXCEEDED
    assert shop.buy("A", keys=ANN).ok  # paid at once: no hold
    assert shop.operate("pay", first.id, fen=1_000).ok
    assert shop.buy("A", keys=ANN | {"phone": 11}, paid=False).ok


def test_rules_of_a_group_follow_its_members(shop: Scene) -> None:
    shop.do(f.PutGroup("G", ["A"]))
    shop.do(f.PutRule("R", "group", "G", limits={"account": 1}))
    assert shop.buy("A", 2, keys=ANN).reason is LIMIT
    assert shop.buy("B", 2, keys=ANN).ok
    shop.do(f.PutGroup("G", ["B"]))
    assert shop.buy("A", 2, keys=ANN).ok
    assert shop.buy("B", 2, keys=ANN).reason is LIMIT
    shop.do(f.PutRule("R", "sku", "A", limits={"account": 1}))
    assert shop.buy("B", 2, keys=ANN).ok
    assert shop.buy("A", 2, keys=ANN).reason is LIMIT
