"""What one transaction adds, in columns: the events of many entries side by side.

Entries come in order, so minutes and places only rise. Nothing is stored here and nothing judged.
"""

from typing import NamedTuple

import numpy as np

from tidegate.record import facts as f
from tidegate.record.lines import DUPLICATE, Array
from tidegate.views.numbers import NO_KEY
from tidegate.views.parts import (
    POSITIONS_MAX,
    Expired,
    Noted,
    Opened,
    Operations,
    Orders,
    Told,
    operations_kept,
    orders_kept,
    place_of,
)
from tidegate.views.places import keys_of

MINUTE_MS = 60_000


class OrderColumns(NamedTuple):
    """All orders: rows as they were decided, and a key, a place and a minute for each."""

    lines: Array
    outcomes: Array
    starts: Array
    keys: Array
    places: Array
    minutes: Array


class OperationColumns(NamedTuple):
    """All operations, with the key of each one's order, its place and minute."""

    rows: Array
    outcomes: Array
    keys: Array
    places: Array
    minutes: Array


class ToldCommand(NamedTuple):
    """One command with its place and minute."""

    place: int
    minute: int
    envelope: f.Envelope


class _Kept(NamedTuple):
    """A stretch of running numbers: of orders (from and to, in all orders), or of anything else."""

    first: int
    last: int
    others: int


class Gathered:
    """Collects entries; `finish` once, then the columns are there."""

    def __init__(self) -> None:
        self.commands: list[ToldCommand] = []
        self.expired: list[tuple[int, int, Array]] = []  # place of the first, minute, numbers
        self._orders: list[tuple[Orders, int, int]] = []
        self._operations: list[tuple[Operations, int, int]] = []
        self._kept: list[_Kept] = []
        self._order_count = 0

    def add(self, entry: Opened) -> None:
        """Take in one entry."""
        minute = entry.now_ms // MINUTE_MS
        for part in entry.parts:
            place = place_of(entry.seq, part.position)
            if isinstance(part, Orders):
                self._orders.append((part, place, minute))
                count = self._order_count + len(part.outcomes)
                self._kept.append(_Kept(self._order_count, count, 0))
                self._order_count = count
            elif isinstance(part, Operations):
                self._operations.append((part, place, minute))
                self._kept.append(_Kept(0, 0, operations_kept(part)))
            elif isinstance(part, Expired):
                self.expired.append((place, minute, part.numbers))
            elif isinstance(part, Told):
                self.commands.append(ToldCommand(place, minute, part.envelope))
                self._kept.append(_Kept(0, 0, int(part.envelope.fact is not None)))
            else:
                assert isinstance(part, Noted), "a note gets no number and belongs to no order"

    def orders(self) -> OrderColumns | None:
        """Every order; None when there was none."""
        if not self._orders:
            return None
        counts = [len(part.outcomes) for part, _, _ in self._orders]
        line_counts = np.array([len(part.lines) for part, _, _ in self._orders], np.int64)
        before = np.repeat(np.cumsum(line_counts) - line_counts, counts)
        lines = _joined([part.lines for part, _, _ in self._orders])
        outcomes = _joined([part.outcomes for part, _, _ in self._orders])
        repeats = outcomes["flags"] & DUPLICATE != 0
        starts = _joined([part.starts for part, _, _ in self._orders]) + before
        return OrderColumns(
            lines,
            outcomes,
            starts,
            keys_of(lines["id_hi"][starts], lines["id_lo"][starts]),
            places_from([place for _, place, _ in self._orders], counts, repeats),
            np.repeat(np.array([minute for _, _, minute in self._orders], np.int64), counts),
        )

    def operations(self) -> OperationColumns | None:
        """Every operation; None when there was none."""
        if not self._operations:
            return None
        counts = [len(part.rows) for part, _, _ in self._operations]
        rows = _joined([part.rows for part, _, _ in self._operations])
        outcomes = _joined([part.outcomes for part, _, _ in self._operations])
        repeats = outcomes["flags"] & DUPLICATE != 0
        return OperationColumns(
            rows,
            outcomes,
            keys_of(rows["order_hi"], rows["order_lo"]),
            places_from([place for _, place, _ in self._operations], counts, repeats),
            np.repeat(np.array([minute for _, _, minute in self._operations], np.int64), counts),
        )

    def numbered(self, orders: OrderColumns | None) -> Array:
        """The keys to which the next running numbers go, in order."""
        kept = orders_kept(orders.outcomes) if orders is not None else np.zeros(0, bool)
        keys = orders.keys if orders is not None else np.zeros(0, np.uint64)
        stretches = [
            np.full(k.others, NO_KEY)
            if k.others
            else keys[k.first : k.last][kept[k.first : k.last]]
            for k in self._kept
        ]
        return _joined(stretches) if stretches else np.zeros(0, np.uint64)


def _joined(parts: list[Array]) -> Array:
    """The rows of all parts; rows of fields as words, which joins them twice as fast."""
    if len(parts) == 1:
        return parts[0]
    kind = parts[0].dtype
    if kind.names is None:
        return np.concatenate(parts)
    rows: Array = np.concatenate([part.view(np.uint64) for part in parts]).view(kind)
    return rows


def places_from(firsts: list[int], counts: list[int], repeats: Array) -> Array:
    """The place of every event, from the place of the first of each part."""
    assert max(counts, default=0) < POSITIONS_MAX, "an entry never has so many events"
    totals = np.array(counts, np.int64)
    base = np.array(firsts, np.int64) - 2 * (np.cumsum(totals) - totals)
    places = np.repeat(base, totals) + 2 * np.arange(len(repeats), dtype=np.int64)
    return (places | repeats).view(np.uint64)
