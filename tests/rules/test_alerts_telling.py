"""Who is told of an alarm, when, and until when: escalated until a person has acknowledged it."""

import importlib.util
import sqlite3
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tidegate.watch.alarms import CAP, NOTE, PAUSE_SHOP
from tidegate.watch.alerts import shown
from tidegate.watch.alerts.planning import LETTERS_MAX
from tidegate.watch.alerts.recipients import write_recipients

spec = importlib.util.spec_from_file_location(
    "alerts_house", Path(__file__).with_name("alerts_house.py")
)
assert spec is not None
assert spec.loader is not None
alerts_house = importlib.util.module_from_spec(spec)
spec.loader.exec_module(alerts_house)

AlertsHouse = Any  # alerts_house.py has the class
MINUTE_S, TUESDAY_MS = alerts_house.MINUTE_S, alerts_house.TUESDAY_MS
TWO_LEVELS = alerts_house.TWO_LEVELS


@pytest.fixture
def house(tmp_path: Path) -> AlertsHouse:
    return alerts_house.AlertsHouse(tmp_path)


RAISED = "ALARM 1: SKU paused"
ESCALATED = "ALARM, NOT ACKNOWLEDGED 1: SKU paused"


def test_an_alarm_is_told_once_and_escalated_until_it_is_acknowledged(house: AlertsHouse) -> None:
    house.alarm("one")
    assert house.after(1) == [("group", RAISED), ("phone", RAISED)]
    assert house.after(4.9 * MINUTE_S) == []
    assert house.after(0.2 * MINUTE_S) == [("owner", ESCALATED)]
    assert house.after(29.9 * MINUTE_S) == []
    again = [("group", ESCALATED), ("phone", ESCALATED), ("owner", ESCALATED)]
    assert house.after(0.2 * MINUTE_S) == again
    assert shown.acknowledge(house.alerting.outbox, [1], "7f", "looking", 5) == 1
    assert house.after(10 * 60 * MINUTE_S) == []
    found = shown.find_alarm(house.alerting.outbox, "one")
    assert found is not None
    assert (found.state, found.acknowledged_by, found.note) == ("acknowledged", "7f", "looking")
    story = shown.story_of(house.alerting.outbox, found)
    assert [(line.what, line.step, line.told) for line in story.history] == [
        ("opened", -1, ""), ("raised", 0, "duty-a"), ("escalated", 1, "boss"),
        ("escalated", 2, "duty-a, boss"), ("acknowledged", -1, ""),
    ]  # fmt: skip
    assert {message.state for message in story.messages} == {"sent"}
    assert story.numbers["hypothesis"] == "cheap"


def test_an_end_is_told_once_to_whoever_was_told(house: AlertsHouse) -> None:
    house.alarm("one")
    house.after(1)
    house.over("one")
    assert house.after(1) == [("group", "over 1: SKU paused"), ("phone", "over 1: SKU paused")]
    assert house.after(60 * MINUTE_S) == []


def test_what_was_over_before_it_was_carried_leads_to_its_end_alone(house: AlertsHouse) -> None:
    house.courier.fault = lambda _: "the receiver answered 500"
    house.alarm("one")
    assert house.after(1) == []
    house.over("one")
    house.after(1)
    house.courier.fault = lambda _: ""
    assert house.after(20 * MINUTE_S) == [
        ("group", "over 1: SKU paused"), ("phone", "over 1: SKU paused"),
    ]  # fmt: skip


def test_the_rota_turns_at_its_hour(house: AlertsHouse) -> None:
    house.clock.forward(6 * 86_400 - 3_601)  # Monday, one second before nine
    house.alarm("one")
    assert [way for way, _ in house.after(0)] == ["group", "phone"]
    house.alarm("two")
    assert [way for way, _ in house.after(1)] == ["phone"]


def test_notes_are_told_and_never_escalated(house: AlertsHouse) -> None:
    house.alarm("one", NOTE)
    assert house.after(1) == [("group", "ALARM 1: note"), ("phone", "ALARM 1: note")]
    assert house.after(600 * MINUTE_S) == []
    assert shown.status_of(house.alerting.outbox, 0).unacknowledged == 0


