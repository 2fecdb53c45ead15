"""Commands of operators: what they may ask, that two people stand behind an exception, and that a
command told twice is done once.
"""

from collections.abc import Iterator

import pytest

from tidegate.domain.reasons import Reason
from tidegate.engine import layout as lo
from tidegate.engine.layout import Capacity
from tidegate.record import facts as f
from tidegate.testing.scene import ANNA, BERT, DAY_MS, TINY, Scene, stocked


@pytest.fixture
def shop() -> Iterator[Scene]:
    scene = stocked()
    yield scene
    assert scene.sound()


def approval(shop: Scene, **changed: object) -> f.ApproveException:
    """An exception for A: floor 1.00, 10 units, one day."""
    fields = {
        "code": "E", "skus": ["A"], "floor_fen": 100, "units": 10,
        "expires_ms": shop.now_ms + DAY_MS, "exempt": [],
    }  # fmt: skip
    return f.ApproveException(**{**fields, **changed})


# -- exceptions ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("actor", "approver"), [(0, 0), (ANNA, 0), (0, BERT), (ANNA, ANNA)])
def test_an_exception_needs_two_different_people(shop: Scene, actor: int, approver: int) -> None:
    answer = shop.tell(approval(shop), actor, approver)
    assert (answer.reason, answer.fact) == (Reason.APPROVAL_MISSING, None)
    assert shop.order(shop.line("A", 1, 100, exception="E")).reason is Reason.PRICE_BELOW_FLOOR
    shop.do(approval(shop), ANNA, BERT)
    assert shop.order(shop.line("A", 1, 100, exception="E")).ok


def test_an_exception_is_its_skus_its_floor_its_units_and_its_end(shop: Scene) -> None:
    shop.do(approval(shop), ANNA, BERT)
    assert shop.order(shop.line("A", 1, 99, exception="E")).reason is Reason.PRICE_BELOW_FLOOR
    assert shop.order(shop.line("B", 1, 100, exception="E")).reason is Reason.PRICE_BELOW_FLOOR
    assert shop.order(shop.line("A", 1, 100)).reason is Reason.PRICE_BELOW_FLOOR
    order = shop.order(shop.line("A", 8, 800, exception="E"))
    assert order.ok
    over = shop.order(shop.line("A", 2, 200, exception="E"), shop.line("A", 1, 100, exception="E"))
    assert (over.reason, over.has) == (Reason.BUDGET_EXHAUSTED, 2)
    assert shop.operate("cancel", order.id, quantity=1).ok
    assert shop.order(shop.line("A", 3, 300, exception="E")).ok
    assert shop.operate("ship", order.id).ok
    assert shop.operate("return_defective", order.id, quantity=2).ok
    shop.wait(ms=DAY_MS - 1)
    assert shop.order(shop.line("A", 1, 100, exception="E")).ok
    shop.wait(ms=1)
    assert shop.order(shop.line("A", 1, 100, exception="E")).reason is Reason.PRICE_BELOW_FLOOR


EXEMPT = """
exempt                  order                    without                 with
shop_paused             A                        shop_paused             accepted
sku_paused              A                        sku_paused              accepted
promotion_paused        A-in-P                   promotion_paused        accepted
promotion_paused        A-in-unknown             promotion_paused        promotion_paused
order_too_large         A*20                     order_too_large         accepted
order_too_large         A*1000001                order_too_large         order_too_large
quantity_below_minimum  A*1                      quantity_below_minimum  accepted
quantity_below_minimum  A*0                      quantity_below_minimum  quantity_below_minimum
limit_exceeded          A*6                      limit_exceeded          accepted
budget_exhausted        A*6                      budget_exhausted        accepted
"""


def break_guard(shop: Scene, reason: str) -> None:
    """Make the shop refuse A for a reason."""
    shop.do(f.PutPromotion("P"))
    commands = {
        "shop_paused": f.SetFlag("shop", "paused", on=True),
        "sku_paused": f.SetFlag("sku", "paused", on=True, target="A"),
        "promotion_paused": f.SetFlag("promotion", "paused", on=True, target="P"),
        "order_too_large": f.PutSku("A", 1_000, cost_floor_fen=600, quantity_max=3),
        "quantity_below_minimum": f.PutSku("A", 1_000, cost_floor_fen=600, quantity_min=3),
        "limit_exceeded": f.PutRule("R", "sku", "A", limits={"account": 5}),
        "budget_exhausted": f.PutRule("R", "sku", "A", budget=5),
    }
    shop.do(commands[reason])


