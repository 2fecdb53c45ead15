"""Presales and gifts against books that a person could keep, killed in between.

Never: the books look at anything but what was asked and answered.
"""

import importlib.util
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from tidegate.record import facts as f
from tidegate.record.lines import CANCEL, RELEASE

spec = importlib.util.spec_from_file_location(
    "fulfilment_machine", Path(__file__).with_name("fulfilment_machine.py")
)
assert spec is not None
assert spec.loader is not None
shared = importlib.util.module_from_spec(spec)
spec.loader.exec_module(shared)
Machine = shared.Machine
QUIET = shared.QUIET
HUGE = shared.HUGE
kills = shared.kills
orders = shared.orders
units = shared.units
TERMS = shared.TERMS


# -- presales --------------------------------------------------------------------------------------

LATE_S = 7_200


class Paid:
    """One payment in somebody's notebook."""

    def __init__(self, part: str) -> None:
        self.part, self.state, self.has_lapsed = part, "refund_due", False


class Sold:
    """One presale in somebody's notebook."""

    def __init__(self, fate: str) -> None:
        self.is_open, self.is_paid = True, False
        self.until_s, self.ended_s = 3_600, 0
        self.fate = {"kept": "kept", "refunded": "refund_due"}[fate]
        self.money: dict[str, Paid] = {}

    def having(self, state: str) -> list[Paid]:
        return [one for one in self.money.values() if one.state == state]

    def end(self, now_s: int, *, has_lapsed: bool) -> None:
        self.is_open, self.ended_s = False, now_s
        for one in self.having("counted"):
            one.state = self.fate if one.part == "deposit" else "refund_due"
            one.has_lapsed = has_lapsed

    def pay(self, name: str, part: str, is_right: bool, now_s: int) -> None:
        one = self.money[name] = Paid(part)
        taken = [m.part for m in (*self.having("counted"), *self.having("used"))]
        if not is_right or part in taken or self.is_paid:
            return
        if self.is_open:
            one.state, self.until_s = "counted", 7_200
        elif part == "balance" and now_s < self.ended_s + LATE_S:
            lapsed = [m for m in self.money.values() if m.part == "deposit" and m.has_lapsed]
            if lapsed:
                lapsed[0].state = one.state = "counted"
        if len(self.having("counted")) == 2:
            self.is_open, self.is_paid = False, True
            for each in self.having("counted"):
                each.state, each.has_lapsed = "used", False


class PresaleMachine(Machine):
    """Orders 1, 2 and 3 may become presales."""

    def __init__(self) -> None:
        super().__init__()
        self.book: dict[str, Sold] = {}
        self.now_s = self.count = 0

    @initialize(fate=st.sampled_from(["kept", "refunded"]))
    def one_is_open(self, fate: str) -> None:
        self.open_one("1", fate, -1)

    @rule(number=orders, fate=st.sampled_from(["kept", "refunded"]), kill=kills)
    def open(self, number: str, fate: str, kill: int) -> None:
        self.open_one(number, fate, kill)

    def open_one(self, number: str, fate: str, kill: int) -> None:
        if number in self.book or self.now_s > 3_000:
            return
        assert self.house.place(number, ("A", 1, 1_000)) == 0
        terms = TERMS._replace(fate=fate)
        got = self.done(kill, lambda: self.house.service.presales.open("web", number, terms))
        assert got.state == "deposit_due"
        self.book[number] = Sold(fate)

    @rule(number=orders, part=st.sampled_from(["deposit", "balance"]),
          wrong=st.sampled_from([0, 0, 0, 0, 0, 1, 2**40]), kill=kills)  # fmt: skip
    def pay(self, number: str, part: str, wrong: int, kill: int) -> None:
        amount = {"deposit": 300, "balance": 700}[part] + wrong
        self.count += 1
        name = f"m{self.count}"
        got = self.done(
            kill, lambda: self.house.service.presales.pay("web", number, name, part, amount)
        )
        if number not in self.book:
            assert got == "unknown_order"
            return
        self.book[number].pay(name, part, not wrong, self.now_s)
        assert got.state == self.book[number].money[name].state

    @rule(number=orders)
    def lapse(self, number: str) -> None:
        """Its deposit is paid, nobody pays the balance, and then somebody does."""
        if number in self.book and self.now_s < 3_000:
            self.pay(number, "deposit", 0, -1)
            self.wait(6_100, -1)
            self.wait(2_500, -1)
            self.pay(number, "balance", 0, -1)

    @rule(number=orders)
    def cancel(self, number: str) -> None:
        self.count += 1
        reason = self.house.operate(f"c{self.count}", number, CANCEL)
        one = self.book.get(number)
        if one is not None and one.is_open:
            assert reason == 0
            one.end(self.now_s, has_lapsed=False)

    @rule(seconds=st.sampled_from([700, 2_500, 6_100, 20_000]), kill=kills)
    def wait(self, seconds: int, kill: int) -> None:
        self.now_s += seconds
        self.house.pass_s(seconds)
        for one in self.book.values():
            if one.is_open and self.now_s >= one.until_s:
                one.end(one.until_s, has_lapsed=True)
        self.done(kill, self.turn)

    @invariant()
    def the_books_agree(self) -> None:
        self.house.service.turn()
        rows = {row.number: row for row in self.house.service.presales.listed()}
        for number, one in self.book.items():
            state = rows[number].state
            assert (state == "committed") == one.is_paid
            assert (state in {"deposit_due", "balance_due"}) == one.is_open
            moneys = {m.id: m.state for m in self.house.service.presales.moneys(rows[number].key)}
            assert moneys == {name: paid.state for name, paid in one.money.items()}
        assert self.cell()["pre_held"] == sum(one.is_open for one in self.book.values())


