"""`tidegate serve` on bad days: what it cannot serve, signals, a part of it that is killed.

The real processes; every wait polls with a deadline. What cannot be served is said in one line that
names what to do, with exit code 2 and no traceback.
"""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tidegate import bootstrap
from tidegate.bench.kill_judge import orders_for
from tidegate.bench.served_shop import ServedShop
from tidegate.packed.client import PackedClient
from tidegate.record.lines import DUPLICATE
from tidegate.store_paths import StorePaths

DEADLINE_S = 60.0


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path: a Unix socket lies in it."""
    with tempfile.TemporaryDirectory(prefix="serve-") as name:
        yield Path(name)


def make_store(root: Path) -> StorePaths:
    """A store with one shop."""
    access = bootstrap.open_access(bootstrap.new_store(root))
    access.operators.create_first_administrator("chief")
    access.store.close()
    paths = StorePaths(root)
    bootstrap.create_shop(paths.shop("own"), "own", "Asia/Shanghai")
    return paths


def said(root: Path, *more: str) -> tuple[int, list[str]]:
    """Exit code and lines of a server that cannot serve; its log's lines left out."""
    done = subprocess.run(
        [sys.executable, "-m", "tidegate.cli.main", "serve", "--store", str(root), *more],
        capture_output=True, text=True, timeout=DEADLINE_S, check=False,
    )  # fmt: skip
    lines = (done.stdout + done.stderr).splitlines()
    return done.returncode, [line for line in lines if not line.startswith("{")]


def require_one_line(found: tuple[int, list[str]], *parts: str) -> None:
    code, lines = found
    assert (code, len(lines)) == (2, 1), lines
    assert lines[0].startswith("tidegate: ")
    for part in parts:
        assert part in lines[0]


def until(condition: Callable[[], bool], what: str) -> None:
    """Poll with a deadline."""
    until_s = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < until_s, what
        time.sleep(0.02)


def children(process_id: int) -> dict[str, int]:
    """The processes of a supervisor, by role."""
    found = {}
    listed = Path(f"/proc/{process_id}/task/{process_id}/children").read_text("utf-8")
    for child in listed.split():
        words = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
        if b"--role" in words:
            found[words[words.index(b"--role") + 1].decode()] = int(child)
    return found


@pytest.mark.parametrize("there", ["nothing", "folder", "file"])
def test_what_is_no_store_is_not_served_and_stays_as_it_is(folder: Path, there: str) -> None:
    root = folder / "s"
    if there == "folder":
        root.mkdir()
    elif there == "file":
        root.write_text("mine")
    before = sorted(folder.rglob("*"))
    require_one_line(said(root), f"there is no store at {root}", f"tidegate init --store {root}")
    assert sorted(folder.rglob("*")) == before


def test_a_path_too_long_for_the_packed_socket_names_both_ways_out(folder: Path) -> None:
    root = folder / ("x" * 110)
    make_store(root)
    require_one_line(said(root), "at most 107", "--store a shorter path", "--no-packed")


def test_a_port_in_use_and_an_address_that_is_none_are_said_before_a_shop_is_opened(
    folder: Path,
) -> None:
    paths = make_store(folder / "s")
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        require_one_line(
            said(paths.root, "--port", str(port)), f"127.0.0.1 port {port}", "another --port"
        )
    require_one_line(said(paths.root, "--host", "192.0.2.1", "--port", "0"), "another --port or")


@pytest.mark.parametrize("file", ["shops/own/journal.db", "access.db", "shops/own/identity.db"])
def test_a_store_of_a_newer_release_is_not_touched(folder: Path, file: str) -> None:
    paths = make_store(folder / "s")
    process = bootstrap.open_shop(paths, "own")  # makes the identity table
    process.journal.close()
    process.identity.close()
    with sqlite3.connect(paths.root / file) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    require_one_line(
        said(paths.root, "--port", "0"), "99", "release" if file == "access.db" else ""
    )


def test_secrets_that_are_gone_name_what_to_do(folder: Path) -> None:
    paths = make_store(folder / "s")
    for secret in paths.shop("own").secrets.iterdir():
        secret.unlink()
    require_one_line(said(paths.root, "--port", "0"), "secrets")


@pytest.fixture
def served(folder: Path) -> Iterator[ServedShop]:
    made = orders_for(400, 26, time.time_ns() // 1_000_000 - 10_000)
    with ServedShop(folder, made.terms) as shop:
        shop.start()
        shop.made = shop.quoted(made.rows)  # type: ignore[attr-defined]
        yield shop


def test_a_second_server_and_the_loss_of_parts(served: ServedShop) -> None:
    """One server for all of it: starting one takes longer than everything that is asked of it."""
    rows = served.made  # type: ignore[attr-defined]
    client = PackedClient(served.store.packed_socket, served.hello)
    client.ask(rows)
    first = client.read().outcomes
    assert len(first) == 400
    found = said(served.folder, "--port", "0")
    require_one_line(found, "is held by process", "stop that process first")
    client.ask(rows)
    assert (client.read().outcomes["flags"] == DUPLICATE).all()  # it never noticed

    supervisor = served._process
    assert supervisor is not None
    until(lambda: "followers" in children(supervisor.pid), "the followers were not started")
    followers = children(supervisor.pid)["followers"]
    os.kill(followers, signal.SIGKILL)
    client.ask(rows)
    again = client.read().outcomes
    assert (again["reason"] == first["reason"]).all()
    until(
        lambda: children(supervisor.pid).get("followers", followers) != followers,
        "the followers were not started again",
    )
    assert served.answers("/ready")

    parts = children(supervisor.pid).values()
    supervisor.send_signal(signal.SIGKILL)
    supervisor.wait()
    until(
        lambda: not any(Path(f"/proc/{part}").exists() for part in parts),
        "a part outlived its supervisor",
    )
    assert not served.store.packed_socket.exists()  # it ended as one that is told to
    client.close()

    served.start()
    client = PackedClient(served.store.packed_socket, served.hello)
    client.ask(rows)
    third = client.read().outcomes
    assert (third["flags"] == DUPLICATE).all()
    assert (third["reason"] == first["reason"]).all()

    process = served._process
    assert process is not None
    for _ in range(2):
        process.send_signal(signal.SIGTERM)
    assert process.wait(DEADLINE_S) == 0
    with pytest.raises(EOFError):
        client.read()
    client.close()
