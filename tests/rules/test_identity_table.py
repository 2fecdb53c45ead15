"""The identity table's rules: one token a person, durable first, forgotten in time and for good."""

import itertools
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tidegate.people.identity import RETENTION_DAYS, IdentityTable, WrongKey
from tidegate.people.normalise import IdentityMalformed

KEY = bytes(range(32))
DAY = 20_750
ACCOUNT, PHONE = 0, 1


class Days:
    """The shop's day, set by hand."""

    def __init__(self) -> None:
        self.day = DAY

    def __call__(self) -> int:
        return self.day


@pytest.fixture
def today() -> Days:
    return Days()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "identity.db"


@pytest.fixture
def table(path: Path, today: Days) -> Iterator[IdentityTable]:
    table = IdentityTable.open(path, KEY, today)
    yield table
    table.close()


def key_of(table: IdentityTable, value: str, kind: int = ACCOUNT) -> tuple[int, bytes]:
    return kind, table.keyed_hash(kind, value)


def token_of(table: IdentityTable, value: str) -> int:
    return table.tokens([key_of(table, value)])[0]


def settle(table: IdentityTable) -> None:
    """Let the upkeep notice that nobody comes, and do all its work."""
    table.upkeep()
    while table.upkeep():
        pass


def files(path: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(path.parent.glob("identity.db*")))


def test_the_same_value_gets_the_same_token_and_another_one_another(table: IdentityTable) -> None:
    keys = [key_of(table, value) for value in ("a", "b", "a", " a ")]
    first = table.tokens(keys)
    assert len({*first}) == 2
    assert first[0] == first[2] == first[3] != first[1]
    assert table.tokens(keys) == first
    assert all(0 < token < 1 << 64 for token in first)


def test_a_value_of_another_kind_is_another_person(table: IdentityTable) -> None:
    account, device = table.keyed_hash(0, "13812345678"), table.keyed_hash(3, "13812345678")
    assert account != device
    assert len(account) == len(device) == 16


def test_the_hash_depends_on_the_key(path: Path, today: Days, table: IdentityTable) -> None:
    other = IdentityTable.open(path.with_name("other.db"), bytes(32), today)
    assert other.keyed_hash(ACCOUNT, "a") != table.keyed_hash(ACCOUNT, "a")
    other.close()


def test_the_hot_path_knows_who_was_exchanged_and_nobody_else(table: IdentityTable) -> None:
    assert table.token_or_zero(PHONE, "13812345678") == 0
    hashed = table.keyed_hash(PHONE, "+86 138 1234 5678")
    (token,) = table.tokens([(PHONE, hashed)])
    assert table.token_or_zero(PHONE, "13812345678") == token
    assert table.lookup_cached(hashed) == token
    with pytest.raises(IdentityMalformed):
        table.token_or_zero(PHONE, "138****5678")


def test_tokens_survive_reopening_settled_or_not(path: Path, today: Days) -> None:
    table = IdentityTable.open(path, KEY, today)
    early = [token_of(table, f"early-{n}") for n in range(200)]
    settle(table)
    assert table.unsettled_count == 0
    late = [token_of(table, f"late-{n}") for n in range(10)]
    table.close()
    again = IdentityTable.open(path, KEY, today)
    assert again.unsettled_count == 10
    assert [token_of(again, f"early-{n}") for n in range(200)] == early
    assert [token_of(again, f"late-{n}") for n in range(10)] == late
    again.close()


def test_a_batch_of_new_buyers_is_one_statement_and_a_known_one_none(table: IdentityTable) -> None:
    token_of(table, "the first one, for whom a block of tokens is reserved")
    keys = [key_of(table, f"buyer-{n}") for n in range(500)]
    statements: list[str] = []
    table._store.hot.set_trace_callback(statements.append)
    table.tokens(keys)
    assert [statement.split()[0] for statement in statements] == ["INSERT"]
    table.tokens(keys)
    assert len(statements) == 1


def test_a_known_buyer_who_is_not_in_memory_is_looked_up(path: Path, today: Days) -> None:
    table = IdentityTable.open(path, KEY, today)
    tokens = {name: token_of(table, name) for name in ("a", "b", "c")}
    table.sweep()  # settles everybody
    table.close()
    again = IdentityTable.open(path, KEY, today)
    keys = [key_of(again, name) for name in ("b", "new", "a")]
    found = again.tokens(keys)
    assert (found[0], found[2]) == (tokens["b"], tokens["a"])
    assert found[1] not in tokens.values()
    again.close()


def test_memory_is_bounded_and_nobody_is_lost(path: Path, today: Days) -> None:
    table = IdentityTable.open(path, KEY, today, cache_entries_max=100, unsettled_max=64)
    tokens = [token_of(table, f"buyer-{n}") for n in range(300)]
    assert len(table._young) + len(table._old) <= 100
    assert table.unsettled_count <= 64
    assert [token_of(table, f"buyer-{n}") for n in range(300)] == tokens
    assert len(set(tokens)) == 300
    table.close()


