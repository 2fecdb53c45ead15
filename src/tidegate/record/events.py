"""The canonical bytes of each event of an entry: what the per-event trees hash, for ever the same.

    "order 1"      NUL  now_ms i64  local_day u32  lines u32  its LINE rows  its OUTCOME row
    "operation 1"  NUL  now_ms i64  local_day u32  OPERATION row  OUTCOME row
    "expired 1"    NUL  now_ms i64  running number u64
    "command 1" / "note 1"  NUL  now_ms i64  the frame's bytes

Numbers are little endian. An entry's events stand in the order of its frames and rows.
"""

import struct

import numpy as np

from tidegate.record import entry as en
from tidegate.record.lines import CONTINUES, LINE, OUTCOME

_WHEN = struct.Struct("<qI")
_NOW = struct.Struct("<q")
_COUNT = struct.Struct("<I")


def events_of(payload: bytes | memoryview) -> list[bytes]:
    """Every event of an entry, in order. Raises EntryCorrupt or EntryTooNew."""
    data = en.aligned(payload)
    head = en.read_head(data)
    when = _WHEN.pack(head.now_ms, head.local_day)
    now = _NOW.pack(head.now_ms)
    events: list[bytes] = []
    for frame in en.read_frames(data):
        if frame.kind == en.ORDERS:
            events += order_events(frame, when)
        elif frame.kind == en.OPERATIONS:
            rows, outcomes = en.read_operations(frame.body)
            both = rows.tobytes(), outcomes.tobytes()
            events += [
                b"operation 1\0"
                + when
                + both[0][48 * i : 48 * i + 48]
                + both[1][16 * i : 16 * i + 16]
                for i in range(len(rows))
            ]
        elif frame.kind == en.EXPIRED:
            numbers = frame.body.tobytes()
            events += [b"expired 1\0" + now + numbers[i : i + 8] for i in range(0, len(numbers), 8)]
        else:
            name = b"command 1\0" if frame.kind == en.COMMAND else b"note 1\0"
            events.append(name + now + frame.body.tobytes())
    return events


def order_events(frame: en.Frame, when: bytes) -> list[bytes]:
    """One event an order: its lines and its outcome."""
    lines, outcomes = en.read_orders(frame.body)
    starts = np.flatnonzero(lines["flags"] & CONTINUES == 0).tolist()
    ends = [*starts[1:], len(lines)]
    line_bytes, outcome_bytes = lines.tobytes(), outcomes.tobytes()
    events = []
    for i, (start, end) in enumerate(zip(starts, ends, strict=True)):
        rows = line_bytes[LINE.itemsize * start : LINE.itemsize * end]
        outcome = outcome_bytes[OUTCOME.itemsize * i : OUTCOME.itemsize * (i + 1)]
        events.append(b"order 1\0" + when + _COUNT.pack(end - start) + rows + outcome)
    return events
