"""The process that `tidegate serve` starts with: it keeps the desk, followers and watch running.

When the desk ends, for whatever reason, the supervisor ends too: who started it decides what then,
and a desk that could not keep its word must not come back by itself in a loop. Followers and a
watch that end are started again after a growing while, and orders never wait for that.
"""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable

import structlog

log = structlog.get_logger("tidegate.serving")

FOLLOWERS_AFTER_S = 1.0  # first the desk opens its shops, with the processors to itself
RESTART_FIRST_S = 1.0
RESTART_MAX_S = 60.0
STEADY_S = 60.0  # who lived so long is started again at once
LOOK_S = 0.2
STOP_S = 40.0

SUPERVISOR = "TIDEGATE_SUPERVISOR"  # its process number, for the two that it starts

Start = Callable[[], "subprocess.Popen[bytes]"]


class Restarted:
    """One process that is started again whenever it ends, each time after a longer while."""

    def __init__(
        self, name: str, start: Start, monotonic_s: Callable[[], float], after_s: float = 0.0
    ) -> None:
        """`after_s`: how long from now it is first started."""
        self.name = name
        self.process: subprocess.Popen[bytes] | None = None
        self._start = start
        self._monotonic_s = monotonic_s
        self._began_s = monotonic_s()
        self._due_s = self._began_s + after_s
        self._failures = 0

    def look(self) -> None:
        """Notice its end, start it when that is due. Never waits."""
        now_s = self._monotonic_s()
        if self.process is not None and self.process.poll() is not None:
            self._ended(now_s, f"code {self.process.returncode}")
        if self.process is None and now_s >= self._due_s:
            try:
                self.process = self._start()
            except OSError as error:  # no memory, no room for one more process
                self._ended(now_s, str(error))
                return
            self._began_s = now_s

    def _ended(self, now_s: float, why: str) -> None:
        self.process = None
        if now_s - self._began_s >= STEADY_S:
            self._failures = 0
        wait_s = min(RESTART_MAX_S, RESTART_FIRST_S * 2.0 ** min(self._failures, 16))
        self._failures += 1
        self._began_s, self._due_s = now_s, now_s + wait_s
        log.error(
            "process_ended",
            process=self.name,
            why=why,
            failures=self._failures,
            started_again_in_s=wait_s,
        )


class Supervisor:
    """Starts the processes, hands signals on, restarts those that follow."""

    def __init__(
        self, command: Callable[[str], list[str]], beside: tuple[str, ...] = ("followers",)
    ) -> None:
        """`command` gives the command line of the process with a role; `beside` the desk."""
        self._command = command
        self._beside = beside
        self._stopping = threading.Event()

    def run(self) -> int:
        """Until the desk ends; its exit code."""
        desk = self._start("desk")
        beside = [self._restarted(role) for role in self._beside]
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop(desk))
        while desk.poll() is None:
            if not self._stopping.is_set():
                for one in beside:
                    one.look()
            with contextlib.suppress(subprocess.TimeoutExpired):
                desk.wait(LOOK_S)
        end_all([one.process for one in beside if one.process is not None])
        return desk.returncode

    def _restarted(self, role: str) -> Restarted:
        return Restarted(role, lambda: self._start(role), time.monotonic, FOLLOWERS_AFTER_S)

    def _start(self, role: str) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            self._command(role), env={**os.environ, SUPERVISOR: str(os.getpid())}
        )

    def _stop(self, desk: "subprocess.Popen[bytes]") -> None:
        self._stopping.set()
        if desk.poll() is None:
            desk.send_signal(signal.SIGTERM)


def end_all(processes: "list[subprocess.Popen[bytes]]") -> None:
    """Ask processes to end, all at once, and make them after a while."""
    for process in processes:
        if process.poll() is None:
            process.terminate()
    for process in processes:
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()


def die_with_parent() -> None:
    """End this process when its supervisor is gone: nobody would stop it otherwise.

    The supervisor says who it is: it may be gone before this process can ask.
    """
    parent = int(os.environ.get(SUPERVISOR) or os.getppid())

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()
