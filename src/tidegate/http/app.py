"""The application behind the server: every route of the table, on Litestar.

Whatever goes wrong leaves as a problem document: in a handler, in the framework, or because there
is no such route. Builds nothing itself; `application` gets the doors and gives an ASGI application.
"""

import time
from collections.abc import Callable
from typing import Any

import structlog
from litestar import Litestar, Request, Response
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler
from litestar.response import Stream

from tidegate.http.bodies import too_large
from tidegate.http.calls import (
    AnyAnswer,
    Call,
    Doors,
    Route,
    Sent,
    Streamed,
    Text,
    answer_call,
    new_call,
)
from tidegate.http.errors import (
    JSON_MEDIA_TYPE,
    PROBLEM_MEDIA_TYPE,
    Answer,
    Problem,
    kind_for_status,
    problem_answer,
)
from tidegate.http.faults import as_problem
from tidegate.http.languages import language_of
from tidegate.http.order_headers import order_headers
from tidegate.http.routes import ROUTES
from tidegate.http.wire import ERROR_STATUS

AnyRequest = Request[Any, Any, Any]

NO_ROUTE = "none"
QUIET = frozenset(("place_order", "record_sale", "health", "ready", "metrics"))

_log = structlog.get_logger("tidegate.http")


def application(doors: Doors) -> Litestar:
    """The ASGI application of these doors."""
    return Litestar(
        route_handlers=[_handler(route, doors) for route in ROUTES],
        exception_handlers={HTTPException: _refuse(doors), Exception: _refuse(doors)},
        openapi_config=None,
        logging_config=None,
        request_max_body_size=None,  # each route has its own bound
        debug=False,
    )


def _handler(route: Route, doors: Doors) -> HTTPRouteHandler:
    async def handle(request: AnyRequest) -> Response[Any]:
        started_s = time.monotonic()
        call: Call | None = None
        try:
            call = _call(request, route, doors)
            answer = await answer_call(call)
        except HTTPException as refused:  # the framework's own: a body cut short, for instance
            answer = _problem(Problem(kind_for_status(refused.status_code)), request)
        except Exception as error:  # noqa: BLE001  a caller always gets an answer
            answer = _problem(as_problem(error), request)
        doors.counters.request(route.name, answer.status)
        if route.name not in QUIET:
            _note(route, call, answer.status, time.monotonic() - started_s)
        return _response(answer)

    handle.__name__ = route.name
    return HTTPRouteHandler(
        path=route.path.replace("}", ":str}"),
        http_method=route.method,  # type: ignore[arg-type]
        name=route.name,
        status_code=route.status,
        media_type=route.media_type,
    )(handle)


def _call(request: AnyRequest, route: Route, doors: Doors) -> Call:
    headers = order_headers(request.scope["headers"])
    given = request.headers.get("content-length", "")

    async def read_body(limit_bytes: int) -> bytes:
        parts, total = [], 0
        async for piece in request.stream():
            total += len(piece)
            if total > limit_bytes:
                raise too_large(limit_bytes)
            parts.append(piece)
        return b"".join(parts)

    call = new_call(
        doors,
        route,
        headers,
        request.path_params,
        dict(request.query_params.items()),
        read_body,
        request.stream(),
        int(given) if given.isdigit() else 0,
        request.headers.get("last-event-id", ""),
    )
    if route.signed:
        path, query = request.scope.get("raw_path", b""), request.scope["query_string"]
        target = (path + b"?" + query if query else path).decode("latin-1")
        call.sent = Sent(request.method, target, tuple(request.scope["headers"]))
    return call


def _note(route: Route, call: Call | None, status: int, took_s: float) -> None:
    """One line in the log. The route's name and the key's, never a path, a body or a person."""
    caller = call.caller if call is not None else None
    _log.info(
        "request",
        route=route.name,
        shop=call.place.name if call is not None and call.place is not None else "",
        key=caller.key_id if caller is not None else "",
        status=status,
        ms=round(took_s * 1000, 1),
    )


def _response(answer: AnyAnswer) -> Response[Any]:
    if isinstance(answer, Streamed):
        return Stream(answer.pieces, status_code=answer.status, media_type=answer.media_type)
    if isinstance(answer, Text):
        return Response(answer.body, status_code=answer.status, media_type=answer.media_type)
    media_type = PROBLEM_MEDIA_TYPE if answer.status >= ERROR_STATUS else JSON_MEDIA_TYPE
    return Response(
        answer.body,
        status_code=answer.status,
        media_type=media_type.decode(),
        headers={name.decode(): value.decode() for name, value in answer.headers},
    )


def _problem(problem: Problem, request: AnyRequest) -> Answer:
    language = language_of(request.headers.get("accept-language", "").encode("latin-1", "replace"))
    return problem_answer(problem, language)


def _refuse(doors: Doors) -> Callable[[AnyRequest, Exception], Response[Any]]:
    """What the framework refuses before any handler: no such path, not with this method."""

    def refuse(request: AnyRequest, error: Exception) -> Response[Any]:
        if isinstance(error, HTTPException):
            problem = Problem(kind_for_status(error.status_code))
        else:
            problem = as_problem(error)
        answer = _problem(problem, request)
        doors.counters.request(NO_ROUTE, answer.status)
        response = _response(answer)
        allowed = (getattr(error, "headers", None) or {}).get("allow")
        if allowed:
            response.headers["allow"] = allowed
        return response

    return refuse
