"""Real channels: the ledger, the keys, the folders and the bridges of a shop.

Always: made for a shop that this process serves. Never: opens anything when it is imported.
"""

from pathlib import Path
from zoneinfo import ZoneInfo

from tidegate.bootstrap.channel_prices import ServedPrices
from tidegate.bootstrap.channel_shop import ServedShop
from tidegate.bootstrap.following import reader_of
from tidegate.bootstrap.shops import OpenShop
from tidegate.channels.adapters.bridge import Bridge
from tidegate.channels.adapters.folder import (
    Exports,
    FolderCloser,
    FolderOrders,
    FolderPrices,
    FolderStock,
    FolderWarehouse,
)
from tidegate.channels.adapters.vendure import Vendure
from tidegate.channels.adapters.vendure_session import credentials_of
from tidegate.channels.connection import Connection, Settings
from tidegate.channels.journal_orders import JournalOrders
from tidegate.channels.ledger import Ledger
from tidegate.channels.running import Ends, ShopChannels
from tidegate.imports.channel_files import orders_of_file, states_of_file, stock_of_file
from tidegate.imports.channel_prices import prices_of_file
from tidegate.people.exchange import IdentityExchange
from tidegate.publishing.books import PriceBooks
from tidegate.store_paths import ShopPaths


def open_shop_channels(
    shop: OpenShop,
    exchange: IdentityExchange,
    books: PriceBooks | None = None,
) -> ShopChannels:
    """The channels of a shop that this process serves; to be started on the desk's loop."""
    served = ServedShop(shop.desk, exchange.exchanged)
    ledger = Ledger(shop.paths.channels)
    journal = JournalOrders(ledger, lambda: reader_of(shop.paths, shop.name), served.states)

    def ends_of(connected: Connection) -> Ends:
        return open_ends(connected, shop.paths, served, shop.desk.catalogue.zone)

    ours = ServedPrices(served, books) if books is not None else None
    return ShopChannels(ledger, served, journal, ends_of, ours)


def open_ends(connected: Connection, paths: ShopPaths, served: ServedShop, zone: str) -> Ends:
    """A channel's adapter. Raises OSError, ValueError."""
    key = key_of(paths, connected.channel)
    if connected.adapter == "push":
        return Ends(None, None, None, key=key)
    if connected.adapter == "folder":
        exports = Exports(
            paths.channel_folder(connected.channel),
            lambda path, at_ms: orders_of_file(path, ZoneInfo(zone), at_ms),
            stock_of_file, states_of_file, served.now_ms, connected.settings.encoding,
        )  # fmt: skip
        return Ends(
            FolderOrders(exports), FolderStock(exports), FolderWarehouse(exports),
            FolderPrices(exports, prices_of_file), FolderCloser(exports), key,
        )  # fmt: skip
    if connected.adapter == "vendure":
        return vendure_ends(connected.settings, served)
    bridge = Bridge(connected.settings.address, key, served.now_ms)
    return Ends(bridge, bridge, bridge.warehouse(), bridge, bridge, key)


def key_of(paths: ShopPaths, channel: str) -> bytes:
    """A channel's key. Raises OSError where it has none: `tidegate channel connect` makes it."""
    return paths.channel_key(channel).read_bytes()


def vendure_ends(settings: Settings, served: ServedShop) -> Ends:
    """A Vendure's ends; its password is read when a session is opened."""
    password_file = Path(settings.password_file)
    vendure = Vendure(
        settings.address, lambda: credentials_of(settings.user, password_file), served.now_ms
    )
    return Ends(vendure.orders, vendure.stock, vendure.warehouse, vendure.prices, vendure.closer)
