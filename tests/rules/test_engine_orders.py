"""The identity of orders, what is remembered of them and for how long, and unpaid holds.

The same order again gets the same answer; nothing is ever accepted twice.
"""

from collections.abc import Iterator

import numpy as np
import pytest

from tidegate.domain.reasons import Reason
from tidegate.engine import layout as lo
from tidegate.engine.machine import EXPIRE_MAX
from tidegate.record import facts as f
from tidegate.record.lines import CONTINUES, LinesMalformed
from tidegate.testing.scene import ANNA, BERT, DAY_MS, START_MS, TINY, Scene, stocked

HOLD_S, LATE_S = 900, 3_600


@pytest.fixture
def shop() -> Iterator[Scene]:
    scene = stocked()
    yield scene
    assert scene.sound()


def test_the_same_order_again_gets_the_same_answer(shop: Scene) -> None:
    rows = shop.rows(shop.line("A", 3), shop.line("B"), keys={"account": 1})
    assert shop.place(rows).ok
    for _ in range(3):
        shop.wait(s=60)
        rows["placed_at_ms"] = shop.now_ms  # not part of what the order says
        verdict = shop.place(rows)
        assert (verdict.ok, verdict.duplicate) == (True, True)
    assert shop.cell("A")["committed"] == 3


CONTENT = """
receivable_fen platform_fen mismatch_fen pricing_version hold_ttl_s sku quantity promotion
exception channel gift_of flags verified key0 key1 key2 key3
"""


@pytest.mark.parametrize("field", CONTENT.split())
@pytest.mark.parametrize("line", [0, 1])
def test_an_id_with_other_content_is_reused(shop: Scene, field: str, line: int) -> None:
    rows = shop.rows(shop.line("A", 3), shop.line("B", 2), keys={"account": 1})
    assert shop.place(rows).ok
    other = rows.copy()
    other[field][line] ^= 1 << 5  # no flag that anything means
    verdict = shop.place(other)
    assert (verdict.reason, verdict.duplicate) == (Reason.ID_REUSED, True)
    assert shop.place(rows[:1]).reason is Reason.ID_REUSED
    assert shop.place(rows).ok
    assert shop.cell("A")["committed"] == 3


def test_duplicates_within_one_batch(shop: Scene) -> None:
    rows = shop.rows(shop.line("A", 60))
    found = shop.place_all(np.concatenate([rows, rows, rows]))
    assert [(v.reason, v.duplicate) for v in found] == [
        (Reason.ACCEPTED, False), (Reason.ACCEPTED, True), (Reason.ACCEPTED, True),
    ]  # fmt: skip
    assert shop.cell("A")["committed"] == 60


def test_a_refusal_stays_a_refusal_with_its_numbers(shop: Scene) -> None:
    rule = shop.do(f.PutRule("R", "sku", "A", limits={"account": 5}))
    assert shop.buy("A", 4, keys={"account": 1}).ok
    rows = shop.rows(shop.line("A", 2), keys={"account": 1})
    first = shop.place(rows)
    assert (first.reason, first.rule, first.has) == (Reason.LIMIT_EXCEEDED, rule.number, 4)
    shop.do(f.DropRule("R"))
    again = shop.place(rows)
    assert (again.reason, again.rule, again.has, again.duplicate) == (
        Reason.LIMIT_EXCEEDED, rule.number, 4, True,
    )  # fmt: skip
    other = rows.copy()
    other["quantity"] = 1
    assert shop.place(other).reason is Reason.ID_REUSED


@pytest.mark.parametrize("ahead_ms", [0, 300_000])
def test_a_refused_order_is_too_old_before_it_is_forgotten(shop: Scene, ahead_ms: int) -> None:
    rows = shop.rows(shop.line("A", 101), placed_at_ms=shop.now_ms + ahead_ms)
    assert shop.place(rows).reason is Reason.STOCK_SHORT
    shop.do(f.ReceiveStock("A", 100))
    placed_ms, answers = int(rows["placed_at_ms"][0]), []
    for offset_ms in (-1_000, -1, 0, 1, 999, 1_000, 1_001, 600_000, 601_000, 700_000):
        shop.now_ms = placed_ms + DAY_MS + offset_ms
        verdict = shop.place(rows)
        answers.append(verdict.reason)
        if verdict.reason is Reason.ORDER_TOO_OLD:
            break
    assert set(answers) == {Reason.STOCK_SHORT, Reason.ORDER_TOO_OLD}
    assert shop.cell("A").get("committed", 0) == 0


