"""What the desk's process does beside orders: archive, note snapshots, sweep identities, and so on.

Always: on a thread of its own, chore by chore; one that fails is shown, logged and tried again, and
the others go on. On the event loop there is only what takes microseconds. Never: an order waits for
any of it, or anything of it is decided from a view.
"""

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import structlog

from tidegate.access.authenticate import Authenticator
from tidegate.bootstrap.archiving import ShopArchiving
from tidegate.bootstrap.retention import Retention, SweptState
from tidegate.bootstrap.shops import OpenShop
from tidegate.bootstrap.upkeep_status import (
    ShopUpkeepStatus,
    UpkeepStatus,
    read_upkeep,
    write_upkeep,
)
from tidegate.desk.clock import Clock
from tidegate.desk.notes import SnapshotNotes
from tidegate.desk.periods import last_limit_day
from tidegate.desk.surroundings import LOW_DISK_BYTES
from tidegate.followers.status import Status, read_status
from tidegate.journal.archive import ArchivePolicy
from tidegate.journal.sqlite_file import SqliteReader

LOOK_S = 1.0
NOTES_EVERY_S = 1.0
ARCHIVE_EVERY_S = 5.0
SWEEP_EVERY_S = 60.0
KEYS_EVERY_S = 30.0
STATUS_EVERY_S = 2.0
RETRY_S = 60.0
DISK_EVERY_S = 5.0
DISK_WARN_BYTES = 2 << 30  # four times what new orders need: time to make room
BREATH_S = 0.005  # between two pieces of pruning: appends get in
QUIET_MS = 15_000  # followers may be silent so long while they start

log = structlog.get_logger("tidegate.upkeep")


class Stopped(Exception):
    """The server stops: leave the rest for the next time."""


class Chore:
    """Something that is done every so often."""

    def __init__(self, name: str, every_s: float, work: Callable[[], None]) -> None:
        self.name = name
        self.error = ""
        self._every_s = every_s
        self._work = work
        self._due_s = 0.0

    def take(self, now_s: float) -> None:
        """Do it if it is due. Raises Stopped only."""
        if now_s < self._due_s:
            return
        self._due_s = now_s + self._every_s
        try:
            self._work()
        except Stopped:
            raise
        except Exception as error:  # noqa: BLE001 -- shown, tried again; the others go on
            self.error = f"{type(error).__name__}: {error}"
            self._due_s = now_s + max(RETRY_S, self._every_s)
            log.warning("chore_failed", chore=self.name, error=self.error)
        else:
            self.error = ""


class ShopUpkeep:
    """One shop's chores."""

    def __init__(
        self, shop: OpenShop, policy: ArchivePolicy, clock: Clock, known: SweptState
    ) -> None:
        self.name = shop.name
        self.shop = shop
        self._reader = SqliteReader(shop.paths.folder, shop.name)
        self.notes = SnapshotNotes(self._reader, shop.paths.snapshots, clock.monotonic_s)
        self.archiving = ShopArchiving(shop.name, shop.paths, shop.journal, self.notes, policy)
        self.retention = Retention(shop.identity, shop.days, known)
        self.disk = ""  # what people should know of it

    def look_at_disk(self) -> None:
        """Say early that room is running out. Raises OSError."""
        free = self.shop.journal.free_bytes()
        self.disk = ""
        if free < DISK_WARN_BYTES:
            self.disk = (
                f"{free >> 20} MiB of disk are free: make room,"
                f" below {LOW_DISK_BYTES >> 20} no new orders are taken"
            )

    def glance(self) -> None:
        """On the loop: the shop's zone and rules as they are now."""
        machine = self.shop.desk.machine
        self.shop.days.follow(machine.catalogue.zone)
        used = machine.state.rules[: len(machine.catalogue.rules) + 1]
        self.shop.identity.set_period_end(last_limit_day(used, self.shop.days()))

    def status(self) -> ShopUpkeepStatus:
        """What was done."""
        return ShopUpkeepStatus(
            self.archiving.state, self.notes.confirmed_seq, self.retention.state
        )

    def close(self) -> None:
        """Let go of the files."""
        self.archiving.close()
        self._reader.close()


