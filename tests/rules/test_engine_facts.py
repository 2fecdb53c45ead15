"""Marketplace sales: taken as facts, judged, covered or owed, and released only when clean.

And the pools that they are sold from: moves, recalls, counts with named shortfalls.
"""

from collections.abc import Iterator

import pytest

from tidegate.domain.reasons import Reason
from tidegate.record import facts as f
from tidegate.record.lines import NO_SKU
from tidegate.testing.scene import ANNA, BERT, DAY_MS, Scene, stocked

OVERRIDE = 1
MALL, BAZAAR = 1, 2


@pytest.fixture
def shop() -> Iterator[Scene]:
    scene = stocked()
    scene.do(f.MoveStock("A", 10, "shared", "mall"))
    yield scene
    assert scene.sound()


def sale(shop: Scene, code: str, units: int, fen: int | None = None, **how: object):  # noqa: ANN201
    return shop.buy(code, units, fen, fact=True, **{"channel": MALL, **how})


def test_sales_beyond_stock_are_debt_that_a_naive_count_confirms(shop: Scene) -> None:
    shorts = [sale(shop, "A", units).short for units in (4, 4, 4, 4)]
    assert shorts == [0, 0, 2, 4]
    assert shop.cell("A", "mall") == {"on_hand": 10, "committed": 10, "debt": 6, "received": 10}
    assert sum((4, 4, 4, 4)) - 10 == 6
    assert shop.cell("A") == {"on_hand": 90, "received": 90}


def test_a_debt_is_never_sold_again(shop: Scene) -> None:
    assert sale(shop, "A", 95, channel=BAZAAR).short == 5
    assert shop.machine.available(0, 0) == 0
    shop.do(f.ReceiveStock("A", 5))
    assert shop.machine.available(0, 0) == 0  # the five that came are owed
    assert shop.buy("A").reason is Reason.STOCK_SHORT
    shop.do(f.ReceiveStock("A", 1))
    assert shop.buy("A").ok


def test_a_release_waits_for_stock_and_then_covers_the_debt(shop: Scene) -> None:
    first, second = sale(shop, "A", 7), sale(shop, "A", 7)
    assert second.short == 4
    assert second.failed == (Reason.STOCK_SHORT,)
    assert shop.operate("release", second.id).reason is Reason.STOCK_SHORT_AT_RELEASE
    assert shop.operate("release", second.id, flags=OVERRIDE).reason is (
        Reason.STOCK_SHORT_AT_RELEASE
    )
    assert shop.operate("release", first.id).ok
    shop.do(f.ReceiveStock("A", 3, "mall"))
    assert shop.operate("release", second.id).reason is Reason.STOCK_SHORT_AT_RELEASE
    shop.do(f.ReceiveStock("A", 1, "mall"))
    assert shop.operate("release", second.id).ok
    assert shop.cell("A", "mall") == {
        "on_hand": 14, "committed": 14, "released": 14, "received": 14,
    }  # fmt: skip


def test_released_units_never_exceed_what_is_on_hand(shop: Scene) -> None:
    orders = [sale(shop, "A", 5).id for _ in range(2)]
    shop.do(f.CountStock("A", 7, "mall"))
    assert shop.operate("release", orders[0]).ok
    assert shop.operate("release", orders[1]).reason is Reason.STOCK_SHORT_AT_RELEASE
    assert shop.operate("ship", orders[0]).ok
    assert shop.operate("release", orders[1]).reason is Reason.STOCK_SHORT_AT_RELEASE
    shop.do(f.ReceiveStock("A", 3, "mall"))
    assert shop.operate("release", orders[1]).ok


def test_cancelling_gives_uncovered_units_back_first(shop: Scene) -> None:
    order = sale(shop, "A", 14)
    assert order.short == 4
    assert shop.operate("cancel", order.id, quantity=3).ok
    assert shop.cell("A", "mall")["debt"] == 1
    assert shop.operate("cancel", order.id, quantity=3).ok
    assert shop.cell("A", "mall") == {"on_hand": 10, "committed": 8, "received": 10}
    assert shop.operate("release", order.id).ok
    assert shop.operate("ship", order.id).ok
    assert shop.cell("A", "mall") == {"on_hand": 2, "received": 10, "shipped": 8}


