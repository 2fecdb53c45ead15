"""A journal in memory: the same promises as any other, for simulations and tests.

Always: faults are injected by the caller, one for the next append. Never: two processes share it.
"""

import threading
from typing import Literal

from tidegate.journal.chain import Chain
from tidegate.journal.protocol import (
    BATCH,
    CLAIM,
    GENESIS,
    READ_BYTES,
    AppendUnknown,
    Entry,
    Fenced,
    Head,
    Payload,
    Pruned,
    RolledBack,
    StoreFull,
    SyncFailed,
    owner_payload,
    payload_bytes,
)

MemoryFault = Literal["unknown_stored", "unknown_lost", "full", "sync"]


class MemoryStore:
    """The disk: what outlives a `MemoryJournal`. Journals opened on one store fence each other."""

    def __init__(self, stream: str) -> None:
        self.chain = Chain(stream)
        self.lock = threading.Lock()
        self.base = GENESIS
        self.entries: list[Entry] = []
        self.next_fault: MemoryFault | None = None
        self.free_bytes = 1 << 40
        self.reserve_bytes = 1 << 20

    def head(self) -> Head:
        """The newest entry. The caller holds the lock, or is alone."""
        return self.entries[-1].head if self.entries else self.base

    def roll_back(self, seq: int) -> None:
        """Forget everything after `seq`, as when an older copy was put in place."""
        if seq < self.base.seq:
            raise RolledBack(self.head(), self.base)
        del self.entries[seq - self.base.seq :]


class MemoryJournal:
    """See `protocol.Journal`."""

    def __init__(self, store: MemoryStore) -> None:
        self.stream = store.chain.stream
        self._store = store
        self._owned: Head | None = None
        self._unresolved: Head | None = None
        self._dead = False

    def claim(self, owner: str, expected_seq: int | None = None) -> Head:
        """Become the owner."""
        payload = owner_payload(owner)
        with self._store.lock:
            self._require_alive()
            head = self._store.head()
            if expected_seq is not None and head.seq != expected_seq:
                raise Fenced(expected_seq, head)
            self._unresolved = None
            return self._insert(head, head.epoch + 1, CLAIM, payload)

    def append(self, expected_seq: int, payload: Payload) -> Head:
        """Store `payload` as entry `expected_seq + 1`."""
        with self._store.lock:
            self._require_alive()
            owned = self._owned
            if owned is None or owned.seq != expected_seq:
                raise Fenced(expected_seq, owned)
            if self._unresolved is not None:
                raise AppendUnknown(self._unresolved, "the append before this one is not resolved")
            if owned != self._store.head():
                self._owned = None
                raise Fenced(expected_seq, self._store.head())
            return self._insert(owned, owned.epoch, BATCH, payload)

    def read_back(self, expected_seq: int, entry_hash: bytes) -> Head | None:
        """Resolve an AppendUnknown by looking."""
        stored = self.read(expected_seq + 1, 1)
        self._unresolved = None
        if not stored:
            return None
        if stored[0].hash != entry_hash:
            self._owned = None
            raise Fenced(expected_seq, stored[0].head)
        self._owned = stored[0].head
        return self._owned

    def base(self) -> Head:
        """The head just before the oldest entry held."""
        return self._store.base

    def head(self) -> Head:
        """The newest entry, whoever wrote it."""
        with self._store.lock:
            self._require_alive()
            return self._store.head()

    def read(self, from_seq: int, limit_bytes: int = READ_BYTES) -> list[Entry]:
        """Entries from `from_seq` on, in order, until their payloads reach `limit_bytes`."""
        if from_seq < 1:
            raise ValueError("sequences start at 1")
        with self._store.lock:
            self._require_alive()
            first = from_seq - self._store.base.seq - 1
            if first < 0:
                raise Pruned(from_seq, self._store.base.seq + 1)
            entries: list[Entry] = []
            size = 0
            while size < limit_bytes and first + len(entries) < len(self._store.entries):
                entries.append(self._store.entries[first + len(entries)])
                size += len(entries[-1].payload)
            return entries

    def free_bytes(self) -> int:
        """Room left, as the store says."""
        return self._store.free_bytes

    def prune(self, through_seq: int) -> Head:
        """Delete the entries up to `through_seq`; the new base."""
        with self._store.lock:
            count = min(through_seq - self._store.base.seq, len(self._store.entries))
            if count > 0:
                self._store.base = self._store.entries[count - 1].head
                del self._store.entries[:count]
            return self._store.base

    def close(self) -> None:
        """Nothing to let go of."""
        self._owned = None

    def _insert(self, head: Head, epoch: int, kind: int, payload: Payload) -> Head:
        store = self._store
        size = payload_bytes(payload)
        fault, store.next_fault = store.next_fault, None
        if fault == "full" or store.free_bytes - size < store.reserve_bytes:
            raise StoreFull(store.free_bytes, store.reserve_bytes)
        entry_hash = store.chain.link(head.seq + 1, epoch, kind, head.hash, payload)
        entry = Entry(head.seq + 1, epoch, kind, head.hash, entry_hash, bytes(payload))
        if fault == "sync":
            self._dead = True
            raise SyncFailed("injected")
        if fault != "unknown_lost":
            store.entries.append(entry)
        if fault is not None:
            self._unresolved = entry.head
            raise AppendUnknown(entry.head, "injected")
        self._owned = entry.head
        return entry.head

    def _require_alive(self) -> None:
        if self._dead:
            raise SyncFailed("the journal stopped")
