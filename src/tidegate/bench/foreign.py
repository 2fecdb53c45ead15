"""How much of the machine others used while something was measured.

Foreign is what /proc/stat counts as busy less what this process and its descendants used, as a
share of all cores. It never guesses: where /proc is missing, the answer is None. A descendant that
detached itself (its parent became init) counts as foreign, so nothing measured may daemonise, and
an interval ends before a process is killed that has children.
"""

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

PROC = Path("/proc")
KERNEL_THREADS_PARENT = 2  # kthreadd


@dataclass(frozen=True)
class CpuTimes:
    """Seconds of processor time since boot, over all cores."""

    at_s: float  # monotonic
    busy_s: float
    interrupts_s: float  # part of busy: hard and soft interrupts
    steal_s: float  # taken by the hypervisor; not part of busy
    own_s: float
    kernel_threads_s: float  # part of busy: write-back, network and other kernel threads


@dataclass(frozen=True)
class ForeignShare:
    """Shares of all cores over an interval, 0..1. `kernel` is part of `foreign`."""

    foreign: float
    kernel: float  # kernel threads and interrupts: part of it works for us, all counts as foreign
    own: float
    steal: float
    interval_s: float

    def as_dict(self) -> dict[str, float]:
        """For the report, rounded to a tenth of a percent."""
        return {name: round(value, 3) for name, value in self.__dict__.items()}


def cpu_times(root_pid: int | None = None, proc: Path = PROC) -> CpuTimes | None:
    """Read the counters now; None where there is no /proc (not Linux)."""
    try:
        fields = (proc / "stat").read_text(encoding="ascii").splitlines()[0].split()[1:]
    except OSError:
        return None
    tick_s = 1.0 / os.sysconf("SC_CLK_TCK")
    user, nice, system, _idle, _iowait, irq, softirq, steal = (int(f) * tick_s for f in fields[:8])
    own_s, kernel_threads_s = _tree_times(root_pid or os.getpid(), proc, tick_s)
    return CpuTimes(
        at_s=time.monotonic(),
        busy_s=user + nice + system + irq + softirq,
        interrupts_s=irq + softirq,
        steal_s=steal,
        own_s=own_s,
        kernel_threads_s=kernel_threads_s,
    )


def share(before: CpuTimes, after: CpuTimes, cores: int) -> ForeignShare:
    """What happened between two readings of the same root, as shares of `cores` cores."""
    interval_s = max(after.at_s - before.at_s, 1e-6)
    capacity_s = interval_s * cores
    own_s = after.own_s - before.own_s
    foreign_s = max(0.0, after.busy_s - before.busy_s - own_s)
    kernel_s = (after.interrupts_s - before.interrupts_s) + (
        after.kernel_threads_s - before.kernel_threads_s
    )
    return ForeignShare(
        foreign=min(1.0, foreign_s / capacity_s),
        kernel=min(1.0, foreign_s / capacity_s, max(0.0, kernel_s) / capacity_s),
        own=own_s / capacity_s,
        steal=(after.steal_s - before.steal_s) / capacity_s,
        interval_s=interval_s,
    )


class ForeignCpu:
    """Context manager around a measured interval; `.result` afterwards, None where unknown."""

    def __init__(self, root_pid: int | None = None) -> None:
        self._root_pid = root_pid or os.getpid()
        self._before: CpuTimes | None = None
        self.result: ForeignShare | None = None

    def __enter__(self) -> Self:
        self._before = cpu_times(self._root_pid)
        return self

    def __exit__(self, *_: object) -> None:
        after = cpu_times(self._root_pid)
        if self._before is not None and after is not None:
            self.result = share(self._before, after, os.cpu_count() or 1)


def _tree_times(root_pid: int, proc: Path, tick_s: float) -> tuple[float, float]:
    """Seconds used by root and its descendants, reaped children included; by kernel threads."""
    parents: dict[int, int] = {}
    used: dict[int, int] = {}
    reaped: dict[int, int] = {}
    for entry in os.listdir(proc):
        if not entry.isdigit():
            continue
        try:
            text = (proc / entry / "stat").read_text(encoding="ascii", errors="replace")
        except OSError:
            continue  # it ended between the listing and the reading
        fields = text.rpartition(")")[2].split()  # the name may hold spaces and brackets
        pid = int(entry)
        parents[pid] = int(fields[1])
        used[pid] = int(fields[11]) + int(fields[12])
        reaped[pid] = int(fields[13]) + int(fields[14])
    own = sum(used[p] + reaped[p] for p in used if _descends(p, root_pid, parents))
    kernel = sum(used[p] for p in used if parents[p] == KERNEL_THREADS_PARENT)
    return own * tick_s, kernel * tick_s


def _descends(pid: int, root_pid: int, parents: dict[int, int]) -> bool:
    seen = 0
    while pid not in (0, root_pid) and seen < 64:  # a bound: the table is read without a lock
        pid = parents.get(pid, 0)
        seen += 1
    return pid == root_pid