def test_refusals_are_forgotten_and_their_memory_used_again() -> None:
    shop = stocked(capacity=TINY._replace(refusals=1 << 10))
    for day in range(6):
        rows = np.concatenate([shop.rows(shop.line("A", 1, 1)) for _ in range(300)])
        assert {v.reason for v in shop.place_all(rows)} == {Reason.PRICE_BELOW_FLOOR}
        scalars = shop.machine.state.scalars
        kept = int(scalars[lo.REFUSAL_COUNT] - scalars[lo.REFUSAL_BASE])
        assert kept == 300, day
        shop.wait(days=1, s=601)
    assert shop.machine.state.scalars[lo.REFUSAL_COUNT] > len(shop.machine.state.refusals)
    assert shop.sound()


def test_acceptances_are_remembered_400_days(shop: Scene) -> None:
    rows = shop.rows(shop.line("A", 3))
    assert shop.place(rows).ok
    shop.wait(days=400, ms=-1)
    again = shop.place(rows)
    assert (again.ok, again.duplicate) == (True, True)
    shop.wait(ms=1_001)
    later = shop.place(rows)
    assert (later.reason, later.duplicate) == (Reason.ORDER_TOO_OLD, False)
    assert shop.cell("A")["committed"] == 3  # never shipped: stays in the books


def test_a_fact_that_left_the_memory_is_never_taken_again(shop: Scene) -> None:
    rows = shop.rows(shop.line("A", 3), fact=True, channel=2)
    assert shop.place(rows).ok
    for days in (398, 1, 1, 1, 400):
        shop.wait(days=days, ms=1_000)
        verdict = shop.place(rows)
        assert verdict.duplicate or verdict.reason is Reason.ORDER_TOO_OLD
    assert shop.cell("A")["committed"] == 3


def test_ids_of_orders_operations_and_commands_do_not_mix(shop: Scene) -> None:
    order = shop.buy("A", 3)
    rows = shop.rows(shop.line("A", 3), number=order.id)
    rows["id_hi"] = 0xC0  # as commands' ids
    shop.machine.begin(shop.now_ms, 1)
    answer = shop.machine.decide_command(0x0D, order.id, f.PutPool("x"), ANNA)
    shop.finish()
    assert (answer.reason, answer.duplicate) == (Reason.ID_REUSED, True)
    told = shop.next_id()
    assert shop.tell(f.PutPool("y"), number=told).reason is Reason.ACCEPTED
    rows["id_lo"] = told
    assert shop.place(rows).reason is Reason.ID_REUSED


def test_rows_that_are_no_orders_are_refused_before_anything_is_decided(shop: Scene) -> None:
    rows = shop.rows(*[shop.line("A")] * 65)
    before = shop.machine.digest()
    for malformed in (rows, rows[1:3]):
        with pytest.raises(LinesMalformed):
            shop.machine.decide_orders(malformed)
    assert shop.machine.digest() == before
    assert shop.place(rows[:64]).ok
    assert shop.place_all(rows[:0]) == []
    assert int(np.count_nonzero(rows["flags"] & CONTINUES)) == 64


# -- holds ---------------------------------------------------------------------------------------


def test_a_hold_ends_by_record_and_everything_comes_back(shop: Scene) -> None:
    shop.do(f.PutRule("R", "sku", "A", limits={"account": 5}, budget=5))
    order = shop.buy("A", 5, keys={"account": 1}, paid=False)
    assert shop.cell("A") == {"on_hand": 100, "pre_held": 5, "received": 100}
    shop.wait(s=HOLD_S - 1)
    assert shop.expire() == 0
    shop.wait(s=1)
    assert shop.cell("A")["pre_held"] == 5  # nothing ends without a record
    assert shop.expire() == 1
    assert shop.expire() == 0
    assert shop.cell("A") == {"on_hand": 100, "received": 100}
    assert shop.buy("A", 5, keys={"account": 1}).ok
    assert shop.operate("cancel", order.id).reason is Reason.WRONG_STATE


