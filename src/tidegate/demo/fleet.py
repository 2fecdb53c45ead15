"""The load processes of one act: started together, watched, and all of them waited for.

Always holds: when `run` returns or raises, none of its processes is left. Never here: what they
send; the jobs say that.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from tidegate.demo.job import Job, write_job
from tidegate.demo.progress import Counts, ProgressFile

PROCESSES: Final = 2
LOOK_S: Final = 0.02
DEADLINE_S: Final = 600.0


class LoadFailed(Exception):
    """A load process gave up or ended with an error; the message says which and how."""


class Fleet:
    """Load processes that share one job, each its part."""

    def __init__(self, folder: Path, job: Job, name: str, processes: int = PROCESSES) -> None:
        self._jobs: list[tuple[Path, Job]] = []
        self._progress: list[ProgressFile] = []
        for part in range(processes):
            progress = folder / f"{name}-{part}.progress"
            self._progress.append(ProgressFile.create(progress))
            mine = msgspec.structs.replace(
                job,
                part=part,
                parts=processes,
                answers_file=str(folder / f"{name}-{part}.answers"),
                progress_file=str(progress),
            )
            self._jobs.append((folder / f"{name}-{part}.json", mine))
        self._log = folder / f"{name}.log"

    @property
    def answers(self) -> list[str]:
        """The files with what was heard."""
        return [job.answers_file for _, job in self._jobs]

    def counts(self) -> Counts:
        """All parts together."""
        total = Counts()
        for progress in self._progress:
            total = total.plus(progress.read())
        return total

    def run(self, watch: Callable[[Counts], None]) -> Counts:
        """Run all parts to their end, calling `watch` every LOOK_S. Raises LoadFailed."""
        processes: list[subprocess.Popen[bytes]] = []
        deadline_s = time.monotonic() + DEADLINE_S
        try:
            with self._log.open("wb") as log:
                for path, job in self._jobs:
                    write_job(path, job)
                    command = [sys.executable, "-m", "tidegate.demo.load", str(path)]
                    processes.append(subprocess.Popen(command, stdout=log, stderr=log))
            while any(process.poll() is None for process in processes):
                if time.monotonic() > deadline_s:
                    raise LoadFailed(f"the load took longer than {DEADLINE_S:g} s")
                time.sleep(LOOK_S)
                watch(self.counts())
        finally:
            for process in processes:
                process.kill()
                process.wait()
        self._check(processes)
        return self.counts()

    def _check(self, processes: Sequence[subprocess.Popen[bytes]]) -> None:
        codes = [process.returncode for process in processes]
        if any(codes):
            tail = self._log.read_bytes()[-2_000:].decode("utf-8", "replace")
            raise LoadFailed(f"load processes ended with {codes}; {self._log}:\n{tail}")
