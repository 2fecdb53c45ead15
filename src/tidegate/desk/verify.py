"""Reading a whole journal again: its hashes, its fold, and every decision that can be made again.

`verify` proves nothing about the world, only that what is stored is one unbroken chain, that the
state follows from it, and that the rules of the version that decided still decide the same. It
says what it could not do, and stops at the first difference. It changes nothing.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from tidegate.desk.recovery import entries_after
from tidegate.engine import layout as lo
from tidegate.engine.digest import same_layout
from tidegate.engine.layout import Capacity
from tidegate.engine.machine import Machine
from tidegate.journal.chain import Chain
from tidegate.journal.protocol import BATCH, GENESIS, Corrupt, Entry, Head, JournalReader
from tidegate.record import entry as en
from tidegate.record import facts as f
from tidegate.record.lines import Array


@dataclass
class Verified:
    """What was proved, counted; `fault` says what was not so, "" = nothing."""

    shop: str
    entries: int = 0
    head: Head = GENESIS
    orders: int = 0
    operations: int = 0
    expired: int = 0
    commands: int = 0
    folded_only: int = 0  # entries that another version decided
    snapshots: int = 0
    other_layouts: int = 0  # snapshot digests of a state that lay otherwise in memory
    first_seq: int = 1
    fault: str = ""
    limits: list[str] = field(default_factory=list)

    def sentence(self) -> str:
        """The one line: what was proved and what was not."""
        if self.fault:
            return f"{self.shop}: NOT as it should be: {self.fault}"
        proved = (
            f"{self.shop}: entries {self.first_seq} to {self.head.seq} re-read and re-hashed,"
            f" re-folded, {self.orders:,} orders, {self.operations:,} operations and"
            f" {self.expired:,} expiries decided again with the same result,"
            f" {self.snapshots} snapshot digests reached; head {self.head.hash.hex()[:16]}"
        )
        return proved + ". Not proved: " + "; ".join(self.limits)


class Difference(Exception):
    """Something was decided otherwise than it is recorded."""


def verify(
    journal: JournalReader,
    seed: bytes,
    capacity: Capacity | None = None,
    progress: Callable[[int, int], None] = lambda _reached, _goal: None,
) -> Verified:
    """Verify a shop's journal (archive included, when the reader has it) from its first entry.

    Raises what reading raises; differences are in the answer.
    """
    result = Verified(journal.stream)
    base = GENESIS
    try:
        base = journal.base()
        result.first_seq = base.seq + 1
        goal = journal.head().seq
        digests = first_pass(journal, base, result)
        if base == GENESIS:
            second_pass(
                journal,
                Machine(seed, capacity),
                digests,
                result,
                lambda seq: progress(seq, goal),
            )
    except (Difference, Corrupt, en.EntryCorrupt, en.EntryTooNew) as error:
        result.fault = str(error)
    result.limits = limits_of(result, base)
    return result


def limits_of(result: Verified, base: Head) -> list[str]:
    """What this verification cannot say."""
    limits = []
    if base != GENESIS:
        limits.append(
            f"entries 1 to {base.seq} are neither in the journal nor in the archive, so nothing"
            " was folded or decided again: put those segments back"
        )
    if result.commands:
        limits.append(f"{result.commands:,} commands of operators were folded, not judged again")
    if result.folded_only:
        limits.append(f"{result.folded_only:,} entries of other versions were re-folded only")
    if result.other_layouts:
        limits.append(f"{result.other_layouts:,} snapshots of another release were not compared")
    limits.append("that no other history was shown to anyone: ask for the witnessed tree heads")
    return limits


def first_pass(journal: JournalReader, base: Head, result: Verified) -> dict[int, str]:
    """Re-hash every entry; the snapshot digests that the journal notes, by sequence."""
    chain, head = Chain(journal.stream), base
    digests: dict[int, str] = {}
    for entry in entries_after(journal, base.seq):
        head = chain.check([entry], head)
        result.entries += 1
        if entry.kind == BATCH:
            for note in notes_of(entry):
                if note.kind == "snapshot":
                    digests[note.seq] = note.digest
    result.head = head
    return digests


def notes_of(entry: Entry) -> Iterator[f.Note]:
    """The notes in an entry."""
    for frame in en.read_frames(en.aligned(entry.payload)):
        if frame.kind == en.NOTE:
            yield f.decode_note(frame.body.tobytes())


def second_pass(
    journal: JournalReader,
    machine: Machine,
    digests: dict[int, str],
    result: Verified,
    progress: Callable[[int], None],
) -> None:
    """Decide everything again, entry by entry. Raises Difference."""
    for entry in entries_after(journal, 0):
        if entry.seq > result.head.seq:
            return
        if entry.kind == BATCH:
            decide_again(machine, entry, result)
            progress(entry.seq)
        if entry.seq in digests:
            if not same_layout(digests[entry.seq]):
                result.other_layouts += 1
                continue
            if machine.digest() != digests[entry.seq]:
                raise Difference(f"the state after entry {entry.seq} is not its snapshot's")
            result.snapshots += 1


def decide_again(machine: Machine, entry: Entry, result: Verified) -> None:
    """One entry: by the version that decided it, or folded when that is another."""
    data = en.aligned(entry.payload)
    head = en.read_head(data)
    if head.engine_version != lo.ENGINE_VERSION:
        machine.fold(entry.payload)
        result.folded_only += 1
        return
    machine.begin(head.now_ms, head.local_day)
    for frame in en.read_frames(data):
        decide_frame(machine, frame, entry.seq, result)
    machine.end_fold()


def decide_frame(machine: Machine, frame: en.Frame, seq: int, result: Verified) -> None:
    """One frame. Raises Difference."""
    if frame.kind == en.ORDERS:
        rows, recorded = en.read_orders(frame.body)
        require_same(machine.decide_orders(rows), recorded, f"order {{}} of entry {seq}")
        result.orders += len(recorded)
    elif frame.kind == en.OPERATIONS:
        rows, recorded = en.read_operations(frame.body)
        require_same(machine.decide_operations(rows), recorded, f"operation {{}} of entry {seq}")
        result.operations += len(recorded)
    elif frame.kind == en.EXPIRED:
        recorded = en.read_expired(frame.body)
        # A hold that was moved away and back is due twice and ends once.
        if not np.array_equal(np.unique(machine.due()), np.sort(recorded)):
            raise Difference(f"entry {seq} ends other holds than those that were due")
        machine.fold_frame(frame)
        result.expired += len(recorded)
    else:
        machine.fold_frame(frame)
        result.commands += frame.kind == en.COMMAND


def require_same(decided: Array, recorded: Array, where: str) -> None:
    """Outcomes must be the same, bit by bit. Raises Difference."""
    if decided.tobytes() == recorded.tobytes():
        return
    if len(decided) != len(recorded):
        raise Difference(f"{where.format(len(recorded))}: {len(decided)} were decided here")
    place = int(np.flatnonzero(decided != recorded)[0])
    raise Difference(
        f"{where.format(place)} is recorded as {recorded[place]} and decided as {decided[place]}",
    )
