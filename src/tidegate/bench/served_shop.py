"""A throw-away store with one shop, served by the product's own `tidegate serve`.

The shop is set up for a workload before the server starts; then the server is started, asked,
killed and started again as a stranger would do it: by its command line and its doors. Nothing here
reaches into the server.
"""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from tidegate import bootstrap
from tidegate.access.secrets import open_secrets
from tidegate.bench.echo import free_port
from tidegate.bootstrap.shops import open_machine
from tidegate.desk.clock import Calendar, SystemClock
from tidegate.engine.machine import Machine
from tidegate.journal.protocol import Head
from tidegate.journal.sqlite import SqliteJournal
from tidegate.record.lines import LINE
from tidegate.store_paths import ShopPaths, StorePaths
from tidegate.testing.shop import channel_code, quoted_now, set_up, sku_code
from tidegate.testing.workload import HOT_PRICE_FEN, Rows, Terms

NAME = "bench"
ZONE = "Asia/Shanghai"
SCOPES = ("orders:write", "orders:read")
HOST = "127.0.0.1"
READY_DEADLINE_S = 240.0  # a first start compiles the engine
STOP_DEADLINE_S = 60.0
POLL_S = 0.005


class ServedShop:
    """Context manager: the store is made, the shop set up; `start` starts the server."""

    def __init__(self, folder: Path, terms: Terms) -> None:
        """The store lies in `folder` itself: a Unix socket's path must be short."""
        self.folder = folder
        self.store = StorePaths(folder)
        self.port = free_port()
        self.pricing_version = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._log = folder / "server.log"
        self.key = self._make_access()
        bootstrap.create_shop(self.paths, NAME, ZONE)
        self._set_up(terms)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def paths(self) -> ShopPaths:
        """The shop's files."""
        return self.store.shop(NAME)

    @property
    def hello(self) -> str:
        """What a front process says to the packed door first."""
        return f"{NAME}:{self.key}"

    def quoted(self, rows: Rows) -> Rows:
        """The rows, quoted at this shop's prices (in place)."""
        rows["pricing_version"] = self.pricing_version
        return rows

    def start(self) -> None:
        """Start the server and return once it says it is ready. Raises RuntimeError."""
        self.launch()
        deadline_s = time.monotonic() + READY_DEADLINE_S
        while not self.answers("/ready"):
            self.require_running()
            if time.monotonic() > deadline_s:
                raise RuntimeError(f"the server was not ready in {READY_DEADLINE_S:.0f} s")
            time.sleep(POLL_S)

    def launch(self) -> None:
        """Start the server and return at once."""
        with self._log.open("ab") as log:
            # A session of its own, so that a kill reaches the desk and the followers together.
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tidegate.cli.main", "serve", "--store", str(self.folder),
                 "--host", HOST, "--port", str(self.port)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def require_running(self) -> None:
        """Raises RuntimeError with the end of the log when the server has ended."""
        if self._process is None or self._process.poll() is not None:
            end = self._log.read_bytes()[-1_500:].decode("utf-8", "replace")
            raise RuntimeError(f"the server ended by itself:\n{end}")

    def answers(self, path: str) -> bool:
        """Whether a GET is answered with 200."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=5)
        try:
            connection.request("GET", path)
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def place_one(self, order_id: str) -> bool:
        """Place one order over HTTP; False while nobody listens or the shop is not ready.

        Raises RuntimeError when it is answered and not accepted.
        """
        body = {
            "id": order_id, "channel": channel_code(0), "placed_at": SystemClock().now_ms(),
            "paid": True, "charged_fen": HOT_PRICE_FEN, "pricing_version": self.pricing_version,
            "verified": ["account"], "buyer": {"account": f"buyer of {order_id}"},
            "lines": [{"sku": sku_code(0), "quantity": 1, "receivable_fen": HOT_PRICE_FEN}],
        }  # fmt: skip
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        connection = http.client.HTTPConnection(HOST, self.port, timeout=READY_DEADLINE_S)
        try:
            connection.request("POST", f"/v1/shops/{NAME}/orders", json.dumps(body), headers)
            answer = connection.getresponse()
            status, text = answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
        if status in {http.HTTPStatus.OK, http.HTTPStatus.CREATED}:
            return True
        if status < http.HTTPStatus.INTERNAL_SERVER_ERROR:
            raise RuntimeError(f"{status}: {text.decode()[:300]}")
        return False

    def place_until_accepted(self, order_id: str, deadline_s: float) -> None:
        """Place an order again and again until it is accepted. Raises RuntimeError."""
        until_s = time.monotonic() + deadline_s
        while not self.place_one(order_id):
            self.require_running()
            if time.monotonic() > until_s:
                raise RuntimeError(f"no answer within {deadline_s:.0f} s")
            time.sleep(POLL_S)

    def kill(self) -> None:
        """SIGKILL to every process of the server."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """Ask the server to end; kill what is left after the deadline."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None

    def _make_access(self) -> str:
        access = bootstrap.open_access(self.store)
        try:
            person = access.operators.create_first_administrator("bench")
            machine = access.operators.create_machine("load", person.token)
            return access.keyring.issue(machine.token, person.token, scopes=SCOPES).key
        finally:
            access.store.close()

    def open_machine(self) -> tuple[Machine, SqliteJournal, Head]:
        """The shop's engine and journal, for this process to use while no server runs."""
        secrets = open_secrets(self.paths.secrets, store_is_new=False)
        journal = SqliteJournal(self.paths.folder, NAME)
        recovered = open_machine(journal, self.paths, secrets, None)
        return recovered.machine, journal, recovered.head

    @property
    def local_day(self) -> int:
        """The shop's own day, as a number."""
        return Calendar(ZONE).day(SystemClock().now_ms())

    def _set_up(self, terms: Terms) -> None:
        """Write the set-up's commands into the journal, as a desk would have."""
        machine, journal, head = self.open_machine()
        try:
            entries = set_up(machine, terms, SystemClock().now_ms(), self.local_day)
            head = journal.claim("bench", head.seq)
            for entry in entries:
                head = journal.append(head.seq, entry)
        finally:
            journal.close()
        probe = np.zeros(1, LINE)
        quoted_now(machine, probe)
        self.pricing_version = int(probe["pricing_version"][0])
