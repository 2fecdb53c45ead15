"""Archiving in a served shop: what may go goes, and nothing goes that somebody may still need.

Always a real journal on disk, real followers and real snapshots; time stands still until moved.
"""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tidegate.bootstrap.archiving import LOW_DISK_BYTES, Archived, ShopArchiving
from tidegate.bootstrap.following import reader_of
from tidegate.desk.notes import SnapshotNotes
from tidegate.desk.recovery import recover
from tidegate.engine.snapshot import list_snapshots, read_snapshot_head
from tidegate.followers.status import FollowerStatus, Status
from tidegate.journal.archive import ArchivePolicy
from tidegate.journal.segment import segments_in
from tidegate.record.facts import Note


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
POLICY = ArchivePolicy(keep_entries=10, segment_bytes=1, snapshot_margin_entries=3)


class Stop(Exception):
    """The server stops."""


def breathe() -> None:
    """Nobody waits."""


class Archiving:
    """A followed shop and what archives it."""

    def __init__(self, store: Path) -> None:
        self.followed = made.Followed(store, snapshot_decisions=120)
        self.shop = self.followed.shop
        self.free = 1 << 40
        paths, journal = self.shop.paths, self.shop.journal
        self.notes = SnapshotNotes(
            reader_of(paths, "tea"), paths.snapshots, self.followed.clock.monotonic_s
        )
        self.archiving = ShopArchiving(
            "tea", paths, journal, self.notes, POLICY, lambda _: self.free
        )

    def step(self, status: Status | None = None) -> Archived:
        """One step; by default with what the followers say now."""
        found = self.followed.fleet.status() if status is None else status
        self.archiving.step(found, self.followed.clock.now_ms(), breathe)
        return self.archiving.state

    def confirm(self) -> int:
        """Have the newest snapshot noted in the journal; its sequence."""
        note = self.notes.step()
        assert note is not None
        self.shop.machine.note(note)
        self.shop.head = self.shop.journal.append(self.shop.head.seq, self.shop.machine.finish())
        assert self.notes.step() is None
        self.followed.catch_up()
        return int(note.seq)

    def waits_for(self, status: Status | None = None) -> str:
        """What a step waits for, nothing having gone."""
        state = self.step(status)
        assert (state.journal_first_seq, self.shop.journal.base().seq) == (1, 0)
        return str(state.waits_for)


@pytest.fixture
def tea(tmp_path: Path) -> Iterator[Archiving]:
    """Forty entries, all followed; the last snapshot is not noted yet."""
    found = Archiving(tmp_path)
    found.shop.decide(40)
    found.followed.catch_up()
    yield found
    found.archiving.close()
    found.followed.close()


def test_as_much_goes_as_policy_snapshot_and_followers_let_go(tea: Archiving) -> None:
    snapshot_seq = tea.confirm()
    state = tea.step()
    head_seq = tea.shop.head.seq
    last = min(head_seq - 10, snapshot_seq - 3)
    assert tea.shop.journal.base().seq == last
    size = sum(segment.path.stat().st_size for segment in segments_in(tea.shop.paths.archive))
    assert state == Archived(last + 1, last, last, size, "")
    assert tea.step() == state  # and no more until something changes
    again = recover(
        reader_of(tea.shop.paths, "tea"),
        tea.shop.paths.snapshots,
        tea.shop.secrets.table_seed,
        made.CAPACITY,
    )
    assert (again.snapshot_seq, again.machine.digest()) == (
        snapshot_seq,
        tea.shop.machine.digest(),
    )


def test_the_archive_may_be_a_link_to_another_disk(tea: Archiving, tmp_path: Path) -> None:
    elsewhere = tmp_path / "another-disk"
    elsewhere.mkdir()
    tea.shop.paths.archive.symlink_to(elsewhere)
    tea.confirm()
    archived_seq = tea.step().archived_seq
    assert len(segments_in(elsewhere)) == archived_seq == tea.shop.journal.base().seq
    assert len(reader_of(tea.shop.paths, "tea").read(1)) == archived_seq


