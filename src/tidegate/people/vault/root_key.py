"""The root key: what every other key of a shop's vault is wrapped by, in a file or behind a KMS.

Always a file of its own (`secrets/vault-root.key`, 0600), backed up apart from data and from keys;
a key management service is one more class with the same two methods.
This module never makes a second root key where one has been used, and never shows one.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from tidegate.people.vault.sealing import KEY_BYTES, NONCE_BYTES, seal, unseal
from tidegate.storage.sqlite_schema import sync_directory

FILE_NAME = "vault-root.key"
_PRIVATE = 0o600
_OTHERS = 0o077


class RootKeyUnusable(Exception):
    """The root key is missing, damaged or open to others; the message says what to do."""


class RootKey(Protocol):
    """Wraps and unwraps keys of 32 bytes; `bound` says which key it is and comes back with it."""

    @property
    def name(self) -> str:
        """Which root key this is, without saying anything of it."""
        ...

    def wrap(self, key: bytes, bound: bytes) -> bytes:
        """The key under the root key, always equally long."""
        ...

    def unwrap(self, wrapped: bytes, bound: bytes) -> bytes:
        """The key again. Raises sealing.Tampered if it was wrapped as another key."""
        ...


class FileRootKey:
    """A root key from a file."""

    def __init__(self, key: bytes, random_bytes: Callable[[int], bytes] = os.urandom) -> None:
        assert len(key) == KEY_BYTES
        self._key = key
        self._random_bytes = random_bytes

    @property
    def name(self) -> str:
        """Files have no identity of their own: a wrong one fails to unwrap."""
        return "file"

    def wrap(self, key: bytes, bound: bytes) -> bytes:
        """61 bytes."""
        return seal(self._key, key, bound, self._random_bytes(NONCE_BYTES))

    def unwrap(self, wrapped: bytes, bound: bytes) -> bytes:
        """The key again. Raises Tampered."""
        return unseal(self._key, wrapped, bound)


def open_root_key(
    path: Path, *, vault_is_new: bool, random_bytes: Callable[[int], bytes] = os.urandom
) -> FileRootKey:
    """Read the file, or make it where the vault holds nothing yet. Raises RootKeyUnusable."""
    if not os.path.lexists(path):
        if not vault_is_new:
            raise RootKeyUnusable(
                f"{path} is missing, and this vault has been used: restore it from its own backup;"
                " with a new one nothing in the vault could be opened"
            )
        _write(path, random_bytes(KEY_BYTES))
    return FileRootKey(_read(path), random_bytes)


def _write(path: Path, key: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    making = path.with_name(path.name + ".making")
    making.unlink(missing_ok=True)  # left by a crash; nothing ever used it
    descriptor = os.open(making, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _PRIVATE)
    try:
        os.write(descriptor, key)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    making.rename(path)
    sync_directory(path.parent)


def _read(path: Path) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise RootKeyUnusable(f"{path} cannot be read: {error.strerror}") from error
    try:
        if os.fstat(descriptor).st_mode & _OTHERS:
            raise RootKeyUnusable(f"{path} is open to others: chmod 600 {path}")
        key = os.read(descriptor, KEY_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(key) != KEY_BYTES:
        raise RootKeyUnusable(
            f"{path} has {len(key)} bytes where {KEY_BYTES} belong; restore it from its backup"
        )
    return key
