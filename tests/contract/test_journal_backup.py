"""A backup is made beside a running writer, goes on where it stopped, and restores to the same."""

import json
import sqlite3
import threading
from pathlib import Path

import pytest

from tidegate.journal.archive import Archive, WholeJournal, prune
from tidegate.journal.backup import back_up_shop, restore_shop
from tidegate.journal.chain import check_whole
from tidegate.journal.protocol import Corrupt, Entry, JournalError, NotThisJournal
from tidegate.journal.segment import segments_in
from tidegate.journal.sqlite import SqliteJournal, SqliteSettings

STREAM = "shop-1"
SMALL = SqliteSettings(wal_limit_bytes=1 << 20, step_bytes=1 << 18)


def fill(journal: SqliteJournal, until: int) -> None:
    while journal.head().seq < until:
        seq = journal.head().seq
        journal.append(seq, bytes([seq % 256]) * 1000)


def make_shop(place: Path, entries: int) -> SqliteJournal:
    journal = SqliteJournal(place, STREAM, SMALL)
    journal.claim(place.name)
    fill(journal, entries)
    identity = sqlite3.connect(place / "identity.db", isolation_level=None)
    identity.execute("PRAGMA journal_mode = WAL")
    identity.execute("CREATE TABLE token (hash BLOB PRIMARY KEY, token INTEGER)")
    identity.execute("INSERT INTO token VALUES (x'01', 7)")
    identity.close()
    (place / "snapshots").mkdir()
    for seq in (10, 1000):
        (place / "snapshots" / f"{seq}.snapshot").write_bytes(b"snapshot %d" % seq)
    (place / "secrets").mkdir()
    (place / "secrets" / "signing.key").write_bytes(b"secret")
    return journal


def test_a_backup_restores_to_the_same_journal(tmp_path: Path) -> None:
    journal = make_shop(tmp_path / "shop", 80)
    archive = Archive(tmp_path / "shop" / "archive", STREAM)
    archive.extend(journal, 40, 5000)
    prune(journal, archive, 25)
    reached: list[int] = []
    made = back_up_shop(
        tmp_path / "shop", STREAM, tmp_path / "backup", lambda seq, _: reached.append(seq), 20_000
    )
    assert made.head == journal.head()
    assert reached == [21, 41, 61, 80]
    assert made[2:] == (4, 4)
    assert not (tmp_path / "backup" / "secrets").exists()

    restored = restore_shop(tmp_path / "backup", tmp_path / "again")
    assert restored.head == journal.head()
    again = SqliteJournal(tmp_path / "again", STREAM)
    assert again.base().seq == 21  # whole segments that were pruned come back as an archive
    whole = WholeJournal(again, Archive(tmp_path / "again" / "archive", STREAM))
    seen: list[Entry] = []
    while entries := whole.read(len(seen) + 1):
        seen += entries
    assert check_whole(STREAM, seen) == journal.head()
    identity = sqlite3.connect(tmp_path / "again" / "identity.db")
    assert identity.execute("SELECT token FROM token").fetchall() == [(7,)]
    identity.close()
    assert [path.name for path in (tmp_path / "again" / "snapshots").iterdir()] == ["10.snapshot"]
    assert again.claim("after the restore")[:2] == (81, 2)
    again.close()
    journal.close()


def test_the_next_backup_copies_what_is_new(tmp_path: Path) -> None:
    journal = make_shop(tmp_path / "shop", 30)
    assert back_up_shop(tmp_path / "shop", STREAM, tmp_path / "backup")[2:] == (1, 1)
    assert back_up_shop(tmp_path / "shop", STREAM, tmp_path / "backup")[2:] == (1, 0)
    fill(journal, 50)
    made = back_up_shop(tmp_path / "shop", STREAM, tmp_path / "backup")
    assert made[2:] == (2, 1)
    assert [segment[1:] for segment in segments_in(tmp_path / "backup" / "segments")] == [
        (1, 30),
        (31, 50),
    ]
    assert restore_shop(tmp_path / "backup", tmp_path / "again").head == journal.head()
    journal.close()


def test_a_backup_ends_beside_a_busy_writer(tmp_path: Path) -> None:
    journal = make_shop(tmp_path / "shop", 200)
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            journal.append(journal.head().seq, bytes(50_000))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        made = back_up_shop(tmp_path / "shop", STREAM, tmp_path / "backup")
    finally:
        stop.set()
        writer.join()
    restored = restore_shop(tmp_path / "backup", tmp_path / "again")
    assert made.head == restored.head
    assert journal.read(made.head.seq, 1)[0].head == made.head
    journal.close()


def test_a_restore_that_was_stopped_goes_on(tmp_path: Path) -> None:
    journal = make_shop(tmp_path / "shop", 60)
    made = back_up_shop(tmp_path / "shop", STREAM, tmp_path / "backup", segment_bytes=10_000)

    class Stopped(Exception):
        pass

    def stop_at(seq: int, goal: int) -> None:
        assert goal == 60
        if seq > 30:
            raise Stopped

    with pytest.raises(Stopped):
        restore_shop(tmp_path / "backup", tmp_path / "again", stop_at)
    with pytest.raises(NotThisJournal, match="has not ended"):
        SqliteJournal(tmp_path / "again", STREAM)
    reached: list[int] = []
    restore_shop(tmp_path / "backup", tmp_path / "again", lambda seq, _: reached.append(seq))
    again = SqliteJournal(tmp_path / "again", STREAM)
    assert again.read(1, 1 << 40) == journal.read(1, 1 << 40)
    assert again.head() == made.head
    again.close()
    journal.close()


def test_a_damaged_backup_is_refused(tmp_path: Path) -> None:
    journal = make_shop(tmp_path / "shop", 30)
    back_up_shop(tmp_path / "shop", STREAM, tmp_path / "backup")
    journal.close()
    path = segments_in(tmp_path / "backup" / "segments")[0].path
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 8
    path.write_bytes(content)
    with pytest.raises(Corrupt):
        restore_shop(tmp_path / "backup", tmp_path / "again")
    content[len(content) // 2] ^= 8
    path.write_bytes(content)
    manifest = json.loads((tmp_path / "backup" / "backup.json").read_text())
    (tmp_path / "backup" / "backup.json").write_text(json.dumps(manifest | {"seq": 31}))
    with pytest.raises(Corrupt, match="manifest says 31"):
        restore_shop(tmp_path / "backup", tmp_path / "again")
    (tmp_path / "backup" / "backup.json").unlink()
    with pytest.raises(Corrupt, match="no finished backup"):
        restore_shop(tmp_path / "backup", tmp_path / "again")


def test_neither_a_shop_nor_a_backup_is_written_over(tmp_path: Path) -> None:
    journal = make_shop(tmp_path / "shop", 10)
    back_up_shop(tmp_path / "shop", STREAM, tmp_path / "backup")
    with pytest.raises(JournalError, match="not empty"):
        restore_shop(tmp_path / "backup", tmp_path / "shop")
    journal.close()
    other = make_shop(tmp_path / "other", 20)
    with pytest.raises(Corrupt, match="another journal's backup"):
        back_up_shop(tmp_path / "other", STREAM, tmp_path / "backup")
    other.close()
    with pytest.raises(JournalError, match="no journal to back up"):
        back_up_shop(tmp_path / "nothing", STREAM, tmp_path / "backup-2")
