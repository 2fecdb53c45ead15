"""What the journal costs beside the bare disk, and what its settings change: for ADRs and benches.

Always prints raw `fdatasync` of the same minute next to each figure. Never runs by itself:
`python -m tidegate.journal.measure DIRECTORY [SECONDS]` writes one JSON line a figure.
"""

import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tidegate.journal.memory import MemoryJournal, MemoryStore
from tidegate.journal.sqlite import DEFAULTS, SqliteJournal, SqliteSettings
from tidegate.journal.trees import EventTrees

Figures = dict[str, Any]
PAYLOAD_BYTES = 250_000
WARM_S = 0.2
TREE_EVENTS = 200_000
TREE_BATCH = 8000
TREE_EVENT_BYTES = 40


def timed(seconds: float, work: Callable[[], object]) -> Figures:
    """How often `work` ran in about `seconds`, and how long it took."""
    took: list[float] = []
    started = time.perf_counter()
    while time.perf_counter() - started < seconds:
        begun = time.perf_counter()
        work()
        took.append(time.perf_counter() - begun)
    took.sort()
    return {
        "per_s": round(len(took) / sum(took)),
        "p50_ms": round(took[len(took) // 2] * 1e3, 2),
        "p99_ms": round(took[len(took) * 99 // 100] * 1e3, 2),
        "max_ms": round(took[-1] * 1e3, 1),
    }


def raw_appends(directory: Path, size: int, seconds: float, ring_bytes: int = 0) -> Figures:
    """`pwrite` and `fdatasync`; over the same `ring_bytes` again and again, or growing a file."""
    data = os.urandom(size)
    path = directory / "raw"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    at = 0

    def append() -> None:
        nonlocal at
        os.pwrite(descriptor, data, at)
        os.fdatasync(descriptor)
        at += size
        if ring_bytes and at + size > ring_bytes:
            at = 0

    try:
        if ring_bytes:
            os.pwrite(descriptor, bytes(ring_bytes), 0)
            os.fsync(descriptor)
        return timed(seconds, append)
    finally:
        os.close(descriptor)
        path.unlink()


def appends(
    directory: Path, size: int, seconds: float, settings: SqliteSettings = DEFAULTS
) -> Figures:
    """Durable appends to a journal of its own, the log moved into the database meanwhile."""
    place = directory / "journal"
    shutil.rmtree(place, ignore_errors=True)
    journal = SqliteJournal(place, "measure", settings)
    head = journal.claim("measure")
    data = os.urandom(size)

    def append() -> None:
        nonlocal head
        head = journal.append(head.seq, data)

    try:
        timed(WARM_S, append)
        before_s = time.thread_time()
        figures = timed(seconds, append)
        writer_s = time.thread_time() - before_s
        runs = max(1, round(figures["per_s"] * seconds))
        return figures | {"writer_cpu_us": round(writer_s / runs * 1e6)}
    finally:
        journal.close()
        shutil.rmtree(place)


def appends_beside_python(directory: Path, size: int, seconds: float, switch_s: float) -> Figures:
    """As `appends`, while another thread never lets go of the interpreter by itself."""
    stop = threading.Event()

    def spin() -> None:
        count = 0
        while not stop.is_set():
            for number in range(1000):
                count += number

    before_s = sys.getswitchinterval()
    sys.setswitchinterval(switch_s)
    spinner = threading.Thread(target=spin)
    spinner.start()
    try:
        return appends(directory, size, seconds)
    finally:
        stop.set()
        spinner.join()
        sys.setswitchinterval(before_s)


def tree_events(directory: Path) -> Figures:
    """Events a second into the trees, commits included, splitting payloads excluded."""
    journal = MemoryJournal(MemoryStore("measure"))
    head = journal.claim("measure")
    events = [os.urandom(TREE_EVENT_BYTES) for _ in range(TREE_BATCH)]
    for _ in range(TREE_EVENTS // TREE_BATCH):
        head = journal.append(head.seq, b"x")
    path = directory / "trees.db"
    trees = EventTrees(path, "measure", bytes(32), lambda _: events)
    entries = journal.read(1)
    started = time.perf_counter()
    for start in range(0, len(entries), 8):
        trees.take(entries[start : start + 8])
    took_s = time.perf_counter() - started
    trees.close()
    for name in ("", "-wal", "-shm"):
        (directory / f"trees.db{name}").unlink(missing_ok=True)
    return {"events_per_s": round(TREE_EVENTS / took_s)}


def figures(directory: Path, seconds: float) -> Iterator[tuple[str, Figures]]:
    """Everything, one by one; raw appends at the start and at the end."""
    for size in (300, 4000, 30_000, PAYLOAD_BYTES):
        yield f"raw growing {size}", raw_appends(directory, size, seconds)
        yield f"raw again {size}", raw_appends(directory, size, seconds, 64 << 20)
        yield f"append {size}", appends(directory, size, seconds)
    for page_bytes in (4096, 8192, 16384, 32768, 65536):
        for size in (300, PAYLOAD_BYTES):
            settings = SqliteSettings(page_bytes=page_bytes)
            yield f"page {page_bytes} {size}", appends(directory, size, seconds, settings)
    for limit_mib, step_mib in ((8, 8), (16, 8), (64, 4), (64, 8), (64, 64), (256, 16)):
        settings = SqliteSettings(wal_limit_bytes=limit_mib << 20, step_bytes=step_mib << 20)
        name = f"log {limit_mib} MiB in steps of {step_mib}"
        yield name, appends(directory, PAYLOAD_BYTES, seconds, settings)
    for switch_s in (0.005, 0.0005, 0.0001):
        for size in (4000, PAYLOAD_BYTES):
            name = f"beside Python, switch {switch_s * 1e3:g} ms, {size}"
            yield name, appends_beside_python(directory, size, seconds, switch_s)
    yield "trees", tree_events(directory)
    yield "raw growing, end", raw_appends(directory, PAYLOAD_BYTES, seconds)
    yield "raw again, end", raw_appends(directory, PAYLOAD_BYTES, seconds, 64 << 20)


if __name__ == "__main__":
    for found in figures(Path(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else 1.0):
        sys.stdout.write(json.dumps({"what": found[0], **found[1]}) + "\n")
        sys.stdout.flush()
