"""The n-th write of the identity table fails, for every n: nobody loses or changes a token."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tidegate.people import identity_upkeep
from tidegate.people.identity import IdentityTable, IdentityUnavailable
from tidegate.people.identity_store import IdentityStore

KEY = bytes(range(32))
DAY = 20_750
PEOPLE = [(0, bytes([n, 1]) * 8) for n in range(60)]


class Cut(Exception):
    """The process ends here."""


def open_table(path: Path, day: int) -> IdentityTable:
    table = IdentityTable.open(path, KEY, lambda: day)
    table.set_period_end(DAY)
    return table


def abandon(table: IdentityTable) -> None:
    """What a crash leaves: nothing is flushed, the files are let go."""
    table._store.hot.close()
    table._store.quiet.close()


@pytest.fixture(autouse=True)
def _small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity_upkeep, "SETTLE_ROWS", 7)
    monkeypatch.setattr(identity_upkeep, "SWEEP_ROWS", 7)
    monkeypatch.setattr(identity_upkeep, "CLEAR_ARRIVALS", 1)
    monkeypatch.setattr(identity_upkeep, "PAUSE_S", 0)


def cut_at(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Let the transaction of this number end before it is committed."""
    whole = IdentityStore.transaction
    begun = [0]

    @contextmanager
    def cut(self: IdentityStore, connection: sqlite3.Connection) -> Iterator[None]:
        with whole(self, connection):
            yield
            begun[0] += 1
            if begun[0] == number:
                raise Cut

    monkeypatch.setattr(IdentityStore, "transaction", cut)


def cut_everywhere(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    prepare: Callable[[Path], list[int]],
    work: Callable[[IdentityTable], object],
    check: Callable[[IdentityTable, list[int]], None],
) -> int:
    """Do the work once for every transaction in it, cut off there; how many there were."""
    number = 0
    while True:
        number += 1
        path = tmp_path / f"{number}.db"
        tokens = prepare(path)
        table = open_table(path, DAY + 2)
        with monkeypatch.context() as patch:
            cut_at(patch, number)
            try:
                work(table)
            except Cut:
                is_whole = False
            else:
                is_whole = True
        abandon(table)
        again = open_table(path, DAY + 2)
        check(again, tokens)
        again.close()
        if is_whole:
            return number - 1


def test_settling_cut_off_anywhere_changes_no_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def prepare(path: Path) -> list[int]:
        table = open_table(path, DAY)
        tokens = [table.tokens([person])[0] for person in PEOPLE]
        abandon(table)
        return tokens

    def check(table: IdentityTable, tokens: list[int]) -> None:
        assert table.tokens(PEOPLE) == tokens
        table._upkeep.settle_all()
        assert table.unsettled_count == 0
        assert table.counts() == [(0, 60, 0)]
        assert table.tokens(PEOPLE) == tokens

    steps = cut_everywhere(
        tmp_path, monkeypatch, prepare, lambda table: table._upkeep.settle_all(), check
    )
    assert steps > 60 / 7 + 60


def test_a_sweep_cut_off_anywhere_is_finished_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = {person[1] for person in PEOPLE[::2]}

    def prepare(path: Path) -> list[int]:
        table = open_table(path, DAY)
        tokens = table.tokens(PEOPLE)
        assert table.forget_hashes(list(dead), DAY) == 30
        table.close()
        return tokens

    def check(table: IdentityTable, tokens: list[int]) -> None:
        assert table.tokens(PEOPLE[1::2]) == tokens[1::2]
        table.sweep()
        assert table.sweep() == (0, True)
        path = table._store.path
        raw = b"".join(file.read_bytes() for file in path.parent.glob(f"{path.name}*"))
        assert [hashed for hashed in dead if hashed in raw] == []
        new = table.tokens(PEOPLE)
        assert new[1::2] == tokens[1::2]
        assert not {*new[::2]} & {*tokens}

    steps = cut_everywhere(tmp_path, monkeypatch, prepare, lambda table: table.sweep(), check)
    assert steps > 60 / 7


def test_forgetting_cut_off_is_forgetting_or_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def prepare(path: Path) -> list[int]:
        table = open_table(path, DAY)
        tokens = table.tokens(PEOPLE)
        table.close()
        return tokens

    def check(table: IdentityTable, tokens: list[int]) -> None:
        assert table.tokens(PEOPLE) == tokens
        (count,) = table.counts() or [(0, 60, 0)]
        assert count[2] in {0, 30}

    def forget(table: IdentityTable) -> None:
        assert table.forget(table.tokens(PEOPLE)[:30], DAY) == 30

    assert cut_everywhere(tmp_path, monkeypatch, prepare, forget, check) > 60 / 7


def test_a_full_disk_hands_nothing_out_and_the_next_try_works(tmp_path: Path) -> None:
    table = open_table(tmp_path / "identity.db", DAY)
    table.tokens(PEOPLE[:1])
    pages = table._store.hot.execute("PRAGMA page_count").fetchone()[0]
    table._store.hot.execute(f"PRAGMA max_page_count={pages}")
    many = [(0, n.to_bytes(16, "big")) for n in range(1, 5000)]
    with pytest.raises(IdentityUnavailable, match="make room on the disk"):
        table.tokens(many)
    assert [table.lookup_cached(hashed) for _, hashed in many[:3]] == [0, 0, 0]
    table._store.hot.execute("PRAGMA max_page_count=1000000")
    assert len(set(table.tokens(many))) == 4999
    table.close()


class FailingConnection:
    """A connection whose every statement fails as a disk does."""

    in_transaction = False

    def execute(self, *_: object) -> None:
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
        raise error


def test_after_a_failed_sync_nothing_is_trusted_until_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "identity.db"
    table = open_table(path, DAY)
    known = table.tokens(PEOPLE[:5])
    with monkeypatch.context() as patch:
        patch.setattr(table._store, "hot", FailingConnection())
        with pytest.raises(IdentityUnavailable, match="Check the disk, then restart"):
            table.tokens(PEOPLE)
    with pytest.raises(IdentityUnavailable, match="Check the disk, then restart"):
        table.tokens(PEOPLE)  # the disk works again, but what it holds is not known
    with pytest.raises(IdentityUnavailable):
        table.tick()
    assert table.lookup_cached(PEOPLE[0][1]) == known[0]  # durable long before
    table.close()
    again = open_table(path, DAY)
    assert again.tokens(PEOPLE)[:5] == known
    again.close()


def test_a_file_that_another_process_holds_is_busy_not_broken(tmp_path: Path) -> None:
    path = tmp_path / "identity.db"
    table = open_table(path, DAY)
    table._store.hot.execute("PRAGMA busy_timeout=0")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(IdentityUnavailable, match="repeat the same request"):
        table.tokens(PEOPLE)
    other.execute("ROLLBACK")
    other.close()
    assert len(set(table.tokens(PEOPLE))) == 60
    table.close()
