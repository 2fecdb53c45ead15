"""What else people are told of: channels' alarms, a watch that has died, drills."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from tidegate.bootstrap.alerting import ChannelAlarms
from tidegate.channels.alarms import BELOW_FLOOR, ON_SHELF, UNREADABLE, Alarms
from tidegate.channels.ledger import Ledger
from tidegate.people.filter import clean
from tidegate.watch.alerts import shown, testing_ways
from tidegate.watch.alerts.alerting import Alerting

spec = importlib.util.spec_from_file_location(
    "alerts_house", Path(__file__).with_name("alerts_house.py")
)
assert spec is not None
assert spec.loader is not None
alerts_house = importlib.util.module_from_spec(spec)
spec.loader.exec_module(alerts_house)

House = Any  # alerts_house.py has the class
MINUTE_S = alerts_house.MINUTE_S


@pytest.fixture
def house(tmp_path: Path) -> House:
    return alerts_house.AlertsHouse(tmp_path)


def test_what_channels_raise_is_told_until_a_person_settles_it(house: House) -> None:
    ledger = Ledger(house.folder / "channels.db")
    alarms = Alarms(ledger)
    house.alerting = Alerting(
        "own", house.folder / "alerts.db", house.secrets, (ChannelAlarms(ledger),), house.courier,
        house.clock, clean,
    )  # fmt: skip
    now_ms = house.clock.now_ms()
    figures = {"read_fen": 1000, "floor_fen": 9000}
    alarms.raise_one("tmall", BELOW_FLOOR, now_ms, sku="A", figures=figures, flags=("sku", "A"))
    alarms.raise_one("tmall", ON_SHELF, now_ms, sku="B")
    alarms.raise_one("tmall", UNREADABLE, now_ms)
    told = house.after(1)
    assert [title for way, title in told if way == "phone"] == [
        "ALARM 1: a person must look", "ALARM 2: a person must look", "ALARM 3: note",
    ]  # fmt: skip
    first = house.courier.letters[0]
    assert (
        first.body.splitlines()[0] == "tmall: A costs a buyer 1000 fen there, its floor is 9000 fen"
    )
    escalated = house.after(5.1 * MINUTE_S)
    assert [way for way, _ in escalated] == ["owner", "owner"]  # not for a note
    alarms.settle(1, "boss", "mended there", house.clock.now_ms())
    assert sorted(house.after(1)) == [
        (way, "over 1: a person must look") for way in ("group", "owner", "phone")
    ]


def test_a_watch_that_dies_is_told_of_and_when_it_lives_again(house: House) -> None:
    why = ["the watch said nothing for 20 s"]
    house.alerting = Alerting(
        "own", house.folder / "alerts.db", house.secrets, (), house.courier, house.clock, clean,
        lambda: why[0],
    )  # fmt: skip
    assert house.after(1) == []
    assert house.after(58) == []
    assert [way for way, _ in house.after(2)] == ["group", "phone"]
    assert house.courier.letters[0].body.splitlines()[0] == (
        "nobody watches this shop: the watch said nothing for 20 s"
    )
    assert house.after(2 * MINUTE_S) == []
    assert [way for way, _ in house.after(3.1 * MINUTE_S)] == ["owner"]
    why[0] = ""
    assert {title for _, title in house.after(1)} == {"over 1: a person must look"}
    assert house.after(60 * MINUTE_S) == []
    why[0] = "again"
    house.after(1)
    assert len(house.after(61)) == 2


def test_a_drill_is_escalated_until_it_is_acknowledged_and_then_it_is_over(house: House) -> None:
    outbox = house.alerting.outbox
    house.after(1)
    key = testing_ways.begin_drill(outbox, house.clock.now_ms())
    assert [way for way, _ in house.after(1)] == ["group", "phone"]
    assert [way for way, _ in house.after(5.1 * MINUTE_S)] == ["owner"]
    drill = shown.find_alarm(outbox, key)
    assert drill is not None
    shown.acknowledge(outbox, [drill.id], "7f", "", house.clock.now_ms())
    assert house.after(600 * MINUTE_S) == []
    after = shown.find_alarm(outbox, key)
    assert after is not None
    assert after.state == "resolved"


def test_a_test_reaches_everybody_by_every_way_and_wakes_nobody_twice(house: House) -> None:
    known = house.alerting.recipients()
    house.after(1)
    letter = testing_ways.begin_test(house.alerting.outbox, "own", known, house.clock.now_ms())
    house.courier.fault = lambda letter: "no connection" if letter.way == "owner" else ""
    ways = [way for way, _ in house.after(1)]
    assert ways == ["group", "phone", "phone"]
    found = {
        (one.recipient, one.way): (one.state, one.fault)
        for one in testing_ways.tested(house.alerting.outbox, letter)
    }
    assert found == {
        ("duty-a", "group"): ("sent", ""), ("duty-a", "phone"): ("sent", ""),
        ("duty-b", "phone"): ("sent", ""), ("boss", "owner"): ("due", "no connection"),
    }  # fmt: skip
    house.courier.fault = lambda _: ""
    assert [way for way, _ in house.after(60 * MINUTE_S)] == ["owner"]
    assert house.after(600 * MINUTE_S) == []
