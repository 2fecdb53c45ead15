"""Incidents and their opposites, put into a real stream at a moment: what must be caught, what not.

Always drawn from a seed, with prices and items that were usual in the shop just then. Never says
how they are found.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from tidegate.record.lines import CONTINUES, DUPLICATE, FACT, Array
from tidegate.watch import layout as lo
from tidegate.watch.calendar import Window
from tidegate.watch.evaluate.stream import DAY_MS, Events, Usual, merged, single_lines
from tidegate.watch.scoring import STANDING

HOUR_MS, MINUTE_MS = 3_600_000, 60_000
WEEK_MS = 7 * DAY_MS
FIRST_ID = 1 << 40  # of made-up orders
STRANGER = 1 << 50  # tokens of made-up buyers
TOP = 50  # an incident strikes one of the most ordered items

Random = np.random.Generator


class Scene(NamedTuple):
    """A part of a stream with something put into it."""

    events: Events
    bad: Array  # by order
    loss_fen: Array  # by order: what is lost, or at stake, with it
    targets: frozenset[tuple[int, int]]  # (scope, number) that an alarm may name
    windows: tuple[Window, ...] = ()
    from_ms: int = 0
    rate: float = 0.0  # bad orders an hour at the start, for the bound


class Moment(NamedTuple):
    """Where it is put: the stream from there on, and what was usual before."""

    after: Events  # starts at the moment
    earlier: Events  # starts a week before it
    usual: Usual
    at_ms: int
    random: Random

    def part(self, duration_ms: int) -> Events:
        """The real stream of so long."""
        end = int(np.searchsorted(self.after.at_ms, self.at_ms + duration_ms))
        return self.after.between(0, end)

    def week_before(self, duration_ms: int, share: float, first_id: int) -> Events:
        """A share of the orders of a week before, as if other buyers gave them now."""
        end = int(np.searchsorted(self.earlier.at_ms, self.at_ms - WEEK_MS + duration_ms))
        whole = self.earlier.between(0, end)
        taken = (whole.flags == 0) & (self.random.random(end) < share)
        again = whole.chosen(np.flatnonzero(taken))
        lines = again.lines.copy()
        order = np.cumsum(lines["flags"] & CONTINUES == 0) - 1
        lines["id_lo"], lines["key0"] = first_id + order, STRANGER + order
        lines["placed_at_ms"] += WEEK_MS
        return again._replace(lines=lines, at_ms=again.at_ms + WEEK_MS)

    def item(self) -> tuple[int, int]:
        """One of the most ordered items, and its price in fen (at least 20)."""
        able = np.flatnonzero(self.usual.price_fen[:TOP] >= 20)
        place = int(self.random.choice(able))
        return int(self.usual.skus[place]), int(self.usual.price_fen[place])

    def busy_times(self, count: int, duration_ms: int) -> Array:
        """Moments at which people buy here: each within the hour after a real order."""
        real = self.part(duration_ms).at_ms
        after = self.random.integers(1, HOUR_MS, count)
        times: Array = np.sort(self.random.choice(real, count) + after)
        return times

    def items(self, count: int) -> tuple[Array, Array]:
        """Items as often as they are ordered, with their prices."""
        weight = self.usual.orders / self.usual.orders.sum()
        places = self.random.choice(len(weight), count, p=weight)
        return self.usual.skus[places], np.maximum(self.usual.price_fen[places], 20)

    def strangers(self, count: int) -> Array:
        """Tokens of buyers who never ordered before."""
        return np.arange(STRANGER, STRANGER + count, dtype=np.uint64)


def _at_rate(moment: Moment, per_s: float, duration_ms: int) -> Array:
    count = int(per_s * duration_ms / 1000)
    gaps = moment.random.exponential(1000.0 / per_s, count)
    times: Array = (moment.at_ms + 1 + np.cumsum(gaps)).astype(np.int64)
    return times


def _doubling(
    moment: Moment, per_min: float, doubling_ms: float, duration_ms: int, most: int
) -> Array:
    """Times at a rate that doubles, by inverting the expected count."""
    first = per_min / MINUTE_MS
    growth = np.log(2.0) / doubling_ms
    whole = first / growth * np.expm1(growth * duration_ms)
    count = min(int(whole), most)
    counts = np.cumsum(moment.random.exponential(1.0, count))
    times: Array = (moment.at_ms + 1 + np.log1p(counts * growth / first) / growth).astype(np.int64)
    return times


def wrong_price(moment: Moment, divisor: int) -> Scene:
    """One item at a fraction of its price: its usual orders and a crowd of one a second."""
    sku, price = moment.item()
    real = moment.part(10 * MINUTE_MS)
    times = _at_rate(moment, 1.0, 10 * MINUTE_MS)
    quantity = moment.random.geometric(0.5, len(times))
    made = single_lines(
        times, np.full(len(times), sku), quantity, quantity * max(1, price // divisor),
        moment.strangers(len(times)), FIRST_ID,
    )  # fmt: skip
    lines = real.lines.copy()
    concerned = lines["sku"] == sku
    lines["receivable_fen"][concerned] //= divisor
    events, _ = merged(real._replace(lines=lines), made)
    bad = np.bitwise_or.reduceat(events.lines["sku"] == sku, events.starts[:-1])
    loss = np.where(bad, (divisor - 1) * events.lines["receivable_fen"][events.starts[:-1]], 0)
    targets = frozenset({(lo.SKU, sku), (lo.CHANNEL, 1)})
    return Scene(events, bad, loss, targets, (), moment.at_ms, 3600.0)


def price_10(moment: Moment) -> Scene:
    """Price ÷10: a digit slipped."""
    return wrong_price(moment, 10)


def price_26_shop(moment: Moment) -> Scene:
    """Every price ÷26 and 78 orders a second: the night itself."""
    real = moment.part(20_000)
    lines = real.lines.copy()
    lines["receivable_fen"] = np.maximum(1, lines["receivable_fen"] // 26)
    times = _at_rate(moment, 78.0, 20_000)
    skus, prices = moment.items(len(times))
    quantity = moment.random.geometric(0.5, len(times))
    made = single_lines(
        times, skus, quantity, quantity * np.maximum(1, prices // 26),
        moment.strangers(len(times)), FIRST_ID,
    )  # fmt: skip
    events, _ = merged(real._replace(lines=lines), made)
    bad = np.ones(len(events.outcomes), np.bool_)
    loss = np.where(bad, 25 * events.lines["receivable_fen"][events.starts[:-1]], 0)
    targets = frozenset({(lo.CHANNEL, 1), *((lo.SKU, int(sku)) for sku in np.unique(skus))})
    return Scene(events, bad, loss, targets, (), moment.at_ms, 78.0 * 3600)


def coupon_leak(moment: Moment) -> Scene:
    """A half-price coupon meant for 20 orders a day is passed on; its use doubles in 5 minutes."""
    plan = float(np.mean(moment.items(200)[1])) * 0.5 * 2 * 20 / 24
    window = Window(
        lo.PROMOTION, 1, moment.at_ms - DAY_MS, moment.at_ms + 7 * DAY_MS, price=0.5,
        plan_fen_per_h=plan,
    )  # fmt: skip
    times = _doubling(moment, 1.0, 5 * MINUTE_MS, 40 * MINUTE_MS, 5000)
    skus, prices = moment.items(len(times))
    quantity = moment.random.geometric(0.5, len(times))
    made = single_lines(
        times, skus, quantity, quantity * prices // 2, moment.strangers(len(times)), FIRST_ID
    )
    made.lines["promotion"] = 1
    events, bad = merged(moment.part(40 * MINUTE_MS), made)
    loss = np.where(bad, events.lines["receivable_fen"][events.starts[:-1]], 0)
    targets = frozenset({(lo.PROMOTION, 1), (lo.CHANNEL, 1)})
    return Scene(events, bad, loss, targets, (window,), moment.at_ms, 60.0)


def reseller(moment: Moment) -> Scene:
    """One buyer takes 200 units of one item every 20 seconds, 25 times."""
    sku, price = moment.item()
    times = moment.at_ms + 1 + np.arange(25) * 20_000
    made = single_lines(
        times, np.full(25, sku), np.full(25, 200), np.full(25, 200 * price),
        np.full(25, STRANGER, np.uint64), FIRST_ID,
    )  # fmt: skip
    events, bad = merged(moment.part(20 * MINUTE_MS), made)
    loss = np.where(bad, 200 * price, 0)
    targets = frozenset({(lo.SKU, sku), (lo.CHANNEL, 1)})
    return Scene(events, bad, loss, targets, (), moment.at_ms, 180.0)


def bot_burst(moment: Moment) -> Scene:
    """300 orders of 30 accounts for one item within one second, at its usual price."""
    sku, price = moment.item()
    times = moment.at_ms + 1 + np.sort(moment.random.integers(0, 1000, 300))
    buyers = moment.strangers(30)[moment.random.integers(0, 30, 300)]
    made = single_lines(
        times, np.full(300, sku), np.ones(300, np.int64), np.full(300, price), buyers, FIRST_ID
    )
    events, bad = merged(moment.part(10 * MINUTE_MS), made)
    loss = np.where(bad, price, 0)
    targets = frozenset({(lo.SKU, sku), (lo.CHANNEL, 1)})
    return Scene(events, bad, loss, targets, (), moment.at_ms, 300.0 * 3600)


def crowd_doubling(moment: Moment) -> Scene:
    """A crowd for one item at its usual price, two a minute, doubling every 30 seconds."""
    sku, price = moment.item()
    times = _doubling(moment, 2.0, 30_000.0, 8 * MINUTE_MS, 20_000)
    count = len(times)
    made = single_lines(
        times, np.full(count, sku), np.ones(count, np.int64), np.full(count, price),
        moment.strangers(count), FIRST_ID,
    )  # fmt: skip
    events, bad = merged(moment.part(10 * MINUTE_MS), made)
    loss = np.where(bad, price, 0)
    targets = frozenset({(lo.SKU, sku), (lo.CHANNEL, 1)})
    return Scene(events, bad, loss, targets, (), moment.at_ms, 120.0)


def slow_leak(moment: Moment) -> Scene:
    """For 14 days three more orders to every ten, of the usual kind: 1.3 times the rate."""
    made = moment.week_before(14 * DAY_MS, 0.3, FIRST_ID)
    events, bad = merged(moment.part(14 * DAY_MS), made)
    totals = np.add.reduceat(events.lines["receivable_fen"], events.starts[:-1])
    return Scene(
        events, bad, np.where(bad, totals, 0), frozenset({(lo.CHANNEL, 1)}), (), moment.at_ms,
        1.3 * moment.usual.orders_per_h,
    )  # fmt: skip


def _quiet(events: Events, windows: tuple[Window, ...] = ()) -> Scene:
    nothing = np.zeros(len(events.outcomes), np.bool_)
    return Scene(events, nothing, nothing.astype(np.int64), frozenset(), windows)


def flash_sale(moment: Moment) -> Scene:
    """Announced: one item at -40 %, fifty times its orders and the shop's, for an hour."""
    sku, price = moment.item()
    until = moment.at_ms + HOUR_MS
    per_s = 50.0 * max(moment.usual.orders_per_h * 3.0, 1.0) / 3600.0
    windows = (
        Window(lo.SKU, sku, moment.at_ms, until, price=0.6, units=2.0, orders_per_h=3600 * per_s),
        Window(lo.CHANNEL, 1, moment.at_ms, until, orders_per_h=4000 * per_s),
    )
    times = _at_rate(moment, per_s, HOUR_MS)
    quantity = moment.random.geometric(0.6, len(times))
    made = single_lines(
        times, np.full(len(times), sku), quantity, quantity * price * 6 // 10,
        moment.strangers(len(times)), FIRST_ID,
    )  # fmt: skip
    return _quiet(merged(moment.part(2 * HOUR_MS), made)[0], windows)


