"""Keys: shown once, stored hashed, rotated with an overlap, revoked within a second."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tidegate.access import keyring as keyring_module
from tidegate.access.authenticate import DAY_MS, REVALIDATE_S, TRUST_S, Authenticator
from tidegate.access.keyring import Keyring, NewKey
from tidegate.access.keys import KEY_LENGTH, key_hash, key_id, make_key
from tidegate.access.operators import AccessRefused, Operators
from tidegate.access.principal import Principal
from tidegate.access.roles import ADMIN, APPROVE, ORDERS_READ, ORDERS_WRITE, RULES_WRITE, Role
from tidegate.access.store import AccessStore, AccessUnavailable

NOW_MS = 20_750 * DAY_MS


class World:
    """One access.db as one process sees it, with clocks set by hand."""

    def __init__(self, path: Path) -> None:
        self.now_ms = NOW_MS
        self.now_s = 1000.0
        self.store = AccessStore(path, lambda: self.now_ms)
        self.operators = Operators(self.store)
        self.keyring = Keyring(self.store)
        self.authenticator = Authenticator(self.store, self.keyring, lambda: self.now_s)

    def look(self, key: str) -> Principal | None:
        """Authenticate just after the next look at access.db."""
        self.now_s += REVALIDATE_S
        return self.authenticator.authenticate(key)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "access.db"


@pytest.fixture
def world(path: Path) -> Iterator[World]:
    world = World(path)
    yield world
    world.store.close()


@pytest.fixture
def ann(world: World) -> int:
    return world.operators.create_first_administrator("Ann").token


def test_a_key_has_a_public_name_and_a_long_secret() -> None:
    draws = iter([bytes(range(24)), bytes([255] * 24), *[bytes([61 + 62 * 2] * 64)] * 4])
    key = make_key(lambda _: next(draws))
    # The secret is drawn first; bytes from 248 on are not fair and are left out.
    assert len(key) == KEY_LENGTH == 48
    assert key_id(key) == "z" * 12
    assert key.startswith("tg_")


def test_the_secret_has_190_bits_and_only_signs_that_need_no_quoting(world: World) -> None:
    key = make_key(lambda count: bytes(range(count)))
    secret = key.rpartition("_")[2]
    assert len(secret) == 32
    assert 62 ** len(secret) > 2**190
    assert secret.isalnum()
    assert secret.isascii()


@pytest.mark.parametrize(
    "key", ["", "tg_", "x" * 48, "tg_" + "a" * 45, "tg-" + "a" * 12 + "_" + "b" * 32]
)
def test_what_is_no_key_has_no_name(key: str) -> None:
    assert key_id(key) == ""


def test_a_key_authenticates_its_owner(world: World, ann: int) -> None:
    new = world.keyring.issue(ann, ann)
    principal = world.look(new.key)
    assert principal is not None
    assert principal.person_token == ann
    assert principal.key_id == new.key_id == key_id(new.key)
    assert principal.is_person
    assert principal.may(ADMIN, "own")


def test_nothing_but_the_whole_key_authenticates(world: World, ann: int) -> None:
    key = world.keyring.issue(ann, ann).key
    assert world.look(key) is not None
    for place in range(len(key)):
        wrong = key[:place] + ("x" if key[place] != "x" else "y") + key[place + 1 :]
        assert world.authenticator.authenticate(wrong) is None
    for wrong in ("", key[:-1], key + "x", key.upper(), " " + key, "\ud800" * 48, "钥" * 48):
        assert world.authenticator.authenticate(wrong) is None


def test_the_file_holds_no_key(world: World, ann: int, path: Path) -> None:
    key = world.keyring.issue(ann, ann).key
    world.store.close()
    raw = b"".join(file.read_bytes() for file in path.parent.glob("access.db*"))
    assert key_hash(key) in raw
    assert key.encode() not in raw
    assert key.rpartition("_")[2].encode() not in raw


def test_a_revocation_takes_effect_within_a_second_in_another_process(
    world: World, ann: int, path: Path
) -> None:
    key = world.keyring.issue(ann, ann).key
    other = World(path)
    assert other.look(key) is not None
    world.keyring.revoke(key_id(key), ann)
    other.now_s += REVALIDATE_S - 0.001
    assert other.authenticator.authenticate(key) is not None
    other.now_s += 0.001
    assert other.authenticator.authenticate(key) is None
    assert REVALIDATE_S < 1.0
    other.store.close()


def test_a_key_is_revoked_once(world: World, ann: int) -> None:
    new = world.keyring.issue(ann, ann)
    world.keyring.revoke(new.key_id, ann)
    with pytest.raises(AccessRefused, match="not a key that works"):
        world.keyring.revoke(new.key_id, ann)
    with pytest.raises(AccessRefused, match="not a key that works"):
        world.keyring.revoke("nobodyskey00", ann)


def test_a_key_expires_by_itself(world: World, ann: int) -> None:
    key = world.keyring.issue(ann, ann, expires_at_ms=NOW_MS + 1000).key
    world.now_ms = NOW_MS + 999
    assert world.look(key) is not None
    world.now_ms = NOW_MS + 1000
    assert world.authenticator.authenticate(key) is None
    assert world.look(key) is None


def test_rotation_leaves_an_overlap(world: World, ann: int) -> None:
    machine = world.operators.create_machine("web shop", ann)
    old = world.keyring.issue(
        machine.token, ann, scopes=[ORDERS_WRITE], shops=["own"], channels=["web"]
    )
    new = world.keyring.rotate(old.key_id, ann, overlap_ms=60_000)
    both = [world.look(key) for key in (old.key, new.key)]
    assert [principal and principal.scopes for principal in both] == [{ORDERS_WRITE}] * 2
    assert [principal and principal.channel_set for principal in both] == [{"web"}] * 2
    world.now_ms += 60_000
    assert world.look(old.key) is None
    assert world.look(new.key) is not None
    with pytest.raises(AccessRefused, match="issue a new one"):
        world.keyring.rotate(old.key_id, ann, overlap_ms=0)
    stored = {key.key_id: key for key in world.keyring.list_keys()}
    assert stored[old.key_id].rotated_to == new.key_id


def test_rotation_never_lengthens_a_life(world: World, ann: int) -> None:
    old = world.keyring.issue(ann, ann, expires_at_ms=NOW_MS + 500)
    new = world.keyring.rotate(old.key_id, ann, overlap_ms=10_000)
    world.now_ms += 500
    assert world.look(old.key) is None
    assert world.look(new.key) is None
    with pytest.raises(AccessRefused, match="has expired"):
        world.keyring.rotate(new.key_id, ann, overlap_ms=1)


def test_suspending_an_owner_stops_all_their_keys(world: World, ann: int) -> None:
    bo = world.operators.create_operator("Bo", Role.OPERATOR, ann).token
    keys = [world.keyring.issue(bo, ann).key for _ in range(2)]
    assert None not in [world.look(key) for key in keys]
    world.operators.suspend(bo, ann)
    assert [world.look(key) for key in keys] == [None, None]
    world.operators.resume(bo, ann)
    assert None not in [world.look(key) for key in keys]


def test_a_role_taken_away_is_gone_from_every_key(world: World, ann: int) -> None:
    bo = world.operators.create_operator("Bo", Role.OPERATOR | Role.APPROVER, ann).token
    key = world.keyring.issue(bo, ann).key
    before = world.look(key)
    world.operators.set_roles(bo, Role.VIEWER, ann)
    after = world.look(key)
    assert before is not None
    assert after is not None
    assert [before.may(scope, "own") for scope in (RULES_WRITE, APPROVE)] == [True, True]
    assert [after.may(scope, "own") for scope in (RULES_WRITE, APPROVE)] == [False, False]
    assert after.may(ORDERS_READ, "own")


@pytest.mark.parametrize("scopes", [["*"], ["approve"], ["admin"], ["rules:write"], ["nonsense"]])
def test_a_machine_gets_only_what_machines_may(world: World, ann: int, scopes: list[str]) -> None:
    machine = world.operators.create_machine("erp", ann).token
    with pytest.raises(AccessRefused, match="not a scope here"):
        world.keyring.issue(machine, ann, scopes=scopes)


def test_a_key_that_cannot_be_made_is_not_made(world: World, ann: int) -> None:
    for attempt in (
        lambda: world.keyring.issue(12345, ann),
        lambda: world.keyring.issue(ann, ann, scopes=["nonsense"]),
        lambda: world.keyring.issue(ann, ann, scopes=[]),
        lambda: world.keyring.issue(ann, ann, shops=["two words"]),
        lambda: world.keyring.issue(ann, ann, expires_at_ms=NOW_MS),
        lambda: world.keyring.rotate("nobodyskey00", ann, overlap_ms=1),
    ):
        with pytest.raises(AccessRefused):
            attempt()
    assert world.keyring.list_keys() == []


def test_there_is_a_bound_on_keys_that_work(
    world: World, ann: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyring_module, "KEYS_MAX", 2)
    first, _ = (world.keyring.issue(ann, ann) for _ in range(2))
    with pytest.raises(AccessRefused, match="revoke those that nobody uses"):
        world.keyring.issue(ann, ann)
    world.keyring.revoke(first.key_id, ann)
    assert isinstance(world.keyring.issue(ann, ann), NewKey)


def test_a_flood_of_wrong_keys_costs_no_memory(world: World, ann: int) -> None:
    key = world.keyring.issue(ann, ann).key
    assert world.look(key) is not None
    for number in range(5000):
        assert world.authenticator.authenticate(f"tg_{number:012d}_{number:032d}") is None
        assert world.authenticator.authenticate("x" * (number % 100)) is None
    assert len(world.authenticator._entries) == 1
    assert len(world.authenticator._used) == 1


def test_the_last_day_of_use_is_written_once_a_day(world: World, ann: int) -> None:
    new = world.keyring.issue(ann, ann)
    for _ in range(3):
        assert world.look(new.key) is not None
    generation = world.store.generation()
    world.authenticator.flush_used()
    assert [key.last_used_day for key in world.keyring.list_keys()] == [20_750]
    assert world.store.generation() == generation
    assert world.authenticator._used == {}
    world.now_ms += DAY_MS
    assert world.look(new.key) is not None
    world.authenticator.flush_used()
    assert [key.last_used_day for key in world.keyring.list_keys()] == [20_751]


def test_nobody_is_let_in_when_access_cannot_be_read(
    world: World, ann: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = world.keyring.issue(ann, ann).key
    assert world.look(key) is not None
    looked_at_s = world.now_s

    def fail() -> int:
        raise AccessUnavailable("access.db: disk I/O error")

    with monkeypatch.context() as patch:
        patch.setattr(world.store, "generation", fail)
        world.now_s = looked_at_s + TRUST_S - 0.001
        assert world.authenticator.authenticate(key) is not None
        world.now_s = looked_at_s + TRUST_S
        with pytest.raises(AccessUnavailable):
            world.authenticator.authenticate(key)
    assert world.authenticator.authenticate(key) is not None