def test_the_slowest_follower_holds_it(tea: Archiving) -> None:
    tea.confirm()
    status = tea.followed.fleet.status()
    slow = status.shops["tea"] | {"trees": FollowerStatus(7, 9, 9)}
    tea.step(Status(status.written_ms, 1, {"tea": slow}))
    assert tea.shop.journal.base().seq == 7


def test_nothing_goes_before_a_snapshot_stands_in_the_journal(tea: Archiving) -> None:
    assert tea.waits_for() == "the next snapshot whose digest stands in the journal"
    head = read_snapshot_head(list_snapshots(tea.shop.paths.snapshots)[-1])
    tea.shop.machine.note(Note("snapshot", head.seq, "another digest"))
    tea.shop.head = tea.shop.journal.append(tea.shop.head.seq, tea.shop.machine.finish())
    assert tea.notes.step() == Note("snapshot", head.seq, head.digest)
    assert tea.notes.step() is None  # asked for already
    tea.followed.clock.at_s += 30.0
    assert tea.notes.step() == Note("snapshot", head.seq, head.digest)  # lost with its batch
    tea.followed.catch_up()
    assert tea.waits_for() == "the next snapshot whose digest stands in the journal"


def test_nothing_goes_while_a_follower_is_unknown(tea: Archiving) -> None:
    tea.confirm()
    status = tea.followed.fleet.status()
    known = status.shops["tea"]
    without = {name: one for name, one in known.items() if name != "trees"}
    opening = known | {"views": FollowerStatus(0, 99, 9, 3, "OSError: no such disk")}
    assert tea.waits_for(Status()) == "the followers, which do not run"
    assert tea.waits_for(Status(status.written_ms - 5_001, 1, {"tea": known})) == (
        "the followers, which do not run"
    )
    assert tea.waits_for(Status(status.written_ms, 1, {})) == (
        "the follower views, of which nothing is known"
    )
    assert tea.waits_for(Status(status.written_ms, 1, {"tea": without})) == (
        "the follower trees, of which nothing is known"
    )
    assert tea.waits_for(Status(status.written_ms, 1, {"tea": opening})) == (
        "the follower views, which is at entry 0"
    )


def test_archiving_never_takes_the_room_that_orders_need(tea: Archiving) -> None:
    tea.confirm()
    tea.free = LOW_DISK_BYTES
    assert tea.waits_for() == "room on the archive's disk: 1024 MiB free, 1024 needed"
    assert segments_in(tea.shop.paths.archive) == []
    tea.free = LOW_DISK_BYTES + 1
    assert tea.step().waits_for == ""


def test_a_stop_in_the_middle_leaves_the_rest_for_the_next_time(tea: Archiving) -> None:
    tea.confirm()
    taken = 0

    def stop_at_the_fifth() -> None:
        nonlocal taken
        taken += 1
        if taken == 5:
            raise Stop

    status, now_ms = tea.followed.fleet.status(), tea.followed.clock.now_ms()
    with pytest.raises(Stop):
        tea.archiving.step(status, now_ms, stop_at_the_fifth)
    assert len(segments_in(tea.shop.paths.archive)) == 5
    assert tea.shop.journal.base().seq == 0
    tea.step()
    assert tea.shop.journal.base().seq == tea.archiving.state.archived_seq > 5


def test_a_lost_file_of_the_archive_stops_it(tea: Archiving) -> None:
    tea.confirm()
    tea.step()
    segments_in(tea.shop.paths.archive)[3].path.unlink()
    base = tea.shop.journal.base()
    tea.shop.decide(20)
    tea.followed.go_on(1.0)
    with pytest.raises(Exception, match="entries 4 to 4 are neither in the journal nor in its"):
        tea.step()
    assert tea.shop.journal.base() == base
