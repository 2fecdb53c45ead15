"""One entry of the journal: what one batch decided, as frames behind a small head.

Head, 40 bytes: magic, codec version, engine version, time of the batch (UTC ms), local day, number
of frames. A frame: type, 3 zero bytes, length; then its body, padded to 8 bytes. Nothing is ever
changed in a released version; a new one gets a new number, and old ones stay readable.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from tidegate.record import corrupt
from tidegate.record.columns import line_packer, operation_packer, outcome_packer
from tidegate.record.lines import CONTINUES, Array, LinesMalformed, require_orders

EntryCorrupt = corrupt.EntryCorrupt
EntryTooNew = corrupt.EntryTooNew

MAGIC = b"TGEN"
CODEC_VERSION = 1
CODEC_OLDEST = 1  # versions that this release reads

ORDERS, OPERATIONS, EXPIRED, COMMAND, NOTE = 1, 2, 3, 4, 5

_HEAD = struct.Struct("<4sHHqIIQQ")
_FRAME = struct.Struct("<B3xI")
HEAD_BYTES = _HEAD.size
FRAME_BYTES = _FRAME.size


class EntryHead(NamedTuple):
    """When and by which versions a batch was decided."""

    codec_version: int
    engine_version: int
    now_ms: int
    local_day: int
    frames: int


class Frame(NamedTuple):
    """One frame: its type and its body (8-byte aligned)."""

    kind: int
    body: Array


class EntryWriter:
    """Builds one entry in a buffer that it reuses; `take` gives the bytes as they stand."""

    def __init__(self, size: int = 1 << 20) -> None:
        self._buffer = np.zeros(size, np.uint8)
        self._top = HEAD_BYTES
        self._frames = 0
        self._lines = line_packer()
        self._outcomes = outcome_packer()
        self._operations = operation_packer()

    @property
    def frames(self) -> int:
        """How many frames stand in the entry so far."""
        return self._frames

    def orders(self, lines: Array, outcomes: Array) -> None:
        """Add decided orders: LINE rows and one OUTCOME row an order."""
        start = self._open(self._lines.bound(len(lines)) + self._outcomes.bound(len(outcomes)))
        top = start + self._lines.pack_into(lines, self._buffer[start:])
        top += self._outcomes.pack_into(outcomes, self._buffer[top:])
        self._close(ORDERS, start, top)

    def operations(self, rows: Array, outcomes: Array) -> None:
        """Add decided operations: OPERATION rows and one OUTCOME row each."""
        start = self._open(self._operations.bound(len(rows)) + self._outcomes.bound(len(outcomes)))
        top = start + self._operations.pack_into(rows, self._buffer[start:])
        top += self._outcomes.pack_into(outcomes, self._buffer[top:])
        self._close(OPERATIONS, start, top)

    def expired(self, numbers: Array) -> None:
        """Add the running numbers of orders whose holds ended."""
        self.raw(EXPIRED, np.asarray(numbers, np.uint64).tobytes())

    def raw(self, kind: int, body: bytes) -> None:
        """Add a frame of bytes (commands and notes are encoded by `record.facts`)."""
        start = self._open(len(body) + 8)
        self._buffer[start : start + len(body)] = np.frombuffer(body, np.uint8)
        self._close(kind, start, start + len(body))

    def take(self, now_ms: int, local_day: int, engine_version: int) -> bytes:
        """The entry's bytes; the writer is empty afterwards."""
        _HEAD.pack_into(
            self._buffer.data,
            0,
            MAGIC,
            CODEC_VERSION,
            engine_version,
            now_ms,
            local_day,
            self._frames,
            0,
            0,
        )
        data = self._buffer[: self._top].tobytes()
        self.drop()
        return data

    def drop(self) -> None:
        """Forget what was added."""
        self._top, self._frames = HEAD_BYTES, 0

    def _open(self, size: int) -> int:
        need = self._top + FRAME_BYTES + size + 16
        if need > len(self._buffer):
            larger = np.zeros(2 * need, np.uint8)
            larger[: self._top] = self._buffer[: self._top]
            self._buffer = larger
        return self._top + FRAME_BYTES

    def _close(self, kind: int, start: int, top: int) -> None:
        _FRAME.pack_into(self._buffer.data, start - FRAME_BYTES, kind, top - start)
        end = (top + 7) & ~7
        self._buffer[top:end] = 0
        self._top = end
        self._frames += 1


def aligned(payload: bytes | memoryview) -> Array:
    """The entry's bytes as an 8-byte aligned array (a copy)."""
    return np.array(np.frombuffer(payload, np.uint8))


def read_head(data: Array) -> EntryHead:
    """The head of an entry. Raises EntryCorrupt or EntryTooNew."""
    if len(data) < HEAD_BYTES:
        raise EntryCorrupt("entry is cut short")
    magic, codec, engine, now_ms, day, frames, _, _ = _HEAD.unpack_from(data.data, 0)
    if magic != MAGIC:
        raise EntryCorrupt("entry does not begin with its mark")
    if codec > CODEC_VERSION:
        raise EntryTooNew(f"entry has codec version {codec}; this release reads {CODEC_VERSION}")
    if codec < CODEC_OLDEST:
        raise EntryCorrupt(f"entry has codec version {codec}, older than any released")
    return EntryHead(codec, engine, now_ms, day, frames)


def read_frames(data: Array) -> Iterator[Frame]:
    """The frames of an entry, in order. Raises EntryCorrupt."""
    head = read_head(data)
    top = HEAD_BYTES
    for _ in range(head.frames):
        if top + FRAME_BYTES > len(data):
            raise EntryCorrupt("a frame is cut short")
        kind, size = _FRAME.unpack_from(data.data, top)
        start = top + FRAME_BYTES
        if start + size > len(data):
            raise EntryCorrupt("a frame is cut short")
        yield Frame(kind, data[start : start + size])
        top = (start + size + 7) & ~7
    if top != len(data):
        raise EntryCorrupt("bytes that belong to no frame, or too few")


_LINES = line_packer()
_OUTCOMES = outcome_packer()
_OPERATIONS = operation_packer()


def read_orders(body: Array) -> tuple[Array, Array]:
    """LINE rows and OUTCOME rows of an ORDERS frame."""
    lines, size = _LINES.unpack(body)
    outcomes, more = _OUTCOMES.unpack(body[size:])
    if int(np.count_nonzero(lines["flags"] & CONTINUES == 0)) != len(outcomes):
        raise EntryCorrupt("orders and outcomes do not match")
    if size + more != len(body):
        raise EntryCorrupt("orders have a wrong length")
    try:
        require_orders(lines)
    except LinesMalformed as error:
        raise EntryCorrupt(str(error)) from error
    return lines, outcomes


def read_operations(body: Array) -> tuple[Array, Array]:
    """OPERATION rows and OUTCOME rows of an OPERATIONS frame."""
    rows, size = _OPERATIONS.unpack(body)
    outcomes, more = _OUTCOMES.unpack(body[size:])
    if len(rows) != len(outcomes) or size + more != len(body):
        raise EntryCorrupt("operations and outcomes do not match")
    return rows, outcomes


def read_expired(body: Array) -> Array:
    """Running numbers of an EXPIRED frame."""
    if len(body) % 8 != 0:
        raise EntryCorrupt("expired holds have a wrong length")
    return body.view(np.uint64)
