"""The OpenAPI document is valid, and the server does what it says, for whatever is sent.

The generated requests come from the document alone. Ordinary runs send a few for each route, long
runs many.
"""

import json
import os
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tidegate.http.calls import Route
from tidegate.http.openapi import document
from tidegate.http.routes import ROUTES

House = Any  # conftest.py has the class

LONG = os.environ.get("TIDEGATE_LONG") == "1"
EXAMPLES = 400 if LONG else 15
CHECKS = [
    not_a_server_error, content_type_conformance, response_schema_conformance,
    status_code_conformance,
]  # fmt: skip
# One answer never ends; the other would stop the shop for good (test_breaker has its own shop).
LEFT_OUT = ["events", "alarm_events", "stop_shop"]
DOCUMENT = document()
NAMED = {"shop": "own", "channel": "web"}  # so that not every try ends at "no such shop"


@schemathesis.serializer("application/x-ndjson")
def lines(_: schemathesis.SerializationContext, value: object) -> bytes:
    """A body of lines is generated as text, and as what is none."""
    text = value if isinstance(value, str) else json.dumps(value)
    return text.encode("utf-8", "replace")


schema = schemathesis.openapi.from_dict(DOCUMENT).exclude(operation_id=LEFT_OUT)


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
    derandomize=not LONG,
)
def test_whatever_the_document_allows_gets_an_answer_that_it_names(
    house: House, case: schemathesis.Case
) -> None:
    headers = {"Authorization": f"Bearer {house.keys['boss']}"}
    for name in case.path_parameters or {}:
        case.path_parameters[name] = NAMED.get(name, case.path_parameters[name])
    case.call_and_validate(
        base_url=f"http://127.0.0.1:{house.port}", headers=headers, checks=CHECKS
    )


def test_after_all_that_the_server_still_takes_orders(house: House) -> None:
    shop = "/v1/shops/own/resume"
    house.done("POST", shop, {"id": house.new_id(), "scope": "shop"})
    assert house.place(house.order(house.new_sku())).status_code in {201, 409}
    assert house.ask("GET", "/ready", key=None).status_code == 200


@pytest.mark.parametrize("route", ROUTES, ids=[route.name for route in ROUTES])
def test_every_route_names_its_problems_in_one_shape(route: Route) -> None:
    operation = DOCUMENT["paths"][route.path][route.method.lower()]
    assert operation["operationId"] == route.name
    for status, response in operation["responses"].items():
        if int(status) >= 400 and (route.name, status) != ("ready", "503"):
            content = response["content"]["application/problem+json"]
            assert content == {"schema": {"$ref": "#/components/schemas/Problem"}}
    assert ("401" in operation["responses"]) == bool(route.scope or route.signed)
    assert ("413" in operation["responses"]) == (route.body is not None)


def test_every_field_of_every_body_has_a_bound() -> None:
    """No string without a length, no number without a range, no list without a size."""
    unbounded = []
    for name, found in DOCUMENT["components"]["schemas"].items():
        if name not in {route.body.__name__ for route in ROUTES if route.body}:
            continue
        for field, schema_ in found["properties"].items():
            unbounded += [f"{name}.{field}: {what}" for what in missing_bounds(schema_)]
    assert unbounded == []


def missing_bounds(found: dict[str, Any]) -> list[str]:
    """What a JSON Schema leaves open, through its alternatives."""
    if "anyOf" in found:
        return [what for one in found["anyOf"] for what in missing_bounds(one)]
    kind = found.get("type")
    if kind == "string" and not ({"maxLength", "enum", "format"} & set(found)):
        return ["no length"]
    if kind == "integer" and not {"minimum", "maximum"} <= set(found):
        return ["no range"]
    if kind == "array":
        return (["no size"] if "maxItems" not in found else []) + missing_bounds(found["items"])
    if kind == "object" and "additionalProperties" in found:
        return ["no size"] if "maxProperties" not in found else []
    return []