def test_the_same_thing_again_is_the_same_alert(house: AlertsHouse) -> None:
    house.alarm("cheap-sku-7-1-100")
    assert len(house.after(1)) == 2
    house.alarm("cheap-sku-7-1-700000")
    assert house.after(1) == []
    house.alarm("cheap-sku-8-1-700000")
    assert len(house.after(1)) == 2  # another SKU is another thing
    house.alarm("cheap-sku-7-1-900000", PAUSE_SHOP)
    assert len(house.after(1)) == 2  # and so is a worse alarm
    first = shown.find_alarm(house.alerting.outbox, "1")
    assert first is not None
    assert (first.repeats, first.state) == (1, "open")
    shown.acknowledge(house.alerting.outbox, [1, 4], "7f", "", 5)
    house.alarm("cheap-sku-7-1-1000000")
    assert house.after(29 * MINUTE_S) == [("owner", "ALARM, NOT ACKNOWLEDGED 3: SKU paused")]
    house.clock.forward(2 * MINUTE_S)
    house.alerting.turn()
    house.alarm("cheap-sku-7-1-2000000")
    titles = [title for _, title in house.after(1)]
    assert "ALARM 6: SKU paused" in titles  # acknowledged half an hour ago is long ago


def test_an_alert_that_tells_of_others_is_over_when_they_are(house: AlertsHouse) -> None:
    house.alarm("cheap-sku-7-1-100")
    house.alarm("cheap-sku-7-1-200")
    house.after(1)
    house.over("cheap-sku-7-1-100")
    assert house.after(1) == []
    house.over("cheap-sku-7-1-200")
    assert house.after(2) == [("group", "over 1: SKU paused"), ("phone", "over 1: SKU paused")]


def test_where_nobody_can_be_reached_the_next_level_is_told_at_once(house: AlertsHouse) -> None:
    house.courier.fault = lambda letter: "no connection" if letter.way != "owner" else ""
    house.alarm("one")
    assert house.after(1) == []
    assert house.after(6) == []
    assert house.after(11) == [("owner", ESCALATED)]  # 16 s instead of 5 minutes
    status = shown.status_of(house.alerting.outbox, house.clock.now_ms())
    assert (status.unacknowledged, status.undelivered, status.sending) == (1, 2, True)
    assert status.oldest_unacknowledged_ms == TUESDAY_MS


def test_a_way_that_fails_is_tried_ever_more_slowly_for_a_day(house: AlertsHouse) -> None:
    tries: list[float] = []

    def fault(letter: object) -> str:
        tries.append(house.clock.monotonic_s())
        return "no connection"

    house.courier.fault = fault
    house.alarm("one", NOTE)
    for _ in range(23 * 60):
        house.after(60)
    of_one = tries[::2]
    waits = [later - earlier for earlier, later in pairwise(of_one)]
    assert waits[:9] == [60, 60, 60, 60, 120, 180, 360, 600, 600]  # 5 s, doubled; turns of 60 s
    assert set(waits[9:]) == {600}
    status = shown.status_of(house.alerting.outbox, house.clock.now_ms())
    assert (status.undelivered, status.given_up) == (2, 0)
    for _ in range(80):
        house.after(60)
    status = shown.status_of(house.alerting.outbox, house.clock.now_ms())
    assert (status.undelivered, status.given_up) == (0, 2)


