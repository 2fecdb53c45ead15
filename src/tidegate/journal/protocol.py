"""What every journal promises, whatever stands behind it: SQLite, memory, later servers.

Always: an entry that `append` returned for is durable and never changes; what is stored is a
prefix of what was appended, in order. Never: a journal looks into a payload or retries by itself.
"""

from typing import NamedTuple, Protocol

CLAIM = 0  # the payload names the new owner
BATCH = 1  # the payload is the caller's

PAYLOAD_BYTES_MAX = 8 << 20
READ_BYTES = 8 << 20
STREAM_NAME_BYTES_MAX = 80
OWNER_BYTES_MAX = 200
HASH_BYTES = 32

Payload = bytes | bytearray | memoryview


class Head(NamedTuple):
    """The newest entry of a journal, without its payload."""

    seq: int
    epoch: int
    hash: bytes


GENESIS = Head(0, 0, bytes(HASH_BYTES))  # the head of a journal with nothing in it


class Entry(NamedTuple):
    """One entry. `hash` covers all the rest and, through `prev_hash`, everything before it."""

    seq: int
    epoch: int
    kind: int
    prev_hash: bytes
    hash: bytes
    payload: bytes

    @property
    def head(self) -> Head:
        """The head of a journal that ends with this entry."""
        return Head(self.seq, self.epoch, self.hash)


class JournalError(Exception):
    """Anything a journal raises. Each says in its text what to do about it."""


class Fenced(JournalError):
    """Nothing was written: the head is not the one expected, or this owner has been replaced."""

    def __init__(self, expected_seq: int, found: Head | None) -> None:
        self.expected_seq = expected_seq
        self.found = found
        where = "this journal was not claimed" if found is None else f"its head is {found.seq}"
        super().__init__(
            f"append after {expected_seq} refused: {where}."
            " Drop what was decided, read from the journal again, then claim it."
        )


class AppendUnknown(JournalError):
    """The entry may be stored or not: call `read_back` with the attempt's seq - 1 and hash."""

    def __init__(self, attempt: Head, why: str) -> None:
        self.attempt = attempt
        super().__init__(f"whether entry {attempt.seq} was stored is unknown ({why}): read it back")


class StoreFull(JournalError):
    """Nothing was written: the disk has too little room left."""

    def __init__(self, free_bytes: int, reserve_bytes: int) -> None:
        self.free_bytes = free_bytes
        self.reserve_bytes = reserve_bytes
        super().__init__(
            f"{free_bytes >> 20} MiB free, {reserve_bytes >> 20} MiB are kept in reserve:"
            " free some disk space or archive old segments, then orders go on by themselves"
        )


class StoreBusy(JournalError):
    """Nothing was written: another process held the file for too long. It may be tried again."""


class SyncFailed(JournalError):
    """The disk failed under a write. Nothing read here is trusted any more: stop, start again."""


class Corrupt(JournalError):
    """What is stored is not what was written. Restore from a backup; keep the file as evidence."""


class NotThisJournal(JournalError):
    """The file is a journal of another stream or another format."""


class StoreInUse(JournalError):
    """Another process holds this journal."""

    def __init__(self, path: str, holder: str) -> None:
        self.path = path
        self.holder = holder
        super().__init__(
            f"{path} is held by {holder}: stop that process first,"
            " or give this server a store of its own"
        )


class Pruned(JournalError):
    """The entries asked for are no longer in the journal: read them from the archive."""

    def __init__(self, from_seq: int, first_seq: int) -> None:
        self.from_seq = from_seq
        self.first_seq = first_seq
        super().__init__(f"entry {from_seq} was pruned, the journal starts at {first_seq}")


class ArchiveMissing(Corrupt, Pruned):
    """Entries that left the journal are not in its archive either: a file of it is gone."""

    def __init__(self, directory: str, first_missing: int, last_missing: int) -> None:
        self.first_missing = first_missing
        self.last_missing = last_missing
        Pruned.__init__(self, first_missing, last_missing + 1)
        says = (
            f"entries {first_missing} to {last_missing} are neither in the journal nor in its"
            f" archive ({directory}: no segment has entry {first_missing}): put the missing"
            f" {first_missing:016d}-….segment back, or the segments of a backup that hold them"
        )
        self.args = (says,)


class RolledBack(JournalError):
    """The journal no longer holds what was read from it: an older copy was put in its place."""

    def __init__(self, seen: Head, found: Head) -> None:
        self.seen = seen
        self.found = found
        super().__init__(
            f"entry {seen.seq} was read here before and is gone or different (head is now"
            f" {found.seq}): rebuild this follower from zero and find out who replaced the journal"
        )


class PayloadRefused(JournalError, ValueError):
    """A payload that no journal takes: empty, or larger than `PAYLOAD_BYTES_MAX`."""


class JournalReader(Protocol):
    """Reads a journal from any thread or process and holds nothing between calls."""

    @property
    def stream(self) -> str:
        """The name that the hash chain binds: a shop's, or `people:<shop>`, `site:<id>`."""
        ...

    def base(self) -> Head:
        """The head just before the oldest entry held: `GENESIS`, or the last pruned entry."""
        ...

    def head(self) -> Head:
        """The newest entry, `GENESIS` when there is none."""
        ...

    def read(self, from_seq: int, limit_bytes: int = READ_BYTES) -> list[Entry]:
        """Entries from `from_seq` on, in order, until their payloads reach `limit_bytes`.

        At least one when there is one; empty beyond the head. Does not check hashes (`chain`
        does). Raises Pruned, Corrupt, SyncFailed.
        """
        ...

    def close(self) -> None:
        """Let go of files; further calls fail. Closing twice is fine."""
        ...


class Journal(JournalReader, Protocol):
    """A journal that can be appended to by its one owner."""

    def claim(self, owner: str, expected_seq: int | None = None) -> Head:
        """Become the owner: append a claim with the next epoch. Fences every earlier owner.

        With `expected_seq`, only if the head is still there. Raises what `append` raises.
        """
        ...

    def append(self, expected_seq: int, payload: Payload) -> Head:
        """Store `payload` durably as entry `expected_seq + 1` and return the new head.

        Raises Fenced, StoreFull, StoreBusy, PayloadRefused (nothing was written), AppendUnknown
        (read it back) or SyncFailed (the journal is dead until the process starts again).
        """
        ...

    def read_back(self, expected_seq: int, entry_hash: bytes) -> Head | None:
        """Resolve an AppendUnknown: the new head if the entry is stored, None if it is not.

        After None the same append may be tried again. Raises Fenced if another entry is there.
        """
        ...

    def prune(self, through_seq: int) -> Head:
        """Delete the entries up to `through_seq`; the new base.

        Does not ask whether anybody still needs them: `archive` does, and keeps a copy.
        """
        ...

    def free_bytes(self) -> int:
        """Room left for this journal; appends are refused some way before it is gone."""
        ...


def payload_bytes(payload: Payload) -> int:
    """The size of `payload`. Raises PayloadRefused if no journal would take it."""
    size = payload.nbytes if isinstance(payload, memoryview) else len(payload)
    if not 0 < size <= PAYLOAD_BYTES_MAX:
        raise PayloadRefused(f"a payload has 1 to {PAYLOAD_BYTES_MAX} bytes, this one {size}")
    return size


def owner_payload(owner: str) -> bytes:
    """The payload of a claim. Raises PayloadRefused for an empty or very long name."""
    payload = owner.encode()
    if not 0 < len(payload) <= OWNER_BYTES_MAX:
        raise PayloadRefused(f"an owner's name has 1 to {OWNER_BYTES_MAX} bytes of UTF-8")
    return payload
