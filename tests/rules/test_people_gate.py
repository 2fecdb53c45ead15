"""The gate: a row for every reason in the order of its guards; many are answered as one is."""

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest

from tidegate.people.gate import Wish
from tidegate.people.gate_port import Allow, ClosedGate, Deny
from tidegate.people.local_minutes import LocalMinutes, is_between
from tidegate.people.notices.document import NOTHING, ChannelTerms
from tidegate.people.pack import load_pack
from tidegate.people.refusals import GateReason
from tidegate.testing.people_house import (
    ACTOR,
    BANK,
    NO_FIELDS,
    PERSONAL,
    PUSH,
    SERVICE,
    SHARE,
    TAX,
    ZONE,
    PeopleHouse,
    changed_purpose,
    example_notice,
    without_purpose,
)

ANN, MUM = 11, 14
Prepare = Callable[[PeopleHouse], None]
PHONE = frozenset(("phone",))


def published(house: PeopleHouse) -> None:
    house.publish(example_notice())


def agreed(*purposes: str) -> Prepare:
    def prepare(house: PeopleHouse) -> None:
        published(house)
        for purpose in purposes:
            house.agree(ANN, purpose)

    return prepare


def then(*steps: Prepare) -> Prepare:
    def prepare(house: PeopleHouse) -> None:
        for step in steps:
            step(house)

    return prepare


def aged(age: str) -> Prepare:
    return lambda house: house.people.ledger.declare_age(ANN, age, ACTOR, house.now_ms) and None


def no_profiles(house: PeopleHouse) -> None:
    house.people.ledger.choose_profiling(ANN, ACTOR, house.now_ms, refused=True)


def noted(kind: str) -> Prepare:
    return lambda house: house.note(kind, ANN)


def restored(house: PeopleHouse) -> None:
    house.people.ledger.note_restored(house.now_ms)


def at_night(house: PeopleHouse) -> None:
    house.later(hours=10)


def sent(times: int, channel: str = "sms") -> Prepare:
    def prepare(house: PeopleHouse) -> None:
        for _ in range(times):
            house.sent(ANN, channel)

    return prepare


def later(days: float) -> Prepare:
    return lambda house: house.later(days=days)


def changed(name: str, **changes: object) -> Prepare:
    return lambda house: house.publish(changed_purpose(example_notice(), name, **changes)) and None


def without(name: str) -> Prepare:
    return lambda house: house.publish(without_purpose(example_notice(), name)) and None


def withdrawn(house: PeopleHouse) -> None:
    house.withdraw(ANN, PUSH)


def refused(house: PeopleHouse) -> None:
    published(house)
    house.refuse(ANN, PUSH)


def child_with_guardian(house: PeopleHouse) -> None:
    published(house)
    house.people.ledger.declare_age(ANN, "child", ACTOR, house.now_ms)
    house.people.ledger.link_guardian(ANN, MUM, "paper-1", ACTOR, house.now_ms)
    house.agree(ANN, PUSH, guardian=MUM)
    house.agree(ANN, PERSONAL, guardian=MUM)


def terms(**changes: object) -> Prepare:
    """The channel's terms as a notice of before may have had them: no gap is looked for here."""

    def prepare(house: PeopleHouse) -> None:
        found = house.people.notices.purpose(PUSH)
        assert found is not None
        channels = found.published.notice.channels
        channels["sms"] = msgspec.structs.replace(channels["sms"], **changes)

    return prepare


def nothing(house: PeopleHouse) -> None:
    assert house.people


