"""Reading, verifying, copying and restoring the shops of a store, beside whoever serves it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tidegate.access.secrets import (
    copy_secrets,
    load_secrets,
)
from tidegate.bootstrap.people_copies import back_up_people, restore_people
from tidegate.bootstrap.stores import NoSuchStore, existing_store
from tidegate.bootstrap.vault_copies import back_up_vault, restore_root_key, restore_vault
from tidegate.desk.recovery import entries_after
from tidegate.desk.verify import Verified, verify
from tidegate.journal.archive import Archive, WholeJournal
from tidegate.journal.backup import back_up_shop, copy_database, restore_shop
from tidegate.journal.protocol import BATCH, Entry
from tidegate.journal.sqlite_file import SqliteReader
from tidegate.store_paths import ShopPaths, StorePaths


@contextmanager
def reading_shop(root: Path, name: str) -> Iterator[tuple[WholeJournal, ShopPaths]]:
    """A shop's whole journal, archive included, to read beside whoever owns it."""
    paths = existing_store(root).shop(name)
    if not paths.folder.is_dir():
        raise NoSuchStore(f"there is no shop {name} in {root}")
    journal = WholeJournal(SqliteReader(paths.folder, name), Archive(paths.archive, name))
    try:
        yield journal, paths
    finally:
        journal.close()


def verify_shop(
    root: Path,
    name: str,
    progress: Callable[[int, int], None] = lambda _reached, _goal: None,
) -> Verified:
    """Verify one shop of a store, beside a running server if there is one."""
    with reading_shop(root, name) as (journal, paths):
        return verify(journal, load_secrets(paths.secrets).table_seed, None, progress)


def batches_from(journal: WholeJournal, from_seq: int) -> Iterator[Entry]:
    """The batches of a journal from one entry on."""
    for entry in entries_after(journal, from_seq - 1):
        if entry.kind == BATCH:
            yield entry


Progress = Callable[[int, int], None]


def back_up(root: Path, destination: Path, progress: Progress) -> list[dict[str, Any]]:
    """Copy every shop and the access database of a store, beside a running server."""
    store = existing_store(root)
    done = []
    for name in store.shops():
        there, copy = store.shop(name), StorePaths(destination).shop(name)
        if there.fulfilment.exists():  # first: what the journal has beyond it is asked again, once
            copy.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            copy_database(there.fulfilment, copy.fulfilment)
        if there.alerts.exists():  # before the alarms: what it has not heard of is told later
            copy.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            copy_database(there.alerts, copy.alerts)
        copied = back_up_shop(there.folder, name, copy.folder, progress)
        if there.publishing.exists():
            copy_database(there.publishing, copy.publishing)
        if there.channels.exists():
            copy_database(there.channels, copy.channels)
        if there.watch.exists():
            copy_database(there.watch, copy.watch)
        back_up_people(name, there, copy, progress)
        back_up_vault(name, there, copy, progress)
        done.append(
            {"shop": name, "seq": copied.head.seq, "hash": copied.head.hash.hex(),
             "new_segments": copied.new_segments},
        )  # fmt: skip
    copy_database(store.access, StorePaths(destination).access)
    return done


def restore(
    backup: Path,
    root: Path,
    secrets: Path | None,
    progress: Progress,
) -> list[dict[str, Any]]:
    """Make a store from a backup; `secrets` has a folder for each shop. Can be run again."""
    source, target = existing_store(backup), StorePaths(root)
    done = []
    for name in source.shops():
        shop = target.shop(name)
        made = restore_shop(source.shop(name).folder, shop.folder, progress)
        drafts = source.shop(name).publishing
        if drafts.exists() and not shop.publishing.exists():
            copy_database(drafts, shop.publishing)
        stands = source.shop(name).fulfilment
        if stands.exists() and not shop.fulfilment.exists():
            copy_database(stands, shop.fulfilment)
        told = source.shop(name).alerts
        if told.exists() and not shop.alerts.exists():
            copy_database(told, shop.alerts)
        heard = source.shop(name).channels
        if heard.exists() and not shop.channels.exists():
            copy_database(heard, shop.channels)
        latch = source.shop(name).watch
        if latch.exists() and not shop.watch.exists():
            copy_database(latch, shop.watch)
        if secrets is not None and not shop.secrets.exists():
            copy_secrets(secrets / name, shop.secrets, store=root)
        if secrets is not None:
            restore_root_key(secrets / name, shop)
        restore_people(source.shop(name), shop, progress)
        restore_vault(source.shop(name), shop, progress)
        done.append({"shop": name, "seq": made.head.seq, "hash": made.head.hash.hex()})
    if not target.access.exists():
        copy_database(source.access, target.access)
    return done