def test_a_bundles_debt_stands_with_its_parts(shop: Scene) -> None:
    shop.do(f.PutSku("D", 3_000, parts={"A": 2, "B": 1}))
    shop.do(f.ReceiveStock("B", 100, "mall"))
    order = sale(shop, "D", 7)
    assert order.short == 2
    assert shop.cell("A", "mall") == {"on_hand": 10, "committed": 10, "debt": 4, "received": 10}
    assert shop.cell("B", "mall") == {"on_hand": 100, "committed": 5, "debt": 2, "received": 100}
    assert shop.operate("release", order.id).reason is Reason.STOCK_SHORT_AT_RELEASE
    shop.do(f.ReceiveStock("A", 4, "mall"))
    assert shop.operate("release", order.id).ok
    assert shop.operate("ship", order.id, quantity=6).ok
    assert shop.cell("A", "mall") == {
        "on_hand": 2, "committed": 2, "released": 2, "received": 14, "shipped": 12,
    }  # fmt: skip


JUDGEMENTS = """
fen   keys     reason             approved
2000  both     accepted           accepted
1199  both     price_below_floor  price_below_floor
2000  account  identity_missing   accepted
2000  none     identity_missing   accepted
"""


@pytest.mark.parametrize("row", JUDGEMENTS.strip().splitlines()[1:])
def test_a_judgement_binds_its_release_until_somebody_approves(shop: Scene, row: str) -> None:
    fen, keys, reason, approved = row.split()
    shop.do(f.PutRule("R", "sku", "A", limits={"account": 9, "phone": 9}))
    have = {"both": {"account": 1, "phone": 2}, "account": {"account": 1}, "none": {}}[keys]
    order = sale(shop, "A", 2, int(fen), keys=have)
    assert order.ok
    assert shop.operate("release", order.id).reason.name.lower() == reason
    if reason != "accepted":
        again = shop.operate("release", order.id, flags=OVERRIDE)
        assert again.reason.name.lower() == approved


def approved(shop: Scene, code: str = "E", units: int = 50, **how: object) -> int:
    """The number of an exception for A that two people approved."""
    exempt = how.pop("exempt", [])
    wanted = {"skus": ["A"], "floor_fen": 100, "expires_ms": shop.now_ms + DAY_MS, **how}
    shop.do(f.ApproveException(code, units=units, exempt=exempt, **wanted), ANNA, BERT)
    return shop.machine.catalogue.exception_number(code)


def released(shop: Scene, order: int, number: int) -> str:
    """The answer to a person's release under an exception."""
    return shop.operate("release", order, flags=OVERRIDE, quantity=number).reason.name.lower()


def units_left(shop: Scene, number: int) -> int:
    return int(shop.machine.state.exceptions[number]["units_left"])


def test_below_floor_only_what_two_approved_is_released(shop: Scene) -> None:
    first, second = (sale(shop, "A", 2, 400).id for _ in range(2))
    number = approved(shop, units=3)
    assert released(shop, first, 0) == released(shop, first, number + 1) == "price_below_floor"
    plain = shop.operate("release", first, quantity=number)
    assert plain.reason is Reason.PRICE_BELOW_FLOOR
    assert (released(shop, first, number), units_left(shop, number)) == ("accepted", 1)
    assert released(shop, second, number) == "price_below_floor"
    assert shop.operate("cancel", first, quantity=1).ok
    assert (released(shop, second, number), units_left(shop, number)) == ("accepted", 0)
    assert shop.operate("ship", second).ok
    assert shop.operate("return", second).ok
    assert units_left(shop, number) == 2


def test_a_clean_order_draws_on_no_exception(shop: Scene) -> None:
    order = sale(shop, "A", 2).id
    number = approved(shop)
    assert released(shop, order, number) == "accepted"
    assert shop.operate("cancel", order).ok
    assert units_left(shop, number) == 50


