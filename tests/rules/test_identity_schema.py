"""How our SQLite files are opened: private, of one kind, one version back and no further."""

import sqlite3
import stat
from pathlib import Path

import pytest

from tidegate.access.store import SCHEMA as ACCESS
from tidegate.people.identity import IdentityTable
from tidegate.people.identity_schema import SCHEMA as IDENTITY
from tidegate.storage.sqlite_schema import (
    DiskLow,
    Migration,
    Schema,
    SchemaTooNew,
    WrongDatabase,
    free_disk_bytes,
    open_database,
    require_free_disk,
    truncate_wal,
)

FIRST = Migration(1, ("CREATE TABLE thing (id INTEGER PRIMARY KEY) STRICT",))
SECOND = Migration(2, ("ALTER TABLE thing ADD COLUMN note TEXT NOT NULL DEFAULT ''",))
THIRD = Migration(3, ("CREATE TABLE other (id INTEGER PRIMARY KEY) STRICT",))
OLD, NEW, NEWER = (
    Schema("thing", steps) for steps in ((FIRST,), (FIRST, SECOND), (FIRST, SECOND, THIRD))
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "thing.db"


def version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def test_a_new_file_is_private_durable_and_marked(path: Path) -> None:
    connection = open_database(path, OLD)
    pragmas = {
        name: connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous", "secure_delete", "application_id")
    }
    assert pragmas == {
        "journal_mode": "wal",
        "synchronous": 2,
        "secure_delete": 1,
        "application_id": OLD.application_id,
    }
    connection.execute("INSERT INTO thing VALUES (1)")
    assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {0o600}
    connection.close()


def test_an_older_file_is_brought_forward_with_its_rows(path: Path) -> None:
    old = open_database(path, OLD)
    old.execute("INSERT INTO thing VALUES (7)")
    old.close()
    new = open_database(path, NEW)
    assert version(new) == 2
    assert new.execute("SELECT id, note FROM thing").fetchall() == [(7, "")]
    new.close()


def test_one_version_back_still_works_and_leaves_the_file_as_it_is(path: Path) -> None:
    open_database(path, NEW).close()
    old = open_database(path, OLD)
    old.execute("INSERT INTO thing (id) VALUES (1)")
    assert version(old) == 2
    old.close()
    again = open_database(path, NEW)
    assert again.execute("SELECT id, note FROM thing").fetchall() == [(1, "")]
    again.close()


def test_two_versions_back_is_refused_with_what_to_do(path: Path) -> None:
    open_database(path, NEWER).close()
    with pytest.raises(SchemaTooNew, match="has schema version 3; this release knows 1"):
        open_database(path, OLD)


def test_a_step_that_fails_changes_nothing(path: Path) -> None:
    open_database(path, OLD).close()
    broken = Migration(2, ("CREATE TABLE half (id INTEGER)", "CREATE TABLE thing (id INTEGER)"))
    with pytest.raises(sqlite3.OperationalError, match="thing already exists"):
        open_database(path, Schema("thing", (FIRST, broken)))
    connection = open_database(path, OLD)
    assert version(connection) == 1
    tables = connection.execute("SELECT name FROM sqlite_schema").fetchall()
    assert tables == [("thing",)]
    connection.close()


def test_a_file_of_another_kind_is_refused(path: Path) -> None:
    open_database(path, ACCESS).close()
    with pytest.raises(WrongDatabase, match="another kind of database than 'identity'"):
        open_database(path, IDENTITY)
    with pytest.raises(WrongDatabase):
        IdentityTable.open(path, bytes(32), lambda: 0)


def test_somebody_elses_database_is_refused_and_left_alone(path: Path) -> None:
    stranger = sqlite3.connect(path)
    stranger.execute("CREATE TABLE theirs (id INTEGER)")
    stranger.commit()
    stranger.close()
    before = path.read_bytes()
    with pytest.raises(WrongDatabase):
        open_database(path, OLD)
    assert path.read_bytes() == before
    again = sqlite3.connect(path)
    assert again.execute("SELECT name FROM sqlite_schema").fetchall() == [("theirs",)]
    again.close()


def test_what_is_no_database_is_refused(path: Path) -> None:
    path.write_bytes(b"a note that somebody left here, long enough to be read as a header" * 10)
    before = path.read_bytes()
    with pytest.raises(WrongDatabase, match="not an SQLite database"):
        open_database(path, OLD)
    assert path.read_bytes() == before


def test_a_reader_keeps_the_wal_from_being_cut(path: Path) -> None:
    writer = open_database(path, OLD)
    reader = open_database(path, OLD)
    writer.execute("INSERT INTO thing VALUES (1)")
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM thing").fetchall()
    writer.execute("INSERT INTO thing VALUES (2)")
    assert not truncate_wal(writer, wait_s=0)
    reader.execute("COMMIT")
    assert truncate_wal(writer, wait_s=0)
    assert path.with_name("thing.db-wal").stat().st_size == 0
    reader.close()
    writer.close()


def test_room_on_the_disk_is_asked_for_before_writing(tmp_path: Path) -> None:
    free_bytes = free_disk_bytes(tmp_path)
    require_free_disk(tmp_path, 1)
    with pytest.raises(DiskLow, match="make room or move the store"):
        require_free_disk(tmp_path, free_bytes + (1 << 40))


@pytest.mark.parametrize("schema", [ACCESS, IDENTITY])
def test_every_step_only_adds(schema: Schema) -> None:
    """The release before must be able to go on with the result: the rule for going back."""
    for step in schema.migrations[1:]:
        for statement in step.statements:
            words = statement.upper().split()
            assert words[0] in {"CREATE", "ALTER", "INSERT"}
            assert "DROP" not in words
            assert "RENAME" not in words
