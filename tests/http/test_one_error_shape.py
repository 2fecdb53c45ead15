"""Every error of every route has one shape, whoever found it: parser, framework, door or desk.

Always goes through the route table, so a route that is added is tested.
"""

from typing import Any

import pytest

from tidegate.http.calls import Route
from tidegate.http.errors import KINDS, Kind
from tidegate.http.routes import ROUTES

House = Any  # conftest.py has the class

NAMES = {"shop": "own", "channel": "web", "id": "X-1", "code": "X-1", "name": "busy",
         "proposal": "0" * 32, "alarm": "x", "person": "a" * 16, "right": "none",
         "kind": "paper", "version": "1", "notice": "none", "template": "none", "number": "0",
         "announcement": "x"}  # fmt: skip
OTHER_METHODS = {"GET": "DELETE", "POST": "PATCH", "PUT": "PATCH"}


def path_of(route: Route, **changes: str) -> str:
    return route.path.format(**(NAMES | changes))


def key_for(route: Route) -> str | None:
    if not route.scope:
        return None
    return {"place_order": "web", "place_orders": "web"}.get(route.name, "boss")


EVERY = [pytest.param(route, id=route.name) for route in ROUTES]
WITH_SCOPE = [pytest.param(route, id=route.name) for route in ROUTES if route.scope]
KEYED = [route for route in ROUTES if not route.signed]  # test_channel_doors has the signed one
WITH_BODY = [pytest.param(route, id=route.name) for route in KEYED if route.body is not None]
WITH_SHOP = [pytest.param(route, id=route.name) for route in KEYED if "{shop}" in route.path]


@pytest.mark.parametrize("route", EVERY)
def test_another_method_is_405_and_says_which_are_allowed(house: House, route: Route) -> None:
    answer = house.ask(OTHER_METHODS[route.method], path_of(route), key=key_for(route))
    house.assert_problem(answer, 405, "method_not_allowed")
    assert route.method in answer.headers["allow"]


@pytest.mark.parametrize("route", WITH_SCOPE)
@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Basic dTpw", "Bearer tg_wrong"])
def test_no_valid_key_is_401(house: House, route: Route, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    answer = house.ask(route.method, path_of(route), {}, key=None, headers=headers)
    house.assert_problem(answer, 401, "not_authenticated")
    assert answer.headers["www-authenticate"] == 'Bearer realm="tidegate"'


@pytest.mark.parametrize("route", WITH_SHOP)
def test_a_shop_that_is_not_there_is_404_for_who_may_see_all(house: House, route: Route) -> None:
    path = path_of(route, shop="nowhere")
    answer = house.ask(route.method, path, {}, key="boss")
    house.assert_problem(answer, 404, "not_found")


@pytest.mark.parametrize("route", WITH_BODY)
def test_a_body_that_is_no_json_is_400_or_answered_by_line(house: House, route: Route) -> None:
    if route.takes != "application/json":
        headers = {"Content-Type": route.takes}
        answer = house.ask(
            route.method, path_of(route), key="boss", content=b"{\n", headers=headers
        )
        assert answer.status_code == 200
        house.assert_document(answer.json(), 400, "malformed")
        return
    answer = house.ask(route.method, path_of(route), key="boss", content=b"{")
    house.assert_problem(answer, 400, "malformed")


@pytest.mark.parametrize("route", WITH_BODY)
def test_another_media_type_is_415(house: House, route: Route) -> None:
    headers = {"Content-Type": "text/csv"}
    answer = house.ask(route.method, path_of(route), key="boss", content=b"{}", headers=headers)
    house.assert_problem(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize("route", WITH_BODY)
def test_a_body_over_the_bound_is_413(house: House, route: Route) -> None:
    content = b" " * (route.body_bytes_max + 1)
    answer = house.ask(
        route.method, path_of(route), key="boss", content=content,
        headers={"Content-Type": route.takes},
    )  # fmt: skip
    problem = house.assert_problem(answer, 413, "body_too_large")
    assert problem["limit_bytes"] == route.body_bytes_max


@pytest.mark.parametrize("route", [p for p in WITH_BODY if p.values[0].takes == "application/json"])
def test_an_unknown_field_is_422(house: House, route: Route) -> None:
    answer = house.ask(route.method, path_of(route), {"no_such_field": 1}, key="boss")
    house.assert_problem(answer, 422, "unprocessable")


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/shops/own/nothing", "/v2/x", "/%00", "/a//b"])
def test_a_path_that_is_not_there_is_404(house: House, path: str) -> None:
    house.assert_problem(house.ask("GET", path), 404, "not_found")


def test_a_problem_in_chinese_has_the_same_shape(house: House) -> None:
    headers = {"Accept-Language": "zh"}
    answer = house.ask("GET", "/v1/nothing", key=None, headers=headers)
    assert house.assert_problem(answer, 404, "not_found")["title"] == "未找到"


@pytest.mark.parametrize("kind", KINDS, ids=[kind.name for kind in KINDS])
def test_a_problem_type_says_what_it_means(house: House, kind: Kind) -> None:
    answer = house.ask("GET", f"/problems/{kind.name}", key=None)
    assert answer.status_code == 200
    assert answer.json() == {
        "type": f"/problems/{kind.name}",
        "title": kind.english,
        "status": kind.status,
        "reason": kind.name,
        "reason_number": kind.number,
        "retry_with_new_id": kind.retry_with_new_id,
    }


def test_numbers_of_problems_are_permanent_and_unlike_reasons() -> None:
    numbers = [kind.number for kind in KINDS]
    assert numbers == list(range(1001, 1001 + len(KINDS)))
    assert len({kind.name for kind in KINDS}) == len(KINDS)


def test_every_answer_carries_the_security_headers(house: House) -> None:
    order = house.order(house.new_sku())
    for answer in (house.place(order), house.place(order), house.ask("GET", "/health"),
                   house.ask("GET", "/nothing")):  # fmt: skip
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert "server" not in answer.headers
