"""Parcels and returns against books that a person could keep, killed in between.

Never: the books look at anything but what was asked and answered.
"""

import importlib.util
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from tidegate.channels.fulfilment.parcels import Asked
from tidegate.channels.fulfilment.returns import Back
from tidegate.channels.fulfilment.warehouses import Warehouse
from tidegate.record.lines import CANCEL, RETURN, SHIP

spec = importlib.util.spec_from_file_location(
    "fulfilment_machine", Path(__file__).with_name("fulfilment_machine.py")
)
assert spec is not None
assert spec.loader is not None
shared = importlib.util.module_from_spec(spec)
spec.loader.exec_module(shared)
Machine = shared.Machine
QUIET = shared.QUIET
kills = shared.kills
orders = shared.orders
units = shared.units
parts = shared.parts
choices = shared.choices


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


TestParcels = ParcelMachine.TestCase
TestReturns = ReturnMachine.TestCase
TestParcels.settings = TestReturns.settings = QUIET
