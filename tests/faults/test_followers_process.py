"""Followers as one process: new shops, retries, the lock, the status that doors read."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tidegate.followers.process import Fleet, FollowersLock, run_followers
from tidegate.followers.shop import Settings
from tidegate.followers.status import FollowerStatus, Status, read_status, write_status


def load(name: str) -> ModuleType:
    """A module of this folder."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


made = load("followers_shop")
Followed, NAMES, NO_STOP = made.Followed, made.NAMES, made.NO_STOP


@pytest.fixture
def followed(tmp_path: Path) -> Iterator[Followed]:
    found = Followed(tmp_path)
    yield found
    found.close()


def test_a_new_shop_is_noticed_within_a_second(followed: Followed, tmp_path: Path) -> None:
    followed.catch_up()
    other = made.DecidedShop(tmp_path, "cups", seed=2)
    followed.go_on(1.0)
    followed.go_on(0.0)
    assert followed.status("cups")["views"].seq == other.head.seq
    other.close()


def test_a_shop_in_the_making_is_waited_for(tmp_path: Path) -> None:
    clock = made.MovedClock()
    fleet = Fleet(tmp_path, Settings(capacity=made.CAPACITY), clock)
    folder = tmp_path / "shops" / "tea"
    folder.mkdir(parents=True)
    fleet.look()
    fleet.run_due(NO_STOP)
    assert fleet.status().shops == {"tea": {name: FollowerStatus(0, 0, 0) for name in NAMES}}
    assert list(folder.iterdir()) == []
    folder.rmdir()
    clock.at_s += 1.0
    fleet.look()
    assert fleet.status().shops == {}


def test_a_follower_that_keeps_failing_is_tried_ever_more_seldom(
    followed: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    followed.catch_up()
    turn = followed.turn("trees")

    def fail() -> None:
        raise OSError("no such disk")

    monkeypatch.setattr(turn.work, "step", fail)
    monkeypatch.setattr(turn, "_open", fail)
    waits = []
    for _ in range(10):
        followed.clock.at_s = max(followed.clock.at_s, turn.due_s)
        followed.fleet.run_due(NO_STOP)
        waits.append(round(turn.due_s - followed.clock.at_s, 6))
    assert waits == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0]
    assert (turn.failures, turn.error) == (10, "OSError: no such disk")


def test_one_process_follows_a_store(followed: Followed, tmp_path: Path) -> None:
    first = FollowersLock(tmp_path)

    class Stop:
        """A stop that is set while one waits for the lock."""

        waited = 0

        def wait(self, seconds: float) -> bool:
            """Count how often."""
            assert seconds > 0
            self.waited += 1
            return self.waited == 3

    stop: Any = Stop()
    assert first.wait(stop)
    run_followers(tmp_path, stop, followed.clock)
    assert stop.waited == 3
    assert not (followed.shop.paths.views).exists()
    first.release()


def test_two_that_follow_one_file_are_noticed(followed: Followed) -> None:
    followed.shop.decide(2)
    followed.catch_up()
    other = Fleet(followed.store, followed.settings, followed.clock)
    other.look()
    other.run_due(NO_STOP)
    followed.shop.decide(1)
    followed.go_on(1.0)
    followed.clock.at_s += 1.0
    other.run_due(NO_STOP)
    assert other.status().shops["tea"]["views"].error == (
        "ViewsMoved: two processes follow this store: stop one of them"
    )
    other.close()


def test_the_status_is_read_whole_or_not_at_all(tmp_path: Path) -> None:
    assert read_status(tmp_path) == Status()
    assert Status().is_stale(1_792_944_000_000)
    status = Status(5_000, 7, {"tea": {"views": FollowerStatus(3, 4, 5, 1, "OSError: disk")}})
    write_status(tmp_path, status)
    assert read_status(tmp_path) == status
    assert status.of("tea", "views") == FollowerStatus(3, 4, 5, 1, "OSError: disk")
    assert status.of("tea", "trees") is status.of("cups", "views") is None
    assert (status.is_stale(10_000), status.is_stale(10_001)) == (False, True)
    assert status.faults() == ["tea: views failed 1 times in a row: OSError: disk"]
    (tmp_path / "followers.json").write_bytes(b'{"written_ms": 1, "shops": ')
    assert read_status(tmp_path) == Status()
