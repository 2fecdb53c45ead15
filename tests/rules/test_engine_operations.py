"""What may be done to an order that exists, in which state, and that the books follow exactly.

Operations are decided once each: the same id gets the same answer, other content is `id_reused`.
"""

from collections.abc import Iterator

import pytest

from tidegate.domain.reasons import Reason
from tidegate.record import facts as f
from tidegate.record.lines import ALL_LINES, OPERATION_KINDS
from tidegate.testing.scene import Scene, stocked

OVERRIDE, INTERCEPTED = 1, 2


@pytest.fixture
def shop() -> Iterator[Scene]:
    scene = stocked()
    scene.do(f.ReceiveStock("A", 100, "mall"))
    yield scene
    assert scene.sound()


def in_state(shop: Scene, state: str) -> int:
    """The id of an order of 4 A in a state."""
    if state == "unknown":
        return 999_999
    fact = state.startswith("fact")
    unpaid = state in {"pre_held", "expired", "fact_unpaid"}
    order = shop.buy("A", 4, paid=not unpaid, fact=fact, channel=2 if fact else 0)
    assert order.ok
    steps = {
        "released": ["release"], "fact_released": ["release"], "on_hold": ["hold"],
        "shipped": ["ship"], "closed": ["cancel"], "returned": ["ship", "return"],
    }.get(state, [])  # fmt: skip
    for kind in steps:
        assert shop.operate(kind, order.id).ok
    if state == "expired":
        shop.wait(s=900)
        assert shop.expire() == 1
    return order.id


STATES = """
state         pay       cancel    ship      return    release   hold      extend
unknown       unknown   unknown   unknown   unknown   unknown   unknown   unknown
pre_held      ok        ok        state     exceeds   not_paid  not_paid  ok
expired       ok        state     state     state     state     state     state
committed     refund    ok        ok        exceeds   ok        ok        state
on_hold       refund    ok        state     exceeds   held      state     state
released      refund    ok        ok        exceeds   state     state     state
shipped       refund    exceeds   exceeds   ok        state     state     state
returned      refund    state     state     state     state     state     state
closed        refund    state     state     state     state     state     state
fact          refund    ok        state     exceeds   ok        ok        state
fact_unpaid   ok        ok        state     exceeds   not_paid  not_paid  state
fact_released refund    ok        ok        exceeds   state     state     state
"""
WORDS = {
    "ok": Reason.ACCEPTED, "unknown": Reason.UNKNOWN_ORDER, "refund": Reason.REFUND_DUE,
    "state": Reason.WRONG_STATE, "exceeds": Reason.QUANTITY_EXCEEDS_OPEN,
    "held": Reason.HELD_BY_PERSON, "not_paid": Reason.PAYMENT_NOT_CONFIRMED,
}  # fmt: skip
HEAD, *ROWS = [row.split() for row in STATES.strip().splitlines()]


@pytest.mark.parametrize("kind", HEAD[1:])
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_what_each_state_allows(shop: Scene, row: list[str], kind: str) -> None:
    order = in_state(shop, row[0])
    quantity = 60 if kind == "extend" else 0
    verdict = shop.operate(kind, order, fen=4_000, quantity=quantity)
    assert verdict.reason is WORDS[row[HEAD.index(kind)]]


@pytest.mark.parametrize("kind", range(len(OPERATION_KINDS), 256, 37))
def test_a_kind_that_does_not_exist(shop: Scene, kind: int) -> None:
    order = in_state(shop, "committed")
    row = shop.operation_row("ship", order)
    row["kind"] = kind
    assert shop.operate_rows(row)[0].reason is Reason.WRONG_STATE


