"""Warehouses: who sends what by rule, refusals, and what they have beside what the desk has."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

from tidegate.channels.bulk import Bulk, Scope, ask_bulk
from tidegate.channels.fulfilment.parcels import Asked
from tidegate.channels.fulfilment.plan import WAREHOUSES_MAX, Rule, Share, Site, plan
from tidegate.channels.fulfilment.ports import NotDone, NotThere
from tidegate.channels.fulfilment.warehouses import Warehouse

spec = importlib.util.spec_from_file_location(
    "fulfilment_house", Path(__file__).with_name("fulfilment_house.py")
)
assert spec is not None
assert spec.loader is not None
made = importlib.util.module_from_spec(spec)
spec.loader.exec_module(made)
House = made.FulfilmentHouse
order = made.order

EAST, WEST = "310000", "510000"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    opened = made.FulfilmentHouse(tmp_path)
    yield opened
    opened.close()


def site(code: str, distance: int = 1, priority: int = 1, **free: int) -> Site:
    return Site(code, priority, distance, free)


A3B2 = {"A": 3, "B": 2}
NEAR, FAR_ALL, MIDDLE = (site("near", 1, 9, A=2), site("far", 9, 1, A=9, B=9),
                         site("middle", 5, 5, A=1, B=9))  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "sites", "expected"),
    [
        ("fewest_parcels", [NEAR, FAR_ALL, MIDDLE], [("far", A3B2)]),
        ("nearest", [NEAR, FAR_ALL, MIDDLE], [("near", {"A": 2}), ("middle", {"A": 1, "B": 2})]),
        ("priority", [NEAR, FAR_ALL, MIDDLE], [("far", A3B2)]),
        ("fewest_parcels", [NEAR, MIDDLE], [("near", {"A": 2}), ("middle", {"A": 1, "B": 2})]),
        ("fewest_parcels", [site("b", A=3, B=2), site("a", A=3, B=2)], [("a", A3B2)]),
        ("nearest", [site("x", A=2, B=2)], []),
        ("priority", [], []),
        ("fewest_parcels", [site(str(n), A=1, B=1) for n in range(9)], [
            ("0", {"A": 1, "B": 1}), ("1", {"A": 1, "B": 1}), ("2", {"A": 1})]),
        ("nearest", [site(str(n), B=1) for n in range(9)] + [site("z", A=-4)], []),
    ],
)  # fmt: skip
def test_who_sends_what(
    rule: Rule, sites: list[Site], expected: list[tuple[str, dict[str, int]]]
) -> None:
    assert plan(rule, A3B2, sites) == [Share(*one) for one in expected]
    assert plan(rule, A3B2, sites[::-1]) == plan(rule, A3B2, sites)


def put(house: House, code: str, priority: int = 1, **distances: int) -> None:
    house.service.warehouses.put(Warehouse(code, priority, distances, True))


def two(house: House) -> None:
    """East has 3 A; west has 97 A and all 100 B: together what the desk has."""
    put(house, "east", **{f"r{EAST}": 1, f"r{WEST}": 9})
    put(house, "west", **{f"r{EAST}": 9, f"r{WEST}": 1})
    house.service.warehouses.count("east", {"A": 103})
    house.service.warehouses.count("west", {"A": 97, "B": 100})


def later(house: House) -> None:
    """What was asked in vain is asked again."""
    house.pass_s(30)
    house.service.turn()


def parcel(house: House, name: str, *lines: tuple[str, int], region: str = EAST) -> str:
    fen = {"A": 1_000, "B": 2_000, "AB": 4_000}
    house.paid(name, *((sku, units, fen[sku] * units) for sku, units in lines))
    asked = [Asked("web", name, n, units) for n, (_, units) in enumerate(lines)]
    house.service.parcels.make(name, asked, "", f"r{region}")
    return str(house.service.release(name).state)


def shelves(house: House) -> dict[str, tuple[int, int, int]]:
    return {f"{s.warehouse} {s.sku}": (s.units, s.assigned, s.missing)
            for s in house.service.warehouses.shelves()}  # fmt: skip


def compared(house: House) -> dict[str, tuple[int, int, int, int]]:
    return {row.sku: row[1:] for row in house.service.warehouses.compared()}


def test_a_parcel_gets_its_warehouse_and_takes_from_its_shelf(house: House) -> None:
    two(house)
    assert compared(house) == {"A": (200, 200, 0, 0), "B": (100, 100, 0, 0)}
    assert parcel(house, "1", ("A", 2)) == "sourced"
    assert house.service.parcels.get("1").warehouse == "east"
    assert shelves(house)["east A"] == (103, 2, 0)
    house.service.parcels.ship("1")
    assert shelves(house)["east A"] == (101, 0, 0)
    assert compared(house)["A"] == (198, 198, 0, 0)
    assert parcel(house, "2", ("A", 2), region=WEST) == "sourced"
    assert house.service.parcels.get("2").warehouse == "west"


def test_one_is_split_over_warehouses_where_the_rule_says_so(house: House) -> None:
    two(house)
    house.service.warehouses.set_rule("nearest")
    assert parcel(house, "1", ("A", 2), ("B", 1)) == "split"
    rows = house.service.parcels.rows
    children = [(p.id, p.state, p.warehouse) for p in rows.rows("part_of = '1' ORDER BY id")]
    assert children == [("1~1", "sourced", "east"), ("1~2", "sourced", "west")]
    for child in ("1~1", "1~2"):
        house.service.parcels.ship(child)
    assert house.state("1") == "shipped"
    assert compared(house) == {"A": (198, 198, 0, 0), "B": (99, 99, 0, 0)}
    with pytest.raises(NotDone, match="split"):
        house.service.parcels.ship("1")


def test_a_bundle_is_sent_whole_from_one_place(house: House) -> None:
    two(house)
    house.service.warehouses.set_rule("nearest")
    assert parcel(house, "1", ("AB", 2)) == "released"  # its A would come from east, its B not
    assert house.service.parcels.get("1").reason == "unsourced"
    house.service.warehouses.set_rule("fewest_parcels")
    later(house)
    assert house.service.parcels.get("1").warehouse == "west"
    house.service.parcels.ship("1")
    assert shelves(house) == {
        "east A": (103, 0, 0), "west A": (93, 0, 0), "west B": (98, 0, 0),
    }  # fmt: skip


def test_a_warehouse_that_refuses_is_left_out_and_another_is_found(house: House) -> None:
    two(house)
    parcel(house, "1", ("A", 2))
    again = house.service.sourcing.refuse("1", "east")
    assert (again.state, again.warehouse) == ("sourced", "west")
    assert shelves(house)["east A"] == (103, 0, 0)
    assert house.service.sourcing.refuse("1", "east").warehouse == "west"  # said before
    last = house.service.sourcing.refuse("1", "west")
    assert (last.state, last.reason, last.warehouse) == ("released", "unsourced", "")
    assert house.state("1") == "released"  # the desk's decision stands
    with pytest.raises(NotDone):
        house.service.sourcing.refuse("1", "north")
    story = house.service.sourcing.story("1")
    assert [one["found"] for one in story] == [
        [["east", {"A": 2}]], [["west", {"A": 2}]], [],
    ]  # fmt: skip
    put(house, "north")
    house.service.warehouses.count("north", {"A": 5})
    later(house)
    assert house.service.parcels.get("1").warehouse == "north"


def test_units_that_are_given_to_parcels_are_not_given_twice(house: House) -> None:
    put(house, "east")
    house.service.warehouses.count("east", {"A": 3})
    assert parcel(house, "1", ("A", 2)) == "sourced"
    assert parcel(house, "2", ("A", 2)) == "released"
    later(house)
    assert len(house.service.sourcing.story("2")) == 1  # nothing has changed: not asked again
    house.service.parcels.cancel("1")
    later(house)
    assert house.service.parcels.get("2").warehouse == "east"


def test_what_left_beyond_what_was_known_is_missing_never_below_zero(house: House) -> None:
    put(house, "east")
    house.service.warehouses.count("east", {"A": 3})
    parcel(house, "1", ("A", 3))
    house.service.warehouses.count("east", {"A": 1})
    house.service.parcels.ship("1")
    assert shelves(house) == {"east A": (0, 0, 2)}
    assert compared(house)["A"] == (0, 197, -197, 2)
    house.service.warehouses.count("east", {"A": 197})
    assert compared(house)["A"] == (197, 197, 0, 0)


def test_without_warehouses_parcels_go_as_they_are(house: House) -> None:
    assert parcel(house, "1", ("A", 2)) == "released"
    house.service.turn()
    assert house.service.parcels.ship("1").state == "shipped"
    assert compared(house)["A"] == (0, 198, -198, 0)


def test_a_closed_warehouse_sends_nothing_and_unknown_names_are_refused(house: House) -> None:
    two(house)
    house.service.warehouses.put(Warehouse("east", 1, {}, False))
    assert parcel(house, "1", ("A", 2)) == "sourced"
    assert house.service.parcels.get("1").warehouse == "west"
    with pytest.raises(NotThere):
        house.service.warehouses.count("none", {"A": 1})
    with pytest.raises(NotThere):
        house.service.warehouses.count("east", {"A": 1, "none": 1})
    assert shelves(house)["east A"] == (103, 0, 0)
    for number in range(WAREHOUSES_MAX - 2):
        put(house, f"w{number}")
    with pytest.raises(NotDone):
        put(house, "one more")


def test_what_a_bulk_hold_keeps_back_is_given_to_no_warehouse_and_to_be_stopped(
    house: House,
) -> None:
    two(house)
    house.intake.take([order("1"), order("2")])
    house.gate.turn(made.NOW_MS)
    house.journal.turn()
    for number in ("1", "2"):
        house.service.parcels.make(number, [Asked("tmall", number, 0, 1)])
    assert house.service.release("1").state == "sourced"
    ask_bulk(house.ledger, "hold", "night", Scope(), "ann", made.NOW_MS)
    while Bulk(house.ledger, house.asking, {}).turn():
        pass
    assert house.service.release("2").reason == "kept_back"
    assert house.service.parcels.get("2").state == "waiting"
    assert [part.parcel for part in house.service.parcels.to_stop()] == ["1"]
    back = house.service.sourcing.refuse("1", "east")  # the warehouse has stopped it
    assert (back.state, back.reason, back.warehouse) == ("released", "kept_back", "")
    later(house)
    assert house.service.parcels.get("1").state == "released"
    ask_bulk(house.ledger, "release", "morning", Scope(), "ann", made.NOW_MS)
    while Bulk(house.ledger, house.asking, {}).turn():
        pass
    later(house)
    assert [house.service.parcels.get(name).state for name in "12"] == ["sourced", "sourced"]
    assert house.service.parcels.to_stop() == []