def payday(moment: Moment) -> Scene:
    """Twice the orders of every kind for a day; nobody announced it."""
    made = moment.week_before(DAY_MS, 1.0, FIRST_ID)
    return _quiet(merged(moment.part(DAY_MS), made)[0])


def new_sku(moment: Moment) -> Scene:
    """An item nobody sold before sells as often as all others together, for a day."""
    times = moment.busy_times(int(24 * moment.usual.orders_per_h), DAY_MS)
    count, sku = len(times), (1 << 16) - 7
    made = single_lines(
        times, np.full(count, sku), moment.random.geometric(0.5, count), np.full(count, 1990),
        moment.strangers(count), FIRST_ID,
    )  # fmt: skip
    made.lines["receivable_fen"] = made.lines["quantity"] * 1990
    return _quiet(merged(moment.part(DAY_MS), made)[0])


def clearance(moment: Moment) -> Scene:
    """Planned: ten items at half their price for three days, eight times their orders."""
    windows, scene = [], moment.part(3 * DAY_MS)
    until = moment.at_ms + 3 * DAY_MS
    able = np.flatnonzero(moment.usual.price_fen[:TOP] >= 20)
    for number, at in enumerate(moment.random.choice(able, 10, replace=False).tolist()):
        sku, price = int(moment.usual.skus[at]), int(moment.usual.price_fen[at])
        windows.append(Window(lo.SKU, sku, moment.at_ms, until, 20.0, 0.5, 4.0, 0.0, 3.0))
        times = moment.busy_times(60, 3 * DAY_MS)
        quantity = moment.random.geometric(0.3, len(times))
        made = single_lines(
            times, np.full(len(times), sku), quantity, quantity * price // 2,
            moment.strangers(len(times)) + number * 10_000, FIRST_ID + number * 10_000,
        )  # fmt: skip
        scene = merged(scene, made)[0]
    windows.append(Window(lo.CHANNEL, 1, moment.at_ms, until, rate=5.0))
    return _quiet(scene, tuple(windows))


