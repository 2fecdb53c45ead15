"""Alarms on disk: each once under its key, in the order in which they came, closed once over."""

import sqlite3
from pathlib import Path

import msgspec
import pytest

from tidegate.watch.alarm_store import AlarmStore, close_alarms_of
from tidegate.watch.alarms import NOTE, PAUSE_SKU, Alarm
from tidegate.watch.watch_file import WatchFile, WatchUnavailable


def alarm(key: str, at_ms: int = 5, level: int = PAUSE_SKU) -> Alarm:
    return Alarm(
        key, at_ms, level, 0, 7, "A", 1, 1, "ab" * 16, 4, 2, 3, 2_500, 15.0, 14.0, "a sentence",
        "一句话",
    )  # fmt: skip


def test_an_alarm_is_kept_once_and_found_again(tmp_path: Path) -> None:
    store = AlarmStore(tmp_path / "watch.db")
    assert [store.record(alarm(key), key) for key in ("one", "two", "one")] == [True, True, False]
    first, second = store.after(0, 10)
    assert (first.id, first.key, first.opened_ms, first.level) == (1, "one", 5, PAUSE_SKU)
    assert (first.sentence, first.chinese, first.first_order) == ("a sentence", "一句话", "ab" * 16)
    assert (first.money_fen, first.state, first.closed_ms, first.switch) == (2_500, "open", 0, "")
    numbers = msgspec.json.decode(first.numbers)
    assert (numbers["hypothesis"], numbers["scope"], numbers["level"]) == (
        "cheap", "sku", "pause_sku",
    )  # fmt: skip
    assert numbers["score"] == 15.0
    assert store.after(first.id, 10) == [second]
    assert store.after(0, 1) == [first]
    assert (store.get(2), store.get(3)) == (second, None)
    assert store.is_known("two")
    store.close()
    assert AlarmStore(tmp_path / "watch.db").list("open") == [second, first]


def test_numbers_are_never_given_twice(tmp_path: Path) -> None:
    store = AlarmStore(tmp_path / "watch.db")
    store.record(alarm("one"), "one")
    with sqlite3.connect(tmp_path / "watch.db") as connection:
        connection.execute("DELETE FROM alarm")
    store.record(alarm("two"), "two")
    assert [found.id for found in store.list()] == [2]


def test_what_is_over_is_closed(tmp_path: Path) -> None:
    file = WatchFile(tmp_path / "watch.db")
    store = AlarmStore(tmp_path / "watch.db", file)
    store.record(alarm("note", 5, NOTE), "note")
    store.record(alarm("late", 50, NOTE), "late")
    with file.changing() as connection:
        connection.execute("UPDATE alarm SET switch = 'sku:A' WHERE key = 'late'")
    assert store.close_notes(40, 60) == 1
    assert [(found.key, found.closed_ms) for found in store.list("closed")] == [("note", 60)]
    with file.changing() as connection:
        close_alarms_of(connection, "sku:A", 70)
    assert [(found.key, found.closed_ms) for found in store.list()] == [("late", 70), ("note", 60)]
    assert store.list("open") == []


def test_a_change_that_fails_leaves_nothing(tmp_path: Path) -> None:
    file = WatchFile(tmp_path / "watch.db")
    AlarmStore(tmp_path / "watch.db", file).record(alarm("one"), "one")

    def half() -> None:
        with file.changing() as connection:
            connection.execute("UPDATE alarm SET closed_ms = 1")
            connection.execute("INSERT INTO nothing VALUES (1)")

    with pytest.raises(WatchUnavailable, match="look at the disk"):
        half()
    assert file.rows("SELECT closed_ms FROM alarm") == [(0,)]
