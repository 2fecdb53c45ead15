"""Presales, gifts, parcels and returns against books that a person could keep, killed in between.

Always the real desk, engine and stores; whatever is done is done once more after a kill. Never:
the books look at anything but what was asked and answered.
"""

import importlib.util
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tidegate.channels.fulfilment.parcels import Asked
from tidegate.channels.fulfilment.ports import NotDone
from tidegate.channels.fulfilment.returns import Back
from tidegate.channels.fulfilment.warehouses import Warehouse
from tidegate.record import facts as f
from tidegate.record.lines import CANCEL, RELEASE, RETURN, SHIP

RULES = Path(__file__).resolve().parents[1] / "rules"
spec = importlib.util.spec_from_file_location("fulfilment_house", RULES / "fulfilment_house.py")
assert spec is not None
assert spec.loader is not None
made = importlib.util.module_from_spec(spec)
spec.loader.exec_module(made)
TERMS = made.TERMS._replace(balance_until_ms=made.NOW_MS + 2 * made.HOUR_MS)
Answer = Any  # what the workflow gives, or the word why not

QUIET = settings(
    settings.default,
    max_examples=15, stateful_step_count=20, deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
HUGE = 1_000_001
choices = st.sampled_from([0, 0, 0, 1, 1, 2, 3])
kills = st.sampled_from([-1, -1, -1, 0, 1, 2, 3, 4, 6, 9])
orders = st.sampled_from(["1", "1", "1", "2", "3"])  # dense enough that things meet
units = st.sampled_from([1, 1, 2, 3, 0, -1, HUGE])
parts = st.sampled_from([1, 1, 1, 2, 2, 3, HUGE])


class Machine(RuleBasedStateMachine):
    """What the four have in common: a house, and a process that may be killed in any call."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="fulfilment-"))
        self.house = made.FulfilmentHouse(self.folder)

    def teardown(self) -> None:
        self.house.close()
        shutil.rmtree(self.folder)

    def done(self, kill: int, call: Callable[[], Any]) -> Answer:
        """A call's answer, or the word why not; after a kill the same call is made once more."""
        self.house.kill_after = kill
        try:
            return self.word(call)
        except made.Killed:
            self.house.again()
            return self.word(call)
        finally:
            self.house.kill_after = -1

    @staticmethod
    def word(call: Callable[[], Any]) -> Answer:
        try:
            return call()
        except NotDone as error:
            return error.reason

    def turn(self) -> None:
        """Of whatever process there is then."""
        self.house.service.turn()

    def cell(self, sku: str = "A") -> dict[str, int]:
        found = self.house.cell(sku, "shared")
        names = ("on_hand", "pre_held", "committed", "released", "debt", "shipped")
        return {name: found.get(name, 0) for name in names}


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


# -- parcels ---------------------------------------------------------------------------------------


class ParcelMachine(Machine):
    """Orders 1, 2 and 3 of one recipient, up to three units each, one warehouse with everything."""

    def __init__(self) -> None:
        super().__init__()
        self.house.service.warehouses.put(Warehouse("w", 1, {}, True))
        self.house.service.warehouses.count("w", {"A": 200, "B": 100})
        self.ordered: dict[str, int] = {}
        self.gone: dict[str, int] = {}  # cancelled
        self.left: dict[str, int] = {}  # shipped
        self.plans: dict[str, dict[str, int]] = {}
        self.states: dict[str, str] = {}
        self.count = 0

    def open_units(self, number: str) -> int:
        return self.ordered[number] - self.gone[number] - self.left[number]

    def promised(self, number: str, states: set[str], but: str = "") -> int:
        return sum(plan.get(number, 0) for name, plan in self.plans.items()
                   if self.states[name] in states and name != but)  # fmt: skip

    @initialize()
    def some_are_bought(self) -> None:
        for number, quantity in (("1", 3), ("2", 2)):
            self.buy_one(number, quantity)

    @rule(number=orders, quantity=st.sampled_from([1, 2, 3]))
    def buy(self, number: str, quantity: int) -> None:
        self.buy_one(number, quantity)

    def buy_one(self, number: str, quantity: int) -> None:
        if number not in self.ordered:
            self.house.paid(number, ("A", quantity, 1_000 * quantity))
            self.ordered[number], self.gone[number], self.left[number] = quantity, 0, 0

    @rule(choice=choices, number=orders, quantity=st.sampled_from([1, 2]))
    def cancel(self, choice: int, number: str, quantity: int) -> None:
        self.count += 1
        planned = [n for p, state in self.states.items() if state == "planned"
                   for n in self.plans[p]]  # fmt: skip
        number = [*planned, number][choice % (len(planned) + 1)]
        reason = self.house.operate(f"c{self.count}", number, CANCEL, 0, quantity)
        if number in self.ordered and quantity <= self.open_units(number):
            assert reason == 0
            self.gone[number] += quantity
        else:
            assert reason != 0

    @rule(
        name=st.sampled_from("PQRS"),
        plan=st.dictionaries(orders, parts, min_size=1, max_size=2),
        kill=kills,
    )
    def plan(self, name: str, plan: dict[str, int], kill: int) -> None:
        asked = [Asked("web", number, 0, quantity) for number, quantity in plan.items()]
        got = self.done(kill, lambda: self.house.service.parcels.make(name, asked, "handle"))
        live = {"planned", "waiting", "sourced"}
        fits = all(
            number in self.ordered
            and not self.is_over(number)
            and quantity <= self.open_units(number) - self.promised(number, live)
            for number, quantity in plan.items()
        )
        if name in self.states:
            return
        assert (not isinstance(got, str)) == fits, (got, plan)
        if fits:
            self.plans[name], self.states[name] = dict(plan), "planned"

    def is_over(self, number: str) -> bool:
        return self.ordered[number] == self.gone[number]

    def pick(self, choice: int) -> str:
        """One of the parcels there are, the newest first; now and then one that never was."""
        names = [*reversed(self.states), "none"]
        return names[choice % len(names)]

    @rule(choice=choices, kill=kills)
    def release(self, choice: int, kill: int) -> None:
        name = self.pick(choice)
        got = self.done(kill, lambda: self.house.service.release(name))
        state = self.states.get(name)
        if state is None or state == "cancelled":
            assert got in {"unknown_target", "wrong_state"}
            return
        if state == "planned":
            plan = self.plans[name]
            for number in plan:
                others = self.promised(number, {"sourced"}, but=name)
                plan[number] = max(0, min(plan[number], self.open_units(number) - others))
            self.states[name] = "sourced" if any(plan.values()) else "cancelled"
        assert got.state == self.states[name]

    @rule(choice=choices, kill=kills)
    def ship(self, choice: int, kill: int) -> None:
        name = self.pick(choice)
        got = self.done(kill, lambda: self.house.service.parcels.ship(name))
        if self.states.get(name) == "sourced":
            self.states[name] = "shipped"
            for number, quantity in self.plans[name].items():
                self.left[number] += min(quantity, self.open_units(number))
            assert got.state == "shipped"
        elif self.states.get(name) != "shipped":
            assert got in {"unknown_target", "wrong_state"}

    @rule(choice=choices, kill=kills)
    def give_up(self, choice: int, kill: int) -> None:
        name = self.pick(choice)
        got = self.done(kill, lambda: self.house.service.parcels.cancel(name))
        if self.states.get(name) in {"planned", "sourced"}:
            self.states[name] = "cancelled"
        elif self.states.get(name) == "shipped":
            assert got == "wrong_state"

    @invariant()
    def the_books_agree(self) -> None:
        self.house.service.turn()
        rows = {row.id: row for row in self.house.service.parcels.rows.rows("1")}
        assert {name: row.state for name, row in rows.items()} == self.states
        cell, shipped = self.cell(), sum(self.left.values())
        assert (cell["shipped"], cell["on_hand"]) == (shipped, 100 - shipped)
        assert cell["committed"] == sum(map(self.open_units, self.ordered))
        shelf = self.house.service.warehouses.shelves()[0]
        sent = sum(sum(plan.values()) for name, plan in self.plans.items()
                   if self.states[name] == "shipped")  # fmt: skip
        on_the_way = sum(sum(plan.values()) for name, plan in self.plans.items()
                         if self.states[name] == "sourced")  # fmt: skip
        assert (shelf.units, shelf.assigned, shelf.missing) == (200 - sent, on_the_way, 0)


# -- returns ---------------------------------------------------------------------------------------


class ReturnMachine(Machine):
    """Orders 1, 2 and 3 went out with three A each; what comes back is inspected."""

    def __init__(self) -> None:
        super().__init__()
        for number in "123":
            self.house.paid(number, ("A", 3, 3_000))
            assert self.house.operate(f"s{number}", number, SHIP) == 0
        self.out = dict.fromkeys("123", 3)  # with the buyer, as the desk has it
        self.back: dict[str, tuple[str, int, int]] = {}  # return -> order, units, inspected
        self.good = self.bad = self.elsewhere = self.disposed = self.repaired = self.count = 0

    def waiting(self, number: str) -> int:
        return sum(units - seen for at, units, seen in self.back.values() if at == number)

    @rule(name=st.sampled_from("RSTU"), number=orders, quantity=units, kill=kills)
    def arrive(self, name: str, number: str, quantity: int, kill: int) -> None:
        if quantity < 1:
            return  # the door refuses it: tests/http
        told = Back(name, b"", "web", number, "", 0, quantity, 0, 0, "", "", "", 0)
        got = self.done(kill, lambda: self.house.service.returns.arrive(told))
        if name not in self.back:
            fits = quantity <= self.out[number] - self.waiting(number)
            assert isinstance(got, str) != fits
            if fits:
                self.back[name] = (number, quantity, 0)

    @rule(choice=choices, good=units, bad=units, kill=kills)
    def inspect(self, choice: int, good: int, bad: int, kill: int) -> None:
        names = [*reversed(self.back), "none"]
        name = names[choice % len(names)]
        good, bad = max(0, good), max(0, bad)
        self.count += 1
        found = f"i{self.count}"
        got = self.done(kill, lambda: self.house.service.returns.inspect(name, found, good, bad))
        number, quantity, seen = self.back.get(name, ("1", 0, 0))
        if not 1 <= good + bad <= quantity - seen:
            assert got in {"quantity_exceeds_open", "unknown_target"}
            return
        took_good = good if good <= self.out[number] else 0
        took_bad = bad if bad <= self.out[number] - took_good else 0
        assert got.state == ("done" if took_good + took_bad else "refused")
        self.back[name] = (number, quantity, seen + took_good + took_bad)
        self.out[number] -= took_good + took_bad
        self.good, self.bad = self.good + took_good, self.bad + took_bad

    @rule(number=orders)
    def comes_back_elsewhere(self, number: str) -> None:
        self.count += 1
        if self.house.operate(f"r{self.count}", number, RETURN, 0, 1) == 0:
            self.out[number] -= 1
            self.elsewhere += 1

    @rule(quantity=units, outcome=st.sampled_from(["scrapped", "repaired"]), kill=kills)
    def dispose(self, quantity: int, outcome: str, kill: int) -> None:
        if quantity < 1:
            return  # the door refuses it: tests/http
        self.count += 1
        name = f"d{self.count}"
        got = self.done(
            kill,
            lambda: self.house.service.returns.dispose(name, "A", quantity, outcome, "shared", 7),
        )
        if quantity > self.bad - self.disposed:
            assert got == "quantity_exceeds_open"
            return
        assert got.state == "done"
        self.disposed += quantity
        self.repaired += quantity * (outcome == "repaired")

    @invariant()
    def the_books_agree(self) -> None:
        self.house.service.turn()
        on_hand = 91 + self.good + self.elsewhere + self.repaired
        assert self.cell()["on_hand"] == on_hand
        found = {row.sku: row for row in self.house.service.returns.reconciled()}
        if self.good + self.bad + self.elsewhere:
            row = found["A"]
            assert row.elsewhere == (self.elsewhere, 0)
            assert (row.inspected_good, row.inspected_defective) == (self.good, self.bad)
            assert row.in_place == self.bad - self.disposed


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
TestParcels = ParcelMachine.TestCase
TestReturns = ReturnMachine.TestCase
TestGifts = GiftMachine.TestCase
TestPresales.settings = TestParcels.settings = TestReturns.settings = TestGifts.settings = QUIET
