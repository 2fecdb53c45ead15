"""What a start makes of what the last stop left: torn logs, damaged pages, failed syncs, rivals."""

import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tidegate.journal.chain import Chain, check_whole
from tidegate.journal.protocol import (
    GENESIS,
    Corrupt,
    Entry,
    NotThisJournal,
    StoreFull,
    StoreInUse,
    SyncFailed,
)
from tidegate.journal.recovery import wal_path
from tidegate.journal.sqlite import SqliteJournal, SqliteSettings
from tidegate.journal.sqlite_file import SqliteReader
from tidegate.journal.store import UNSAFE_FILE, is_unsafe

STREAM = "shop-1"
SOURCE = Path(__file__).resolve().parents[2] / "src"
PAGE_BYTES = 4096
FRAME_BYTES = 24 + PAGE_BYTES
WAL_HEADER_BYTES = 32
SMALL = SqliteSettings(page_bytes=PAGE_BYTES, reserve_bytes=0)


def in_child(work: Callable[[], None]) -> int:
    """Run `work` in a fork that ends without tidying up; its exit code."""
    child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(0)
        finally:
            os._exit(99)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def append(journal: SqliteJournal, entries: int) -> None:
    head = journal.claim("me")
    for _ in range(entries):
        head = journal.append(head.seq, b"%d." % head.seq * (40 + 1700 * (head.seq % 2)))


def read_all(directory: Path) -> list[Entry]:
    journal = SqliteJournal(directory, STREAM, SMALL)
    try:
        entries = journal.read(1, 1 << 40)
        check_whole(STREAM, entries)
        return entries
    finally:
        journal.close()


@pytest.fixture
def crashed(tmp_path: Path) -> Path:
    """A store whose writer ended in the middle: five entries moved, nine in the log."""

    def work() -> None:
        journal = SqliteJournal(tmp_path / "crashed", STREAM, SMALL)
        append(journal, 4)
        journal.close()
        append(SqliteJournal(tmp_path / "crashed", STREAM, SMALL), 8)

    assert in_child(work) == 0
    return tmp_path / "crashed"


def copy_of(store: Path, place: Path) -> Path:
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    for name in ("journal.db", "journal.db-wal"):
        shutil.copyfile(store / name, place / name)
    return place


def test_a_log_cut_anywhere_leaves_whole_entries(crashed: Path, tmp_path: Path) -> None:
    whole = read_all(copy_of(crashed, tmp_path / "whole"))
    assert len(whole) == 14
    size = wal_path(crashed).stat().st_size
    frames = (size - WAL_HEADER_BYTES) // FRAME_BYTES
    kept = []
    for frame in range(frames + 1):
        for into in (0, 10, 24, 700):
            place = copy_of(crashed, tmp_path / "cut")
            os.truncate(wal_path(place), min(size, WAL_HEADER_BYTES + frame * FRAME_BYTES + into))
            entries = read_all(place)
            assert entries == whole[: len(entries)]
            kept.append(len(entries))
    assert kept == sorted(kept)
    assert set(kept) == set(range(5, 15))


def test_a_log_damaged_anywhere_leaves_whole_entries(crashed: Path, tmp_path: Path) -> None:
    whole = read_all(copy_of(crashed, tmp_path / "whole"))
    content = wal_path(crashed).read_bytes()
    kept = set()
    for at in [*range(0, 32, 4), *range(32 + 8, len(content), 997)]:
        place = copy_of(crashed, tmp_path / "damaged")
        damaged = bytearray(content)
        damaged[at] ^= 0x20
        wal_path(place).write_bytes(damaged)
        entries = read_all(place)
        assert entries == whole[: len(entries)], at
        kept.add(len(entries))
    assert kept >= set(range(5, 13))


