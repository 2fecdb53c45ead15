"""Consents: ask, answer, withdraw, show, receipts; and the gate's one question.

One request is about one purpose of one person; there is no way to answer two questions at once.
"""

import secrets

from tidegate.access.roles import CONSENT_WRITE, PRIVACY
from tidegate.http import people_schemas as p
from tidegate.http.calls import AnyAnswer, Call, Route, json_answer
from tidegate.http.errors import NOT_FOUND, Problem
from tidegate.http.ids import check_id, check_note
from tidegate.http.languages import CHINESE
from tidegate.http.people_calls import beside, people_of, person_of
from tidegate.people.consent.ledger import Reply
from tidegate.people.consent.showing import receipt_of, switches
from tidegate.people.consent.standing import NOBODY, Age
from tidegate.people.gate_port import Allow
from tidegate.people.refusals import GATE_WORDS, GateReason

ASK_BYTES = 16


async def ask(call: Call) -> AnyAnswer:
    """Put a question on record before it is shown."""
    body: p.Ask = call.body
    check_id(body.screen.id, "screen.id")
    person = await person_of(call, body.person)
    ask_id = secrets.token_hex(ASK_BYTES)
    place = await beside(
        people_of(call).people.ledger.ask, person, body.purpose, body.screen, ask_id,
        call.principal.person_token, call.doors.clock.now_ms(), by_person=body.by_person,
    )  # fmt: skip
    return json_answer(p.AskRecorded(ask_id, str(place)), 201)


async def answer(call: Call) -> AnyAnswer:
    """Put an answer on record."""
    body: p.AnswerGiven = call.body
    check_id(body.action, "action")
    check_id(body.ask, "ask")
    person = await person_of(call, body.person)
    if body.guardian is None:
        reply = Reply(body.ask, body.action, body.agrees)
    else:
        guardian = await person_of(call, body.guardian)
        reply = Reply(body.ask, body.action, body.agrees, "guardian", guardian)
    state, place = await beside(
        people_of(call).people.ledger.answer, person, reply, call.principal.person_token,
        call.doors.clock.now_ms(),
    )  # fmt: skip
    return json_answer(p.ChoiceRecorded(state.name.lower(), str(place)))


async def withdraw(call: Call) -> AnyAnswer:
    """Put a no on record."""
    body: p.Withdraw = call.body
    check_id(body.action, "action")
    person = await person_of(call, body.person)
    state, place = await beside(
        people_of(call).people.ledger.withdraw, person, body.purpose, body.action,
        call.principal.person_token, call.doors.clock.now_ms(),
    )  # fmt: skip
    return json_answer(p.ChoiceRecorded(state.name.lower(), str(place)))


async def show_choices(call: Call) -> AnyAnswer:
    """Every switch of a person."""
    body: p.OfPerson = call.body
    person = await person_of(call, body.person)
    people = people_of(call).people
    now_ms = call.doors.clock.now_ms()
    found = [p.ConsentSwitch(*one) for one in switches(people, person, body.language, now_ms)]
    row, standing = people.standing.row_of(person), people.standing
    is_known = row != NOBODY
    age = Age(int(standing.age[row])) if is_known else Age.UNKNOWN
    refused = bool(is_known and standing.profiling_refused[row])
    return json_answer(p.ChoicesShown(found, refused, age.name.lower()))


async def receipt(call: Call) -> AnyAnswer:
    """The receipt of one purpose."""
    body: p.Receipt = call.body
    person = await person_of(call, body.person)
    doors = people_of(call)
    try:
        made = await beside(
            receipt_of, doors.people, doors.proofs, call.shop.name, person, body.purpose,
            body.language,
        )  # fmt: skip
    except LookupError:
        raise Problem(
            NOT_FOUND, "this person said nothing about that purpose", "此人未就该目的作出选择"
        ) from None
    return json_answer(made)


async def choose_profiling(call: Call) -> AnyAnswer:
    """The switch "not personalised"."""
    body: p.Profiling = call.body
    person = await person_of(call, body.person)
    place = await beside(
        people_of(call).people.ledger.choose_profiling, person, call.principal.person_token,
        call.doors.clock.now_ms(), refused=body.refused,
    )  # fmt: skip
    return json_answer(p.Noted(str(place)))


async def declare_age(call: Call) -> AnyAnswer:
    """What became known of a person's age."""
    body: p.AgeDeclared = call.body
    person = await person_of(call, body.person)
    place = await beside(
        people_of(call).people.ledger.declare_age, person, body.age, call.principal.person_token,
        call.doors.clock.now_ms(),
    )  # fmt: skip
    return json_answer(p.Noted(str(place)))


