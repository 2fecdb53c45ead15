"""Orders in: recorded once whatever the feed does, or parked with a reason; changes are noticed."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

from tidegate.channels.feed_order import Malformed
from tidegate.channels.intake import Taken
from tidegate.desk.answers import DeskUnready
from tidegate.domain.reasons import Reason
from tidegate.record import facts as f
from tidegate.record.lines import Array

spec = importlib.util.spec_from_file_location(
    "channels_house", Path(__file__).with_name("channels_house.py")
)
assert spec is not None
assert spec.loader is not None
made = importlib.util.module_from_spec(spec)
spec.loader.exec_module(made)
House = made.ChannelHouse
order, NOW_MS, DAY_MS = made.order, made.NOW_MS, 86_400_000


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    opened = made.ChannelHouse(tmp_path)
    yield opened
    opened.close()


def released(house: House) -> list[str]:
    return [number for (number,) in house.orders("number", where="state = 'released'")]


def test_the_same_order_is_recorded_once_however_often_it_comes(house: House) -> None:
    first = [order("1", 2), order("2", 3)]
    assert house.intake.take(first) == Taken(heard=2, recorded=2)
    assert house.intake.take([*first, *reversed(first)]) == Taken(heard=2, repeated=4)
    assert house.intake.take([order("1", 2, changed_at=NOW_MS - 5)]) == Taken(heard=1, repeated=1)
    assert house.cell() == {"on_hand": 100, "committed": 5}


def test_of_several_versions_in_one_page_the_newest_counts(house: House) -> None:
    page = [
        order("1", status="paid", changed_at=NOW_MS + 9, placed_at=NOW_MS),
        order("1", status="unpaid"),
    ]
    assert house.intake.take(page) == Taken(heard=1, recorded=1, repeated=1)
    assert house.orders("state", "status") == [("recorded", "paid")]


def test_an_unpaid_order_holds_stock_and_is_paid_later(house: House) -> None:
    house.intake.take([order("1", 4, "unpaid")])
    assert house.cell() == {"on_hand": 100, "pre_held": 4}
    house.gate.turn(NOW_MS)
    assert house.orders("state") == [("unpaid",)]
    house.intake.take([order("1", 4, "paid", placed_at=NOW_MS, changed_at=NOW_MS + 1)])
    assert house.cell() == {"on_hand": 100, "committed": 4}
    house.gate.turn(NOW_MS)
    assert released(house) == ["1"]


def test_a_cancellation_gives_units_back_once_and_one_never_heard_of_takes_none(
    house: House,
) -> None:
    house.intake.take([order("1", 4)])
    gone = order("1", 4, "cancelled", placed_at=NOW_MS, changed_at=NOW_MS + 1)
    never = order("2", 9, "cancelled")
    house.intake.take([gone, never])
    house.intake.take([gone, never])
    assert house.cell() == {"on_hand": 100}
    assert house.orders("number", "state") == [("1", "closed"), ("2", "closed")]


def test_an_item_that_is_not_mapped_is_parked_and_taken_when_it_is(house: House) -> None:
    house.intake.take([order("1", 2, item="TB-77", account="ann")])
    assert house.parked() == [("1", "sku_unmapped: TB-77")]
    assert house.cell() == {"on_hand": 100}
    assert house.intake.take_parked() == Taken(parked=1)
    with house.ledger.writing() as connection:
        connection.execute("INSERT INTO item VALUES ('tmall', 'TB-77', 'A')")
    assert house.intake.take_parked() == Taken(recorded=1)
    assert house.parked() == []
    assert house.cell() == {"on_hand": 100, "committed": 2}


def test_what_names_a_person_is_nowhere_in_the_ledger(house: House) -> None:
    who = {"account": "ann-of-the-sea", "phone": "13800138000", "address": "9 Harbour Road",
           "recipient": "OAID-opaque"}  # fmt: skip
    house.intake.take([order("1", **who), order("2", item="none", **who)])
    house.kill()
    raw = b"".join(path.read_bytes() for path in house.path.parent.iterdir())
    house.open()
    assert [value for value in who.values() if value.encode() in raw] == []
    assert len(house.tokens.known) == 3


def test_a_masked_key_identifies_nobody(house: House) -> None:
    house.say(f.PutRule("limit", "sku", "A", limits={"account": 1}))
    house.intake.take([order("1", account="张**"), order("2", account="ann"),
                       order("3", account="ann")])  # fmt: skip
    house.gate.turn(NOW_MS)
    assert house.orders("number", "state", "reason") == [
        ("1", "on_hold", Reason.IDENTITY_MISSING),
        ("2", "released", 0),
        ("3", "on_hold", Reason.LIMIT_EXCEEDED),
    ]


def test_a_clock_that_is_ahead_holds_and_one_that_is_days_ahead_parks(house: House) -> None:
    house.intake.take([order("1", placed_at=NOW_MS + 600_000), order("2", placed_at=NOW_MS
                       + 3 * DAY_MS), order("3", placed_at=NOW_MS + 60_000)])  # fmt: skip
    house.gate.turn(NOW_MS)
    assert house.orders("number", "state", "reason") == [
        ("1", "on_hold", Reason.ORDER_TOO_OLD), ("3", "released", 0),
    ]  # fmt: skip
    assert house.parked() == [("2", "refused: order_too_old")]
    assert house.cell() == {"on_hand": 100, "committed": 2, "released": 1}


def test_what_is_no_order_is_parked_by_its_place(house: House) -> None:
    taken = house.intake.take([], [Malformed("page 3 line 7", "`quantity` is missing")])
    assert taken == Taken(heard=1, parked=1)
    assert house.parked() == [("?page 3 line 7", "malformed: `quantity` is missing")]


def test_a_crash_between_asking_and_hearing_asks_the_same_again(house: House) -> None:
    """The feed changes its mind meanwhile: what was asked stands, the change is a change."""
    place = house.asking.placed

    def cut_off(rows: Array) -> None:
        place(rows)
        raise ConnectionError("killed")

    house.asking.placed = cut_off
    with pytest.raises(ConnectionError):
        house.intake.take([order("1", 2, "unpaid")])
    house.kill()
    house.open()
    assert house.intake.resume() == 1
    assert house.orders("state") == [("unpaid",)]
    house.intake.take([order("1", 2, "paid", placed_at=NOW_MS, changed_at=NOW_MS + 5)])
    assert house.cell() == {"on_hand": 100, "committed": 2}
    assert house.intake.resume() == 0


def test_a_desk_that_takes_nothing_loses_nothing(house: House) -> None:
    def unready(_: Array) -> None:
        raise DeskUnready("the disk is full")

    kept, house.shop.place_rows = house.shop.place_rows, unready
    with pytest.raises(DeskUnready):
        house.intake.take([order("1", 2)])
    house.shop.place_rows = kept
    assert house.intake.resume() == 1
    assert house.cell() == {"on_hand": 100, "committed": 2}


def test_other_content_under_a_known_number_is_held(house: House) -> None:
    house.intake.take([order("1", 2)])
    house.intake.take([order("1", 5, placed_at=NOW_MS, changed_at=NOW_MS + 1)])
    house.gate.turn(NOW_MS)
    assert house.orders("state", "flags", "keep") == [("on_hold", "content_changed", 1)]
    assert house.cell() == {"on_hand": 100, "committed": 2}


@pytest.mark.parametrize(
    ("change", "flag"),
    [
        ({"units": 5}, "content_changed_after_release"),
        ({"recipient": "elsewhere"}, "address_changed_after_release"),
        ({"status": "cancelled"}, "cancelled_after_release"),
    ],
)
def test_a_change_after_the_release_is_flagged_and_stopped(
    house: House, change: dict[str, object], flag: str
) -> None:
    house.intake.take([order("1", 2, recipient="here")])
    house.gate.turn(NOW_MS)
    house.journal.turn()
    with house.ledger.writing() as connection:
        connection.execute("UPDATE orders SET push = 'pushed'")
    how = {"units": 2, "recipient": "here", "placed_at": NOW_MS, "changed_at": NOW_MS + 1} | change
    house.intake.take([order("1", **how)])
    assert house.orders("state", "flags", "intercept") == [("released", flag, "wanted")]


def test_shipped_without_a_release_is_flagged(house: House) -> None:
    house.intake.take([order("1", 2)])
    house.intake.take([order("1", 2, "shipped", placed_at=NOW_MS, changed_at=NOW_MS + 1)])
    assert house.orders("flags") == [("shipped_outside,operation_refused",)]
