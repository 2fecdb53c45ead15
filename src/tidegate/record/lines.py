"""The fixed-width rows that go into the engine and come out of it: one line of an order, one
operation, one outcome.

The same 96 bytes are the packed door's wire format, the engine's input and the source of the
journal's columns, so an order is laid out once. Little endian throughout. Nothing here holds a
name, a phone number or an address: people appear as random tokens, orders as keyed hashes.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]  # rows of any of the types below, or of the engine's tables

KEY_KINDS = ("account", "phone", "address", "device")
KEY_KIND_COUNT = len(KEY_KINDS)

# LINE flags
CONTINUES = 1  # this line belongs to the same order as the line before
FACT = 2  # a marketplace already took this order: judge it, never refuse it
PAID = 4  # payment is confirmed with the order

LINES_PER_ORDER_MAX = 64
QUANTITY_MAX = 1_000_000
MONEY_FEN_MAX = 1 << 40  # about 11 billion yuan a line

NO_SKU = 0xFFFF_FFFF
NO_PROMOTION = 0
NO_EXCEPTION = 0

LINE = np.dtype(
    [
        ("id_hi", "<u8"),  # keyed 128-bit hash of (channel, id)
        ("id_lo", "<u8"),
        ("placed_at_ms", "<i8"),  # UTC
        ("key0", "<u8"),  # tokens by kind (KEY_KINDS), 0 = not supplied
        ("key1", "<u8"),
        ("key2", "<u8"),
        ("key3", "<u8"),
        ("receivable_fen", "<i8"),  # what the merchant receives for the whole line
        ("platform_fen", "<i4"),  # the part of it that the platform pays, not the buyer
        ("mismatch_fen", "<i4"),  # first line: charged + platform share - sum of receivables
        ("pricing_version", "<u4"),  # of the quote; 0 = no quote
        ("hold_ttl_s", "<u4"),  # unpaid hold; 0 = the shop's policy
        ("sku", "<u4"),  # dense number from the catalogue
        ("quantity", "<i4"),
        ("promotion", "<u2"),  # dense number, 0 = none
        ("exception", "<u2"),  # approved exception, 0 = none
        ("channel", "u1"),  # dense number
        ("gift_of", "u1"),  # 0 = not a gift, else 1 + number of the parent line in the order
        ("flags", "u1"),
        ("verified", "u1"),  # bit k: key k is verified
    ],
)
assert LINE.itemsize == 96


class LinesMalformed(ValueError):
    """LINE rows that are no orders: the door that let them in is at fault."""


def require_orders(lines: Array) -> None:
    """Check that LINE rows are whole orders of at most LINES_PER_ORDER_MAX lines.

    Raises LinesMalformed. What stands in the fields is not looked at: the guards judge that.
    """
    flags = lines["flags"]
    if not np.bitwise_or.reduce(flags) & CONTINUES:
        return
    continues = flags & CONTINUES != 0
    if continues[0]:
        raise LinesMalformed("the first line continues no order")
    starts = np.append(np.flatnonzero(~continues), len(lines))
    if int(np.diff(starts).max()) > LINES_PER_ORDER_MAX:
        raise LinesMalformed(f"an order has more than {LINES_PER_ORDER_MAX} lines")


# OUTCOME flags
DUPLICATE = 1  # this id was decided before; the reason is the original's

OUTCOME = np.dtype(
    [
        ("reason", "u1"),  # domain.reasons.Reason; for a fact, the first guard that failed
        ("flags", "u1"),
        ("rule", "<u2"),  # number of the rule that refused, 0 = none
        ("has", "<u4"),  # what the rule had counted, or the units available (saturating)
        ("mask", "<u4"),  # facts: bit n = guard with reason n failed
        ("short", "<u4"),  # facts: units of the order not covered by stock
    ],
)
assert OUTCOME.itemsize == 16

OPERATION = np.dtype(
    [
        ("id_hi", "<u8"),  # keyed hash of the command's own id
        ("id_lo", "<u8"),
        ("order_hi", "<u8"),
        ("order_lo", "<u8"),
        ("amount_fen", "<i8"),  # payments
        ("quantity", "<i4"),  # 0 = all that is left
        ("line", "<u2"),  # ALL_LINES or the line's number in the order
        ("kind", "u1"),  # OperationKind
        ("flags", "u1"),
    ],
)
assert OPERATION.itemsize == 48
ALL_LINES = 0xFFFF

PAY = 1
CANCEL = 2
SHIP = 3
RETURN = 4  # good: back into stock
RETURN_DEFECTIVE = 5  # not back into stock
RELEASE = 6  # marketplace order: may go to the warehouse
HOLD = 7  # marketplace order: kept back by a person
EXTEND = 8  # unpaid hold: quantity = seconds from now
OPERATION_KINDS = (
    "",
    "pay",
    "cancel",
    "ship",
    "return",
    "return_defective",
    "release",
    "hold",
    "extend",
)
