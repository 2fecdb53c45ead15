"""Where real clocks, disks and sockets are made and put together: the only module that sees all.

Everything here is called by the command line. Nothing is opened when it is imported.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tidegate.access.authenticate import Authenticator
from tidegate.access.keyring import Keyring
from tidegate.access.operators import Operators
from tidegate.access.secrets import ShopSecrets, open_secrets
from tidegate.access.store import AccessStore
from tidegate.desk.clock import Calendar, Clock, SystemClock
from tidegate.desk.desk import Desk, owner_name
from tidegate.desk.recovery import Recovered, recover
from tidegate.engine.layout import Capacity
from tidegate.engine.machine import Machine
from tidegate.journal.protocol import Head
from tidegate.journal.sqlite import SqliteJournal
from tidegate.people.identity import IdentityTable
from tidegate.store_paths import ShopPaths, StorePaths


class NoSuchStore(Exception):
    """There is no store there; the message says how to make one."""


@dataclass(frozen=True)
class Access:
    """The access database and what works on it."""

    store: AccessStore
    operators: Operators
    keyring: Keyring
    authenticator: Authenticator


def open_access(paths: StorePaths, clock: Clock | None = None) -> Access:
    """Open (or make) the access database. Raises storage's errors."""
    clock = clock or SystemClock()
    paths.root.mkdir(parents=True, exist_ok=True, mode=0o700)
    store = AccessStore(paths.access, clock.now_ms)
    keyring = Keyring(store)
    authenticator = Authenticator(store, keyring, clock.monotonic_s)
    return Access(store, Operators(store), keyring, authenticator)


@dataclass(frozen=True)
class OpenShop:
    """A shop that this process owns."""

    name: str
    paths: ShopPaths
    secrets: ShopSecrets
    desk: Desk
    identity: IdentityTable
    recovered: Recovered


def shop_is_new(paths: ShopPaths) -> bool:
    """Whether a shop's folder holds nothing yet that depends on its secrets."""
    return not any((paths.folder / name).exists() for name in ("journal.db", "identity.db"))


def create_shop(paths: ShopPaths) -> ShopSecrets:
    """Make a shop's folder and secrets; a shop that is there keeps its own."""
    paths.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return open_secrets(paths.secrets, store_is_new=shop_is_new(paths))


def open_machine(
    journal: SqliteJournal,
    paths: ShopPaths,
    secrets: ShopSecrets,
    capacity: Capacity | None,
    progress: Callable[[int], None] = lambda _: None,
) -> Recovered:
    """A shop's machine as its journal says."""
    return recover(journal, paths.snapshots, secrets.table_seed, capacity, progress)


def open_shop(
    store: StorePaths, name: str, clock: Clock | None = None, capacity: Capacity | None = None
) -> OpenShop:
    """Become the owner of a shop: lock, recover, claim. Raises StoreInUse and what recovery raises.

    The desk is not started: that is done on the loop it will live on.
    """
    clock = clock or SystemClock()
    paths = store.shop(name)
    if not paths.folder.is_dir():
        raise NoSuchStore(f"there is no shop {name} in {store.root}: `tidegate shop create {name}`")
    secrets = open_secrets(paths.secrets, store_is_new=shop_is_new(paths))
    journal = SqliteJournal(paths.folder, name)
    try:
        recovered = open_machine(journal, paths, secrets, capacity)
        owner = owner_name(os.getpid())
        head = journal.claim(owner, recovered.head.seq)
        calendar = Calendar(recovered.machine.catalogue.zone)
        identity = IdentityTable.open(
            paths.identity, secrets.identity_key, lambda: calendar.day(clock.now_ms())
        )
    except BaseException:
        journal.close()
        raise

    def rebuild() -> tuple[Machine, Head]:
        again = open_machine(journal, paths, secrets, capacity)
        return again.machine, journal.claim(owner, again.head.seq)

    desk = Desk(name, recovered.machine, journal, head, secrets.order_id_key, clock, rebuild)
    return OpenShop(name, paths, secrets, desk, identity, recovered)


def existing_store(root: Path) -> StorePaths:
    """A store that is there. Raises NoSuchStore."""
    if not root.is_dir():
        raise NoSuchStore(f"there is no store at {root}: `tidegate init --store {root}` makes one")
    return StorePaths(root)
