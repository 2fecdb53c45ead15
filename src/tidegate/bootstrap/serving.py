"""The desk's process of `tidegate serve`: it owns every shop's journal and has the doors.

Always: orders in flight are answered before it ends. Never: it begins to listen before every shop
is open and its own.
"""

import asyncio
import os
import socket
from collections.abc import Callable

import structlog

from tidegate import bootstrap
from tidegate.bootstrap.channels import open_shop_channels
from tidegate.bootstrap.fulfilment import open_fulfilment
from tidegate.bootstrap.people import open_served_people, people_doors
from tidegate.bootstrap.roles import ServeSettings
from tidegate.bootstrap.served_vaults import open_served_vault, person_doors
from tidegate.bootstrap.upkeep import Upkeep
from tidegate.bootstrap.watching import ensure_watch_key, stopper
from tidegate.desk.clock import SystemClock
from tidegate.engine.layout import Capacity
from tidegate.engine.warm import warm
from tidegate.followers.desk_calls import Serving, write_serving
from tidegate.http.doors import ShopParts, make_doors
from tidegate.http.server import HttpServer, Listen
from tidegate.journal.archive import ArchivePolicy
from tidegate.packed.doors import PackedDoors, require_short
from tidegate.people.exchange import IdentityExchange
from tidegate.stopping.service import Stopping
from tidegate.watch.alerts.alarm_desk import AlarmDesk
from tidegate.watch.heartbeat import Beat, read_beat, why_unwatched

log = structlog.get_logger("tidegate.serving")

SMALLEST_ORDERS = 1 << 17
WATCH_BEGINS_S = 15.0


def capacity_of(settings: ServeSettings) -> Capacity | None:
    """The tables' room for a number of orders."""
    if settings.orders_max == 0:
        return None
    orders = max(settings.orders_max, SMALLEST_ORDERS)
    return Capacity(orders, orders, orders, 2 * orders)


