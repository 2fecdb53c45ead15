"""A shop's secrets: five small files of their own, made once, and never made again.

They are all there, private to their owner and of the right length, or nothing starts: a shop that
quietly took new secrets would no longer know its buyers and its orders.
This module never prints a secret and never overwrites one.
"""

import os
import shutil
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tidegate.storage.sqlite_schema import sync_directory

SECRET_BYTES = 32
FILE_NAMES = ("order_id.key", "identity.key", "table.seed", "salt.key", "signing.key")

_PRIVATE_FILE = 0o600
_PRIVATE_FOLDER = 0o700
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class SecretsUnusable(Exception):
    """Secrets are missing, damaged, or open to others; the message says what to do."""


@dataclass(frozen=True, slots=True, repr=False)
class ShopSecrets:
    """32 random bytes each. Printing it shows nothing."""

    order_id_key: bytes  # orders: keyed 128-bit hash of (channel, id)
    identity_key: bytes  # people: keyed hash of account, phone, address, device
    table_seed: bytes  # the engine's tables: nobody can choose ids that collide
    salt_key: bytes  # per-event trees: a leaf says nothing about its neighbour
    signing_key: bytes  # Ed25519 seed that signs the tree's heads

    def __repr__(self) -> str:
        return "ShopSecrets(...)"


def open_secrets(
    folder: Path, *, store_is_new: bool, random_bytes: Callable[[int], bytes] = os.urandom
) -> ShopSecrets:
    """Read the secrets, or make them if there are none and the store holds nothing yet.

    Raises SecretsUnusable: some but not all are there, none but the store has content, or a file is
    of the wrong length or readable by others.
    """
    missing = missing_secrets(folder)
    if not missing:
        return load_secrets(folder)
    if len(missing) == len(FILE_NAMES) and store_is_new:
        return create_secrets(folder, random_bytes)
    raise SecretsUnusable(
        f"{folder} lacks {', '.join(missing)}, but this shop has been used: with new secrets its "
        "buyers and orders would not be recognised. Restore the secrets from their own backup"
    )


def missing_secrets(folder: Path) -> list[str]:
    """The names of the files that are not there."""
    return [name for name in FILE_NAMES if not os.path.lexists(folder / name)]


def create_secrets(folder: Path, random_bytes: Callable[[int], bytes] = os.urandom) -> ShopSecrets:
    """Make all five, durably and all at once; only where none of them is."""
    return _write(folder, tuple(random_bytes(SECRET_BYTES) for _ in FILE_NAMES))


def load_secrets(folder: Path) -> ShopSecrets:
    """Read all five. Raises SecretsUnusable."""
    missing = missing_secrets(folder)
    if missing:
        raise SecretsUnusable(
            f"{folder} lacks {', '.join(missing)}; restore them from their backup"
        )
    return ShopSecrets(*(_read(folder / name) for name in FILE_NAMES))


def copy_secrets(source: Path, target: Path, *, store: Path) -> None:
    """Back up to, or restore from, a folder outside the store; the target must hold none.

    A backup of a shop's data must not carry its secrets: whoever finds one should need the other.
    """
    outside = target if source.resolve().is_relative_to(store.resolve()) else source
    if outside.resolve().is_relative_to(store.resolve()):
        raise SecretsUnusable(
            f"{outside} lies inside the store; keep secrets' backups apart from it"
        )
    secrets = load_secrets(source)
    _write(
        target,
        (
            secrets.order_id_key,
            secrets.identity_key,
            secrets.table_seed,
            secrets.salt_key,
            secrets.signing_key,
        ),
    )


def _write(folder: Path, values: tuple[bytes, ...]) -> ShopSecrets:
    """All files in a folder of another name first, which then takes the place: all or nothing."""
    if folder.exists() and any(folder.iterdir()):
        raise SecretsUnusable(f"{folder} is not empty; secrets are never overwritten")
    making = folder.with_name(folder.name + ".making")
    shutil.rmtree(making, ignore_errors=True)  # left by a crash; nothing ever used it
    making.mkdir(mode=_PRIVATE_FOLDER, parents=True)
    for name, value in zip(FILE_NAMES, values, strict=True):
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        descriptor = os.open(making / name, flags, _PRIVATE_FILE)
        try:
            os.write(descriptor, value)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    sync_directory(making)
    making.replace(folder)  # refused by the system if the folder has content by now
    sync_directory(folder.parent)
    return ShopSecrets(*values)


def _read(path: Path) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise SecretsUnusable(f"{path} cannot be read: {error.strerror}") from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise SecretsUnusable(f"{path} is not a file")
        if status.st_mode & _OTHERS:
            raise SecretsUnusable(
                f"{path} is open to others (mode {stat.S_IMODE(status.st_mode):03o}); if nobody "
                f"else can have read it: chmod 600 {path}"
            )
        value = os.read(descriptor, SECRET_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(value) != SECRET_BYTES:
        raise SecretsUnusable(
            f"{path} has {len(value)} bytes where {SECRET_BYTES} belong; restore it from its backup"
        )
    return value
