"""The engine against a naive auditor: random commands, orders, operations, time and crashes.

After every step the books of every cell are the auditor's; every verdict on an order of one line is
the one that the auditor names; at the end (and at every crash) folding the entries gives the same
state, bit by bit, and deciding what they record again gives what they record.
"""

import importlib.util
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tidegate.domain.reasons import Reason
from tidegate.record import facts as f
from tidegate.testing.auditor import Auditor
from tidegate.testing.books import Line, Order
from tidegate.testing.scene import TINY, Scene, day_of, decide_again

spec = importlib.util.spec_from_file_location("drawn", Path(__file__).parent / "engine_drawn.py")
assert spec is not None
assert spec.loader is not None
drawn = importlib.util.module_from_spec(spec)
spec.loader.exec_module(drawn)

OK, HOLD_S, LATE_S = drawn.OK, drawn.HOLD_S, drawn.LATE_S
SKUS, PRICES, CHANNELS = drawn.SKUS, drawn.PRICES, drawn.CHANNELS
skus, plain_skus, few, tokens, keys = (
    drawn.skus, drawn.plain_skus, drawn.few, drawn.tokens, drawn.keys,
)  # fmt: skip
Placed = drawn.Placed


class EngineMachine(RuleBasedStateMachine):
    """Scene and auditor side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.scene, self.books = Scene(), Auditor()
        self.placed: list[Placed] = []
        self.lost: set[tuple[str, str]] = set()  # cells that were counted or written down

    # -- set-up ----------------------------------------------------------------------------------

    @initialize(stock=st.integers(5, 40), limit=st.integers(2, 12), cap=st.sampled_from((0, 0, 2)))
    def open(self, stock: int, limit: int, cap: int) -> None:
        for command in drawn.opening(stock, limit, cap):
            self.tell(command)

    def tell(self, command: f.Command) -> None:
        answer = self.scene.tell(command)
        if answer.reason is OK:
            self.books.command(command)
            if isinstance(command, f.AdjustStock | f.CountStock) and answer.fact.delta < 0:
                self.lost.add((command.pool, command.sku))

    # -- commands --------------------------------------------------------------------------------

    @rule(command=drawn.commands)
    def command(self, command: f.Command) -> None:
        self.tell(command)

    @rule(sku=skus, price=st.integers(20, 300), floor=st.none() | st.integers(0, 120))
    def reprice(self, sku: str, price: int, floor: int | None) -> None:
        parts = self.books.skus[sku].parts
        self.tell(f.PutSku(sku, price, cost_floor_fen=floor, quantity_min=1, parts=parts))

    # -- time ------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from((1, 59, 61, 899, 901, 6 * 3600, 86_400, 8 * 86_400, 31 * 86_400)))
    def wait(self, seconds: int) -> None:
        self.scene.wait(s=seconds)

    @rule()
    def expire(self) -> None:
        due = [
            p for p in self.placed if p.order.state == "pre_held" and 0 < p.expires_s <= self.now_s
        ]
        assert self.scene.expire() == len(due)
        for placed in due:
            self.books.expire(placed.order)

    @property
    def now_s(self) -> int:
        return self.scene.now_ms // 1000

    # -- orders ----------------------------------------------------------------------------------

    def place(self, order: Order, ttl_s: int) -> None:
        catalogue = self.scene.machine.catalogue
        rows = self.scene.rows(
            *(
                {
                    "sku": catalogue.skus[line.sku], "quantity": line.quantity,
                    "receivable_fen": line.fen,
                    "promotion": catalogue.promotion_number(line.promotion) * bool(line.promotion),
                }
                for line in order.lines
            ),
            keys=order.keys, paid=order.paid, fact=order.fact, pricing_version=order.version,
            channel=catalogue.channels[order.channel], hold_ttl_s=ttl_s,
        )  # fmt: skip
        self.books.now_ms, self.books.day = self.scene.now_ms, day_of(self.scene.now_ms)
        failed = self.books.predict(order) if len(order.lines) == 1 else None
        verdict = self.scene.place(rows)
        if failed is not None:
            expected = OK if order.fact or not failed else failed[0]
            assert verdict.reason is expected, (order, failed)
        if failed is not None and order.fact:
            assert list(verdict.failed) == failed
        if verdict.ok:
            assert self.books.accept(order) == verdict.short
        expires_s = 0 if order.paid or order.fact else self.now_s + (ttl_s or HOLD_S)
        self.placed.append(Placed(rows, order, verdict.reason, expires_s))

    @rule(sku=plain_skus, units=few, key=tokens, paid=st.booleans(), ttl_s=st.sampled_from((0, 60)))
    def buy(self, sku: str, units: int, key: int, ttl_s: int, *, paid: bool) -> None:
        """An order that has all it needs."""
        fen = max(self.books.skus[sku].list_price_fen, self.books.floor(sku) or 0) * units
        self.place(
            Order([Line(sku, units, fen)], "web", {"account": key, "phone": key + 10}, paid), ttl_s
        )

    @rule(
        sku=skus, units=few, keys=keys, paid=st.booleans(), channel=st.sampled_from(CHANNELS[:2]),
        off=st.sampled_from((0, 0, 0, 1, 30, 60)), offer=st.sampled_from(("", "", "P", "unknown")),
        version=st.sampled_from((0, 0, 3, 99)), ttl_s=st.sampled_from((0, 0, 60, 5000)),
    )  # fmt: skip
    def order(
        self, sku: str, units: int, keys: dict[str, int], channel: str, off: int, offer: str,
        version: int, ttl_s: int, *, paid: bool,
    ) -> None:  # fmt: skip
        fen = max(0, PRICES[sku] - off) * units
        line = Line(sku, units, fen, offer)
        self.place(Order([line], channel, dict(keys), paid, version=version), ttl_s)

    @rule(
        wanted=st.lists(st.tuples(skus, few), min_size=2, max_size=4), keys=keys, paid=st.booleans()
    )
    def basket(self, wanted: list[tuple[str, int]], keys: dict[str, int], *, paid: bool) -> None:
        lines = [Line(sku, units, PRICES[sku] * units) for sku, units in wanted]
        self.place(Order(lines, "web", dict(keys), paid), 0)

    @rule(
        wanted=st.lists(st.tuples(skus, few), min_size=1, max_size=3), keys=keys,
        channel=st.sampled_from(CHANNELS[1:]), off=st.sampled_from((0, 0, 30)), paid=st.booleans(),
    )  # fmt: skip
    def fact(
        self, wanted: list[tuple[str, int]], keys: dict[str, int], channel: str, off: int,
        *, paid: bool,
    ) -> None:  # fmt: skip
        lines = [Line(sku, units, (PRICES[sku] - off) * units) for sku, units in wanted]
        self.place(Order(lines, channel, dict(keys), paid, fact=True), 0)

    @precondition(lambda self: self.placed)
    @rule(data=st.data(), other=st.booleans())
    def repeat(self, data: st.DataObject, *, other: bool) -> None:
        placed = data.draw(st.sampled_from(self.placed))
        rows = placed.rows.copy()
        rows["placed_at_ms"] += 1
        if self.scene.now_ms - int(placed.rows[0]["placed_at_ms"]) > 86_000_000:
            return  # the memory of refusals ends: tests/rules say when
        rows["receivable_fen"] += other
        verdict = self.scene.place(rows)
        assert verdict.duplicate
        assert verdict.reason is (Reason.ID_REUSED if other else placed.reason)

    # -- operations ------------------------------------------------------------------------------

    def draw_order(self, data: st.DataObject, *states: str) -> Placed | None:
        """One of the orders; mostly one in such a state."""
        known = [p for p in self.placed if p.reason is OK]
        apt = [p for p in known if p.order.state in states]
        choices = apt if apt and data.draw(st.integers(0, 5)) else known
        return data.draw(st.sampled_from(choices[-6:])) if choices else None

    @rule(data=st.data(), wrong=st.sampled_from((0, 0, 0, 1)))
    def pay(self, data: st.DataObject, wrong: int) -> None:
        placed = self.draw_order(data, "pre_held", "expired")
        if placed is None:
            return
        order = placed.order
        verdict = self.scene.operate("pay", placed.id, fen=placed.due() + wrong)
        if order.state == "pre_held":
            assert verdict.reason is (Reason.AMOUNT_MISMATCH if wrong else OK)
            if verdict.ok:
                order.state, order.paid = "committed", True
        elif order.state != "expired" or self.now_s >= placed.expires_s + LATE_S:
            assert verdict.reason is Reason.REFUND_DUE
        else:
            self.check_late(placed, verdict.reason, wrong)
        if verdict.ok and order.state == "expired":
            self.books.now_ms, self.books.day = self.scene.now_ms, day_of(self.scene.now_ms)
            self.books.take_again(order)

    def check_late(self, placed: Placed, reason: Reason, wrong: int) -> None:
        """A late payment is judged as a new order of what was not cancelled would be."""
        order = placed.order
        if wrong:
            assert reason is Reason.AMOUNT_MISMATCH
        elif len(order.lines) == 1:
            (line,) = order.lines
            fen = line.fen - line.fen * line.cancelled // line.quantity
            again = Line(line.sku, line.open, fen, line.promotion)
            self.books.now_ms, self.books.day = self.scene.now_ms, day_of(self.scene.now_ms)
            failed = self.books.predict(Order([again], order.channel, order.keys))
            assert reason is (Reason.REFUND_DUE if failed else OK), failed
        else:
            assert reason in {Reason.REFUND_DUE, OK}

    @rule(data=st.data(), units=st.integers(0, 2))
    def cancel(self, data: st.DataObject, units: int) -> None:
        placed = self.draw_order(data, "pre_held", "committed", "on_hold", "released")
        self.move_units(data, placed, "cancel", units)

    @rule(data=st.data(), units=st.integers(0, 2))
    def ship(self, data: st.DataObject, units: int) -> None:
        placed = self.draw_order(data, "committed", "released")
        self.move_units(data, placed, "ship", units)

    @rule(
        data=st.data(),
        units=st.integers(0, 2),
        kind=st.sampled_from(("return", "return_defective")),
    )
    def take_back(self, data: st.DataObject, units: int, kind: str) -> None:
        shipped = [p for p in self.placed if any(n.shipped for n in p.order.lines)]
        placed = data.draw(st.sampled_from(shipped)) if shipped else self.draw_order(data)
        self.move_units(data, placed, kind, units)

    def move_units(
        self, data: st.DataObject, placed: Placed | None, kind: str, units: int
    ) -> None:  # fmt: skip
        if placed is None:
            return
        order = placed.order
        number = data.draw(st.integers(0, len(order.lines))) if units == 0 else 0
        everything = number == len(order.lines)
        chosen = order.lines if everything else [order.lines[number]]
        left = [n.shipped - n.returned if kind.startswith("return") else n.open for n in chosen]
        verdict = self.scene.operate(
            kind, placed.id, quantity=units, line=0xFFFF if everything else number
        )
        moved = [units or count for count in left]
        fits = sum(left) > 0 and all(units <= count for count in left)
        state_ok = order.state not in {"expired", "closed"}
        if kind == "ship":
            state_ok = order.state == "released" or (order.state == "committed" and not order.fact)
        if not state_ok:
            assert verdict.reason is Reason.WRONG_STATE
        elif not fits:
            assert verdict.reason is Reason.QUANTITY_EXCEEDS_OPEN
        elif kind == "ship":
            assert verdict.reason is (OK if self.can_ship(order, chosen, moved) else
                                      Reason.STOCK_SHORT_AT_RELEASE)  # fmt: skip
        else:
            assert verdict.ok
        if verdict.ok:
            self.moved(order, kind, chosen, moved)

    def can_ship(self, order: Order, lines: list[Line], moved: list[int]) -> bool:
        """Whether what is shipped is covered and on hand, beside what is released."""
        if any(units > line.open - line.short for line, units in zip(lines, moved, strict=True)):
            return False
        need: dict[str, int] = {}
        for line, units in zip(lines, moved, strict=True):
            for sku, each in line.needs().items():
                need[sku] = need.get(sku, 0) + each * units
        cells = self.books.cells()
        rows = {sku: cells.get((order.pool, sku), {}) for sku in need}
        others = {
            sku: 0 if order.state == "released" else rows[sku].get("released", 0) for sku in need
        }
        return all(rows[s].get("on_hand", 0) - others[s] >= units for s, units in need.items())

    def moved(self, order: Order, kind: str, lines: list[Line], moved: list[int]) -> None:
        counts = dict(zip(map(id, lines), moved, strict=True))
        units = [counts.get(id(line), 0) for line in order.lines]
        if kind == "cancel":
            self.books.cancel(order, units)
            return
        for line, count in zip(order.lines, units, strict=True):
            if kind == "ship":
                line.shipped += count
            else:
                self.books.give_back(line, count, whole=False)
                line.returned += count
            sign = {"ship": -1, "return": 1, "return_defective": 0}[kind]
            for sku, each in line.needs().items():
                self.books.on_hand[order.pool, sku] += sign * count * each
        self.books.close(order)

    @rule(data=st.data(), override=st.booleans())
    def release(self, data: st.DataObject, *, override: bool) -> None:
        placed = self.draw_order(data, "committed", "on_hold")
        if placed is None:
            return
        order = placed.order
        cells = self.books.cells()
        verdict = self.scene.operate("release", placed.id, flags=int(override))
        if not verdict.ok:
            return
        assert order.state in {"committed", "on_hold"}
        assert order.state == "committed" or override
        for line in order.lines:
            line.short = 0
        order.state = "released"
        for (pool, sku), row in self.books.cells().items():
            if row.get("released", 0) > cells.get((pool, sku), {}).get("released", 0):
                assert row["released"] <= row["on_hand"]

    @rule(data=st.data(), intercepted=st.booleans())
    def hold(self, data: st.DataObject, *, intercepted: bool) -> None:
        placed = self.draw_order(data, "committed", "released")
        if placed is not None:
            verdict = self.scene.operate("hold", placed.id, flags=2 * intercepted)
            left = any(line.open for line in placed.order.lines)
            allowed = {"committed", "released"} if intercepted else {"committed"}
            assert verdict.ok == (placed.order.state in allowed and left)
            placed.order.state = "on_hold" if verdict.ok else placed.order.state

    @rule(data=st.data(), seconds=st.sampled_from((1, 60, 900, 6000, 8 * 86_400)))
    def extend(self, data: st.DataObject, seconds: int) -> None:
        placed = self.draw_order(data, "pre_held")
        if placed is not None:
            verdict = self.scene.operate("extend", placed.id, quantity=seconds)
            if verdict.ok:
                assert placed.order.state == "pre_held"
                placed.expires_s = self.now_s + seconds

    # -- what always holds -----------------------------------------------------------------------

    @rule()
    def crash(self) -> None:
        other = self.scene.refolded()
        assert other.digest() == self.scene.machine.digest()
        self.scene.machine = other

    @invariant()
    def books_agree(self) -> None:
        catalogue = self.scene.machine.catalogue
        names = ("on_hand", "recalling", "pre_held", "committed", "released", "debt", "shipped")
        mine = self.books.cells()
        for pool, pool_number in catalogue.pools.items():
            for sku, number in catalogue.skus.items():
                cell = self.scene.machine.state.cells[pool_number, number]
                if (pool, sku) not in self.lost:
                    assert cell["pre_held"] + cell["committed"] <= cell["on_hand"], (pool, sku)
                    assert cell["released"] <= cell["on_hand"], (pool, sku)
                assert cell["received"] == cell["on_hand"] + cell["shipped"] - cell["returned"]
                theirs = {name: int(cell[name]) for name in names if cell[name]}
                assert theirs == mine.get((pool, sku), {}), (pool, sku)
                assert all(value >= 0 for value in theirs.values()), (pool, sku)

    def teardown(self) -> None:
        if self.scene.entries:
            self.crash()
            decide_again(self.scene.entries, TINY)


SETTINGS = settings(
    deadline=None, max_examples=150, stateful_step_count=40,
    suppress_health_check=list(HealthCheck), derandomize=True, database=None,
)  # fmt: skip
TestEngine = EngineMachine.TestCase
TestEngine.settings = SETTINGS


@pytest.mark.long
def test_many_sequences_agree_with_the_auditor() -> None:
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(
        EngineMachine, settings=settings(SETTINGS, max_examples=1_500, derandomize=False)
    )