def test_a_damaged_page_is_noticed_or_holds_nothing(crashed: Path, tmp_path: Path) -> None:
    """Each page of the file, at its start, its middle and its end."""
    place = copy_of(crashed, tmp_path / "moved")
    whole = read_all(place)  # the close moved everything into the file
    content = (place / "journal.db").read_bytes()
    noticed = 0
    for start in range(0, len(content), PAGE_BYTES):
        for at in (start, start + 5, start + PAGE_BYTES // 2, start + PAGE_BYTES - 60):
            damaged = bytearray(content)
            damaged[at] ^= 0xFF
            (place / "journal.db").write_bytes(damaged)
            try:
                found = read_all(place)
            except (Corrupt, NotThisJournal, SyncFailed):
                noticed += 1
            else:
                assert found == whole, at
            for name in (UNSAFE_FILE, "journal.db-wal", "journal.db-shm"):
                (place / name).unlink(missing_ok=True)
    assert noticed > len(content) // PAGE_BYTES


def failing_sync(journal: SqliteJournal) -> None:
    """What the writer does when SQLite reports a failed sync."""
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
    with journal._append_lock:
        raise journal._meaning(error, journal._owned)


def test_after_a_failed_sync_nothing_is_read_or_written(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path, STREAM, SMALL)
    append(journal, 3)
    with pytest.raises(SyncFailed, match="see to the disk"):
        failing_sync(journal)
    calls: list[Callable[[], object]] = [
        journal.head,
        journal.base,
        lambda: journal.read(1),
        lambda: journal.claim("me"),
        lambda: journal.append(4, b"x"),
        lambda: journal.read_back(4, bytes(32)),
        lambda: journal.prune(1),
    ]
    for call in calls:
        with pytest.raises(SyncFailed, match="the journal stopped"):
            call()
    journal.close()
    assert is_unsafe(tmp_path)


def test_closing_after_a_failed_sync_leaves_the_log_for_the_restart(tmp_path: Path) -> None:
    """SQLite's last writing connection would move the log, believe the disk, and delete it."""
    journal = SqliteJournal(tmp_path, STREAM, SMALL)
    append(journal, 3)
    log = wal_path(tmp_path).read_bytes()
    with pytest.raises(SyncFailed):
        failing_sync(journal)
    journal.close()
    assert wal_path(tmp_path).read_bytes() == log
    assert len(read_all(tmp_path)) == 4
    assert not is_unsafe(tmp_path)
    assert not wal_path(tmp_path).exists()


def test_a_failed_sync_is_not_redone_beside_a_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its shared memory remembers how far the log was moved, and that may not be true."""
    monkeypatch.setattr("tidegate.journal.recovery.PRIVATE_WAIT_S", 0.05)
    journal = SqliteJournal(tmp_path, STREAM, SMALL)
    append(journal, 3)
    foreign = sqlite3.connect(tmp_path / "journal.db")
    foreign.execute("SELECT count(*) FROM entry").fetchone()
    with pytest.raises(SyncFailed):
        failing_sync(journal)
    journal.close()
    with pytest.raises(StoreInUse, match="a process that reads it"):
        SqliteJournal(tmp_path, STREAM, SMALL)
    foreign.close()
    assert len(read_all(tmp_path)) == 4


def test_a_second_server_is_told_who_holds_the_store(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path, STREAM)
    with pytest.raises(StoreInUse, match=f"process {os.getpid()} on .*: stop that process first"):
        SqliteJournal(tmp_path, STREAM)
    program = (
        "from pathlib import Path; import sys\n"
        "from tidegate.journal.sqlite import SqliteJournal\n"
        "SqliteJournal(Path(sys.argv[1]), 'shop-1')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        env=dict(os.environ, PYTHONPATH=str(SOURCE)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert f"is held by process {os.getpid()} on" in done.stderr
    journal.close()
    SqliteJournal(tmp_path, STREAM).close()


def test_the_lock_goes_with_a_killed_process(tmp_path: Path) -> None:
    def work() -> None:
        append(SqliteJournal(tmp_path, STREAM, SMALL), 2)
        os.kill(os.getpid(), signal.SIGKILL)

    assert in_child(work) == -signal.SIGKILL
    assert len(read_all(tmp_path)) == 3


@pytest.fixture
def limited() -> Iterator[None]:
    yield
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


def test_a_file_size_limit_stops_the_journal_and_nothing_else(
    tmp_path: Path, limited: None
) -> None:
    """The kernel's own refusal in the middle of an append, as with a quota."""

    def work() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
        journal = SqliteJournal(tmp_path / "store", STREAM, SMALL)
        head = journal.claim("me")
        try:
            while True:
                head = journal.append(head.seq, bytes(20_000))
                (tmp_path / "acknowledged").write_text(str(head.seq))
        except SyncFailed:
            os._exit(7)

    assert in_child(work) == 7
    acknowledged = int((tmp_path / "acknowledged").read_text())
    assert acknowledged > 5
    assert len(read_all(tmp_path / "store")) == acknowledged


def test_a_full_disk_at_the_start_is_named(tmp_path: Path) -> None:
    settings = SqliteSettings(free=lambda _: 1 << 20)
    journal = SqliteJournal(tmp_path, STREAM, settings)
    with pytest.raises(StoreFull, match="1 MiB free, 256 MiB are kept in reserve"):
        journal.claim("me")
    assert journal.head() == GENESIS
    journal.close()


def test_a_file_of_another_kind_is_left_alone(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "a", STREAM)
    append(journal, 1)
    journal.close()
    with pytest.raises(NotThisJournal, match="of shop-1, not of shop-2"):
        SqliteJournal(tmp_path / "a", "shop-2")
    with pytest.raises(NotThisJournal, match="of shop-1, not of shop-2"):
        SqliteReader(tmp_path / "a", "shop-2").head()
    newer = sqlite3.connect(tmp_path / "a" / "journal.db")
    newer.execute("PRAGMA user_version = 3")
    newer.close()
    with pytest.raises(NotThisJournal, match="has format 3"):
        SqliteJournal(tmp_path / "a", STREAM)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "journal.db").write_bytes(b"this is no database, " * 100)
    with pytest.raises(Corrupt):
        SqliteJournal(tmp_path / "b", STREAM)


