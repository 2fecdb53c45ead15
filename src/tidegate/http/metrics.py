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

BOUNDS_S = (0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
_REASONS = 256


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


def exposition(collector: Collector) -> bytes:
    """The text that Prometheus reads."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(collector)
    return generate_latest(registry)
