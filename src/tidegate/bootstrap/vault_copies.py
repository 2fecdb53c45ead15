"""Backing up and restoring a shop's vault: sealed values without their keys, keys apart.

Always: a vault that was restored says so by a file, and carries out every destruction it can learn
of before it serves. Never: keys, or the root key, in the same backup as what they open.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

from tidegate.access.secrets import SecretsUnusable
from tidegate.bootstrap.vaults import BACKUPS_FILE, COPIED, REGISTER_FILE
from tidegate.journal.backup import back_up_shop, copy_database, restore_shop
from tidegate.journal.store import JOURNAL_FILE
from tidegate.people.vault.key_backups import take_back, write_private
from tidegate.people.vault.stream import stream_name
from tidegate.people.vault.tombstones import FILE_NAME as TOMBSTONES
from tidegate.people.vault.vault import KEYS_FILE, RESTORED_FILE
from tidegate.store_paths import ShopPaths

PLAIN = (REGISTER_FILE, BACKUPS_FILE, TOMBSTONES)

Progress = Callable[[int, int], None]


def back_up_vault(name: str, there: ShopPaths, copy: ShopPaths, progress: Progress) -> None:
    """Copy a shop's vault beside whoever serves it. The keys stay behind: they have their own."""
    if not (there.vault / JOURNAL_FILE).exists():
        return
    copy.vault.mkdir(mode=0o700, parents=True, exist_ok=True)
    for file in COPIED:
        if (there.vault / file).exists():
            copy_database(there.vault / file, copy.vault / file)
    for file in PLAIN:
        if (there.vault / file).exists():
            write_private(copy.vault / file, (there.vault / file).read_bytes())
    # The stream last: what it orders after the files were copied is done again when they open.
    back_up_shop(there.vault, stream_name(name), copy.vault, progress)


def restore_vault(source: ShopPaths, shop: ShopPaths, progress: Progress) -> None:
    """Make a vault's folder from a backup; the keys come by `restore_keys`."""
    if not (source.vault / "backup.json").exists() or (shop.vault / RESTORED_FILE).exists():
        return
    restore_shop(source.vault, shop.vault, progress)
    for file in COPIED:
        if (source.vault / file).exists():
            copy_database(source.vault / file, shop.vault / file)
    for file in PLAIN:
        if (source.vault / file).exists() and not (shop.vault / file).exists():
            write_private(shop.vault / file, (source.vault / file).read_bytes())
    write_private(shop.vault / RESTORED_FILE, b"files of different days\n")


def restore_keys(backup: Path, shop: ShopPaths, today: int, tombstones: Path | None = None) -> None:
    """Put a backup of the keys in place. `tombstones`: a later copy of them than the backup's.

    Raises KeyBackupRefused.
    """
    own = shop.vault / TOMBSTONES
    take_back(backup, shop.vault / KEYS_FILE, today)
    beside = backup.with_name(TOMBSTONES)
    known = own.read_bytes() if own.exists() else b""
    for more in (beside, tombstones):
        if more is not None and more.exists() and len(content := more.read_bytes()) > len(known):
            known = content  # the file only grows: the longest is the newest
    if known:
        write_private(own, known)
    write_private(shop.vault / RESTORED_FILE, b"files of different days\n")


def restore_root_key(secrets: Path, shop: ShopPaths) -> None:
    """Put the root key back that was kept apart with the other secrets."""
    kept = secrets / shop.vault_root.name
    if not kept.exists() or shop.vault_root.exists():
        return
    if not shop.secrets.is_dir():
        raise SecretsUnusable(f"{shop.secrets} is missing: restore the other secrets first")
    shutil.copyfile(kept, shop.vault_root)
    shop.vault_root.chmod(0o600)
