"""Messages to persons: templates, one message, a push, what is unknown.

Nothing goes past the gate, here or when it is sent; nobody's address is asked for or told.
"""

import numpy as np

from tidegate.access.roles import CONSENT_WRITE, MESSAGES_WRITE, PRIVACY
from tidegate.http import people_schemas as p
from tidegate.http.calls import AnyAnswer, Call, Route, json_answer
from tidegate.http.errors import NOT_FOUND, UNPROCESSABLE, Problem
from tidegate.http.ids import check_id
from tidegate.http.people_calls import beside, people_of, person_of
from tidegate.people.messages.outbox import STATES, UNKNOWN, Row
from tidegate.people.messages.port import Wanted
from tidegate.people.messages.templates import PutTemplate
from tidegate.people.stream import token_text


async def put_template(call: Call) -> AnyAnswer:
    """Put a version of a template on record."""
    body: p.TemplatePut = call.body
    if body.document.template != call.path["template"]:
        raise Problem(
            UNPROCESSABLE, "document.template: as in the path", "document.template：与路径一致"
        )
    people = people_of(call).people
    put = await beside(
        people.templates.put, people.stream, body.document, call.principal.person_token,
        call.doors.clock.now_ms(),
    )  # fmt: skip
    return json_answer(template_shown(put))


async def list_templates(call: Call) -> AnyAnswer:
    """Every template."""
    templates = people_of(call).people.templates
    return json_answer(
        p.TemplatesShown([template_shown(templates.newest(one)) for one in templates.names()])
    )


async def send_message(call: Call) -> AnyAnswer:
    """Queue one message."""
    body: p.MessageWanted = call.body
    person = await person_of(call, body.person)
    wanted = Wanted(body.id, person, body.template, body.channel, body.language, body.values)
    row = await beside(_known, call, wanted)
    return json_answer(message_shown(row), 202)


def _known(call: Call, wanted: Wanted) -> Row:
    try:
        return people_of(call).port.send(wanted, call.principal.person_token)
    except LookupError:
        raise no_template() from None


async def push(call: Call) -> AnyAnswer:
    """One marketing message to everybody who agreed."""
    body: p.PushWanted = call.body
    doors = people_of(call)
    try:
        purpose = doors.people.templates.newest(body.template).template.purpose
    except LookupError:
        raise no_template() from None
    persons = await beside(doors.people.standing.granted, purpose)
    wanted = Wanted(body.id, 0, body.template, body.channel, body.language, body.values)
    tally = await beside(doors.port.push, body.id, wanted, persons, call.principal.person_token)
    decided = dict(sorted(tally.items()))
    return json_answer(p.PushDecided(body.id, int(np.size(persons)), decided), 202)


async def list_messages(call: Call) -> AnyAnswer:
    """Messages in one state."""
    state = call.query.get("state", UNKNOWN)
    if state not in STATES:
        raise Problem(UNPROCESSABLE, f"state: one of {', '.join(STATES)}")
    outbox = people_of(call).port.outbox
    rows = await beside(outbox.in_state, state)
    counts = await beside(outbox.counts)
    return json_answer(p.MessagesShown(counts, [message_shown(row) for row in rows]))


async def resolve_message(call: Call) -> AnyAnswer:
    """A person says what became of it."""
    body: p.Resolve = call.body
    number = call.path["number"]
    port = people_of(call).port
    try:
        row = await beside(
            port.resolve, int(number) if number.isascii() and number.isdigit() else 0,
            body.resolution, call.principal.person_token,
        )  # fmt: skip
    except LookupError as error:
        raise Problem(NOT_FOUND, str(error), "没有状态未知的此消息") from None
    return json_answer(message_shown(row))


async def unsubscribe(call: Call) -> AnyAnswer:
    """Whoever got a message wants no more."""
    body: p.Unsubscribe = call.body
    check_id(body.message, "message")
    try:
        row = await beside(
            people_of(call).port.unsubscribe, body.message, call.principal.person_token
        )
    except LookupError as error:
        raise Problem(NOT_FOUND, str(error), "没有此营销消息") from None
    return json_answer(p.Unsubscribed(row.purpose))


def no_template() -> Problem:
    """The problem of a template that is not there."""
    return Problem(NOT_FOUND, "there is no such template", "没有此模板")


def template_shown(put: PutTemplate) -> p.TemplateShown:
    """A template as it is told."""
    return p.TemplateShown(put.version, put.sha256, put.template)


def message_shown(row: Row) -> p.PersonMessage:
    """A message as it is told."""
    return p.PersonMessage(
        number=row.id,
        id=row.key,
        person=token_text(row.person),
        template=row.template,
        version=row.version,
        channel=row.channel,
        state=row.state,
        reason=row.reason,
        queued_at=row.queued_ms,
        changed_at=row.changed_ms,
        attempts=row.attempts,
    )


_PEOPLE = "/v1/shops/{shop}/people"

ROUTES = (
    Route(
        "PUT", f"{_PEOPLE}/templates/{{template}}", "put_template",
        "Put a version of a message template on record", put_template, PRIVACY,
        body=p.TemplatePut, answer=p.TemplateShown, people_only=True,
        description="A transactional template that carries advertising is refused.",
    ),
    Route(
        "GET", f"{_PEOPLE}/templates", "list_templates", "The message templates", list_templates,
        MESSAGES_WRITE, answer=p.TemplatesShown,
    ),
    Route(
        "POST", f"{_PEOPLE}/messages", "send_message", "A message to one person, if it is lawful",
        send_message, MESSAGES_WRITE, body=p.MessageWanted, answer=p.PersonMessage, status=202,
        description="The gate is asked now and again when the message leaves.",
    ),
    Route(
        "POST", f"{_PEOPLE}/pushes", "push_message",
        "A marketing message to everybody who agreed to its purpose", push, MESSAGES_WRITE,
        body=p.PushWanted, answer=p.PushDecided, status=202, people_only=True,
        description="Each person is decided by the gate; the same id again goes on where it was.",
    ),
    Route(
        "POST", f"{_PEOPLE}/messages:unsubscribe", "unsubscribe",
        "Stop what a message was one of, for whoever got it", unsubscribe, CONSENT_WRITE,
        body=p.Unsubscribe, answer=p.Unsubscribed,
        description="For replies and links: they know the message, not the account.",
    ),
    Route(
        "GET", f"{_PEOPLE}/messages", "list_messages", "Messages and how they stand",
        list_messages, MESSAGES_WRITE, answer=p.MessagesShown,
        query={"state": "One state; `unknown` where it is left out"},
    ),
    Route(
        "POST", f"{_PEOPLE}/messages/{{number}}/resolve", "resolve_message",
        "Say what became of a message whose fate is unknown", resolve_message, MESSAGES_WRITE,
        body=p.Resolve, answer=p.PersonMessage, people_only=True,
    ),
)  # fmt: skip
