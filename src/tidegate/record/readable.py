"""An entry's events as plain values, for export and for people's eyes. Decides nothing."""

from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np

from tidegate.domain.reasons import REASON_TEXTS
from tidegate.record import entry as en
from tidegate.record import facts as f
from tidegate.record.lines import ALL_LINES, CONTINUES, DUPLICATE, FACT, OPERATION_KINDS, Array

Event = dict[str, Any]

NAMES = {int(reason): text.name for reason, text in REASON_TEXTS.items()}


def readable_events(payload: bytes | memoryview) -> Iterator[Event]:
    """Every event of an entry, in order. Raises EntryCorrupt or EntryTooNew."""
    data = en.aligned(payload)
    head = en.read_head(data)
    for frame in en.read_frames(data):
        for event in frame_events(frame):
            yield {"at_ms": head.now_ms, **event}


def frame_events(frame: en.Frame) -> Iterator[Event]:
    """The events of one frame."""
    if frame.kind == en.ORDERS:
        yield from order_events(*en.read_orders(frame.body))
    elif frame.kind == en.OPERATIONS:
        yield from operation_events(*en.read_operations(frame.body))
    elif frame.kind == en.EXPIRED:
        for number in en.read_expired(frame.body).tolist():
            yield {"event": "hold_expired", "number": number}
    elif frame.kind == en.COMMAND:
        envelope = f.decode_envelope(frame.body.tobytes())
        yield {
            "event": "command", "reason": name_of(envelope.reason),
            "actor": f"{envelope.actor:016x}", "approver": f"{envelope.approver:016x}",
            "fact": msgspec.to_builtins(envelope.fact),
        }  # fmt: skip
    else:
        yield {"event": "note", **msgspec.to_builtins(f.decode_note(frame.body.tobytes()))}


def order_events(rows: Array, outcomes: Array) -> Iterator[Event]:
    """One event an order, its lines inside."""
    starts = np.flatnonzero(rows["flags"] & CONTINUES == 0).tolist()
    for i, (start, end) in enumerate(zip(starts, [*starts[1:], len(rows)], strict=True)):
        first, outcome = rows[start], outcomes[i]
        yield {
            "event": "sale" if first["flags"] & FACT else "order",
            "order": id_text(first["id_hi"], first["id_lo"]),
            "channel": int(first["channel"]),
            "placed_at_ms": int(first["placed_at_ms"]),
            "lines": [line_of(row) for row in rows[start:end]],
            **outcome_of(outcome),
        }


def line_of(row: Array) -> Event:
    """One line; numbers as the catalogue's facts give them."""
    names = ("sku", "quantity", "receivable_fen", "platform_fen", "promotion", "exception")
    return {name: int(row[name]) for name in names}


def operation_events(rows: Array, outcomes: Array) -> Iterator[Event]:
    """One event an operation."""
    for row, outcome in zip(rows, outcomes, strict=True):
        yield {
            "event": OPERATION_KINDS[int(row["kind"])]
            if row["kind"] < len(OPERATION_KINDS)
            else "",
            "order": id_text(row["order_hi"], row["order_lo"]),
            "amount_fen": int(row["amount_fen"]),
            "quantity": int(row["quantity"]),
            "line": None if row["line"] == ALL_LINES else int(row["line"]),
            **outcome_of(outcome),
        }


def outcome_of(row: Array) -> Event:
    """A verdict in names and numbers."""
    return {
        "reason": name_of(int(row["reason"])),
        "duplicate": bool(row["flags"] & DUPLICATE),
        "rule": int(row["rule"]),
        "has": int(row["has"]),
        "judgement": [name_of(n) for n in range(32) if int(row["mask"]) >> n & 1],
        "short": int(row["short"]),
    }


def name_of(number: int) -> str:
    """A reason's public name."""
    return NAMES.get(number, f"reason {number}")


def id_text(hi: int, lo: int) -> str:
    """A 128-bit hash as 32 hex digits."""
    return f"{int(hi):016x}{int(lo):016x}"
