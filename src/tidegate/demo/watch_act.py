"""The watch's act: two own shops and three marketplace shops whose every price is wrong at once.

Always holds: their costs are missing and nothing is limited, so that only the watch can stop them;
delays are measured from outside, by answers. A marketplace's count from the channel's event time.
Never here: the two shops of the night, whose price was announced to the watch.
"""

import http.client
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from tidegate.demo.answers import read_heard
from tidegate.demo.crowd import PRODUCTS
from tidegate.demo.server import HOST
from tidegate.demo.shop_api import CallRefused, ShopApi

PACED: Final = "watched"  # an own shop at the pace that was published
FAST: Final = "watched-fast"  # one at full speed
PUSHED: Final = "watched-pushed"  # a marketplace that tells at once
POLLED: Final = "watched-polled"  # one that is asked every five minutes
SILENT: Final = "watched-silent"  # one that tells no more
OWN_SHOPS: Final = (PACED, FAST)
SHOPS: Final = (*OWN_SHOPS, PUSHED, POLLED, SILENT)
CHANNEL: Final = "web"

PACE_PER_S: Final = 78.0
PACED_MAX: Final = 400
POLL_S: Final = 300
STOCK: Final = 10_000_000
LINES: Final = 2_000  # of one request
HISTORY_DAYS: Final = 20
HISTORY_PER_H: Final = 30
SILENT_S: Final = 45 * 60
READY_S: Final = 60.0
LOOK_S: Final = 0.01
SILENT_MAX_MS: Final = 2_500
ORDERS_MAX: Final = 5  # what the watch is to need at the published pace
MAX_MS: Final = 1_000


class Stop(msgspec.Struct, kw_only=True, frozen=True):
    """How soon a shop was stopped: orders taken meanwhile, and the time, by whose clock."""

    shop: str
    orders: int
    delay_ms: int
    ours_ms: int  # of it, since the first of these orders was told to us
    sentence: str


class Silence(msgspec.Struct, kw_only=True, frozen=True):
    """How long a channel must say nothing until that is an alarm."""

    after_s: int
    per_hour: int
    sentence: str


class WatchFigures(msgspec.Struct, kw_only=True, frozen=True):
    """What the act showed."""

    paced: Stop
    fast: Stop
    pushed: Stop
    polled: Stop
    silent: Silence
    load: float  # of the machine when it was over
    cores: int

    def faults(self) -> list[str]:
        """What the watch promised and did not keep. Where others keep the processors busy only the
        second is asked for: who waits for one waits longer than an order.
        """
        busy = self.load >= 2 * self.cores
        if self.paced.delay_ms > MAX_MS or (self.paced.orders > ORDERS_MAX and not busy):
            took = f"{self.paced.orders} orders and {self.paced.delay_ms} ms"
            return [f"the watch took {took} at the published pace"]
        return []


def calendar(price: float, until_s: float) -> dict[str, object]:
    """What the night's two shops announce to their watch."""
    now_ms = int(time.time() * 1000)
    return {
        "scope": "sku", "from_at": now_ms - 3_600_000, "until_at": now_ms + int(until_s * 1000),
        "price": price, "rate": 100_000, "units": 100_000, "note": "the night as it was announced",
    }  # fmt: skip


