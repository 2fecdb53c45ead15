"""Requests about one's own data, and what a shop must be able to show.

Each step is the privacy officer's, a person; each is on record. A document with a person's data is
the answer to one request and is kept nowhere.
"""

from collections.abc import Callable

import msgspec

from tidegate.access.roles import PRIVACY
from tidegate.http import person_schemas as s
from tidegate.http.calls import AnyAnswer, Call, Handler, Route, json_answer
from tidegate.http.errors import NOT_FOUND, UNPROCESSABLE, Problem
from tidegate.http.people_calls import beside
from tidegate.http.person_doors import person_token, shown
from tidegate.http.routes.people_vault import actor_of, doors_of, values_of
from tidegate.people.duties.store import KINDS, Filed
from tidegate.people.rights.desk import OPEN_STATES
from tidegate.people.rights.store import Request
from tidegate.people.rights.terms import date_text

_SHOP = "/v1/shops/{shop}"
_STATES = ("received", "identified", "done", "refused", "withdrawn")
VERSION_DIGITS_MAX = 6


async def open_request(call: Call) -> AnyAnswer:
    """Take a request in."""
    body: s.RequestOpened = call.body
    rights, person = doors_of(call).rights, person_token(body.person)
    request = await beside(
        lambda: rights.open(
            actor_of(call), person, body.kind, asked_by=body.asked_by, text=body.text,
            request_id=body.id,
        )
    )  # fmt: skip
    return json_answer(shown(request), 201)


async def list_requests(call: Call) -> AnyAnswer:
    """Requests by state, the most urgent first."""
    state = call.query.get("state", "open")
    if state not in ("open", *_STATES):
        raise Problem(UNPROCESSABLE, f"state: open or one of {', '.join(_STATES)}")
    states = OPEN_STATES if state == "open" else (state,)
    requests = doors_of(call).requests
    found = await beside(lambda: requests.in_state(*states))
    return json_answer({"items": [shown(one) for one in found]})


async def get_request(call: Call) -> AnyAnswer:
    """One request."""
    rights = doors_of(call).rights
    return json_answer(shown(await beside(lambda: rights.get(call.path["right"]))))


async def show(call: Call) -> AnyAnswer:
    """The person's data, for them: access, copy, move."""
    rights = doors_of(call).rights
    return json_answer(await beside(lambda: rights.show(actor_of(call), call.path["right"])))


def _step(work: Callable[[Call], Request]) -> Handler:
    """A handler that moves a request."""

    async def handler(call: Call) -> AnyAnswer:
        return json_answer(shown(await beside(lambda: work(call))))

    return handler


def _identify(call: Call) -> Request:
    body: s.Proof = call.body
    rights = doors_of(call).rights
    return rights.identify(actor_of(call), call.path["right"], body.way, body.proof)


def _send_code(call: Call) -> Request:
    body: s.CodeWanted = call.body
    rights = doors_of(call).rights
    return rights.send_code(actor_of(call), call.path["right"], body.channel)


def _refuse(call: Call) -> Request:
    body: s.Refused = call.body
    rights = doors_of(call).rights
    return rights.refuse(actor_of(call), call.path["right"], body.ground, body.reason)


def _withdraw(call: Call) -> Request:
    return doors_of(call).rights.withdraw(actor_of(call), call.path["right"])


def _restrict(call: Call) -> Request:
    return doors_of(call).rights.restrict(actor_of(call), call.path["right"])


def _correct(call: Call) -> Request:
    body: s.Corrected = call.body
    rights = doors_of(call).rights
    return rights.correct(actor_of(call), call.path["right"], values_of(body.values))


def _answer(call: Call) -> Request:
    body: s.Answered = call.body
    return doors_of(call).rights.answer(actor_of(call), call.path["right"], body.text)


def _delete(call: Call) -> Request:
    body: s.Deleted = call.body
    return doors_of(call).rights.delete(actor_of(call), call.path["right"], body.told)


# -- duties ----------------------------------------------------------------------------------------


async def file_document(call: Call) -> AnyAnswer:
    """File a new version."""
    body: s.DocumentPut = call.body
    kind = KINDS.get(call.path["kind"])
    if kind is None:
        raise Problem(NOT_FOUND, f"there are {', '.join(KINDS)}")
    try:
        document = msgspec.convert(body.document, kind)
    except msgspec.ValidationError as error:
        raise Problem(UNPROCESSABLE, f"document: {error}") from error
    duties = doors_of(call).duties
    filed = await beside(lambda: duties.file(actor_of(call), body.name, document))
    return json_answer(_document(filed), 201)


