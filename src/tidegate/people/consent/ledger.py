"""What is put on record of a person's choices: asked, granted, refused, withdrawn, one at a time.

Every answer belongs to one question about one purpose, asked of one person about the notice that
stands, and counts once. Saying no is recorded whenever it is said, whether anybody asked or not.
This module never updates anything: each choice is an event, and the state is a fold of them.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import Meta

from tidegate.people.canonical import digest_of
from tidegate.people.consent import standing as st
from tidegate.people.consent.questions import Questions
from tidegate.people.consent.standing import Age, Standing, State
from tidegate.people.notices.document import consent_mode
from tidegate.people.notices.shelf import Notices, PurposeInForce
from tidegate.people.pack import DAY_MS, HOUR_MS
from tidegate.people.refusals import ConsentRefused
from tidegate.people.stream import (
    Event,
    PeopleStream,
    Place,
    token_text,
)

Steps = Annotated[int, Meta(ge=1, le=50)]
By = Literal["self", "guardian"]


class Screen(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the person had before them when they were asked, as whoever showed it vouches."""

    id: Annotated[str, Meta(min_length=1, max_length=64)]
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]  # of what was shown
    agree_steps: Steps
    refuse_steps: Steps
    withdraw_steps: Steps
    default: Literal["off", "on"] = "off"
    refuse_offered: bool = True
    service_available: bool = True  # the service goes on whatever the answer is
    others: Annotated[list[str], Meta(max_length=32)] = []  # purposes asked on the same screen


class Reply(NamedTuple):
    """An answer as it comes: `action` is the click's own id, `by` whoever made it."""

    ask: str
    action: str
    agrees: bool
    by: By = "self"
    guardian: int = 0


