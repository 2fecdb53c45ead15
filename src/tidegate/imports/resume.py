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
        self._defined = b""
        self._file: int | None = None

    def begun(self) -> bytes | None:
        """What an earlier run noted when it began; None where there was none.

        Raises ImportRefused where it ran under other options.
        """
        if not self.path.exists():
            return None
        first = self._lines()[:1]
        if not first:
            return None
        self._defined = self._check(first[0])
        return self._defined

    def begin(self, defined: bytes) -> None:
        """Start a new file that notes which items this import defines, one byte each."""
        self._defined = defined
        self.restart([])

    def settled(self) -> Iterator[Settled]:
        """Steps settled by an earlier run, in order."""
        for number, line in enumerate(self._lines()[1:]):
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
        defined = base64.b64encode(self._defined).decode()
        text = [json.dumps(self._header | {"defined": defined}).encode()]
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

    def _lines(self) -> list[bytes]:
        return self.path.read_bytes().split(b"\n")[:-1]  # what follows the last is empty, or torn

    def _check(self, line: bytes) -> bytes:
        try:
            header = json.loads(line)
            defined = base64.b64decode(header.pop("defined"), validate=True)
        except (ValueError, KeyError, AttributeError, TypeError):
            raise ImportRefused(f"{self.path} is not a progress file; move it away") from None
        if header != self._header:
            raise ImportRefused(
                f"{self.path} belongs to an import of this file with other options "
                f"({header.get('options')}, now {self._header['options']}). Repeat those "
                "options; decisions that were made stay as they are."
            )
        return defined


def _line(entry: Settled) -> bytes:
    return b"%d %s" % (entry.step, base64.b64encode(entry.reasons))
