"""Requests about one's own data: taken in, identity checked, carried out or refused with reasons.

Every step is on record in the vault's stream and in rights.db before its effect; nothing is shown,
changed or destroyed before the identity was checked; no refusal is without its ground. An erasure
that fails in one place leaves the request open, and is carried out again from the start.
This module never decides who operates: `access` does.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, NamedTuple

from tidegate.people.canonical import canonical
from tidegate.people.filter import find
from tidegate.people.identity import IdentityTable
from tidegate.people.rights.answers import Answers
from tidegate.people.rights.certificate import Certifier
from tidegate.people.rights.identity_check import CodeCheck, IdentityCheck
from tidegate.people.rights.places import Outcome, Places, Subject
from tidegate.people.rights.places_here import subject_of
from tidegate.people.rights.store import Request, RightsStore
from tidegate.people.rights.terms import Terms, date_text, due_after, load_terms
from tidegate.people.vault.erasing import Identity
from tidegate.people.vault.events import RequestMoved, token_text
from tidegate.people.vault.parts import VaultRefused
from tidegate.people.vault.reading import RIGHTS
from tidegate.people.vault.vault import Vault
from tidegate.people.vault.writing import NewValue

RECEIVED, IDENTIFIED, DONE, REFUSED, WITHDRAWN = (
    "received", "identified", "done", "refused", "withdrawn",
)  # fmt: skip
OPEN_STATES = (RECEIVED, IDENTIFIED)
ASKERS = ("self", "kin", "guardian", "agent")
KIN_MAY = ("access", "copy", "correct", "delete")  # Art. 49
TEXT_CHARS_MAX = 2_000
ID_BYTES = 16
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


class RightsRefused(Exception):
    """The request did not move; the message says why. `reason` is a fixed name."""

    def __init__(self, reason: str, detail: str) -> None:
        self.reason = reason
        super().__init__(f"{reason}: {detail}")


class Overdue(NamedTuple):
    """A request whose last day is over or near."""

    request: str
    kind: str
    due: str
    days_left: int


@dataclass(frozen=True)
class RightsParts:
    """What the desk works with."""

    vault: Vault
    identity: IdentityTable
    store: RightsStore
    places: Places
    checks: Mapping[str, IdentityCheck]  # by the name of the way
    collectors: Mapping[str, Callable[[int], Any]] = field(default_factory=dict)
    sign: Callable[[bytes], bytes] | None = None
    tell_restriction: Callable[[int, bool], None] = lambda _person, _is_restricted: None
    random_bytes: Callable[[int], bytes] = os.urandom
    terms: Terms = field(default_factory=load_terms)


class RightsDesk:
    """Requests of one shop's persons. Any thread, one step of a request at a time."""

    def __init__(self, parts: RightsParts) -> None:
        self._parts = parts
        self._vault = parts.vault
        self.answers = Answers(
            parts.vault, parts.identity, parts.store, parts.collectors, parts.places
        )
        self.certifier = Certifier(parts.vault, parts.identity, parts.sign)

    # -- in --------------------------------------------------------------------------------------

    def open(
        self, actor: int, person: int, kind: str, *, asked_by: str = "self", text: str = "",
        request_id: str = "",
    ) -> Request:  # fmt: skip
        """Take a request in; its deadline runs from today. `kin.delete`: next of kin ask for that.

        The same id again is the request that there is. Raises RightsRefused for a kind that there
        is not, or an id that is another request's. The text is sealed in the vault.
        """
        base, _, wanted = kind.partition(".")
        term = self._parts.terms.kinds.get(base)
        if term is None or (base == "kin") != (wanted in KIN_MAY) or (base != "kin" and wanted):
            raise RightsRefused("unknown_kind", f"there are {', '.join(self.kinds())}")
        if asked_by not in ASKERS or (base == "kin") != (asked_by == "kin"):
            raise RightsRefused("unknown_asker", f"who asks is one of {', '.join(ASKERS)}")
        if person <= 0 or len(text) > TEXT_CHARS_MAX:
            raise RightsRefused("malformed", f"a person's token, and {TEXT_CHARS_MAX} characters")
        there = self._parts.store.get(request_id) if request_id else None
        if there is not None:
            if (there.person, there.kind) != (person, kind):
                raise RightsRefused("id_reused", "this id is another request's")
            return there
        today, now_ms = self._vault.parts.today(), self._vault.parts.now_ms()
        request = Request(
            request_id or self._new_id(), person, kind, asked_by, now_ms, today,
            due_after(today, term.working_days).day, RECEIVED,
        )  # fmt: skip
        self._move(request, actor, "")
        if text:
            words = NewValue("rights_text", text, (RIGHTS,), item_of(request.id))
            self._vault.writing.store(actor, person, [words])
        return request

    def _new_id(self) -> str:
        """Letters only: an id that could be taken for a number is refused in URLs."""
        drawn = self._parts.random_bytes(ID_BYTES)
        return "".join(_LETTERS[byte % len(_LETTERS)] for byte in drawn)

    def kinds(self) -> list[str]:
        """What may be asked for."""
        kinds = [kind for kind in self._parts.terms.kinds if kind != "kin"]
        return [*kinds, *(f"kin.{kind}" for kind in KIN_MAY)]

    def identify(self, actor: int, request_id: str, way: str, proof: str) -> Request:
        """Check who asks. Raises RightsRefused where it is not shown; that is a step as well."""
        request = self._open_request(request_id)
        check = self._parts.checks.get(way)
        if check is None:
            ways = ", ".join(sorted(self._parts.checks))
            raise RightsRefused("unknown_way", f"identity is checked by {ways}")
        checked = check.check(request, proof)
        if not checked.is_shown:
            self._move(request, actor, "identity_not_shown")
            raise RightsRefused("identity_not_shown", "the proof does not show who asks")
        return self._move(request._replace(state=IDENTIFIED, checked_by=checked.way), actor, "")

    def send_code(self, actor: int, request_id: str, channel: str) -> Request:
        """Send a new one-time code for `identify` with the way `code`; on record without the code.

        Raises RightsRefused where this shop sends none, and what sending raises.
        """
        request = self._open_request(request_id)
        codes = self._parts.checks.get("code")
        if not isinstance(codes, CodeCheck):
            raise RightsRefused("unknown_way", "this shop sends no codes")
        codes.send(request, channel)
        return self._move(request, actor, "code_sent")

    # -- out -------------------------------------------------------------------------------------

    def refuse(self, actor: int, request_id: str, ground: str, reason: str) -> Request:
        """Refuse with a ground of the list and a reason in words (Art. 50); both go to the person.

        Raises RightsRefused without them, or where the words hold personal data.
        """
        request = self._open_request(request_id)
        law = self._parts.terms.refusals.get(ground)
        if law is None or not reason.strip():
            grounds = ", ".join(self._parts.terms.refusals)
            raise RightsRefused("reason_missing", f"a ground ({grounds}) and a reason in words")
        if find(reason):
            raise RightsRefused("personal_text", "the reason stays on record: no personal data")
        court = self._parts.terms.court
        document = {
            "refused": ground, "law": law, "reason": reason,
            "court": {"zh": court.zh, "en": court.en},
        }  # fmt: skip
        return self._end(request, actor, REFUSED, document, why=ground)

    def withdraw(self, actor: int, request_id: str) -> Request:
        """The person takes it back."""
        return self._end(self._open_request(request_id), actor, WITHDRAWN, {})

    def show(self, actor: int, request_id: str) -> dict[str, Any]:
        """Carry out `access`, `copy` or `move`: the document with the person's data, for them only.

        What is kept of it is that it was given, not what stood in it.
        """
        request = self._identified(request_id, "access", "copy", "move")
        document = (
            self.answers.portable(actor, request)
            if action_of(request) == "move"
            else self.answers.whole(actor, request)
        )
        self._end(request, actor, DONE, {"given": sorted(document)})
        return document

    def correct(self, actor: int, request_id: str, values: Sequence[NewValue]) -> Request:
        """Put right what is wrong. Raises RightsRefused for what is not held, VaultRefused."""
        request = self._identified(request_id, "correct")
        held = {one.name for one in self._vault.reading.held(request.person)}
        names = [f"{one.field}:{one.item}" if one.item else one.field for one in values]
        if missing := sorted(set(names) - held):
            raise RightsRefused("not_held", f"{', '.join(missing)}: only what is held is corrected")
        self._vault.writing.store(actor, request.person, values, ticket=f"request {request.id}")
        return self._end(request, actor, DONE, {"corrected": sorted(names)})

    def restrict(self, actor: int, request_id: str) -> Request:
        """Only keep from now on, or lift that again."""
        request = self._identified(request_id, "restrict", "lift")
        if action_of(request) == "restrict":
            self._vault.writing.restrict(actor, request.person, f"request {request.id}")
        else:
            self._vault.writing.lift(actor, request.person, f"request {request.id}")
        self._parts.tell_restriction(request.person, action_of(request) == "restrict")
        return self._end(request, actor, DONE, {})

    def answer(self, actor: int, request_id: str, text: str) -> Request:
        """Answer `explain` and `complain` in words, with what the register says."""
        request = self._identified(request_id, "explain", "complain")
        if not text.strip() or find(text):
            raise RightsRefused("personal_text", "an answer in words, without personal data")
        document = {"answer": text, "register": self.answers.explained(request.person)}
        return self._end(request, actor, DONE, document)

    def delete(self, actor: int, request_id: str, told: Mapping[str, str] | None = None) -> Request:
        """Erase everywhere but what a statute asks to keep; the outcome is the certificate.

        `told`: values that the person names and the vault does not hold, by field. Raises
        PlaceFailed, VaultRefused: then the request stays open, and this is to be called again.
        """
        request = self._identified(request_id, "delete")
        subject = self._subject(actor, request, told or {})
        outcomes = self._parts.places.erase(subject, f"request {request.id}")
        limit_end_day = max((one.until_day for one in outcomes), default=0)
        erased = self._vault.erasing.erase(
            actor, request.person, f"request {request.id}",
            Identity(tuple(subject.identity_tokens), limit_end_day),
        )  # fmt: skip
        is_clear = self._vault.erasing.clear()
        outcomes.append(
            Outcome(
                "vault", len(erased.erased) + len({one.name for one in erased.kept}),
                len(erased.erased), len({one.name for one in erased.kept}),
                max((one.until_day for one in erased.kept), default=0),
                "" if is_clear else "a reader kept a log open: the daily job cuts it",
            )
        )  # fmt: skip
        outcomes += self._parts.places.finish(subject, f"request {request.id}")
        document, after_day = self.certifier.deletion(request, erased, outcomes, limit_end_day)
        return self._end(request, actor, DONE, document, after_day=after_day)

    def _subject(self, actor: int, request: Request, told: Mapping[str, str]) -> Subject:
        register = self._vault.parts.register
        if unknown := sorted(set(told) - set(register.fields)):
            raise RightsRefused("unknown_field", f"{unknown[0]} is no field of the register")
        values = dict(told)
        try:
            values |= self._vault.reading.read_for_request(actor, request.person, request.id)
        except VaultRefused as refused:
            if refused.reason != "key_gone":  # what has no key is erased already
                raise
        return subject_of(self._parts.identity, register, request.person, values)

    # -- what is due -----------------------------------------------------------------------------

    def overdue(self, within_days: int = 3) -> list[Overdue]:
        """Requests that are open and whose last day is over or that near."""
        today = self._vault.parts.today()
        return [
            Overdue(one.id, one.kind, date_text(one.due_day), one.due_day - today)
            for one in self._parts.store.in_state(*OPEN_STATES)
            if one.due_day - today <= within_days
        ]

    def complete(self) -> list[str]:
        """Confirm certificates whose last day is over, by looking; the ids of those that were."""
        done = []
        today, now_ms = self._vault.parts.today(), self._vault.parts.now_ms()
        for request in self._parts.store.in_state(DONE):
            is_waiting = action_of(request) == "delete" and not request.completed_ms
            if is_waiting and today > request.complete_after_day:
                document = self.certifier.confirmed(request)
                if document is not None:
                    outcome = canonical(document).decode()
                    confirmed = request._replace(outcome=outcome, completed_ms=now_ms)
                    self._move(confirmed, 0, "confirmed")
                    done.append(request.id)
        return done

    # -- moving ----------------------------------------------------------------------------------

    def get(self, request_id: str) -> Request:
        """A request. Raises RightsRefused."""
        request = self._parts.store.get(request_id)
        if request is None:
            raise RightsRefused("unknown_request", "there is no such request")
        return request

    def _open_request(self, request_id: str) -> Request:
        request = self.get(request_id)
        if request.state not in OPEN_STATES:
            raise RightsRefused("ended", f"this request is {request.state}")
        return request

    def _identified(self, request_id: str, *actions: str) -> Request:
        request = self._open_request(request_id)
        if request.state != IDENTIFIED:
            raise RightsRefused("identity_not_shown", "check first who asks")
        if action_of(request) not in actions:
            raise RightsRefused("another_kind", f"this request is to {action_of(request)}")
        return request

    def _end(
        self, request: Request, actor: int, state: str, document: dict[str, Any], *,
        why: str = "", after_day: int = 0,
    ) -> Request:  # fmt: skip
        return self._move(
            request._replace(
                state=state, why=why, ended_ms=self._vault.parts.now_ms(),
                outcome=canonical(document).decode(), complete_after_day=after_day,
            ),
            actor, why,
        )  # fmt: skip

    def _move(self, request: Request, actor: int, why: str) -> Request:
        parts = self._vault.parts
        parts.stream.append(
            RequestMoved(
                parts.now_ms(), token_text(actor), token_text(request.person), request.id,
                request.kind, request.state, why,
            )
        )  # fmt: skip
        self._parts.store.move(request, actor, parts.now_ms(), why)
        return request


def item_of(request_id: str) -> str:
    """What the vault files a request's words under."""
    return sha256(request_id.encode()).hexdigest()[:16]


def action_of(request: Request) -> str:
    """What is to be done: next of kin ask for what the person could have asked for."""
    return request.kind.rpartition(".")[2]
