"""What the doors count, for Prometheus.

Counting on the order path is an addition to a plain integer; the text is made when somebody asks.
No label holds an id, a key or anything of a person.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from tidegate.desk.answers import DeskStatus
from tidegate.domain.reasons import REASON_TEXTS, Reason
from tidegate.watch.alerts.shown import AlertStatus
from tidegate.watch.heartbeat import Beat

BOUNDS_S = (0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
_REASONS = 256
TOLD = (
    ("tidegate_alarms_open", "Alarms that are not over"),
    ("tidegate_alarms_unacknowledged", "Of these, those that nobody took up"),
    ("tidegate_alarms_unacknowledged_seconds", "How long the oldest of them has waited"),
    ("tidegate_alerts_undelivered", "Messages that failed and are tried again"),
    ("tidegate_alerts_given_up", "Messages that nobody could be told"),
    ("tidegate_alerts_sending", "1 = whoever tells people lives"),
)
WATCHED = (
    ("tidegate_watch_silent_seconds", "Since the watch last said that it lives"),
    ("tidegate_watch_lag_entries", "The watch behind by"),
    ("tidegate_watch_lag_seconds", "Age of the newest entry that a lagging watch has seen"),
    ("tidegate_watch_alarms", "Alarms so far"),
    ("tidegate_breaker_open", "Switches of the breaker that are not closed"),
)


class ShopCounters:
    """One shop's counts since the process started."""

    def __init__(self) -> None:
        self.decided = [0] * _REASONS
        self.duplicates = 0
        self.buckets = [0] * (len(BOUNDS_S) + 1)
        self.seconds = 0.0

    def order(self, reason: int, duplicate: bool, took_s: float) -> None:
        """One order was answered with a decision."""
        self.decided[reason] += 1
        if duplicate:
            self.duplicates += 1
        self.buckets[bisect_left(BOUNDS_S, took_s)] += 1
        self.seconds += took_s

    def orders(self, reasons: Iterable[int], duplicates: int) -> None:
        """Orders of a batch; their time is the request's and not counted here."""
        for reason in reasons:
            self.decided[reason] += 1
        self.duplicates += duplicates


class Counters:
    """All counts of a process's doors."""

    def __init__(self) -> None:
        self.shops: dict[str, ShopCounters] = {}
        self.requests: dict[tuple[str, int], int] = {}
        self.connections_refused = 0
        self.timeouts = 0

    def shop(self, name: str) -> ShopCounters:
        """The counts of one shop."""
        return self.shops.setdefault(name, ShopCounters())

    def request(self, route: str, status: int) -> None:
        """One request was answered; `route` is a name from the route table, never a path."""
        place = (route, status)
        self.requests[place] = self.requests.get(place, 0) + 1


class DoorCollector(Collector):
    """Turns the counts, and how each desk is, into metrics."""

    def __init__(
        self,
        counters: Counters,
        statuses: Mapping[str, tuple[DeskStatus, int]],
    ) -> None:
        self._counters = counters
        self._statuses = statuses  # by shop: how the desk is, and the views' sequence

    def collect(self) -> Iterator[Metric]:
        """Every metric, now."""
        yield from self._orders()
        yield self._requests()
        yield from self._desks()
        refused = CounterMetricFamily(
            "tidegate_http_connections_refused", "Connections refused at the bound"
        )
        refused.add_metric([], self._counters.connections_refused)
        yield refused
        slow = CounterMetricFamily("tidegate_http_timeouts", "Requests that came too slowly")
        slow.add_metric([], self._counters.timeouts)
        yield slow

    def _orders(self) -> Iterator[Metric]:
        decided = CounterMetricFamily(
            "tidegate_orders", "Orders decided over HTTP", labels=["shop", "reason"]
        )
        repeated = CounterMetricFamily(
            "tidegate_orders_duplicate", "Repeats among them", labels=["shop"]
        )
        seconds = HistogramMetricFamily(
            "tidegate_order_seconds", "Single orders, body to answer", labels=["shop"]
        )
        for shop, counts in self._counters.shops.items():
            for reason, number in enumerate(counts.decided):
                if number:
                    decided.add_metric([shop, REASON_TEXTS[Reason(reason)].name], number)
            repeated.add_metric([shop], counts.duplicates)
            buckets, total = [], 0
            for bound, number in zip((*map(str, BOUNDS_S), "+Inf"), counts.buckets, strict=True):
                total += number
                buckets.append((bound, total))
            seconds.add_metric([shop], buckets, counts.seconds)
        yield from (decided, repeated, seconds)

    def _requests(self) -> Metric:
        requests = CounterMetricFamily(
            "tidegate_http_requests", "Requests answered", labels=["route", "status"]
        )
        for (route, status), number in self._counters.requests.items():
            requests.add_metric([route, str(status)], number)
        return requests

    def _desks(self) -> Iterator[Metric]:
        ready = GaugeMetricFamily("tidegate_desk_ready", "1 = takes orders", labels=["shop"])
        inbox = GaugeMetricFamily("tidegate_desk_inbox", "Orders waiting", labels=["shop"])
        seq = GaugeMetricFamily("tidegate_journal_seq", "Newest durable entry", labels=["shop"])
        lag = GaugeMetricFamily("tidegate_views_lag_entries", "Views behind by", labels=["shop"])
        for shop, (status, followed) in self._statuses.items():
            ready.add_metric([shop], int(status.ready))
            inbox.add_metric([shop], status.inbox)
            seq.add_metric([shop], status.seq)
            lag.add_metric([shop], max(0, status.seq - followed))
        yield from (ready, inbox, seq, lag)


class WatchCollector(Collector):
    """What each shop's watch last said of itself, as metrics."""

    def __init__(self, beats: Mapping[str, Beat], now_s: float) -> None:
        self._beats = beats
        self._now_s = now_s

    def collect(self) -> Iterator[Metric]:
        """Every metric, now."""
        gauges = [GaugeMetricFamily(name, words, labels=["shop"]) for name, words in WATCHED]
        for shop, beat in self._beats.items():
            silent_s = max(0.0, self._now_s - beat.monotonic_s)
            lag_s = beat.lag_ms / 1000
            values = (silent_s, beat.lag_entries, lag_s, beat.alarms, beat.switches)
            for gauge, value in zip(gauges, values, strict=True):
                gauge.add_metric([shop], value)
        yield from gauges


class AlertCollector(Collector):
    """Alarms that nobody took up, and how telling people goes, as metrics."""

    def __init__(self, statuses: Mapping[str, AlertStatus], now_ms: int) -> None:
        self._statuses = statuses
        self._now_ms = now_ms

    def collect(self) -> Iterator[Metric]:
        """Every metric, now."""
        gauges = [GaugeMetricFamily(name, words, labels=["shop"]) for name, words in TOLD]
        for shop, status in self._statuses.items():
            oldest_ms = status.oldest_unacknowledged_ms
            waiting_s = max(0, self._now_ms - oldest_ms) / 1000 if oldest_ms else 0.0
            values = (
                status.open, status.unacknowledged, waiting_s, status.undelivered, status.given_up,
                int(status.sending),
            )  # fmt: skip
            for gauge, value in zip(gauges, values, strict=True):
                gauge.add_metric([shop], value)
        yield from gauges


def exposition(*collectors: Collector) -> bytes:
    """The text that Prometheus reads."""
    registry = CollectorRegistry(auto_describe=False)
    for collector in collectors:
        registry.register(collector)
    return generate_latest(registry)
