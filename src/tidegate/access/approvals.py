"""Approval by two people: one proposes, another one approves exactly what was proposed.

Nothing counts as approved unless two different people, both active and both approvers for that
shop, stand behind the same bytes.
This module never carries out what was approved; the proposal's id is meant to be the command's id,
so that an approval is used once however often it is sent.
"""

import hashlib
import hmac
import os
import sqlite3
from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from tidegate.access.keyring import Keyring
from tidegate.access.operators import AccessRefused
from tidegate.access.principal import Principal
from tidegate.access.roles import APPROVE
from tidegate.access.store import AccessStore

CONTENT_BYTES_MAX = 64 * 1024
PENDING_MAX = 1_000  # a shop
TTL_MS_MAX = 7 * 86_400_000
ID_BYTES = 16

# ruff: noqa: S608 - the statements are put together from the constants of this module
_SELECT = """SELECT id, shop, content, digest, proposer_key, reason, created_at_ms, expires_at_ms,
    approver_key, approved_at_ms FROM proposal"""
_OPEN = "approved_at_ms IS NULL AND withdrawn_at_ms IS NULL AND expires_at_ms > ?"


class PairVerdict(StrEnum):
    """Whether two keys are two people; every other value says why they are not."""

    TWO_PEOPLE = "two_people"
    MACHINE_KEY = "machine_key"
    SAME_PERSON = "same_person"
    NOT_ACTIVE = "not_active"
    ROLE_MISSING = "role_missing"

    @property
    def holds(self) -> bool:
        """True for two people and for nothing else."""
        return self is PairVerdict.TWO_PEOPLE


_EXPLAINED = {
    PairVerdict.MACHINE_KEY: "a machine's key cannot approve; a person has to",
    PairVerdict.SAME_PERSON: "both keys belong to one person; somebody else has to approve",
    PairVerdict.NOT_ACTIVE: "one of the two keys has been revoked, has expired, or its owner left",
    PairVerdict.ROLE_MISSING: "both people need the approver's role and a key for this shop",
}


def two_people(requester: Principal, approver: Principal, shop: str) -> PairVerdict:
    """Are these two different people who may approve for this shop?"""
    if not (requester.is_person and approver.is_person):
        return PairVerdict.MACHINE_KEY
    if requester.person_token == approver.person_token:
        return PairVerdict.SAME_PERSON
    if not (requester.is_active and approver.is_active):
        return PairVerdict.NOT_ACTIVE
    if not (requester.may(APPROVE, shop) and approver.may(APPROVE, shop)):
        return PairVerdict.ROLE_MISSING
    return PairVerdict.TWO_PEOPLE


class Proposal(NamedTuple):
    """What one person proposed. The second one reads `content` and names its `digest`."""

    id: bytes
    shop: str
    content: bytes
    digest: bytes
    proposer_key: str
    reason: str
    created_at_ms: int
    expires_at_ms: int
    approver_key: str | None
    approved_at_ms: int | None


class Approval(NamedTuple):
    """Two people's word, for the journal: tokens, and an id that makes it count once."""

    proposal_id: bytes
    content: bytes
    proposer_token: int
    approver_token: int


