"""An entry as its parts in columns, each knowing the place of its first event.

Positions count an entry's events as the per-event trees do (`record.events`): one an order, one an
operation, one an expired hold, one a command or note. Running numbers count what the engine
remembers, which is how an expired hold names its order. Nothing here judges.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from tidegate.domain.reasons import Reason
from tidegate.record import entry as en
from tidegate.record import facts as f
from tidegate.record.lines import CONTINUES, LINE, OPERATION, OUTCOME, PAY, Array

PLACE_BITS = 24  # of a place: 23 for the position in its entry, the lowest for "a repeat"
POSITIONS_MAX = 1 << (PLACE_BITS - 1)


class Orders(NamedTuple):
    """Decided orders: LINE rows, an OUTCOME row each, and each order's first line."""

    position: int
    lines: Array
    outcomes: Array
    starts: Array


class Operations(NamedTuple):
    """Decided operations: OPERATION rows and an OUTCOME row each."""

    position: int
    rows: Array
    outcomes: Array


class Expired(NamedTuple):
    """Running numbers of orders whose holds ended."""

    position: int
    numbers: Array


class Told(NamedTuple):
    """A decided command."""

    position: int
    envelope: f.Envelope


class Noted(NamedTuple):
    """A note of the system's own."""

    position: int
    note: f.Note


Part = Orders | Operations | Expired | Told | Noted


class Opened(NamedTuple):
    """One entry of the journal, decoded."""

    seq: int
    now_ms: int
    local_day: int
    parts: list[Part]


def place_of(seq: int, position: int) -> int:
    """Sequence and position as one number, in the order of time; a repeat's is one more."""
    return seq << PLACE_BITS | position << 1


def seq_of(place: int) -> int:
    """The entry of a place."""
    return place >> PLACE_BITS


def position_of(place: int) -> int:
    """The event of a place in its entry."""
    return (place & (1 << PLACE_BITS) - 1) >> 1


def is_repeat(place: int) -> bool:
    """Whether the event at a place was a repeat, which changed nothing."""
    return bool(place & 1)


def opened(seq: int, payload: bytes) -> Opened:
    """Decode a batch's entry. Raises EntryCorrupt or EntryTooNew."""
    data = en.aligned(payload)
    head = en.read_head(data)
    return Opened(seq, head.now_ms, head.local_day, list(_parts(data)))


def load_codecs() -> None:
    """Load what decodes, so that nobody waits for it later; a process calls it before it serves."""
    writer = en.EntryWriter(1 << 12)
    writer.orders(np.zeros(1, LINE), np.zeros(1, OUTCOME))
    writer.operations(np.zeros(1, OPERATION), np.zeros(1, OUTCOME))
    opened(1, writer.take(0, 0, 1))


def _parts(data: Array) -> Iterator[Part]:
    position = 0
    for frame in en.read_frames(data):
        part = _part(frame, position)
        yield part
        position += events_in(part)


def _part(frame: en.Frame, position: int) -> Part:
    if frame.kind == en.ORDERS:
        lines, outcomes = en.read_orders(frame.body)
        starts = np.flatnonzero(lines["flags"] & CONTINUES == 0)
        return Orders(position, lines, outcomes, starts)
    if frame.kind == en.OPERATIONS:
        return Operations(position, *en.read_operations(frame.body))
    if frame.kind == en.EXPIRED:
        return Expired(position, en.read_expired(frame.body))
    if frame.kind == en.COMMAND:
        return Told(position, f.decode_envelope(frame.body.tobytes()))
    if frame.kind == en.NOTE:
        return Noted(position, f.decode_note(frame.body.tobytes()))
    raise en.EntryTooNew(f"frame type {frame.kind} is not known to this release")


def events_in(part: Part) -> int:
    """How many events a part is."""
    if isinstance(part, Orders | Operations):
        return len(part.outcomes)
    return len(part.numbers) if isinstance(part, Expired) else 1


def orders_kept(outcomes: Array) -> Array:
    """Which orders got a running number: accepted for the first time."""
    kept: Array = (outcomes["flags"] == 0) & (outcomes["reason"] == 0)
    return kept


def operations_kept(part: Operations) -> int:
    """How many operations got a running number: accepted, or payments on an order that exists."""
    reasons = part.outcomes["reason"]
    paid = (part.rows["kind"] == PAY) & (reasons != int(Reason.UNKNOWN_ORDER))
    return int(np.count_nonzero((part.outcomes["flags"] == 0) & ((reasons == 0) | paid)))
