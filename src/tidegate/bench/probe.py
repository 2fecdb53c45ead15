"""What the bare machine can do: durable appends, copying memory, hashing.

Durable figures of the product are printed beside these, measured within the same minute. An append
counts only when `fdatasync` has returned; whether the disk kept it through a power cut is not
something a program inside the machine can see.
"""

import hashlib
import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tidegate.bench.figures import HIGHER, LOWER, Context, Round
from tidegate.bench.foreign import ForeignCpu

SMALL_APPEND_BYTES = 4 << 10
LARGE_APPEND_BYTES = 256 << 10


@dataclass(frozen=True)
class AppendRate:
    """Durable appends of one size, one outstanding."""

    append_bytes: int
    per_s: float
    p50_ms: float
    p99_ms: float

    @property
    def mb_per_s(self) -> float:
        """Megabytes (10^6) made durable a second."""
        return self.per_s * self.append_bytes / 1e6


def run(context: Context) -> Round:
    """One round of all probes."""
    result = Round()
    sizes = (("4k", SMALL_APPEND_BYTES), ("256k", LARGE_APPEND_BYTES))
    for step, (label, append_bytes) in enumerate(sizes):
        context.progress(step / 4, f"fdatasync, appends of {label}")
        with ForeignCpu() as cpu:
            rate = fdatasync_appends(context.folder, append_bytes, context.seconds)
        part = f"disk.append_{label}"
        result.add(f"{part}.fdatasync_per_s", rate.per_s, "1/s", HIGHER)
        result.add(f"{part}.p50_ms", rate.p50_ms, "ms", LOWER)
        result.add(f"{part}.p99_ms", rate.p99_ms, "ms", LOWER)
        result.add(f"{part}.mb_per_s", rate.mb_per_s, "MB/s", HIGHER)
        if cpu.result is not None:
            result.foreign[part] = cpu.result.foreign
    context.progress(0.5, "copying memory")
    result.add("memory.copy.gb_per_s", memcpy_gb_per_s(context.seconds / 2), "GB/s", HIGHER)
    context.progress(0.75, "hashing")
    result.add("sha256.chain.gb_per_s", sha256_gb_per_s(context.seconds / 2), "GB/s", HIGHER)
    return result


def quantile(sorted_values: list[float], share: float) -> float:
    """The value that `share` of the sorted values do not exceed (nearest rank)."""
    if not sorted_values:
        raise ValueError("no values")
    rank = max(1, -(-len(sorted_values) * share // 1))
    return sorted_values[min(len(sorted_values), int(rank)) - 1]


def fdatasync_appends(folder: Path, append_bytes: int, seconds: float) -> AppendRate:
    """Append and `fdatasync` over and over for `seconds`; the file is removed afterwards."""
    path = folder / f"probe-{append_bytes}"
    payload = os.urandom(append_bytes)
    sync = getattr(os, "fdatasync", os.fsync)  # macOS has no fdatasync
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    try:
        times: list[float] = []
        started = now = time.perf_counter()
        while now - started < seconds or len(times) < 3:
            os.write(descriptor, payload)
            sync(descriptor)
            later = time.perf_counter()
            times.append(later - now)
            now = later
    finally:
        os.close(descriptor)
        path.unlink()
    times.sort()
    return AppendRate(
        append_bytes=append_bytes,
        per_s=len(times) / (now - started),
        p50_ms=quantile(times, 0.5) * 1e3,
        p99_ms=quantile(times, 0.99) * 1e3,
    )


def memcpy_gb_per_s(seconds: float, block_bytes: int = 64 << 20) -> float:
    """Copy a block larger than the caches over and over, by one thread."""
    source = np.ones(block_bytes, np.uint8)
    target = source.copy()  # touches the pages first
    copies = 0
    started = now = time.perf_counter()
    while now - started < seconds:
        np.copyto(target, source)
        copies += 1
        now = time.perf_counter()
    return copies * block_bytes / (now - started) / 1e9


def sha256_gb_per_s(seconds: float, block_bytes: int = 256 << 10) -> float:
    """Hash blocks of a batch's size, as the journal's chain does."""
    block = os.urandom(block_bytes)
    blocks = 0
    started = now = time.perf_counter()
    while now - started < seconds:
        hashlib.sha256(block).digest()
        blocks += 1
        now = time.perf_counter()
    return blocks * block_bytes / (now - started) / 1e9