Question = dict[str, Any]
SMS: Question = {"fields": PHONE, "channel": "sms"}
R = GateReason
ROWS: list[tuple[GateReason, Prepare, str, Question]] = [
    (R.RULES_MISSING, nothing, PUSH, {}),
    (R.PURPOSE_UNKNOWN, published, "no.such", {}),
    (R.PURPOSE_UNKNOWN, then(agreed(PUSH), without(PUSH)), PUSH, {}),
    (R.FIELD_OUTSIDE_PURPOSE, agreed(PUSH), PUSH, {"fields": frozenset(("phone", "address"))}),
    (R.RECIPIENT_UNKNOWN, agreed(PUSH), PUSH, {"recipient": "partner"}),
    (R.RECIPIENT_UNKNOWN, published, SERVICE, {"recipient": "partner"}),
    (R.CHANNEL_UNKNOWN, agreed(PUSH), PUSH, {"channel": "pigeon"}),
    (R.CHANNEL_UNKNOWN, agreed(PERSONAL), PERSONAL, {"channel": "mail"}),
    (R.PERSON_UNKNOWN, then(agreed(PUSH), noted("person.forgotten")), PUSH, {}),
    (R.PERSON_UNKNOWN, then(agreed(PUSH), noted("person.forgotten")), SERVICE, {}),
    (R.PERSON_RESTRICTED, then(agreed(PUSH), noted("person.restricted")), PUSH, {}),
    (R.PERSON_RESTRICTED, then(published, noted("person.restricted")), SERVICE, {}),
    (R.ALLOWED, then(published, noted("person.restricted")), TAX, {}),
    (R.ALLOWED,
     then(published, noted("person.restricted"), noted("person.unrestricted")), SERVICE, {}),
    (R.CONSENT_MISSING, published, PUSH, SMS),
    (R.CONSENT_MISSING, agreed(SHARE), PUSH, SMS),
    (R.CONSENT_MISSING, then(agreed(PUSH), later(-1)), PUSH, SMS),
    (R.CONSENT_REFUSED, refused, PUSH, SMS),
    (R.CONSENT_WITHDRAWN, then(agreed(PUSH), withdrawn), PUSH, SMS),
    (R.CONSENT_EXPIRED, then(agreed(PERSONAL), later(365)), PERSONAL, SMS),
    (R.ALLOWED, then(agreed(PERSONAL), later(364)), PERSONAL, SMS),
    (R.CONSENT_UNCONFIRMED, then(agreed(PUSH), restored), PUSH, SMS),
    (R.NOTICE_CHANGED, then(agreed(PUSH), changed(PUSH, personalised=True)), PUSH, SMS),
    (R.ALLOWED, then(agreed(PUSH), changed(SHARE, personalised=True)), PUSH, SMS),
    (R.GUARDIAN_MISSING, then(agreed(PUSH), aged("child")), PUSH, SMS),
    (R.GUARDIAN_MISSING, then(published, aged("child")), SERVICE, {}),
    (R.ALLOWED, then(published, aged("child")), TAX, {}),
    (R.ALLOWED, child_with_guardian, PUSH, SMS),
    (R.ALLOWED, child_with_guardian, SERVICE, SMS),
    (R.QUIET_HOURS, then(agreed(PUSH), at_night), PUSH, SMS),
    (R.ALLOWED, then(agreed(PUSH), at_night), PUSH, {"fields": PHONE}),  # no message: a read
    (R.ALLOWED, then(published, at_night), SERVICE, SMS),  # about an order
    (R.FREQUENCY_EXCEEDED, then(agreed(PUSH), sent(2)), PUSH, SMS),
    (R.ALLOWED, then(agreed(PUSH), sent(1)), PUSH, SMS),
    (R.ALLOWED, then(agreed(PUSH), sent(2, "mail")), PUSH, SMS),
    (R.ALLOWED, then(agreed(PUSH), sent(2), later(7)), PUSH, SMS),
    (R.ALLOWED, then(published, sent(2)), SERVICE, SMS),
    (R.PROFILING_REFUSED, then(agreed(PERSONAL), no_profiles), PERSONAL, SMS),
    (R.PROFILING_REFUSED, then(agreed(PERSONAL), no_profiles), PERSONAL, {}),
    (R.ALLOWED, then(agreed(PUSH), no_profiles), PUSH, SMS),
    (R.SENDER_MISSING, then(agreed(PUSH), terms(sender=NOTHING)), PUSH, SMS),
    (R.SENDER_MISSING, then(agreed(PUSH), terms(contact=NOTHING)), PUSH, SMS),
    (R.UNSUBSCRIBE_MISSING, then(agreed(PUSH), terms(unsubscribe=NOTHING)), PUSH, SMS),
    (R.FREQUENCY_EXCEEDED, then(agreed(PUSH), terms(frequency=None)), PUSH, SMS),
    (R.AGE_UNSUITED, then(agreed(PERSONAL), aged("minor")), PERSONAL, SMS),
    (R.AGE_UNSUITED, child_with_guardian, PERSONAL, SMS),
    (R.ALLOWED, then(agreed(PERSONAL), aged("adult")), PERSONAL, SMS),
    (R.ALLOWED, then(agreed(PUSH), aged("minor")), PUSH, SMS),
    (R.ALLOWED, agreed(SHARE), SHARE, {"fields": PHONE, "recipient": "partner"}),
    (R.ALLOWED, published, SERVICE, {"fields": frozenset(("address",)), "recipient": "courier"}),
    # More than one thing wrong: the first in the documented order is told.
    (R.CONSENT_WITHDRAWN,
     then(agreed(PUSH), sent(2), withdrawn, changed(PUSH, personalised=True), at_night), PUSH, SMS),
    (R.NOTICE_CHANGED,
     then(agreed(PUSH), sent(2), changed(PUSH, personalised=True), at_night), PUSH, SMS),
    (R.QUIET_HOURS, then(agreed(PERSONAL), sent(2), no_profiles, at_night), PERSONAL, SMS),
    (R.FREQUENCY_EXCEEDED, then(agreed(PERSONAL), sent(2), no_profiles), PERSONAL, SMS),
    (R.PROFILING_REFUSED, then(agreed(PERSONAL), no_profiles, aged("minor")), PERSONAL, SMS),
]  # fmt: skip