def late_and_replayed(moment: Moment) -> Scene:
    """A feed stands still for two hours and then delivers all at once; then it sends them again."""
    real = moment.part(DAY_MS)
    lines = real.lines.copy()
    lines["flags"] |= FACT
    held = np.flatnonzero(
        (real.at_ms >= moment.at_ms + HOUR_MS) & (real.at_ms < moment.at_ms + 3 * HOUR_MS)
    )
    facts = real._replace(lines=lines)
    begin, end = (int(held[0]), int(held[-1]) + 1) if len(held) else (0, 0)
    again = facts.between(begin, end)
    outcomes = again.outcomes.copy()
    outcomes["flags"] = DUPLICATE
    # Every event keeps the channel's own time; what is held arrives after what came since.
    later = facts.between(end, min(end + 20, len(real.outcomes)))
    parts = (
        facts.between(0, begin), later, again, again._replace(outcomes=outcomes),
        facts.between(min(end + 20, len(real.outcomes)), len(real.outcomes)),
    )  # fmt: skip
    return _quiet(Events(*(np.concatenate(columns) for columns in zip(*parts, strict=True))))


def clock_steps(moment: Moment) -> Scene:
    """The clock goes ahead four minutes and back an hour later: the record's time stands still."""
    real = moment.part(DAY_MS)
    at_ms = real.at_ms.copy()
    ahead = (at_ms >= moment.at_ms + HOUR_MS) & (at_ms < moment.at_ms + 2 * HOUR_MS)
    at_ms[ahead] += 4 * MINUTE_MS
    held = np.maximum.accumulate(at_ms)
    standing = np.where(held > at_ms, STANDING, 0).astype(np.uint8)
    return _quiet(real._replace(at_ms=held, flags=real.flags | standing))


INCIDENTS: dict[str, Callable[[Moment], Scene]] = {
    "price_10": price_10,
    "price_26_shop": price_26_shop,
    "coupon_leak": coupon_leak,
    "reseller": reseller,
    "bot_burst": bot_burst,
    "crowd_doubling": crowd_doubling,
    "slow_leak": slow_leak,
}
OPPOSITES: dict[str, Callable[[Moment], Scene]] = {
    "flash_sale": flash_sale,
    "payday": payday,
    "new_sku": new_sku,
    "clearance": clearance,
    "late_and_replayed": late_and_replayed,
    "clock_steps": clock_steps,
}