class Upkeep:
    """The chores of a store. `start` on the desk's loop; `stop` before journals are closed."""

    def __init__(
        self,
        root: Path,
        shops: Sequence[OpenShop],
        authenticator: Authenticator,
        clock: Clock,
        policy: ArchivePolicy,
        look_s: float = LOOK_S,
    ) -> None:
        self._root = root
        self._look_s = look_s
        self._clock = clock
        self._authenticator = authenticator
        self._stopping = threading.Event()
        self._began_ms = clock.now_ms()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._glancing: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._run, name="upkeep", daemon=True)
        self._tellers: dict[str, list[Callable[[], str]]] = {}
        known = read_upkeep(root).shops
        self.shops = [
            ShopUpkeep(shop, policy, clock, known.get(shop.name, ShopUpkeepStatus()).swept)
            for shop in shops
        ]
        self.chores = [chore for shop in self.shops for chore in self._chores(shop)]
        self.chores.append(Chore("keys", KEYS_EVERY_S, authenticator.flush_used))
        self.chores.append(Chore("status", STATUS_EVERY_S, self._write_status))

    def tell(self, shop: str, teller: Callable[[], str]) -> None:
        """Ask `teller`, on the loop, what people should know of a shop while orders go on."""
        self._tellers.setdefault(shop, []).append(teller)

    def also(self, chore: Chore) -> None:
        """One more chore, before `start`; in pieces it calls `breathe` between."""
        self.chores.insert(len(self.chores) - 1, chore)

    def breathe(self) -> None:
        """Between two pieces of a chore: others get in. Raises Stopped when the server stops."""
        self._breathe()

    def _chores(self, shop: ShopUpkeep) -> list[Chore]:
        return [
            Chore(f"{shop.name}: notes", NOTES_EVERY_S, lambda: self._note(shop)),
            Chore(f"{shop.name}: disk", DISK_EVERY_S, shop.look_at_disk),
            Chore(f"{shop.name}: archive", ARCHIVE_EVERY_S, lambda: self._archive(shop)),
            Chore(f"{shop.name}: sweep", SWEEP_EVERY_S, lambda: shop.retention.step(self._breathe)),
        ]

    def start(self) -> None:
        """Begin."""
        self._loop = asyncio.get_running_loop()
        self.glance()
        self._glancing = self._loop.create_task(self._glance_often())
        self._thread.start()

    async def stop(self) -> None:
        """End the thread within a piece of work; which keys were used is written down."""
        self._stopping.set()
        if self._glancing is not None:
            self._glancing.cancel()
        await asyncio.to_thread(self._thread.join)
        for chore in (Chore("keys", 0, self._authenticator.flush_used),
                      Chore("status", 0, self._write_status)):  # fmt: skip
            chore.take(0.0)
        for shop in self.shops:
            shop.close()

    # -- on the loop -----------------------------------------------------------------------------

    async def _glance_often(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            self.glance()

    def glance(self) -> None:
        """Tell the tables what the rules say now, and readiness what people should know."""
        followers = read_status(self._root)
        now_ms = self._clock.now_ms()
        for shop in self.shops:
            shop.glance()
            remark = self._remark(shop, followers, now_ms)
            if remark != shop.shop.desk.remark:
                log.warning("remark", shop=shop.name, remark=remark or "none any more")
                shop.shop.desk.remark = remark

    def _remark(self, shop: ShopUpkeep, followers: Status, now_ms: int) -> str:
        """What is not as it should be while orders go on; "" when all is."""
        name = shop.name
        found = [shop.disk] if shop.disk else []
        found += [said for tell in self._tellers.get(name, ()) if (said := tell())]
        silent_ms = now_ms - max(followers.written_ms, self._began_ms)
        if silent_ms > QUIET_MS:
            found.append(
                f"the followers' process has said nothing for {silent_ms // 1000} s"
                " (it is started again by itself; see the log): views, trees and snapshots wait"
            )
        elif not followers.is_stale(now_ms):
            found += [fault for fault in followers.faults() if fault.startswith(f"{name}: ")]
        found += [
            f"{chore.name}: {chore.error}"
            for chore in self.chores
            if chore.error and (chore.name.startswith(f"{name}: ") or ": " not in chore.name)
        ]
        return "; ".join(["orders go on", *found]) if found else ""

    # -- on the thread ---------------------------------------------------------------------------

    def _run(self) -> None:
        with contextlib.suppress(Stopped):
            while not self._stopping.wait(self._look_s):
                self.look()

    def look(self) -> None:
        """Do every chore that is due."""
        for chore in self.chores:
            if self._stopping.is_set():
                raise Stopped
            chore.take(self._clock.monotonic_s())

    def _note(self, shop: ShopUpkeep) -> None:
        note = shop.notes.step()
        if note is not None:
            assert self._loop is not None, "start() comes first"
            self._loop.call_soon_threadsafe(shop.shop.desk.note, note)

    def _archive(self, shop: ShopUpkeep) -> None:
        before = shop.archiving.state.journal_first_seq
        shop.archiving.step(read_status(self._root), self._clock.now_ms(), self._breathe)
        after = shop.archiving.state
        if after.journal_first_seq > before > 1:
            log.info("archived", shop=shop.name, **msgspec.structs.asdict(after))

    def _breathe(self) -> None:
        if self._stopping.wait(BREATH_S):
            raise Stopped

    def _write_status(self) -> None:
        shops = {shop.name: shop.status() for shop in self.shops}
        faults = {chore.name: chore.error for chore in self.chores if chore.error}
        write_upkeep(self._root, UpkeepStatus(self._clock.now_ms(), os.getpid(), shops, faults))
