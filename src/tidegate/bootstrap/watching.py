"""The watch's process, and what the desk's process does for it: a key of its own, channels to stop.

Always: the key may stop and look, and nothing else, in its one shop; it lies in a private file
among the shop's secrets. Never: it is printed, or made while one that works is there.
"""

import os
import signal
import threading
from pathlib import Path

from tidegate.access.operators import AccessRefused
from tidegate.access.roles import CATALOGUE_READ, PAUSE_WRITE
from tidegate.access.store import HOUSE
from tidegate.bootstrap.shops import Access
from tidegate.channels.running import ShopChannels
from tidegate.desk.clock import SystemClock
from tidegate.followers.watch_process import run_watch
from tidegate.stopping.service import StopChannels
from tidegate.store_paths import StorePaths

SCOPES = (PAUSE_WRITE, CATALOGUE_READ)


def watch(store: StorePaths) -> None:
    """Run the watch's process until it is told to stop."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    run_watch(store.root, stop, SystemClock())


def ensure_watch_key(access: Access, shop: str, path: Path) -> None:
    """A key of the watch that works, made where there is none. Raises AccessRefused, OSError."""
    if path.exists() and access.authenticator.authenticate(path.read_text("ascii").strip()):
        return
    name = f"watch of {shop}"
    tokens = {party.name: party.token for party in access.operators.list_parties()}
    token = tokens.get(name)
    if token is None:
        token = access.operators.create_machine(name, HOUSE).token
    elif not access.operators.party(token).is_active:
        raise AccessRefused(f"{name} is suspended: resume it, or serve with --no-watch")
    key = access.keyring.issue(token, HOUSE, scopes=SCOPES, shops=(shop,))
    partial = path.with_name(path.name + ".partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, key.key.encode("ascii"))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    partial.replace(path)


def stopper(channels: ShopChannels) -> StopChannels:
    """Begins the stop ladder of every channel that is connected."""

    def stop(reason: str, actor: int) -> None:
        channels.stop_all(reason, f"{actor:016x}")

    return stop
