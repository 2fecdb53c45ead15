"""What followers do when something is wrong, turn by turn, with a clock that the test moves."""

import importlib.util
import sqlite3
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tidegate.desk.recovery import recover
from tidegate.engine.snapshot import list_snapshots
from tidegate.followers.process import Fleet, FollowersLock, run_followers
from tidegate.followers.shop import Settings
from tidegate.followers.status import FollowerStatus, Status, read_status, write_status
from tidegate.followers.trees import shop_signer
from tidegate.followers.turns import Pace, Turn
from tidegate.journal.archive import Archive, WholeJournal, prune
from tidegate.journal.heads import newest_head
from tidegate.journal.notes import read_head, signed_by
from tidegate.journal.trees import EventTrees
from tidegate.record.events import events_of
from tidegate.views.file import ask_for_rebuild, open_views
from tidegate.views.shop_views import ShopViews, decided_at_ms
from tidegate.views.stock import stock_cells


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
NO_STOP = threading.Event()  # nobody sets it
NAMES = ["views", "snapshots", "stock", "trees"]


class MovedClock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.at_s = 1_000.0

    def now_ms(self) -> int:
        """In the workload's own time."""
        return 1_792_944_100_000 + int(self.at_s * 1000)

    def monotonic_s(self) -> float:
        """The same in seconds."""
        return self.at_s


class Followed:
    """A store with one shop, and its followers."""

    def __init__(self, store: Path, **settings: float | Pace) -> None:
        self.store = store
        self.shop = made.DecidedShop(store, "tea")
        self.clock = MovedClock()
        self.settings = Settings(capacity=made.CAPACITY, **settings)
        self.fleet = Fleet(store, self.settings, self.clock)

    def go_on(self, seconds: float = 0.0) -> None:
        """Let time pass and everyone who is due take a turn."""
        self.clock.at_s += seconds
        self.fleet.look()
        self.fleet.run_due(NO_STOP)

    def catch_up(self) -> None:
        """Turns until nobody lacks anything."""
        for _ in range(200):
            self.go_on(0.6)
            if all(of.lag_entries == 0 for of in self.status().values()):
                return
        raise AssertionError(self.status())

    def status(self, shop: str = "tea") -> dict[str, FollowerStatus]:
        """Every follower of a shop."""
        return self.fleet.status().shops[shop]

    def turn(self, name: str, shop: str = "tea") -> Turn:
        """One follower's turn."""
        (found,) = [t for t in self.fleet.turns() if (t.shop, t.name) == (shop, name)]
        return found

    def close(self) -> None:
        """End everything."""
        self.fleet.close()
        self.shop.close()


@pytest.fixture
def followed(tmp_path: Path) -> Iterator[Followed]:
    found = Followed(tmp_path)
    yield found
    found.close()


def test_everything_is_followed(followed: Followed, tmp_path: Path) -> None:
    head = followed.shop.decide(5)
    followed.catch_up()
    assert {name: (of.seq, of.error) for name, of in followed.status().items()} == dict.fromkeys(
        NAMES, (head.seq, "")
    )
    assert made.digest_on_disk(followed.shop) == made.digest_from_zero(followed.shop, tmp_path)
    assert made.root_on_disk(followed.shop) == made.root_from_zero(followed.shop, tmp_path)
    state, catalogue = followed.shop.machine.state, followed.shop.machine.catalogue
    connection = open_views(followed.shop.paths.views, "tea")
    assert {(cell.sku, cell.on_hand, cell.committed) for cell in stock_cells(connection)} == {
        (sku, int(state.cells[0, sku]["on_hand"]), int(state.cells[0, sku]["committed"]))
        for sku in range(len(catalogue.skus))
    }
    connection.close()


def test_lag_is_told_in_entries_and_time(followed: Followed) -> None:
    followed.shop.decide(2)
    followed.catch_up()
    first = followed.shop.decide(1)
    followed.shop.decide(3)
    (entry,) = followed.shop.journal.read(first.seq, 1)
    age_ms = followed.clock.now_ms() - decided_at_ms(entry.payload)
    views = followed.status()["views"]
    assert (views.seq, views.lag_entries, views.lag_ms) == (first.seq - 1, 4, age_ms)
    reader = ShopViews(followed.shop.paths.views, followed.shop.reader, lambda *_: (0, 0))
    assert reader.lag(followed.clock.now_ms()) == (4, age_ms)
    assert reader.followed_seq() == first.seq - 1
    reader.close()
    followed.catch_up()
    assert followed.status()["views"].lag_ms == 0


