"""The loop that tells people: a shop that fails keeps no other waiting, new shops are found."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

from tidegate.access.secrets import open_secrets
from tidegate.desk.clock import SystemClock
from tidegate.followers.alerts import AlertsLoop
from tidegate.store_paths import ShopPaths, StorePaths

DEADLINE_S = 30.0


class Counted:
    """Alerts that only count their turns, or fail."""

    def __init__(self, turns: dict[str, int], name: str) -> None:
        self.turns, self.name = turns, name

    def turn(self) -> int:
        self.turns[self.name] = self.turns.get(self.name, 0) + 1
        if self.name == "broken":
            raise OSError("the disk")
        return 0

    def close(self) -> None:
        self.turns[f"{self.name} closed"] = 1


def until(holds: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + DEADLINE_S
    while not holds():
        assert time.monotonic() < deadline_s, "it never came to hold"
        time.sleep(0.02)


def make(paths: ShopPaths) -> None:
    """A shop with its secrets, as far as this loop looks."""
    paths.folder.mkdir(parents=True)
    open_secrets(paths.secrets, store_is_new=True)


def test_a_shop_that_fails_is_shown_and_keeps_nobody_waiting(tmp_path: Path) -> None:
    store, turns = StorePaths(tmp_path), dict[str, int]()
    for name in ("broken", "well"):
        make(store.shop(name))
    store.shop("unmade").folder.mkdir()

    def opened(name: str, _paths: ShopPaths) -> Counted:
        return Counted(turns, name)

    loop = AlertsLoop(tmp_path, SystemClock(), opened)  # type: ignore[arg-type]
    loop.start()
    until(lambda: turns.get("well", 0) >= 3 and turns.get("broken", 0) >= 2)
    make(store.shop("new"))
    until(lambda: turns.get("new", 0) >= 1)
    shutil.rmtree(store.shop("new").folder)
    until(lambda: "new closed" in turns)
    loop.stop()
    assert "well closed" in turns
    assert "unmade" not in turns