class WatchAct:
    """Calls with one person's key."""

    def __init__(self, port: int, key: str) -> None:
        self._api = ShopApi(port, key)
        self._port = port
        self._key = key

    def open(self) -> None:
        """Goods without a cost of their own, plenty of stock, one channel a shop."""
        for shop in SHOPS:
            path = f"/v1/shops/{shop}"
            kind = "own" if shop in OWN_SHOPS else "marketplace"
            self._api.call("PUT", f"{path}/channels/{CHANNEL}", {"kind": kind})
            for product in PRODUCTS:
                prices = {"list_price_fen": product.list_price_fen, "cost_floor_fen": 0}
                self._api.call("PUT", f"{path}/skus/{product.code}", prices)
                receipt = {"id": f"stock-{product.code}", "sku": product.code, "quantity": STOCK}
                self._api.call("POST", f"{path}/stock/receipts", receipt)

    def wait_watched(self) -> None:
        """Until every shop is watched, all that it holds so far included. Raises CallRefused."""
        self._until(
            lambda: all(
                0 <= one["watch_silent_ms"] < SILENT_MAX_MS and one["watch_seq"] + 2 >= one["seq"]
                for one in self._ready(SHOPS)
            ),
            "the watch did not begin",
        )

    def wait_announced(self, shops: tuple[str, ...]) -> None:
        """Until the watch of these knows what was announced. Raises CallRefused."""
        self._until(
            lambda: all(one["watch_windows"] for one in self._ready(shops)),
            "the watch did not hear what was announced",
        )

    def _ready(self, shops: tuple[str, ...]) -> list[dict[str, Any]]:
        return [one for one in self._api.call("GET", "/ready")["shops"] if one["shop"] in shops]

    # -- own shops --------------------------------------------------------------------------------

    def paced(self) -> Stop:
        """One wrong order after the other, 78 a second, until the shop is stopped."""
        began_s = time.monotonic()
        taken = sent = 0
        while sent < PACED_MAX:
            product = PRODUCTS[sent % len(PRODUCTS)]
            body = order(f"W-{sent}", product.code, product.wrong_price_fen, now_ms())
            try:
                self._api.call(
                    "POST", f"/v1/shops/{PACED}/orders", body | {"verified": ["account"]}
                )
                taken += 1
            except CallRefused as refused:
                if "_paused" not in str(refused):
                    raise
                if "shop_paused" in str(refused):
                    break
            sent += 1
            time.sleep(max(0.0, began_s + sent / PACE_PER_S - time.monotonic()))
        took_ms = round((time.monotonic() - began_s) * 1000)
        return self._stop(PACED, taken, took_ms, took_ms)

    def fast(self, answers: list[str]) -> Stop:
        """What the load's answers say of the shop at full speed."""
        heard = [one for file in answers for one in read_heard(Path(file))]
        taken_ms = [one.heard_ms for one in heard if one.status == http.HTTPStatus.CREATED]
        span_ms = max(taken_ms) - min(taken_ms) if taken_ms else 0
        return self._stop(FAST, len(taken_ms), span_ms, span_ms)

    # -- marketplaces -----------------------------------------------------------------------------

    def pushed(self) -> Stop:
        """A marketplace that tells each sale as it happens, 78 a second."""
        began_ms, began_s = now_ms(), time.monotonic()
        told = 0
        while told < PACED_MAX and not self._is_stopped(PUSHED):
            product = PRODUCTS[told % len(PRODUCTS)]
            body = order(f"W-{told}", product.code, product.wrong_price_fen, now_ms())
            self._api.call("POST", f"/v1/shops/{PUSHED}/sales", body)
            told += 1
            time.sleep(max(0.0, began_s + told / PACE_PER_S - time.monotonic()))
        delay_ms = now_ms() - began_ms
        return self._stop(PUSHED, told, delay_ms, delay_ms)

    def polled(self) -> Stop:
        """Five minutes of the same pace, heard of all at once."""
        count = round(POLL_S * PACE_PER_S)
        began_ms = now_ms() - POLL_S * 1000
        rows = []
        for n in range(count):
            product, at_ms = PRODUCTS[n % len(PRODUCTS)], began_ms + round(n * 1000 / PACE_PER_S)
            rows.append(order(f"W-{n}", product.code, product.wrong_price_fen, at_ms))
        heard_s = time.monotonic()
        self._tell(POLLED, rows[:LINES])
        self._until(lambda: self._is_stopped(POLLED), "the polled shop was not stopped")
        ours_ms = round((time.monotonic() - heard_s) * 1000)
        delay_ms = now_ms() - began_ms
        self._tell(POLLED, rows[LINES:])  # it sold them all: nothing stops a sale before it is told
        return self._stop(POLLED, count, delay_ms, ours_ms)

    def silent(self) -> Silence:
        """Twenty ordinary days, then nothing for three quarters of an hour."""
        end_ms = now_ms() - SILENT_S * 1000
        count = HISTORY_DAYS * 24 * HISTORY_PER_H
        step_ms = 3_600_000 // HISTORY_PER_H
        rows = []
        for n in range(count):
            product, at_ms = PRODUCTS[n % len(PRODUCTS)], end_ms - (count - n) * step_ms
            rows.append(order(f"H-{n}", product.code, product.list_price_fen, at_ms))
        self._tell(SILENT, rows)
        found: list[dict[str, Any]] = []

        def is_told() -> bool:
            alarms = self._api.call("GET", f"/v1/shops/{SILENT}/alarms")["items"]
            found.extend(one for one in alarms if ended_at(one["key"]) == end_ms - step_ms)
            return bool(found)

        self._until(is_told, "nobody noticed the silence")
        story = self._api.call("GET", f"/v1/shops/{SILENT}/alarms/{found[0]['id']}")
        numbers = story["numbers"]
        after_s = SILENT_S * numbers["threshold"] / numbers["score"]
        return Silence(
            after_s=round(after_s), per_hour=HISTORY_PER_H, sentence=found[0]["sentence"]
        )

    # -- asking -----------------------------------------------------------------------------------

    def _tell(self, shop: str, rows: list[dict[str, object]]) -> None:
        """Sales in as many requests as it takes. Raises CallRefused."""
        headers = {
            "Authorization": f"Bearer {self._key}", "Content-Type": "application/x-ndjson",
        }  # fmt: skip
        connection = http.client.HTTPConnection(HOST, self._port, timeout=60)
        try:
            for lines in pieces(rows):
                connection.request("POST", f"/v1/shops/{shop}/sales:batch", lines, headers)
                answer = connection.getresponse()
                text = answer.read()
                if answer.status != http.HTTPStatus.OK or b'"retry_after_s"' in text:
                    raise CallRefused(f"sales of {shop}: {answer.status} {text[:300]!r}")
        finally:
            connection.close()

    def _is_stopped(self, shop: str) -> bool:
        return "paused" in self._api.call("GET", f"/v1/shops/{shop}/policy")["flags"]

    def _stop(self, shop: str, orders: int, delay_ms: int, ours_ms: int) -> Stop:
        found: list[str] = []

        def is_latched() -> bool:  # a pause is asked for while its latch is still being stored
            switches = self._api.call("GET", f"/v1/shops/{shop}/breaker")["switches"]
            found.extend(one["sentence"] for one in switches if one["scope"] == "shop")
            return bool(found) and self._is_stopped(shop)

        self._until(is_latched, f"{shop} was not stopped")
        return Stop(
            shop=shop, orders=orders, delay_ms=delay_ms, ours_ms=ours_ms, sentence=found[-1]
        )

    @staticmethod
    def _until(holds: Callable[[], bool], otherwise: str) -> None:
        end_s = time.monotonic() + READY_S
        while not holds():
            if time.monotonic() > end_s:
                raise CallRefused(otherwise)
            time.sleep(LOOK_S)


