"""A decoded order as the desk's fixed-width LINE rows.

The same order gives the same bytes, so that a repeat has the same fingerprint. People come in as
tokens only; nothing here looks one up.
"""

import datetime as dt
import struct
from collections.abc import Sequence

from tidegate.http.errors import UNPROCESSABLE, Problem
from tidegate.http.ports import Catalogue
from tidegate.http.schemas import INT32_MAX, Order, OrderLine
from tidegate.record.lines import (
    CONTINUES,
    FACT,
    KEY_KIND_COUNT,
    KEY_KINDS,
    LINE,
    NO_EXCEPTION,
    NO_PROMOTION,
    PAID,
)

ROW = struct.Struct("<QQqQQQQqiiIIIiHHBBBB")
assert ROW.size == LINE.itemsize
_pack = ROW.pack

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MILLISECOND = dt.timedelta(milliseconds=1)
_KIND_BIT = {name: 1 << kind for kind, name in enumerate(KEY_KINDS)}

NO_KEYS = (0,) * KEY_KIND_COUNT


def moment_ms(moment: int | dt.datetime) -> int:
    """UTC milliseconds of a time as it stood in a body."""
    if isinstance(moment, int):
        return moment
    return (moment - _EPOCH) // _MILLISECOND


def verified_mask(order: Order) -> int:
    """Bit k is set when key kind k is given and verified."""
    mask = 0
    for name in order.verified or ():
        mask |= _KIND_BIT[name]
    return mask


def flags_of(order: Order, *, is_fact: bool) -> int:
    """The flags of an order's first row."""
    return (PAID if order.paid is True else 0) | (FACT if is_fact else 0)


def line_rows(
    order: Order,
    order_key: tuple[int, int],
    placed_at_ms: int,
    tokens: Sequence[int],
    channel: int,
    catalogue: Catalogue,
    *,
    is_fact: bool,
) -> bytes:
    """The order's rows. `tokens` stand by kind, 0 = not supplied. Raises Problem for a bad gift.

    A code that the catalogue does not know becomes the number that no guard lets through.
    """
    lines = order.lines
    platform_fen = order.platform_fen or 0
    version = order.pricing_version or 0
    flags = flags_of(order, is_fact=is_fact)
    verified = verified_mask(order) if order.verified else 0
    received_fen = 0
    try:
        for line in lines:
            received_fen += line.receivable_fen  # type: ignore[operator]  # what is none raises
    except TypeError:
        raise half_priced() from None
    mismatch_fen = order.charged_fen + platform_fen - received_fen
    if not -INT32_MAX <= mismatch_fen <= INT32_MAX:
        mismatch_fen = INT32_MAX if mismatch_fen > 0 else -INT32_MAX
    if len(lines) == 1:
        line = lines[0]
        if line.gift_of:
            raise _gift_without_parent(0)
        return _pack(
            *order_key, placed_at_ms, *tokens, line.receivable_fen, platform_fen, mismatch_fen,
            version, 0, catalogue.sku_number(line.sku), line.quantity,
            catalogue.promotion_number(line.promotion) if line.promotion else NO_PROMOTION,
            catalogue.exception_number(line.exception) if line.exception else NO_EXCEPTION,
            channel, 0, flags, verified,
        )  # fmt: skip
    shares = _shares(platform_fen, received_fen, lines)
    rows = []
    for number, line in enumerate(lines):
        gift_of = line.gift_of or 0
        if gift_of > number:
            raise _gift_without_parent(number)
        rows.append(
            _pack(
                *order_key, placed_at_ms, *tokens, line.receivable_fen, shares[number],
                mismatch_fen, version, 0, catalogue.sku_number(line.sku), line.quantity,
                catalogue.promotion_number(line.promotion) if line.promotion else NO_PROMOTION,
                catalogue.exception_number(line.exception) if line.exception else NO_EXCEPTION,
                channel, gift_of, flags, verified,
            )
        )  # fmt: skip
        flags |= CONTINUES
        mismatch_fen = 0
    return b"".join(rows)


def _shares(platform_fen: int, received_fen: int, lines: list[OrderLine]) -> list[int]:
    """The platform's part of each line, in proportion to its money; they add up exactly."""
    if not platform_fen:
        return [0] * len(lines)
    if not received_fen:
        return [platform_fen, *[0] * (len(lines) - 1)]
    shares, sum_fen, before = [], 0, 0
    for line in lines:
        sum_fen += line.receivable_fen  # type: ignore[operator]  # was added before
        upto = platform_fen * sum_fen // received_fen  # rounded down; the last line gets the rest
        shares.append(upto - before)
        before = upto
    return shares


def half_priced() -> Problem:
    """The problem of an order of which some lines have an amount and others none."""
    return Problem(
        UNPROCESSABLE,
        "lines: either all with receivable_fen, or all without, and then with sku and quantity",
        "lines：要么每行都有 receivable_fen，要么都没有（此时只写 sku 和 quantity）",
    )


def _gift_without_parent(number: int) -> Problem:
    return Problem(
        UNPROCESSABLE,
        f"lines[{number}].gift_of: the number of an earlier line, counted from 1",
        f"lines[{number}].gift_of：应为更早一行的行号（从 1 起）",
    )
