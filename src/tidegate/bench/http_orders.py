"""One priced order per HTTP request against the real server, beside the bare echo of its server.

64 connections, every order with an id of its own and by a buyer never seen before, so that each
costs the identity table a new row; every answer is durable. Anything but 2xx fails the round.
"""

import time

from tidegate.bench import echo
from tidegate.bench.bench_shop import terms_for
from tidegate.bench.figures import HIGHER, LOWER, Context, Round
from tidegate.bench.foreign import ForeignCpu
from tidegate.bench.http_load import CONNECTIONS, load, order_script
from tidegate.bench.served_shop import HOST, NAME, ServedShop
from tidegate.testing.shop import channel_code, promotion_code, sku_code
from tidegate.testing.workload import HOT_PRICE_FEN, HOT_PROMOTION

ORDERS_MAX = 20_000_000  # stock and budget for the fastest machine
WARM_UP_S = 1.0
FIRST_ANSWER_S = 180.0  # the kernel may have to be compiled


def run(context: Context) -> Round:
    """One round: the bare echo, then the orders."""
    result = Round()
    context.progress(0.0, f"bare echo on {echo.PRODUCT_SERVER}")
    bare = echo.measure(echo.PRODUCT_SERVER, context.folder, context.seconds)
    context.progress(0.3, "starting the server")
    with ServedShop(context.folder, terms_for(ORDERS_MAX, context.seed)) as shop:
        shop.start()
        shop.place_until_accepted("first", FIRST_ANSWER_S)
        url = f"http://{HOST}:{shop.port}/"
        context.progress(0.5, "orders, one a request")
        load(url, script(shop), context.folder, WARM_UP_S)
        with ForeignCpu() as cpu:
            seen = load(url, script(shop), context.folder, context.seconds)
        shop.require_running()
    if seen.failed or not seen.requests:
        raise RuntimeError(f"{seen.failed} orders were not accepted, {seen.requests} answered")
    if cpu.result is not None:
        result.foreign["http.order"] = cpu.result.foreign
    result.add("http.order.orders_per_s", seen.requests_per_s, "1/s", HIGHER)
    result.add("http.order.p50_ms", seen.p50_ms, "ms", LOWER)
    result.add("http.order.p99_ms", seen.p99_ms, "ms", LOWER)
    result.add("http.order.max_ms", seen.max_ms, "ms", LOWER)
    result.add("http.order.connections", CONNECTIONS, "")
    result.add("http.order.echo_per_s", bare.requests_per_s, "1/s", HIGHER)
    return result


def script(shop: ServedShop) -> str:
    """The script of wrk for one unit of the hot SKU an order."""
    line = {
        "sku": sku_code(0),
        "quantity": 1,
        "receivable_fen": HOT_PRICE_FEN,
        "promotion": promotion_code(HOT_PROMOTION),
    }
    order: dict[str, object] = {
        "channel": channel_code(0),
        "paid": True,
        "charged_fen": HOT_PRICE_FEN,
        "pricing_version": shop.pricing_version,
        "verified": ["account"],
        "lines": [line],
    }
    now_ms = time.time_ns() // 1_000_000
    return order_script(f"/v1/shops/{NAME}/orders", shop.key, order, now_ms)
