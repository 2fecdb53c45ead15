"""Operators are named people with roles: who may do what, and who may never be left without."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tidegate.access.operators import AccessRefused, Operators
from tidegate.access.principal import Principal
from tidegate.access.roles import (
    ADMIN,
    APPROVE,
    CATALOGUE_WRITE,
    CONSENT_WRITE,
    MACHINE_SCOPES,
    MESSAGES_WRITE,
    ORDERS_READ,
    ORDERS_WRITE,
    PAUSE_WRITE,
    PRIVACY,
    READING,
    RELEASE_WRITE,
    ROLE_SCOPES,
    RULES_WRITE,
    SALES_WRITE,
    SCOPES,
    STOCK_WRITE,
    Role,
    role_names,
    roles_from,
    scopes_of,
)
from tidegate.access.store import HOUSE, AccessStore

NOW_MS = 1_792_800_000_000
DOING = {
    ORDERS_WRITE,
    SALES_WRITE,
    STOCK_WRITE,
    CATALOGUE_WRITE,
    RULES_WRITE,
    PAUSE_WRITE,
    RELEASE_WRITE,
    CONSENT_WRITE,
    MESSAGES_WRITE,
}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[AccessStore]:
    store = AccessStore(tmp_path / "access.db", lambda: NOW_MS)
    yield store
    store.close()


@pytest.fixture
def operators(store: AccessStore) -> Operators:
    return Operators(store)


@pytest.mark.parametrize(
    ("role", "writes"),
    [
        (Role.VIEWER, set()),
        (Role.OPERATOR, DOING),
        (Role.APPROVER, {APPROVE, PAUSE_WRITE}),
        (Role.PRIVACY_OFFICER, {PRIVACY, CONSENT_WRITE, MESSAGES_WRITE}),
        (Role.ADMINISTRATOR, {ADMIN}),
    ],
)
def test_each_role_brings_reading_and_exactly_this(role: Role, writes: set[str]) -> None:
    assert ROLE_SCOPES[role] == READING | writes
    assert scopes_of(role) == READING | writes


def test_every_scope_belongs_to_a_role_and_no_machine_speaks_for_people() -> None:
    assert scopes_of(~Role(0)) == SCOPES
    assert scopes_of(Role(0)) == set()
    assert set(MACHINE_SCOPES) & {APPROVE, ADMIN, PRIVACY, RULES_WRITE, RELEASE_WRITE} == set()


def test_roles_have_names() -> None:
    roles = Role.OPERATOR | Role.PRIVACY_OFFICER
    assert role_names(roles) == ("operator", "privacy_officer")
    assert roles_from(role_names(roles)) == roles
    with pytest.raises(ValueError, match="no role 'boss'; there are viewer, operator, approver"):
        roles_from(["operator", "boss"])


@pytest.mark.parametrize(
    ("scope", "shop", "channel", "expected"),
    [
        (ORDERS_WRITE, "own", "web", True),
        (ORDERS_READ, "own", "web", True),
        (STOCK_WRITE, "own", "web", False),
        (ORDERS_WRITE, "market", "web", False),
        (ORDERS_WRITE, "own", "app", False),
        (ORDERS_WRITE, "own", None, False),
        (ORDERS_WRITE, "own", "", False),
        ("", "own", "web", False),
    ],
)
def test_a_key_may_do_what_it_was_given_there_and_nothing_else(
    scope: str, shop: str, channel: str | None, expected: bool
) -> None:
    scopes = frozenset({ORDERS_WRITE, ORDERS_READ})
    bound = Principal(1, False, Role(0), scopes, frozenset({"own"}), frozenset({"web"}), "k")
    assert bound.may(scope, shop, channel) is expected


def test_a_key_without_bounds_may_act_on_the_shop_as_a_whole() -> None:
    free = Principal(1, True, Role.OPERATOR, frozenset({STOCK_WRITE}), None, None, "k")
    assert free.may(STOCK_WRITE, "own")
    assert free.may(STOCK_WRITE, "any", "web")
    ended = Principal(1, True, Role.OPERATOR, frozenset({STOCK_WRITE}), None, None, "k", False)
    assert not ended.may(STOCK_WRITE, "own")


def test_the_first_administrator_is_made_once(operators: Operators) -> None:
    ann = operators.create_first_administrator(" Ann ")
    assert (ann.name, ann.is_person, ann.is_active, ann.created_at_ms) == (
        "Ann",
        True,
        True,
        NOW_MS,
    )
    assert ann.roles == ~Role(0)
    assert 0 < ann.token < 1 << 64
    with pytest.raises(AccessRefused, match="ask an administrator"):
        operators.create_first_administrator("Eve")
    assert [party.name for party in operators.list_parties()] == ["Ann"]


def test_even_a_machine_is_somebody(operators: Operators) -> None:
    operators.create_machine("erp", HOUSE)
    with pytest.raises(AccessRefused):
        operators.create_first_administrator("Eve")


def test_names_and_tokens_are_one_each(operators: Operators) -> None:
    ann = operators.create_first_administrator("Ann")
    bo = operators.create_operator("Bo", Role.OPERATOR, ann.token)
    erp = operators.create_machine("erp", ann.token)
    assert len({ann.token, bo.token, erp.token}) == 3
    for name in ("Bo", "", "   ", "x" * 65, "a\nb"):
        with pytest.raises(AccessRefused):
            operators.create_operator(name, Role.VIEWER, ann.token)
    assert [party.name for party in operators.list_parties()] == ["Ann", "Bo", "erp"]
    assert operators.party(bo.token) == bo


def test_an_administrator_is_always_left(operators: Operators) -> None:
    ann = operators.create_first_administrator("Ann").token
    for attempt in (
        lambda: operators.suspend(ann, ann),
        lambda: operators.set_roles(ann, Role.OPERATOR, ann),
    ):
        with pytest.raises(AccessRefused, match="nobody would be left"):
            attempt()
    assert operators.party(ann).is_active
    bo = operators.create_operator("Bo", Role.ADMINISTRATOR, ann).token
    assert operators.suspend(ann, bo).is_active is False
    with pytest.raises(AccessRefused, match="nobody would be left"):
        operators.suspend(bo, bo)
    assert operators.resume(ann, bo).is_active is True


def test_a_machine_has_no_roles(operators: Operators) -> None:
    ann = operators.create_first_administrator("Ann").token
    erp = operators.create_machine("erp", ann).token
    with pytest.raises(AccessRefused, match="a machine has no roles"):
        operators.set_roles(erp, Role.APPROVER, ann)


def test_strangers_are_refused(operators: Operators) -> None:
    operators.create_first_administrator("Ann")
    for attempt in (
        lambda: operators.party(1),
        lambda: operators.suspend(1, HOUSE),
        lambda: operators.set_roles(1, Role.VIEWER, HOUSE),
    ):
        with pytest.raises(AccessRefused, match="no operator or machine with token"):
            attempt()


def test_every_change_says_who_and_what_without_names(
    operators: Operators, store: AccessStore
) -> None:
    ann = operators.create_first_administrator("Ann").token
    bo = operators.create_operator("Bo", Role.OPERATOR, ann).token
    operators.set_roles(bo, Role.OPERATOR | Role.APPROVER, ann)
    with pytest.raises(AccessRefused):
        operators.suspend(ann, bo)
    operators.suspend(bo, ann)
    assert store.changes() == [
        (1, NOW_MS, HOUSE, "first_administrator", "", ""),
        (2, NOW_MS, ann, "create_operator", "", "operator"),
        (3, NOW_MS, ann, "set_roles", f"{bo:016x}", "operator,approver"),
        (4, NOW_MS, ann, "suspend", f"{bo:016x}", ""),
    ]
    assert store.changes(after_seq=3) == store.changes()[3:]
    assert "Bo" not in str(store.changes())


def test_it_is_all_there_after_reopening(tmp_path: Path, operators: Operators) -> None:
    ann = operators.create_first_administrator("Ann")
    again = AccessStore(tmp_path / "access.db", lambda: NOW_MS)
    assert Operators(again).list_parties() == [ann]
    again.close()


def test_the_page_says_what_each_role_and_each_machine_may_do() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "reference" / "access.md").read_text(
        "utf-8"
    )
    rows = dict(re.findall(r"(?m)^\| `(\w+)` \| ?((?:`[\w:]+` ?)*)\|$", page))
    assert {role: set(re.findall(r"`([\w:]+)`", scopes)) for role, scopes in rows.items()} == {
        role_names(role)[0]: set(ROLE_SCOPES[role] - READING) for role in Role
    }
    (reading,) = re.findall(r"(?m)^Reading: (.*?)\. A person", page)
    assert set(re.findall(r"`([\w:]+)`", reading)) == READING
    (machines,) = re.findall(r"(?ms)^Machines may have (.*?), spelt out", page)
    assert set(re.findall(r"`([\w:]+)`", machines)) == MACHINE_SCOPES - READING
