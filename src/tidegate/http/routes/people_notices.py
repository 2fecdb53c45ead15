"""Notices: check, publish, read by anybody, and show to a person on record.

What is in force may be read without a key: the rules of processing are public (PIPL 17).
"""

from tidegate.access.roles import CONSENT_WRITE, PRIVACY
from tidegate.http import people_schemas as p
from tidegate.http.calls import AnyAnswer, Call, Route, Text, json_answer
from tidegate.http.errors import NOT_FOUND, UNPROCESSABLE, Problem
from tidegate.http.ids import check_note
from tidegate.http.people_calls import beside, people_of, person_of
from tidegate.people.notices.compare import asked_again, material_changes
from tidegate.people.notices.document import Language
from tidegate.people.notices.render import Form
from tidegate.people.notices.shelf import Published

MEDIA_TYPES: dict[str, str] = {
    "plain": "text/plain; charset=utf-8",
    "html": "text/html; charset=utf-8",
}


async def check_notice(call: Call) -> AnyAnswer:
    """What would come of publishing."""
    body: p.NoticePut = call.body
    notices = people_of(call).people.notices
    changed: dict[str, list[str]] = {}
    if body.document.notice in notices.names():
        before = notices.in_force(body.document.notice).notice
        found = asked_again(material_changes(before, body.document), frozenset(body.same_meaning))
        changed = {name: list(what) for name, what in found.items()}
    gaps = [p.GapShown(*gap) for gap in notices.gaps(body.document)]
    return json_answer(p.NoticeChecked(body.document.sha256, gaps, changed))


async def put_notice(call: Call) -> AnyAnswer:
    """Put a version in force."""
    body: p.NoticePut = call.body
    if body.document.notice != call.path["notice"]:
        raise Problem(
            UNPROCESSABLE, "document.notice: as in the path", "document.notice：与路径一致"
        )
    for reason in body.same_meaning.values():
        check_note(reason, "same_meaning")
    people = people_of(call).people
    actor, now_ms = call.principal.person_token, call.doors.clock.now_ms()
    published = await beside(
        people.notices.publish, people.stream, body.document, actor, now_ms, body.same_meaning
    )
    return json_answer(shown(published))


async def list_notices(call: Call) -> AnyAnswer:
    """Every notice in force."""
    notices = people_of(call).people.notices
    return json_answer(p.NoticesShown([shown(notices.in_force(one)) for one in notices.names()]))


async def read_notice(call: Call) -> AnyAnswer:
    """A notice as people read, save and print it."""
    notices = people_of(call).people.notices
    versions = notices.versions(call.path["notice"]) if (
        call.path["notice"] in notices.names()
    ) else []  # fmt: skip
    wanted = call.query.get("version", str(len(versions)))
    if not (wanted.isascii() and wanted.isdigit() and 1 <= int(wanted) <= len(versions)):
        raise Problem(NOT_FOUND, "there is no such notice or version", "没有该告知或版本")
    language: Language = call.language
    form: Form = "html" if call.query.get("form") == "html" else "plain"
    text = notices.rendered(versions[int(wanted) - 1], language, form)
    return Text(MEDIA_TYPES[form], text.encode())


async def serve_notice(call: Call) -> AnyAnswer:
    """Show the notice to a person, on record."""
    body: p.Serve = call.body
    people = people_of(call).people
    person = await person_of(call, body.person)
    served = await beside(
        people.notices.serve, people.stream, person, call.path["notice"], body.language,
        body.form, body.screen, call.doors.clock.now_ms(),
    )  # fmt: skip
    return json_answer(p.Served(served.text, served.sha256, served.version, str(served.place)))


def shown(published: Published) -> p.NoticeShown:
    """A version as it is told."""
    return p.NoticeShown(
        notice=published.notice.notice,
        version=published.version,
        sha256=published.sha256,
        entry=str(published.place),
        published_at=published.at_ms,
        asked_again={name: list(what) for name, what in published.asked_again.items()},
        purposes=list(published.notice.purposes),
    )


_NOTICES = "/v1/shops/{shop}/people/notices"
_NOTICE = f"{_NOTICES}/{{notice}}"

ROUTES = (
    Route(
        "POST", f"{_NOTICES}:check", "check_notice", "What a notice lacks, and whom it asks again",
        check_notice, PRIVACY, body=p.NoticePut, answer=p.NoticeChecked,
        description="Changes nothing.",
    ),
    Route(
        "PUT", _NOTICE, "put_notice", "Put a version of a notice in force", put_notice, PRIVACY,
        body=p.NoticePut, answer=p.NoticeShown, people_only=True,
        description="The same version again changes nothing. Purposes with a material change are "
        "closed at the gate until each person is asked again.",
    ),
    Route(
        "GET", _NOTICES, "list_notices", "The notices in force", list_notices,
        answer=p.NoticesShown,
    ),
    Route(
        "GET", _NOTICE, "read_notice", "A notice to read, save and print", read_notice,
        media_type="text/plain",
        query={"version": "An older version; the one in force where it is left out",
               "form": "`html` for a page to print; plain text else"},
        description="In the language of `Accept-Language`: Chinese or English.",
    ),
    Route(
        "POST", f"{_NOTICE}/serve", "serve_notice", "Show a notice to a person, on record",
        serve_notice, CONSENT_WRITE, body=p.Serve, answer=p.Served,
        description="The text comes back only after its showing is durable, with its hash.",
    ),
)  # fmt: skip