@pytest.mark.parametrize("row", EXEMPT.strip().splitlines()[1:])
def test_the_guards_that_an_exception_may_lift(shop: Scene, row: str) -> None:
    exempt, order, without, expected = row.split()
    break_guard(shop, exempt)
    shop.do(approval(shop, units=2_000_000), ANNA, BERT)
    shop.do(approval(shop, code="F", units=2_000_000, exempt=[exempt]), ANNA, BERT)
    code, _, promotion = order.partition("-in-")
    code, _, units = code.partition("*")
    for exception, reason in (("E", without), ("F", expected)):
        line = shop.line(code, int(units or 1), promotion=promotion, exception=exception)
        assert shop.order(line, keys={"account": 1}).reason.name.lower() == reason


NEVER_EXEMPT = """
order_too_old unknown_sku price_changed price_mismatch cost_missing price_below_floor
identity_missing holds_exceeded stock_short id_reused accepted nonsense
"""


@pytest.mark.parametrize("name", NEVER_EXEMPT.split())
def test_other_guards_are_never_lifted(shop: Scene, name: str) -> None:
    answer = shop.tell(approval(shop, exempt=[name]), ANNA, BERT)
    assert answer.reason is Reason.OUT_OF_BOUNDS


@pytest.mark.parametrize(
    "changed",
    [
        {"skus": []}, {"units": 0}, {"units": -1}, {"floor_fen": -1}, {"expires_ms": 0},
        {"expires_ms": 1_792_944_000_000}, {"expires_ms": 1_792_944_000_000 + 31 * DAY_MS},
        {"code": ""}, {"code": "x" * 65}, {"code": "a\nb"}, {"skus": ["A"] * 10_001},
    ],
)  # fmt: skip
def test_bounds_of_an_exception(shop: Scene, changed: dict[str, object]) -> None:
    assert shop.tell(approval(shop, **changed), ANNA, BERT).reason is Reason.OUT_OF_BOUNDS


def test_an_approval_is_never_widened_and_ends_at_once(shop: Scene) -> None:
    shop.do(approval(shop), ANNA, BERT)
    assert shop.tell(approval(shop, units=99), ANNA, BERT).reason is Reason.OUT_OF_BOUNDS
    order = shop.order(shop.line("A", 1, 100, exception="E"))
    shop.do(f.EndException("E"))
    assert shop.order(shop.line("A", 1, 100, exception="E")).reason is Reason.PRICE_BELOW_FLOOR
    assert shop.operate("cancel", order.id).ok
    assert shop.tell(approval(shop), ANNA, BERT).reason is Reason.OUT_OF_BOUNDS


def test_a_gift_may_be_excepted(shop: Scene) -> None:
    shop.do(approval(shop, skus=["B"], floor_fen=0), ANNA, BERT)
    lines = (shop.line("A", 1, 600), shop.line("B", 1, 0, gift_of=1, exception="E"))
    assert shop.order(*lines).ok
    assert shop.order(lines[0], shop.line("B", 1, 0, gift_of=1)).reason is Reason.PRICE_BELOW_FLOOR


# -- told twice ----------------------------------------------------------------------------------


def test_a_command_told_twice_is_done_once(shop: Scene) -> None:
    number = shop.next_id()
    first = shop.tell(f.ReceiveStock("A", 5), number=number)
    entries = len(shop.entries)
    again = shop.tell(f.ReceiveStock("A", 5), number=number)
    assert (first.reason, first.duplicate) == (Reason.ACCEPTED, False)
    assert (again.reason, again.duplicate, again.fact) == (Reason.ACCEPTED, True, None)
    for other in (
        shop.tell(f.ReceiveStock("A", 6), number=number),
        shop.tell(f.AdjustStock("A", 5), number=number),
        shop.tell(f.ReceiveStock("A", 5), BERT, number=number),
        shop.tell(f.ReceiveStock("A", 5), ANNA, BERT, number=number),
    ):
        assert (other.reason, other.duplicate) == (Reason.ID_REUSED, True)
    assert shop.cell("A")["on_hand"] == 105
    assert len(shop.entries) == entries  # nothing happened, nothing is recorded


