"""Recovery with snapshots that are torn, foreign, newer, forged or lie: the journal decides.

Whatever lies in the folder, the shop comes up with the state that its journal leads to.
"""

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tidegate.desk.recovery import Recovered, from_snapshot, recover
from tidegate.engine.machine import Machine
from tidegate.engine.snapshot import (
    HEAD_BYTES,
    SnapshotRefused,
    list_snapshots,
    snapshot_path,
    write_snapshot,
)
from tidegate.journal.memory import MemoryJournal, MemoryStore
from tidegate.record import facts as f

spec = importlib.util.spec_from_file_location(
    "desk_house", Path(__file__).with_name("desk_house.py")
)
assert spec is not None
assert spec.loader is not None
made: Any = importlib.util.module_from_spec(spec)
spec.loader.exec_module(made)
House, run = made.House, made.run

ENTRIES = 12  # batches of orders
OLD, NEW = 6, 10  # sequences with a snapshot


class Kept:
    """A journal of some orders with two snapshots in its past."""

    def __init__(self, folder: Path) -> None:
        self.store: MemoryStore
        run(self._make())
        self.folder = folder
        self.digests = {seq: self._write(seq) for seq in (OLD, NEW)}

    async def _make(self) -> None:
        house = await House().open()
        for number in range(ENTRIES):
            await house.desk.place(house.order(str(number)))
        await house.desk.stop()
        self.store = house.store

    def machine_at(self, seq: int) -> Machine:
        """The machine after an entry."""
        part = MemoryStore("shop")
        part.entries = self.store.entries[:seq]
        machine: Machine = made.folded(part)
        return machine

    def _write(self, seq: int) -> str:
        entry = self.store.entries[seq - 1]
        return write_snapshot(self.machine_at(seq), self.folder, seq, entry.hash)[1]

    def forge(self, seq: int) -> str:
        """A snapshot with its own right digest and another shop's stock."""
        machine = self.machine_at(seq)
        machine.state.cells["on_hand"][0, 0] += 1_000
        entry = self.store.entries[seq - 1]
        return write_snapshot(machine, self.folder, seq, entry.hash)[1]

    async def note(self, seq: int, digest: str, orders: int = 0) -> None:
        """Have a desk note a snapshot's digest, after so many more orders."""
        house = House(self.store)
        house.start()
        for number in range(orders):
            await house.desk.place(house.order(f"more {number}"))
        house.desk.note(f.Note("snapshot", seq, digest))
        house.look()
        await house.settled()
        await house.desk.stop()

    def recovered(self) -> Recovered:
        """What a start makes of it."""
        found = recover(MemoryJournal(self.store), self.folder, made.SEED, made.SMALL)
        assert found.machine.digest() == made.folded(self.store).digest()
        assert found.head == self.store.head()
        return found

    def path(self, seq: int) -> Path:
        """A snapshot's file."""
        return snapshot_path(self.folder, seq)


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path)


def head_with(path: Path, **changes: object) -> None:
    """Change what a snapshot says of itself."""
    data = path.read_bytes()
    head = json.loads(data[:HEAD_BYTES]) | changes
    path.write_bytes(json.dumps(head).encode().ljust(HEAD_BYTES - 1) + b"\n" + data[HEAD_BYTES:])


def cut(size: int) -> Callable[[Path], None]:
    """A file that ends early, as after a crash on a file system that lies."""
    return lambda path: path.write_bytes(path.read_bytes()[:size])


def flip(place: int) -> Callable[[Path], None]:
    """One bit is another."""

    def change(path: Path) -> None:
        data = bytearray(path.read_bytes())
        data[place] ^= 1
        path.write_bytes(data)

    return change


def say(**changes: object) -> Callable[[Path], None]:
    """A head that says something else."""
    return lambda path: head_with(path, **changes)