def test_a_new_shop_is_noticed_within_a_second(followed: Followed, tmp_path: Path) -> None:
    followed.catch_up()
    other = made.DecidedShop(tmp_path, "cups", seed=2)
    followed.go_on(1.0)
    followed.go_on(0.0)
    assert followed.status("cups")["views"].seq == other.head.seq
    other.close()


def test_a_shop_in_the_making_is_waited_for(tmp_path: Path) -> None:
    clock = MovedClock()
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


def test_views_that_are_garbage_are_set_aside_and_built_again(
    followed: Followed, tmp_path: Path
) -> None:
    followed.shop.decide(3)
    followed.catch_up()
    followed.turn("views").close()
    followed.turn("stock").close()
    path = followed.shop.paths.views
    path.write_bytes(b"not a database at all" * 1_000)
    followed.go_on(1.0)
    views = followed.status()["views"]
    assert (views.failures, views.error.split(":")[0]) == (1, "WrongDatabase")
    assert followed.fleet.status().faults()[-1].startswith("tea: views failed 1 times in a row")
    assert followed.status()["trees"].failures == 0
    followed.catch_up()
    assert followed.status()["views"].error == ""
    assert path.with_name("views.db.broken").read_bytes().startswith(b"not a database")
    assert made.digest_on_disk(followed.shop) == made.digest_from_zero(followed.shop, tmp_path)


def test_views_with_broken_pages_are_set_aside_and_built_again(
    followed: Followed, tmp_path: Path
) -> None:
    followed.shop.decide(3)
    followed.catch_up()
    followed.turn("views").close()
    followed.turn("stock").close()
    path = followed.shop.paths.views
    pages = bytearray(path.read_bytes())
    pages[4096:] = b"\xa5" * (len(pages) - 4096)
    path.write_bytes(pages)
    followed.shop.decide(3)
    followed.catch_up()
    assert path.with_name("views.db.broken").exists()
    assert made.digest_on_disk(followed.shop) == made.digest_from_zero(followed.shop, tmp_path)


def test_views_of_another_past_are_built_again(followed: Followed, tmp_path: Path) -> None:
    followed.shop.decide(3)
    followed.catch_up()
    root = made.root_on_disk(followed.shop)
    followed.shop.close()
    for name in ("journal.db", "journal.db-wal", "journal.db-shm"):
        (followed.shop.paths.folder / name).unlink(missing_ok=True)
    (tmp_path / "elsewhere").mkdir()
    other = made.DecidedShop(tmp_path / "elsewhere", "tea", seed=9)
    other.decide(2)
    other.close()
    for path in other.paths.folder.glob("journal.db*"):
        path.rename(followed.shop.paths.folder / path.name)
    for _ in range(20):
        followed.go_on(70.0)
    status = followed.status()
    assert status["trees"].error.startswith("RolledBack: entry ")
    assert (status["views"].error, status["views"].seq) == ("", other.head.seq)
    assert made.root_on_disk(followed.shop) == root


def test_a_full_disk_stops_nobody_else_and_passes(followed: Followed, tmp_path: Path) -> None:
    followed.catch_up()
    connection: sqlite3.Connection = followed.turn("views").work._connection
    full = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count={full}")
    followed.shop.decide(40)
    followed.go_on(1.0)
    status = followed.status()
    assert status["views"].error == "OperationalError: database or disk is full"
    assert status["trees"].lag_entries == status["snapshots"].lag_entries == 0
    followed.catch_up()
    assert made.digest_on_disk(followed.shop) == made.digest_from_zero(followed.shop, tmp_path)


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