# -- gifts -----------------------------------------------------------------------------------------


class GiftMachine(Machine):
    """Orders of two A, 1,000 fen beyond their floors; gifts G of 200 fen, four of them there."""

    def __init__(self) -> None:
        super().__init__()
        self.house.say(f.PutSku("G", 300, 200))
        self.house.say(f.ReceiveStock("G", 4))
        self.parents: dict[str, str] = {}  # order -> paid, released, cancelled
        self.gifts: dict[tuple[str, str], tuple[int, str]] = {}  # units, covered or held
        self.on_hand, self.count = 4, 0

    @rule(number=orders)
    def buy(self, number: str) -> None:
        if number not in self.parents:
            self.house.paid(number, ("A", 2, 2_000))
            self.parents[number] = "paid"

    @rule(number=orders, name=st.sampled_from("gh"), quantity=st.sampled_from([1, 2, 4, HUGE]),
          kill=kills)  # fmt: skip
    def add(self, number: str, name: str, quantity: int, kill: int) -> None:
        if (number, name) in self.gifts or number not in self.parents:
            return
        got = self.done(
            kill, lambda: self.house.service.gifts.add("web", number, name, "G", quantity, 0)
        )
        if quantity == HUGE or self.parents[number] == "cancelled":
            assert got.state == "refused"
            self.gifts[number, name] = (0, "refused")
            return
        burden = 200 * sum(n for (at, _), (n, _) in self.gifts.items() if at == number)
        is_paid_for = 200 * quantity <= 1_000 - burden
        self.gifts[number, name] = (quantity, "covered" if is_paid_for else "held")

    @rule(number=orders, kind=st.sampled_from([RELEASE, CANCEL]), kill=kills)
    def parent_moves(self, number: str, kind: int, kill: int) -> None:
        if self.parents.get(number) != "paid":
            return
        self.count += 1
        assert self.house.operate(f"o{self.count}", number, kind) == 0
        self.parents[number] = "released" if kind == RELEASE else "cancelled"
        self.done(kill, self.turn)
        if kind == CANCEL:
            for (at, name), (_, state) in self.gifts.items():
                if at == number and state != "refused":
                    self.gifts[at, name] = (0, "cancelled")

    @rule(quantity=st.sampled_from([1, 3]))
    def more_arrive(self, quantity: int) -> None:
        self.house.say(f.ReceiveStock("G", quantity))
        self.on_hand += quantity

    @invariant()
    def the_books_agree(self) -> None:
        self.house.service.turn()
        cell = self.cell("G")
        taken = sum(quantity for quantity, _ in self.gifts.values())
        assert cell["on_hand"] == self.on_hand
        assert cell["committed"] + cell["debt"] == taken
        assert cell["released"] <= cell["on_hand"]
        rows = {(row.number, row.gift): row for row in self.house.service.gifts.listed()}
        released = 0
        for where, (quantity, state) in self.gifts.items():
            row = rows[where]
            if state != "covered":
                assert row.state == state
            elif self.parents[where[0]] == "released":
                assert row.state in {"released", "short"}
                released += quantity * (row.state == "released")
            else:
                assert row.state == "covered"
        assert cell["released"] == released
        shorts = [row.quantity for row in rows.values() if row.state == "short"]
        assert not shorts or self.on_hand - cell["committed"] < max(shorts)
        parents = [state for state in self.parents.values() if state != "cancelled"]
        assert self.cell()["committed"] == 2 * len(parents)  # the copies gave theirs back
        assert self.cell()["debt"] == 0


TestPresales = PresaleMachine.TestCase
TestGifts = GiftMachine.TestCase
TestPresales.settings = TestGifts.settings = QUIET