class Ledger:
    """One shop's ledger. `actor` is the token of whoever tells of a person's choice."""

    def __init__(
        self,
        stream: PeopleStream,
        notices: Notices,
        standing: Standing,
        questions: Questions,
    ) -> None:
        self._stream = stream
        self._questions = questions
        self._notices = notices
        self._standing = standing
        self._pack = notices.pack

    # -- asking and answering --------------------------------------------------------------------

    def ask(
        self,
        person: int,
        purpose: str,
        screen: Screen,
        ask_id: str,
        actor: int,
        at_ms: int,
        *,
        by_person: bool = False,
    ) -> Place:
        """Put a question on record before it is shown. `by_person`: they came to it themselves.

        Raises ConsentRefused.
        """
        return self._stream.commit(
            person,
            lambda: self._ask(person, purpose, screen, ask_id, actor, at_ms, by_person),
        )[0].place

    def _ask(
        self,
        person: int,
        purpose: str,
        screen: Screen,
        ask_id: str,
        actor: int,
        at_ms: int,
        by_person: bool,
    ) -> list[Event]:
        found = self._purpose(purpose)
        if person in self._standing.forgotten:
            raise self._no("person_unknown")
        self._require_fair(screen, found)
        if self._questions.shares_screen(person, purpose, screen.id, at_ms):
            raise self._no("bundled")
        served = self._notices.is_served(person, found)
        if served is None:
            raise self._no("notice_not_served")
        if not by_person and self._is_too_soon(person, purpose, at_ms):
            raise self._no("asked_too_soon")
        self._require_guardian_known(person)
        assert not self._questions.is_known(ask_id), "ids of questions are drawn at random"
        lapse_ms = self._pack.number("ask_open_hours") * HOUR_MS
        return [
            {
                "kind": st.ASKED_EVENT,
                "at_ms": at_ms,
                "actor": token_text(actor),
                "person": token_text(person),
                "purpose": purpose,
                "ask": ask_id,
                "generation": found.generation,
                "served": str(served),
                "until_ms": at_ms + lapse_ms,
                "by_person": by_person,
                "screen": msgspec.to_builtins(screen),
            }
        ]

    def answer(self, person: int, reply: Reply, actor: int, at_ms: int) -> tuple[State, Place]:
        """Put the answer to one question on record.

        Raises ConsentRefused; then what is on record is that it was refused, and why: somebody
        may have tried to use an answer twice.
        """
        try:
            recorded = self._stream.commit(
                person, lambda: self._answer(person, reply, actor, at_ms)
            )[0]
        except ConsentRefused as no:
            rejected = {"ask": digest_of(reply.ask), "reason": no.reason, "by": reply.by}
            self._note(st.REJECTED_EVENT, person, actor, at_ms, rejected)
            raise
        granted = recorded.event["kind"] == st.GRANTED_EVENT
        return (State.GRANTED if granted else State.REFUSED), recorded.place

    def _answer(self, person: int, reply: Reply, actor: int, at_ms: int) -> list[Event]:
        asked = self._questions.open(reply.ask, person)
        if asked is None:
            known = self._questions.is_answered(reply.ask)
            raise self._no("consent_replayed" if known else "ask_unknown")
        if at_ms >= asked.until_ms:
            raise self._no("ask_lapsed")
        if self._questions.is_used(reply.action):
            raise self._no("action_reused")
        event: dict[str, Any] = {
            "at_ms": at_ms,
            "actor": token_text(actor),
            "person": token_text(person),
            "purpose": asked.purpose,
            "ask": asked.ask,
            "action": reply.action,
            "by": reply.by,
        }
        if not reply.agrees:  # a no is taken from whoever says it, about whatever was asked
            return [event | {"kind": st.REFUSED_EVENT}]
        found = self._purpose(asked.purpose)
        if person in self._standing.forgotten:
            raise self._no("person_unknown")
        if asked.generation != found.generation:
            raise self._no("notice_not_served")
        self._require_right_person(person, reply)
        if reply.by == "guardian":
            event["guardian"] = token_text(reply.guardian)
        days = found.purpose.consent_days
        published = found.published
        return [
            event
            | {
                "kind": st.GRANTED_EVENT,
                "mode": consent_mode(published.notice, found.purpose, self._notices.sensitive),
                "notice": published.notice.notice,
                "version": published.version,
                "sha256": published.sha256,
                "generation": found.generation,
                "served": asked.served,
                "asked_ms": asked.at_ms,
                "screen": dict(asked.event_screen),
                "until_ms": at_ms + days * DAY_MS if days else 0,
            }
        ]

    # -- saying no at any time -------------------------------------------------------------------

    def withdraw(
        self, person: int, purpose: str, action: str, actor: int, at_ms: int
    ) -> tuple[State, Place]:
        """Take consent back, or say no before anybody asked. One step, always possible.

        A no that stands already is not written twice. Raises ConsentRefused for a purpose that
        the shop never had.
        """
        recorded = self._stream.commit(
            person, lambda: self._withdraw(person, purpose, action, actor, at_ms)
        )
        if recorded:
            kind = recorded[0].event["kind"]
            state = State.WITHDRAWN if kind == st.WITHDRAWN_EVENT else State.REFUSED
            return state, recorded[0].place
        return self._standing.state(person, purpose), self._standing.place(person, purpose)

    def _withdraw(
        self, person: int, purpose: str, action: str, actor: int, at_ms: int
    ) -> list[Event]:
        state = self._standing.state(person, purpose)
        if state == State.NONE:
            self._purpose(purpose)
        if state in {State.REFUSED, State.WITHDRAWN}:
            return []
        given = state == State.GRANTED
        event: dict[str, Any] = {
            "kind": st.WITHDRAWN_EVENT if given else st.REFUSED_EVENT,
            "at_ms": at_ms,
            "actor": token_text(actor),
            "person": token_text(person),
            "purpose": purpose,
            "action": action,
            "by": "self",
        }
        if given:
            event["granted"] = str(self._standing.place(person, purpose))
        return [event]

    # -- about the person ------------------------------------------------------------------------

    def choose_profiling(self, person: int, actor: int, at_ms: int, *, refused: bool) -> Place:
        """The switch "not personalised" (PIPL 24)."""
        return self._note(st.PROFILING_EVENT, person, actor, at_ms, {"refused": refused})

    def declare_age(self, person: int, age: str, actor: int, at_ms: int) -> Place:
        """What became known of a person's age: child, minor or adult. Never a date of birth."""
        assert age in st.AGE_WORDS
        return self._note(st.AGE_EVENT, person, actor, at_ms, {"age": age})

    def link_guardian(
        self, person: int, guardian: int, evidence: str, actor: int, at_ms: int
    ) -> Place:
        """Who answers for a child; `evidence` is an id of what showed it, kept elsewhere."""
        more = {"guardian": token_text(guardian), "evidence": evidence}
        return self._note(st.GUARDIAN_EVENT, person, actor, at_ms, more)

    def _note(
        self, kind: str, person: int, actor: int, at_ms: int, more: Mapping[str, Any]
    ) -> Place:
        event = {
            "kind": kind, "at_ms": at_ms, "actor": token_text(actor), "person": token_text(person),
        }  # fmt: skip
        return self._stream.record(person, event | dict(more))

    # -- after a restore -------------------------------------------------------------------------

    def note_restored(self, at_ms: int) -> Place:
        """An older copy was put in place: consents in it open nothing until they are settled."""
        event = {"kind": st.RESTORED_EVENT, "at_ms": at_ms}
        return self._stream.record("restore", event)

    def settle(
        self, said_no: Sequence[tuple[int, str]], reason: str, actor: int, at_ms: int
    ) -> Place:
        """Take in every no that was said after the copy was made; consents count again then.

        A person vouches with `reason` that the list is whole (an empty one included).
        """
        events: list[Event] = [
            {
                "kind": st.WITHDRAWN_EVENT, "at_ms": at_ms, "actor": token_text(actor),
                "person": token_text(person), "purpose": purpose, "action": "settled", "by": "self",
            }
            for person, purpose in said_no
        ]  # fmt: skip
        events.append(
            {
                "kind": st.SETTLED_EVENT, "at_ms": at_ms, "actor": token_text(actor),
                "count": len(said_no), "reason": reason,
            }
        )  # fmt: skip
        return self._stream.commit("restore", lambda: events)[-1].place

    # -- rules -----------------------------------------------------------------------------------

    def _purpose(self, name: str) -> PurposeInForce:
        found = self._notices.purpose(name)
        if found is None:
            raise self._no("purpose_unknown")
        if found.purpose.basis != "consent":
            raise self._no("not_consent_based")
        return found

    def _require_fair(self, screen: Screen, found: PurposeInForce) -> None:
        """The screen as it is vouched for: alone, off, refusable, and nothing hangs on it."""
        if screen.others:
            raise self._no("bundled")
        if screen.default != "off":
            raise self._no("preticked")
        if not screen.refuse_offered or screen.refuse_steps > screen.agree_steps:
            raise self._no("refusal_harder")
        if screen.withdraw_steps > screen.agree_steps:
            raise self._no("withdrawal_harder")
        if not screen.service_available and not found.purpose.necessary_for:
            raise self._no("service_conditional")

    def _is_too_soon(self, person: int, purpose: str, at_ms: int) -> bool:
        column, row = self._standing.consents(purpose), self._standing.row_of(person)
        if column is None or row == st.NOBODY:
            return False
        if column.state[row] not in {State.REFUSED, State.WITHDRAWN}:
            return False
        last_ms = max(int(column.at_ms[row]), int(column.asked_ms[row]))
        return at_ms < last_ms + self._pack.number("ask_again_days") * DAY_MS

    def _guardian_of(self, person: int) -> tuple[bool, int]:
        row = self._standing.row_of(person)
        if row == st.NOBODY:
            return False, 0
        return self._standing.age[row] == Age.CHILD, int(self._standing.guardian[row])

    def _require_guardian_known(self, person: int) -> None:
        is_child, guardian = self._guardian_of(person)
        if is_child and not guardian:
            raise self._no("guardian_missing")

    def _require_right_person(self, person: int, reply: Reply) -> None:
        """A child's yes is the guardian's; a grown-up's is their own."""
        is_child, guardian = self._guardian_of(person)
        is_guardian = reply.by == "guardian"
        if is_child != is_guardian or (
            is_guardian and (reply.guardian != guardian or not guardian)
        ):
            raise self._no("guardian_missing")

    def _no(self, reason: str) -> ConsentRefused:
        return ConsentRefused(reason, self._pack.refusals[reason])