@pytest.mark.parametrize(
    ("how", "answer"),
    [
        ({}, "limit_exceeded"),
        ({"exempt": ["order_too_large"]}, "limit_exceeded"),
        ({"exempt": ["limit_exceeded"]}, "accepted"),
        ({"exempt": ["limit_exceeded"], "floor_fen": 201}, "price_below_floor"),
        ({"exempt": ["limit_exceeded"], "skus": ["B"]}, "price_below_floor"),
        ({"exempt": ["limit_exceeded"], "units": 3}, "price_below_floor"),
    ],
)
def test_an_exception_releases_what_it_covers(
    shop: Scene, how: dict[str, object], answer: str
) -> None:
    shop.do(f.PutRule("R", "sku", "A", limits={"account": 3}))
    order = sale(shop, "A", 4, 800, keys={"account": 1})
    assert order.failed == (Reason.PRICE_BELOW_FLOOR, Reason.LIMIT_EXCEEDED)
    assert released(shop, order.id, approved(shop, **how)) == answer


def test_an_exception_that_ended_releases_nothing(shop: Scene) -> None:
    order = sale(shop, "A", 2, 400).id
    ended, expiring = approved(shop, "E"), approved(shop, "F")
    shop.do(f.EndException("E"), ANNA)
    assert released(shop, order, ended) == "price_below_floor"
    shop.wait(days=1)
    assert released(shop, order, expiring) == "price_below_floor"


def test_facts_count_against_the_limits_of_orders(shop: Scene) -> None:
    shop.do(f.PutRule("R", "sku", "A", limits={"account": 5}, budget=20))
    assert sale(shop, "A", 4, keys={"account": 1}).failed == ()
    over = sale(shop, "A", 4, keys={"account": 1})
    assert (over.failed, over.rule, over.has) == ((Reason.LIMIT_EXCEEDED,), 1, 4)
    assert shop.buy("A", 1, keys={"account": 1}).has == 8
    assert shop.operate("cancel", over.id).ok
    assert shop.buy("A", 1, keys={"account": 1}).ok


def test_a_judgement_names_the_first_rule_that_failed(shop: Scene) -> None:
    shop.do(f.PutRule("R", "sku", "A", limits={"account": 5}, budget=3))
    order = sale(shop, "A", 12, keys={"account": 1})
    assert order.failed == (Reason.LIMIT_EXCEEDED, Reason.BUDGET_EXHAUSTED, Reason.STOCK_SHORT)
    assert (order.rule, order.has, order.short) == (1, 0, 2)


def test_an_unpaid_fact_is_held_without_end_until_it_is_paid(shop: Scene) -> None:
    order = sale(shop, "A", 12, paid=False)
    assert shop.cell("A", "mall") == {"on_hand": 10, "pre_held": 10, "debt": 2, "received": 10}
    shop.wait(days=30)
    assert shop.expire() == 0
    assert shop.operate("release", order.id).reason is Reason.PAYMENT_NOT_CONFIRMED
    assert shop.operate("pay", order.id, fen=12_000).ok
    assert shop.cell("A", "mall") == {"on_hand": 10, "committed": 10, "debt": 2, "received": 10}


def test_a_paused_shop_takes_facts_and_holds_them(shop: Scene) -> None:
    shop.do(f.SetFlag("shop", "paused", on=True))
    order = sale(shop, "A", 1)
    assert order.failed == (Reason.SHOP_PAUSED,)
    shop.do(f.SetFlag("shop", "paused", on=False))
    assert shop.operate("release", order.id).reason is Reason.SHOP_PAUSED


IMPOSSIBLE = """
field           value                 reason
quantity        0                     quantity_below_minimum
quantity        -5                    quantity_below_minimum
quantity        1000001               order_too_large
receivable_fen  -1                    price_below_floor
receivable_fen  1099511627777         price_mismatch
receivable_fen  9223372036854775807   price_mismatch
placed_at_ms    0                     order_too_old
placed_at_ms    -9223372036854775808  order_too_old
placed_at_ms    9223372036854775807   order_too_old
"""