class DeskProcess:
    """Everything of the desk process, from opening to a graceful stop."""

    def __init__(self, settings: ServeSettings) -> None:
        self.settings = settings
        self.paths = bootstrap.existing_store(settings.store)
        if settings.packed:
            require_short(self.paths.packed_socket)
        require_free(settings.host, settings.port)
        warm()  # now, not when the first hold ends; minutes where nothing is compiled yet
        self.clock = SystemClock()
        self.access = bootstrap.open_access(self.paths, self.clock)
        self.shops: list[bootstrap.OpenShop] = []
        for name in self.paths.shops():
            shop = bootstrap.open_shop(self.paths, name, self.clock, capacity_of(settings))
            log.info(
                "shop_open", shop=name, seq=shop.recovered.head.seq, folded=shop.recovered.folded,
                snapshot=shop.recovered.snapshot_seq, passed_over=shop.recovered.passed_over,
            )  # fmt: skip
            self.shops.append(shop)
        self.exchanges = {shop.name: IdentityExchange(shop.identity) for shop in self.shops}
        self.prices = {
            shop.name: bootstrap.open_publishing(shop, self.clock) for shop in self.shops
        }
        self.views = {shop.name: bootstrap.open_views(shop) for shop in self.shops}
        policy = ArchivePolicy(settings.keep_entries, settings.segment_mib << 20)
        self.alarms = {
            shop.name: AlarmDesk(shop.paths.alerts, self.clock.now_ms) for shop in self.shops
        }
        self.stops = {
            shop.name: Stopping(shop.desk, shop.paths.watch, self.clock.now_ms)
            for shop in self.shops
        }
        for shop in self.shops:
            ensure_watch_key(self.access, shop.name, shop.paths.watch_key)
            self.prices[shop.name].live.why_unwatched = self._watched(shop)
        self.upkeep = Upkeep(
            self.paths.root, self.shops, self.access.authenticator, self.clock, policy
        )
        for name, prices in self.prices.items():
            prices.service.received = self.views[name].received
            self.upkeep.tell(name, prices.watching.remark)
        for shop in self.shops:
            self.upkeep.tell(shop.name, self._unwatched_remark(shop))
        self.channels = {
            shop.name: open_shop_channels(
                shop, self.exchanges[shop.name], self.prices[shop.name].books
            )
            for shop in self.shops
        }
        self.fulfilments = {
            shop.name: open_fulfilment(shop, self.exchanges[shop.name], self.channels[shop.name])
            for shop in self.shops
        }
        for name, fulfilment in self.fulfilments.items():
            self.upkeep.tell(name, fulfilment.fault)
        self.people = {shop.name: open_served_people(shop, self.clock) for shop in self.shops}
        for name, people in self.people.items():
            self.upkeep.tell(name, people.sending.remark)
        self.vaults = {
            shop.name: open_served_vault(shop, self.people[shop.name], self.clock, self.upkeep)
            for shop in self.shops
        }
        self._packed: asyncio.AbstractServer | None = None
        self._packed_doors: PackedDoors | None = None

    def run(self) -> None:
        """Serve until told to stop."""
        parts = [
            ShopParts(
                shop.name, shop.desk, self.exchanges[shop.name], self.views[shop.name],
                self.prices[shop.name], self.stops[shop.name], self._beat(shop),
                self.channels[shop.name],
                alarms=self.alarms[shop.name],
                fulfilment=self.fulfilments[shop.name].service,
                people=people_doors(self.people[shop.name]),
                persons=person_doors(self.vaults[shop.name]),
            )
            for shop in self.shops
        ]  # fmt: skip
        approvals = bootstrap.open_approvals(self.access)
        doors = make_doors(parts, self.access.authenticator, approvals, self.clock)
        listen = Listen(self.settings.host, self.settings.port)
        server = HttpServer(doors, listen, self._start, self._stop, lambda: self._listens(server))
        server.run()

    def _listens(self, server: HttpServer) -> None:
        """Say where, for the processes beside this one."""
        where = Serving(self.settings.host, server.ports[0], os.getpid())
        write_serving(self.paths.serving, where)

    def _beat(self, shop: bootstrap.OpenShop) -> Callable[[], Beat | None]:
        return lambda: read_beat(shop.paths.folder)

    def _watched(self, shop: bootstrap.OpenShop) -> Callable[[], str]:
        """Why nobody watches a shop; "" while somebody does."""
        if not self.settings.watch:
            return lambda: "the watch is switched off (`tidegate serve --no-watch`): start it"
        return lambda: why_unwatched(read_beat(shop.paths.folder), self.clock.monotonic_s())

    def _unwatched_remark(self, shop: bootstrap.OpenShop) -> Callable[[], str]:
        """The same, once a watch has had the time to begin."""
        watched, began_s = self._watched(shop), self.clock.monotonic_s()

        def remark() -> str:
            is_due = self.clock.monotonic_s() - began_s > WATCH_BEGINS_S
            return watched() if is_due or not self.settings.watch else ""

        return remark

    async def _start(self) -> None:
        for shop in self.shops:
            shop.desk.start()
            self.exchanges[shop.name].start(shop.desk.storage.submit)
            self.prices[shop.name].start()
            channels = self.channels[shop.name]
            channels.start()
            self.fulfilments[shop.name].start()
            self.people[shop.name].sending.start()
            self.stops[shop.name].stop_channels = stopper(channels)
        if self.settings.packed:
            await self._open_packed()
        self.upkeep.start()

    async def _stop(self) -> None:
        if self._packed is not None:
            self._packed.close()
            self.paths.packed_socket.unlink(missing_ok=True)
        await self.upkeep.stop()
        for fulfilment in self.fulfilments.values():  # they ask the desk: they end before it
            await asyncio.to_thread(fulfilment.stop)
        for channels in self.channels.values():
            await asyncio.to_thread(channels.stop)
        for people in self.people.values():
            await asyncio.to_thread(people.close)
        for vault in self.vaults.values():  # messages read it: it ends after them
            if vault is not None:
                await asyncio.to_thread(vault.close)
        for shop in self.shops:
            await self.prices[shop.name].stop()
            await self.exchanges[shop.name].stop()
            await shop.desk.stop()
            self.stops[shop.name].close()
            self.alarms[shop.name].close()
            shop.identity.close()
        if self._packed_doors is not None:
            await self._packed_doors.end()
        self.access.store.close()

    async def _open_packed(self) -> None:
        """Listen for front processes of the same user."""
        socket_path = self.paths.packed_socket
        desks = {shop.name: shop.desk for shop in self.shops}
        doors = PackedDoors(desks, self.access.authenticator.authenticate, self.clock.now_ms)
        self._packed_doors = doors
        socket_path.unlink(missing_ok=True)
        loop = asyncio.get_running_loop()
        before = os.umask(0o177)  # nobody else may connect, not even for a moment
        try:
            self._packed = await loop.create_unix_server(doors.connect, str(socket_path))
        finally:
            os.umask(before)


def require_free(host: str, port: int) -> None:
    """Raises OSError that says what to do when nobody can listen there; before a shop is opened."""
    try:
        family, kind, proto, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, proto) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        why = f"nobody can listen on {host} port {port} ({error.strerror})"
        raise OSError(f"{why}: choose another --port or --host, or stop who has it") from error
