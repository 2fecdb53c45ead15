"""What the engine's random histories are drawn from: commands, keys, and orders as the model knows
them. Always small numbers, so that limits, stock and holds meet often.
"""

import numpy as np
from hypothesis import strategies as st

from tidegate.domain.reasons import Reason
from tidegate.record import facts as f
from tidegate.testing.books import Order

OK = Reason.ACCEPTED
SKUS = ("A", "B", "C", "D")  # C has no cost, D is a bundle
PRICES = {"A": 100, "B": 40, "C": 70, "D": 250}
CHANNELS = ("web", "mall", "bazaar")
WINDOWS = ("total", "day", "week", "month")
HOLD_S, LATE_S = 900, 3600

TARGETS = {"shop": "", "group": "G", "promotion": "P", "channel": "web"}

skus = st.sampled_from(SKUS)
plain_skus = st.sampled_from(SKUS[:3])
few = st.integers(1, 3)
pools = st.sampled_from(("shared", "mall"))
tokens = st.integers(1, 3)
phones = st.integers(11, 13)
keys = st.one_of(
    st.fixed_dictionaries({"account": tokens, "phone": phones}),
    st.fixed_dictionaries({}, optional={"account": tokens, "phone": phones}),
)
places = st.one_of(
    st.tuples(st.just("sku"), skus),
    st.sampled_from(sorted(TARGETS.items())),
)
codes = st.sampled_from(("limit", "R1", "R2", "R3"))


@st.composite
def rules(draw: st.DrawFn) -> f.PutRule:
    """A limit of one kind of key, or a budget."""
    scope, target = draw(places)
    basis = draw(st.sampled_from(("units", "units", "orders", "money", "discount")))
    most = draw(st.integers(0, 12)) * (60 if basis in {"money", "discount"} else 1)
    if draw(st.booleans()):
        limits = {draw(st.sampled_from(("account", "phone"))): most}
        return f.PutRule(draw(codes), scope, target, basis, draw(st.sampled_from(WINDOWS)), limits)
    window = draw(st.sampled_from((*WINDOWS, "minute", "second")))
    return f.PutRule(draw(codes), scope, target, basis, window, budget=3 * most)


commands = st.one_of(
    st.builds(f.ReceiveStock, plain_skus, st.integers(1, 20), pools),
    st.builds(f.CountStock, plain_skus, st.integers(0, 20), pools),
    st.builds(f.AdjustStock, skus, st.integers(-4, 4), pools),
    st.builds(f.MoveStock, skus, few, pools, pools),
    st.builds(f.StartRecall, plain_skus, few, st.just("mall")),
    st.builds(f.FinishRecall, plain_skus, few, st.just("mall")),
    rules(),
    st.builds(f.DropRule, codes),
    st.builds(f.PutGroup, st.just("G"), st.lists(skus, max_size=3)),
    st.builds(
        f.SetFlag, st.sampled_from(("sku", "promotion")), st.just("paused"),
        st.sampled_from((True, False, False)), st.sampled_from(("A", "P")),
    ),
    st.builds(f.SetFlag, st.just("shop"), st.just("paused"), st.sampled_from((True, False, False))),
)  # fmt: skip


def opening(stock: int, limit: int, cap: int) -> list[f.Command]:
    """The shop as it opens."""
    return [
        f.PutPool("mall"),
        f.PutChannel("web"),
        f.PutChannel("mall", kind="marketplace", pool="mall"),
        f.PutChannel("bazaar", kind="marketplace"),
        f.PutSku("A", 100, cost_floor_fen=50),
        f.PutSku("B", 40, cost_floor_fen=30, red_line_fen=35),
        f.PutSku("C", 70, quantity_max=5, safety_stock=1),
        f.PutSku("D", 250, parts={"A": 2, "B": 1}),
        f.PutGroup("G", ["A", "B"]),
        f.PutPromotion("P"),
        f.PutRule("limit", "sku", "A", window="week", limits={"account": limit}),
        f.SetPolicy(hold_cap=cap),
        *(f.ReceiveStock(sku, stock) for sku in SKUS[:3]),
        f.MoveStock("A", 4, "shared", "mall"),
    ]


class Placed:
    """An order as the model knows it: its id, its rows and when its hold ends."""

    def __init__(self, rows: np.ndarray, order: Order, reason: Reason, expires_s: int) -> None:
        self.rows, self.order, self.reason, self.expires_s = rows, order, reason, expires_s

    @property
    def id(self) -> int:
        return int(self.rows[0]["id_lo"])

    def due(self) -> int:
        """What is left to pay."""
        lines = self.order.lines
        return sum(n.fen - n.fen * n.cancelled // max(1, n.quantity) for n in lines)
