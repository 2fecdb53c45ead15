"""Counters that a load process shares with the demo while it runs: one small mapped file.

Always holds: one process writes, any other may read at any time. Never here: anything a verdict
rests on; the judge reads the answers instead.
"""

import mmap
import struct
from pathlib import Path
from typing import Final, NamedTuple

_LAYOUT: Final = struct.Struct("<8Q")


class Counts(NamedTuple):
    """How far one load process, or all of them together, have come."""

    answered: int = 0
    accepted: int = 0
    refused: int = 0
    duplicates: int = 0
    other: int = 0  # answers that are none of these
    busy: int = 0  # 503: repeated with the same id
    lost: int = 0  # connection gone: repeated with the same id
    finished: int = 0  # 1 = everything answered, 2 = gave up

    def plus(self, other: "Counts") -> "Counts":
        """Both together."""
        return Counts(*(a + b for a, b in zip(self, other, strict=True)))


class ProgressFile:
    """The mapped counters; `create` by the demo, `publish` by the load process."""

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), _LAYOUT.size)

    @classmethod
    def create(cls, path: Path) -> "ProgressFile":
        """A new file with every counter at zero."""
        path.write_bytes(bytes(_LAYOUT.size))
        return cls(path)

    def publish(self, counts: Counts) -> None:
        """Overwrite the counters."""
        _LAYOUT.pack_into(self._map, 0, *counts)

    def read(self) -> Counts:
        """The counters as last published; a torn read shows a number of a moment ago."""
        return Counts(*_LAYOUT.unpack_from(self._map, 0))