def test_more_than_a_transaction_holds_is_cut(table: IdentityTable) -> None:
    keys = [(ACCOUNT, n.to_bytes(16, "big")) for n in range(1, 20_001)]
    tokens = table.tokens(keys)
    assert len(set(tokens)) == 20_000
    assert table.tokens(keys) == tokens


def test_tokens_are_unique_even_where_randomness_repeats(path: Path, today: Days) -> None:
    def repeating(start: int) -> Callable[[int], bytes]:
        draws = itertools.count(start)
        # Every number four times, and the same numbers again after reopening.
        return lambda count: b"".join(
            (next(draws) // 4).to_bytes(4, "little") for _ in range(count // 4)
        )

    first = IdentityTable.open(path, KEY, today, random_bytes=repeating(0))
    tokens = [token_of(first, f"a-{n}") for n in range(8)]
    first.close()
    second = IdentityTable.open(path, KEY, today, random_bytes=repeating(0))
    tokens += [token_of(second, f"b-{n}") for n in range(8)]
    assert len(set(tokens)) == 16
    assert len({token >> 32 for token in tokens}) == 2
    second.close()


def test_two_processes_agree(path: Path, today: Days) -> None:
    one, two = (IdentityTable.open(path, KEY, today) for _ in range(2))
    for n in range(50):
        first, second = (one, two) if n % 2 else (two, one)
        token = token_of(first, f"buyer-{n}")
        assert token_of(second, f"buyer-{n}") == token
        if n % 7 == 0:
            settle(first)
    one.close()
    two.close()


def test_a_forgotten_person_keeps_the_token_until_the_period_ends(
    table: IdentityTable, today: Days
) -> None:
    table.set_period_end(DAY + 3)
    token = token_of(table, "a")
    assert table.forget([token], DAY + 5) == 1
    assert table.token_or_zero(ACCOUNT, "a") == 0  # not in memory any more
    for day in range(DAY, DAY + 6):
        today.day = day
        assert table.sweep().deleted == 0
        assert table.tokens([key_of(table, "a")]) == [token]
        assert table.token_or_zero(ACCOUNT, "a") == 0  # and is not remembered either
    today.day = DAY + 6
    assert token_of(table, "a") != token


def test_who_buys_again_lives_as_long_as_the_limits_need(table: IdentityTable, today: Days) -> None:
    table.set_period_end(DAY + 3)
    token = token_of(table, "a")
    table.forget([token], DAY)
    today.day = DAY + 2
    table.set_period_end(DAY + 30)
    assert token_of(table, "a") == token
    today.day = DAY + 30
    assert token_of(table, "a") == token
    today.day = DAY + 31
    assert token_of(table, "a") != token


def test_forgetting_waits_for_tomorrow_at_least(table: IdentityTable, today: Days) -> None:
    table.set_period_end(DAY)
    token = token_of(table, "a")
    table.forget([token], 0)
    today.day = DAY + 1
    assert token_of(table, "a") == token
    today.day = DAY + 2
    assert token_of(table, "a") != token


def test_a_stranger_cannot_be_forgotten(table: IdentityTable) -> None:
    token_of(table, "a")
    assert table.forget([12345], DAY) == 0
    assert table.forget_hashes([bytes(16)], DAY) == 0
    assert table.forget([], DAY) == 0


def test_another_process_hears_of_the_forgetting(path: Path, today: Days) -> None:
    one, two = (IdentityTable.open(path, KEY, today) for _ in range(2))
    for table in (one, two):
        table.set_period_end(DAY)
    token = token_of(one, "a")
    assert token_of(two, "a") == token
    two.forget([token], DAY)
    assert one.token_or_zero(ACCOUNT, "a") == token  # not yet
    one.tick()
    assert one.token_or_zero(ACCOUNT, "a") == 0
    today.day = DAY + 2
    assert two.sweep().deleted == 1
    one.tick()
    new = token_of(one, "a")
    assert new != token
    assert token_of(two, "a") == new
    one.close()
    two.close()


def test_who_was_not_seen_for_the_retention_is_swept(table: IdentityTable, today: Days) -> None:
    table.set_period_end(DAY)
    idle, busy = token_of(table, "idle"), token_of(table, "busy")
    today.day = DAY + 200
    assert token_of(table, "busy") == busy
    today.day = DAY + RETENTION_DAYS
    assert table.sweep().deleted == 0
    today.day = DAY + RETENTION_DAYS + 1
    swept = table.sweep()
    assert (swept.deleted, swept.wal_truncated) == (1, True)
    assert token_of(table, "busy") == busy
    assert token_of(table, "idle") != idle


def test_who_is_due_is_somebody_new_even_before_the_sweep(
    table: IdentityTable, today: Days
) -> None:
    table.set_period_end(DAY)
    token = token_of(table, "a")
    table.sweep()
    today.day = DAY + RETENTION_DAYS + 1
    new = token_of(table, "a")
    assert new != token
    table.sweep()
    assert token_of(table, "a") == new


def test_who_was_never_settled_is_due_all_the_same(table: IdentityTable, today: Days) -> None:
    table.set_period_end(DAY)
    token = token_of(table, "a")
    assert table.unsettled_count == 1
    today.day = DAY + RETENTION_DAYS + 1
    assert token_of(table, "a") != token


def test_a_sweep_by_another_process_is_final(path: Path, today: Days) -> None:
    one, two = (IdentityTable.open(path, KEY, today) for _ in range(2))
    one.set_period_end(DAY)
    token = token_of(one, "a")
    assert token_of(two, "a") == token  # and two holds the arrival in its own memory
    today.day = DAY + RETENTION_DAYS + 1
    one.tick()
    two.tick()
    assert one.sweep().deleted == 1
    new = token_of(two, "a")
    assert new != token
    assert token_of(one, "a") == new
    one.close()
    two.close()


def test_a_running_period_keeps_who_was_not_seen(table: IdentityTable, today: Days) -> None:
    table.set_period_end(DAY + 10_000)  # cut to the retention
    token_of(table, "a")
    today.day = DAY + RETENTION_DAYS
    assert table.sweep().deleted == 0
    today.day += 1
    assert table.sweep().deleted == 1


def test_what_was_swept_is_in_no_file_any_more(path: Path, today: Days) -> None:
    """12 of 20,000 hashes survived plain deletes with secure_delete: hence the copying sweep."""
    table = IdentityTable.open(path, KEY, today, unsettled_max=4096)
    table.set_period_end(DAY)
    people = [(ACCOUNT, os.urandom(16)) for _ in range(24_000)]
    tokens: list[int] = []
    for at in range(0, len(people), 2000):
        tokens += table.tokens(people[at : at + 2000])
    dead = {hashed for _, hashed in people[::3]}
    dead_tokens = {token.to_bytes(8, "big") for token in tokens[::3]}
    assert table.forget_hashes(list(dead), DAY) == 8000
    today.day = DAY + 2
    back = people[0]  # comes back before the sweep: the old row is buried, not swept
    new_token = table.tokens([back])[0]
    assert new_token != tokens[0]
    assert table.sweep().deleted == 7999
    dead.discard(back[1])
    raw = files(path)
    at_each = np.lib.stride_tricks.sliding_window_view(np.frombuffer(raw, "u1"), 4)
    starts = {value[:4] for value in dead | dead_tokens}
    suspects = np.isin(
        np.ascontiguousarray(at_each).view("<u4").ravel(),
        np.frombuffer(b"".join(starts), "<u4"),
    )
    left = [
        at
        for at in np.flatnonzero(suspects).tolist()
        if raw[at : at + 16] in dead or raw[at : at + 8] in dead_tokens
    ]
    assert left == []
    living = [key for key in people[1:] if key[1] not in dead]
    assert len(living) == 16_000
    assert table.tokens(living) == [t for k, t in zip(people, tokens, strict=True) if k in living]
    table.close()


def test_no_plain_value_is_in_the_files(path: Path, table: IdentityTable) -> None:
    value = "plainly-recognisable-buyer"
    token_of(table, value)
    table.sweep()
    assert value.encode() not in files(path)


def test_the_files_are_their_owners_alone(path: Path, table: IdentityTable) -> None:
    token_of(table, "a")
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert modes == dict.fromkeys(("identity.db", "identity.db-wal", "identity.db-shm"), 0o600)


def test_another_key_is_refused(path: Path, today: Days) -> None:
    IdentityTable.open(path, KEY, today).close()
    with pytest.raises(WrongKey, match="Restore the secrets"):
        IdentityTable.open(path, bytes(32), today)


def test_counts_are_exact(table: IdentityTable) -> None:
    table.tokens([key_of(table, f"u{n}") for n in range(5)])
    token = table.tokens([key_of(table, "13812345678", PHONE)])[0]
    table.forget([token], DAY)
    assert table.counts() == [(ACCOUNT, 5, 0), (PHONE, 1, 1)]


def test_a_long_wal_is_written_back(path: Path, table: IdentityTable) -> None:
    for n in range(40):
        table.tokens([(ACCOUNT, bytes([1 + n]) + os.urandom(15)) for _ in range(8000)])
    assert table._store.wal_bytes() > 8 << 20
    table._upkeep.checkpoint()
    assert table._store.wal_bytes() == 0