def test_a_refused_command_stays_refused(shop: Scene) -> None:
    number = shop.next_id()
    move = f.MoveStock("A", 200, "shared", "mall")
    assert shop.tell(move, number=number).reason is Reason.STOCK_SHORT
    shop.do(f.ReceiveStock("A", 500))
    again = shop.tell(move, number=number)
    assert (again.reason, again.duplicate) == (Reason.STOCK_SHORT, True)
    assert shop.tell(move).reason is Reason.ACCEPTED


# -- catalogue and policy ------------------------------------------------------------------------

HUGE = 1 << 70
OUT_OF_BOUNDS = (
    f.PutSku("", 1),
    f.PutSku("x" * 65, 1),
    f.PutSku("a\x00b", 1),
    f.PutSku("N", -1),
    f.PutSku("N", (1 << 40) + 1),
    f.PutSku("N", HUGE),
    f.PutSku("N", 1, cost_floor_fen=-1),
    f.PutSku("N", 1, cost_floor_fen=HUGE),
    f.PutSku("N", 1, red_line_fen=-1),
    f.PutSku("N", 1, quantity_max=-1),
    f.PutSku("N", 1, quantity_max=1_000_001),
    f.PutSku("N", 1, quantity_min=-1),
    f.PutSku("N", 1, safety_stock=-1),
    f.PutSku("N", 1, parts={"A": 0}),
    f.PutSku("N", 1, parts={"A": 10_001}),
    f.PutSku("A", 1, parts={"A": 1}),
    f.PutSku("A", 1, parts={"B": 1}),  # A has stock of its own
    f.PutChannel("c", kind="nonsense"),
    f.PutRule("R", "shop"),
    f.PutRule("R", "planet", limits={"account": 1}),
    f.PutRule("R", "shop", basis="tears", budget=1),
    f.PutRule("R", "shop", window="eon", budget=1),
    f.PutRule("R", "shop", limits={"face": 1}),
    f.PutRule("R", "shop", limits={"account": -1}),
    f.PutRule("R", "shop", budget=-1),
    f.PutRule("R", "shop", budget=(1 << 50) + 1),
    f.SetFlag("shop", "nonsense", on=True),
    f.SetFlag("planet", "paused", on=True),
    f.SetPolicy(hold_ttl_s=9),
    f.SetPolicy(hold_ttl_max_s=30 * 86_400 + 1),
    f.SetPolicy(hold_cap=-1),
    f.SetPolicy(late_payment_s=-1),
    f.SetPolicy(quantity_max_order=0),
    f.SetPolicy(pricing_version=0),
    f.SetPolicy(pricing_version=1 << 32),
    f.SetPolicy(zone=""),
    f.ReceiveStock("A", HUGE),
    f.CountStock("A", -HUGE),
    f.SetFlag("shop", "paused", on=True, note="\ud800"),
)
UNKNOWN = (
    f.PutSku("N", 1, parts={"no": 1}),
    f.PutChannel("c", pool="no"),
    f.PutGroup("G", ["A", "no"]),
    f.PutRule("R", "sku", "no", limits={"account": 1}),
    f.PutRule("R", "group", "no", limits={"account": 1}),
    f.PutRule("R", "promotion", "", budget=1),
    f.DropRule("no"),
    f.ReceiveStock("no", 1),
    f.ReceiveStock("A", 1, "no"),
    f.MoveStock("A", 1, "shared", "no"),
    f.SetFlag("sku", "paused", on=True, target="no"),
    f.EndException("no"),
)


@pytest.mark.parametrize("command", OUT_OF_BOUNDS, ids=repr)
def test_values_out_of_bounds(shop: Scene, command: f.Command) -> None:
    before = shop.machine.catalogue.dump()
    assert shop.tell(command).reason is Reason.OUT_OF_BOUNDS
    assert shop.machine.catalogue.dump() == before


@pytest.mark.parametrize("command", UNKNOWN, ids=repr)
def test_names_that_do_not_exist(shop: Scene, command: f.Command) -> None:
    before = shop.machine.catalogue.dump()
    assert shop.tell(command).reason is Reason.UNKNOWN_TARGET
    assert shop.machine.catalogue.dump() == before


