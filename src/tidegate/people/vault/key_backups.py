"""Backups of the wrapped keys: in a folder of their own, and gone after 30 days at most.

Every backup carries its last day in its name and in the file's own list; one that is past it is
deleted by the daily job and refused by a restore. What was destroyed stays destroyed when the last
backup that was made before is gone: that day stands in the person's certificate.
This module never copies a root key.
"""

import os
import re
from collections.abc import Callable
from pathlib import Path

from tidegate.journal.backup import copy_database
from tidegate.people.vault.events import KeysBackedUp, token_text
from tidegate.people.vault.parts import VaultParts
from tidegate.people.vault.tombstones import FILE_NAME as TOMBSTONES
from tidegate.storage.sqlite_schema import sync_directory

KEEP_DAYS_MAX = 30
_NAME = re.compile(r"vault-keys-(\d+)-until-(\d+)\.db")
_BLOCK = 1 << 20
DAY_MS = 86_400_000


class KeyBackupRefused(Exception):
    """A backup of the keys that must not be used; the message says why."""


class KeyBackups:
    """Makes backups of one shop's keys and deletes those that are past their day."""

    def __init__(self, parts: VaultParts) -> None:
        self._parts = parts

    def make(self, actor: int, folder: Path, keep_days: int = KEEP_DAYS_MAX) -> Path:
        """Copy the keys, and the tombstones beside them. On record before the copy is there.

        Raises ValueError for a longer life than 30 days, storage's errors.
        """
        if not 1 <= keep_days <= KEEP_DAYS_MAX:
            raise ValueError(f"backups of keys live 1 to {KEEP_DAYS_MAX} days, not {keep_days}")
        parts = self._parts
        ends_day = parts.today() + keep_days
        now_ms = parts.now_ms()
        path = folder / f"vault-keys-{now_ms}-until-{ends_day}.db"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with parts.turn:  # nothing is half destroyed in it
            parts.stream.append(KeysBackedUp(now_ms, token_text(actor), "", path.name, ends_day))
            parts.keys.note_backup(path.name, str(folder.resolve()), now_ms, ends_day)
            copy_database(parts.keys.path, path)
            if parts.log.path.exists():
                write_private(folder / TOMBSTONES, parts.log.path.read_bytes())
        return path

    def is_due(self) -> bool:
        """Whether none was made today: what is stored after the last one dies with the disk."""
        made = max((one.made_ms for one in self._parts.keys.backups()), default=0)
        return self._parts.now_ms() - made >= DAY_MS

    def expire(self) -> list[str]:
        """Delete every backup that is past its day; their names.

        One that somebody moved elsewhere counts as gone on that day too: a restore refuses it.
        """
        gone = []
        for one in self._parts.keys.backups():
            if not one.is_gone and one.ends_day < self._parts.today():
                path = Path(one.folder) / one.name
                if path.exists():
                    wipe(path)
                self._parts.keys.note_gone(one.name)
                gone.append(one.name)
        return gone


def backups_end_day(parts: VaultParts) -> int:
    """The last day on which what lives now could be had from a backup of the keys; 0: none is.

    Counts every backup that was made and is not known to be gone, wherever it lies.
    """
    there = [one.ends_day for one in parts.keys.backups() if not one.is_gone]
    return max(there, default=0)


def ends_day_of(path: Path) -> int:
    """The last day of a backup, from its name. Raises KeyBackupRefused."""
    matched = _NAME.fullmatch(path.name)
    if matched is None:
        raise KeyBackupRefused(f"{path.name} is no backup of a vault's keys")
    return int(matched[2])


def take_back(backup: Path, keys: Path, today: int) -> None:
    """Put a backup of the keys in the place where there are none, with its tombstones.

    Raises KeyBackupRefused: past its day, or keys are there. The vault catches up when opened.
    """
    ends_day = ends_day_of(backup)
    if ends_day < today:
        raise KeyBackupRefused(
            f"{backup.name} ended on day {ends_day}, today is {today}: persons who were deleted"
            " since would come back; use a later one"
        )
    if keys.exists():
        raise KeyBackupRefused(f"{keys} is there already: move it away first")
    copy_database(backup, keys)
    beside = backup.with_name(TOMBSTONES)
    own = keys.with_name(TOMBSTONES)
    if beside.exists() and not own.exists():
        write_private(own, beside.read_bytes())


def write_private(path: Path, content: bytes) -> None:
    """Replace a file as a whole; only its owner may read it."""
    making = path.with_name(path.name + ".making")
    making.unlink(missing_ok=True)
    descriptor = os.open(making, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    making.rename(path)
    sync_directory(path.parent)


def wipe(path: Path, random_bytes: Callable[[int], bytes] = bytes) -> None:
    """Overwrite a file's bytes where they stand, sync, then take its name away."""
    descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        left = os.fstat(descriptor).st_size
        while left > 0:
            left -= os.write(descriptor, random_bytes(min(left, _BLOCK)))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    path.unlink()
