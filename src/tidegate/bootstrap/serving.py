"""`tidegate serve`: a supervisor with two processes under it, the desk and the followers.

The desk process owns every shop's journal and has the doors; the followers only read. When the
desk ends, for whatever reason, the supervisor ends too: who started it decides what then, and a
desk that could not keep its word must not come back by itself in a loop. Followers are restarted.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import structlog

from tidegate import bootstrap
from tidegate.desk.clock import SystemClock
from tidegate.desk.desk import Desk
from tidegate.engine.layout import Capacity
from tidegate.engine.snapshot import SnapshotRefused, list_snapshots, read_snapshot_head
from tidegate.http.doors import ShopParts, make_doors
from tidegate.http.server import HttpServer, Listen
from tidegate.packed.door import PackedDoor
from tidegate.people.exchange import IdentityExchange
from tidegate.record import facts as f
from tidegate.store_paths import StorePaths

log = structlog.get_logger("tidegate.serving")

SNAPSHOT_LOOK_S = 1.0
RESTART_S = 1.0
STOP_S = 40.0
SMALLEST_ORDERS = 1 << 17


class ServeSettings(NamedTuple):
    """What an operator chooses."""

    store: Path
    host: str = "127.0.0.1"
    port: int = 8080
    packed: bool = True
    orders_max: int = 0  # 0 = as much as the address space allows


def capacity_of(settings: ServeSettings) -> Capacity | None:
    """The tables' room for a number of orders."""
    if settings.orders_max == 0:
        return None
    orders = max(settings.orders_max, SMALLEST_ORDERS)
    return Capacity(orders, orders, orders, 2 * orders)


class DeskProcess:
    """Everything of the desk process, from opening to a graceful stop."""

    def __init__(self, settings: ServeSettings) -> None:
        self.settings = settings
        self.paths = bootstrap.existing_store(settings.store)
        self.clock = SystemClock()
        self.access = bootstrap.open_access(self.paths, self.clock)
        self.shops: list[bootstrap.OpenShop] = []
        for name in self.paths.shops():
            shop = bootstrap.open_shop(self.paths, name, self.clock, capacity_of(settings))
            log.info(
                "shop_open", shop=name, seq=shop.recovered.head.seq, folded=shop.recovered.folded,
                snapshot=shop.recovered.snapshot_seq, passed_over=shop.recovered.passed_over,
            )  # fmt: skip
            self.shops.append(shop)
        self.exchanges = {shop.name: IdentityExchange(shop.identity) for shop in self.shops}
        self.views = {shop.name: bootstrap.open_views(shop) for shop in self.shops}
        self._packed: asyncio.AbstractServer | None = None
        self._snapshots: asyncio.Task[None] | None = None

    def run(self) -> None:
        """Serve until told to stop."""
        parts = [
            ShopParts(shop.name, shop.desk, self.exchanges[shop.name], self.views[shop.name])
            for shop in self.shops
        ]
        approvals = bootstrap.open_approvals(self.access)
        doors = make_doors(parts, self.access.authenticator, approvals, self.clock)
        listen = Listen(self.settings.host, self.settings.port)
        HttpServer(doors, listen, self._start, self._stop).run()

    async def _start(self) -> None:
        for shop in self.shops:
            self.exchanges[shop.name].start()
            shop.desk.start()
        if self.settings.packed:
            loop = asyncio.get_running_loop()
            socket_path = self.paths.packed_socket
            socket_path.unlink(missing_ok=True)
            self._packed = await loop.create_unix_server(self._packed_door, str(socket_path))
            socket_path.chmod(0o600)
        self._snapshots = asyncio.create_task(self._note_snapshots())

    async def _stop(self) -> None:
        if self._snapshots is not None:
            self._snapshots.cancel()
        if self._packed is not None:
            self._packed.close()
            self.paths.packed_socket.unlink(missing_ok=True)
        for shop in self.shops:
            await self.exchanges[shop.name].stop()
            await shop.desk.stop()
            shop.identity.close()
        self.access.store.close()

    def _packed_door(self) -> PackedDoor:
        return PackedDoor(self._packed_desk, self.clock.now_ms)

    def _packed_desk(self, hello: str) -> Desk | None:
        """The desk that a hello `shop:key` may write orders to."""
        name, _, key = hello.partition(":")
        principal = self.access.authenticator.authenticate(key)
        if principal is None or not principal.may("orders:write", name):
            return None
        return next((shop.desk for shop in self.shops if shop.name == name), None)

    async def _note_snapshots(self) -> None:
        """Write each new snapshot's sequence and digest into its shop's journal."""
        noted = {shop.name: newest_snapshot(shop.paths.snapshots) for shop in self.shops}
        while True:
            await asyncio.sleep(SNAPSHOT_LOOK_S)
            for shop in self.shops:
                newest = newest_snapshot(shop.paths.snapshots)
                if newest == noted[shop.name] or newest is None:
                    continue
                noted[shop.name] = newest
                with contextlib.suppress(SnapshotRefused):
                    head = read_snapshot_head(newest)
                    shop.desk.note(f.Note("snapshot", head.seq, head.digest))


def newest_snapshot(folder: Path) -> Path | None:
    """The newest snapshot there is."""
    found = list_snapshots(folder)
    return found[-1] if found else None


class Supervisor:
    """Starts the two processes, hands signals on, restarts the followers."""

    def __init__(self, command: Callable[[str], list[str]]) -> None:
        """`command` gives the command line of the process with a role."""
        self._command = command
        self._stopping = threading.Event()

    def run(self) -> int:
        """Until the desk ends; its exit code."""
        desk = self._start("desk")
        followers = self._start("followers")
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop(desk))
        while desk.poll() is None:
            if followers.poll() is not None and not self._stopping.is_set():
                log.error("followers_ended", code=followers.returncode)
                time.sleep(RESTART_S)
                followers = self._start("followers")
            with contextlib.suppress(subprocess.TimeoutExpired):
                desk.wait(0.2)
        end(followers)
        return desk.returncode

    def _start(self, role: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self._command(role))

    def _stop(self, desk: subprocess.Popen[bytes]) -> None:
        self._stopping.set()
        if desk.poll() is None:
            desk.send_signal(signal.SIGTERM)


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask a process to end, and make it after a while."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()


def die_with_parent() -> None:
    """End this process when its supervisor is gone: nobody would stop it otherwise."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


def role_command(settings: ServeSettings, role: str) -> list[str]:
    """The command line of one of the two processes."""
    return [
        sys.executable, "-m", "tidegate.cli.main", "serve", "--role", role,
        "--store", str(settings.store), "--host", settings.host, "--port", str(settings.port),
        "--orders-max", str(settings.orders_max),
        "--packed" if settings.packed else "--no-packed",
    ]  # fmt: skip


def serve(settings: ServeSettings, role: str) -> int:
    """Run one role, or both under a supervisor; the exit code."""
    if role == "both":
        bootstrap.existing_store(settings.store)
        return Supervisor(lambda part: role_command(settings, part)).run()
    die_with_parent()
    if role == "followers":
        bootstrap.follow(StorePaths(settings.store), capacity_of(settings))
        return 0
    DeskProcess(settings).run()
    return 0