def test_holds_of_many_lengths_end_at_their_own_time(shop: Scene) -> None:
    ends = [300, 60, 900, 60, 10_000, 899, 901, 1, 60]
    for ttl_s in ends:
        assert shop.buy("A", paid=False, hold_ttl_s=ttl_s).ok
    for moment_s in sorted(set(ends)):
        shop.now_ms = START_MS + 1000 * (moment_s - 1)
        assert shop.expire() == 0
        shop.now_ms += 1000
        assert shop.expire() == ends.count(moment_s)
    assert shop.cell("A") == {"on_hand": 100, "received": 100}


def test_at_most_so_many_holds_end_by_one_record() -> None:
    shop = stocked(units=5_000)
    rows = [shop.rows(shop.line("A"), paid=False) for _ in range(2 * EXPIRE_MAX + 10)]
    assert all(v.ok for v in shop.place_all(np.concatenate(rows)))
    shop.wait(s=HOLD_S)
    assert [shop.expire() for _ in range(4)] == [EXPIRE_MAX, EXPIRE_MAX, 10, 0]
    assert shop.cell("A") == {"on_hand": 5_000, "received": 5_000}
    assert shop.sound()


@pytest.mark.parametrize("seconds", [(100, 100), (200, 100, 200), (100, 200, 100), (900, 899)])
def test_a_hold_that_was_extended_ends_once(shop: Scene, seconds: tuple[int, ...]) -> None:
    order = shop.buy("A", 3, paid=False)
    for extension_s in seconds:
        assert shop.operate("extend", order.id, quantity=extension_s).ok
    shop.wait(s=seconds[-1] - 1)
    assert shop.expire() == 0
    shop.wait(s=1)
    assert shop.expire() == 1
    shop.wait(s=2_000)
    assert shop.expire() == 0
    assert shop.cell("A") == {"on_hand": 100, "received": 100}


@pytest.mark.parametrize("extended", [0, 1, 2])
def test_a_hold_that_was_extended_keeps_no_later_one(shop: Scene, extended: int) -> None:
    orders = [shop.buy("A", 3, paid=False) for _ in range(3)]
    shop.wait(s=HOLD_S + 1)
    assert shop.operate("extend", orders[extended].id, quantity=50).ok
    assert shop.expire() == 2
    shop.wait(s=50)
    assert shop.expire() == 1
    assert shop.sound()


def test_a_hold_lasts_no_longer_in_all_than_the_shop_allows(shop: Scene) -> None:
    shop.do(f.SetPolicy(hold_ttl_max_s=2_000))
    order = shop.buy("A", paid=False, hold_ttl_s=2**32 - 1)
    assert shop.operate("extend", order.id, quantity=2_001).reason is Reason.QUANTITY_EXCEEDS_OPEN
    assert shop.operate("extend", order.id, quantity=0).reason is Reason.WRONG_STATE
    shop.wait(s=1_500)
    assert shop.operate("extend", order.id, quantity=501).reason is Reason.QUANTITY_EXCEEDS_OPEN
    assert shop.operate("extend", order.id, quantity=500).ok
    shop.wait(s=500)
    assert shop.expire() == 1
    assert shop.operate("extend", order.id, quantity=1).reason is Reason.WRONG_STATE


# -- late payments -------------------------------------------------------------------------------


def expired(shop: Scene, *lines: dict[str, int], **how: object) -> int:
    """The id of an order that was not paid in time."""
    order = shop.order(*lines, paid=False, **how)
    assert order.ok
    shop.wait(s=HOLD_S)
    assert shop.expire() == 1
    return order.id


def test_a_late_payment_takes_the_hold_again(shop: Scene) -> None:
    shop.do(f.PutRule("R", "sku", "A", limits={"account": 5}))
    number = expired(shop, shop.line("A", 5), keys={"account": 1})
    assert shop.operate("pay", number, fen=5_001).reason is Reason.AMOUNT_MISMATCH
    assert shop.operate("pay", number, fen=5_000).ok
    assert shop.cell("A") == {"on_hand": 100, "committed": 5, "received": 100}
    assert shop.buy("A", 1, keys={"account": 1}).reason is Reason.LIMIT_EXCEEDED
    assert shop.operate("pay", number, fen=5_000).reason is Reason.REFUND_DUE
    assert shop.operate("ship", number).ok


