"""What is counted of channels, for Prometheus: feeds, orders by state, faults, alarms, debts.

Always by the ledger, which is read beside the loop. Never: an order, a buyer or a text of a channel
becomes a label.
"""

from collections.abc import Iterator, Mapping

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tidegate.channels.status import ChannelFigures, ShopFigures

EACH = (
    ("lag_seconds", "How far behind now a feed ends", lambda one: one.lag_s),
    ("parked", "Orders that cannot be recorded yet", lambda one: one.parked),
    ("flagged", "Orders that changed after they were recorded", lambda one: one.flagged),
    ("offers_at_fault", "SKUs whose shelf is not as it should be", lambda one: one.offers_at_fault),
    ("pushes_unknown", "Stock pushes that nobody answered yet", lambda one: one.pushes_unknown),
    ("stopped", "1 = a stop is in force", lambda one: int(one.is_stopped)),
)


class ChannelCollector(Collector):
    """Turns the figures into metrics."""

    def __init__(self, shops: Mapping[str, ShopFigures]) -> None:
        self._shops = shops

    def collect(self) -> Iterator[Metric]:
        """Every metric, now."""
        for name, words, read in EACH:
            gauge = GaugeMetricFamily(f"tidegate_channel_{name}", words, labels=["shop", "channel"])
            for shop, channel in self._each():
                gauge.add_metric([shop, channel.channel], read(channel))
            yield gauge
        orders = GaugeMetricFamily(
            "tidegate_channel_orders", "Orders by state", labels=["shop", "channel", "state"]
        )
        for shop, channel in self._each():
            for state, count in channel.orders.items():
                orders.add_metric([shop, channel.channel, state], count)
        yield orders
        yield from self._of_shops()

    def _each(self) -> Iterator[tuple[str, ChannelFigures]]:
        for shop, found in self._shops.items():
            for channel in found.channels:
                yield shop, channel

    def _of_shops(self) -> Iterator[Metric]:
        for name, words, read in (
            ("faults", "Parts of channels that do not work now", lambda one: len(one.faults)),
            ("alarms_open", "Channel alarms that nobody has settled", lambda one: one.alarms_open),
            ("debt_orders", "Oversold orders that are owed", lambda one: one.debts["orders"]),
            ("debt_units", "Units of them", lambda one: one.debts["units"]),
            ("debts_late", "Debts past their deadline", lambda one: one.debts["late"]),
        ):
            gauge = GaugeMetricFamily(f"tidegate_channel_{name}", words, labels=["shop"])
            for shop, found in self._shops.items():
                gauge.add_metric([shop], read(found))
            yield gauge
