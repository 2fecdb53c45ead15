"""Gifts that an ERP or a platform adds: they take stock through the desk, or are listed."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

from tidegate.channels.fulfilment.gifts import gift_number
from tidegate.channels.fulfilment.ports import NotDone, NotThere
from tidegate.record import facts as f
from tidegate.record.lines import CANCEL, PAID, RELEASE, SHIP

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
    opened = made.FulfilmentHouse(tmp_path, units=10)
    opened.say(f.PutSku("G", 300, 200))
    opened.say(f.ReceiveStock("G", 3, TMALL))
    yield opened
    opened.close()


def sold(house: House, number: str = "1", units: int = 2, fen: int = 2_000) -> None:
    """A marketplace's order that the gate lets go."""
    house.intake.take([order(number, units, fen=fen)])


def gated(house: House) -> None:
    house.gate.turn(NOW_MS)
    house.journal.turn()
    house.service.turn()


def add(house: House, gift: str = "g", item: str = "G", quantity: int = 1, **more: object) -> str:
    where = {"channel": TMALL, "number": "1", "line": 0} | more
    return str(
        house.service.gifts.add(
            where["channel"], where["number"], gift, item, quantity, where["line"]
        ).state
    )


def gifts(house: House) -> list[tuple[str, str, str]]:
    return [(one.gift, one.state, one.reason) for one in house.service.gifts.listed()]


def test_a_gift_that_its_parent_pays_for_goes_with_it(house: House) -> None:
    sold(house)  # 2,000 for two: 1,000 beyond the floors of 500
    assert add(house, quantity=3) == "covered"
    one = house.service.gifts.listed()[0]
    assert (one.burden_fen, one.headroom_fen, one.short) == (600, 1_000, 0)
    assert house.cell("G") == {"on_hand": 3, "committed": 3}
    gated(house)
    assert gifts(house) == [("g", "released", "")]
    assert house.cell("G") == {"on_hand": 3, "committed": 3, "released": 3}
    assert house.operate("s", "1", SHIP, channel=TMALL) == 0
    house.service.turn()
    assert gifts(house) == [("g", "shipped", "")]
    assert house.cell("G") == {"shipped": 3}


def test_a_gift_beyond_what_its_parent_pays_is_held_until_a_person_lets_it_go(
    house: House,
) -> None:
    sold(house, fen=1_399)  # 399 beyond the floors
    assert add(house, "first") == "covered"
    assert add(house, "second") == "held"
    assert [(one.burden_fen, one.headroom_fen) for one in house.service.gifts.listed()] == [
        (200, 399), (200, 199),
    ]  # fmt: skip
    gated(house)
    assert gifts(house) == [
        ("first", "released", ""), ("second", "held", "price_below_floor"),
    ]  # fmt: skip
    assert house.state(gift_number("1", "second"), TMALL) == "on_hold"
    alone = house.service.gifts.let_go(TMALL, "1", "second", "")
    assert (alone.state, alone.reason) == ("held", "price_below_floor")  # one person's word
    house.say(f.ApproveException("E", ["A", "G"], 0, 9, NOW_MS + 86_400_000), approver=78)
    for _ in range(2):
        assert house.service.gifts.let_go(TMALL, "1", "second", "E").state == "released"
    assert house.cell("G") == {"on_hand": 3, "committed": 2, "released": 2}
    with pytest.raises(NotDone, match="released, not held"):
        house.service.gifts.let_go(TMALL, "1", "first", "E")
    with pytest.raises(NotThere):
        house.service.gifts.let_go(TMALL, "1", "none", "")


def test_what_is_not_mapped_is_shown_and_takes_nothing_until_it_is(house: House) -> None:
    sold(house)
    assert add(house, item="sample-7") == "unmapped"
    gated(house)
    assert gifts(house) == [("g", "unmapped", "sku_unmapped")]
    assert house.cell("G") == {"on_hand": 3}
    with house.ledger.writing() as connection:
        connection.execute("INSERT INTO item VALUES (?, 'sample-7', 'G')", (TMALL,))
    house.service.turn()
    assert gifts(house) == [("g", "released", "")]
    assert house.cell("G") == {"on_hand": 3, "committed": 1, "released": 1}


