"""The process itself: is it there, can it take orders, what it counts, how to call it.

Health, readiness, the documents and the problem types are open to everybody; metrics ask for a key.
"""

import asyncio

import msgspec

from tidegate.access.roles import FIGURES_READ
from tidegate.http.calls import AnyAnswer, Call, Doors, Route, ShopDoors, Text, json_answer
from tidegate.http.errors import NOT_FOUND, Problem, described
from tidegate.http.metrics import DoorCollector, exposition
from tidegate.http.status_schemas import Health, Readiness, ShopReadiness

READY = 200
UNAVAILABLE = 503
METRICS_TYPE = "text/plain; version=0.0.4"


async def health(call: Call) -> AnyAnswer:
    """The process answers."""
    return json_answer(Health("ok", call.doors.version))


async def ready(call: Call) -> AnyAnswer:
    """Whether every shop takes orders, and how far views lag; 503 when not."""
    followed = await followed_seqs(call.doors)
    shops = [shop_readiness(call.doors.shops[name], followed[name]) for name in sorted(followed)]
    is_ready = all(shop.ready for shop in shops)
    # Not a problem document: whoever asks wants to know of every shop, ready or not.
    body = msgspec.json.encode(Readiness(is_ready, shops))
    return Text("application/json", body, READY if is_ready else UNAVAILABLE)


async def followed_seqs(doors: Doors) -> dict[str, int]:
    """How far each shop's views have come; read beside the loop."""
    return {
        name: await asyncio.to_thread(shop.views.followed_seq) for name, shop in doors.shops.items()
    }


def shop_readiness(shop: ShopDoors, followed: int) -> ShopReadiness:
    """One shop."""
    status = shop.desk.status()
    return ShopReadiness(
        shop=shop.name,
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
    doors, followed = call.doors, await followed_seqs(call.doors)
    statuses = {name: (shop.desk.status(), followed[name]) for name, shop in doors.shops.items()}
    return Text(METRICS_TYPE, exposition(DoorCollector(doors.counters, statuses)))


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
