"""The process itself: is it there, can it take orders, what it counts, how to call it.

Health, readiness, the documents and the problem types are open to everybody; metrics ask for a key.
"""

from tidegate.access.roles import FIGURES_READ
from tidegate.http.calls import AnyAnswer, Call, Doors, Route, Text, json_answer
from tidegate.http.errors import NOT_FOUND, Problem, described
from tidegate.http.metrics import DoorCollector, exposition
from tidegate.http.schemas import Health, Readiness, ShopReadiness

UNAVAILABLE = 503
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


async def health(call: Call) -> AnyAnswer:
    """The process answers."""
    return json_answer(Health("ok", call.doors.version))


async def ready(call: Call) -> AnyAnswer:
    """Whether every shop takes orders, and how far views lag; 503 when not."""
    shops = [shop_readiness(call.doors, name) for name in sorted(call.doors.shops)]
    is_ready = all(shop.ready for shop in shops)
    return json_answer(Readiness(is_ready, shops), 200 if is_ready else UNAVAILABLE)


def shop_readiness(doors: Doors, name: str) -> ShopReadiness:
    """One shop."""
    shop = doors.shops[name]
    status, followed = shop.desk.status(), shop.views.followed_seq()
    return ShopReadiness(
        shop=name,
        ready=status.ready,
        why=status.why,
        seq=status.seq,
        epoch=status.epoch,
        inbox=status.inbox,
        views_seq=followed,
        views_lag_entries=max(0, status.seq - followed),
    )


async def metrics(call: Call) -> AnyAnswer:
    """Everything that is counted, for Prometheus."""
    doors = call.doors
    collector = DoorCollector(
        doors.counters,
        lambda: {
            name: (shop.desk.status(), shop.views.followed_seq())
            for name, shop in doors.shops.items()
        },
    )
    return Text(METRICS_TYPE, exposition(collector))


async def openapi(call: Call) -> AnyAnswer:
    """This API as an OpenAPI document."""
    from tidegate.http.openapi import document_bytes

    return Text("application/json", document_bytes(call.doors.version))


async def problem(call: Call) -> AnyAnswer:
    """What a problem type means."""
    found = described(call.path["name"], call.language)
    if found is None:
        raise Problem(NOT_FOUND, "no such problem type", "没有此问题类型")
    return json_answer(found)


ROUTES = (
    Route("GET", "/health", "health", "The process answers", health, answer=Health),
    Route(
        "GET", "/ready", "ready", "Whether shops take orders, and how far views lag", ready,
        answer=Readiness, description="503, with the same body, while a shop does not.",
    ),
    Route(
        "GET", "/metrics", "metrics", "Counts and gauges for Prometheus", metrics, FIGURES_READ,
        media_type="text/plain",
    ),
    Route("GET", "/openapi.json", "openapi", "This document", openapi),
    Route("GET", "/problems/{name}", "problem", "What a problem type means", problem),
)  # fmt: skip
