"""The release gate: released, held or waiting by the desk's decision; bulk runs; the warehouse."""

import importlib.util
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tidegate.channels.bulk import Bulk, Scope, ask_bulk, tally_of
from tidegate.channels.outbox import Handed, Outbox
from tidegate.channels.release_gate import Gated
from tidegate.domain.reasons import Reason
from tidegate.record import facts as f
from tidegate.record.lines import HOLD, RELEASE, SHIP
from tidegate.testing.outside import Stores

spec = importlib.util.spec_from_file_location(
    "channels_house", Path(__file__).with_name("channels_house.py")
)
assert spec is not None
assert spec.loader is not None
made = importlib.util.module_from_spec(spec)
spec.loader.exec_module(made)
House = made.ChannelHouse
order, NOW_MS, TMALL = made.order, made.NOW_MS, made.TMALL


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    opened = made.ChannelHouse(tmp_path, units=10)
    yield opened
    opened.close()


def turn(house: House, now_ms: int = NOW_MS) -> Gated:
    """The gate's turn, and what the journal says afterwards."""
    done = house.gate.turn(now_ms)
    house.journal.turn()
    return done


def outbox(house: House, stores: Stores) -> Outbox:
    return Outbox(TMALL, house.ledger, house.asking, stores)


def test_clean_ones_are_released_and_judged_ones_held_with_their_reason(house: House) -> None:
    house.say(f.PutRule("limit", "sku", "A", limits={"account": 3}))
    house.intake.take(
        [
            order("1", 3, account="ann"),
            order("2", 1, account="ann"),
            order("3", 2, account="bob", fen=800),
            order("4", 2, account="cem"),
        ]
    )
    assert turn(house) == Gated(released=2, held=2)
    assert house.orders("number", "state", "reason", "push") == [
        ("1", "released", 0, "due"),
        ("2", "on_hold", Reason.LIMIT_EXCEEDED, ""),
        ("3", "on_hold", Reason.PRICE_BELOW_FLOOR, ""),
        ("4", "released", 0, "due"),
    ]
    assert turn(house) == Gated()


def test_what_exceeds_stock_is_a_debt_with_an_owner_and_goes_when_stock_comes(house: House) -> None:
    house.intake.take([order(str(n), 4, placed_at=NOW_MS + n) for n in range(4)])
    assert turn(house) == Gated(released=2, waiting=2)
    assert house.cell() == {"on_hand": 10, "committed": 10, "released": 8, "debt": 6}
    assert house.orders("number", "owner", where="state = 'waiting'") == [
        ("2", "stock"), ("3", "stock"),
    ]  # fmt: skip
    assert turn(house) == Gated()  # nothing has changed: nobody asks
    house.say(f.ReceiveStock("A", 2, TMALL))
    assert turn(house) == Gated(released=1)
    house.say(f.ReceiveStock("A", 3, TMALL))
    assert turn(house) == Gated()
    house.say(f.ReceiveStock("A", 1, TMALL))
    assert turn(house) == Gated(released=1)
    assert house.cell() == {"on_hand": 16, "committed": 16, "released": 16}


@pytest.mark.parametrize("flag", ["incident", "alarm"])
def test_an_alarm_or_incident_keeps_everything_waiting_until_it_is_over(
    house: House, flag: str
) -> None:
    house.say(f.SetFlag("shop", flag, True))
    house.intake.take([order("1")])
    assert turn(house) == Gated(waiting=1)
    house.say(f.SetFlag("shop", flag, False))
    assert turn(house, NOW_MS + 1_000) == Gated()
    assert turn(house, NOW_MS + 31_000) == Gated(released=1)


def test_a_crash_while_asking_asks_the_same_question(house: House) -> None:
    house.intake.take([order("1", 2)])
    kept = house.asking.operate

    def cut_off(rows: object) -> None:
        kept(rows)
        raise ConnectionError("killed")

    house.asking.operate = cut_off
    with pytest.raises(ConnectionError):
        house.gate.turn(NOW_MS)
    house.kill()
    house.open()
    assert house.orders("state", "attempt", "asking") == [("recorded", 1, RELEASE)]
    assert turn(house) == Gated(released=1)
    assert house.cell() == {"on_hand": 10, "committed": 2, "released": 2}
    assert house.orders("state", "attempt", "push") == [("released", 1, "due")]


# -- the warehouse ---------------------------------------------------------------------------------


def test_an_order_goes_once_and_is_read_back_when_nobody_answered(house: House) -> None:
    house.intake.take([order("1"), order("2")])
    turn(house)
    stores = Stores(lost_answer=1.0)
    assert outbox(house, stores).turn() == Handed(unknown=2)
    assert house.orders("push") == [("unknown",), ("unknown",)]
    stores.lost_question, stores.lost_answer = 1.0, 0.0
    assert outbox(house, stores).turn() == Handed(unknown=2)
    stores.lost_question = 0.0
    assert outbox(house, stores).turn() == Handed()
    assert house.orders("push") == [("pushed",), ("pushed",)]
    assert stores.arrived == ["1", "2"]


