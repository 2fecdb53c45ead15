"""Puts the doors of a process together from the parts that bootstrap made.

Opens nothing and reads no clock of its own: every part comes in.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from tidegate import __version__
from tidegate.access.rate import RateLimit
from tidegate.channels.fulfilment.service import Fulfilment
from tidegate.channels.running import ShopChannels
from tidegate.http.calls import Doors, ShopDoors
from tidegate.http.channel_doors import ChannelDoors
from tidegate.http.fulfilment_doors import FulfilmentDoors
from tidegate.http.gate import Gate
from tidegate.http.metrics import Counters
from tidegate.http.orders_fast import OrderDoor
from tidegate.http.people_doors import PeopleDoors
from tidegate.http.person_doors import PersonDoors
from tidegate.http.ports import Access, Approvals, Clock, Desk, Exchange, Views
from tidegate.publishing.shop_publishing import ShopPublishing
from tidegate.stopping.service import Stopping
from tidegate.watch.alerts.alarm_desk import AlarmDesk
from tidegate.watch.heartbeat import Beat

NEW_IDS_PER_S = 50_000.0  # from one key
NEW_IDS_BURST = 100_000


@dataclass(frozen=True)
class ShopParts:
    """What the doors need of one shop."""

    name: str
    desk: Desk
    exchange: Exchange
    views: Views
    prices: ShopPublishing | None = None
    stopping: Stopping | None = None
    alarms: AlarmDesk | None = field(default=None, kw_only=True)
    beat: Callable[[], Beat | None] = lambda: None  # of the watch; reads a file
    channels: ShopChannels | None = None
    fulfilment: Fulfilment | None = None
    people: PeopleDoors | None = None
    persons: PersonDoors | None = None


def make_doors(
    shops: Iterable[ShopParts],
    access: Access,
    approvals: Approvals,
    clock: Clock,
    *,
    new_ids_per_s: float = NEW_IDS_PER_S,
    new_ids_burst: int = NEW_IDS_BURST,
) -> Doors:
    """The doors of these shops."""
    new_ids = RateLimit(new_ids_per_s, new_ids_burst, clock.monotonic_s)
    gate = Gate(access, new_ids, clock.monotonic_s)
    counters = Counters()
    made: dict[str, ShopDoors] = {}
    for shop in shops:
        counts = counters.shop(shop.name)
        books = shop.prices.books if shop.prices is not None else None
        channels = ChannelDoors(shop.channels) if shop.channels is not None else None
        orders, sales = (
            OrderDoor(
                shop.name,
                shop.desk,
                shop.exchange,
                gate,
                clock,
                counts,
                books,
                is_fact=is_fact,
                tell=shop.views.story,
                channels=channels if is_fact else None,
            )
            for is_fact in (False, True)
        )
        fulfilment = FulfilmentDoors(shop.fulfilment) if shop.fulfilment is not None else None
        made[shop.name] = ShopDoors(
            shop.name, shop.desk, shop.exchange, shop.views, orders, sales, shop.prices,
            shop.stopping, shop.beat, channels,
            alarms=shop.alarms,
            fulfilment=fulfilment,
            people=shop.people,
            persons=shop.persons,
        )  # fmt: skip
    return Doors(made, gate, clock, counters, approvals, __version__)
