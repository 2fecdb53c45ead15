"""The n-th write fails, the n-th sync fails, the power goes at the n-th operation: for every n.

Afterwards each entry is wholly in or wholly out, and what was acknowledged is in. The control test
takes the guard away and expects to lose entries: so the disk here can take them.
"""

import errno
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tidegate.journal.chain import check_whole
from tidegate.journal.protocol import JournalError
from tidegate.journal.sqlite import SqliteJournal
from tidegate.testing.faulty_disk import Fault, build, compiler, cut_power

pytestmark = pytest.mark.skipif(compiler() is None, reason="a faulty disk needs a C compiler")

STREAM = "shop-1"
NONE = Fault()
APPENDS = 14
SOURCE = Path(__file__).resolve().parents[2] / "src"
WORKER = Path(__file__).with_name("journal_worker.py")


class Disk:
    """Runs scenarios in a worker on a store of their own, and looks at what is left."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.numbers = count()
        environment = dict(os.environ, PYTHONPATH=str(SOURCE), LD_PRELOAD=str(build(place)))
        self.worker = subprocess.Popen(
            [sys.executable, str(WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )

    def store(self) -> "Store":
        place = self.place / str(next(self.numbers))
        (place / "image").mkdir(parents=True)
        (place / "store").mkdir()
        return Store(self, place)

    def answers(self, case: dict[str, object]) -> list[list[str]]:
        assert self.worker.stdin is not None
        assert self.worker.stdout is not None
        self.worker.stdin.write(json.dumps(case) + "\n")
        self.worker.stdin.flush()
        found = []
        while line := self.worker.stdout.readline().strip():
            found.append(line.split())
        return found


class Store:
    """One store on the faulty disk, with all that was ever acknowledged."""

    def __init__(self, disk: Disk, place: Path) -> None:
        self.disk = disk
        self.directory, self.image = place / "store", place / "image"
        self.acknowledged: dict[int, str] = {}
        self.run = 0

    def append(self, fault: Fault = NONE, *, appends: int = APPENDS, **more: object) -> list[str]:
        """Run a writer; its last word."""
        self.run += 1
        answers = self.disk.answers(
            {
                "directory": str(self.directory),
                "image": str(self.image),
                "fault": list(fault),
                "appends": appends,
                "run": self.run,
                **more,
            }
        )
        for word, *rest in answers:
            if word == "ok":
                self.acknowledged[int(rest[0])] = rest[1]
        return answers[-1] if answers else ["nothing"]

    def lost(self) -> list[int]:
        """Acknowledged entries that are not there. Fails if anything is there in part."""
        journal = SqliteJournal(self.directory, STREAM)
        entries = journal.read(1, 1 << 40)
        journal.close()
        check_whole(STREAM, entries)
        stored = {entry.seq: entry.hash.hex() for entry in entries}
        return [seq for seq, value in self.acknowledged.items() if stored.get(seq) != value]


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Disk]:
    made = Disk(tmp_path_factory.mktemp("disk"))
    yield made
    made.worker.communicate(timeout=60)


def counted(disk: Disk) -> tuple[int, int]:
    """Writes and syncs of a run without a fault."""
    word, writes, syncs = disk.store().append()
    assert word == "end"
    return int(writes), int(syncs)


def test_without_a_fault_nothing_is_lost(disk: Disk) -> None:
    store = disk.store()
    for _ in range(3):
        assert store.append()[0] == "end"
    cut_power(store.directory, store.image)
    assert store.lost() == []
    assert len(store.acknowledged) == 3 * (APPENDS + 1)


def test_every_failed_write_leaves_what_was_acknowledged(disk: Disk) -> None:
    writes, _ = counted(disk)
    for nth in range(1, writes + 1, 1):
        store = disk.store()
        last = store.append(Fault(nth_write=nth, error=errno.EIO))
        assert last[0] in {"end", "error"}, nth
        if last[0] == "error":
            assert last[1] == "SyncFailed", nth
        assert store.lost() == [], nth


def test_every_full_disk_leaves_what_was_acknowledged_and_goes_on(disk: Disk) -> None:
    """Three writes find no room, then there is some: the same process goes on."""
    writes, _ = counted(disk)
    went_on = 0
    for nth in range(1, writes + 1):
        store = disk.store()
        last = store.append(Fault(nth_write=nth, error=errno.ENOSPC))
        assert last[0] == "end" or last == ["error", "StoreFull"], nth
        went_on += last[0] == "end"
        assert store.lost() == [], nth
    assert went_on > writes // 2


def test_every_failed_sync_stops_the_journal_and_a_restart_redoes_the_tail(disk: Disk) -> None:
    """The restarted server acknowledges more, and only then does the power go."""
    _, syncs = counted(disk)
    stopped = 0
    for nth in range(1, syncs + 1):
        store = disk.store()
        last = store.append(Fault(nth_sync=nth))
        assert last[0] == "end" or last == ["error", "SyncFailed"], nth
        stopped += last[0] == "error"
        again = store.append(appends=4, crash=True)
        assert again[0] == "ok", (nth, again)
        cut_power(store.directory, store.image)
        assert store.lost() == [], nth
    assert stopped >= syncs // 2


def test_a_restart_that_believes_what_it_reads_loses_entries(disk: Disk) -> None:
    """Control: without rewriting the tail, this disk takes acknowledged entries away."""
    _, syncs = counted(disk)
    losses = 0
    for nth in range(1, syncs + 1):
        store = disk.store()
        store.append(Fault(nth_sync=nth), no_guard=True)
        store.append(appends=4, crash=True, no_guard=True)
        cut_power(store.directory, store.image)
        try:
            losses += bool(store.lost())
        except JournalError:
            losses += 1
    assert losses > 0


@pytest.mark.parametrize("sectors", ["none", "some"])
def test_power_goes_at_every_operation(disk: Disk, sectors: str) -> None:
    writes, syncs = counted(disk)
    for nth in range(1, writes + syncs + 1):
        store = disk.store()
        store.append(Fault(nth_operation=nth))
        cut_power(store.directory, store.image, random.Random(nth) if sectors == "some" else None)
        assert store.lost() == [], nth


def test_power_goes_again_while_the_tail_is_redone(disk: Disk) -> None:
    """A crash, then a restart that is cut at each of its operations, then another restart."""
    first = disk.store()
    first.append(appends=6, crash=True)
    operations = sum(map(int, first.append(appends=1)[1:]))
    for nth in range(1, operations + 1):
        store = disk.store()
        store.append(appends=6, crash=True)
        store.append(Fault(nth_operation=nth), appends=1)
        cut_power(store.directory, store.image, random.Random(nth))
        assert store.lost() == [], nth
