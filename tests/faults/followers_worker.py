"""Follows a store in processes that are made to be killed; each line of the input starts one.

Always: what takes long to load is loaded once, in the process that reads the lines; it answers each
with the process that it started. Never: two of them at a time, or one that outlives this one.
"""

import os
import sys
import threading
from pathlib import Path

from tidegate.desk.clock import SystemClock
from tidegate.engine.layout import Capacity
from tidegate.engine.warm import warm
from tidegate.followers.process import run_followers
from tidegate.followers.shop import Settings
from tidegate.followers.turns import Pace

AT_ONCE = Pace(0.001)


def follow(store: Path, parent: int) -> None:
    """Follow until killed."""
    settings = Settings(
        Capacity.small(), 500, 0.01, views=AT_ONCE, stock=AT_ONCE, snapshots=AT_ONCE, trees=AT_ONCE
    )
    run_followers(store, threading.Event(), SystemClock(), settings, lambda: os.getppid() == parent)


def main() -> None:
    """`followers_worker.py STORE`."""
    store = Path(sys.argv[1])
    warm()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for _ in sys.stdin:
        parent = os.getpid()
        child = os.fork()  # nothing has started a thread here
        if child == 0:
            sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 -- to the end
            follow(store, parent)
            os._exit(0)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
        os.waitpid(child, 0)
        sys.stdout.write("ended\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