def test_a_push_that_was_lost_is_made_again(house: House) -> None:
    house.intake.take([order("1")])
    turn(house)
    stores = Stores(lost_question=1.0)
    assert outbox(house, stores).turn() == Handed(unknown=1)
    stores.lost_question = 0.0
    assert outbox(house, stores).turn() == Handed(pushed=1)
    assert stores.arrived == ["1"]


def test_nothing_goes_that_is_not_released_in_the_journal(house: House) -> None:
    house.intake.take([order("1")])
    house.gate.turn(NOW_MS)  # the answer is known; the journal was not read yet
    stores = Stores()
    assert outbox(house, stores).turn() == Handed()
    house.journal.turn()
    assert outbox(house, stores).turn() == Handed(pushed=1)


def test_a_release_by_somebody_else_goes_the_same_way(house: House) -> None:
    house.intake.take([order("1", 2, fen=400)])
    assert turn(house) == Gated(held=1)
    key = house.shop.order_key(TMALL, "1")
    house.say(f.ApproveException("E", ["A"], 50, 2, NOW_MS + 86_400_000), approver=2)
    drawn = house.shop.exception_number("E")
    asked = house.asking.operation("a person", key, RELEASE, flags=1, exception=drawn)
    house.shop.operate(asked)
    house.journal.turn()
    assert house.orders("state", "push") == [("released", "due")]


def test_a_cancelled_order_is_stopped_and_gives_its_units_back(house: House) -> None:
    house.intake.take([order("1", 4), order("2", 4)])
    turn(house)
    stores = Stores()
    outbox(house, stores).turn()
    stores.there["2"] = "gone"
    how = {"placed_at": NOW_MS, "changed_at": NOW_MS + 9}
    house.intake.take([order("1", 4, "cancelled", **how), order("2", 4, "cancelled", **how)])
    assert outbox(house, stores).turn() == Handed(stopped=1, too_late=1)
    assert house.orders("number", "state", "intercept") == [
        ("1", "closed", "done"), ("2", "released", "too_late"),
    ]  # fmt: skip
    assert house.cell() == {"on_hand": 10, "committed": 4, "released": 4}


# -- bulk ------------------------------------------------------------------------------------------


def test_a_bulk_hold_ends_each_order_in_exactly_one_word(house: House) -> None:
    house.say(f.ReceiveStock("A", 90, TMALL))
    house.intake.take([order(f"{n:02}", 1, placed_at=NOW_MS + n) for n in range(10)])
    turn(house)
    stores = Stores()
    outbox(house, stores).turn()  # ten are there
    stores.there["00"] = stores.there["01"] = "gone"
    house.intake.take([order(f"{n:02}", 1, placed_at=NOW_MS + n) for n in range(10, 14)])
    turn(house)  # released, not handed over
    house.intake.take([order(f"{n:02}", 1, placed_at=NOW_MS + n) for n in range(14, 17)])
    house.intake.take([order("17", 1, "unpaid")])
    bulk = Bulk(house.ledger, house.asking, {TMALL: stores})
    asked = ask_bulk(house.ledger, "hold", "night", Scope(channel=TMALL), "ann", NOW_MS)
    assert (asked.orders, asked.open) == (18, 18)
    assert ask_bulk(house.ledger, "hold", "night", Scope(), "ann", NOW_MS) == asked
    assert [bulk.turn(orders_max=5) for _ in range(5)] == [5, 5, 5, 3, 0]
    assert bulk.tally("night").results == {"on_hold": 16, "too_late": 2}
    turn(house)
    assert outbox(house, stores).turn() == Handed()
    assert Counter(stores.there.values()) == {"held": 8, "gone": 2}
    paid = order("17", 1, "paid", placed_at=NOW_MS, changed_at=NOW_MS + 99)
    house.intake.take([paid])
    assert turn(house) == Gated(held=1)


def test_what_the_warehouse_does_not_answer_is_unknown_and_read_back(house: House) -> None:
    house.intake.take([order("1"), order("2")])
    turn(house)
    stores = Stores()
    outbox(house, stores).turn()
    stores.lost_answer = 1.0
    bulk = Bulk(house.ledger, house.asking, {TMALL: stores})
    ask_bulk(house.ledger, "hold", "night", Scope(), "ann", NOW_MS)
    bulk.turn()
    assert bulk.tally("night").results == {"unknown": 2}
    stores.lost_answer = 0.0
    bulk.read_unknown()
    assert bulk.tally("night").results == {"on_hold": 2}


