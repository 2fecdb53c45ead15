"""The process itself: is it there, can it take orders, what it counts, how to call it.

Health, readiness, the documents and the problem types are open to everybody; metrics ask for a key.
"""

import asyncio

import msgspec

from tidegate.access.roles import FIGURES_READ
from tidegate.channels.status import ShopFigures
from tidegate.http.calls import AnyAnswer, Call, Doors, Route, ShopDoors, Text, json_answer
from tidegate.http.channel_metrics import ChannelCollector
from tidegate.http.errors import NOT_FOUND, Problem, described
from tidegate.http.metrics import AlertCollector, DoorCollector, WatchCollector, exposition
from tidegate.http.status_schemas import Health, Readiness, ShopReadiness
from tidegate.watch.alerts.shown import AlertStatus
from tidegate.watch.heartbeat import Beat
from tidegate.watch.watch_file import WatchUnavailable

READY = 200
UNAVAILABLE = 503
METRICS_TYPE = "text/plain; version=0.0.4"


async def health(call: Call) -> AnyAnswer:
    """The process answers."""
    return json_answer(Health("ok", call.doors.version))


async def ready(call: Call) -> AnyAnswer:
    """Whether every shop takes orders, and how far views lag; 503 when not."""
    followed = await followed_seqs(call.doors)
    beats = await heard_beats(call.doors)
    alerts = await alert_statuses(call.doors)
    channels = await channel_figures(call.doors)
    now_s = call.doors.clock.monotonic_s()
    shops = [
        shop_readiness(call.doors.shops[name], followed[name], beats[name], now_s, alerts[name])
        for name in sorted(followed)
    ]
    # Orders are taken all the same: a channel that is silent makes no shop unready.
    shops = [
        msgspec.structs.replace(one, channel_faults=channels[one.shop].faults)
        if one.shop in channels
        else one
        for one in shops
    ]
    is_ready = all(shop.ready for shop in shops)
    # Not a problem document: whoever asks wants to know of every shop, ready or not.
    body = msgspec.json.encode(Readiness(is_ready, shops))
    return Text("application/json", body, READY if is_ready else UNAVAILABLE)


async def followed_seqs(doors: Doors) -> dict[str, int]:
    """How far each shop's views have come; read beside the loop."""
    return {
        name: await asyncio.to_thread(shop.views.followed_seq) for name, shop in doors.shops.items()
    }


async def heard_beats(doors: Doors) -> dict[str, Beat | None]:
    """What each shop's watch last said of itself; read beside the loop."""
    return {name: await asyncio.to_thread(shop.beat) for name, shop in doors.shops.items()}


async def channel_figures(doors: Doors) -> dict[str, ShopFigures]:
    """What is counted of each shop's channels; read beside the loop."""
    return {
        name: await shop.channels.figures(doors.clock.now_ms())
        for name, shop in doors.shops.items()
        if shop.channels is not None
    }


async def alert_statuses(doors: Doors) -> dict[str, AlertStatus]:
    """How telling people goes in each shop; read beside the loop."""
    found = {}
    for name, shop in doors.shops.items():
        try:
            told = await asyncio.to_thread(shop.alarms.status) if shop.alarms else AlertStatus()
        except WatchUnavailable as error:
            told = AlertStatus(fault=str(error))
        found[name] = told
    return found


def shop_readiness(
    shop: ShopDoors, followed: int, beat: Beat | None, now_s: float, alerts: AlertStatus
) -> ShopReadiness:
    """One shop."""
    status = shop.desk.status()
    heard = beat or Beat(0, now_s)
    return ShopReadiness(
        shop=shop.name,
        ready=status.ready,
        why=status.why,
        seq=status.seq,
        epoch=status.epoch,
        inbox=status.inbox,
        views_seq=followed,
        views_lag_entries=max(0, status.seq - followed),
        watch_seq=heard.seq,
        watch_lag_entries=heard.lag_entries,
        watch_lag_ms=heard.lag_ms,
        watch_silent_ms=-1 if beat is None else round(max(0.0, now_s - beat.monotonic_s) * 1000),
        breaker_open=heard.switches,
        watch_windows=heard.windows,
        alarms_open=alerts.open,
        alarms_unacknowledged=alerts.unacknowledged,
        alerts_undelivered=alerts.undelivered + alerts.given_up,
        alerts_fault=alerts.why,
    )


async def metrics(call: Call) -> AnyAnswer:
    """Everything that is counted, for Prometheus."""
    doors, followed = call.doors, await followed_seqs(call.doors)
    statuses = {name: (shop.desk.status(), followed[name]) for name, shop in doors.shops.items()}
    beats, now_s = await heard_beats(doors), doors.clock.monotonic_s()
    watches = WatchCollector({name: beat for name, beat in beats.items() if beat}, now_s)
    told = AlertCollector(await alert_statuses(doors), doors.clock.now_ms())
    channels = ChannelCollector(await channel_figures(doors))
    counted = DoorCollector(doors.counters, statuses)
    return Text(METRICS_TYPE, exposition(counted, watches, told, channels))


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
