"""Two people: different persons, both approvers, both active, and the very same bytes."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tidegate.access import approvals as approvals_module
from tidegate.access.approvals import (
    CONTENT_BYTES_MAX,
    TTL_MS_MAX,
    Approvals,
    PairVerdict,
    content_digest,
    two_people,
)
from tidegate.access.keyring import Keyring
from tidegate.access.operators import AccessRefused, Operators
from tidegate.access.principal import Principal
from tidegate.access.roles import APPROVE, ORDERS_WRITE, Role
from tidegate.access.store import AccessStore
from tidegate.people.filter import clean

NOW_MS = 1_792_800_000_000
HOUR_MS = 3_600_000
CONTENT = b'{"kind":"ApproveException","sku":"A","floor_fen":100,"units":10}'

ANN = Principal(1, True, Role.APPROVER, frozenset({APPROVE}), None, None, "ann-1")
BO = Principal(2, True, Role.APPROVER, frozenset({APPROVE}), None, None, "bo-1")


@pytest.mark.parametrize(
    ("requester", "approver", "verdict"),
    [
        (ANN, BO, PairVerdict.TWO_PEOPLE),
        (ANN, ANN, PairVerdict.SAME_PERSON),
        (ANN, replace(ANN, key_id="ann-2"), PairVerdict.SAME_PERSON),
        (ANN, replace(BO, is_person=False), PairVerdict.MACHINE_KEY),
        (replace(ANN, is_person=False), BO, PairVerdict.MACHINE_KEY),
        (ANN, replace(BO, is_active=False), PairVerdict.NOT_ACTIVE),
        (replace(ANN, is_active=False), BO, PairVerdict.NOT_ACTIVE),
        (ANN, replace(BO, scopes=frozenset({ORDERS_WRITE})), PairVerdict.ROLE_MISSING),
        (replace(ANN, scopes=frozenset()), BO, PairVerdict.ROLE_MISSING),
        (ANN, replace(BO, shop_set=frozenset({"other"})), PairVerdict.ROLE_MISSING),
        (ANN, replace(BO, channel_set=frozenset({"web"})), PairVerdict.ROLE_MISSING),
    ],
)
def test_two_people_are_two_people(
    requester: Principal, approver: Principal, verdict: PairVerdict
) -> None:
    assert two_people(requester, approver, "own") is verdict
    assert verdict.holds is (verdict is PairVerdict.TWO_PEOPLE)


class Office:
    """Three approvers, an operator and a machine with keys of their own."""

    def __init__(self, path: Path) -> None:
        self.now_ms = NOW_MS
        self.store = AccessStore(path, lambda: self.now_ms)
        self.operators = Operators(self.store)
        self.keyring = Keyring(self.store)
        self.approvals = Approvals(self.store, self.keyring, clean)
        self.head = self.operators.create_first_administrator("Head").token
        self.ann, self.ann_again = self.person("Ann", Role.APPROVER, keys=2)
        (self.bo,) = self.person("Bo", Role.APPROVER)
        (self.cy,) = self.person("Cy", Role.APPROVER)
        (self.olga,) = self.person("Olga", Role.OPERATOR)
        erp = self.operators.create_machine("erp", self.head).token
        self.erp = self.key_of(erp, ORDERS_WRITE)

    def person(self, name: str, roles: Role, keys: int = 1) -> list[Principal]:
        token = self.operators.create_operator(name, roles, self.head).token
        return [self.key_of(token, "*") for _ in range(keys)]

    def key_of(self, token: int, scope: str) -> Principal:
        new = self.keyring.issue(token, self.head, scopes=[scope])
        principal = self.keyring.principal(new.key_id)
        assert principal is not None
        return principal

    def propose(self, by: Principal) -> tuple[bytes, bytes]:
        proposal = self.approvals.propose("own", CONTENT, by, "clearance", HOUR_MS)
        return proposal.id, proposal.digest


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    office = Office(tmp_path / "access.db")
    yield office
    office.store.close()


def test_a_second_person_approves_the_same_bytes(office: Office) -> None:
    asked = office.propose(office.ann)
    (pending,) = office.approvals.pending("own")
    assert (pending.content, pending.reason) == (CONTENT, "clearance")
    assert content_digest("own", pending.content) == pending.digest
    approval = office.approvals.approve(*asked, office.bo)
    assert approval == (asked[0], CONTENT, office.ann.person_token, office.bo.person_token)
    assert office.approvals.pending("own") == []
    assert office.approvals.approve(*asked, office.bo) == approval  # asked again after a crash


@pytest.mark.parametrize(
    ("who", "why"),
    [
        ("ann", "one person"),
        ("ann_again", "one person"),
        ("erp", "a machine's key cannot approve"),
        ("olga", "need the approver's role"),
    ],
)
def test_nobody_else_can(office: Office, who: str, why: str) -> None:
    asked = office.propose(office.ann)
    with pytest.raises(AccessRefused, match=why):
        office.approvals.approve(*asked, getattr(office, who))
    assert len(office.approvals.pending("own")) == 1


@pytest.mark.parametrize("who", ["erp", "olga"])
def test_only_approvers_propose(office: Office, who: str) -> None:
    with pytest.raises(AccessRefused, match="approver's role"):
        office.propose(getattr(office, who))


def test_other_bytes_are_not_what_was_proposed(office: Office) -> None:
    proposal_id, _ = office.propose(office.ann)
    other = content_digest("own", CONTENT.replace(b"100", b"1"))
    with pytest.raises(AccessRefused, match="not what was proposed"):
        office.approvals.approve(proposal_id, other, office.bo)
    with pytest.raises(AccessRefused, match="not what was proposed"):
        office.approvals.approve(proposal_id, content_digest("market", CONTENT), office.bo)
    with pytest.raises(AccessRefused, match="no proposal"):
        office.approvals.approve(bytes(16), other, office.bo)


def test_a_digest_tells_shop_and_content_apart() -> None:
    assert content_digest("ab", b"c") != content_digest("a", b"bc")


def test_a_proposal_of_somebody_who_left_does_not_count(office: Office) -> None:
    asked = office.propose(office.ann)
    office.keyring.revoke(office.ann.key_id, office.head)
    with pytest.raises(AccessRefused, match="revoked"):
        office.approvals.approve(*asked, office.bo)


def test_a_memory_of_a_role_is_not_a_role(office: Office) -> None:
    """The process that asks may have read the key just before it was revoked or its role taken."""
    asked = office.propose(office.ann)
    office.operators.set_roles(office.bo.person_token, Role.VIEWER, office.head)
    assert office.bo.may(APPROVE, "own")  # what that process still believes
    with pytest.raises(AccessRefused, match="approver's role"):
        office.approvals.approve(*asked, office.bo)
    office.operators.suspend(office.cy.person_token, office.head)
    with pytest.raises(AccessRefused, match="its owner left"):
        office.approvals.approve(*asked, office.cy)


def test_a_proposal_expires(office: Office) -> None:
    asked = office.propose(office.ann)
    office.now_ms += HOUR_MS
    assert office.approvals.pending("own") == []
    with pytest.raises(AccessRefused, match="has expired"):
        office.approvals.approve(*asked, office.bo)


def test_the_first_approver_stands(office: Office) -> None:
    asked = office.propose(office.ann)
    office.approvals.approve(*asked, office.bo)
    with pytest.raises(AccessRefused, match="somebody else has approved"):
        office.approvals.approve(*asked, office.cy)


def test_a_withdrawn_proposal_is_gone(office: Office) -> None:
    asked = office.propose(office.ann)
    with pytest.raises(AccessRefused, match="approver's role"):
        office.approvals.withdraw(asked[0], office.olga)
    office.approvals.withdraw(asked[0], office.ann_again)
    with pytest.raises(AccessRefused, match="withdrawn"):
        office.approvals.approve(*asked, office.bo)
    with pytest.raises(AccessRefused, match="withdrawn"):
        office.approvals.withdraw(asked[0], office.ann)


def test_an_approved_proposal_cannot_be_withdrawn(office: Office) -> None:
    asked = office.propose(office.ann)
    office.approvals.approve(*asked, office.bo)
    with pytest.raises(AccessRefused, match="approved already"):
        office.approvals.withdraw(asked[0], office.ann)


def test_personal_data_in_a_reason_is_taken_out(office: Office) -> None:
    proposal = office.approvals.propose("own", CONTENT, office.ann, "asked by 13812345678", HOUR_MS)
    assert proposal.reason == "asked by [phone]"
    assert office.approvals.pending("own")[0].reason == "asked by [phone]"


def test_everything_has_a_bound(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    for content, ttl_ms in (
        (b"", HOUR_MS),
        (b"x" * (CONTENT_BYTES_MAX + 1), HOUR_MS),
        (CONTENT, 0),
        (CONTENT, TTL_MS_MAX + 1),
    ):
        with pytest.raises(AccessRefused):
            office.approvals.propose("own", content, office.ann, "", ttl_ms)
    monkeypatch.setattr(approvals_module, "PENDING_MAX", 1)
    office.propose(office.ann)
    with pytest.raises(AccessRefused, match="wait already"):
        office.propose(office.ann)
    office.approvals.propose("market", CONTENT, office.ann, "", HOUR_MS)


def test_a_proposal_survives_reopening(tmp_path: Path, office: Office) -> None:
    asked = office.propose(office.ann)
    again = AccessStore(tmp_path / "access.db", lambda: NOW_MS)
    approvals = Approvals(again, Keyring(again), clean)
    assert approvals.approve(*asked, office.bo).approver_token == office.bo.person_token
    again.close()