@pytest.mark.parametrize("row", IMPOSSIBLE.strip().splitlines()[1:])
@pytest.mark.parametrize("line", [0, 1])
def test_what_no_sale_can_be_is_refused_even_as_a_fact(shop: Scene, row: str, line: int) -> None:
    field, value, reason = row.split()
    before = (shop.cell("A", "mall"), shop.cell("B", "mall"))
    rows = shop.rows(shop.line("A"), shop.line("B"), fact=True, channel=MALL)
    rows[field][0 if field == "placed_at_ms" else line] = int(value)
    verdict = shop.place(rows)
    assert (verdict.reason.name.lower(), verdict.failed) == (reason, ())
    assert (shop.cell("A", "mall"), shop.cell("B", "mall")) == before


def test_a_fact_may_be_old_or_early_but_says_so(shop: Scene) -> None:
    for ago_ms in (DAY_MS + 1, 398 * DAY_MS, -300_001, -DAY_MS):
        verdict = sale(shop, "A", 1, placed_at_ms=shop.now_ms - ago_ms)
        assert verdict.failed == (Reason.ORDER_TOO_OLD,)
    for ago_ms in (398 * DAY_MS + 1, -DAY_MS - 1):
        verdict = sale(shop, "A", 1, placed_at_ms=shop.now_ms - ago_ms)
        assert verdict.reason is Reason.ORDER_TOO_OLD


@pytest.mark.parametrize("number", [2, 4_095, 4_096, 1 << 20, NO_SKU])
def test_an_unknown_sku_is_recorded_and_never_released(shop: Scene, number: int) -> None:
    for basis in ("money", "discount", "loss", "orders", "units"):
        shop.do(f.PutRule(basis, "shop", basis=basis, budget=10**6))
    unknown = {**shop.line("A"), "sku": number}
    verdict = shop.order(unknown, shop.line("A"), fact=True, channel=MALL)
    assert (verdict.failed, verdict.short) == ((Reason.UNKNOWN_SKU,), 1)
    shop.do(f.PutSku("C", 1_000, cost_floor_fen=600))  # takes number 2
    shop.do(f.ReceiveStock("C", 10, "mall"))
    for flags in (0, OVERRIDE):
        assert not shop.operate("release", verdict.id, flags=flags).ok
    assert shop.operate("cancel", verdict.id).ok
    assert shop.cell("C", "mall") == {"on_hand": 10, "received": 10}


def test_the_same_fact_again_is_the_same_fact(shop: Scene) -> None:
    rows = shop.rows(shop.line("A", 12, 100), fact=True, channel=MALL)
    first = shop.place(rows)
    assert (first.failed, first.short) == ((Reason.PRICE_BELOW_FLOOR, Reason.STOCK_SHORT), 2)
    for cancelled in (0, 1, 1, 10):  # the last closes it
        if cancelled:
            assert shop.operate("cancel", first.id, quantity=cancelled).ok
        again = shop.place(rows)
        assert (again.duplicate, again.failed) == (True, first.failed)
        assert again.short == shop.cell("A", "mall").get("debt", 0)
    assert shop.operate("pay", first.id).reason is Reason.REFUND_DUE
    assert shop.operate("cancel", first.id).reason is Reason.WRONG_STATE
    shop.wait(days=401)
    shop.do(f.PutPool("any"))  # forgotten, closed as it is


# -- pools ---------------------------------------------------------------------------------------


def test_a_channel_sells_from_its_own_pool_only(shop: Scene) -> None:
    assert shop.buy("A", 11, channel=MALL).reason is Reason.STOCK_SHORT
    assert shop.buy("A", 10, channel=MALL).ok
    assert shop.buy("A", 90).ok
    assert shop.buy("A", 1).reason is Reason.STOCK_SHORT
    assert shop.cell("A", "mall") == {"on_hand": 10, "committed": 10, "received": 10}


