"""Runs benches round by round, each round in a process of its own, and collects the results.

Rounds of two checkouts that are compared take turns, so both meet the same weather. A round that
overruns its deadline is stopped with all it started. The runner never drops a round because its
figures look bad.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tidegate.bench import echo, probe
from tidegate.bench.figures import BenchSkipped, Round, round_from_json
from tidegate.bench.registry import Bench

SOURCE = Path(__file__).resolve().parents[2]
BESIDE_MAX_AGE_S = 60.0  # "of the same minute"
BESIDE_PROBE_S = 0.5
BESIDE_ECHO_S = 2.0
DONE, SKIPPED, FAILED = "done", "skipped", "failed"

Progress = Callable[[str, float, str], None]  # bench name, share of the whole bench, what happens


@dataclass
class Outcome:
    """What came of one bench."""

    bench: Bench
    status: str = DONE
    reason: str = ""
    rounds: list[Round] = field(default_factory=list)
    against: list[Round] = field(default_factory=list)


@dataclass(frozen=True)
class Options:
    """How to run: quick or full, where to write, what to compare with."""

    quick: bool = False
    seed: int = 1
    folder: Path | None = None  # parent of the scratch folders; None = the temporary folder
    against: Path | None = None  # root of another checkout


class Beside:
    """Raw fdatasync and bare echo, measured anew when the last measurement is over a minute old."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._taken_s = float("-inf")
        self._figures: dict[str, float] = {}

    def figures(self, folder: Path) -> dict[str, float]:
        """The figures of this minute."""
        if self._clock() - self._taken_s > BESIDE_MAX_AGE_S:
            self._figures = self._measure(folder)
            self._taken_s = self._clock()
        return dict(self._figures)

    def _measure(self, folder: Path) -> dict[str, float]:
        small = probe.fdatasync_appends(folder, probe.SMALL_APPEND_BYTES, BESIDE_PROBE_S)
        large = probe.fdatasync_appends(folder, probe.LARGE_APPEND_BYTES, BESIDE_PROBE_S)
        figures = {"fdatasync_4k_per_s": small.per_s, "fdatasync_256k_per_s": large.per_s}
        try:
            seen = echo.measure(echo.PRODUCT_SERVER, folder, BESIDE_ECHO_S)
        except BenchSkipped:
            return figures
        return figures | {"echo_per_s": seen.requests_per_s}


def run(benches: list[Bench], options: Options, progress: Progress) -> list[Outcome]:
    """Run every bench in turn; one that fails or is skipped does not stop the others."""
    if options.against is not None:
        other_source(options.against)
    beside = Beside()
    return [_run_bench(bench, options, beside, progress) for bench in benches]


def other_source(checkout: Path) -> Path:
    """The source folder of another checkout; ValueError where there is no bench to compare with."""
    source = checkout / "src"
    if not (source / "tidegate" / "bench" / "one_round.py").exists():
        raise ValueError(f"{checkout} is no checkout of Tidegate with benches (src/tidegate/bench)")
    return source.resolve()


def scratch_parent(options: Options) -> Path:
    """Where scratch folders go: a named folder, or the temporary one if it is on a disk."""
    if options.folder is not None:
        return options.folder
    from tidegate.bench.machine import VOLATILE, disk

    temporary = Path(tempfile.gettempdir())
    lasting = Path("/var/tmp")  # noqa: S108  kept through reboots, so on a disk where /tmp is not
    if disk(temporary)["filesystem"] in VOLATILE and lasting.is_dir():
        return lasting
    return temporary


def _run_bench(bench: Bench, options: Options, beside: Beside, progress: Progress) -> Outcome:
    outcome = Outcome(bench)
    rounds = 1 if options.quick else bench.rounds
    steps = rounds * (2 if options.against else 1)
    step = 0
    sources = [(SOURCE, outcome.rounds)]
    if options.against is not None:
        sources.append((other_source(options.against), outcome.against))
    for number in range(rounds):
        # Every other time the other one goes first: warm caches favour whoever comes second.
        for source, rounds_of_it in sources if number % 2 == 0 else reversed(sources):
            done_share = step / steps

            def tell(share: float, text: str, done_share: float = done_share) -> None:
                progress(bench.name, done_share + share / steps, text)

            message = _one_round(bench, source, options, beside, tell)
            if "round" in message:
                rounds_of_it.append(round_from_json(message["round"]))
            elif source == SOURCE:
                outcome.status = SKIPPED if "skipped" in message else FAILED
                outcome.reason = message.get("skipped") or message.get("failed", "no result")
                return outcome
            step += 1
    progress(bench.name, 1.0, "done")
    return outcome


def _one_round(
    bench: Bench,
    source: Path,
    options: Options,
    beside: Beside,
    tell: Callable[[float, str], None],
) -> dict[str, Any]:
    with _scratch(options) as folder:
        figures: dict[str, float] = {}
        if bench.beside:
            tell(0.0, "raw disk and bare echo of this minute")
            figures = beside.figures(folder)
        message = _in_process(bench, source, folder, options, tell)
    if "round" in message:
        message["round"]["beside"] = figures
    return message


@contextlib.contextmanager
def _scratch(options: Options) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="tidegate-bench-", dir=scratch_parent(options)))
    folder.chmod(0o711)  # PostgreSQL runs as another user inside
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _in_process(
    bench: Bench,
    source: Path,
    folder: Path,
    options: Options,
    tell: Callable[[float, str], None],
) -> dict[str, Any]:
    seconds = bench.quick_seconds if options.quick else bench.seconds
    arguments = [
        sys.executable, "-m", "tidegate.bench.one_round", bench.module, "--folder", str(folder),
        "--seconds", str(seconds), "--seed", str(options.seed),
    ]  # fmt: skip
    if options.quick:
        arguments.append("--quick")
    process = subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
        env=os.environ | {"PYTHONPATH": str(source)}, start_new_session=True,
    )  # fmt: skip
    overran = threading.Event()

    def overrun() -> None:
        overran.set()
        _end(process)

    timer = threading.Timer(bench.deadline_s, overrun)
    timer.start()
    try:
        message = _listen(process, tell)
        process.wait()
    finally:
        timer.cancel()
        _end(process)
    if overran.is_set():
        return {"failed": f"a round took longer than {bench.deadline_s:.0f} s and was stopped"}
    return message or {"failed": f"the round ended with status {process.returncode}"}


def _listen(
    process: subprocess.Popen[str], tell: Callable[[float, str], None]
) -> dict[str, Any] | None:
    assert process.stdout is not None
    result: dict[str, Any] | None = None
    for line in process.stdout:
        try:
            message: dict[str, Any] = json.loads(line)
        except ValueError:
            continue  # something that a part of the bench printed
        if "progress" in message:
            tell(message["progress"], message["text"])
        else:
            result = message
    return result


def _end(process: subprocess.Popen[str]) -> None:
    """End the round and everything in its process group; nothing happens when it is gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
