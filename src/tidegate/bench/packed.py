"""Decisions a second through the packed door, asked from another process over a Unix socket.

This process only sends rows that are ready and reads answers; desk, engine and journal run in the
server's process. A few frames are in flight at a time. Any status but "decided" fails the round.
"""

import time

import numpy as np

from tidegate.bench.bench_shop import terms_for
from tidegate.bench.figures import HIGHER, LOWER, Context, Round
from tidegate.bench.foreign import ForeignCpu
from tidegate.bench.probe import quantile
from tidegate.bench.served_shop import ServedShop
from tidegate.packed import wire
from tidegate.packed.client import PackedClient
from tidegate.record.lines import DUPLICATE
from tidegate.testing.workload import Rows, hot

ORDERS_PER_S = 1_500_000  # orders made for each second asked for
FRAME_ROWS = 8_192
FRAMES_IN_FLIGHT = 4
FIRST_ANSWER_S = 180.0  # the kernel may have to be compiled


def run(context: Context) -> Round:
    """One round."""
    result = Round()
    orders = int(ORDERS_PER_S * context.seconds)
    context.progress(0.0, "starting the server")
    with ServedShop(context.folder, terms_for(orders, context.seed)) as shop:
        shop.start()
        shop.place_until_accepted("first", FIRST_ANSWER_S)
        context.progress(0.3, "making orders")
        start_ms = time.time_ns() // 1_000_000 - 10_000
        made = hot(orders, context.seed, start_ms=start_ms)
        client = PackedClient(shop.store.packed_socket, shop.hello)
        warm_up = hot(FRAME_ROWS, context.seed + 1, start_ms=start_ms)
        client.ask(shop.quoted(warm_up.rows))
        client.read()
        context.progress(0.5, f"{orders:,} orders")
        with ForeignCpu() as cpu:
            _measure(client, shop.quoted(made.rows), result)
        client.close()
    if cpu.result is not None:
        result.foreign["packed.hot"] = cpu.result.foreign
    return result


def _measure(client: PackedClient, rows: Rows, result: Round) -> None:
    frames = [rows[first : first + FRAME_ROWS] for first in range(0, len(rows), FRAME_ROWS)]
    sent_s: list[float] = []
    took_s: list[float] = []
    outcomes = []
    started_s = time.perf_counter()
    for frame in frames:
        if len(sent_s) - len(took_s) >= FRAMES_IN_FLIGHT:
            outcomes.append(_read(client, sent_s, took_s))
        sent_s.append(time.perf_counter())
        client.ask(frame)
    while len(took_s) < len(sent_s):
        outcomes.append(_read(client, sent_s, took_s))
    seconds = time.perf_counter() - started_s
    every = np.concatenate(outcomes)
    fresh = (every["flags"] & DUPLICATE) == 0
    took_s.sort()
    result.add("packed.hot.decisions_per_s", len(every) / seconds, "1/s", HIGHER)
    result.add("packed.hot.frame_orders", FRAME_ROWS, "orders")
    result.add("packed.hot.frames_in_flight", FRAMES_IN_FLIGHT, "frames")
    result.add("packed.hot.frame_p99_ms", quantile(took_s, 0.99) * 1e3, "ms", LOWER)
    accepted = int((fresh & (every["reason"] == 0)).sum())
    result.add("packed.hot.accepted_share", accepted / len(every), "share")
    result.add("packed.hot.duplicate_share", 1 - int(fresh.sum()) / len(every), "share")


def _read(client: PackedClient, sent_s: list[float], took_s: list[float]) -> Rows:
    answer = client.read()
    if answer.status != wire.DECIDED:
        raise RuntimeError(f"the packed door answered {answer.status}: {answer.text}")
    took_s.append(time.perf_counter() - sent_s[len(took_s)])
    return answer.outcomes