def test_entries_never_change_even_by_hand(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path, STREAM)
    append(journal, 3)
    by_hand = sqlite3.connect(tmp_path / "journal.db", isolation_level=None)
    with pytest.raises(sqlite3.IntegrityError, match="never change"):
        by_hand.execute("UPDATE entry SET payload = x'00'")
    forged = Chain(STREAM).link(5, 1, 1, bytes(32), b"x")
    for seq, prev in ((5, bytes(32)), (9, journal.head().hash)):
        with pytest.raises(sqlite3.IntegrityError, match="fenced"):
            by_hand.execute("INSERT INTO entry VALUES (?, 1, 1, ?, ?, x'78')", (seq, prev, forged))
    by_hand.close()
    journal.close()


def test_a_reader_that_stays_makes_the_log_grow_only_while_it_stays(tmp_path: Path) -> None:
    settings = SqliteSettings(
        page_bytes=PAGE_BYTES, reserve_bytes=0, wal_limit_bytes=200_000, step_bytes=50_000
    )
    journal = SqliteJournal(tmp_path, STREAM, settings)
    head = journal.claim("me")
    stuck = sqlite3.connect(tmp_path / "journal.db", isolation_level=None)
    stuck.execute("BEGIN")
    stuck.execute("SELECT count(*) FROM entry").fetchone()
    for _ in range(100):
        head = journal.append(head.seq, bytes(20_000))
    assert wal_path(tmp_path).stat().st_size > 2_000_000
    stuck.execute("ROLLBACK")
    stuck.close()
    for _ in range(100):
        head = journal.append(head.seq, bytes(20_000))
    journal._checkpointer.stop()
    assert wal_path(tmp_path).stat().st_size <= 200_000 + 800_000 + 50_000
    journal.close()
    assert len(read_all(tmp_path)) == 201


def test_only_its_owner_may_read_a_journal(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        journal = SqliteJournal(tmp_path / "shop", STREAM)
        append(journal, 3)
        modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "shop").iterdir()}
        assert (tmp_path / "shop").stat().st_mode & 0o777 == 0o700
        journal.close()
    finally:
        os.umask(before)
    assert modes == dict.fromkeys(
        ["journal.db", "journal.db-wal", "journal.db-shm", "journal.lock"], 0o600
    )
