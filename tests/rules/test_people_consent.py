"""The consent ledger: one purpose a consent, by itself, freely, once; a no counts at any time."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tidegate.people.consent.ledger import Reply
from tidegate.people.consent.standing import State
from tidegate.people.refusals import ConsentRefused
from tidegate.testing.people_house import (
    ACTOR,
    BANK,
    PERSONAL,
    PUSH,
    SERVICE,
    SHARE,
    PeopleHouse,
    changed_purpose,
    example_notice,
    fair_screen,
)

ANN, BEN, CHILD, MUM = 11, 12, 13, 14


@pytest.fixture
def house() -> PeopleHouse:
    made = PeopleHouse(example_notice())
    for person in (ANN, BEN, CHILD):
        made.serve(person)
    return made


def events(house: PeopleHouse) -> list[dict[str, Any]]:
    """The events of the newest entry."""
    return [json.loads(line) for line in house.store.entries[-1].payload.split(b"\n")]


def refused(
    house: PeopleHouse, reason: str, work: Callable[..., object], *given: object, **more: object
) -> None:
    """The ledger says no for that reason, with an article; of an answer that is on record."""
    before, is_answer = len(house.store.entries), work == house.answer
    with pytest.raises(ConsentRefused) as no:
        work(*given, **more)
    assert no.value.reason == reason
    assert no.value.article
    assert len(house.store.entries) == before + is_answer
    if is_answer:
        (event,) = events(house)
        assert (event["kind"], event["reason"]) == ("consent.rejected", reason)


@pytest.mark.parametrize(
    ("reason", "changes"),
    [
        ("bundled", {"others": [SHARE]}),
        ("preticked", {"default": "on"}),
        ("refusal_harder", {"refuse_offered": False}),
        ("refusal_harder", {"refuse_steps": 2}),
        ("withdrawal_harder", {"withdraw_steps": 2}),
        ("service_conditional", {"service_available": False}),
    ],
)
def test_an_unfair_screen_asks_nobody(
    house: PeopleHouse, reason: str, changes: dict[str, Any]
) -> None:
    refused(house, reason, house.ask, ANN, PUSH, fair_screen(**changes))


def test_a_service_may_depend_on_what_it_cannot_do_without(house: PeopleHouse) -> None:
    ask = house.ask(ANN, BANK, fair_screen(service_available=False))
    assert house.answer(ANN, ask, agrees=True) == State.GRANTED


def test_two_purposes_on_one_screen_are_noticed_whatever_the_screen_says(
    house: PeopleHouse,
) -> None:
    screen = fair_screen("all-in-one")
    first = house.ask(ANN, PUSH, screen)
    refused(house, "bundled", house.ask, ANN, SHARE, screen)
    house.ask(BEN, SHARE, screen)  # somebody else's screen
    again = house.ask(ANN, PUSH, screen)  # the same question anew
    refused(house, "ask_unknown", house.answer, ANN, first, agrees=True)
    house.answer(ANN, again, agrees=False)
    house.ask(ANN, SHARE, screen)  # one after the other


def test_a_grant_says_all_that_proves_it(house: PeopleHouse) -> None:
    notice = example_notice()
    ask = house.ask(ANN, SHARE, fair_screen("share-1"))
    house.later(hours=1)
    assert house.answer(ANN, ask, agrees=True, action="click-x") == State.GRANTED
    (event,) = events(house)
    assert event == {
        "kind": "consent.granted", "at_ms": house.now_ms, "actor": f"{ACTOR:016x}",
        "person": f"{ANN:016x}", "purpose": SHARE, "mode": "separate", "notice": "main",
        "version": 1, "sha256": notice.sha256, "generation": 1, "served": "3.0", "ask": ask,
        "asked_ms": house.now_ms - 3_600_000, "action": "click-x", "by": "self", "until_ms": 0,
        "screen": {
            "id": "share-1", "sha256": "0" * 64, "default": "off", "others": [],
            "refuse_offered": True, "service_available": True, "agree_steps": 1,
            "refuse_steps": 1, "withdraw_steps": 1,
        },
    }  # fmt: skip


@pytest.mark.parametrize(
    ("purpose", "mode"),
    [(PUSH, "express"), (SHARE, "separate"), ("review.publish", "separate"),
     ("support.abroad", "separate"), (BANK, "separate")],
)  # fmt: skip
def test_separate_consent_where_the_law_asks_for_it(
    house: PeopleHouse, purpose: str, mode: str
) -> None:
    house.agree(ANN, purpose)
    assert events(house)[0]["mode"] == mode


def test_an_answer_counts_once(house: PeopleHouse) -> None:
    ask = house.ask(ANN, PUSH)
    refused(house, "ask_unknown", house.answer, BEN, ask, agrees=True)
    house.answer(ANN, ask, agrees=True, action="click")
    refused(house, "consent_replayed", house.answer, ANN, ask, agrees=True)
    other = house.ask(ANN, SHARE)
    refused(house, "action_reused", house.answer, ANN, other, agrees=True, action="click")
    house.withdraw(ANN, PUSH)
    refused(house, "consent_replayed", house.answer, ANN, ask, agrees=True)
    house.reopen()
    refused(house, "consent_replayed", house.answer, ANN, ask, agrees=True)
    refused(house, "action_reused", house.answer, ANN, other, agrees=True, action="click")


def test_a_question_lapses(house: PeopleHouse) -> None:
    ask = house.ask(ANN, PUSH)
    house.later(hours=24)
    refused(house, "ask_lapsed", house.answer, ANN, ask, agrees=True)
    house.later(days=3)
    house.ask(BEN, PUSH)  # old ones are forgotten when a new one comes
    refused(house, "ask_unknown", house.answer, ANN, ask, agrees=True)


def test_the_notice_comes_first(house: PeopleHouse) -> None:
    refused(house, "notice_not_served", house.ask, 99, PUSH)
    waiting = house.ask(ANN, PUSH)
    other = house.ask(ANN, SHARE)
    house.publish(
        changed_purpose(example_notice(), PUSH, fields=["account", "phone", "email", "order"])
    )
    refused(house, "notice_not_served", house.answer, ANN, waiting, agrees=True)
    refused(house, "notice_not_served", house.ask, ANN, PUSH)
    assert house.answer(ANN, other, agrees=True) == State.GRANTED  # nothing of it changed
    house.serve(ANN)
    assert house.answer(ANN, house.ask(ANN, PUSH), agrees=True) == State.GRANTED


@pytest.mark.parametrize(
    ("purpose", "reason"), [("no.such", "purpose_unknown"), (SERVICE, "not_consent_based")]
)
def test_only_what_rests_on_consent_is_asked(house: PeopleHouse, purpose: str, reason: str) -> None:
    refused(house, reason, house.ask, ANN, purpose)
    refused(house, reason, house.withdraw, ANN, purpose)


def test_a_no_is_respected_for_its_time(house: PeopleHouse) -> None:
    house.refuse(ANN, PUSH)
    house.later(days=179)
    refused(house, "asked_too_soon", house.ask, ANN, PUSH)
    house.ask(ANN, SHARE)  # another purpose
    house.ask(ANN, PUSH, by_person=True)  # they came by themselves
    house.later(days=1)
    refused(house, "asked_too_soon", house.ask, ANN, PUSH)  # counted from the last time
    house.later(days=179)
    house.answer(ANN, house.ask(ANN, PUSH), agrees=True)
    assert house.withdraw(ANN, PUSH) == State.WITHDRAWN
    refused(house, "asked_too_soon", house.ask, ANN, PUSH)
    house.publish(
        changed_purpose(example_notice(), PUSH, fields=["account", "phone", "email", "order"])
    )
    house.serve(ANN)
    refused(house, "asked_too_soon", house.ask, ANN, PUSH)  # a new version is no excuse


def test_withdrawing_is_one_step_and_always_works(house: PeopleHouse) -> None:
    house.agree(ANN, PUSH)
    granted = house.people.standing.place(ANN, PUSH)
    assert house.withdraw(ANN, PUSH) == State.WITHDRAWN
    assert events(house)[0]["granted"] == str(granted)
    before = len(house.store.entries)
    assert house.withdraw(ANN, PUSH) == State.WITHDRAWN  # said twice, written once
    assert len(house.store.entries) == before
    assert house.withdraw(99, SHARE) == State.REFUSED  # before anybody asked
    refused(house, "notice_not_served", house.ask, 99, SHARE)
    house.serve(99)
    refused(house, "asked_too_soon", house.ask, 99, SHARE)


def test_a_purpose_that_is_gone_can_still_be_withdrawn(house: PeopleHouse) -> None:
    house.agree(ANN, PUSH)
    notice = example_notice()
    left = {name: one for name, one in notice.purposes.items() if name != PUSH}
    house.publish(type(notice)(**{**{f: getattr(notice, f) for f in notice.__struct_fields__},
                                  "purposes": left}))  # fmt: skip
    assert house.withdraw(ANN, PUSH) == State.WITHDRAWN


def test_under_14_a_guardian_answers(house: PeopleHouse) -> None:
    ledger = house.people.ledger
    ledger.declare_age(CHILD, "child", ACTOR, house.now_ms)
    refused(house, "guardian_missing", house.ask, CHILD, PUSH)
    ledger.link_guardian(CHILD, MUM, "paper-7", ACTOR, house.now_ms)
    ask = house.ask(CHILD, PUSH)
    refused(house, "guardian_missing", house.answer, CHILD, ask, agrees=True)
    refused(house, "guardian_missing", house.answer, CHILD, ask, agrees=True, guardian=BEN)
    assert house.answer(CHILD, ask, agrees=True, guardian=MUM) == State.GRANTED
    assert events(house)[0]["guardian"] == f"{MUM:016x}"
    ask = house.ask(CHILD, SHARE)
    assert house.answer(CHILD, ask, agrees=False) == State.REFUSED  # a no needs nobody's leave
    grown = house.ask(ANN, SHARE)
    refused(house, "guardian_missing", house.answer, ANN, grown, agrees=True, guardian=MUM)


def test_consents_may_end_by_themselves(house: PeopleHouse) -> None:
    house.agree(ANN, PERSONAL)
    assert events(house)[0]["until_ms"] == house.now_ms + 365 * 86_400_000


def test_the_state_is_a_fold_of_events(house: PeopleHouse) -> None:
    house.agree(ANN, PUSH)
    house.refuse(ANN, SHARE)
    house.agree(BEN, BANK)
    house.withdraw(BEN, BANK)
    told = {person: list(house.people.standing.told_of(person)) for person in (ANN, BEN, 99)}
    assert [row[:2] for row in told[ANN]] == [(PUSH, State.GRANTED), (SHARE, State.REFUSED)]
    assert [row[:2] for row in told[BEN]] == [(BANK, State.WITHDRAWN)]
    house.reopen()
    again = {person: list(house.people.standing.told_of(person)) for person in (ANN, BEN, 99)}
    assert again == told


def test_columns_grow_with_the_persons(house: PeopleHouse) -> None:
    for person in range(1000, 1600):
        house.people.ledger.withdraw(person, PUSH, f"a-{person}", ACTOR, house.now_ms)
    standing = house.people.standing
    assert {standing.state(person, PUSH) for person in range(1000, 1600)} == {State.REFUSED}
    assert standing.state(ANN, PUSH) == State.NONE


def test_after_a_restore_consents_wait_for_the_withdrawals_that_are_missing(
    house: PeopleHouse,
) -> None:
    house.agree(ANN, PUSH)
    house.agree(BEN, PUSH)
    house.people.ledger.note_restored(house.now_ms)
    assert house.why(ANN, PUSH) == house.why(BEN, PUSH) == "consent_unconfirmed"
    house.agree(CHILD, PUSH)  # given after it
    assert house.why(CHILD, PUSH) == ""
    house.people.ledger.settle([(BEN, PUSH)], "read from the mails", ACTOR, house.now_ms)
    assert (house.why(ANN, PUSH), house.why(BEN, PUSH)) == ("", "consent_withdrawn")
    house.reopen()
    assert (house.why(ANN, PUSH), house.why(BEN, PUSH)) == ("", "consent_withdrawn")


def test_a_reply_names_its_question_and_action() -> None:
    assert Reply("q", "a", True) == ("q", "a", True, "self", 0)
