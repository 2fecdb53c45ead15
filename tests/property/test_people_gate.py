"""Any order of notices, questions, answers, withdrawals, messages, restarts, restores: after each
step the gate answers about everybody, and in columns, what a naive model answers.

The ledger's own refusals are judged too: a yes that the model would not take is never recorded.
"""

import runpy
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from tidegate.people.gate import Wish
from tidegate.people.notices.document import Notice, Text
from tidegate.people.refusals import ConsentRefused, GateReason
from tidegate.testing.people_house import (
    ACTOR,
    NO_FIELDS,
    PERSONAL,
    PUSH,
    SERVICE,
    SHARE,
    TAX,
    PeopleHouse,
    changed_purpose,
    example_notice,
    without_purpose,
)

Naive = runpy.run_path(str(Path(__file__).with_name("naive_gate.py")))["Naive"]
EXAMPLE = example_notice()
PERSONS = (1, 2, 3)
GUARDIAN = 9
ASKABLE = (PUSH, PERSONAL, SHARE)
QUESTIONS = (
    (PUSH, "sms"), (PUSH, "mail"), (PUSH, ""), (PERSONAL, "sms"), (PERSONAL, "mail"), (SHARE, ""),
    (SERVICE, "sms"), (TAX, ""),
)  # fmt: skip
persons = st.sampled_from(PERSONS)
purposes = st.sampled_from(ASKABLE)
rarely = st.sampled_from((False, False, False, False, True))
mostly = st.sampled_from((True, True, True, False))
titles = st.sampled_from(("甲", "乙"))


def retitled(notice: Notice, purpose: str, title: str) -> Notice:
    return changed_purpose(notice, purpose, title=Text(title, title))


