"""From files to a machine: the newest usable snapshot, then the journal's entries after it.

A snapshot that cannot be used is passed over with its reason; the journal alone is enough. One
whose digest the journal denies, however late, is passed over too. Nothing is decided here.
"""

from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import NamedTuple

from tidegate.engine.layout import Capacity
from tidegate.engine.machine import Machine
from tidegate.engine.snapshot import (
    SnapshotRefused,
    list_snapshots,
    load_snapshot,
    read_snapshot_head,
)
from tidegate.journal.chain import Chain
from tidegate.journal.protocol import (
    BATCH,
    GENESIS,
    Entry,
    Head,
    JournalError,
    JournalReader,
    Pruned,
)
from tidegate.record import entry as en
from tidegate.record import facts as f

NOTE_MARK = b"snapshot"  # stands in the bytes of every note of one


class Recovered(NamedTuple):
    """A machine as of `head`, and how it came to be."""

    machine: Machine
    head: Head
    snapshot_seq: int
    folded: int
    passed_over: list[str]


def entries_after(journal: JournalReader, seq: int) -> Iterator[Entry]:
    """Every entry after `seq`, read a part at a time."""
    while True:
        entries = journal.read(seq + 1)
        if not entries:
            return
        yield from entries
        seq = entries[-1].seq


def recover(
    journal: JournalReader,
    snapshots: Path,
    seed: bytes,
    capacity: Capacity | None,
    progress: Callable[[int], None] = lambda _: None,
) -> Recovered:
    """Rebuild a shop's machine. Raises what reading the journal raises, EntryCorrupt, EntryTooNew.

    `progress` gets the sequence folded so far.
    """
    passed_over: list[str] = []
    forged: set[int] = set()
    while True:
        machine, head, digest = newest_usable(
            journal, snapshots, seed, capacity, passed_over, forged, lambda _: ""
        )
        start = head.seq
        if start == 0:
            head = journal.base()
            if head != GENESIS:
                raise pruned_away(head, passed_over)
        chain = Chain(journal.stream)
        for entry in entries_after(journal, head.seq):
            head = chain.check([entry], head)
            if entry.kind == BATCH:
                if digest and noted_digest(entry, start) not in ("", digest):
                    break
                machine.fold(entry.payload)
                progress(entry.seq)
        else:
            return Recovered(machine, head, start, head.seq - start, passed_over)
        passed_over.append(f"the snapshot after entry {start} has not the digest in the journal")
        forged.add(start)


def pruned_away(base: Head, passed_over: list[str]) -> SnapshotRefused:
    """Nothing that is here leads to a machine."""
    return SnapshotRefused(
        f"entries 1 to {base.seq} were pruned, are not in the archive, and no snapshot"
        " after them can be used: "
        + ("; ".join(passed_over) or "there is none")
        + ". Put the archive's segments back beside the journal."
    )


def from_snapshot(
    journal: JournalReader,
    snapshots: Path,
    seed: bytes,
    capacity: Capacity | None,
    passed_over: list[str],
) -> tuple[Machine, Head]:
    """The newest snapshot that is in this journal's past, or an empty machine."""
    machine, head, _ = newest_usable(
        journal, snapshots, seed, capacity, passed_over, set(),
        lambda seq: journalled_digest(journal, seq),
    )  # fmt: skip
    return machine, head


def newest_usable(
    journal: JournalReader,
    snapshots: Path,
    seed: bytes,
    capacity: Capacity | None,
    passed_over: list[str],
    forged: AbstractSet[int],
    expected_digest: Callable[[int], str],
) -> tuple[Machine, Head, str]:
    """The newest snapshot's machine, its entry and its digest, or an empty machine.

    Whatever is wrong with a file, it is passed over; what is wrong with the journal is raised.
    """
    for path in reversed(list_snapshots(snapshots)):
        try:
            said = read_snapshot_head(path)
            if said.seq in forged:
                continue
            entry = entry_of_past(journal, said.seq)
            if entry is None or entry.hash.hex() != said.chain_hash:
                raise SnapshotRefused(  # noqa: TRY301 -- passed over like one that cannot be read
                    f"{path.name} is not of this journal's past, or its entry is gone"
                )
            machine = Machine(seed, capacity)
            load_snapshot(machine, path, expected_digest(said.seq))
        except (JournalError, MemoryError):
            raise
        except Exception as refused:  # noqa: BLE001 -- torn and foreign files fail in many ways
            passed_over.append(str(refused))
            continue
        return machine, entry.head, said.digest
    return Machine(seed, capacity), GENESIS, ""


def entry_of_past(journal: JournalReader, seq: int) -> Entry | None:
    """An entry; None when the journal never had it, or it is in no archive here."""
    try:
        found = journal.read(seq, 1)
    except Pruned:
        return None
    return found[0] if found else None


def journalled_digest(journal: JournalReader, seq: int, look: int = 4_096) -> str:
    """The digest that the journal notes for the snapshot after `seq`; "" if not noted soon after.

    A snapshot newer than its note (the desk ended in between) is checked against its own digest.
    """
    for count, entry in enumerate(entries_after(journal, seq)):
        if count >= look:
            break
        if entry.kind == BATCH and (digest := noted_digest(entry, seq)):
            return digest
    return ""


def noted_digest(entry: Entry, seq: int) -> str:
    """What a batch notes as the digest of the snapshot after `seq`; "" = nothing."""
    if NOTE_MARK not in entry.payload:  # most entries: no need to take them apart
        return ""
    for frame in en.read_frames(en.aligned(entry.payload)):
        if frame.kind == en.NOTE:
            note = f.decode_note(frame.body.tobytes())
            if note.kind == "snapshot" and note.seq == seq:
                return note.digest
    return ""