@pytest.mark.parametrize("kind", OPERATION_KINDS[1:])
def test_an_operation_is_decided_once(shop: Scene, kind: str) -> None:
    state = {"pay": "pre_held", "extend": "pre_held", "return": "shipped",
             "return_defective": "shipped"}.get(kind, "committed")  # fmt: skip
    order, number = in_state(shop, state), shop.next_id()
    quantity = {"pay": 0, "release": 0, "hold": 0}.get(kind, 1)
    first = shop.operate(kind, order, fen=4_000, quantity=quantity, number=number)
    assert (first.ok, first.duplicate) == (True, False)
    before = shop.cell("A")
    again = shop.operate(kind, order, fen=4_000, quantity=quantity, number=number)
    assert (again.ok, again.duplicate) == (True, True)
    other = shop.operate(kind, order, fen=3_999, quantity=quantity, number=number)
    assert (other.reason, other.duplicate) == (Reason.ID_REUSED, True)
    elsewhere = shop.operate(kind, order + 1, fen=4_000, quantity=quantity, number=number)
    assert elsewhere.reason is Reason.ID_REUSED
    assert shop.cell("A") == before


def test_a_refused_operation_stays_refused(shop: Scene) -> None:
    order, number = in_state(shop, "pre_held"), shop.next_id()
    assert shop.operate("ship", order, number=number).reason is Reason.WRONG_STATE
    assert shop.operate("pay", order, fen=4_000).ok
    again = shop.operate("ship", order, number=number)
    assert (again.reason, again.duplicate) == (Reason.WRONG_STATE, True)
    assert shop.operate("ship", order).ok


def test_wrong_amounts_and_duplicate_payments(shop: Scene) -> None:
    order = in_state(shop, "pre_held")
    for fen in (3_999, 4_001, 0, -4_000, 2**63 - 1, -(2**63)):
        assert shop.operate("pay", order, fen=fen).reason is Reason.AMOUNT_MISMATCH
    paid = shop.next_id()
    assert shop.operate("pay", order, fen=4_000, number=paid).ok
    assert shop.operate("pay", order, fen=4_000).reason is Reason.REFUND_DUE
    assert shop.operate("pay", order, fen=4_000, number=paid).ok  # the same payment, told again
    assert shop.cell("A") == {"on_hand": 100, "committed": 4, "received": 100}


def test_an_answer_told_again_keeps_its_reasons(shop: Scene) -> None:
    late, number = in_state(shop, "expired"), shop.next_id()
    shop.do(f.CountStock("A", 3))
    fact = shop.buy("A", 1, 1, fact=True, channel=1)
    for again in (False, True):
        paid = shop.operate("pay", late, fen=4_000, number=number)
        assert (paid.reason, paid.failed, paid.duplicate) == (
            Reason.REFUND_DUE, (Reason.STOCK_SHORT,), again,
        )  # fmt: skip
        released = shop.operate("release", fact.id, number=number + 1_000)
        assert (released.reason, released.failed, released.duplicate) == (
            Reason.PRICE_BELOW_FLOOR, (Reason.PRICE_BELOW_FLOOR,), again,
        )  # fmt: skip


def test_a_refund_that_is_due_is_remembered_like_an_acceptance(shop: Scene) -> None:
    order, number = in_state(shop, "committed"), shop.next_id()
    assert shop.operate("pay", order, fen=4_000, number=number).reason is Reason.REFUND_DUE
    shop.wait(days=399)
    again = shop.operate("pay", order, fen=4_000, number=number)
    assert (again.reason, again.duplicate) == (Reason.REFUND_DUE, True)


QUANTITIES = """
lines  line   quantity  kind    reason
1      all    0         cancel  accepted
1      all    4         cancel  accepted
1      all    5         cancel  quantity_exceeds_open
1      0      4         cancel  accepted
1      1      1         cancel  quantity_exceeds_open
1      0      -1        cancel  quantity_exceeds_open
1      0      -2147483648 cancel quantity_exceeds_open
1      0      2147483647 cancel quantity_exceeds_open
2      all    0         cancel  accepted
2      all    1         cancel  quantity_exceeds_open
2      1      2         cancel  accepted
2      1      3         cancel  quantity_exceeds_open
2      2      0         cancel  quantity_exceeds_open
2      65534  0         cancel  quantity_exceeds_open
2      all    0         ship    accepted
2      0      5         ship    quantity_exceeds_open
2      0      -1        ship    quantity_exceeds_open
2      0      1         return  quantity_exceeds_open
"""