HARMS = {
    "empty": cut(0),
    "cut in its head": cut(100),
    "cut after its head": cut(HEAD_BYTES),
    "cut by a byte": lambda path: path.write_bytes(path.read_bytes()[:-100]),
    "one bit in its parts": flip(HEAD_BYTES + 8),
    "one bit in its head": flip(3),
    "no JSON": lambda path: path.write_bytes(b"\xff" * 5_000),
    "a list": lambda path: path.write_bytes(b"[1]\n"),
    "deep JSON": lambda path: path.write_bytes(b"[" * 200_000),
    "a folder": lambda path: (path.unlink(), path.mkdir()),  # type: ignore[dict-item,return-value]
    "newer format": say(format="tidegate-snapshot-999"),
    "newer engine": say(engine=99),
    "wrong digest": say(digest="00" * 32),
    "no digest": say(digest=None),
    "other chain": say(chain="11" * 32),
    "beyond the journal": say(seq=10**6),
    "sequence 0": say(seq=0),
    "sequence -1": say(seq=-1),
    "sequence past 64 bits": say(seq=2**70),
    "sequence in words": say(seq="ten"),
    "no parts": say(parts=[]),
    "unknown part": say(parts=[["nothing@0", 64]]),
    "part past its table": say(parts=[["orders@0", 1 << 40]]),
    "negative part": say(parts=[["catalogue", -5]]),
    "catalogue of zeros": say(parts=[["catalogue", 64]]),
}


@pytest.mark.parametrize("harm", HARMS)
def test_a_snapshot_that_cannot_be_used_is_passed_over_for_an_older_one(
    kept: Kept, harm: str
) -> None:
    HARMS[harm](kept.path(NEW))
    found = kept.recovered()
    assert (found.snapshot_seq, found.folded) == (OLD, kept.store.head().seq - OLD)
    assert len(found.passed_over) == 1
    assert found.passed_over[0]
    machine, head = from_snapshot(MemoryJournal(kept.store), kept.folder, made.SEED, made.SMALL, [])
    assert head.seq == OLD
    assert machine.digest() == kept.digests[OLD]


def test_with_no_usable_snapshot_the_journal_is_enough(kept: Kept) -> None:
    for path in list_snapshots(kept.folder):
        path.write_bytes(b"torn")
    found = kept.recovered()
    assert (found.snapshot_seq, len(found.passed_over)) == (0, 2)


def test_the_newest_usable_snapshot_is_taken(kept: Kept) -> None:
    kept.path(NEW).with_suffix(".partial").write_bytes(b"half")
    found = kept.recovered()
    assert (found.snapshot_seq, found.passed_over) == (NEW, [])


def test_another_shops_snapshot_is_passed_over(kept: Kept, tmp_path: Path) -> None:
    other = Kept(tmp_path / "other")
    assert other.store.entries[NEW - 1].hash == kept.store.entries[NEW - 1].hash  # the same night
    other.store.roll_back(NEW - 1)
    run(other.note(OLD, "another history"))
    entry = other.store.entries[NEW - 1]
    write_snapshot(other.machine_at(NEW), kept.folder, NEW, entry.hash)
    found = kept.recovered()
    assert found.snapshot_seq == OLD
    assert "is not of this journal's past" in found.passed_over[0]


@pytest.mark.parametrize("orders", [0, 40])
def test_a_forged_snapshot_is_not_believed_once_the_journal_has_its_digest(
    kept: Kept, orders: int
) -> None:
    """However long after it the note stands."""
    run(kept.note(NEW, kept.digests[NEW], orders))
    assert kept.recovered().snapshot_seq == NEW
    assert kept.forge(NEW) != kept.digests[NEW]
    found = kept.recovered()
    assert found.snapshot_seq == OLD
    assert found.passed_over == [
        f"the snapshot after entry {NEW} has not the digest in the journal"
    ]


def test_followers_do_not_believe_a_forged_snapshot_either(kept: Kept) -> None:
    run(kept.note(NEW, kept.digests[NEW]))
    kept.forge(NEW)
    passed_over: list[str] = []
    _, head = from_snapshot(
        MemoryJournal(kept.store), kept.folder, made.SEED, made.SMALL, passed_over
    )
    assert head.seq == OLD
    assert "its digest is not the one in the journal" in passed_over[0]


def test_two_forged_snapshots_leave_the_journal(kept: Kept) -> None:
    for seq in (OLD, NEW):
        run(kept.note(seq, kept.digests[seq]))
        kept.forge(seq)
    found = kept.recovered()
    assert (found.snapshot_seq, len(found.passed_over)) == (0, 2)


def test_what_was_pruned_without_a_snapshot_says_what_to_do(kept: Kept) -> None:
    MemoryJournal(kept.store).prune(OLD + 1)
    assert recover(
        MemoryJournal(kept.store), kept.folder, made.SEED, made.SMALL
    ).snapshot_seq == NEW  # fmt: skip
    kept.path(NEW).write_bytes(b"torn")
    with pytest.raises(SnapshotRefused, match=r"entries 1 to 7 were pruned.* is not of this"):
        recover(MemoryJournal(kept.store), kept.folder, made.SEED, made.SMALL)
