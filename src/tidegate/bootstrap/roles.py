"""`tidegate serve`: a supervisor with three processes under it: desk, followers and watch.

Always: the supervisor loads nothing that only the two need, so that they start at once. Never: a
role is run in the process of another.
"""

import os
import sys
from pathlib import Path
from typing import NamedTuple

from tidegate.bootstrap.stores import existing_store
from tidegate.bootstrap.supervisor import Supervisor, die_with_parent
from tidegate.store_paths import StorePaths

NICENESS = 5  # of the followers: the desk comes first where processors are short


class ServeSettings(NamedTuple):
    """What an operator chooses."""

    store: Path
    host: str = "127.0.0.1"
    port: int = 8080
    packed: bool = True
    orders_max: int = 0  # 0 = as much as the address space allows
    keep_entries: int = 100_000  # that stay in a journal; 0 = nothing is archived
    segment_mib: int = 64  # of an archive's file
    watch: bool = True


def role_command(settings: ServeSettings, role: str) -> list[str]:
    """The command line of one of the processes."""
    return [
        sys.executable, "-m", "tidegate.cli.main", "serve", "--role", role,
        "--store", str(settings.store), "--host", settings.host, "--port", str(settings.port),
        "--orders-max", str(settings.orders_max),
        "--packed" if settings.packed else "--no-packed",
        "--keep-entries", str(settings.keep_entries), "--segment-mib", str(settings.segment_mib),
        "--watch" if settings.watch else "--no-watch",
    ]  # fmt: skip


def serve(settings: ServeSettings, role: str) -> int:
    """Run one role, or all under a supervisor; the exit code.

    Raises NoSuchStore, and what opening a shop raises.
    """
    if role == "both":
        existing_store(settings.store)
        beside = ("followers", "watch") if settings.watch else ("followers",)
        return Supervisor(lambda part: role_command(settings, part), beside).run()
    die_with_parent()
    if role == "followers":
        os.nice(NICENESS)  # before anything is loaded: the desk is loading too
    if role == "watch":
        from tidegate.bootstrap.watching import watch

        watch(StorePaths(settings.store))
        return 0
    from tidegate.bootstrap.serving import DeskProcess, capacity_of

    if role == "followers":
        from tidegate.bootstrap.following import follow

        follow(StorePaths(settings.store), capacity_of(settings))
        return 0
    DeskProcess(settings).run()
    return 0