def wish_of(house: PeopleHouse, purpose: str, question: Question) -> Wish:
    given = {"fields": NO_FIELDS, "recipient": "", "channel": ""} | question
    return Wish(purpose, at_ms=house.now_ms, **given)


@pytest.mark.parametrize(
    ("reason", "prepare", "purpose", "question"),
    ROWS,
    ids=[f"{number}-{row[0].word}" for number, row in enumerate(ROWS)],
)
def test_each_reason_in_its_order(
    reason: GateReason, prepare: Prepare, purpose: str, question: Question
) -> None:
    house = PeopleHouse()
    prepare(house)
    answer = house.may(ANN, purpose, **question)
    if reason:
        assert answer == Deny(reason.word, load_pack().reasons[reason.word])
    else:
        assert isinstance(answer, Allow), answer
        assert answer.evidence.startswith(f"{purpose}: PIPL 13(")
    wish = wish_of(house, purpose, question)
    persons = np.array([ANN, 99, ANN, 0], np.uint64)
    many = house.people.gate.may_many(wish, persons)
    assert [many.answer(number) for number in range(4)] == [
        house.people.gate.may(person, purpose, wish.fields, wish.recipient, wish.channel,
                              wish.at_ms)
        for person in persons.tolist()
    ]  # fmt: skip


def test_every_reason_has_its_row() -> None:
    missing = set(GateReason) - {row[0] for row in ROWS}
    assert missing == {R.NOTICE_NOT_SERVED}  # below: its notice is another


def test_sensitive_data_on_another_basis_is_told_of_first() -> None:
    why = example_notice().purposes[SERVICE].why
    notice = changed_purpose(example_notice(), BANK, basis="contract", why=why, judged_by="x")
    house = PeopleHouse(notice)
    assert house.why(ANN, BANK) == "notice_not_served"
    house.serve(ANN)
    assert house.why(ANN, BANK) == ""
    persons = np.array([ANN, 99], np.uint64)
    many = house.people.gate.may_many(wish_of(house, BANK, {}), persons)
    assert many.reasons.tolist() == [R.ALLOWED, R.NOTICE_NOT_SERVED]
    house.publish(changed_purpose(notice, BANK, fields=["bank_account", "name"]))
    assert house.why(ANN, BANK) == "notice_not_served"


def test_evidence_names_the_records() -> None:
    house = PeopleHouse(example_notice())
    house.agree(ANN, PUSH)
    answer = house.may(ANN, PUSH, PHONE, "", "sms")
    notice = example_notice()
    assert answer == Allow(
        f"{PUSH}: PIPL 13(1), consent 5.0, notice main@1 2.0 sha256:{notice.sha256},"
        " gate-cn@2026-11-24"
    )
    assert house.may(ANN, SERVICE) == Allow(
        f"{SERVICE}: PIPL 13(2), notice main@1 2.0 sha256:{notice.sha256}, gate-cn@2026-11-24"
    )


def test_a_no_between_the_decision_and_its_telling_counts() -> None:
    house = PeopleHouse(example_notice())
    house.agree(ANN, PUSH)
    wish = wish_of(house, PUSH, {})
    many = house.people.gate.may_many(wish, np.array([ANN], np.uint64))
    house.withdraw(ANN, PUSH)
    assert many.answer(0) == Deny("consent_withdrawn", load_pack().reasons["consent_withdrawn"])


def test_quiet_hours_are_the_shops() -> None:
    minutes = LocalMinutes(lambda: ZONE)
    midnight_utc_ms = 1_793_145_600_000
    assert [minutes(midnight_utc_ms + hour * 3_600_000) for hour in (0, 15, 16)] == [480, 1380, 0]
    assert is_between(1439, 1320, 480)
    assert is_between(479, 1320, 480)
    assert not is_between(480, 1320, 480)
    assert not is_between(600, 600, 600)


def test_a_channels_own_quiet_hours_come_on_top() -> None:
    house = PeopleHouse(example_notice())
    house.agree(ANN, PUSH)
    house.later(hours=9.5)  # 21:30: mail is quiet from 21:00, sms from 22:00
    assert house.why(ANN, PUSH, PHONE, "", "sms") == ""
    assert house.why(ANN, PUSH, PHONE, "", "mail") == "quiet_hours"
    assert ChannelTerms().quiet_from_minute is None


def test_the_closed_gate_allows_nothing() -> None:
    assert ClosedGate().may(ANN, SERVICE, NO_FIELDS, "", "", 0) == Deny(
        "rules_missing", "PIPL 5-7, 13"
    )
