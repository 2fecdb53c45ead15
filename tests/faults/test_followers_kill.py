"""SIGKILL in the middle of following: afterwards nothing is missing, and nothing is there twice.

The journal goes on meanwhile, as a desk's does. A digest over all content is compared with that of
views which took everything in at once, and so are the trees' root and the folded state.
"""

import importlib.util
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tidegate.desk.recovery import recover
from tidegate.engine.snapshot import list_snapshots
from tidegate.followers.status import read_status
from tidegate.views.file import open_views
from tidegate.views.stock import CELL_FIELDS, stock_cells

WORKER = Path(__file__).with_name("followers_worker.py")
DEADLINE_S = 60.0
SECONDS_MAX = 0.3  # until one is killed
ENTRIES = 3  # decided meanwhile


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
Shop = Any  # a DecidedShop, of a module that is loaded by path


def until(is_so: Callable[[], bool], what: str) -> None:
    """Poll until something is so."""
    ends_s = time.monotonic() + DEADLINE_S
    while not is_so():
        assert time.monotonic() < ends_s, what
        time.sleep(0.01)


class Killed:
    """Starts followers and kills them."""

    def __init__(self, store: Path) -> None:
        self.worker = subprocess.Popen(
            [sys.executable, str(WORKER), str(store)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self.says() == "ready"

    def says(self) -> str:
        """The worker's next line."""
        assert self.worker.stdout is not None
        return self.worker.stdout.readline().strip()

    @contextmanager
    def following(self) -> Iterator[None]:
        """Followers run meanwhile, and are then killed."""
        assert self.worker.stdin is not None
        self.worker.stdin.write("follow\n")
        self.worker.stdin.flush()
        process_id = int(self.says())
        try:
            yield
        finally:
            os.kill(process_id, signal.SIGKILL)
            assert self.says() == "ended"

    def close(self) -> None:
        """End the worker."""
        self.worker.kill()
        self.worker.wait()


def kill_again_and_again(store: Path, rounds: int, seed: int) -> None:
    """Follow, decide on, kill; then follow to the end and compare everything."""
    print(f"seed {seed}")
    lot = random.Random(seed)
    shop = made.DecidedShop(store, "tea")
    killed = Killed(store)
    try:
        stopped_at = set()
        for number in range(rounds):
            with killed.following():
                ends_s = time.monotonic() + lot.random() * SECONDS_MAX
                if number % (rounds // 30) == 0:
                    shop.decide(ENTRIES)
                until(lambda at=ends_s: time.monotonic() >= at, "its time to come")
            stopped_at.add(digest_of(shop))
        assert len(stopped_at) > 10, "most were killed before they did anything"
        with killed.following():
            until(lambda: caught_up(store, shop.head.seq), "followers catch up")
        compare(shop, store)
    finally:
        killed.close()
        shop.close()


def digest_of(shop: Shop) -> str:
    """What the views hold; "" where there are none yet."""
    paths = shop.paths
    return made.digest_on_disk(shop) if paths.views.exists() else ""


def caught_up(store: Path, seq: int) -> bool:
    """Whether every follower has taken everything in."""
    followers = read_status(store).shops.get("tea", {})
    return len(followers) == 4 and all(of.seq == seq for of in followers.values())


def compare(shop: Shop, store: Path) -> None:
    """Views, trees, stock and snapshots against what one pass over the journal gives."""
    assert made.digest_on_disk(shop) == made.digest_from_zero(shop, store)
    assert made.root_on_disk(shop) == made.root_from_zero(shop, store)
    paths, machine = shop.paths, shop.machine
    connection = open_views(paths.views, "tea")
    cells = {(cell.pool, cell.sku): tuple(cell)[2:] for cell in stock_cells(connection)}
    connection.close()
    assert cells == {
        (0, sku): tuple(int(machine.state.cells[0, sku][name]) for name in CELL_FIELDS)
        for sku in range(len(machine.catalogue.skus))
    }
    assert list_snapshots(paths.snapshots)
    found = recover(shop.journal, paths.snapshots, shop.secrets.table_seed, made.CAPACITY)
    assert (found.passed_over, found.snapshot_seq > 0) == ([], True)
    assert found.machine.digest() == machine.digest()


def test_followers_survive_being_killed(tmp_path: Path) -> None:
    kill_again_and_again(tmp_path, rounds=30, seed=20261026)


@pytest.mark.long
def test_followers_survive_being_killed_three_hundred_times(tmp_path: Path) -> None:
    kill_again_and_again(tmp_path, rounds=300, seed=random.randrange(1 << 32))