@pytest.mark.parametrize("row", QUANTITIES.strip().splitlines()[1:])
def test_lines_and_quantities(shop: Scene, row: str) -> None:
    lines, line, quantity, kind, reason = row.split()
    order = shop.order(*[shop.line("A", 4), shop.line("B", 2)][: int(lines)])
    place = ALL_LINES if line == "all" else int(line)
    verdict = shop.operate(kind, order.id, line=place, quantity=int(quantity))
    assert verdict.reason.name.lower() == reason


@pytest.mark.parametrize("times", [1, 25, 26, 60])  # 255 units fit a byte, more take a word
def test_the_life_of_an_order_in_parts(shop: Scene, times: int) -> None:
    shop.do(f.ReceiveStock("A", 100 * (times - 1)) if times > 1 else f.PutPool("any"))
    order = shop.order(shop.line("A", 10 * times), shop.line("B", 2)).id
    steps = """
    cancel           0 3   committed=7  on_hand=100
    ship             0 4   committed=3  on_hand=96  shipped=4
    return           0 1   committed=3  on_hand=97  shipped=4  returned=1
    return_defective 0 2   committed=3  on_hand=97  shipped=4  returned=1  defective=2
    cancel           0 1   committed=2  on_hand=97  shipped=4  returned=1  defective=2
    ship             0 2   on_hand=95   shipped=6   returned=1  defective=2
    return           0 3   on_hand=98   shipped=6   returned=4  defective=2
    """
    for step in steps.strip().splitlines():
        kind, line, units, *books = step.split()
        assert shop.operate(kind, order, line=int(line), quantity=int(units) * times).ok, step
        expected = {
            name: int(value) * times for name, _, value in (book.partition("=") for book in books)
        }
        assert shop.cell("A") == {"received": 100 * times, **expected}, step
    assert shop.operate("return", order, line=0).reason is Reason.QUANTITY_EXCEEDS_OPEN
    assert shop.operate("ship", order, line=1).ok
    assert shop.operate("return", order, line=1).ok
    assert shop.operate("return", order).reason is Reason.WRONG_STATE  # closed


def test_bundles_move_their_parts(shop: Scene) -> None:
    shop.do(f.PutSku("D", 3_000, parts={"A": 2, "B": 1}))
    order = shop.buy("D", 5, paid=False).id
    assert (shop.cell("A")["pre_held"], shop.cell("B")["pre_held"]) == (10, 5)
    shop.do(f.PutSku("D", 3_000, parts={"B": 9}))  # sold as it was
    assert shop.operate("cancel", order, quantity=1).ok
    assert shop.operate("pay", order, fen=12_000).ok
    assert shop.operate("ship", order, quantity=3).ok
    assert shop.cell("A") == {"on_hand": 94, "committed": 2, "received": 100, "shipped": 6}
    assert shop.cell("B") == {"on_hand": 97, "committed": 1, "received": 100, "shipped": 3}
    assert shop.operate("return", order, quantity=2).ok
    assert shop.cell("A")["on_hand"] == 98
    assert shop.cell("D") == {}


def test_shipping_never_takes_more_than_there_is(shop: Scene) -> None:
    order = shop.order(shop.line("A", 5), shop.line("A", 5)).id
    fact = shop.do(f.CountStock("A", 9))
    assert (fact.delta, fact.shortfall) == (-91, 1)
    assert shop.operate("ship", order).reason is Reason.STOCK_SHORT_AT_RELEASE
    assert shop.operate("ship", order, line=0).ok
    assert shop.operate("ship", order, line=1).reason is Reason.STOCK_SHORT_AT_RELEASE
    assert shop.operate("ship", order, line=1, quantity=4).ok
    assert shop.cell("A") == {"committed": 1, "received": 9, "shipped": 9}


def test_what_is_released_stays_for_its_orders(shop: Scene) -> None:
    first, second = shop.buy("A", 50).id, shop.buy("A", 50).id
    assert shop.operate("release", first).ok
    shop.do(f.CountStock("A", 60))
    assert shop.operate("ship", second).reason is Reason.STOCK_SHORT_AT_RELEASE
    assert shop.operate("ship", second, quantity=10).ok
    assert shop.operate("ship", first).ok
    assert shop.cell("A") == {"committed": 40, "received": 60, "shipped": 60}


