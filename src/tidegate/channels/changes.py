"""What a feed tells of an order that is recorded: paid, cancelled, other content or address.

Always: money and units change by an operation of the desk alone; a change that came after the
release is flagged and the order is to be stopped at the warehouse. Never: a change is taken
silently, or one that is older than what is known.
"""

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

from tidegate.channels.asking import Asking, together
from tidegate.channels.feed_order import FeedOrder, Status
from tidegate.channels.ledger import Ledger, key_of
from tidegate.channels.order_rows import content_print
from tidegate.channels.shown_units import ShownUnits, Told
from tidegate.record.lines import CANCEL, HOLD, PAY, SHIP, Array

CONTENT = "content_changed"
ADDRESS = "address_changed_after_release"
CONTENT_AFTER = "content_changed_after_release"
CANCELLED_AFTER = "cancelled_after_release"
SHIPPED_OUTSIDE = "shipped_outside"
NOT_TAKEN = "operation_refused"

AWAY = ("sent", "pushed", "unknown")  # a warehouse may have it


class KnownOrder(NamedTuple):
    """What the ledger knows of an order."""

    key: bytes
    number: str
    state: str
    status: str
    changed_ms: int
    print: bytes
    recipient: bytes
    due_fen: int
    flags: str
    push: str
    intercept: str
    keep: int
    lines: str
    placed_ms: int
    rows_print: bytes
    mask: int
    short: int
    seq: int
    position: int


class News(NamedTuple):
    """What is told of an order that is recorded; `print` is empty where no feed tells it."""

    status: Status
    changed_at: int
    print: bytes
    is_other: bool  # its content is not what was recorded
    recipient: bytes


class _Change(NamedTuple):
    """What one piece of news comes to."""

    order: KnownOrder
    news: News
    kind: int  # of an operation of the desk, 0 = none
    flags: tuple[str, ...]
    stops: bool  # to be stopped at the warehouse
    keeps: bool  # not to be released before a person has looked


class Changes:
    """One channel's changes."""

    def __init__(self, channel: str, ledger: Ledger, asking: Asking, shown: ShownUnits) -> None:
        self.channel = channel
        self._shown = shown
        self._ledger = ledger
        self._asking = asking

    def apply(self, found: Sequence[tuple[KnownOrder, News]]) -> None:
        """Take in news of known orders; durable when it returns. Raises what the desk raises."""
        changes = [_weigh(known, news) for known, news in found]
        asked = [change for change in changes if change.kind]
        refused: dict[bytes, int] = {}
        if asked:
            outcomes = self._asking.operate(together([self._row(change) for change in asked]))
            for change, reason in zip(asked, outcomes["reason"].tolist(), strict=True):
                if reason:
                    refused[change.order.key] = reason
        if changes:
            self._store(changes, refused)

    def _row(self, change: _Change) -> Array:
        news, order = change.news, change.order
        return self._asking.operation(
            f"{self.channel}\0{order.number}\0{change.kind}\0{news.changed_at}",
            key_of(order.key),
            change.kind,
            amount_fen=order.due_fen if change.kind == PAY else 0,
        )

    def _store(self, changes: Sequence[_Change], refused: dict[bytes, int]) -> None:
        with self._ledger.writing() as connection:
            for change in changes:
                order, news = change.order, change.news
                reason = refused.get(order.key, 0)
                told = [*filter(None, order.flags.split(",")), *change.flags]
                if reason and change.kind != HOLD:
                    told.append(NOT_TAKEN)
                connection.execute(
                    "UPDATE orders SET status = ?, changed_ms = ?,"
                    " print = CASE WHEN ? THEN ? ELSE print END, recipient = ?, state = ?,"
                    " flags = ?, reason = max(reason, ?), keep = max(keep, ?),"
                    " intercept = CASE WHEN ? AND intercept = '' AND push IN ('sent', 'pushed',"
                    " 'unknown') THEN 'wanted' ELSE intercept END,"
                    " push = CASE WHEN ? AND push = 'due' THEN '' ELSE push END WHERE key = ?",
                    (
                        news.status, news.changed_at, bool(news.print), news.print,
                        news.recipient or order.recipient, _state_after(change, reason),
                        ",".join(dict.fromkeys(told)), reason, int(change.keeps),
                        int(change.stops), int(change.stops), order.key,
                    ),
                )  # fmt: skip
                self._count(connection, order, news)

    def _count(self, connection: sqlite3.Connection, order: KnownOrder, news: News) -> None:
        """What the channel may still sell changes with what happened there, released or not."""
        told = Told(order.lines, order.placed_ms, news.changed_at)
        if order.status == "unpaid" and news.status in ("paid", "shipped"):
            self._shown.paid(connection, told)
        elif news.status == "cancelled" and order.status != "cancelled":
            self._shown.cancelled(connection, told, was_paid=order.status != "unpaid")


def told_by_feed(known: KnownOrder, order: FeedOrder, recipient: bytes) -> News:
    """What a feed's order tells of one that is recorded."""
    told = content_print(order)
    return News(order.status, order.changed_at, told, told != known.print, recipient)


def _weigh(order: KnownOrder, news: News) -> _Change:
    """What one piece of news comes to; looks at nothing but these."""
    flags: list[str] = []
    kind, stops, keeps = 0, False, False
    is_released, is_away = order.state == "released", order.push in AWAY
    recipient = news.recipient
    if news.is_other:
        flags.append(CONTENT_AFTER if is_released else CONTENT)
        kind, stops, keeps = (0, True, True) if is_released else (HOLD, False, True)
    if recipient and order.recipient and recipient != order.recipient and is_released:
        flags.append(ADDRESS)
        stops = True
    if news.status == "cancelled" and order.status != "cancelled":
        if is_away:
            flags.append(CANCELLED_AFTER)  # its units come back when it is known to be stopped
            stops = True
        elif order.state != "closed":
            kind, stops = CANCEL, True
    elif news.status == "paid" and order.state == "unpaid":
        kind = PAY
    elif news.status == "shipped" and order.status != "shipped" and order.state != "closed":
        if not is_released:
            flags.append(SHIPPED_OUTSIDE)
            keeps = True
        kind = kind or SHIP
    return _Change(order, news, kind, tuple(flags), stops, keeps)


def _state_after(change: _Change, reason: int) -> str:
    """How the order stands in the ledger after its operation was answered."""
    order = change.order
    if reason or not change.kind:
        return order.state
    if change.kind == PAY:
        return "recorded"
    if change.kind == HOLD:
        return "on_hold"
    return "closed"
