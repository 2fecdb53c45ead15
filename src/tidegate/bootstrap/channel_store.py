"""A shop's channels as the command line reaches them, beside whoever serves the shop.

Always: a channel's key is a private file among the shop's secrets, made once. Never: loads what
only a server needs.
"""

import os
import re
import secrets
from pathlib import Path

from tidegate.bootstrap.stores import NoSuchStore, existing_store
from tidegate.channels.ledger import Ledger

KEY_BYTES = 32
CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def open_ledger(root: Path, shop: str) -> Ledger:
    """A shop's ledger, for the command line beside whoever serves. Raises NoSuchStore."""
    paths = existing_store(root).shop(shop)
    if not paths.folder.is_dir():
        raise NoSuchStore(f"there is no shop {shop} in {root}")
    return Ledger(paths.channels)


def channel_key(root: Path, shop: str, channel: str) -> tuple[bytes, bool]:
    """A channel's key, made where there is none; and whether it was made. Raises ValueError."""
    if not CODE.fullmatch(channel):
        raise ValueError("a connected channel's code has letters, digits, dots, dashes only")
    path = existing_store(root).shop(shop).channel_key(channel)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return path.read_bytes(), False
    key = secrets.token_bytes(KEY_BYTES)
    try:
        os.write(descriptor, key)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return key, True
