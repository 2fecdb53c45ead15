"""Runs journal scenarios on a faulty disk, each in a fork of its own. Led by JSON lines.

Always says what was acknowledged before it goes on. Started with the faulty disk preloaded.
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tidegate.journal import recovery, sqlite, store
from tidegate.journal.protocol import JournalError, StoreFull
from tidegate.journal.sqlite import SqliteJournal, SqliteSettings
from tidegate.testing.faulty_disk import Fault, arm, operations

STREAM = "shop-1"
SMALL = SqliteSettings(page_bytes=4096, wal_limit_bytes=60_000, step_bytes=20_000, reserve_bytes=0)


def payload(seq: int, run: int) -> bytes:
    """What entry `seq` holds when this run wrote it: pages of it tell where they belong."""
    return b"%06d/%02d " % (seq, run) * (50 + 700 * (seq % 2))


def append_some(case: dict[str, Any], say: Callable[..., None]) -> None:
    """Claim, append, close; what is acknowledged is said at once."""
    journal = SqliteJournal(Path(case["directory"]), STREAM, SMALL)
    try:
        head = journal.claim(f"run {case['run']}")
        say("ok", head.seq, head.hash.hex())
        for _ in range(case["appends"]):
            try:
                head = journal.append(head.seq, payload(head.seq + 1, case["run"]))
            except StoreFull:
                say("full", head.seq)
                continue
            say("ok", head.seq, head.hash.hex())
        if case.get("crash"):
            os._exit(0)
    finally:
        journal.close()


def take_guard_away() -> None:
    """For the control test: a restart that believes what it reads after a failed sync."""
    sqlite.rewrite_wal = lambda _: None
    recovery.rewrite_wal = lambda _: None
    store.mark_unsafe = sqlite.mark_unsafe = lambda *_: None


def run_case(case: dict[str, Any], output: int) -> None:
    """One scenario, in the forked child."""

    def say(*words: object) -> None:
        os.write(output, (" ".join(map(str, words)) + "\n").encode())

    arm(Path(case["directory"]), Path(case["image"]), Fault(*case["fault"]))
    if case.get("no_guard"):
        take_guard_away()
    try:
        append_some(case, say)
        say("end", *operations())
    except JournalError as error:
        say("error", type(error).__name__)


def main() -> None:
    """A case a line; answers end with an empty line."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            run_case(json.loads(line), sys.stdout.fileno())
            os._exit(0)
        os.waitpid(child, 0)
        os.write(sys.stdout.fileno(), b"\n")


if __name__ == "__main__":
    main()
