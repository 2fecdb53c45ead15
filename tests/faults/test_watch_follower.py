"""The watch dies at any entry, with its memory saved or not: each alarm stands on its file once."""

import importlib.util
from pathlib import Path

import pytest

from tidegate.followers.watch import ACT_MS, SAVE_EVERY_MS, STATE_FILE, WatchFollower
from tidegate.journal.follow import RolledBack
from tidegate.journal.memory import MemoryStore
from tidegate.record import facts as f
from tidegate.record.entry import COMMAND, EntryWriter
from tidegate.testing.journals import MemoryHome
from tidegate.watch.alarm_store import AlarmStore
from tidegate.watch.alarms import NOTE
from tidegate.watch.evaluate.stream import Events
from tidegate.watch.latch import Latch
from tidegate.watch.settings import Settings
from tidegate.watch.watch_file import WatchFile

RULES = Path(__file__).resolve().parents[1] / "rules"
spec = importlib.util.spec_from_file_location("watch_shop", RULES / "watch_shop.py")
assert spec is not None
assert spec.loader is not None
shop = importlib.util.module_from_spec(spec)
spec.loader.exec_module(shop)

LOW = Settings(wrong_pauses=1e4, wrong_caps=1e4)
DAYS, PER_DAY = 10, 30


class House:
    """A journal with ten days of orders and a cheap crowd at their end, and a clock."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = MemoryHome(folder)
        self.journal = self.home.writer()
        self.seq = self.journal.claim("desk").seq
        self.now = 1

    def write(self, payload: bytes) -> None:
        self.seq = self.journal.append(self.seq, payload).seq

    def fill(self) -> None:
        writer = EntryWriter()
        fact = f.SkuPut(7, "SEVEN", 1700, 900, 0, 0, 1, 0, 1, [])
        writer.raw(COMMAND, f.encode(f.Envelope(1, 1, 1, 1, 0, 0, fact)))
        self.write(writer.take(shop.START_MS, 1, 1))
        self.orders(shop.weeks(DAYS, PER_DAY))
        self.orders(shop.crowd(shop.START_MS + DAYS * shop.DAY_MS, 12, 1000, 7, 170))

    def orders(self, events: Events) -> None:
        writer = EntryWriter()
        for begin in range(0, len(events.outcomes), 4):
            end = min(begin + 4, len(events.outcomes))
            part = events.between(begin, end)
            writer.orders(part.lines, part.outcomes)
            self.write(writer.take(int(part.at_ms[-1]), 1, 1))

    def follower(self) -> WatchFollower:
        latch = Latch(WatchFile(self.folder / "watch.db"))
        return WatchFollower(self.folder, self.home.reader, lambda: self.now, latch, LOW)


def keys(folder: Path) -> list[str]:
    """The kept alarms' keys, oldest first."""
    store = AlarmStore(folder / "watch.db")
    try:
        return [found.key for found in store.after(0, 1000)]
    finally:
        store.close()


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    house = House(tmp_path_factory.mktemp("whole"))
    house.fill()
    house.follower().step()
    return keys(house.folder)


def test_alarms_are_kept_with_their_codes(expected: list[str], tmp_path: Path) -> None:
    house = House(tmp_path)
    house.fill()
    follower = house.follower()
    found = follower.step()
    assert [alarm.key for alarm in found.alarms] == keys(tmp_path) == expected
    assert "SEVEN" in {alarm.code for alarm in found.alarms}
    assert {action.code for action in found.actions} == {"SEVEN", ""}
    assert (follower.lag(), follower.seq) == (0, house.seq)


def test_what_was_decided_long_ago_is_told_and_stops_nothing(
    expected: list[str], tmp_path: Path
) -> None:
    house = House(tmp_path)
    house.fill()
    house.now = shop.START_MS + DAYS * shop.DAY_MS + 60_000 + ACT_MS
    found = house.follower().step()
    assert [alarm.key for alarm in found.alarms] == expected
    assert {alarm.level for alarm in found.alarms} == {NOTE}
    assert found.actions == []


@pytest.mark.parametrize("saves", [True, False])
def test_a_watch_that_dies_anywhere_loses_no_alarm_and_repeats_none(
    expected: list[str], tmp_path: Path, saves: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tidegate.followers.watch.STEP_BYTES", 6_000)
    house = House(tmp_path)
    house.fill()
    follower = house.follower()
    for step in range(200):
        follower.step()
        if follower.lag() == 0:
            break
        house.now += SAVE_EVERY_MS if saves else 1
        if step % 3 == 2:
            follower.close()  # and nothing else: as if it had been killed
            if not saves:
                (tmp_path / STATE_FILE).unlink(missing_ok=True)
                monkeypatch.setattr("tidegate.followers.watch.STEP_BYTES", 6_000 * (step + 2))
            follower = house.follower()
    assert follower.lag() == 0
    assert sorted(keys(tmp_path)) == sorted(expected)
    assert len(expected) > 5


def test_a_damaged_memory_begins_anew(expected: list[str], tmp_path: Path) -> None:
    house = House(tmp_path)
    house.fill()
    (tmp_path / STATE_FILE).write_bytes(b"TGWS" + bytes(100))
    house.follower().step()
    assert keys(tmp_path) == expected


def test_a_memory_of_another_past_is_removed(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.fill()
    first = house.follower()
    first.step()
    first.save()
    house.home.store = MemoryStore("shop-1")
    with pytest.raises(RolledBack):
        house.follower().step()
    assert not (tmp_path / STATE_FILE).exists()
