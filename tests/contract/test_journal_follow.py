"""A follower gets every entry once, in order, or is told why not. Run by each home."""

import threading
from pathlib import Path

import pytest

from tidegate.journal.archive import Archive, WholeJournal
from tidegate.journal.chain import Chain, check_whole
from tidegate.journal.follow import Follower, Head
from tidegate.journal.memory import MemoryJournal, MemoryStore
from tidegate.journal.protocol import GENESIS, Corrupt, Journal, Pruned, RolledBack, StoreBusy
from tidegate.journal.sqlite import SqliteJournal, SqliteSettings
from tidegate.journal.sqlite_file import SqliteReader
from tidegate.journal.store import mark_unsafe
from tidegate.testing.journals import HOMES, STREAM, Home


@pytest.fixture(params=sorted(HOMES))
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Home:
    return HOMES[request.param](tmp_path)


def filled(home: Home, count: int) -> Journal:
    journal = home.writer()
    journal.claim("me")
    for seq in range(1, count):
        journal.append(seq, b"%d" % seq * 10)
    return journal


def test_entries_come_once_and_in_order(home: Home) -> None:
    journal = filled(home, 40)
    follower = Follower(home.reader, rehash=True)
    assert follower.lag() == 40
    seen = []
    while entries := follower.poll(limit_bytes=100):
        seen += entries
    assert [entry.seq for entry in seen] == list(range(1, 41))
    assert follower.cursor == journal.head() == check_whole(STREAM, seen)
    assert follower.lag() == 0
    journal.append(40, b"new")
    assert [entry.seq for entry in follower.poll()] == [41]
    follower.close()
    assert follower.poll() == []
    journal.close()


def test_the_caller_keeps_the_cursor(home: Home) -> None:
    journal = filled(home, 10)
    follower = Follower(home.reader)
    kept = follower.cursor
    first = follower.poll(1)
    follower.cursor = kept  # the caller's transaction failed
    assert follower.poll(1) == first
    again = Follower(home.reader, follower.cursor)
    assert [entry.seq for entry in again.poll()] == list(range(2, 11))
    journal.close()


def test_batches_end_when_told_to(home: Home) -> None:
    journal = filled(home, 5)
    stop = threading.Event()
    follower = Follower(home.reader)
    for entries in follower.batches(stop, idle_s=0.001):
        assert len(entries) == 5
        stop.set()
    assert follower.cursor == journal.head()
    journal.close()


def test_a_pruned_start_is_named_and_the_archive_has_it(home: Home, tmp_path: Path) -> None:
    journal = filled(home, 30)
    everything = journal.read(1)
    archive = Archive(tmp_path / "archive", STREAM)
    archive.extend(journal, 20, 50, all_of_it=True)
    journal.prune(20)
    with pytest.raises(Pruned):
        Follower(home.reader).poll()
    follower = Follower(lambda: WholeJournal(home.reader(), archive), rehash=True)
    seen = []
    while entries := follower.poll():
        seen += entries
    assert seen == everything
    journal.close()


def test_a_shorter_or_other_past_is_noticed() -> None:
    store = MemoryStore(STREAM)
    journal = MemoryJournal(store)
    journal.claim("me")
    for seq in range(1, 10):
        journal.append(seq, b"x")
    follower = Follower(lambda: journal)
    follower.poll()
    store.roll_back(7)
    with pytest.raises(RolledBack) as gone:
        follower.poll()
    assert (gone.value.seen.seq, gone.value.found.seq) == (10, 7)
    for owner in ("a", "b", "c"):  # as long as before, but another past
        journal.claim(owner)
    with pytest.raises(RolledBack):
        follower.poll()
    journal.claim("d")  # and longer
    with pytest.raises(RolledBack):
        follower.poll()


def test_an_older_copy_put_in_place_is_noticed(tmp_path: Path) -> None:
    """The file under the name is another one: the reader looks, though it has the old one open."""
    live, old = tmp_path / "live", tmp_path / "old"
    for place, count in ((live, 9), (old, 4)):
        journal = SqliteJournal(place, STREAM)
        journal.claim("me")
        for seq in range(1, count):
            journal.append(seq, b"x")
        journal.close()
    follower = Follower(lambda: SqliteReader(live, STREAM))
    assert len(follower.poll()) == 9
    (old / "journal.db").replace(live / "journal.db")
    with pytest.raises(RolledBack):
        follower.poll()


def test_changed_content_is_noticed_when_rehashing() -> None:
    store = MemoryStore(STREAM)
    journal = MemoryJournal(store)
    journal.claim("me")
    for seq in range(1, 5):
        journal.append(seq, b"true")
    store.entries[2] = store.entries[2]._replace(payload=b"false")
    with pytest.raises(Corrupt, match="entry 3 after 2: its content"):
        Follower(lambda: journal, rehash=True).poll()


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"seq": 4}, "gap"),
        ({"prev_hash": bytes(32)}, "does not continue"),
        ({"kind": 2}, "kind and epoch"),
        ({"kind": 0}, "kind and epoch"),
        ({"epoch": 2}, "kind and epoch"),
        ({"payload": b""}, "size"),
        ({"payload": b"y"}, "content"),
        ({"hash": bytes(32)}, "content"),
    ],
)
def test_the_chain_names_each_fault(change: dict[str, object], fault: str) -> None:
    store = MemoryStore(STREAM)
    journal = MemoryJournal(store)
    journal.claim("me")
    journal.append(1, b"x")
    journal.append(2, b"x")
    entries = journal.read(1)
    assert check_whole(STREAM, entries) == journal.head()
    entries[2] = entries[2]._replace(**change)  # type: ignore[arg-type]
    with pytest.raises(Corrupt, match=fault):
        check_whole(STREAM, entries)
    with pytest.raises(Corrupt):
        check_whole("shop-2", journal.read(1))


def test_nobody_writes_before_a_claim_not_even_in_a_forged_chain() -> None:
    chain = Chain(STREAM)
    forged = chain.link(1, 0, 1, GENESIS.hash, b"x")
    entry = MemoryJournal(MemoryStore(STREAM))
    entry.claim("me")
    (claim,) = entry.read(1)
    with pytest.raises(Corrupt, match="claimed"):
        check_whole(STREAM, [claim._replace(epoch=0, kind=1, payload=b"x", hash=forged)])


@pytest.mark.parametrize("stream", ["", "Shop", "shop 1", "läden", "x" * 81, "-a"])
def test_streams_have_plain_names(stream: str) -> None:
    with pytest.raises(ValueError, match="lower-case"):
        Chain(stream)


def test_readers_step_aside_after_a_failed_sync(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path, STREAM)
    journal.claim("me")
    follower = Follower(lambda: SqliteReader(tmp_path, STREAM))
    assert follower.cursor == Head(0, 0, bytes(32))
    assert len(follower.poll()) == 1
    mark_unsafe(tmp_path, "a test says so")
    with pytest.raises(StoreBusy):
        follower.poll()
    stop = threading.Event()
    threading.Timer(0.05, stop.set).start()
    assert list(follower.batches(stop, 0.001)) == []
    journal.close()
    SqliteJournal(tmp_path, STREAM, SqliteSettings()).close()  # redoes the tail
    assert follower.poll() == []