def test_an_order_stays_in_the_pool_that_it_was_sold_from(shop: Scene) -> None:
    order = shop.buy("A", 6, channel=MALL)
    shop.do(f.PutChannel("mall", kind="marketplace", pool="shared"))
    assert shop.operate("ship", order.id, quantity=2).ok
    assert shop.operate("cancel", order.id).ok
    assert shop.cell("A", "mall") == {"on_hand": 8, "received": 10, "shipped": 2}
    assert shop.buy("A", 91, channel=MALL).reason is Reason.STOCK_SHORT
    assert shop.buy("A", 90, channel=MALL).ok


def test_only_available_units_move(shop: Scene) -> None:
    assert shop.buy("A", 60).ok
    assert shop.tell(f.MoveStock("A", 31, "shared", "mall")).reason is Reason.STOCK_SHORT
    shop.do(f.MoveStock("A", 30, "shared", "mall"))
    assert shop.cell("A") == {"on_hand": 60, "committed": 60, "received": 60}
    assert shop.cell("A", "mall") == {"on_hand": 40, "received": 40}


def test_a_recall_lowers_the_offer_waits_for_sales_in_flight_and_comes_back(shop: Scene) -> None:
    shop.do(f.StartRecall("A", 8, "mall"))
    assert shop.machine.available(0, 1) == 2
    assert shop.tell(f.StartRecall("A", 3, "mall")).reason is Reason.STOCK_SHORT
    assert sale(shop, "A", 5).short == 3  # in flight: more than what was left on offer
    back = shop.do(f.FinishRecall("A", 8, "mall"))
    assert (back.delta, back.on_hand, back.recalling) == (-5, 5, 0)
    assert shop.cell("A", "mall") == {"on_hand": 5, "committed": 2, "debt": 3, "received": 5}
    assert shop.cell("A") == {"on_hand": 95, "received": 95}


def test_a_recall_comes_back_in_parts(shop: Scene) -> None:
    shop.do(f.StartRecall("A", 8, "mall"))
    assert shop.do(f.FinishRecall("A", 3, "mall")).delta == -3
    assert shop.tell(f.FinishRecall("A", 6, "mall")).reason is Reason.OUT_OF_BOUNDS
    assert shop.do(f.FinishRecall("A", 5, "mall")).delta == -5
    assert shop.cell("A", "mall") == {"on_hand": 2, "received": 2}


def test_units_lost_during_a_recall_do_not_come_back(shop: Scene) -> None:
    shop.do(f.StartRecall("A", 8, "mall"))
    shop.do(f.CountStock("A", 3, "mall"))
    assert shop.do(f.FinishRecall("A", 8, "mall")).delta == -3
    assert shop.cell("A", "mall") == {}
    assert shop.cell("A") == {"on_hand": 93, "received": 93}


COUNTS = """
held  paid  counted  shortfall
0     0     0        0
3     4     7        0
3     4     6        1
3     4     0        7
"""


@pytest.mark.parametrize("row", COUNTS.strip().splitlines()[1:])
def test_a_downward_count_names_its_shortfall(row: str) -> None:
    held, paid, counted, shortfall = map(int, row.split())
    shop = stocked(units=50)
    for units, is_paid in ((held, False), (paid, True)):
        if units:
            assert shop.buy("A", units, paid=is_paid).ok
    fact = shop.do(f.CountStock("A", counted))
    assert (fact.on_hand, fact.delta, fact.shortfall) == (counted, counted - 50, shortfall)
    assert shop.machine.available(0, 0) == max(0, counted - held - paid)
    assert shop.sound()


def test_stock_never_goes_below_zero_by_command(shop: Scene) -> None:
    for command in (
        f.AdjustStock("A", -91),
        f.CountStock("A", -1),
        f.ReceiveStock("A", 0),
        f.ReceiveStock("A", -5),
        f.ReceiveStock("A", 1 << 41),
        f.MoveStock("A", -1, "shared", "mall"),
        f.MoveStock("A", 1, "shared", "shared"),
        f.StartRecall("A", 0, "mall"),
        f.StartRecall("A", 1, "shared"),
        f.FinishRecall("A", 1, "mall"),
    ):
        assert shop.tell(command).reason is Reason.OUT_OF_BOUNDS, command
    assert shop.cell("A") == {"on_hand": 90, "received": 90}
