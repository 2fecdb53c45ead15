"""What views say that an order asked of each rule is what the engine charged it with.

Every rule here has a budget that nobody exhausts, so an accepted order's charge is what was used
after it and not before.
"""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.domain.reasons import Reason
from tidegate.engine import layout as lo
from tidegate.engine.commands import FLAG_BITS
from tidegate.engine.state import DEFAULTS
from tidegate.record import entry as en
from tidegate.record import facts as f
from tidegate.testing.scene import ANNA, BERT, Scene
from tidegate.views import stock, terms, words
from tidegate.views.names import Names
from tidegate.views.order import ORDER_AGE_MAX_MS, POLICY_DEFAULTS, lines_of
from tidegate.views.parts import opened, place_of
from tidegate.views.shop_views import empty_views
from tidegate.views.terms import Terms

SCOPES = (
    ("shop", ""), ("sku", "A"), ("sku", "B"), ("sku", "BOX"), ("group", "AB"), ("group", "BOXES"),
    ("promotion", "P"), ("channel", "web"), ("exception", "E"),
)  # fmt: skip


def furnished() -> Scene:
    """A shop with a bundle, groups, a promotion and exceptions; rules come later."""
    scene = Scene()
    scene.do(f.PutChannel("web"))
    scene.do(f.PutSku("A", 1_000, cost_floor_fen=600))
    scene.do(f.PutSku("B", 2_000, cost_floor_fen=900, red_line_fen=1_000))
    scene.do(f.PutSku("BOX", 5_000, parts={"A": 3, "B": 1}))
    for code in ("A", "B"):
        scene.do(f.ReceiveStock(code, 1_000_000))
    scene.do(f.PutGroup("AB", ["A", "B"]))
    scene.do(f.PutGroup("BOXES", ["A", "BOX"]))
    scene.do(f.PutPromotion("P"))
    expires_ms = scene.now_ms + 3_600_000
    exempt = ["budget_exhausted"]
    scene.do(f.ApproveException("E", ["A", "BOX"], 100, 500_000, expires_ms, exempt), ANNA, BERT)
    scene.do(f.ApproveException("NONE", ["B"], 200, 500_000, expires_ms), ANNA, BERT)
    return scene


def put_rule(scene: Scene, number: int, scope: str, target: str, basis: str) -> None:
    """A rule with a budget far away."""
    scene.tell(f.PutRule(f"rule-{number}", scope, target, basis=basis, budget=1 << 49))


def random_rows(scene: Scene, dice: random.Random) -> list[dict[str, int]]:
    """Lines of one order, priced well above every floor or just at it."""
    lines = []
    for _ in range(dice.randrange(1, 5)):
        quantity = dice.randrange(1, 6)
        lines.append(
            {
                "sku": dice.choice((0, 1, 2)),
                "quantity": quantity,
                "receivable_fen": quantity * dice.choice((3_000, 4_700, 6_000)),
                "promotion": dice.choice((0, 1)),
                "exception": dice.choice((0, 0, 1, 2)),
            }
        )
    return lines


def names_of(scene: Scene) -> Names:
    """Everything that a scene's commands said."""
    names = Names(empty_views())
    for seq, payload in enumerate(scene.entries, start=1):
        for part in opened(seq, payload).parts:
            names.tell(place_of(seq, part.position), getattr(part, "envelope", NO_FACT).fact)
    return names


NO_FACT = f.Envelope(0, 0, 0, 0, 0, 0, None)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 100_000))
def test_what_an_order_asked_is_what_each_rule_was_charged(seed: int) -> None:
    dice, scene = random.Random(seed), furnished()
    rules = [(scope, basis) for scope in SCOPES for basis in lo.BASIS_NAMES]
    for number, (scope, basis) in enumerate(dice.sample(rules, 12)):
        put_rule(scene, number, *scope, basis)
    for _ in range(4):
        rows = scene.rows(*random_rows(scene, dice), pricing_version=0)
        table = scene.machine.state.rules[1:13]
        before = table["used"].copy()
        scene.begin()
        (outcome,) = scene.machine.decide_orders(rows)
        scene.finish()
        if outcome["reason"]:
            continue
        data = Terms(names_of(scene), place_of(len(scene.entries), 0), scene.now_ms)
        for number in range(1, 13):
            rule = data.rule(number)
            asked = 0
            if rule is not None:
                lines = lines_of(rows)
                asked = data.asked(rule, lines, 0, Reason.BUDGET_EXHAUSTED) or 0
            assert asked == table["used"][number - 1] - before[number - 1], rule


def test_numbers_in_facts_have_the_engines_names() -> None:
    assert lo.BASIS_NAMES == terms.BASES
    assert lo.WINDOW_NAMES == terms.WINDOWS
    assert set(words.WINDOWS_EN) == set(words.WINDOWS_ZH) == set(terms.WINDOWS)
    assert FLAG_BITS["paused"] == terms.PAUSED
    assert lo.CELL.names == stock.CELL_FIELDS
    assert (*lo.STATE_NAMES[1:6], "on_hold") == (
        "pre_held", "committed", "released", "closed", "expired", "on_hold",
    )  # fmt: skip


def test_settings_start_as_the_engine_starts() -> None:
    assert {
        name: DEFAULTS[getattr(lo, name.upper())] for name in POLICY_DEFAULTS
    } == POLICY_DEFAULTS
    assert DEFAULTS[lo.ORDER_AGE_MAX_MS] == ORDER_AGE_MAX_MS
    assert en.CODEC_VERSION == 1
