"""A file of the archive is gone: whoever needs it says which entries, and what to put back.

Always a real journal on disk, archived and pruned; nobody takes a gap for the end.
"""

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tidegate.bootstrap.following import reader_of
from tidegate.desk.recovery import recover
from tidegate.desk.verify import verify
from tidegate.engine.snapshot import SnapshotRefused, write_snapshot
from tidegate.journal.archive import Archive, prune
from tidegate.journal.follow import entries_after
from tidegate.journal.protocol import ArchiveMissing
from tidegate.journal.segment import Segment, segments_in


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
DecidedShop, CAPACITY = made.DecidedShop, made.CAPACITY


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[DecidedShop]:
    """Decided, archived and pruned but for the last three entries."""
    found = DecidedShop(tmp_path, "tea")
    found.decide(12)
    archive = Archive(found.paths.archive, "tea")
    archive.extend(found.journal, found.head.seq - 3, 1 << 14, all_of_it=True)
    prune(found.journal, archive, found.head.seq - 3)
    yield found
    found.close()


def segments(shop: DecidedShop) -> list[Segment]:
    """The archive's files, at least three."""
    found = segments_in(shop.paths.archive)
    assert len(found) >= 3
    return found


def told(shop: DecidedShop) -> str:
    """What `verify` says."""
    return str(verify(reader_of(shop.paths, "tea"), shop.secrets.table_seed, CAPACITY).sentence())


@pytest.mark.parametrize(
    "lost",
    [
        pytest.param(lambda found: found[1:2], id="in the middle"),
        pytest.param(lambda found: found[-1:], id="at the end"),
    ],
)
def test_a_gap_is_an_error_that_names_it(
    shop: DecidedShop, lost: Callable[[list[Segment]], list[Segment]]
) -> None:
    (gone,) = lost(segments(shop))
    content = gone.path.read_bytes()
    gone.path.unlink()
    says = (
        f"entries {gone.first_seq} to {gone.last_seq} are neither in the journal nor in its"
        f" archive ({shop.paths.archive}: no segment has entry {gone.first_seq}): put the missing"
        f" {gone.first_seq:016d}-….segment back, or the segments of a backup that hold them"
    )
    with pytest.raises(ArchiveMissing) as missing:
        list(entries_after(reader_of(shop.paths, "tea")))
    assert str(missing.value) == says
    with pytest.raises(ArchiveMissing):
        recover(
            reader_of(shop.paths, "tea"),
            shop.paths.snapshots,
            shop.secrets.table_seed,
            CAPACITY,
        )
    assert told(shop) == f"tea: NOT as it should be: {says}"
    gone.path.write_bytes(content)
    assert told(shop).startswith(f"tea: entries 1 to {shop.head.seq} re-read and re-hashed")


def test_a_lost_beginning_is_told_as_not_proved(shop: DecidedShop) -> None:
    first = segments(shop)[0]
    first.path.unlink()
    assert f"tea: entries {first.last_seq + 1} to {shop.head.seq} re-read" in told(shop)
    assert (
        f"Not proved: entries 1 to {first.last_seq} are neither in the journal nor in the archive,"
        " so nothing was folded or decided again: put those segments back;" in told(shop)
    )
    with pytest.raises(SnapshotRefused, match=rf"entries 1 to {first.last_seq} were pruned"):
        recover(
            reader_of(shop.paths, "tea"), shop.paths.snapshots, shop.secrets.table_seed, CAPACITY
        )


def test_a_snapshot_whose_entry_is_archived_is_used(shop: DecidedShop) -> None:
    reader = reader_of(shop.paths, "tea")
    half = recover(reader, shop.paths.snapshots, shop.secrets.table_seed, CAPACITY)
    assert half.folded == shop.head.seq
    (entry,) = reader.read(shop.head.seq, 1)
    write_snapshot(half.machine, shop.paths.snapshots, entry.seq, entry.hash)
    head = shop.decide(4)
    archive = Archive(shop.paths.archive, "tea")
    archive.extend(shop.journal, head.seq - 1, 1, all_of_it=True)
    prune(shop.journal, archive, head.seq - 1)
    again = recover(reader, shop.paths.snapshots, shop.secrets.table_seed, CAPACITY)
    assert (again.snapshot_seq, again.folded) == (entry.seq, 4)
    assert again.machine.digest() == shop.machine.digest()