def test_an_interception_that_was_lost_is_asked_for_again(house: House) -> None:
    house.intake.take([order("1"), order("2")])
    turn(house)
    stores = Stores()
    outbox(house, stores).turn()
    stores.lost_question = 1.0
    bulk = Bulk(house.ledger, house.asking, {TMALL: stores})
    ask_bulk(house.ledger, "hold", "night", Scope(), "ann", NOW_MS)
    bulk.turn()
    bulk.read_unknown()
    assert bulk.tally("night").results == {"unknown": 2}
    stores.lost_question = 0.0
    stores.there["2"] = "gone"
    bulk.read_unknown()
    assert bulk.turn() == 1
    assert bulk.tally("night").results == {"on_hold": 1, "too_late": 1}


def test_what_the_warehouse_stopped_is_held_at_the_desk_and_can_be_released_again(
    house: House,
) -> None:
    house.intake.take([order("1"), order("2")])
    turn(house)
    stores = Stores()
    handing = outbox(house, stores)
    handing.turn()
    stores.there["2"] = "gone"
    bulk = Bulk(house.ledger, house.asking, {TMALL: stores})
    ask_bulk(house.ledger, "hold", "night", Scope(), "ann", NOW_MS)
    bulk.turn()
    handing.turn()
    assert house.orders("number", "state") == [("1", "on_hold"), ("2", "released")]
    assert house.cell()["released"] == 1
    house.journal.turn()
    for name in ("morning", "noon"):  # and stopped again in between
        ask_bulk(house.ledger, "release", name, Scope(), "ann", NOW_MS)
        bulk.turn()
        house.journal.turn()
        assert handing.turn() == Handed(pushed=1)
        assert (house.cell()["released"], stores.there["1"]) == (2, "waiting")
        house.house.clock.pass_s(1)
        ask_bulk(house.ledger, "hold", f"{name} again", Scope(numbers=("1",)), "ann", NOW_MS)
        bulk.turn()
        handing.turn()
        house.journal.turn()
        assert house.cell()["released"] == 1


def test_a_bulk_release_lets_go_what_was_held_and_hands_over_what_was_kept_back(
    house: House,
) -> None:
    house.intake.take([order(str(n)) for n in range(3)])
    turn(house)
    house.intake.take([order("3", 2, fen=100), order("4", 9, placed_at=NOW_MS + 5)])
    stores = Stores()
    bulk = Bulk(house.ledger, house.asking, {TMALL: stores})
    ask_bulk(house.ledger, "hold", "night", Scope(), "ann", NOW_MS)
    bulk.turn()
    assert outbox(house, stores).turn() == Handed()
    ask_bulk(house.ledger, "release", "morning", Scope(), "ann", NOW_MS)
    bulk.turn()
    assert bulk.tally("morning").results == {"released": 3, "refused": 2}
    assert house.ledger.ask(
        "SELECT reason FROM bulk_order WHERE result = 'refused' ORDER BY reason"
    ) == [("price_below_floor",), ("stock_short_at_release",)]
    until = NOW_MS + 86_400_000
    house.say(f.ApproveException("E", ["A"], 50, 2, until), approver=2)
    ask_bulk(house.ledger, "release", "noon", Scope(exception="E"), "ann", NOW_MS)
    bulk.turn()
    assert bulk.tally("noon").results == {"released": 1, "refused": 1}
    house.journal.turn()
    assert outbox(house, stores).turn() == Handed(pushed=4)
    assert house.cell() == {"on_hand": 10, "committed": 10, "released": 5, "debt": 4}


def test_a_scope_names_its_orders(house: House) -> None:
    house.say(f.ReceiveStock("B", 5, TMALL))
    house.intake.take([order("1"), order("2", item="B", fen=2_000), order("3")])
    scopes = {"sku": Scope(sku="B"), "one": Scope(numbers=("3",)), "late": Scope(
        placed_from_ms=NOW_MS + 1), "other": Scope(channel="jd")}  # fmt: skip
    found = {name: ask_bulk(house.ledger, "hold", name, scope, "ann", NOW_MS).orders
             for name, scope in scopes.items()}  # fmt: skip
    assert found == {"sku": 1, "one": 1, "late": 0, "other": 0}
    with pytest.raises(LookupError):
        tally_of(house.ledger, "never asked")


def test_an_order_that_was_held_or_shipped_elsewhere_is_known(house: House) -> None:
    house.intake.take([order("1"), order("2")])
    keys = [house.shop.order_key(TMALL, number) for number in "12"]
    house.shop.operate(house.asking.operation("h", keys[0], HOLD))
    house.shop.operate(house.asking.operation("r", keys[1], RELEASE))
    house.shop.operate(house.asking.operation("s", keys[1], SHIP))
    house.journal.turn()
    assert house.orders("state", "push") == [("on_hold", ""), ("closed", "")]
    assert turn(house) == Gated()
