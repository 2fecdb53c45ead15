"""A process that is killed between the store and the desk, at every step of every workflow.

Always: the real desk and stores; after each kill the process starts again and the same call is
made once more. Never: a step is left out: the count of kills ends when the call runs to its end.
"""

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

from tidegate.channels.fulfilment.parcels import Asked
from tidegate.channels.fulfilment.ports import NotDone
from tidegate.channels.fulfilment.presale_facts import PresaleEvent
from tidegate.channels.fulfilment.returns import Back
from tidegate.channels.fulfilment.warehouses import Warehouse
from tidegate.channels.ledger import key_bytes
from tidegate.record import facts as f
from tidegate.record.lines import CANCEL, SHIP

RULES = Path(__file__).resolve().parents[1] / "rules"
spec = importlib.util.spec_from_file_location("fulfilment_house", RULES / "fulfilment_house.py")
assert spec is not None
assert spec.loader is not None
made = importlib.util.module_from_spec(spec)
spec.loader.exec_module(made)
House = made.FulfilmentHouse
order, NOW_MS, TMALL, TERMS = made.order, made.NOW_MS, made.TMALL, made.TERMS


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    opened = made.FulfilmentHouse(tmp_path, units=1_000)
    opened.say(f.ReceiveStock("A", 900))
    yield opened
    opened.close()


def test_a_presale_is_paid_once_whenever_the_process_is_killed(house: House) -> None:
    for number in range(60):
        assert house.place(f"P{number}", ("A", 1, 1_000)) == 0

    def call(n: int) -> None:
        presales = house.service.presales
        presales.open("web", f"P{n}", TERMS)
        presales.pay("web", f"P{n}", f"d{n}", "deposit", 300)
        presales.pay("web", f"P{n}", f"b{n}", "balance", 700)

    def check(n: int) -> None:
        assert house.state(f"P{n}") == "committed"
        assert _states(house, f"P{n}") == {"deposit": "used", "balance": "used"}

    kills = made.every_kill(house, call, check)
    assert kills >= 20
    assert house.cell(pool="shared")["committed"] == kills + 1


def _states(house: House, name: str) -> dict[str, str]:
    key = key_bytes(house.shop.order_key("web", name))
    return {m.part: m.state for m in house.service.presales.moneys(key)}


def test_a_presale_that_lapses_settles_its_deposit_once(house: House) -> None:
    for number in range(30):
        assert house.place(f"P{number}", ("A", 1, 1_000)) == 0
        house.service.presales.open("web", f"P{number}", TERMS)
        house.service.presales.pay("web", f"P{number}", f"d{number}", "deposit", 300)
        house.service.presales.pay("web", f"P{number}", f"w{number}", "deposit", 300)
    house.pass_s(25 * 3_600)
    kills = 0
    while True:
        house.kill_after = kills  # each time it comes one step further with what is left
        try:
            house.service.turn()
        except made.Killed:
            house.again()
            kills += 1
        else:
            break
    assert kills >= 10
    counted = [m.state for m in house.service.presales.money_listed()]
    assert (counted.count("kept"), counted.count("refund_due")) == (30, 30)
    assert {row.state for row in house.service.presales.listed()} == {"ended"}


def test_a_marketplaces_presale_is_judged_once(house: House) -> None:
    def call(n: int) -> None:
        for kind, at in (("balance", 9), ("deposit", 1)):
            told = PresaleEvent(kind, NOW_MS + at, order(f"M{n}"), 300, 700)
            house.service.presale_facts.hear(TMALL, told, NOW_MS)

    def check(n: int) -> None:
        assert house.orders("state", where=f"number = 'M{n}'") == [("recorded",)]

    kills = made.every_kill(house, call, check)
    assert kills >= 4
    assert house.cell() == {"on_hand": 1_000, "committed": kills + 1}


def test_a_gift_takes_stock_once_and_its_parents_copy_gives_it_back(house: House) -> None:
    house.say(f.PutSku("G", 300, 200))
    house.say(f.ReceiveStock("G", 100))
    for number in range(40):
        house.paid(f"{number}", ("A", 1, 1_000))

    def call(n: int) -> None:
        house.service.gifts.add("web", f"{n}", "g", "G", 2, 0)
        house.service.parcels.make(f"P{n}", [Asked("web", f"{n}", 0, 1)])
        house.service.release(f"P{n}")
        house.service.turn()

    def check(n: int) -> None:
        assert house.service.gifts.of_order("web", f"{n}")[0].state == "released"

    kills = made.every_kill(house, call, check)
    assert kills >= 20
    units = kills + 1
    assert house.cell("G", "shared") == {
        "on_hand": 100, "committed": 2 * units, "released": 2 * units,
    }  # fmt: skip
    assert house.cell(pool="shared") == {"on_hand": 1_000, "committed": 40, "released": units}


def test_a_parcel_leaves_once_and_its_warehouse_loses_its_units_once(house: House) -> None:
    house.service.warehouses.put(Warehouse("east", 1, {}, True))
    house.service.warehouses.put(Warehouse("west", 2, {}, True))
    house.service.warehouses.count("east", {"A": 500})
    house.service.warehouses.count("west", {"A": 1_500})
    for number in range(60):
        house.paid(f"{number}", ("A", 3, 3_000))
        house.operate(f"c{number}", f"{number}", CANCEL, 0, 1)

    def call(n: int) -> None:
        asked = [Asked("web", f"{n}", 0, 2)]
        house.service.parcels.make(f"P{n}", asked)
        house.service.release(f"P{n}")
        house.service.sourcing.refuse(f"P{n}", "east")
        house.service.parcels.ship(f"P{n}")

    def again(n: int) -> None:
        try:
            call(n)
        except NotDone:  # it has left meanwhile: nothing is with that warehouse any more
            house.service.parcels.ship(f"P{n}")

    def check(n: int) -> None:
        assert house.service.parcels.get(f"P{n}").state == "shipped"

    kills = made.every_kill(house, again, check)
    assert kills >= 20
    sent = 2 * (kills + 1)
    assert house.cell(pool="shared")["shipped"] == sent
    shelves = house.service.warehouses.shelves()
    assert sum(s.units for s in shelves) == 2_000 - sent
    assert {s.assigned for s in shelves} | {s.missing for s in shelves} == {0}
    assert house.service.warehouses.compared()[0].difference == 0


def test_a_return_is_inspected_and_a_defect_disposed_of_once(house: House) -> None:
    house.service.warehouses.put(Warehouse("east", 1, {}, True))
    for number in range(60):
        house.paid(f"{number}", ("A", 3, 3_000))
        assert house.operate(f"s{number}", f"{number}", SHIP) == 0

    def call(n: int) -> None:
        told = Back(f"R{n}", b"", "web", f"{n}", "", 0, 3, 0, 0, "east", "", "", 0)
        house.service.returns.arrive(told)
        house.service.returns.inspect(f"R{n}", f"i{n}", 1, 2)
        house.service.returns.dispose(f"x{n}", "A", 1, "repaired", "shared", 77)

    def check(n: int) -> None:
        back = next(r for r in house.service.returns.listed() if r.id == f"R{n}")
        assert (back.good, back.defective, back.state) == (1, 2, "inspected")

    kills = made.every_kill(house, call, check)
    assert kills >= 12
    count = kills + 1
    assert house.service.returns.reconciled()[0][1:] == (
        count, count, 2 * count, 2 * count, count,
    )  # fmt: skip
    assert house.cell(pool="shared")["on_hand"] == 1_000 - 180 + 2 * count
    assert [s.units for s in house.service.warehouses.shelves()] == [count]
