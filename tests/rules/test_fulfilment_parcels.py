"""Parcels: orders merged and split, cancelled parts taken out, nothing shipped twice."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

from tidegate.channels.fulfilment.parcels import Asked
from tidegate.channels.fulfilment.ports import NotDone, NotThere
from tidegate.record import facts as f
from tidegate.record.lines import CANCEL, HOLD, RELEASE, SHIP

spec = importlib.util.spec_from_file_location(
    "fulfilment_house", Path(__file__).with_name("fulfilment_house.py")
)
assert spec is not None
assert spec.loader is not None
made = importlib.util.module_from_spec(spec)
spec.loader.exec_module(made)
House = made.FulfilmentHouse
order, NOW_MS, TMALL = made.order, made.NOW_MS, made.TMALL


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    opened = made.FulfilmentHouse(tmp_path)
    yield opened
    opened.close()


def part(number: str, line: int = 0, quantity: int = 1, channel: str = "web") -> Asked:
    return Asked(channel, number, line, quantity)


def make(house: House, name: str, *parts: Asked, to: str = "") -> str:
    return str(house.service.parcels.make(name, parts, to).state)


def release(house: House, name: str) -> tuple[str, str]:
    done = house.service.release(name)
    return done.state, done.reason


def parts(house: House, name: str) -> list[tuple[int, int, int, str]]:
    return [
        (one.quantity, one.taken_out, one.shipped, one.reason)
        for one in house.service.parcels.rows.parts(name)
    ]


def refused(house: House, *asked: Asked, to: str = "", name: str = "X") -> str:
    with pytest.raises(NotDone) as why:
        make(house, name, *asked, to=to)
    return str(why.value.reason)


def test_orders_of_one_recipient_go_together(house: House) -> None:
    house.paid("1", ("A", 2, 2_000))
    house.paid("2", ("A", 1, 1_000), ("B", 1, 2_000))
    assert make(house, "P", part("1", 0, 2), part("2"), part("2", 1), to="handle") == "planned"
    assert release(house, "P") == ("released", "")
    assert (house.state("1"), house.state("2")) == ("released", "released")
    assert house.service.parcels.ship("P").state == "shipped"
    assert parts(house, "P") == [(2, 0, 2, ""), (1, 0, 1, ""), (1, 0, 1, "")]
    assert house.cell(pool="shared") == {"on_hand": 97, "shipped": 3}
    assert house.service.parcels.ship("P").state == "shipped"
    assert house.cell(pool="shared") == {"on_hand": 97, "shipped": 3}


def test_one_order_goes_in_several_parcels(house: House) -> None:
    house.paid("1", ("A", 5, 5_000))
    make(house, "P1", part("1", 0, 3))
    make(house, "P2", part("1", 0, 2))
    assert refused(house, part("1")) == "quantity_exceeds_open"
    assert release(house, "P1") == ("released", "")
    house.service.parcels.ship("P1")
    assert house.cell(pool="shared") == {
        "on_hand": 97, "committed": 2, "released": 2, "shipped": 3,
    }  # fmt: skip
    assert release(house, "P2") == ("released", "")
    house.service.parcels.ship("P2")
    assert house.state("1") == "shipped"


def test_what_was_cancelled_is_taken_out_before_the_release(house: House) -> None:
    house.paid("1", ("A", 5, 5_000))
    house.paid("2", ("A", 1, 1_000))
    make(house, "P", part("1", 0, 5), part("2"), to="handle")
    house.operate("c1", "1", CANCEL, 0, 2)
    house.operate("c2", "2", CANCEL)
    assert release(house, "P") == ("released", "")
    assert parts(house, "P") == [(5, 2, 0, ""), (1, 1, 0, "")]
    house.service.parcels.ship("P")
    assert parts(house, "P") == [(5, 2, 3, ""), (1, 1, 0, "")]
    assert house.cell(pool="shared") == {"on_hand": 97, "shipped": 3}


def test_parcels_of_one_line_share_what_is_left_of_it(house: House) -> None:
    house.paid("1", ("A", 5, 5_000))
    make(house, "P1", part("1", 0, 3))
    make(house, "P2", part("1", 0, 2))
    house.operate("c", "1", CANCEL, 0, 1)
    release(house, "P2")
    release(house, "P1")
    assert (parts(house, "P1"), parts(house, "P2")) == ([(3, 1, 0, "")], [(2, 0, 0, "")])


def test_a_parcel_of_which_nothing_is_left_is_cancelled(house: House) -> None:
    house.paid("1", ("A", 1, 1_000))
    make(house, "P", part("1"))
    house.operate("c", "1", CANCEL)
    assert release(house, "P") == ("cancelled", "nothing_left")
    with pytest.raises(NotDone):
        release(house, "P")
    with pytest.raises(NotDone):
        house.service.parcels.ship("P")


def test_an_order_that_is_not_released_keeps_its_parcel_waiting(house: House) -> None:
    house.intake.take([order("1", recipient="r"), order("2", recipient="r", fen=400)])
    asked = (part("1", channel=TMALL), part("2", channel=TMALL))
    make(house, "P", *asked, to="r")
    assert release(house, "P") == ("waiting", "price_below_floor")
    assert [why for *_, why in parts(house, "P")] == ["", "price_below_floor"]
    with pytest.raises(NotDone, match="waiting"):
        house.service.parcels.ship("P")
    house.say(f.ApproveException("E", ["A"], 300, 9, NOW_MS + 86_400_000), approver=78)
    number = house.shop.exception_number("E")
    assert house.operate("p", "2", RELEASE, quantity=number, channel=TMALL, flags=1) == 0
    assert release(house, "P") == ("released", "")


def test_a_waiting_parcel_is_asked_about_again_now_and_then(house: House) -> None:
    house.say(f.SetFlag("sku", "incident", True, "A"))
    house.paid("1", ("A", 1, 1_000))
    make(house, "P", part("1"))
    assert release(house, "P") == ("waiting", "incident_open")
    house.service.turn()
    house.say(f.SetFlag("sku", "incident", False, "A"))
    house.service.turn()
    assert house.service.parcels.get("P").state == "waiting"
    house.pass_s(30)
    house.service.turn()
    assert house.service.parcels.get("P").state == "released"


def test_recipients_are_compared_by_the_platforms_handle(house: House) -> None:
    house.intake.take([order("1", recipient="r"), order("2", recipient="other"), order("3")])
    one, two, three = (part(n, channel=TMALL) for n in "123")
    assert refused(house, one, two) == "recipient_missing"
    assert refused(house, one, two, to="r") == "recipient_differs"
    assert refused(house, one, part("9"), to="r") == "recipient_differs"  # another channel
    assert make(house, "P", one, three, to="r") == "planned"  # nothing was known of order 3
    assert refused(house, two, three, to="other") == "quantity_exceeds_open"
    house.service.parcels.cancel("P")
    assert refused(house, two, three, to="other") == "recipient_differs"  # it is known now
    kept = house.store.ask("SELECT recipient FROM recipient")
    assert [len(row[0]) for row in kept] == [16]
    assert b"other" not in house.store_path.read_bytes()


def test_an_id_counts_once(house: House) -> None:
    house.paid("1", ("A", 2, 2_000))
    assert make(house, "P", part("1")) == "planned"
    assert make(house, "P", part("1")) == "planned"
    assert refused(house, part("1", 0, 2), name="P") == "id_reused"
    assert refused(house, part("1"), name="P~1") == "out_of_bounds"
    release(house, "P")
    assert release(house, "P") == ("released", "")
    assert make(house, "P", part("1")) == "released"


@pytest.mark.parametrize(
    ("asked", "why"),
    [((part("1", 0, 3),), "quantity_exceeds_open"),
     ((part("1", 0, 1_000_000),), "quantity_exceeds_open"),
     ((part("1", 1),), "quantity_exceeds_open"),
     ((part("1"), part("1")), "out_of_bounds"),
     ((part("none"),), "unknown_order")],
)  # fmt: skip
def test_what_cannot_be_sent_is_refused(house: House, asked: tuple[Asked, ...], why: str) -> None:
    house.paid("1", ("A", 2, 2_000))
    assert refused(house, *asked) == why
    assert house.service.parcels.rows.rows("1") == []


def test_an_unpaid_order_waits_and_one_that_never_was_is_named(house: House) -> None:
    house.place("1", ("A", 1, 1_000))
    make(house, "P", part("1"))
    assert release(house, "P") == ("waiting", "payment_not_confirmed")
    with pytest.raises(NotThere):
        house.service.parcels.get("none")


def test_what_is_cancelled_on_its_way_is_listed_and_not_shipped_at_the_desk(house: House) -> None:
    house.paid("1", ("A", 3, 3_000))
    make(house, "P", part("1", 0, 3))
    release(house, "P")
    assert house.service.parcels.to_stop() == []
    house.operate("c", "1", CANCEL, 0, 1)
    assert [one.parcel for one in house.service.parcels.to_stop()] == ["P"]
    house.service.parcels.ship("P")
    assert parts(house, "P") == [(3, 0, 2, "cancelled_after_release")]
    assert house.cell(pool="shared") == {"on_hand": 98, "shipped": 2}


def test_what_left_at_another_door_is_not_shipped_again(house: House) -> None:
    house.paid("1", ("A", 3, 3_000))
    make(house, "P", part("1", 0, 3))
    release(house, "P")
    assert house.operate("s", "1", SHIP) == 0
    house.service.parcels.ship("P")
    assert parts(house, "P") == [(3, 0, 0, "cancelled_after_release")]
    assert house.cell(pool="shared") == {"on_hand": 97, "shipped": 3}


def test_a_parcel_that_is_given_up_frees_its_units_for_another(house: House) -> None:
    house.paid("1", ("A", 1, 1_000))
    make(house, "P", part("1"))
    release(house, "P")
    assert house.service.parcels.cancel("P").state == "cancelled"
    assert make(house, "Q", part("1")) == "planned"
    assert release(house, "Q") == ("released", "")
    house.service.parcels.ship("Q")
    with pytest.raises(NotDone):
        house.service.parcels.cancel("Q")


def test_a_gift_goes_in_its_orders_parcel(house: House) -> None:
    house.say(f.PutSku("G", 300, 200))
    house.say(f.ReceiveStock("G", 3))
    house.paid("1", ("A", 1, 1_000))
    house.service.gifts.add("web", "1", "g", "G", 1, 0)
    make(house, "P", part("1"), Asked("web", "1", 0, 1, "g"))
    assert release(house, "P") == ("released", "")
    house.service.parcels.ship("P")
    assert house.cell("G", "shared") == {"on_hand": 2, "shipped": 1}
    house.service.turn()
    assert [one.state for one in house.service.gifts.listed()] == ["shipped"]


def test_a_held_order_never_goes_in_a_parcel(house: House) -> None:
    house.paid("1", ("A", 1, 1_000))
    assert house.operate("h", "1", HOLD) == 0
    make(house, "P", part("1"))
    assert release(house, "P") == ("waiting", "held_by_person")
