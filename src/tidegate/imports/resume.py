"""How far an import got: one small append-only file, named after the imported file's SHA-256.

It holds answers (one byte each) and a position, never a line of the imported file. It may be lost
or torn at its end: what it does not hold is asked of the desk again, whose ids make that safe.
"""

import base64
import binascii
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tidegate.imports.refusal import ImportRefused

VERSION = 1


@dataclass(frozen=True)
class Settled:
    """The reasons that one step's parts or lines were answered with."""

    step: int
    reasons: bytes


class ProgressFile:
    """Appends each settled step; reads them back in order, stopping at a torn line."""

    def __init__(self, folder: Path, sha256: str, options: str) -> None:
        self.path = folder / f"{sha256[:16]}.import"
        self._header = {"version": VERSION, "sha256": sha256, "options": options}
        self._file: int | None = None

    def settled(self) -> Iterator[Settled]:
        """Steps settled by an earlier run, in order. Raises ImportRefused where options differ."""
        if not self.path.exists():
            return
        lines = self.path.read_bytes().split(b"\n")[:-1]  # the last is empty, or torn
        if not lines:
            return
        self._check(lines[0])
        for number, line in enumerate(lines[1:]):
            try:
                step, _, packed = line.partition(b" ")
                found = Settled(int(step), base64.b64decode(packed, validate=True))
            except (ValueError, binascii.Error):
                return
            if found.step != number:
                return
            yield found

    def restart(self, kept: list[Settled]) -> None:
        """Write the file anew with the steps that are kept, and leave it open for more."""
        self.close()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        text = [json.dumps(self._header).encode()]
        text += [_line(entry) for entry in kept]
        temporary = self.path.with_suffix(".new")
        temporary.write_bytes(b"\n".join(text) + b"\n")
        temporary.replace(self.path)
        self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND)

    def add(self, entries: list[Settled]) -> None:
        """Append settled steps. Not synced: losing the tail only means asking again."""
        assert self._file is not None, "restart() opens the file"
        if entries:
            os.write(self._file, b"".join(_line(entry) + b"\n" for entry in entries))

    def close(self) -> None:
        """Close the file; what it holds stays for the next run."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _check(self, line: bytes) -> None:
        try:
            header = json.loads(line)
        except ValueError:
            raise ImportRefused(f"{self.path} is not a progress file; move it away") from None
        if header != self._header:
            raise ImportRefused(
                f"{self.path} belongs to an import of this file with other options "
                f"({header.get('options')!r}, now {self._header['options']!r}). Repeat those "
                "options, or delete that file to decide the file anew."
            )


def _line(entry: Settled) -> bytes:
    return b"%d %s" % (entry.step, base64.b64encode(entry.reasons))