def test_bundles_are_not_nested(shop: Scene) -> None:
    shop.do(f.PutSku("D", 3_000, parts={"A": 1}))
    assert shop.tell(f.PutSku("N", 1, parts={"D": 1})).reason is Reason.OUT_OF_BOUNDS
    shop.do(f.CountStock("A", 0))
    assert shop.tell(f.PutSku("A", 1, parts={"B": 1})).reason is Reason.OUT_OF_BOUNDS
    assert shop.tell(f.ReceiveStock("D", 1)).reason is Reason.OUT_OF_BOUNDS
    parts = {f"P{n}": 1 for n in range(9)}
    for code in parts:
        shop.do(f.PutSku(code, 1))
    assert shop.tell(f.PutSku("N", 1, parts=parts)).reason is Reason.OUT_OF_BOUNDS
    parts.pop("P8")
    shop.do(f.PutSku("N", 1, parts=parts))


def test_a_scope_has_at_most_eight_rules(shop: Scene) -> None:
    shop.do(f.PutGroup("G", ["A", "B"]))
    for n in range(8):
        scope = ("group", "G") if n % 2 else ("sku", "A")
        shop.do(f.PutRule(f"R{n}", *scope, limits={"account": 5}))
    ninth = f.PutRule("R8", "group", "G", limits={"account": 5})
    assert shop.tell(ninth).reason is Reason.OUT_OF_BOUNDS
    shop.do(f.PutRule("R8", "sku", "B", limits={"account": 5}))
    assert shop.buy("A", 6, keys={"account": 1}).reason is Reason.LIMIT_EXCEEDED


def test_the_confirmation_of_the_clock_has_a_name(shop: Scene) -> None:
    assert shop.tell(f.ConfirmClock(), 0).reason is Reason.APPROVAL_MISSING
    shop.do(f.ConfirmClock("checked"))


def test_prices_can_change_until_their_versions_run_out(shop: Scene) -> None:
    shop.do(f.SetPolicy(pricing_version=(1 << 32) - 2))
    assert shop.do(f.PutSku("A", 1_001, cost_floor_fen=600)).pricing_version == (1 << 32) - 1
    for command in (f.PutSku("A", 1_002, cost_floor_fen=600), f.PutPromotion("P")):
        assert shop.tell(command).reason is Reason.OUT_OF_BOUNDS
    shop.do(f.PutSku("A", 1_001, cost_floor_fen=600, safety_stock=1))


def test_lists_that_no_longer_fit_are_out_of_bounds() -> None:
    shop = stocked(capacity=TINY._replace(skus=16))
    plans, recipes = len(shop.machine.state.plans), len(shop.machine.state.recipes)
    found = []
    for n in range(plans + recipes):
        shop.do(f.PutSku("D", 3_000, parts={"A": n % 2 + 1})) if n < recipes // 4 else None
        found.append(shop.tell(f.PutRule("R", "sku", "A", limits={"account": 50})).reason)
    assert set(found) == {Reason.ACCEPTED, Reason.OUT_OF_BOUNDS}
    assert found == sorted(found)
    assert shop.machine.state.scalars[lo.PLAN_TOP] == plans
    last = [shop.tell(f.PutSku("D", 1, parts={"B": n % 2 + 1})).reason for n in range(recipes)]
    assert last[-1] is Reason.OUT_OF_BOUNDS
    assert shop.machine.state.scalars[lo.RECIPE_TOP] <= recipes
    assert shop.sound()


def test_tables_of_names_are_bounded() -> None:
    shop = stocked(capacity=Capacity(1 << 10, 1 << 10, 1 << 10, 1 << 10, skus=4, rules=3))
    shop.do(f.PutSku("C", 1))
    shop.do(f.PutSku("D", 1))
    assert shop.tell(f.PutSku("E", 1)).reason is Reason.OUT_OF_BOUNDS
    for code, reason in (
        ("R", Reason.ACCEPTED),
        ("S", Reason.ACCEPTED),
        ("T", Reason.OUT_OF_BOUNDS),
    ):
        assert shop.tell(f.PutRule(code, "shop", budget=1)).reason is reason
    for n in range(lo.POOLS_MAX - 2):
        shop.do(f.PutPool(f"p{n}"))
    assert shop.tell(f.PutPool("more")).reason is Reason.OUT_OF_BOUNDS
    for n in range(252):
        shop.do(f.PutChannel(f"c{n}"))
    assert shop.tell(f.PutChannel("more")).reason is Reason.OUT_OF_BOUNDS
    assert shop.sound()
