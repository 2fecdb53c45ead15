"""The second process, and what the doors see of it."""

import signal
import threading

from tidegate.bootstrap.alerting import open_alerting
from tidegate.bootstrap.shops import OpenShop
from tidegate.desk.clock import SystemClock
from tidegate.engine.layout import Capacity
from tidegate.followers.alerts import AlertsLoop
from tidegate.followers.process import run_followers
from tidegate.followers.shop import Settings
from tidegate.journal.archive import Archive, WholeJournal
from tidegate.journal.follow import JournalReader
from tidegate.journal.sqlite_file import SqliteReader
from tidegate.store_paths import ShopPaths, StorePaths
from tidegate.views.shop_views import ShopViews


def reader_of(paths: ShopPaths, name: str) -> JournalReader:
    """A reader of a shop's whole journal, archive included."""
    return WholeJournal(SqliteReader(paths.folder, name), Archive(paths.archive, name))


def open_views(shop: OpenShop) -> ShopViews:
    """The views of a shop, as the doors read them."""
    return ShopViews(
        shop.paths.views, lambda: reader_of(shop.paths, shop.name), shop.desk.order_key
    )


def follow(store: StorePaths, capacity: Capacity | None) -> None:
    """Run the followers' process until it is told to stop."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    clock = SystemClock()
    telling = AlertsLoop(store.root, clock, open_alerting)
    run_followers(store.root, stop, clock, Settings(capacity=capacity), beside=(telling,))