class Approvals:
    """The proposals that wait for a second person."""

    def __init__(
        self,
        store: AccessStore,
        keyring: Keyring,
        clean_text: Callable[[str], str],
        random_bytes: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._store = store
        self._keyring = keyring
        self._clean_text = clean_text  # people.filter.clean: reasons are read by many
        self._random_bytes = random_bytes

    def propose(
        self,
        shop: str,
        content: bytes,
        proposer: Principal,
        reason: str,
        ttl_ms: int,
        request_id: str = "",
    ) -> Proposal:
        """Keep a command until a second person has read it. Raises AccessRefused.

        The same person's same `request_id` and content again is the proposal that there is.
        """
        if not 0 < len(content) <= CONTENT_BYTES_MAX:
            raise AccessRefused(f"a proposal has 1 to {CONTENT_BYTES_MAX:,} bytes")
        if not 0 < ttl_ms <= TTL_MS_MAX:
            raise AccessRefused("a proposal waits for seven days at most")
        now = self._present(proposer)
        if not (now.is_person and now.may(APPROVE, shop)):
            raise AccessRefused(_EXPLAINED[PairVerdict.ROLE_MISSING])
        proposal_id = requested_id(shop, request_id) if request_id else self._random_bytes(ID_BYTES)
        now_ms = self._store.now_ms()
        proposal = Proposal(
            proposal_id,
            shop,
            content,
            content_digest(shop, content),
            proposer.key_id,
            self._clean_text(reason),
            now_ms,
            now_ms + ttl_ms,
            None,
            None,
        )
        with self._store.changing(proposer.person_token, "propose", proposal_id.hex()) as db:
            if request_id and (there := self._there(db, proposal_id)) is not None:
                is_own = self._token_of(there.proposer_key) == proposer.person_token
                if is_own and there.digest == proposal.digest:
                    return there
                raise AccessRefused(
                    "this id named another proposal before; look at what waits, or use a new one"
                )
            self._check_room(db, shop)
            db.execute(
                "INSERT INTO proposal (id, shop, content, digest, proposer_key, reason, "
                "created_at_ms, expires_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                proposal[:8],
            )
        return proposal

    def pending(self, shop: str) -> list[Proposal]:
        """What waits for a second person, oldest first."""
        with self._store.reading() as db:
            rows = db.execute(
                f"{_SELECT} WHERE shop = ? AND {_OPEN} ORDER BY created_at_ms, id",
                (shop, self._store.now_ms()),
            ).fetchall()
        return [Proposal(*row) for row in rows]

    def approve(self, proposal_id: bytes, digest: bytes, approver: Principal) -> Approval:
        """The second person's word on exactly the content with this digest.

        The same person approving again gets the same answer. Raises AccessRefused.
        """
        with self._store.changing(approver.person_token, "approve", proposal_id.hex()) as db:
            proposal = self._find(db, proposal_id)
            if not hmac.compare_digest(proposal.digest, digest):
                raise AccessRefused("this is not what was proposed; read the proposal again")
            if proposal.approver_key is None:
                self._check_open(db, proposal)
                self._check_pair(proposal, approver)
                db.execute(
                    "UPDATE proposal SET approver_key = ?, approved_at_ms = ? WHERE id = ?",
                    (approver.key_id, self._store.now_ms(), proposal_id),
                )
            elif self._token_of(proposal.approver_key) != approver.person_token:
                raise AccessRefused("somebody else has approved this already")
            return self._approval(self._find(db, proposal_id))

    def withdraw(self, proposal_id: bytes, by: Principal) -> None:
        """Take a proposal back before anybody approved it: its proposer, or an approver."""
        with self._store.changing(by.person_token, "withdraw", proposal_id.hex()) as db:
            proposal = self._find(db, proposal_id)
            self._check_open(db, proposal)
            is_own = self._token_of(proposal.proposer_key) == by.person_token
            if not is_own and not self._present(by).may(APPROVE, proposal.shop):
                raise AccessRefused(_EXPLAINED[PairVerdict.ROLE_MISSING])
            db.execute(
                "UPDATE proposal SET withdrawn_at_ms = ? WHERE id = ?",
                (self._store.now_ms(), proposal_id),
            )

    def _check_room(self, db: sqlite3.Connection, shop: str) -> None:
        waiting = db.execute(
            f"SELECT count(*) FROM proposal WHERE shop = ? AND {_OPEN}",
            (shop, self._store.now_ms()),
        ).fetchone()[0]
        if waiting >= PENDING_MAX:
            raise AccessRefused(f"{PENDING_MAX:,} proposals wait already; approve or withdraw some")

    def _check_open(self, db: sqlite3.Connection, proposal: Proposal) -> None:
        values = (proposal.id, self._store.now_ms())
        if not db.execute(f"SELECT 1 FROM proposal WHERE id = ? AND {_OPEN}", values).fetchone():
            raise AccessRefused("the proposal has expired, was withdrawn or is approved already")

    def _check_pair(self, proposal: Proposal, approver: Principal) -> None:
        proposer = self._keyring.principal(proposal.proposer_key)
        assert proposer is not None, "a key that proposed is never deleted"
        verdict = two_people(proposer, self._present(approver), proposal.shop)
        if not verdict.holds:
            raise AccessRefused(_EXPLAINED[verdict])

    def _present(self, principal: Principal) -> Principal:
        """The same key as it stands now: what a process has in memory may be half a second old."""
        now = self._keyring.principal(principal.key_id)
        if now is None:
            raise AccessRefused(_EXPLAINED[PairVerdict.NOT_ACTIVE])
        return now

    def _find(self, db: sqlite3.Connection, proposal_id: bytes) -> Proposal:
        there = self._there(db, proposal_id)
        if there is None:
            raise AccessRefused(f"there is no proposal {proposal_id.hex()}")
        return there

    def _there(self, db: sqlite3.Connection, proposal_id: bytes) -> Proposal | None:
        row = db.execute(f"{_SELECT} WHERE id = ?", (proposal_id,)).fetchone()
        return None if row is None else Proposal(*row)

    def _token_of(self, key: str) -> int:
        principal = self._keyring.principal(key)
        assert principal is not None, "a key that took part is never deleted"
        return principal.person_token

    def _approval(self, proposal: Proposal) -> Approval:
        assert proposal.approver_key is not None, "only of an approved proposal"
        return Approval(
            proposal.id,
            proposal.content,
            self._token_of(proposal.proposer_key),
            self._token_of(proposal.approver_key),
        )


def requested_id(shop: str, request_id: str) -> bytes:
    """The id of a proposal that was asked for under an id of the caller's own."""
    named = f"tidegate proposal id\0{shop}\0{request_id}".encode()
    return hashlib.sha256(named).digest()[:ID_BYTES]


def content_digest(shop: str, content: bytes) -> bytes:
    """What the second person signs with their key: the shop and every byte of the command."""
    named = shop.encode()
    framed = len(named).to_bytes(4, "big") + named + content
    return hashlib.sha256(b"tidegate proposal\x00" + framed).digest()