def test_a_late_payment_goes_through_all_guards(shop: Scene) -> None:
    shop.do(f.PutRule("R", "sku", "A", limits={"account": 5}))
    number = expired(shop, shop.line("A", 5), keys={"account": 1})
    assert shop.buy("A", 1, keys={"account": 1}).ok
    for command, cause in (
        (None, Reason.LIMIT_EXCEEDED),
        (f.DropRule("R"), None),
        (f.CountStock("A", 5), Reason.STOCK_SHORT),
        (f.PutSku("A", 1_000, cost_floor_fen=1_001), Reason.PRICE_BELOW_FLOOR),
        (f.SetFlag("shop", "paused", on=True), Reason.SHOP_PAUSED),
    ):
        if command is not None:
            shop.do(command)
        if cause is not None:
            verdict = shop.operate("pay", number, fen=5_000)
            assert (verdict.reason, verdict.failed) == (Reason.REFUND_DUE, (cause,))
    assert shop.cell("A")["committed"] == 1


def test_a_late_payment_does_not_ask_for_a_fresh_quote(shop: Scene) -> None:
    number = expired(shop, shop.line("A", pricing_version=3))
    shop.do(f.PutSku("A", 1_200, cost_floor_fen=600))
    shop.wait(s=LATE_S - 1)
    assert shop.operate("pay", number, fen=1_000).ok


def test_a_payment_too_late_is_to_be_refunded(shop: Scene) -> None:
    number = expired(shop, shop.line("A"))
    shop.wait(s=LATE_S)
    assert shop.operate("pay", number, fen=1_000).reason is Reason.REFUND_DUE
    assert shop.cell("A") == {"on_hand": 100, "received": 100}


def test_a_late_payment_takes_only_what_was_not_cancelled(shop: Scene) -> None:
    order = shop.order(shop.line("A", 5), shop.line("B", 2), shop.line("A", 1), paid=False)
    assert shop.operate("cancel", order.id, line=0, quantity=2).ok
    assert shop.operate("cancel", order.id, line=1).ok
    shop.wait(s=HOLD_S)
    assert shop.expire() == 1
    assert shop.operate("pay", order.id, fen=7_000).reason is Reason.AMOUNT_MISMATCH
    assert shop.operate("pay", order.id, fen=4_000).ok
    assert shop.cell("A") == {"on_hand": 100, "committed": 4, "received": 100}
    assert shop.cell("B") == {"on_hand": 100, "received": 100}
    assert shop.operate("ship", order.id, line=1).reason is Reason.QUANTITY_EXCEEDS_OPEN
    assert shop.operate("ship", order.id, line=2).ok  # lines keep their numbers
    assert shop.operate("ship", order.id, line=0, quantity=4).reason is (
        Reason.QUANTITY_EXCEEDS_OPEN
    )
    assert shop.operate("ship", order.id, line=0, quantity=3).ok


def test_a_late_payment_remembers_gifts_platform_shares_and_exceptions(shop: Scene) -> None:
    shop.do(f.ApproveException("E", ["B"], 10, 50, shop.now_ms + DAY_MS), ANNA, BERT)
    lines = (
        shop.line("A", 2, 1_500, platform_fen=300),
        shop.line("B", 1, 0, gift_of=1),
        shop.line("B", 3, 30, exception="E"),
    )
    number = expired(shop, *lines)
    assert shop.operate("pay", number, fen=1_530).reason is Reason.AMOUNT_MISMATCH
    assert shop.operate("pay", number, fen=1_230).ok
    assert shop.cell("B")["committed"] == 4
    gone = expired(shop, *lines)
    shop.do(f.EndException("E"))
    verdict = shop.operate("pay", gone, fen=1_230)
    assert (verdict.reason, verdict.failed) == (Reason.REFUND_DUE, (Reason.PRICE_BELOW_FLOOR,))


def test_a_gift_whose_parent_was_cancelled_is_no_gift_when_paid_late(shop: Scene) -> None:
    order = shop.order(
        shop.line("B"), shop.line("A", 2), shop.line("B", 1, 0, gift_of=2), paid=False
    )
    assert shop.operate("cancel", order.id, line=1).ok
    shop.wait(s=HOLD_S)
    assert shop.expire() == 1
    verdict = shop.operate("pay", order.id, fen=500)
    assert (verdict.reason, verdict.failed) == (Reason.REFUND_DUE, (Reason.PRICE_BELOW_FLOOR,))
    other = shop.order(
        shop.line("B"), shop.line("A", 2), shop.line("B", 1, 0, gift_of=2), paid=False
    )
    assert shop.operate("cancel", other.id, line=0).ok
    shop.wait(s=HOLD_S)
    assert shop.expire() == 1
    assert shop.operate("pay", other.id, fen=2_000).ok