async def approve_document(call: Call) -> AnyAnswer:
    """Stand behind it as a second person."""
    version = call.path["version"]
    if not version.isdigit() or len(version) > VERSION_DIGITS_MAX:
        raise Problem(NOT_FOUND, "a version is a number", "版本须为数字")
    duties = doors_of(call).duties
    filed = await beside(
        lambda: duties.approve(actor_of(call), call.path["kind"], call.path["name"], int(version))
    )
    return json_answer(_document(filed))


async def list_documents(call: Call) -> AnyAnswer:
    """Every document."""
    duties = doors_of(call).duties
    found = await beside(duties.all)
    missing = await beside(duties.missing)
    return json_answer(s.DocumentPage([_document(one) for one in found], missing))


async def inspection(call: Call) -> AnyAnswer:
    """Everything that an inspection asks for, on one page."""
    return json_answer(await beside(doors_of(call).inspection))


def _document(filed: Filed) -> s.DocumentShown:
    return s.DocumentShown(
        filed.kind, filed.name, filed.version, filed.sha256, bool(filed.approved_ms),
        date_text(filed.valid_until_day), date_text(filed.keep_until_day),
    )  # fmt: skip


def _move(path: str, name: str, summary: str, work: Handler, body: type | None) -> Route:
    return Route(
        "POST", f"{_SHOP}/rights/{{right}}/{path}", name, summary, work, PRIVACY, body=body,
        answer=s.RequestShown, people_only=True,
    )  # fmt: skip


ROUTES = (
    Route(
        "POST", f"{_SHOP}/rights", "open_request", "Take in a request about one's own data",
        open_request, PRIVACY, body=s.RequestOpened, answer=s.RequestShown, status=201,
        people_only=True,
    ),
    Route(
        "GET", f"{_SHOP}/rights", "list_requests", "Requests, the most urgent first",
        list_requests, PRIVACY, answer=s.RequestPage, people_only=True,
        query={"state": "open (default), received, identified, done, refused or withdrawn"},
    ),
    Route(
        "GET", f"{_SHOP}/rights/{{right}}", "get_request", "One request", get_request, PRIVACY,
        answer=s.RequestShown, people_only=True,
    ),
    Route(
        "POST", f"{_SHOP}/rights/{{right}}/show", "show_data",
        "The person's own data, for access, copy and move", show, PRIVACY, answer=dict,
        people_only=True,
    ),
    _move("identify", "identify_request", "Show who asks", _step(_identify), s.Proof),
    _move("code", "send_code", "Send the person a one-time code", _step(_send_code), s.CodeWanted),
    _move("refuse", "refuse_request", "Refuse with a ground", _step(_refuse), s.Refused),
    _move("withdraw", "withdraw_request", "The person takes it back", _step(_withdraw), None),
    _move("restrict", "restrict_person", "Only keep, or lift that", _step(_restrict), None),
    _move("correct", "correct_data", "Put right what is wrong", _step(_correct), s.Corrected),
    _move("answer", "answer_request", "Explain, answer a complaint", _step(_answer), s.Answered),
    _move("delete", "delete_person", "Erase everywhere; a certificate", _step(_delete), s.Deleted),
    Route(
        "POST", f"{_SHOP}/duties/{{kind}}", "file_document",
        "File an assessment, a breach or a paper", file_document, PRIVACY, body=s.DocumentPut,
        answer=s.DocumentShown, status=201, people_only=True,
    ),
    Route(
        "POST", f"{_SHOP}/duties/{{kind}}/{{name}}/{{version}}/approve", "approve_document",
        "Approve it as a second person", approve_document, PRIVACY, answer=s.DocumentShown,
        people_only=True,
    ),
    Route(
        "GET", f"{_SHOP}/duties", "list_documents", "Every document of the shop's duties",
        list_documents, PRIVACY, answer=s.DocumentPage, people_only=True,
    ),
    Route(
        "GET", f"{_SHOP}/inspection", "inspection", "Everything that an inspection asks for",
        inspection, PRIVACY, answer=dict, people_only=True,
    ),
)  # fmt: skip
