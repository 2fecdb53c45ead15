"""What `.venv` holds: the stamp that says so, and the lock that lets one set-up run at a time.

Always: nothing counts as installed before its stamp is written, and that is written last. Never
trusts a `.venv` whose set-up was interrupted, whose Python changed, or whose lock file changed.
"""

import contextlib
import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from tidegate.front_door.python import say

LOCKS = {"run": "requirements.lock", "test": "requirements-test.lock"}  # the second holds the first


class Place:
    """One checkout and its `.venv`: where things are, and what the stamp says."""

    def __init__(self, root: str) -> None:
        self.root = Path(root)
        self.venv = self.root / ".venv"
        self.python = self.venv / "bin" / "python"
        self.log = self.venv / "tidegate.log"
        self.stamp_file = self.venv / "tidegate.stamp"
        self.kernel_stamp_file = self.venv / "kernel.stamp"
        self.unfinished_file = (
            self.venv / "tidegate.unfinished"
        )  # there while a set-up is under way
        self.discarded = self.root / ".venv.discarded"  # an old .venv on its way out

    def lock_file(self, level: str) -> Path:
        """The requirements file of a level: `run`, or `test`, which holds everything of `run`."""
        return self.root / LOCKS[level]

    def lock_digest(self, level: str) -> str:
        """SHA-256 of a lock file: a changed lock is a changed installation."""
        return hashlib.sha256(self.lock_file(level).read_bytes()).hexdigest()

    def stamp(self) -> dict[str, str]:
        """What the stamp says; empty where there is none or it cannot be read."""
        try:
            stamp = json.loads(self.stamp_file.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return stamp if isinstance(stamp, dict) else {}

    def write_stamp(self, stamp: dict[str, str]) -> None:
        """Say what is installed, wholly or not at all."""
        beside = self.stamp_file.with_suffix(".new")
        with beside.open("w", encoding="utf-8") as file:
            json.dump(stamp, file, indent=1, sort_keys=True)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self.stamp_file)

    def stamp_for(self, level: str) -> dict[str, str]:
        """The stamp that is true once that level is installed."""
        return {
            "python": os.path.realpath(self.python),
            "run": self.lock_digest("run"),
            level: self.lock_digest(level),
        }

    def is_ready(self, level: str) -> bool:
        """Whether `.venv` holds what the lock of that level says, and its Python is still there."""
        stamp = self.stamp()
        return (
            bool(stamp)
            and self.python.exists()
            and not self.unfinished_file.exists()
            and all(stamp.get(name) == value for name, value in self.stamp_for(level).items())
        )

    def has_moved(self) -> bool:
        """Whether the checkout was moved or copied since `.venv` was made or last followed."""
        return self.stamp().get("root", str(self.root)) != str(self.root)

    @contextlib.contextmanager
    def one_at_a_time(self) -> Iterator[int]:
        """Hold this checkout's set-up; yields the descriptor of the lock, for children to inherit.

        The lock is on `./tidegate` itself, so no file is left behind. A child that outlives us (we
        were killed, its pip goes on) keeps it until it ends, and nobody builds on top of it.
        """
        with (self.root / "tidegate").open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say("tidegate: another ./tidegate is setting up here; waiting for it ...")
                fcntl.flock(file, fcntl.LOCK_EX)
            except OSError:
                say("tidegate: this file system has no locks; start only one set-up at a time.")
            yield file.fileno()
