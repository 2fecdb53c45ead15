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

KEEP_DAYS_MAX = 30
_NAME = re.compile(r"vault-keys-(\d+)-until-(\d+)\.db")
_BLOCK = 1 << 20


class KeyBackupRefused(Exception):
    """A backup of the keys that must not be used; the message says why."""


class KeyBackups:
    """The backups of one shop's keys in one folder."""

    def __init__(self, folder: Path, parts: VaultParts, keep_days: int = KEEP_DAYS_MAX) -> None:
        if not 1 <= keep_days <= KEEP_DAYS_MAX:
            raise ValueError(f"backups of keys live 1 to {KEEP_DAYS_MAX} days, not {keep_days}")
        self._folder = folder
        self._parts = parts
        self._keep_days = keep_days

    def make(self, actor: int) -> Path:
        """Copy the keys, and the tombstones beside them. On record before the copy is there."""
        parts = self._parts
        ends_day = parts.today() + self._keep_days
        now_ms = parts.now_ms()
        path = self._folder / f"vault-keys-{now_ms}-until-{ends_day}.db"
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with parts.turn:  # nothing is half destroyed in it
            parts.stream.append(KeysBackedUp(now_ms, token_text(actor), "", path.name, ends_day))
            parts.keys.note_backup(path.name, now_ms, ends_day)
            copy_database(parts.keys.path, path)
            if parts.log.path.exists():
                copy = self._folder / TOMBSTONES
                copy.write_bytes(parts.log.path.read_bytes())
                copy.chmod(0o600)
        return path

    def expire(self) -> list[str]:
        """Delete every backup that is past its day; their names."""
        gone = []
        for path in sorted(self._folder.glob("vault-keys-*.db")):
            if ends_day_of(path) < self._parts.today():
                wipe(path)
                self._parts.keys.note_gone(path.name)
                gone.append(path.name)
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
        own.write_bytes(beside.read_bytes())
        own.chmod(0o600)


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
