"""What one load process is told to do: a small JSON file, since processes share no memory.

Always holds: the file is readable by its owner alone, for it carries an API key. Never here: the
crowd itself; the job names the file that holds it.
"""

import os
from pathlib import Path
from typing import Literal

import msgspec

from tidegate.demo.bodies import Terms


class Job(msgspec.Struct, kw_only=True, frozen=True):
    """One process's share of one act."""

    kind: Literal["orders", "sales", "release"]
    host: str
    port: int
    shop: str
    key: str
    crowd_file: str
    answers_file: str
    progress_file: str
    channel: str
    midnight_ms: int
    promotion: str = ""
    exceptions: tuple[str, ...] = ()
    exceptions_from_order: int = 0
    first_attempt: int = 0  # attempts first..last of the crowd, every parts-th from part on
    last_attempt: int = 0
    part: int = 0
    parts: int = 1
    pairs_file: str = ""  # (order, try) rows to send before the attempts
    pairs_kind: int = 0
    tries_again: bool = False  # refused buyers come back with a new id
    connections: int = 48
    depth: int = 2  # requests under way on one connection
    batch_lines: int = 2_000  # sales in one request
    patience_s: float = 180.0  # without any answer for so long it gives up

    def terms(self) -> Terms:
        """What its bodies share."""
        return Terms(
            channel=self.channel,
            midnight_ms=self.midnight_ms,
            promotion=self.promotion,
            exceptions=self.exceptions,
            exceptions_from_order=self.exceptions_from_order,
        )


def write_job(path: Path, job: Job) -> None:
    """Write the job for its owner's eyes only."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(job))


def read_job(path: Path) -> Job:
    """Read a job. Raises msgspec.ValidationError when it is not one."""
    return msgspec.json.decode(path.read_bytes(), type=Job)
