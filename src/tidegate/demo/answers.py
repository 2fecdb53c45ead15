"""What a load process heard, one line an answer: the only thing the judge believes.

Always holds: a line is written after the answer came, never before. Never here: an opinion about
what the answer should have been.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple


class Heard(NamedTuple):
    """One answer: to which order, which try and kind of sending, when, with what."""

    order: int
    try_number: int
    kind: int  # crowd.FIRST_SENDING, DOUBLE_CLICK, NETWORK_RETRY, or REPEATED_LATER
    heard_ms: int  # CLOCK_MONOTONIC, the same for all processes of one machine
    status: int
    body: bytes  # JSON on one line


REPEATED_LATER = 3  # the audit's own repeat of an id, after the kill


def write_heard(file: BinaryIO, heard: Heard) -> None:
    """Append one line; a line break inside a body would break the format, so it is refused."""
    if b"\n" in heard.body:
        raise ValueError("an answer's body spans several lines")
    file.write(b"%d\t%d\t%d\t%d\t%d\t%b\n" % heard)


def read_heard(path: Path) -> Iterator[Heard]:
    """Every answer of one file in the order in which they came."""
    with path.open("rb") as file:
        for line in file:
            order, try_number, kind, heard_ms, status, body = line.rstrip(b"\n").split(b"\t", 5)
            yield Heard(int(order), int(try_number), int(kind), int(heard_ms), int(status), body)