def test_cancelling_a_released_order_takes_it_from_the_warehouse(shop: Scene) -> None:
    order = in_state(shop, "released")
    assert shop.cell("A")["released"] == 4
    assert shop.operate("cancel", order, quantity=1).ok
    assert (shop.cell("A")["released"], shop.cell("A")["committed"]) == (3, 3)
    assert shop.operate("ship", order).ok
    assert shop.cell("A") == {"on_hand": 97, "received": 100, "shipped": 3}


def test_a_person_holds_and_only_an_approval_releases(shop: Scene) -> None:
    order = in_state(shop, "on_hold")
    assert shop.operate("release", order).reason is Reason.HELD_BY_PERSON
    assert shop.operate("ship", order).reason is Reason.WRONG_STATE
    assert shop.operate("release", order, flags=OVERRIDE).ok
    assert shop.operate("ship", order).ok


@pytest.mark.parametrize("fact", [False, True])
def test_what_the_warehouse_stopped_is_held_again(shop: Scene, fact: bool) -> None:
    order = in_state(shop, "fact_released" if fact else "released")
    assert shop.operate("ship", order, quantity=1).reason is Reason.ACCEPTED
    assert shop.operate("hold", order).reason is Reason.WRONG_STATE
    assert shop.operate("hold", order, flags=INTERCEPTED).ok
    assert "released" not in shop.cell("A")
    assert shop.cell("A")["committed"] == 3
    assert shop.operate("ship", order).reason is Reason.WRONG_STATE
    assert shop.operate("hold", order, flags=INTERCEPTED).reason is Reason.WRONG_STATE
    assert shop.operate("cancel", order, quantity=1).ok
    assert shop.operate("release", order).reason is Reason.HELD_BY_PERSON
    assert shop.operate("release", order, flags=OVERRIDE).ok
    assert shop.cell("A")["released"] == 2


FLAGS = """
scope      target  flag      plain          approved
shop       .       incident  incident_open  incident_open
sku        A       incident  incident_open  incident_open
sku        B       incident  accepted       accepted
promotion  P       incident  incident_open  incident_open
shop       .       alarm     alarm_raised   accepted
sku        A       alarm     alarm_raised   accepted
sku        A       paused    accepted       accepted
"""


@pytest.mark.parametrize("row", FLAGS.strip().splitlines()[1:])
@pytest.mark.parametrize("code", ["A", "D"])
def test_flags_that_stop_a_release(shop: Scene, row: str, code: str) -> None:
    scope, target, flag, plain, approved = row.split()
    shop.do(f.PutPromotion("P"))
    shop.do(f.PutSku("D", 3_000, parts={"A": 2}))
    lines = shop.line(code, 1, promotion="P")
    orders = [shop.order(lines).id for _ in range(3)]
    shop.do(f.SetFlag(scope, flag, on=True, target=target.strip(".")))
    assert shop.operate("release", orders[0]).reason.name.lower() == plain
    assert shop.operate("release", orders[1], flags=OVERRIDE).reason.name.lower() == approved
    shop.do(f.SetFlag(scope, flag, on=False, target=target.strip(".")))
    assert shop.operate("release", orders[2]).ok


def test_operations_on_an_operation_or_a_refusal_find_no_order(shop: Scene) -> None:
    order = in_state(shop, "committed")
    done = shop.operate("ship", order)
    row = shop.operation_row("ship", done.id)
    row["order_hi"] = 0x09  # as operations' ids
    assert shop.operate_rows(row)[0].reason is Reason.UNKNOWN_ORDER
    refused = shop.buy("A", 1, 1)
    assert shop.operate("cancel", refused.id).reason is Reason.UNKNOWN_ORDER


def test_a_free_order_is_paid_with_nothing(shop: Scene) -> None:
    shop.do(f.PutSku("F", 0, cost_floor_fen=0))
    shop.do(f.ReceiveStock("F", 1))
    order = shop.buy("F", 1, 0, paid=False)
    assert shop.operate("pay", order.id, fen=0).ok
