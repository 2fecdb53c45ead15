"""Sales pushed over HTTP for a connected channel: once, whoever tells first; others are parked."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tidegate.channels.feed_order import FeedOrder
from tidegate.channels.order_rows import fact_rows
from tidegate.channels.sales import Sale, SaleIntake
from tidegate.desk.answers import Decision
from tidegate.domain.reasons import Reason
from tidegate.record.lines import LINE

spec = importlib.util.spec_from_file_location(
    "channels_house", Path(__file__).with_name("channels_house.py")
)
assert spec is not None
assert spec.loader is not None
made = importlib.util.module_from_spec(spec)
spec.loader.exec_module(made)
House = made.ChannelHouse
order, NOW_MS, TMALL = made.order, made.NOW_MS, made.TMALL
ACCEPTED, ID_REUSED = int(Reason.ACCEPTED), int(Reason.ID_REUSED)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    opened = made.ChannelHouse(tmp_path)
    yield opened
    opened.close()


def sale(house: House, told: FeedOrder, recipient: str = "") -> Sale:
    """The same order as an application pushes it: SKUs instead of the channel's own codes."""
    shop = house.shop
    key = shop.order_key(TMALL, told.number)
    skus = [shop.sku_number(line.item) for line in told.lines]
    promotions = [0] * len(told.lines)
    rows = fact_rows(told, key, shop.channel_number(TMALL), skus, promotions, (0, 0, 0, 0), 0)
    return Sale(TMALL, told.number, key, told.placed_at, rows, recipient)


def push(house: House, *sales: Sale) -> list[Decision]:
    found: list[Decision] = SaleIntake(house.intake).take(sales)
    return found


def test_a_sale_is_recorded_and_judged_and_a_repeat_gets_the_same_answer(house: House) -> None:
    (first,) = push(house, sale(house, order("1", 2)))
    assert (first.reason, first.duplicate, first.short, first.mask) == (ACCEPTED, False, 0, 0)
    again, twice = push(house, sale(house, order("1", 2)), sale(house, order("1", 2)))
    assert again == twice == first._replace(duplicate=True)
    assert house.cell() == {"on_hand": 100, "committed": 2}
    assert house.orders("number", "state", "status") == [("1", "recorded", "paid")]


def test_what_an_application_and_a_feed_both_tell_counts_once_in_either_order(house: House) -> None:
    with house.ledger.writing() as connection:
        connection.execute("INSERT INTO item VALUES (?, 'TB-77', 'A')", (TMALL,))
    push(house, sale(house, order("1", 2), recipient="an address"))
    taken = house.intake.take([order("1", 2, item="TB-77", account="ann", recipient="handle")])
    assert (taken.recorded, taken.changed, taken.parked) == (0, 1, 0)
    house.intake.take([order("2", 3, item="TB-77", account="ann", recipient="handle")])
    (known,) = push(house, sale(house, order("2", 3), recipient="an address"))
    assert (known.reason, known.duplicate) == (ACCEPTED, True)
    assert house.cell() == {"on_hand": 100, "committed": 5}
    assert house.orders("number", "flags") == [("1", ""), ("2", "")]
    assert house.parked() == []
    repeat = house.intake.take([order("1", 2, item="TB-77", account="ann", recipient="handle")])
    assert (repeat.repeated, repeat.changed) == (1, 0)


@pytest.mark.parametrize("first", ["sale", "feed"])
def test_other_content_is_parked_and_kept_from_release(house: House, first: str) -> None:
    if first == "sale":
        push(house, sale(house, order("1", 2)))
    else:
        house.intake.take([order("1", 2)])
    (other,) = push(house, sale(house, order("1", 3)))
    assert (other.reason, other.duplicate) == (ID_REUSED, False)
    assert house.parked() == [("1", "content_changed")]
    assert house.orders("state", "flags", "keep") == [("on_hold", "content_changed", 1)]
    assert house.cell() == {"on_hand": 100, "committed": 2}


def test_other_content_after_the_release_stops_it_at_the_warehouse(house: House) -> None:
    push(house, sale(house, order("1", 2)))
    house.gate.turn(NOW_MS)
    house.journal.turn()
    with house.ledger.writing() as connection:
        connection.execute("UPDATE orders SET push = 'pushed'")
    (other,) = push(house, sale(house, order("1", 9)))
    assert other.reason == ID_REUSED
    assert house.parked() == [("1", "content_changed_after_release")]
    assert house.orders("flags", "intercept") == [("content_changed_after_release", "wanted")]


def test_another_address_after_the_release_stops_it_too(house: House) -> None:
    push(house, sale(house, order("1", 2), recipient="here"))
    house.gate.turn(NOW_MS)
    house.journal.turn()
    with house.ledger.writing() as connection:
        connection.execute("UPDATE orders SET push = 'pushed'")
    (again,) = push(house, sale(house, order("1", 2), recipient="there"))
    assert (again.reason, again.duplicate) == (ACCEPTED, True)
    assert house.orders("flags", "intercept") == [("address_changed_after_release", "wanted")]


def test_an_unpaid_sale_is_paid_by_the_same_sale_paid(house: House) -> None:
    push(house, sale(house, order("1", 2, status="unpaid")))
    assert house.cell() == {"on_hand": 100, "pre_held": 2}
    (paid,) = push(house, sale(house, order("1", 2)))
    assert (paid.reason, paid.duplicate) == (ACCEPTED, True)
    assert house.cell() == {"on_hand": 100, "committed": 2}
    push(house, sale(house, order("1", 2, status="unpaid")))  # an older word changes nothing
    assert house.orders("state", "status") == [("recorded", "paid")]


def test_a_crash_between_asking_and_hearing_is_asked_again_with_the_same_rows(
    house: House,
) -> None:
    placed = house.asking.placed

    def cut_off(rows: object) -> object:
        placed(rows)
        raise ConnectionError("killed")

    house.asking.placed = cut_off
    with pytest.raises(ConnectionError):
        push(house, sale(house, order("1", 2)))
    house.kill()
    house.open()
    assert house.orders("state") == [("asked",)]
    (again,) = push(house, sale(house, order("1", 2)))
    assert (again.reason, again.duplicate) == (ACCEPTED, True)
    assert house.orders("state") == [("recorded",)]
    assert house.cell() == {"on_hand": 100, "committed": 2}


def test_what_the_desk_recorded_before_the_channel_was_connected_is_a_duplicate(
    house: House,
) -> None:
    told = sale(house, order("1", 2))
    house.shop.place_rows(np.frombuffer(told.rows, LINE))
    (again,) = push(house, told)
    assert (again.reason, again.duplicate) == (ACCEPTED, True)
    (other,) = push(house, sale(house, order("1", 5)))
    assert other.reason == ID_REUSED
    assert house.parked() == [("1", "content_changed")]