def test_one_without_stock_is_a_debt_that_is_seen_and_goes_when_stock_comes(house: House) -> None:
    sold(house)
    assert add(house, quantity=5) == "covered"
    assert house.cell("G") == {"on_hand": 3, "committed": 3, "debt": 2}
    gated(house)
    assert gifts(house) == [("g", "short", "stock_short_at_release")]
    assert house.service.gifts.listed("short")[0].short == 2
    house.service.turn()
    assert house.service.gifts.listed()[0].attempt == 1  # nothing came: nobody asks
    house.say(f.ReceiveStock("G", 2, TMALL))
    house.service.turn()
    assert gifts(house) == [("g", "released", "")]
    assert house.cell("G") == {"on_hand": 5, "committed": 5, "released": 5}


def test_a_gift_before_its_order_waits_for_it_and_for_its_payment(house: House) -> None:
    assert add(house) == "waiting"
    house.intake.take([order("1", status="unpaid")])
    house.service.turn()
    assert gifts(house) == [("g", "waiting", "unknown_order")]
    assert add(house) == "waiting"
    assert gifts(house) == [("g", "waiting", "payment_not_confirmed")]
    assert house.cell("G") == {"on_hand": 3}
    house.intake.take([order("1", changed_at=NOW_MS + 9)])
    house.service.turn()
    assert gifts(house) == [("g", "covered", "")]


def test_a_gift_ends_with_its_order(house: House) -> None:
    sold(house)
    add(house)
    assert house.operate("c", "1", CANCEL, channel=TMALL) == 0
    house.service.turn()
    assert gifts(house) == [("g", "cancelled", "parent_closed")]
    assert house.cell("G") == {"on_hand": 3}
    assert add(house, "late") == "refused"
    assert house.cell("G") == {"on_hand": 3}


def test_a_gift_counts_once_and_other_content_is_refused(house: House) -> None:
    sold(house)
    assert [add(house), add(house)] == ["covered", "covered"]
    assert house.cell("G") == {"on_hand": 3, "committed": 1}
    with pytest.raises(NotDone, match="other content"):
        add(house, quantity=2)


@pytest.mark.parametrize(
    ("more", "state"),
    [({"line": 1}, "refused"), ({"line": 63}, "refused"), ({"quantity": 1_000_001}, "refused"),
     ({"quantity": 0}, "refused"), ({"quantity": -1}, "refused"), ({"channel": "none"}, "waiting"),
     ({"number": "unknown"}, "waiting")],
)  # fmt: skip
def test_what_cannot_be_takes_nothing(house: House, more: dict[str, int], state: str) -> None:
    sold(house)
    assert add(house, **more) == state
    house.service.turn()
    assert house.cell("G") == {"on_hand": 3}


def test_without_a_cost_or_with_another_guard_a_person_decides(house: House) -> None:
    sold(house)
    house.say(f.PutSku("N", 300))
    house.say(f.ReceiveStock("N", 3, TMALL))
    house.say(f.PutSku("L", 300, 10))
    house.say(f.PutRule("one", "sku", "L", limits={"account": 1}))
    house.say(f.ReceiveStock("L", 3, TMALL))
    assert (add(house, "n", "N"), add(house, "l", "L")) == ("held", "held")
    assert sorted(reason for _, _, reason in gifts(house)) == ["cost_missing", "identity_missing"]
    gated(house)
    assert house.cell("L") == {"on_hand": 3, "committed": 1}


def test_lines_of_one_sku_and_gifts_of_the_order_itself_pay_together(house: House) -> None:
    house.say(f.ReceiveStock("G", 9))
    house.paid("1", ("A", 1, 900), ("A", 1, 700), ("B", 1, 2_000))
    assert add(house, channel="web", quantity=3) == "covered"
    assert house.service.gifts.listed()[0].headroom_fen == 600  # B pays for its own
    assert add(house, "more", channel="web") == "held"
    assert add(house, "of B", channel="web", line=2, quantity=5) == "covered"


def test_an_own_order_releases_its_gift_with_itself(house: House) -> None:
    house.say(f.ReceiveStock("G", 9))
    house.place("1", ("A", 1, 1_000), flags=PAID)
    assert add(house, channel="web") == "covered"
    assert house.operate("r", "1", RELEASE) == 0
    house.service.turn()
    assert house.cell("G", "shared") == {"on_hand": 9, "committed": 1, "released": 1}