def ended_at(key: str) -> int:
    """The last order before a silence, from the alarm's key; 0 for any other alarm.

    The beginning of the history, told alone for a moment, is a silence of days as well.
    """
    return int(key.rpartition("-")[2]) if key.startswith("silence-channel-") else 0


def order(name: str, sku: str, money_fen: int, at_ms: int) -> dict[str, object]:
    """One box, by a buyer of its own."""
    return {
        "id": name, "channel": CHANNEL, "placed_at": at_ms, "paid": True, "charged_fen": money_fen,
        "buyer": {"account": f"buyer of {name}"},
        "lines": [{"sku": sku, "quantity": 1, "receivable_fen": money_fen}],
    }  # fmt: skip


def pieces(rows: list[dict[str, object]]) -> Iterator[bytes]:
    """Rows as the bodies of requests."""
    for at in range(0, len(rows), LINES):
        yield b"".join(json.dumps(row).encode() + b"\n" for row in rows[at : at + LINES])


def now_ms() -> int:
    """The wall clock, as the channel has it."""
    return time.time_ns() // 1_000_000


def told(found: WatchFigures) -> Iterator[tuple[str, str]]:
    """The figures in lines, English and Chinese."""
    paced, fast, pushed, polled = found.paced, found.fast, found.pushed, found.polled
    own = f"own shop at {PACE_PER_S:g} orders a second: stopped after {paced.orders} orders"
    yield f"{own}, {paced.delay_ms} ms", "自营店按公布速度"
    own = f"own shop at full speed: stopped after {fast.orders} orders"
    yield f"{own}, {fast.delay_ms} ms of traffic", "自营店全速"
    sold = f"{pushed.delay_ms} ms after the first sale, {pushed.orders} sales later"
    yield f"marketplace, pushed: stopped {sold}", "平台店推送"
    sold = f"{polled.delay_ms / 1000:.1f} s after the first sale, {polled.orders:,} sales later"
    asked = f"marketplace, asked every {POLL_S // 60} minutes: stopped {sold}"
    yield f"{asked}; {polled.ours_ms} ms of it are ours", "平台店五分钟轮询"
    silent = found.silent
    after = f"{silent.after_s / 60:.0f} minutes at {silent.per_hour} orders an hour"
    yield f"marketplace that says nothing: an alarm after {after}", "平台店静默"
