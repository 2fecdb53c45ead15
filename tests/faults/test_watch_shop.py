"""One shop's watch from its parts: what is announced counts before anything is read again.

Always the real follower, files and breaker; the desk is one that only listens.
"""

import importlib.util
from pathlib import Path
from types import ModuleType

from tidegate.followers.watch_shop import Clock, WatchShop
from tidegate.store_paths import ShopPaths
from tidegate.watch.acting import InForce
from tidegate.watch.alarm_store import AlarmStore
from tidegate.watch.announcements import Announcement, AnnouncementStore
from tidegate.watch.breaker import Action
from tidegate.watch.heartbeat import read_beat
from tidegate.watch.latch import Latch
from tidegate.watch.watch_file import WatchFile


def beside(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


follower = beside("test_watch_follower")
shop = follower.shop


class Desk:
    """Does what it is told, once it is told by both ways."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.now: dict[tuple[str, str], InForce] = {}

    def act(self, action: Action) -> None:
        self.asked = [*self.asked, action.id]
        paused = action.kind == "pause"
        self.now[action.target, action.code] = InForce(True, paused, 1, 9 if paused else 1)

    def in_force(self, target: str, code: str) -> InForce:
        return self.now.get((target, code), InForce(True, False, 1, 9))


class Watched:
    """A house of the follower's tests, as the watch's process would look after it."""

    def __init__(self, folder: Path) -> None:
        self.house = follower.House(folder)
        self.desk, self.at_s = Desk(), 100.0
        self.paths = ShopPaths(folder)

    def open(self) -> WatchShop:
        clock = Clock(lambda: self.house.now, lambda: self.at_s)
        desks = (self.desk, self.desk)
        return WatchShop(self.paths, self.house.home.reader, clock, desks, follower.LOW)

    def read_all(self) -> WatchShop:
        watched = self.open()
        watched.step()
        while watched.follower.lag():
            self.at_s += 1.0
            watched.step()
        return watched


def test_a_pause_is_asked_for_and_kept_and_a_beat_says_so(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    watched.house.fill()
    done = watched.read_all()
    assert watched.desk.now["sku", "SEVEN"].paused
    breaker = Latch(WatchFile(watched.paths.watch)).breaker()
    assert {s.phase for s in breaker.switches.values()} == {"open"}
    assert all(switch.action is None for switch in breaker.switches.values())
    beat = read_beat(tmp_path)
    assert beat is not None
    assert (beat.seq, beat.lag_entries, beat.monotonic_s) == (done.seq, 0, 100.0)
    assert (beat.switches, beat.alarms) == (len(breaker.switches), len(follower.keys(tmp_path)))
    done.close()


def test_what_is_announced_counts_for_what_is_read_again_after_a_restart(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    watched.house.fill()
    file = WatchFile(watched.paths.watch)
    begin, end = shop.START_MS, shop.START_MS + (shop.DAYS + 9) * shop.DAY_MS
    entry = Announcement("sku", "", begin, end, rate=1e5, price=0.05, units=1e3)
    watched.house.now = begin
    AnnouncementStore(file).put(entry, 11, begin)
    watched.read_all().close()
    cheap = [key for key in follower.keys(tmp_path) if key.startswith(("cheap", "rush"))]
    assert cheap == []
    assert AlarmStore(watched.paths.watch, file).newest() < 10
