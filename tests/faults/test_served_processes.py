"""The two processes of `serve`: followers that are killed come back, and a stop leaves nothing out.

Always the real command line on a store of its own; only processes started here are signalled.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tidegate import bootstrap
from tidegate.bootstrap.upkeep_status import read_upkeep
from tidegate.demo.server import HOST, Server, free_port
from tidegate.followers.status import read_status
from tidegate.store_paths import StorePaths

DEADLINE_S = 240.0  # the kernel may have to be compiled, in both processes


def until(holds: Callable[[], bool]) -> None:
    """Ask again until it holds."""
    deadline_s = time.monotonic() + DEADLINE_S
    while not holds():
        assert time.monotonic() < deadline_s, "it never came to hold"
        time.sleep(0.05)


@pytest.fixture
def store() -> Iterator[Path]:
    """A store with one shop and one administrator; a short path: a Unix socket lies in it."""
    with tempfile.TemporaryDirectory(prefix="served-") as folder:
        paths = StorePaths(Path(folder) / "store")
        access = bootstrap.open_access(paths)
        boss = access.operators.create_first_administrator("boss").token
        (Path(folder) / "key").write_text(access.keyring.issue(boss, boss).key)
        access.store.close()
        bootstrap.create_shop(paths.shop("tea"), "tea", "Asia/Shanghai")
        yield paths.root


def last_used_days(store: Path) -> list[int | None]:
    """Of every key."""
    access = bootstrap.open_access(StorePaths(store))
    try:
        return [key.last_used_day for key in access.keyring.working_keys()]
    finally:
        access.store.close()


def asked(port: int, key: str) -> int:
    """The status of a request with that key."""
    connection = HTTPConnection(HOST, port, timeout=10)
    try:
        connection.request("GET", "/metrics", headers={"Authorization": f"Bearer {key}"})
        return connection.getresponse().status
    finally:
        connection.close()


def test_followers_that_are_killed_come_back_and_a_stop_is_complete(store: Path) -> None:
    log = store.parent / "server.log"
    arguments = ("serve", "--store", str(store), "--orders-max", "1000", "--keep-entries", "5")
    port = free_port()
    server = Server((*arguments, "--port", str(port)), port, log)
    server.start()
    try:
        until(lambda: read_status(store).of("tea", "trees") is not None)
        first = read_status(store).process_id
        os.kill(first, signal.SIGKILL)
        until(lambda: read_status(store).process_id != first)
        assert '"event": "process_ended"' in log.read_text()
        assert server.status("/ready") == 200
        until(lambda: read_upkeep(store).shops["tea"].archived.journal_first_seq == 1)
        status = subprocess.run(
            [sys.executable, "-m", "tidegate.cli.main", "status", "--store", str(store),
             "--server", f"http://{HOST}:{port}"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert "tea: takes orders" in status.stdout
        assert "tea: journal from entry 1, archived 归档 to 0 (0 files, 0 MiB)" in status.stdout
        assert "views 0 entries behind" in status.stdout
        assert set(last_used_days(store)) == {None}  # the boss's and the watch's
        assert asked(port, (store.parent / "key").read_text()) == 200
    finally:
        server.stop()
    assert int in {type(day) for day in last_used_days(store)}
    assert read_upkeep(store).faults == {}
    assert read_upkeep(store).shops["tea"].swept.day > 0
