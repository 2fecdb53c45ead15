"""A shop's vault, opened: everything that was to be destroyed is, before the first value is read.

Order of opening: root key, files, what a crash cut off, then every tombstone that a file has not
seen. After a restore the tombstones kept apart are carried out as well, or it does not open.
This module never opens a vault whose keys belong to another root key.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tidegate.people.gate_port import Gate
from tidegate.people.vault.blind_index import BlindIndex
from tidegate.people.vault.cells import CellStore
from tidegate.people.vault.erasing import Erasing
from tidegate.people.vault.events import FieldsStored, KeyReplaced, PersonShredded
from tidegate.people.vault.key_store import SHOP_ITSELF, KeyStore
from tidegate.people.vault.parts import VaultParts
from tidegate.people.vault.reading import Reading
from tidegate.people.vault.register import Register
from tidegate.people.vault.root_key import RootKey, RootKeyUnusable
from tidegate.people.vault.sealing import Tampered
from tidegate.people.vault.stream import EventStream
from tidegate.people.vault.tombstones import (
    FILE_NAME,
    TombstoneLog,
    catch_up,
    catch_up_after_restore,
)
from tidegate.people.vault.writing import Writing

CELLS_FILE, INDEX_FILE, KEYS_FILE = "vault.db", "vault-index.db", "vault-keys.db"
RESTORED_FILE = "restored"  # a restore put files of different days here
INDEX_CLASS = 0


@dataclass(frozen=True)
class VaultSettings:
    """What a vault is opened with."""

    shop: str
    register: Register
    now_ms: Callable[[], int]
    today: Callable[[], int]
    is_assessed: Callable[[str], bool] = lambda _: False
    mirrors: Sequence[Path] = ()  # of the tombstones
    random_bytes: Callable[[int], bytes] = os.urandom


@dataclass(frozen=True)
class Vault:
    """Reads, writes, erasures. `buried`: what was destroyed again when it was opened."""

    parts: VaultParts
    reading: Reading
    writing: Writing
    erasing: Erasing
    buried: tuple[PersonShredded, ...]

    def close(self) -> None:
        """Note that nothing is left to do, and give the files back."""
        seq = self.parts.stream.head.seq
        for file in (self.parts.keys, self.parts.cells, self.parts.index):
            file.advance(seq)
            file.close()
        self.parts.stream.close()


def vault_is_new(folder: Path) -> bool:
    """Whether no vault was ever here."""
    return not any((folder / name).exists() for name in (CELLS_FILE, KEYS_FILE, INDEX_FILE))


def open_vault(folder: Path, root: RootKey, gate: Gate, settings: VaultSettings) -> Vault:
    """Open or make a vault. Raises RootKeyUnusable, storage's and journal's errors."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if (folder / CELLS_FILE).exists() and not (folder / KEYS_FILE).exists():
        raise RootKeyUnusable(
            f"{folder / KEYS_FILE} is missing: without keys nothing in the vault opens. Restore a"
            " backup of the keys (`tidegate people keys restore`)"
        )
    stream = EventStream.open(folder, settings.shop, f"vault {os.getpid()}")
    opened: list[KeyStore | CellStore | BlindIndex] = []
    try:
        keys = KeyStore(folder / KEYS_FILE, settings.shop, root, settings.random_bytes)
        opened.append(keys)
        cells = CellStore(folder / CELLS_FILE)
        opened.append(cells)
        index = BlindIndex(folder / INDEX_FILE, _index_key(keys))
        opened.append(index)
        log = TombstoneLog(folder / FILE_NAME, settings.mirrors)
        parts = VaultParts(
            settings.shop, settings.register, keys, cells, index, stream, log, gate,
            settings.now_ms, settings.today, settings.is_assessed, settings.random_bytes,
        )  # fmt: skip
        return _caught_up(folder, parts)
    except BaseException:
        for file in opened:
            file.close()
        stream.close()
        raise


def _index_key(keys: KeyStore) -> bytes:
    try:
        return keys.key_to_store_with(SHOP_ITSELF, INDEX_CLASS)[1]
    except Tampered as error:
        raise RootKeyUnusable(
            f"{keys.path} was wrapped by another root key: restore the one that belongs to it"
        ) from error


def _caught_up(folder: Path, parts: VaultParts) -> Vault:
    writing = Writing(parts)
    writing.mend()
    graves = (parts.keys, parts.cells, parts.index)
    behind = [
        int(recorded.event.person, 16)
        for recorded in parts.stream.after(parts.index.applied_seq)
        if isinstance(recorded.event, FieldsStored | KeyReplaced)
    ]
    if (folder / RESTORED_FILE).exists():
        done = catch_up_after_restore(graves, parts.stream, parts.log)
    else:
        done = catch_up(graves, parts.stream, parts.log)
    writing.reindex(behind)
    erasing = Erasing(parts, writing)
    erasing.clear()
    buried = tuple(one.tombstone for one in done if isinstance(one.tombstone, PersonShredded))
    vault = Vault(parts, Reading(parts), writing, erasing, buried)
    (folder / RESTORED_FILE).unlink(missing_ok=True)
    return vault
