"""The real server as the demo runs it: a process started, asked, killed and started again.

Always holds: only processes started here are ever signalled, and all of them are gone afterwards.
Never here: anything inside the server; it is run by its command line and asked over HTTP.
"""

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

HOST: Final = "127.0.0.1"
READY_S: Final = 120.0  # a first start compiles the engine
POLL_S: Final = 0.02
STOP_S: Final = 20.0


class ServerFailed(Exception):
    """The server did not come up; the message names the log and quotes its end."""


def free_port() -> int:
    """A port nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


class Server:
    """`tidegate serve` on a store, restartable on the same port."""

    def __init__(self, arguments: Sequence[str], port: int, log: Path) -> None:
        self._command = [sys.executable, "-m", "tidegate.cli.main", *arguments]
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self.port = port

    def start(self) -> float:
        """Start and wait until ready; seconds it took. Raises ServerFailed."""
        started_s = time.monotonic()
        with self._log.open("ab") as log:
            # A session of its own: a SIGKILL reaches the desk and the followers together.
            self._process = subprocess.Popen(
                self._command, stdout=log, stderr=log, start_new_session=True
            )
        self._wait_ready(started_s + READY_S)
        return time.monotonic() - started_s

    def _wait_ready(self, deadline_s: float) -> None:
        while time.monotonic() < deadline_s:
            if self._process is None or self._process.poll() is not None:
                raise ServerFailed(f"the server ended at once; see {self._log}:\n{self._tail()}")
            if self.status("/ready") == http.HTTPStatus.OK:
                return
            time.sleep(POLL_S)
        raise ServerFailed(f"not ready after {READY_S:g} s; see {self._log}:\n{self._tail()}")

    def status(self, path: str) -> int:
        """The status of a GET, 0 while nobody answers."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=5)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            connection.close()

    def kill(self) -> float:
        """SIGKILL to the whole session, as a machine that fails; the moment on the clock."""
        killed_s = time.monotonic()
        self._signal(signal.SIGKILL)
        return killed_s

    def stop(self) -> None:
        """A graceful stop, and SIGKILL for what is still there afterwards."""
        if self._process is None:
            return
        self._signal(signal.SIGTERM, whole_session=False)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_S)
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals, *, whole_session: bool = True) -> None:
        process = self._process
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            if whole_session:
                os.killpg(process.pid, number)
            else:
                process.send_signal(number)
        if number == signal.SIGKILL:
            process.wait()
            self._process = None

    def _tail(self) -> str:
        return self._log.read_bytes()[-2_000:].decode("utf-8", "replace")
