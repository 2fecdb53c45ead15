"""Trees agree with RFC 9162's own recursions, however the events were batched, stopped and resumed.

The definitions are written again here as the RFC has them; proofs are checked by the outsiders'
verifier, which shares no code with what made them.
"""

import importlib.util
import random
import sys
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.journal.archive import Archive, WholeJournal
from tidegate.journal.memory import MemoryJournal, MemoryStore
from tidegate.journal.merkle import leaf, leaves, root, salts
from tidegate.journal.protocol import Corrupt
from tidegate.journal.trees import EventTrees, Place

STREAM = "shop-1"
KEY = b"k" * 32
EVENT_BYTES = 8
VERIFIER = Path(__file__).resolve().parents[2] / "docs" / "verifier" / "tidegate_verify.py"


def load_verifier() -> ModuleType:
    spec = importlib.util.spec_from_file_location("tidegate_verify", VERIFIER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


verifier = load_verifier()


def mth(hashes: Sequence[bytes]) -> bytes:
    """Section 2.1.1: MTH."""
    n = len(hashes)
    if n == 0:
        return sha256().digest()
    if n == 1:
        return hashes[0]
    k = largest_power_below(n)
    return sha256(b"\1" + mth(hashes[:k]) + mth(hashes[k:])).digest()


def path(m: int, hashes: Sequence[bytes]) -> list[bytes]:
    """Section 2.1.3.1: PATH."""
    n = len(hashes)
    if n == 1:
        return []
    k = largest_power_below(n)
    if m < k:
        return [*path(m, hashes[:k]), mth(hashes[k:])]
    return [*path(m - k, hashes[k:]), mth(hashes[:k])]


def subproof(m: int, hashes: Sequence[bytes], b: bool) -> list[bytes]:
    """Section 2.1.4.1: SUBPROOF."""
    n = len(hashes)
    if m == n:
        return [] if b else [mth(hashes)]
    k = largest_power_below(n)
    if m <= k:
        return [*subproof(m, hashes[:k], b), mth(hashes[k:])]
    return [*subproof(m - k, hashes[k:], False), mth(hashes[:k])]


def largest_power_below(n: int) -> int:
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def events_of(payload: bytes) -> list[bytes]:
    return [payload[at : at + EVENT_BYTES] for at in range(1, len(payload), EVENT_BYTES)]


class Grown:
    """A journal with so many events an entry, its trees, and its leaves one by one."""

    def __init__(self, place: Path, counts: Sequence[int], seed: int = 1) -> None:
        dice = random.Random(seed)
        self.journal = MemoryJournal(MemoryStore(STREAM))
        self.path = place / f"trees-{dice.getrandbits(64)}.db"
        self.leaves: list[bytes] = []
        self.places: list[Place] = []
        head = self.journal.claim("me")
        for count in counts:
            payload = b"\0" + dice.randbytes(EVENT_BYTES * count)
            head = self.journal.append(head.seq, payload)
            salted = salts(KEY, head.seq, count)
            for number, event in enumerate(events_of(payload)):
                self.places.append(Place(head.seq, number, len(self.leaves)))
                self.leaves.append(leaf(salted[32 * number : 32 * number + 32], event))
        self.trees = self.open()

    def open(self, events: Callable[[bytes], Sequence[bytes]] = events_of) -> EventTrees:
        return EventTrees(self.path, STREAM, KEY, events)

    def take_all(self, limit_bytes: int = 1 << 20) -> None:
        while entries := self.journal.read(self.trees.cursor.seq + 1, limit_bytes):
            self.trees.take(entries)


@pytest.fixture
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("trees")


COUNTS = st.lists(st.one_of(st.integers(0, 5), st.integers(200, 600)), max_size=12)


@settings(max_examples=40, deadline=None)
@given(counts=COUNTS, data=st.data())
def test_trees_are_those_of_the_rfc(
    tmp_path_factory: pytest.TempPathFactory, counts: list[int], data: st.DataObject
) -> None:
    grown = Grown(tmp_path_factory.mktemp("trees"), counts)
    grown.take_all(data.draw(st.integers(1, 5000)))
    size = len(grown.leaves)
    assert grown.trees.size == size
    assert grown.trees.root() == mth(grown.leaves) == root(b"".join(grown.leaves))
    if size:
        new = data.draw(st.integers(1, size))
        old = data.draw(st.integers(1, new))
        number = data.draw(st.integers(0, new - 1))
        trees, journal = grown.trees, grown.journal
        assert trees.root_at(new, journal) == mth(grown.leaves[:new])
        assert trees.inclusion(number, new, journal) == path(number, grown.leaves[:new])
        assert trees.consistency(old, new, journal) == subproof(old, grown.leaves[:new], True)
    grown.trees.close()


@settings(max_examples=25, deadline=None)
@given(counts=COUNTS, stops=st.sets(st.integers(1, 12)))
def test_a_tree_that_was_stopped_goes_on(
    tmp_path_factory: pytest.TempPathFactory, counts: list[int], stops: set[int]
) -> None:
    """Closed after some entries, and at others failing in the middle of a transaction."""
    grown = Grown(tmp_path_factory.mktemp("trees"), counts)
    failing = set(stops)

    def failing_events(payload: bytes) -> list[bytes]:
        if len(failing) > 0 and len(payload) % 3 == 0:
            failing.pop()
            raise OSError
        return events_of(payload)

    for entry in grown.journal.read(1, 1 << 30):
        if entry.seq in stops:
            grown.trees.close()
            grown.trees = grown.open(failing_events)
        for _ in range(20):
            try:
                grown.trees.take([entry])
                break
            except OSError:
                continue
    assert grown.trees.root() == mth(grown.leaves)
    assert grown.trees.cursor == grown.journal.head()
    grown.trees.close()


def test_every_small_tree(place: Path) -> None:
    grown = Grown(place, [1] * 40)
    for size in range(41):
        assert grown.trees.root() == mth(grown.leaves[:size])
        for number in range(size):
            expected = path(number, grown.leaves[:size])
            assert grown.trees.inclusion(number, size, grown.journal) == expected
        for old in range(1, size + 1):
            expected = subproof(old, grown.leaves[:size], True)
            assert grown.trees.consistency(old, size, grown.journal) == expected
        if size == 0:
            grown.trees.take(grown.journal.read(1, 1))
        grown.trees.take(grown.journal.read(grown.trees.cursor.seq + 1, 1))


def test_a_tree_of_three_levels_of_tiles(place: Path) -> None:
    counts = [8000] * 8 + [1500, 0, 0, 1, 35, 600]
    grown = Grown(place, counts)
    grown.take_all()
    size = sum(counts)
    assert grown.trees.size == size == 66_136
    assert grown.trees.root() == mth(grown.leaves)
    dice = random.Random(5)
    for _ in range(25):
        number = dice.randrange(size)
        proof = grown.trees.inclusion(number, size, grown.journal)
        found = verifier.root_from_inclusion(grown.leaves[number], number, size, proof)
        assert found == grown.trees.root()
        old, new = sorted(dice.sample(range(1, size + 1), 2))
        trees = [
            SimpleNamespace(size=at, root=grown.trees.root_at(at, grown.journal))
            for at in (old, new)
        ]
        proof = grown.trees.consistency(old, new, grown.journal)
        verifier.check_growth(*trees, proof)
        for tampered in (proof[:-1], [*proof, bytes(32)], [bytes(32), *proof[1:]]):
            with pytest.raises(verifier.Refuted):
                verifier.check_growth(*trees, tampered)
    file_bytes = grown.path.stat().st_size
    assert file_bytes / size < 1.2  # of which most is SQLite's fixed part


def test_each_event_has_its_place_and_shows_only_itself(place: Path) -> None:
    grown = Grown(place, [3, 0, 5, 300, 1])
    grown.take_all()
    for expected in grown.places:
        assert grown.trees.place(expected.seq, expected.number) == expected
        salt, event = grown.trees.show(expected, grown.journal)
        assert leaf(salt, event) == grown.leaves[expected.leaf]
    shown = {grown.trees.show(at, grown.journal)[0] for at in grown.places}
    assert len(shown) == len(grown.places)
    for seq, number in ((1, 0), (2, 3), (2, -1), (3, 0), (7, 0), (0, 0)):
        with pytest.raises(ValueError, match=r"events|not in the tree"):
            grown.trees.place(seq, number)


def test_proofs_reach_into_the_archive(place: Path) -> None:
    grown = Grown(place, [100] * 20)
    grown.take_all()
    before = grown.trees.inclusion(123, 2000, grown.journal)
    archive = Archive(place / "archive", STREAM)
    archive.extend(grown.journal, 15, 1, all_of_it=True)
    grown.journal.prune(15)
    whole = WholeJournal(grown.journal, archive)
    grown.trees.close()
    grown.trees = grown.open()
    assert grown.trees.inclusion(123, 2000, whole) == before


def test_a_journal_that_is_not_the_trees_is_noticed(place: Path) -> None:
    grown = Grown(place, [300, 300])
    grown.take_all()
    other = Grown(place, [300, 300], seed=2)
    with pytest.raises(Corrupt, match="not those"):
        grown.trees.inclusion(7, 600, other.journal)
    short = Grown(place, [300], seed=1)
    with pytest.raises(Corrupt, match="ends before entry 3"):
        grown.trees.inclusion(290, 600, short.journal)
    with pytest.raises(AssertionError):
        grown.trees.take(other.journal.read(4) or other.journal.read(2))


def test_sizes_and_leaves_have_bounds(place: Path) -> None:
    grown = Grown(place, [5])
    grown.take_all()
    trees, journal = grown.trees, grown.journal
    for call in (
        lambda: trees.root_at(6, journal),
        lambda: trees.inclusion(5, 5, journal),
        lambda: trees.inclusion(-1, 5, journal),
        lambda: trees.inclusion(0, 6, journal),
        lambda: trees.consistency(0, 5, journal),
        lambda: trees.consistency(4, 3, journal),
        lambda: trees.consistency(4, 6, journal),
    ):
        with pytest.raises(ValueError, match=r"tree"):
            call()
    with pytest.raises(ValueError, match="trees of shop-1"):
        EventTrees(grown.path, "shop-2", KEY, events_of)


def test_leaves_are_salted_hashes() -> None:
    salted = salts(KEY, 9, 2)
    by_hand = [
        sha256(b"\0" + salted[:32] + b"a").digest(),
        sha256(b"\0" + salted[32:] + b"b").digest(),
    ]
    assert leaves(salted, [b"a", b"b"]) == b"".join(by_hand)
    assert salts(KEY, 9, 1) == salted[:32]
    assert salts(KEY, 10, 2) != salted
    assert salts(b"another key", 9, 2) != salted


def test_the_published_tree_of_certificate_transparency() -> None:
    """Eight leaves and roots that every implementation of RFC 6962 is tested with."""
    inputs = "|00|10|2021|3031|40414243|5051525354555657|606162636465666768696a6b6c6d6e6f"
    hashes = [sha256(b"\0" + bytes.fromhex(text)).digest() for text in inputs.split("|")]
    roots = {
        1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    }
    assert {count: root(b"".join(hashes[:count])).hex() for count in roots} == roots