async def link_guardian(call: Call) -> AnyAnswer:
    """Who answers for a child."""
    body: p.GuardianLinked = call.body
    check_id(body.evidence, "evidence")
    person = await person_of(call, body.person)
    guardian = await person_of(call, body.guardian)
    place = await beside(
        people_of(call).people.ledger.link_guardian, person, guardian, body.evidence,
        call.principal.person_token, call.doors.clock.now_ms(),
    )  # fmt: skip
    return json_answer(p.Noted(str(place)))


async def may(call: Call) -> AnyAnswer:
    """The gate's answer now."""
    body: p.MayAsked = call.body
    person = await person_of(call, body.person)
    found = people_of(call).people.gate.may(
        person, body.purpose, frozenset(body.fields), body.recipient, body.channel,
        call.doors.clock.now_ms(),
    )  # fmt: skip
    if isinstance(found, Allow):
        return json_answer(p.MayAnswered(True, found.evidence))
    words = GATE_WORDS[GateReason[found.reason.upper()]]
    said = words.chinese if call.language == CHINESE else words.english
    return json_answer(p.MayAnswered(False, "", found.reason, found.article, said))


async def settle(call: Call) -> AnyAnswer:
    """After a restore: every no that is missing in the copy."""
    body: p.Settle = call.body
    check_note(body.reason, "reason")
    said_no = [(await person_of(call, one.person), one.purpose) for one in body.said_no]
    place = await beside(
        people_of(call).people.ledger.settle, said_no, body.reason, call.principal.person_token,
        call.doors.clock.now_ms(),
    )  # fmt: skip
    return json_answer(p.Noted(str(place)))


_PEOPLE = "/v1/shops/{shop}/people"
_CONSENTS = f"{_PEOPLE}/consents"

ROUTES = (
    Route(
        "POST", f"{_CONSENTS}:ask", "ask_consent", "Ask a person about one purpose", ask,
        CONSENT_WRITE, body=p.Ask, answer=p.AskRecorded, status=201,
        description="Refused where the screen bundles, ticks beforehand, makes refusing harder or "
        "makes a service depend on it, and where the person said no not long ago.",
    ),
    Route(
        "POST", f"{_CONSENTS}:answer", "answer_consent", "A person's answer to one question",
        answer, CONSENT_WRITE, body=p.AnswerGiven, answer=p.ChoiceRecorded,
        description="An answer counts once, and so does the action behind it.",
    ),
    Route(
        "POST", f"{_CONSENTS}:withdraw", "withdraw_consent", "Take consent back, in one step",
        withdraw, CONSENT_WRITE, body=p.Withdraw, answer=p.ChoiceRecorded,
        description="Also a no before anybody asked. Said twice, it is written once.",
    ),
    Route(
        "POST", f"{_CONSENTS}:show", "show_choices", "A person's own choices, each a switch",
        show_choices, CONSENT_WRITE, body=p.OfPerson, answer=p.ChoicesShown,
    ),
    Route(
        "POST", f"{_CONSENTS}:receipt", "consent_receipt",
        "The receipt of one purpose, in the form of ISO/IEC TS 27560, with proofs", receipt,
        CONSENT_WRITE, body=p.Receipt, answer=dict,
    ),
    Route(
        "POST", f"{_PEOPLE}/profiling", "choose_profiling", "The switch: not personalised",
        choose_profiling, CONSENT_WRITE, body=p.Profiling, answer=p.Noted,
    ),
    Route(
        "POST", f"{_PEOPLE}/ages", "declare_age", "What became known of a person's age",
        declare_age, CONSENT_WRITE, body=p.AgeDeclared, answer=p.Noted,
    ),
    Route(
        "POST", f"{_PEOPLE}/guardians", "link_guardian", "Who answers for a child", link_guardian,
        PRIVACY, body=p.GuardianLinked, answer=p.Noted, people_only=True,
    ),
    Route(
        "POST", f"{_PEOPLE}/may", "may", "Whether the gate lets something through now", may,
        CONSENT_WRITE, body=p.MayAsked, answer=p.MayAnswered,
        description="An answer holds for its moment only. Nothing is recorded by asking.",
    ),
    Route(
        "POST", f"{_CONSENTS}:settle", "settle_consents",
        "After a restore: every no that the copy lacks", settle, PRIVACY, body=p.Settle,
        answer=p.Noted, people_only=True,
        description="Consents of a restored copy open nothing until somebody vouches for this.",
    ),
)  # fmt: skip