class People(RuleBasedStateMachine):
    """The shop, and the model beside it."""

    def __init__(self) -> None:
        super().__init__()
        self.house = PeopleHouse()
        self.naive = Naive()
        self.notice: Notice | None = None
        self.clicks = 0
        self.backup: tuple[int, int] | None = None

    def now(self) -> int:
        return self.house.now_ms

    @initialize(begun=st.sampled_from((True, True, True, False)))
    def begin(self, begun: bool) -> None:
        """Mostly a shop with a notice and people who agreed: what is built up can be broken."""
        if not begun:
            return
        self.published(EXAMPLE, set())
        for person in PERSONS:
            for purpose in (PUSH, PERSONAL):
                self.choose_freely(person, purpose)

    def choose_freely(self, person: int, purpose: str) -> None:
        self.house.agree(person, purpose)
        self.naive.happened("yes", self.now(), person, purpose=purpose, by_guardian=False)

    # -- notices ---------------------------------------------------------------------------------

    @rule(purpose=purposes, title=titles, gone=rarely, judged=st.booleans())
    def publish(self, purpose: str, title: str, gone: bool, judged: bool) -> None:
        before = self.notice
        if gone and before is not None and purpose in before.purposes:
            notice = without_purpose(before, purpose)
        else:
            notice = retitled(before or EXAMPLE, purpose, title) if before is None or (
                purpose in before.purposes
            ) else EXAMPLE  # fmt: skip
        if before == notice:
            return
        changed = {
            name for name, one in notice.purposes.items()
            if before is not None and (name not in before.purposes
                                       or (before.purposes[name] != one and not judged))
        }  # fmt: skip
        self.published(notice, changed, dict.fromkeys(notice.purposes, "x") if judged else None)

    def published(
        self, notice: Notice, changed: set[str], same: dict[str, str] | None = None
    ) -> None:
        self.house.publish(notice, same)
        self.notice = notice
        self.naive.happened(
            "published", self.now(), changed=changed, purposes=set(notice.purposes),
            channels={name: one.channels for name, one in notice.purposes.items()},
        )  # fmt: skip

    # -- choices ---------------------------------------------------------------------------------

    @rule(person=persons, purpose=purposes, agrees=mostly, by_guardian=rarely)
    def choose(self, person: int, purpose: str, agrees: bool, by_guardian: bool) -> None:
        if self.notice is None or purpose not in self.notice.purposes:
            return
        self.house.serve(person)
        if self.naive.last("forgotten", person):
            with pytest.raises(ConsentRefused, match="person_unknown"):
                self.house.ask(person, purpose, by_person=True)
            return
        age, guardian = self.naive.last("age", person), self.naive.last("guardian", person)
        is_child = bool(age and age["age"] == "child")
        if is_child and guardian is None:
            with pytest.raises(ConsentRefused, match="guardian_missing"):
                self.house.ask(person, purpose, by_person=True)
            return
        ask = self.house.ask(person, purpose, by_person=True)
        who = GUARDIAN if by_guardian else 0
        if agrees and is_child != by_guardian:
            with pytest.raises(ConsentRefused, match="guardian_missing"):
                self.house.answer(person, ask, agrees=True, guardian=who)
            return
        self.house.answer(person, ask, agrees=agrees, guardian=who)
        self.naive.happened(
            "yes" if agrees else "no", self.now(), person, purpose=purpose,
            by_guardian=by_guardian,
        )  # fmt: skip
        with pytest.raises(ConsentRefused, match="consent_replayed"):
            self.house.answer(person, ask, agrees=True, guardian=who)

    @rule(person=persons, purpose=purposes)
    def withdraw(self, person: int, purpose: str) -> None:
        said = self.naive.said(person, purpose)
        if said is None and (self.notice is None or purpose not in self.notice.purposes):
            with pytest.raises(ConsentRefused, match="purpose_unknown"):
                self.house.withdraw(person, purpose)
            return
        self.house.withdraw(person, purpose)
        if said is None or said["what"] == "yes":
            what = "no" if said is None else "withdrawn"
            self.naive.happened(what, self.now(), person, purpose=purpose)

    @rule(person=persons, refused=st.booleans())
    def profiling(self, person: int, refused: bool) -> None:
        self.house.people.ledger.choose_profiling(person, ACTOR, self.now(), refused=refused)
        self.naive.happened("profiling", self.now(), person, refused=refused)

    @rule(
        person=persons,
        age=st.sampled_from(("child", "minor", "adult", "adult")),
        link=st.booleans(),
    )
    def grow(self, person: int, age: str, link: bool) -> None:
        ledger = self.house.people.ledger
        ledger.declare_age(person, age, ACTOR, self.now())
        self.naive.happened("age", self.now(), person, age=age)
        if link:
            ledger.link_guardian(person, GUARDIAN, "paper", ACTOR, self.now())
            self.naive.happened("guardian", self.now(), person)

    @rule(person=persons, on=st.booleans())
    def restrict(self, person: int, on: bool) -> None:
        self.house.note("person.restricted" if on else "person.unrestricted", person)
        self.naive.happened("restricting", self.now(), person, on=on)

    # -- messages, time, restarts ----------------------------------------------------------------

    @rule(person=persons, channel=st.sampled_from(("sms", "mail")), times=st.integers(1, 3))
    def send(self, person: int, channel: str, times: int) -> None:
        for _ in range(times):
            self.house.sent(person, channel)
            self.naive.happened("sent", self.now(), person, channel=channel)

    @rule(hours=st.sampled_from((1, 5, 9, 9, 24, 24, 24 * 7, 24 * 366)))
    def wait(self, hours: int) -> None:
        self.house.later(hours=hours)

    @rule()
    def restart(self) -> None:
        self.house.reopen()

    @rule()
    def back_up(self) -> None:
        self.backup = (len(self.house.store.entries), len(self.naive.log))

    @rule()
    def restore(self) -> None:
        """The copy takes the journal's place; what was said since is lost, and known to be."""
        if self.backup is None:
            return
        entries, happened = self.backup
        self.house.store.roll_back(self.house.store.entries[entries - 1].seq)
        del self.naive.log[happened:]
        self.house.reopen()
        published = self.naive.notice()
        names = [] if published is None else self.house.people.notices.names()
        self.notice = self.house.people.notices.in_force(names[0]).notice if names else None
        self.house.people.ledger.note_restored(self.now())
        self.naive.happened("restored", self.now())
        self.backup = None

    @rule(person=persons, purpose=purposes)
    def settle(self, person: int, purpose: str) -> None:
        self.house.people.ledger.settle([(person, purpose)], "mails", ACTOR, self.now())
        self.naive.happened("withdrawn", self.now(), person, purpose=purpose)
        self.naive.happened("settled", self.now())

    @rule(person=st.just(3))
    def forget(self, person: int) -> None:
        self.house.note("person.forgotten", person)
        self.naive.happened("forgotten", self.now(), person)

    # -- what must hold --------------------------------------------------------------------------

    @invariant()
    def answers_are_the_models(self) -> None:
        gate, at_ms = self.house.people.gate, self.now()
        everybody = np.array(PERSONS, np.uint64)
        for purpose, channel in QUESTIONS:
            expected = [self.naive.may(one, purpose, channel, at_ms) for one in PERSONS]
            found = [self.house.why(one, purpose, NO_FIELDS, "", channel) for one in PERSONS]
            assert found == expected, (purpose, channel)
            many = gate.may_many(Wish(purpose, NO_FIELDS, "", channel, at_ms), everybody)
            words = [GateReason(one).word if one else "" for one in many.reasons.tolist()]
            assert words == expected, (purpose, channel)


def run(sequences: int, phases: tuple[Phase, ...] = tuple(Phase)) -> None:
    run_state_machine_as_test(
        People,
        settings=settings(
            max_examples=sequences, stateful_step_count=12, deadline=None, database=None,
            phases=phases, suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip


def test_the_gate_answers_what_the_naive_model_answers() -> None:
    run(500)


@pytest.mark.long
def test_the_gate_answers_what_the_naive_model_answers_ten_thousand_times() -> None:
    run(10_000)
