"""The packed door's frames, little endian. docs/reference/packed.md is the same in words.

    ask      "TGPK"  u32 kind  u64 tag  u32 rows  u32 zero     then rows × 96 (ORDERS) or 48 bytes
    answer   "TGPA"  u32 status  u64 tag  u32 rows  u32 position  u64 seq     then rows × 16 bytes,
             one OUTCOME an order or operation; or, when status is not 0, `rows` bytes of UTF-8 text

Answers to one connection come in the order of its asks. Nothing here opens a socket.
"""

import struct
from typing import NamedTuple

import numpy as np

from tidegate.record.lines import (
    ALL_LINES,
    CONTINUES,
    EXTEND,
    FACT,
    KEY_KIND_COUNT,
    LINES_PER_ORDER_MAX,
    MONEY_FEN_MAX,
    PAID,
    QUANTITY_MAX,
    Array,
)

ASK = struct.Struct("<4sIQII")
ANSWER = struct.Struct("<4sIQIIQ")
ASK_MAGIC, ANSWER_MAGIC = b"TGPK", b"TGPA"

HELLO, ORDERS, OPERATIONS = 0, 1, 2
DECIDED, BUSY, UNREADY, UNDECIDED, REFUSED = 0, 1, 2, 3, 4

ROWS_MAX = 1 << 14
CLOCK_SKEW_MS = 300_000


class Ask(NamedTuple):
    """The head of an ask."""

    kind: int
    tag: int
    rows: int


class FrameRefused(ValueError):
    """A frame that breaks the format; the connection is closed after saying so."""


def read_ask(head: bytes | memoryview) -> Ask:
    """The head of an ask. Raises FrameRefused."""
    magic, kind, tag, rows, zero = ASK.unpack(head)
    if magic != ASK_MAGIC or zero != 0:
        raise FrameRefused("a frame must begin with TGPK and end its head with zero")
    if kind not in (HELLO, ORDERS, OPERATIONS) or rows > ROWS_MAX or (rows == 0):
        raise FrameRefused(f"kind {kind} with {rows} rows: kinds are 0-2, rows 1 to {ROWS_MAX}")
    return Ask(kind, tag, rows)


def orders_fault(rows: Array, now_ms: int) -> str:
    """Why LINE rows cannot be taken, in words; "" when they can.

    Bounds only: whether an order may be accepted is the engine's to say.
    """
    begins = rows["flags"] & CONTINUES == 0
    if not begins[0]:
        return "the first row continues an order that is not there"
    starts = np.flatnonzero(begins)
    if int(np.diff(np.append(starts, len(rows))).max()) > LINES_PER_ORDER_MAX:
        return f"an order has more than {LINES_PER_ORDER_MAX} lines"
    checks = (
        (rows["flags"] & ~np.uint8(CONTINUES | FACT | PAID), "unknown flags"),
        ((rows["quantity"] < 1) | (rows["quantity"] > QUANTITY_MAX), "quantity"),
        ((rows["receivable_fen"] < 0) | (rows["receivable_fen"] > MONEY_FEN_MAX), "receivable_fen"),
        (rows["platform_fen"].astype(np.int64) > rows["receivable_fen"], "platform_fen"),
        (rows["platform_fen"] < 0, "platform_fen"),
        (rows["gift_of"] > LINES_PER_ORDER_MAX, "gift_of"),
        (rows["placed_at_ms"] > now_ms + CLOCK_SKEW_MS, "placed_at_ms (in the future)"),
        (rows["placed_at_ms"] < 0, "placed_at_ms"),
        (rows["channel"] == 0xFF, "channel"),
        (rows["verified"] >= 1 << KEY_KIND_COUNT, "verified"),
    )
    for bad, name in checks:
        if bad.any():
            return f"row {int(np.flatnonzero(bad)[0])}: {name} is out of bounds"
    return same_order_fault(rows, begins)


def same_order_fault(rows: Array, begins: Array) -> str:
    """Lines of one order must agree on what the order says as a whole."""
    follows = np.flatnonzero(~begins)
    for name in ("id_hi", "id_lo", "channel"):
        if len(follows) and (rows[name][follows] != rows[name][follows - 1]).any():
            return f"lines of one order differ in {name}"
    if len(follows):
        kind = rows["flags"] & (FACT | PAID)
        if (kind[follows] != kind[follows - 1]).any():
            return "lines of one order differ in flags"
    return ""


def operations_fault(rows: Array) -> str:
    """Why OPERATION rows cannot be taken; "" when they can."""
    checks = (
        ((rows["kind"] < 1) | (rows["kind"] > EXTEND), "kind"),
        ((rows["quantity"] < 0) | (rows["quantity"] > QUANTITY_MAX), "quantity"),
        ((rows["amount_fen"] < 0) | (rows["amount_fen"] > 64 * MONEY_FEN_MAX), "amount_fen"),
        ((rows["line"] >= LINES_PER_ORDER_MAX) & (rows["line"] != ALL_LINES), "line"),
        (rows["flags"] != 0, "flags"),  # an override needs a named person: not by this door
    )
    for bad, name in checks:
        if bad.any():
            return f"row {int(np.flatnonzero(bad)[0])}: {name} is out of bounds"
    return ""
