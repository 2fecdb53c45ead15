"""Foreign CPU is what others used, from counters whose values are given here."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tidegate.bench.foreign import CpuTimes, cpu_times, share

TICK_S = 1.0 / os.sysconf("SC_CLK_TCK")


def write_process(
    proc: Path, pid: int, parent: int, used: int, reaped: int = 0, name: str = "a b) c"
) -> None:
    folder = proc / str(pid)
    folder.mkdir()
    fields = ["S", str(parent), *["0"] * 9, str(used), "0", str(reaped), "0", "0"]
    (folder / "stat").write_text(f"{pid} ({name}) {' '.join(fields)}")


def test_counts_the_tree_with_reaped_children_and_kernel_threads_apart(tmp_path: Path) -> None:
    (tmp_path / "stat").write_text("cpu  500 0 300 9000 10 20 30 40 0 0\ncpu0 1 2 3\n")
    write_process(tmp_path, 2, 0, 1)
    write_process(tmp_path, 7, 2, 50)  # a kernel thread
    write_process(tmp_path, 100, 1, 200, reaped=30)
    write_process(tmp_path, 101, 100, 40)
    write_process(tmp_path, 102, 101, 2)
    write_process(tmp_path, 200, 1, 999)  # a stranger
    seen = cpu_times(100, tmp_path)
    assert seen is not None
    assert seen.busy_s == pytest.approx(850 * TICK_S)
    assert seen.interrupts_s == pytest.approx(50 * TICK_S)
    assert seen.steal_s == pytest.approx(40 * TICK_S)
    assert seen.own_s == pytest.approx(272 * TICK_S)
    assert seen.kernel_threads_s == pytest.approx(50 * TICK_S)


def test_without_proc_the_answer_is_unknown(tmp_path: Path) -> None:
    assert cpu_times(1, tmp_path / "nothing") is None


def test_foreign_is_busy_less_own_as_a_share_of_all_cores() -> None:
    before = CpuTimes(10.0, 100.0, 5.0, 0.0, 20.0, 1.0)
    after = CpuTimes(12.0, 103.0, 5.2, 0.4, 21.0, 1.2)
    seen = share(before, after, cores=2)
    assert seen.as_dict() == {
        "foreign": 0.5,
        "kernel": 0.1,
        "own": 0.25,
        "steal": 0.1,
        "interval_s": 2.0,
    }


def test_more_own_than_busy_by_rounding_is_no_foreign_cpu() -> None:
    before = CpuTimes(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    after = CpuTimes(1.0, 0.99, 0.0, 0.0, 1.0, 0.0)
    assert share(before, after, cores=1).foreign == 0.0


@pytest.mark.skipif(not os.path.exists("/proc/stat"), reason="needs /proc")
def test_a_child_that_burnt_processor_time_and_ended_counts_as_own() -> None:
    before = cpu_times()
    burn = "import time\nwhile time.process_time() < 0.3: pass"
    subprocess.run([sys.executable, "-c", burn], check=True)
    after = cpu_times()
    assert before is not None
    assert after is not None
    assert after.own_s - before.own_s >= 0.29
