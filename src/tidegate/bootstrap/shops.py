"""Making, opening and owning the shops of a store.

Everything here is called by the command line. Nothing is opened when it is imported.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tidegate.access.approvals import Approvals
from tidegate.access.authenticate import Authenticator
from tidegate.access.keyring import Keyring
from tidegate.access.operators import AccessRefused, Operators
from tidegate.access.secrets import (
    SecretsUnusable,
    ShopSecrets,
    open_secrets,
)
from tidegate.access.store import AccessStore, AccessUnavailable
from tidegate.bootstrap.stores import NoSuchStore, existing_store
from tidegate.desk.clock import Calendar, Clock, SystemClock
from tidegate.desk.days import ShopDays
from tidegate.desk.desk import Desk
from tidegate.desk.durable import append_surely, owner_name
from tidegate.desk.names import COMMANDS, id_hash
from tidegate.desk.recovery import Recovered, recover
from tidegate.engine.layout import Capacity
from tidegate.engine.machine import Machine
from tidegate.engine.snapshot import SnapshotRefused
from tidegate.imports.history_desk import HistoryDesk, ShopParts
from tidegate.journal.archive import Archive, WholeJournal
from tidegate.journal.protocol import Head, JournalError
from tidegate.journal.sqlite import SqliteJournal
from tidegate.people.filter import clean
from tidegate.people.identity import IdentityTable, IdentityUnavailable, WrongKey
from tidegate.people.vault.key_backups import KeyBackupRefused
from tidegate.people.vault.root_key import RootKeyUnusable
from tidegate.publishing.shop_publishing import ShopPublishing
from tidegate.record.entry import EntryTooNew
from tidegate.record.facts import SetPolicy
from tidegate.record.lines import KEY_KINDS
from tidegate.storage.sqlite_schema import DiskLow, SchemaTooNew, WrongDatabase
from tidegate.store_paths import ShopPaths, StorePaths

ACCOUNT = KEY_KINDS.index("account")


class Unusable:
    """What an operator can mend: every other error is a bug and shows its traceback."""

    KINDS = (
        NoSuchStore, JournalError, SecretsUnusable, AccessRefused, AccessUnavailable,
        SnapshotRefused, EntryTooNew, WrongKey, IdentityUnavailable, SchemaTooNew, WrongDatabase,
        DiskLow, RootKeyUnusable, KeyBackupRefused, OSError, ValueError,
    )  # fmt: skip


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


def open_approvals(access: Access) -> Approvals:
    """What waits for a second person."""
    return Approvals(access.store, access.keyring, clean)


@dataclass(frozen=True)
class ShopOwned:
    """A shop that this process owns: its journal locked, read and claimed."""

    name: str
    paths: ShopPaths
    secrets: ShopSecrets
    journal: SqliteJournal
    head: Head
    identity: IdentityTable
    days: ShopDays
    recovered: Recovered


@dataclass(frozen=True)
class OpenShop:
    """A shop that this process serves."""

    name: str
    paths: ShopPaths
    secrets: ShopSecrets
    desk: Desk
    journal: SqliteJournal
    identity: IdentityTable
    days: ShopDays
    recovered: Recovered


def shop_is_new(paths: ShopPaths) -> bool:
    """Whether a shop's folder holds nothing yet that depends on its secrets."""
    return not any((paths.folder / name).exists() for name in ("journal.db", "identity.db"))


def create_shop(paths: ShopPaths, name: str, zone: str) -> None:
    """Make a shop's folder, secrets and journal, whose first entry sets its zone.

    Raises ValueError where there is one already or the zone is not known.
    """
    Calendar(zone)
    if paths.folder.exists():
        raise ValueError(f"there is a shop {name} already")
    paths.folder.mkdir(parents=True, mode=0o700)
    secrets = open_secrets(paths.secrets, store_is_new=True)
    machine = Machine(secrets.table_seed, Capacity.small())
    machine.begin(0, 0)  # before every history that may still be taken in
    hi, lo = id_hash(secrets.order_id_key, COMMANDS, "opening")
    machine.decide_command(hi, lo, SetPolicy(zone=zone), 0)
    journal = SqliteJournal(paths.folder, name)
    try:
        head = journal.claim(owner_name(os.getpid()), 0)
        append_surely(journal, head.seq, machine.finish())
    finally:
        journal.close()