def test_ten_thousand_alarms_are_few_letters(house: AlertsHouse) -> None:
    with house.file.changing() as connection:
        connection.executemany(
            "INSERT INTO alarm (key, opened_ms, level, sentence, chinese, numbers, first_order,"
            " money_fen, switch) VALUES (?, ?, ?, 'flood', '', '{}', '', ?, '')",
            [(f"flood-{n}-x", TUESDAY_MS, CAP + n % 2, n) for n in range(10_000)],
        )
    for _ in range(25):
        house.alerting.turn()
        house.clock.forward(0.5)
    titles = {letter.title for letter in house.courier.letters}
    assert len(titles) <= LETTERS_MAX
    house.after(61)
    house.after(61)
    told = [letter for letter in house.courier.letters if letter.way == "phone"]
    assert len(told) <= LETTERS_MAX + 2
    outbox = house.alerting.outbox
    assert outbox.count("SELECT count(*) FROM alert WHERE step >= 0") == 10_000
    assert outbox.count("SELECT sum(alerts) FROM letter WHERE kind = 'raised'") == 10_000
    until = shown.unacknowledged_until(outbox, 10_000)
    assert shown.acknowledge(outbox, until, "7f", "all one thing", 5) == 10_000
    assert house.after(600 * MINUTE_S) == []


def test_the_worst_of_a_flood_are_named_first(house: AlertsHouse) -> None:
    for number in range(20):
        house.alarm(f"a-{number}-x", CAP, fen=number)
    house.alarm("worst", PAUSE_SHOP, text="shop: everything at a tenth")
    told = house.after(1)
    assert told[0] == ("group", "ALARM 21: shop stopped")
    assert told[2] == ("group", "ALARM 20: cap: one unit an order")
    (digest,) = [one for one in house.courier.letters if "in one message" in one.title][:1]
    assert digest.title == "[own] ALARM: 18 alarms in one message"
    assert digest.body.splitlines()[0] == "18 × cap: one unit an order"
    assert digest.body.splitlines()[-1] == "acknowledge: tidegate watch ack --until 18 --shop own"


def test_an_alarm_of_last_week_wakes_nobody_twice(house: AlertsHouse) -> None:
    house.alarm("old")
    house.clock.forward(2 * 86_400)
    assert len(house.after(1)) == 2
    assert house.after(600 * MINUTE_S) == []


def test_nothing_personal_leaves(house: AlertsHouse) -> None:
    house.alarm("one", text="promotion 13812345678: asked by buyer@example.com " + "x" * 500)
    house.after(1)
    (letter, _) = house.courier.letters
    assert "13812345678" not in letter.body
    assert "example.com" not in letter.body
    assert letter.body.startswith("promotion [phone]: asked by [email] xxx")
    assert len(letter.body) < 600


def test_without_recipients_alarms_wait_and_the_status_says_so(tmp_path: Path) -> None:
    house = alerts_house.AlertsHouse(tmp_path, recipients=None)
    house.alarm("one")
    assert house.after(1) == []
    status = shown.status_of(house.alerting.outbox, house.clock.now_ms())
    assert (status.open, status.levels) == (1, 0)
    assert status.fault.startswith("nobody is told")
    write_recipients(house.secrets, TWO_LEVELS)
    assert house.after(3) == [("group", RAISED), ("phone", RAISED)]
    assert shown.status_of(house.alerting.outbox, house.clock.now_ms()).fault == ""


def test_a_slip_of_the_pen_silences_nobody(house: AlertsHouse) -> None:
    house.after(1)
    path = house.secrets / "alerts.toml"
    path.write_text("[ways\n")
    house.alarm("one")
    assert house.after(3) == [("group", RAISED), ("phone", RAISED)]
    status = shown.status_of(house.alerting.outbox, house.clock.now_ms())
    assert status.fault.startswith("not TOML: at line 1")


@pytest.mark.parametrize("step_s", [-3_600, 3_600, -400 * 86_400])
def test_a_clock_that_is_put_changes_no_wait(house: AlertsHouse, step_s: int) -> None:
    house.alarm("one")
    house.after(1)
    house.clock.wall_ms += step_s * 1000
    assert house.after(4.9 * MINUTE_S) == []
    assert house.after(0.2 * MINUTE_S) == [("owner", ESCALATED)]


def test_a_clock_put_back_over_a_restart_escalates_all_the_same(house: AlertsHouse) -> None:
    house.alarm("one")
    house.after(1)
    house.clock.wall_ms -= 86_400_000
    house.restart()
    assert house.after(5.1 * MINUTE_S) == [("owner", ESCALATED)]