def test_views_are_built_again_when_somebody_asks(followed: Followed, tmp_path: Path) -> None:
    followed.shop.decide(4)
    followed.catch_up()
    path = followed.shop.paths.views
    before = path.stat().st_ino
    reader = ShopViews(path, followed.shop.reader, lambda *_: (0, 0))
    seq = reader.followed_seq()
    ask_for_rebuild(path)
    followed.go_on(1.0)
    followed.catch_up()
    assert path.stat().st_ino != before
    assert reader.followed_seq() == seq
    reader.close()
    assert sorted(file.name for file in path.parent.glob("views.db*")) == [
        "views.db", "views.db-shm", "views.db-wal",
    ]  # fmt: skip
    assert made.digest_on_disk(followed.shop) == made.digest_from_zero(followed.shop, tmp_path)


def test_views_that_somebody_removed_are_built_again(followed: Followed, tmp_path: Path) -> None:
    followed.shop.decide(4)
    followed.catch_up()
    for suffix in ("-wal", "-shm", ""):
        followed.shop.paths.views.with_name(f"views.db{suffix}").unlink()
    followed.catch_up()
    assert made.digest_on_disk(followed.shop) == made.digest_from_zero(followed.shop, tmp_path)


def test_a_pruned_start_is_read_from_the_archive(followed: Followed, tmp_path: Path) -> None:
    shop = followed.shop
    shop.decide(10)
    archive = Archive(shop.paths.archive, "tea")
    digest, root = made.digest_from_zero(shop, tmp_path), made.root_from_zero(shop, tmp_path)
    archive.extend(shop.journal, shop.head.seq - 3, 1 << 14, all_of_it=True)
    prune(shop.journal, archive, shop.head.seq - 3)
    assert shop.journal.base().seq == shop.head.seq - 3
    followed.catch_up()
    assert made.digest_on_disk(shop) == digest
    assert made.root_on_disk(shop) == root
    shop.journal.close()
    again = Fleet(tmp_path, followed.settings, followed.clock)
    again.look()
    again.run_due(NO_STOP)
    assert again.status().shops["tea"]["views"].seq == shop.head.seq
    again.close()


def test_without_the_archive_a_pruned_start_is_told(followed: Followed, tmp_path: Path) -> None:
    shop = followed.shop
    shop.decide(10)
    archive = Archive(tmp_path / "moved-away", "tea")
    archive.extend(shop.journal, shop.head.seq - 3, 1 << 14, all_of_it=True)
    prune(shop.journal, archive, shop.head.seq - 3)
    followed.go_on(1.0)
    followed.go_on(1.0)
    assert followed.status()["views"].error.startswith("Pruned: entry 1 was pruned")


def test_heads_are_signed_when_the_tree_has_grown(tmp_path: Path) -> None:
    followed = Followed(tmp_path, sign_every_s=10.0, trees=Pace(0.5))
    sizes = []
    followed.catch_up()
    for seconds, grows in ((0.0, False), (11.0, False), (1.0, True), (11.0, True), (11.0, False)):
        if grows:
            followed.shop.decide(1)
        followed.go_on(seconds)
        trees = followed.turn("trees").work._trees
        sizes.append((read_head(newest_head(trees)).size, trees.size))
    first = sizes[0][0]
    assert sizes == [
        (first, first), (first, first), (first + 60, first + 60), (first + 120, first + 120),
        (first + 120, first + 120),
    ]  # fmt: skip
    signer = shop_signer("tea", followed.shop.secrets.signing_key)
    followed.close()
    trees = EventTrees(followed.shop.paths.trees, "tea", followed.shop.secrets.salt_key, events_of)
    assert signed_by(newest_head(trees), signer.verifier)
    trees.close()


def test_a_snapshot_is_what_a_restart_needs(tmp_path: Path) -> None:
    followed = Followed(tmp_path, snapshot_decisions=200)
    followed.shop.decide(12)
    followed.catch_up()
    followed.shop.decide(2)
    followed.fleet.close()
    shop = followed.shop
    whole = WholeJournal(shop.reader(), Archive(shop.paths.archive, "tea"))
    found = recover(whole, shop.paths.snapshots, shop.secrets.table_seed, made.CAPACITY)
    assert (found.snapshot_seq, found.passed_over) == (shop.head.seq - 2, [])
    assert found.machine.digest() == shop.machine.digest()
    assert 1 <= len(list_snapshots(shop.paths.snapshots)) <= 2
    shop.close()


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
