"""What followers do when something is wrong, turn by turn, with a clock that the test moves."""

import importlib.util
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tidegate.desk.recovery import recover
from tidegate.engine.snapshot import list_snapshots
from tidegate.followers.process import Fleet
from tidegate.followers.trees import shop_signer
from tidegate.followers.turns import Pace
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
Followed, NAMES, NO_STOP = made.Followed, made.NAMES, made.NO_STOP


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


def test_history_does_not_count_as_lag_of_years(followed: Followed) -> None:
    followed.clock.at_s += 40 * 86_400
    followed.shop.decide(1)
    followed.catch_up()
    followed.shop.decide(2)
    waits = [0.0, 3.0, 4.0]
    told = []
    for seconds in waits:
        followed.clock.at_s += seconds
        told.append((followed.status()["views"].lag_entries, followed.status()["views"].lag_ms))
    assert told == [(2, 0), (2, 3_000), (2, 7_000)]
    followed.catch_up()
    assert followed.status()["views"].lag_ms == 0


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
    assert followed.status()["views"].error.startswith(
        f"ArchiveMissing: entries 1 to {shop.head.seq - 3} are neither in the journal nor in its"
    )


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
