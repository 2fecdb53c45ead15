"""A real shop on disk that is decided in the test's own process, for tests of its followers.

Always: the machine that decides is kept, to compare with what followers made of the journal.
"""

import threading
from pathlib import Path

from tidegate.access.secrets import create_secrets
from tidegate.engine.layout import Capacity
from tidegate.engine.machine import Machine
from tidegate.followers.process import Fleet
from tidegate.followers.shop import Settings
from tidegate.followers.status import FollowerStatus
from tidegate.followers.turns import Pace, Turn
from tidegate.journal.protocol import Head
from tidegate.journal.sqlite import SqliteJournal, SqliteSettings
from tidegate.journal.sqlite_file import SqliteReader
from tidegate.journal.trees import EventTrees
from tidegate.record.events import events_of
from tidegate.store_paths import StorePaths
from tidegate.testing.shop import quoted_now, set_up
from tidegate.testing.workload import mixed
from tidegate.views.file import open_views
from tidegate.views.projection import Projection

CAPACITY = Capacity.small()
LOCAL_DAY = 20_752
ORDERS = 60  # an entry
NO_STOP = threading.Event()  # nobody sets it
NAMES = ["views", "snapshots", "stock", "trees"]


class DecidedShop:
    """A shop with its journal, which can be made to decide a little more."""

    def __init__(self, store: Path, name: str, seed: int = 1) -> None:
        self.name = name
        self.paths = StorePaths(store).shop(name)
        self.paths.folder.mkdir(parents=True)
        self.secrets = create_secrets(self.paths.secrets, lambda size: bytes([seed]) * size)
        self.machine = Machine(self.secrets.table_seed, CAPACITY)
        made = mixed(6_000, seed, skus=40, hold_ttl_s=1, orders_per_s=200)
        entries = set_up(self.machine, made.terms, made.start_ms - 1_000, LOCAL_DAY)
        quoted_now(self.machine, made.rows)
        self.settings = SqliteSettings(reserve_bytes=1 << 20)
        self.journal = SqliteJournal(self.paths.folder, name, self.settings)
        self.head = self.journal.claim("test")
        for payload in entries:
            self.head = self.journal.append(self.head.seq, payload)
        self._batches = made.batches(ORDERS)

    def decide(self, entries: int = 1) -> Head:
        """Append so many entries of orders and expired holds."""
        for _ in range(entries):
            rows, now_ms = next(self._batches)
            self.machine.begin(now_ms, LOCAL_DAY)
            self.machine.expire()
            self.machine.decide_orders(rows)
            self.head = self.journal.append(self.head.seq, self.machine.finish())
        return self.head

    def reader(self) -> SqliteReader:
        """A reader of its journal."""
        return SqliteReader(self.paths.folder, self.name)

    def close(self) -> None:
        """Let go of the journal."""
        self.journal.close()


class MovedClock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.at_s = 1_000.0

    def now_ms(self) -> int:
        """In the workload's own time."""
        return 1_792_944_100_000 + int(self.at_s * 1000)

    def monotonic_s(self) -> float:
        """The same in seconds."""
        return self.at_s


class Followed:
    """A store with one shop, and its followers."""

    def __init__(self, store: Path, **settings: float | Pace) -> None:
        self.store = store
        self.shop = DecidedShop(store, "tea")
        self.clock = MovedClock()
        self.settings = Settings(capacity=CAPACITY, **settings)
        self.fleet = Fleet(store, self.settings, self.clock)

    def go_on(self, seconds: float = 0.0) -> None:
        """Let time pass and everyone who is due take a turn."""
        self.clock.at_s += seconds
        self.fleet.look()
        self.fleet.run_due(NO_STOP)

    def catch_up(self) -> None:
        """Turns until nobody lacks anything."""
        for _ in range(200):
            self.go_on(0.6)
            if all(of.lag_entries == 0 for of in self.status().values()):
                return
        raise AssertionError(self.status())

    def status(self, shop: str = "tea") -> dict[str, FollowerStatus]:
        """Every follower of a shop."""
        return self.fleet.status().shops[shop]

    def turn(self, name: str, shop: str = "tea") -> Turn:
        """One follower's turn."""
        (found,) = [t for t in self.fleet.turns() if (t.shop, t.name) == (shop, name)]
        return found

    def close(self) -> None:
        """End everything."""
        self.fleet.close()
        self.shop.close()


def digest_from_zero(shop: DecidedShop, folder: Path) -> str:
    """The digest of views that take the whole journal in at once."""
    connection = open_views(folder / "from-zero.db", shop.name)
    views = Projection(connection)
    views.take(shop.journal.read(1, 1 << 30))
    digest = views.digest()
    connection.close()
    (folder / "from-zero.db").unlink()
    return digest


def digest_on_disk(shop: DecidedShop) -> str:
    """The digest of the views that followers keep."""
    connection = open_views(shop.paths.views, shop.name)
    digest = Projection(connection).digest()
    connection.close()
    return digest


def root_from_zero(shop: DecidedShop, folder: Path) -> bytes:
    """The root of trees that take the whole journal in at once."""
    trees = EventTrees(folder / "trees-from-zero.db", shop.name, shop.secrets.salt_key, events_of)
    trees.take(shop.journal.read(1, 1 << 30))
    root = trees.root()
    trees.close()
    return root


def root_on_disk(shop: DecidedShop) -> bytes:
    """The root of the trees that followers keep."""
    trees = EventTrees(shop.paths.trees, shop.name, shop.secrets.salt_key, events_of)
    root = trees.root()
    trees.close()
    return root
