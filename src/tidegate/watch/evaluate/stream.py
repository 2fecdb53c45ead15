"""An order file as the watch sees it: orders in time, and what was usual at a moment.

Always in event time, orders of a minute spread over it by a seed where the file says no seconds.
Never changed once made: incidents are put into copies of a part of it.
"""

from typing import NamedTuple

import numpy as np

from tidegate.record.lines import CONTINUES, LINE, LINES_PER_ORDER_MAX, OUTCOME, Array
from tidegate.watch.scoring import PART

MINUTE_MS, DAY_MS = 60_000, 86_400_000
USUAL_DAYS = 28


class Events(NamedTuple):
    """Decided orders in time: LINE rows, and by order outcome, time and flags."""

    lines: Array
    outcomes: Array
    at_ms: Array
    flags: Array

    @property
    def starts(self) -> Array:
        """The first line of every order, and the end."""
        first = np.flatnonzero(self.lines["flags"] & CONTINUES == 0)
        return np.append(first, len(self.lines))

    def between(self, begin: int, end: int) -> "Events":
        """Orders begin to end, by number."""
        starts = self.starts
        return Events(
            self.lines[starts[begin] : starts[end]],
            self.outcomes[begin:end],
            self.at_ms[begin:end],
            self.flags[begin:end],
        )

    def chosen(self, orders: Array) -> "Events":
        """These orders, in this order."""
        starts = self.starts
        sizes = np.diff(starts)[orders]
        ends = np.cumsum(sizes)
        within = np.arange(int(ends[-1]) if len(ends) else 0) - np.repeat(ends - sizes, sizes)
        lines = self.lines[np.repeat(starts[:-1][orders], sizes) + within]
        return Events(lines, self.outcomes[orders], self.at_ms[orders], self.flags[orders])


class Return(NamedTuple):
    """Units that came back: a line of the file that undoes an order."""

    sku: int
    quantity: int
    at_ms: int


class Stream(NamedTuple):
    """A file of orders."""

    events: Events
    sku_codes: list[str]
    order_ids: list[str]  # by id_lo of the lines
    returns: tuple[Return, ...]

    @property
    def years(self) -> float:
        """How long the file is."""
        at_ms = self.events.at_ms
        return float(at_ms[-1] - at_ms[0]) / DAY_MS / 365.0


class Usual(NamedTuple):
    """What was usual in the 28 days before a moment."""

    skus: Array  # most ordered first
    orders: Array
    price_fen: Array
    orders_per_h: float


def stream_of(
    rows: Array, order_of_line: Array, buyers: Array, sku_codes: list[str], order_ids: list[str],
    returns: tuple[Return, ...], seed: int,
) -> Stream:  # fmt: skip
    """Orders from LINE rows (`placed_at_ms`, `sku`, `quantity`, `receivable_fen` filled in).

    An order longer than an order may be goes in parts. Times that stand at a whole minute are
    spread over it.
    """
    lines = rows.copy()
    lines["channel"] = 1
    lines["key0"] = np.where(buyers >= 0, buyers + 1, 0).astype(np.uint64)
    lines["id_hi"] = lines["id_lo"] = order_of_line.astype(np.uint64)
    new = np.append(True, np.diff(order_of_line) != 0)
    first = np.flatnonzero(new)
    place = np.arange(len(lines)) - np.repeat(first, np.diff(np.append(first, len(lines))))
    begins = place % LINES_PER_ORDER_MAX == 0
    lines["flags"] = np.where(
        begins, lines["flags"] & ~np.uint8(CONTINUES), lines["flags"] | CONTINUES
    )
    starts = np.flatnonzero(begins)
    at_ms = lines["placed_at_ms"][starts].copy()
    if bool(np.all(at_ms % MINUTE_MS == 0)):
        within = np.random.default_rng(seed).integers(0, MINUTE_MS, len(order_ids))
        at_ms += within[order_of_line[starts]]
    flags = np.where(new[starts], 0, PART).astype(np.uint8)
    unsorted = Events(lines, np.zeros(len(starts), OUTCOME), at_ms, flags)
    return Stream(unsorted.chosen(np.argsort(at_ms, kind="stable")), sku_codes, order_ids, returns)


def usual_before(events: Events, order: int) -> Usual:
    """What was usual before an order of the stream."""
    begin = int(np.searchsorted(events.at_ms, events.at_ms[order] - USUAL_DAYS * DAY_MS))
    part = events.between(begin, order)
    lines = part.lines
    skus, place, counts = np.unique(lines["sku"], return_inverse=True, return_counts=True)
    price = np.log(np.maximum(lines["receivable_fen"], 1) / np.maximum(lines["quantity"], 1))
    middle = np.exp(np.bincount(place, price) / counts)  # of prices that are multiples, not sums
    most = np.argsort(-counts, kind="stable")
    hours = max(1.0, float(part.at_ms[-1] - part.at_ms[0]) / 3_600_000)
    whole = int(np.count_nonzero(part.flags & PART == 0))
    return Usual(skus[most], counts[most], middle[most].round().astype(np.int64), whole / hours)


def single_lines(
    at_ms: Array, skus: Array, quantity: Array, receivable_fen: Array, buyers: Array, first_id: int
) -> Events:
    """Made-up orders of one line each."""
    lines = np.zeros(len(at_ms), LINE)
    lines["id_lo"] = np.arange(first_id, first_id + len(at_ms), dtype=np.uint64)
    lines["placed_at_ms"], lines["sku"], lines["quantity"] = at_ms, skus, quantity
    lines["receivable_fen"], lines["channel"] = receivable_fen, 1
    lines["key0"] = buyers
    return Events(
        lines, np.zeros(len(lines), OUTCOME), at_ms.astype(np.int64), np.zeros(len(lines), np.uint8)
    )


def merged(first: Events, second: Events) -> tuple[Events, Array]:
    """Both in time, and which of the orders are of the second."""
    both = Events(*(np.concatenate(pair) for pair in zip(first, second, strict=True)))
    order = np.argsort(both.at_ms, kind="stable")
    return both.chosen(order), order >= len(first.outcomes)