def test_a_letter_whose_end_nobody_saw_goes_again_under_its_key(house: AlertsHouse) -> None:
    house.alarm("one")
    house.alerting.turn()  # carried; its end is not noted
    first = [letter.key for letter in house.courier.letters]
    house.restart()
    house.after(0)
    assert [letter.key for letter in house.courier.letters] == first
    assert first[0] != first[1]
    house.restart()
    assert house.after(1) == []


def test_keys_are_the_same_after_the_outbox_was_lost(house: AlertsHouse) -> None:
    house.alarm("one")
    house.after(1)
    first = [letter.key for letter in house.courier.letters]
    house.alerting.close()
    for path in house.folder.glob("alerts.db*"):
        path.unlink()
    house.restart()
    house.after(1)
    assert [letter.key for letter in house.courier.letters] == first


def test_acknowledging_what_is_not_there_changes_nothing(house: AlertsHouse) -> None:
    outbox = house.alerting.outbox
    assert shown.acknowledge(outbox, [1, -1, 2**62], "7f", "", 5) == 0
    assert shown.find_alarm(outbox, "1") is None
    assert shown.find_alarm(outbox, "no-such") is None
    assert shown.find_alarm(outbox, "9" * 40) is None
    house.alarm("one")
    house.after(1)
    assert shown.acknowledge(outbox, [1], "7f", "first", 5) == 1
    assert shown.acknowledge(outbox, [1], "8e", "second", 6) == 0
    found = shown.find_alarm(outbox, "1")
    assert found is not None
    assert (found.acknowledged_by, found.note) == ("7f", "first")


def test_a_source_that_fails_is_shown_and_keeps_nobody_waiting(house: AlertsHouse) -> None:
    house.alarm("one")
    house.after(1)
    with sqlite3.connect(house.folder / "watch.db") as connection:
        connection.execute("ALTER TABLE alarm RENAME TO gone")
    assert house.after(5.1 * MINUTE_S) == [("owner", ESCALATED)]
    status = shown.status_of(house.alerting.outbox, house.clock.now_ms())
    assert status.fault.startswith("watch: WatchUnavailable: watch.db: no such table")


def test_the_oldest_that_are_over_are_forgotten_and_never_taken_again(house: AlertsHouse) -> None:
    for number in range(6):
        house.alarm(f"a-{number}-x")
        house.after(61)
        if number < 5:
            house.over(f"a-{number}-x")
            house.after(61)
    outbox = house.alerting.outbox
    assert outbox.forget(most=5) == 0
    assert outbox.forget(most=2) == 3
    assert [alarm.key for alarm in shown.list_alarms(outbox)] == ["a-5-x", "a-4-x", "a-3-x"]
    assert outbox.count("SELECT min(alert) FROM covered") == 4
    assert outbox.count("SELECT count(*) FROM letter") == 5  # raised and over twice, raised once
    assert outbox.count("SELECT count(*) FROM message") == 10
    house.restart()
    assert house.after(1) == []
    assert len(shown.list_alarms(house.alerting.outbox)) == 3


def test_alarms_of_a_file_that_was_put_back_are_told_all_the_same(house: AlertsHouse) -> None:
    for number in range(3):
        house.alarm(f"before-{number}-x")
    house.after(1)
    with house.file.changing() as connection:  # an older backup: the newest two were never there
        connection.execute("DELETE FROM alarm WHERE id > 1")
        connection.execute("UPDATE sqlite_sequence SET seq = 1")
    house.after(1)
    house.alarm("after-x")
    (title,) = [title for way, title in house.after(1) if way == "phone"]
    new = shown.find_alarm(house.alerting.outbox, "after-x")
    assert new is not None
    assert title == f"ALARM {new.id}: SKU paused"
    states = {alarm.key: alarm.state for alarm in shown.list_alarms(house.alerting.outbox)}
    assert states == {
        "after-x": "open", "before-2-x": "resolved", "before-1-x": "resolved", "before-0-x": "open",
    }  # fmt: skip
