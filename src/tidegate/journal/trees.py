"""Per-event Merkle trees over a journal, so that one event can be shown without the others.

Always: the tree is a function of the journal and the shop's salt key, and is built again from them
at will; what is stored is a cache with a cursor, and the heads that were signed. Never: an event's
bytes are stored here, or entries are taken that do not continue those before.

Leaf i is SHA-256(0x00 || salt || event), nodes and proofs are RFC 9162, section 2.1. Claims carry
no events; the signed heads bind them through the chain hash.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from tidegate.journal import merkle
from tidegate.journal.merkle import NODE, SALT_BYTES
from tidegate.journal.protocol import BATCH, GENESIS, Corrupt, Entry, Head, JournalReader
from tidegate.journal.tiles import WIDTH, Tiles
from tidegate.storage.sqlite_schema import Migration, Schema, open_database

_TABLES = (
    """CREATE TABLE cursor (
        stream TEXT NOT NULL, seq INTEGER NOT NULL, epoch INTEGER NOT NULL, hash BLOB NOT NULL)""",
    "CREATE TABLE span (seq INTEGER PRIMARY KEY, first_leaf INTEGER NOT NULL)",
    """CREATE TABLE open_end (
        level INTEGER PRIMARY KEY, full INTEGER NOT NULL, nodes BLOB NOT NULL)""",
    """CREATE TABLE tile (
        level INTEGER, number INTEGER, nodes BLOB NOT NULL,
        PRIMARY KEY (level, number)) WITHOUT ROWID""",
    """CREATE TABLE head (
        size INTEGER NOT NULL, seq INTEGER NOT NULL, note TEXT NOT NULL,
        PRIMARY KEY (size, seq)) WITHOUT ROWID""",
)
SCHEMA = Schema("trees", (Migration(1, _TABLES),))

Events = Callable[[bytes], Sequence[bytes]]


class Place(NamedTuple):
    """Where an event is: number `number` (from 0) of entry `seq`, number `leaf` of the tree."""

    seq: int
    number: int
    leaf: int


class EventTrees:
    """The trees of one stream, kept in the file `path`. One thread at a time.

    `events(payload)` gives the canonical bytes of an entry's events, the same ones for ever.
    """

    def __init__(self, path: Path, stream: str, salt_key: bytes, events: Events) -> None:
        self.stream = stream
        self.connection = open_database(path, SCHEMA)
        self._salt_key = salt_key
        self._events = events
        self.tiles = Tiles(self.connection)
        self.cursor = self._load_cursor()
        self._block: tuple[int, bytes] = (-1, b"")

    @property
    def size(self) -> int:
        """How many events the tree holds."""
        return self.tiles.size

    def take(self, entries: Sequence[Entry]) -> None:
        """Add the events of `entries`, which continue the cursor; durable when this returns."""
        size, cursor = self.tiles.size, self.cursor
        spans = []
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            for entry in entries:
                assert entry.prev_hash == cursor.hash, "entries come in order"
                spans.append((entry.seq, size))
                if entry.kind == BATCH:
                    leaves = self._leaves_of(entry)
                    self.tiles.add(leaves)
                    size += len(leaves) // NODE
                cursor = entry.head
            self.connection.executemany("INSERT INTO span VALUES (?, ?)", spans)
            self.tiles.save()
            self.connection.execute("UPDATE cursor SET seq = ?, epoch = ?, hash = ?", cursor)
            self.connection.execute("COMMIT")
        except BaseException:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
            self.tiles.load()
            raise
        self.cursor = cursor

    def root(self) -> bytes:
        """The root of the tree as it is now. Needs no journal."""
        return _Proofs(self.tiles, self._no_journal).root(0, self.size)

    def root_at(self, size: int, journal: JournalReader) -> bytes:
        """The root of an earlier tree of `size` events."""
        self._require_size(size)
        return self._proofs(journal).root(0, size)

    def inclusion(self, leaf: int, size: int, journal: JournalReader) -> list[bytes]:
        """The RFC 9162 inclusion proof (section 2.1.3.1) of a leaf in the tree of `size` events."""
        self._require_size(size)
        if not 0 <= leaf < size:
            raise ValueError(f"leaf {leaf} is not in a tree of {size}")
        return self._proofs(journal).inclusion(leaf, 0, size)

    def consistency(self, old: int, new: int, journal: JournalReader) -> list[bytes]:
        """The RFC 9162 consistency proof (section 2.1.4.1) from `old` events to `new`."""
        self._require_size(new)
        if not 0 < old <= new:
            raise ValueError(f"no proof leads from a tree of {old} to one of {new}")
        return self._proofs(journal).consistency(old, 0, new, known=True)

    def place(self, seq: int, number: int) -> Place:
        """Where event `number` of entry `seq` is. Raises ValueError if there is none."""
        rows = self.connection.execute(
            "SELECT first_leaf FROM span WHERE seq IN (?, ?) ORDER BY seq", (seq, seq + 1)
        ).fetchall()
        if not 0 < seq <= self.cursor.seq:
            raise ValueError(f"entry {seq} is not in the tree, which ends at {self.cursor.seq}")
        after = rows[1][0] if len(rows) == 2 else self.size
        if not 0 <= number < after - rows[0][0]:
            raise ValueError(
                f"entry {seq} has {after - rows[0][0]} events, none is number {number}"
            )
        return Place(seq, number, rows[0][0] + number)

    def show(self, place: Place, journal: JournalReader) -> tuple[bytes, bytes]:
        """The salt and the bytes of one event: what its holder is given."""
        entry = _entry(journal, place.seq)
        event = self._events(entry.payload)[place.number]
        start = place.number * SALT_BYTES
        salted = merkle.salts(self._salt_key, place.seq, place.number + 1)
        return salted[start:], event

    def close(self) -> None:
        """Let go of the file."""
        self.connection.close()

    def _leaves_of(self, entry: Entry) -> bytes:
        events = self._events(entry.payload)
        return merkle.leaves(merkle.salts(self._salt_key, entry.seq, len(events)), events)

    def _load_cursor(self) -> Head:
        row = self.connection.execute("SELECT stream, seq, epoch, hash FROM cursor").fetchone()
        if row is None:
            self.connection.execute(
                "INSERT INTO cursor VALUES (?, ?, ?, ?)", (self.stream, *GENESIS)
            )
            return GENESIS
        if row[0] != self.stream:
            raise ValueError(f"these are the trees of {row[0]}, not of {self.stream}")
        return Head(*row[1:])

    def _require_size(self, size: int) -> None:
        if not 0 <= size <= self.size:
            raise ValueError(f"the tree has {self.size} events, not {size}")

    def _proofs(self, journal: JournalReader) -> "_Proofs":
        return _Proofs(self.tiles, lambda block: self._block_leaves(block, journal))

    @staticmethod
    def _no_journal(block: int) -> bytes:
        raise AssertionError(f"block {block} is full, its node is stored")

    def _block_leaves(self, block: int, journal: JournalReader) -> bytes:
        """The leaves of a full block of 256, computed from the journal and checked."""
        if self._block[0] != block:
            first = block * WIDTH
            seq = self._entry_of(first)
            start = int(
                self.connection.execute(
                    "SELECT first_leaf FROM span WHERE seq = ?", (seq,)
                ).fetchone()[0]
            )
            leaves = bytearray()
            while len(leaves) < (first - start + WIDTH) * NODE:
                entry = _entry(journal, seq)
                leaves += self._leaves_of(entry) if entry.kind == BATCH else b""
                seq += 1
            found = bytes(leaves[(first - start) * NODE : (first - start + WIDTH) * NODE])
            if merkle.root(found) != self.tiles.node(1, block):
                raise Corrupt(f"entries up to {seq} are not those that the tree was built from")
            self._block = (block, found)
        return self._block[1]

    def _entry_of(self, leaf: int) -> int:
        """The last entry that begins at or before `leaf`: found by halving, spans are in order."""
        low, high = 1, self.cursor.seq
        while low < high:
            middle = (low + high + 1) // 2
            row = self.connection.execute(
                "SELECT first_leaf FROM span WHERE seq = ?", (middle,)
            ).fetchone()
            low, high = (middle, high) if row[0] <= leaf else (low, middle - 1)
        return low


def _entry(journal: JournalReader, seq: int) -> Entry:
    for entry in journal.read(seq, 1):
        return entry
    raise Corrupt(f"the journal ends before entry {seq}, which the tree was built from")


class _Proofs:
    """The recursions of RFC 9162 over stored nodes and, below 256, over a block's leaves."""

    def __init__(self, tiles: Tiles, block_leaves: Callable[[int], bytes]) -> None:
        self._tiles = tiles
        self._block_leaves = block_leaves
        self._open_from = tiles.size - tiles.size % WIDTH

    def root(self, low: int, high: int) -> bytes:
        """The root over leaves `low` to `high`; `low` is where a subtree of that width begins."""
        count = high - low
        level = 1
        while WIDTH**level <= count:
            if WIDTH**level == count:
                return self._tiles.node(level, low // count)
            level += 1
        if count < WIDTH:
            return merkle.root(self._leaves(low, high))
        middle = low + merkle.split(count)
        return merkle.parents(self.root(low, middle) + self.root(middle, high))

    def inclusion(self, leaf: int, low: int, high: int) -> list[bytes]:
        """PATH(m, D_n)."""
        if high - low == 1:
            return []
        middle = low + merkle.split(high - low)
        if leaf < middle:
            return [*self.inclusion(leaf, low, middle), self.root(middle, high)]
        return [*self.inclusion(leaf, middle, high), self.root(low, middle)]

    def consistency(self, old: int, low: int, high: int, *, known: bool) -> list[bytes]:
        """SUBPROOF(m, D_n, b) with `old` counted from the first leaf of the whole tree."""
        if old == high:
            return [] if known else [self.root(low, high)]
        middle = low + merkle.split(high - low)
        if old <= middle:
            return [*self.consistency(old, low, middle, known=known), self.root(middle, high)]
        right = self.consistency(old, middle, high, known=False)
        return [*right, self.root(low, middle)]

    def _leaves(self, low: int, high: int) -> bytes:
        if low == high:
            return b""
        block = low // WIDTH
        held = self._tiles.open_leaves() if low >= self._open_from else self._block_leaves(block)
        first = block * WIDTH
        return held[(low - first) * NODE : (high - first) * NODE]
