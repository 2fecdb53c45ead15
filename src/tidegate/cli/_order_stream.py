"""An order file, as `tidegate import` reads it, for the watch to replay.

Always the sale orders that an import would feed, whole, in the file's own time. Never a shop.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:  # read when a command runs, so that other commands start fast
    from tidegate.watch.evaluate.stream import Stream


def read_stream(file: Path, zone: str, mapping: dict[str, object] | None, seed: int) -> "Stream":
    """The sale orders of a file in time, and what came back. Raises ImportRefused."""
    from tidegate.imports import order_lines, order_prepared
    from tidegate.imports.files import Reading
    from tidegate.watch.evaluate.stream import Return, stream_of

    options = order_prepared.OrderOptions(order_lines.OrderReading(zone))
    prepared = order_prepared.prepare_orders(file, options, Reading(), mapping)
    lines, sales = prepared.lines, prepared.plan.sales
    order = np.repeat(sales.part_order, np.diff(sales.part_first))
    whole = np.cumsum(np.append(0, np.diff(order) != 0)) if len(order) else order
    first = np.unique(whole, return_index=True)[1]
    back = np.flatnonzero(lines.kind == order_lines.RETURN)
    returns = tuple(
        Return(int(lines.sku[row]), -int(lines.quantity[row]), int(lines.time_ms[row]))
        for row in back
    )
    ids = [lines.order_ids[number] for number in order[first].tolist()]
    return stream_of(sales.rows, whole, sales.row_customer, lines.sku_codes, ids, returns, seed)


def ahead_of_utc_ms(zone: str, at_ms: int) -> int:
    """How far a zone is ahead of UTC at a moment. Raises ImportRefused for no such zone."""
    from tidegate.imports.times import shop_zone

    at = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(shop_zone(zone))
    return int((at.utcoffset() or timedelta()).total_seconds() * 1000)
