"""A real `tidegate serve` with shops to be watched, and a crowd to come: for tests with processes.

Always the command line and HTTP; only processes started here are signalled.
"""

import copy
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tidegate.demo.server import HOST, Server, free_port
from tidegate.demo.shop_api import CallRefused, ShopApi, command_line
from tidegate.store_paths import ShopPaths, StorePaths
from tidegate.watch.alarm_store import AlarmStore, StoredAlarm
from tidegate.watch.heartbeat import Beat, read_beat

DEADLINE_S = 120.0  # the watch's kernel may have to be compiled
LIST_FEN, WRONG_FEN = 26_000, 1_000
SKUS = tuple("ABCDEF")


class WatchedShop:
    """A shop with six SKUs at 260 yuan and a cost of nothing (somebody's mistake); `at` another
    of the same server.
    """

    def __init__(self, folder: Path, names: tuple[str, ...], *options: str) -> None:
        self.store = folder / "store"
        self.log = folder / "server.log"
        self.names, self.name = names, names[0]
        self.first = self.tidegate("init", "--administrator", "boss")["key"]
        by = ("--as", "boss")
        self.tidegate("operator", "add", "deputy", *by, "--role", "operator", "--role", "approver")
        self.second = self.tidegate("key", "issue", "deputy", *by)["key"]
        self.tidegate("shop", "create", *names)
        self.port = free_port()
        arguments = ("serve", "--store", str(self.store), "--port", str(self.port),
                     "--orders-max", "1000", *options)  # fmt: skip
        self.server = Server(arguments, self.port, self.log)
        self.api = ShopApi(self.port, self.first)
        self.deputy = ShopApi(self.port, self.second)
        self._ids = 0

    def at(self, name: str) -> "WatchedShop":
        """Another shop of the same server."""
        other = copy.copy(self)
        other.name = name
        return other

    @property
    def path(self) -> str:
        """Where its routes are."""
        return f"/v1/shops/{self.name}"

    @property
    def paths(self) -> ShopPaths:
        """Its files."""
        return StorePaths(self.store).shop(self.name)

    def tidegate(self, *arguments: str) -> dict[str, Any]:
        """A command of the store."""
        return command_line(*arguments, "--store", str(self.store))

    def ask(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """A command that asks the server, with the first person's key."""
        environment = {**os.environ, "TIDEGATE_KEY": self.first, "TIDEGATE_SHOP": self.name,
                       "TIDEGATE_SERVER": f"http://{HOST}:{self.port}",
                       "TIDEGATE_STORE": str(self.store)}  # fmt: skip
        return subprocess.run(
            [sys.executable, "-m", "tidegate.cli.main", *arguments],
            capture_output=True, text=True, check=False, env=environment,
        )  # fmt: skip

    def open(self, *, is_watched: bool = True) -> None:
        """Start the server, fill the shops, wait for the watch."""
        self.server.start()
        for shop in map(self.at, self.names):
            self.api.call("PUT", f"{shop.path}/channels/web", {})
            for sku in SKUS:
                body = {"list_price_fen": LIST_FEN, "cost_floor_fen": 0}
                self.api.call("PUT", f"{shop.path}/skus/{sku}", body)
                receipt = {"id": f"stock-{sku}", "sku": sku, "quantity": 100_000}
                self.api.call("POST", f"{shop.path}/stock/receipts", receipt)
            if is_watched:
                self.until(shop.is_watched)

    def close(self) -> None:
        """Stop everything."""
        self.server.stop()

    def beat(self) -> Beat | None:
        """What the watch last said."""
        return read_beat(self.paths.folder)

    def is_watched(self) -> bool:
        """Whether a watch that knows everything so far said so within the last two seconds."""
        beat = self.beat()
        shops = {one["shop"]: one for one in self.api.call("GET", "/ready")["shops"]}
        seq = shops[self.name]["seq"]
        return (
            beat is not None and time.monotonic() - beat.monotonic_s < 2.0 and beat.seq >= seq
            and not beat.lag_entries
        )  # fmt: skip

    def until(self, holds: Callable[[], object], deadline_s: float = DEADLINE_S) -> None:
        """Ask again until it holds."""
        end_s = time.monotonic() + deadline_s
        while not holds():
            assert time.monotonic() < end_s, self.log.read_text()[-2_000:]
            time.sleep(0.02)

    def order(self, unit_fen: int = WRONG_FEN, quantity: int = 1, **more: object) -> str:
        """Place one order; the reason: accepted, or why not."""
        self._ids += 1
        money = unit_fen * quantity
        line = {"sku": SKUS[self._ids % len(SKUS)], "quantity": quantity, "receivable_fen": money}
        body = {
            "id": f"T-{self._ids}", "channel": "web", "placed_at": time.time_ns() // 1_000_000,
            "paid": True, "charged_fen": money, "verified": ["account"],
            "buyer": {"account": f"u{self._ids}"}, "lines": [line | more],
        }  # fmt: skip
        try:
            return str(self.api.call("POST", f"{self.path}/orders", body)["reason"])
        except CallRefused as error:
            text = str(error)
            return str(json.loads(text[text.index("{") :])["reason"])

    def crowd(self, orders_max: int, per_s: float = 78.0) -> list[str]:
        """Orders at the wrong price, so many a second, until the shop is stopped; their reasons."""
        reasons: list[str] = []
        began_s = time.monotonic()
        while len(reasons) < orders_max and "shop_paused" not in reasons:
            reasons.append(self.order())
            time.sleep(max(0.0, began_s + len(reasons) / per_s - time.monotonic()))
        return reasons

    def breaker(self) -> dict[str, Any]:
        """The breaker as the server tells it."""
        return self.api.call("GET", f"{self.path}/breaker")

    def latched(self) -> dict[str, Any]:
        """The shop's switch, once the desk was seen to have it in force."""
        found: list[dict[str, Any]] = []

        def is_in_force() -> bool:
            switches = self.breaker()["switches"]
            found[:] = [one for one in switches if one["scope"] == "shop" and one["in_force"]]
            return bool(found)

        self.until(is_in_force)
        return found[0]

    def alarms(self) -> list[StoredAlarm]:
        """What was kept, oldest first."""
        store = AlarmStore(self.paths.watch)
        try:
            return store.after(0, 1_000)
        finally:
            store.close()

    def break_latch(self) -> None:
        """Make it so that no watch.db can be opened."""
        for suffix in ("", "-wal", "-shm"):
            self.paths.folder.joinpath(f"watch.db{suffix}").unlink(missing_ok=True)
        self.paths.watch.mkdir()

    def break_views(self) -> None:
        """Make views.db something that is no database."""
        for suffix in ("-wal", "-shm"):
            self.paths.folder.joinpath(f"views.db{suffix}").unlink(missing_ok=True)
        self.paths.views.write_bytes(b"no database" * 1_000)
