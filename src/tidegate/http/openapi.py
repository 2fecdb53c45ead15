"""The OpenAPI document, made from the route table and the bodies' own bounds.

Lists every route, the order path included, with every problem that it can answer. Never written by
hand: a route that is served is in it, and a test drives the server from it.
"""

from functools import lru_cache
from typing import Any

import msgspec

from tidegate import __version__
from tidegate.domain.reasons import REASON_TEXTS, Reason
from tidegate.http import errors as e
from tidegate.http.calls import Route
from tidegate.http.routes import ROUTES

PROBLEM = "Problem"
SIGNED_HEADERS = {
    "X-Tidegate-Time": "UTC milliseconds",
    "X-Tidegate-Nonce": "8 to 64 letters and digits, each once",
    "X-Tidegate-Signature": "v1= and the hex HMAC-SHA256 over time, nonce, method, path, body",
}
_REF = "#/components/schemas/"

_DESCRIPTION = (
    "Orders are decided exactly once: the same id gets the same answer. Money is integer fen, "
    "times are UTC milliseconds or RFC 3339. Errors are RFC 9457 problem documents in English or "
    "Chinese (Accept-Language). On 503 repeat the same id after Retry-After seconds."
)


def document(version: str = __version__) -> dict[str, Any]:
    """The whole document."""
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Tidegate", "version": version, "description": _DESCRIPTION},
        "paths": paths,
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


@lru_cache(maxsize=2)
def document_bytes(version: str) -> bytes:
    """The document as JSON."""
    return msgspec.json.encode(document(version))


def _types() -> list[type]:
    used = {kind for route in ROUTES for kind in (route.body, route.answer) if kind is not None}
    return sorted(used, key=lambda kind: kind.__name__)


def _schemas() -> dict[str, Any]:
    _, components = msgspec.json.schema_components(_types(), ref_template=_REF + "{name}")
    return {**components, PROBLEM: _problem_schema()}


def _problem_schema() -> dict[str, Any]:
    number = {"type": "integer"}
    return {
        "type": "object",
        "title": PROBLEM,
        "description": "RFC 9457, with the reason and the figures that it goes by.",
        "required": [
            "type", "title", "status", "detail", "reason", "reason_number", "retry_with_new_id",
        ],
        "properties": {
            "type": {"type": "string", "format": "uri-reference", "enum": _problem_types()},
            "title": {"type": "string"},
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "detail": {"type": "string"},
            "reason": {"type": "string"},
            "reason_number": number,
            "retry_with_new_id": {"type": "boolean"},
            "retry_after_s": number,
            "id": {"type": "string"},
            "seq": number,
            "position": number,
            "duplicate": {"type": "boolean"},
            "rule": {"type": "string"},
            "window": {"type": "string"},
            "basis": {"type": "string"},
            "limit": number,
            "has": number,
            "asked": number,
        },
    }  # fmt: skip


def _problem_types() -> list[str]:
    reasons = [text.name for reason, text in REASON_TEXTS.items() if reason != Reason.ACCEPTED]
    return [e.PROBLEM_TYPE + name for name in [*reasons, *(kind.name for kind in e.KINDS)]]


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "tags": [_tag(route)],
        "parameters": _parameters(route),
        "responses": _responses(route),
    }
    if route.description:
        operation["description"] = route.description
    if route.scope:
        operation["security"] = [{"key": []}]
        operation["x-scope"] = route.scope
    if route.body is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {route.takes: {"schema": _body_schema(route)}},
        }
    return operation


def _tag(route: Route) -> str:
    parts = [part for part in route.path.split("/") if part and "{" not in part]
    return parts[-1].split(":")[0] if route.path.startswith("/v1") and parts else "service"


def _body_schema(route: Route) -> dict[str, Any]:
    assert route.body is not None, "only for routes with a body"
    if route.takes == "application/json":
        return {"$ref": _REF + route.body.__name__}
    return {"type": "string", "description": f"{route.body.__name__}, one JSON object a line"}


def _parameters(route: Route) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for part in route.path.split("/"):
        if part.startswith("{"):
            schema = {"type": "string", "minLength": 1, "maxLength": 64}
            found.append({"name": part[1:-1], "in": "path", "required": True, "schema": schema})
    for name, meaning in route.query.items():
        found.append(
            {"name": name, "in": "query", "description": meaning, "schema": {"type": "string"}}
        )
    if route.signed:
        found += [
            {"name": name, "in": "header", "description": meaning, "schema": {"type": "string"}}
            for name, meaning in SIGNED_HEADERS.items()
        ]
    if route.body is not None and any(
        field.name == "id" for field in msgspec.structs.fields(route.body)
    ):
        found.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "description": "Equals the id in the body; stands for it where that is optional",
                "schema": {"type": "string", "maxLength": 64},
            }
        )
    return found


def _responses(route: Route) -> dict[str, Any]:
    found = {str(route.status): _success(route, route.summary)}
    if route.status == 201:
        found["200"] = _success(route, "A repeat: the same answer as before")
    for kind in _problems_of(route):
        if kind.status == e.BUSY.status and route.name == "ready":
            found[str(kind.status)] = _success(route, "Not every shop takes orders")
            continue
        words = kind.english if str(kind.status) not in found else _also(found, kind)
        found[str(kind.status)] = _problem_response(words, kind.status)
    return found


def _also(found: dict[str, Any], kind: e.Kind) -> str:
    return f"{found[str(kind.status)]['description']}; or {kind.english}"


def _success(route: Route, description: str) -> dict[str, Any]:
    if route.answer is not None and route.media_type == "application/json":
        schema: dict[str, Any] = {"$ref": _REF + route.answer.__name__}
    else:
        schema = (
            {"type": "object"} if route.media_type == "application/json" else {"type": "string"}
        )
    return {"description": description, "content": {route.media_type: {"schema": schema}}}


def _problem_response(description: str, status: int) -> dict[str, Any]:
    response: dict[str, Any] = {
        "description": description,
        "content": {"application/problem+json": {"schema": {"$ref": _REF + PROBLEM}}},
    }
    if status in {e.BUSY.status, e.RATE_LIMITED.status}:
        response["headers"] = {"Retry-After": {"schema": {"type": "integer"}}}
    return response


def _problems_of(route: Route) -> list[e.Kind]:
    """Every problem that a route may answer, parser and framework included."""
    found = [
        e.MALFORMED,
        e.REQUEST_TIMEOUT,
        e.URL_TOO_LONG,
        e.HEADERS_TOO_LARGE,
        e.INTERNAL,
        e.BUSY,
    ]
    if "{" in route.path:
        found += [e.NOT_FOUND, e.UNPROCESSABLE]
    if route.scope:
        found += [e.NOT_AUTHENTICATED, e.NOT_PERMITTED]
    if route.signed:
        found.append(e.NOT_SIGNED)
    if route.body is not None:
        found += [e.BODY_TOO_LARGE, e.UNSUPPORTED_MEDIA_TYPE, e.UNPROCESSABLE, _REFUSAL]
        if route.name in {"place_order", "record_sale"}:
            found.append(e.RATE_LIMITED)
    return sorted(set(found), key=lambda kind: kind.status)


_REFUSAL = e.Kind("refused", 0, e.REFUSED, True, "refused, with its reason and figures", "")