def open_machine(
    journal: SqliteJournal,
    paths: ShopPaths,
    secrets: ShopSecrets,
    capacity: Capacity | None,
    progress: Callable[[int], None] = lambda _: None,
) -> Recovered:
    """A shop's machine as its journal says; what was pruned is read from the archive."""
    whole = WholeJournal(journal, Archive(paths.archive, journal.stream))
    return recover(whole, paths.snapshots, secrets.table_seed, capacity, progress)


def open_parts(store: StorePaths, name: str, clock: Clock, capacity: Capacity | None) -> ShopOwned:
    """Become the owner of a shop: lock, recover, claim. Raises StoreInUse and what these raise."""
    paths = store.shop(name)
    if not paths.folder.is_dir():
        raise NoSuchStore(f"there is no shop {name} in {store.root}: `tidegate shop create {name}`")
    secrets = open_secrets(paths.secrets, store_is_new=shop_is_new(paths))
    journal = SqliteJournal(paths.folder, name)
    try:
        recovered = open_machine(journal, paths, secrets, capacity)
        head = journal.claim(owner_name(os.getpid()), recovered.head.seq)
        opened_ms = clock.now_ms()
        days = ShopDays(recovered.machine.catalogue.zone, lambda: opened_ms)
        identity = IdentityTable.open(paths.identity, secrets.identity_key, days)
    except BaseException:
        journal.close()
        raise
    return ShopOwned(name, paths, secrets, journal, head, identity, days, recovered)


def open_shop(
    store: StorePaths,
    name: str,
    clock: Clock | None = None,
    capacity: Capacity | None = None,
) -> OpenShop:
    """A shop to serve. The desk is not started: that is done on the loop it will live on."""
    clock = clock or SystemClock()
    shop = open_parts(store, name, clock, capacity)
    journal, paths, secrets = shop.journal, shop.paths, shop.secrets

    def rebuild() -> tuple[Machine, Head]:
        again = open_machine(journal, paths, secrets, capacity)
        return again.machine, journal.claim(owner_name(os.getpid()), again.head.seq)

    machine = shop.recovered.machine
    desk = Desk(name, machine, journal, shop.head, secrets.order_id_key, clock, rebuild)
    opened_ms = clock.now_ms()
    shop.days.believe(lambda: max(opened_ms, desk.machine.now_ms))  # no jump of the wall clock
    return OpenShop(name, paths, secrets, desk, journal, shop.identity, shop.days, shop.recovered)


def open_publishing(shop: OpenShop, clock: Clock) -> ShopPublishing:
    """A served shop's prices, drafts and watch. Raises storage's errors."""
    return ShopPublishing(shop.desk, shop.paths.publishing, clock.now_ms)


@contextmanager
def open_history(root: Path, name: str) -> Iterator[HistoryDesk]:
    """A shop to take its history into; nobody else may own it meanwhile.

    Raises NoSuchStore, StoreInUse and what recovery raises.
    """
    shop = open_parts(existing_store(root), name, SystemClock(), None)
    journal, secrets = shop.journal, shop.secrets
    head = shop.head

    def append(entry: bytes) -> None:
        nonlocal head
        head = append_surely(journal, head.seq, entry)

    def tokens(accounts: Sequence[str]) -> list[int]:
        return shop.identity.tokens(
            [(ACCOUNT, shop.identity.keyed_hash(ACCOUNT, account)) for account in accounts],
        )

    try:
        yield HistoryDesk(
            ShopParts(
                engine=shop.recovered.machine,
                append=append,
                order_key=lambda channel, order: id_hash(secrets.order_id_key, channel, order),
                command_key=lambda one: id_hash(secrets.order_id_key, COMMANDS, one),
                account_tokens=tokens,
            ),
        )
    finally:
        shop.identity.close()
        journal.close()
