"""A feed's order as LINE rows of a fact, and what is kept of its content to notice a change.

Always: the same content gives the same print. Never: a value of a person is packed; keys come in as
tokens, recipients as keyed hashes.
"""

import hashlib
import struct
from collections.abc import Sequence

from tidegate.channels.feed_order import FeedOrder
from tidegate.record.lines import CONTINUES, FACT, LINE, NO_EXCEPTION, NO_PROMOTION, PAID

PRINT_BYTES = 16
INT32_MAX = 2**31 - 1
_pack = struct.Struct("<QQqQQQQqiiIIIiHHBBBB").pack
assert struct.calcsize("<QQqQQQQqiiIIIiHHBBBB") == LINE.itemsize
# What `rows_print` takes: receivable, platform's share, mismatch; SKU, units, promotion.
_fields = dict(LINE.fields or {})
assert [_fields[name][1] for name in ("receivable_fen", "pricing_version", "sku", "exception")] == [
    56, 72, 80, 90,
]  # fmt: skip


def content_print(order: FeedOrder) -> bytes:
    """What an order's number stands for: its lines and money, not its status or buyer."""
    parts = [f"{order.charged_fen} {order.platform_fen}"]
    parts += [
        f"{line.item}\0{line.quantity} {line.receivable_fen}\0{line.promotion}"
        for line in order.lines
    ]
    text = "\1".join(parts).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, digest_size=PRINT_BYTES).digest()


def rows_print(rows: bytes) -> bytes:
    """What LINE rows sell and for how much: SKUs, units, money and promotions, not who buys."""
    size = LINE.itemsize
    said = [rows[at + 56 : at + 72] + rows[at + 80 : at + 90] for at in range(0, len(rows), size)]
    return hashlib.blake2b(b"".join(said), digest_size=PRINT_BYTES).digest()


def due_fen(order: FeedOrder) -> int:
    """What the buyer pays for all lines: the amount of a later payment."""
    return sum(
        max(0, line.receivable_fen - share)
        for line, share in zip(order.lines, platform_shares(order), strict=True)
    )


def platform_shares(order: FeedOrder) -> list[int]:
    """The platform's part of each line, in proportion to its money; they add up exactly."""
    total_fen = sum(line.receivable_fen for line in order.lines)
    if not order.platform_fen or not total_fen:
        return [order.platform_fen] + [0] * (len(order.lines) - 1)
    shares, upto_fen, before = [], 0, 0
    for line in order.lines:
        upto_fen += line.receivable_fen
        upto = order.platform_fen * upto_fen // total_fen  # rounded down; the last takes the rest
        shares.append(upto - before)
        before = upto
    return shares


def fact_rows(
    order: FeedOrder,
    key: tuple[int, int],
    channel: int,
    skus: Sequence[int],
    promotions: Sequence[int],
    tokens: Sequence[int],
    verified: int,
) -> bytes:
    """The rows, 96 bytes a line.

    `tokens` stand by kind, 0 = not known; `skus` and `promotions` by line.
    """
    flags = FACT | (PAID if order.status != "unpaid" else 0)
    received_fen = sum(line.receivable_fen for line in order.lines)
    mismatch_fen = order.charged_fen + order.platform_fen - received_fen
    mismatch_fen = max(-INT32_MAX, min(INT32_MAX, mismatch_fen))
    rows = []
    for number, (line, share) in enumerate(zip(order.lines, platform_shares(order), strict=True)):
        rows.append(
            _pack(
                *key, order.placed_at, *tokens, line.receivable_fen, share, mismatch_fen, 0, 0,
                skus[number], line.quantity, promotions[number] if line.promotion else NO_PROMOTION,
                NO_EXCEPTION, channel, 0, flags, verified,
            )
        )  # fmt: skip
        flags |= CONTINUES
        mismatch_fen = 0
    return b"".join(rows)
