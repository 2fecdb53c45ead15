"""Recall: units come back from a channel's pool, step by step, without a sale that lacks them.

    asked ──► off sale here ──► shown less there, acknowledged ──► sales in flight heard ──► shared

Always: each step stands in the ledger and is decided by the desk under the recall's name, so that a
crash goes on where it was. Never: units go back to the shared pool before the channel has agreed to
show less and its feed has caught up with that moment.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from tidegate.channels.asking import Asking
from tidegate.channels.feeds import FeedState
from tidegate.channels.ledger import Ledger
from tidegate.domain.reasons import REASON_TEXTS, Reason
from tidegate.record.facts import FinishRecall, StartRecall

LOWERING, DRAINING, DONE, REFUSED = "lowering", "draining", "done", "refused"
ASKED = "asked"
TURN_MAX = 200
FeedOf = Callable[[str], FeedState | None]  # None: the channel is not connected


class Recall(NamedTuple):
    """One recall, as the ledger holds it. `back`: units that went to the shared pool."""

    name: str
    channel: str
    sku: str
    units: int
    asked_by: str
    asked_ms: int
    state: str
    acknowledged_ms: int
    back: int
    told: str


FIELDS = ", ".join(Recall._fields)


class Recalls:
    """One shop's recalls. Called from one thread at a time."""

    def __init__(self, ledger: Ledger, asking: Asking, feed_of: FeedOf) -> None:
        self._ledger = ledger
        self._asking = asking
        self._feed_of = feed_of

    def turn(self, now_ms: int) -> int:
        """Take each open recall as far as it goes now; how many moved."""
        steps = {ASKED: self._start, LOWERING: self._acknowledge, DRAINING: self._finish}
        moved = 0
        for row in self._ledger.ask(
            f"SELECT {FIELDS} FROM recall WHERE state IN ('asked', 'lowering', 'draining')"  # noqa: S608 -- our own names
            " ORDER BY asked_ms, name LIMIT ?",
            (TURN_MAX,),
        ):
            recall = Recall(*row)
            moved += steps[recall.state](recall, now_ms)
        return moved

    def _start(self, recall: Recall, _: int) -> bool:
        """The units go off sale here; the channel's shelf follows by itself."""
        pool = self._asking.shop.pool_of(recall.channel)
        command = StartRecall(recall.sku, recall.units, pool)
        reason = self._asking.command(command, f"recall\0{recall.name}\0start")
        if reason:
            why = REASON_TEXTS[Reason(reason)].english
            return self._put(recall, state=REFUSED, told=f"{why}: nothing was taken off sale")
        return self._put(recall, state=LOWERING, told="off sale here; the channel is told")

    def _acknowledge(self, recall: Recall, now_ms: int) -> bool:
        """The channel shows no more than what is left, or the item is off its shelf."""
        row = self._ledger.one(
            "SELECT shown, listed, pushing FROM offer WHERE channel = ? AND sku = ?",
            (recall.channel, recall.sku),
        )
        if row is not None and (row[2] is not None or not self._is_lowered(recall, *row[:2])):
            return False
        return self._put(recall, state=DRAINING, acknowledged_ms=now_ms,
                         told="acknowledged; sales in flight are waited for")  # fmt: skip

    def _is_lowered(self, recall: Recall, shown: int, listed: int) -> bool:
        (available,) = self._asking.shop.available(recall.channel, [recall.sku])
        return not listed or shown <= available

    def _finish(self, recall: Recall, now_ms: int) -> bool:
        """The feed has told of everything from before the channel agreed."""
        feed = self._feed_of(recall.channel)
        if feed is not None and not (
            feed.is_current and now_ms - feed.lag_ms > recall.acknowledged_ms
        ):
            return False
        shop = self._asking.shop
        pool = shop.pool_of(recall.channel)
        (before,) = shop.free(recall.channel, [recall.sku])
        command = FinishRecall(recall.sku, recall.units, pool)
        reason = self._asking.command(command, f"recall\0{recall.name}\0finish")
        if reason:
            return self._put(recall, state=REFUSED, told=REASON_TEXTS[Reason(reason)].english)
        (after,) = shop.free(recall.channel, [recall.sku])
        back = max(0, before.on_hand - after.on_hand)
        told = f"{back} of {recall.units} units are in the shared pool"
        return self._put(recall, state=DONE, back=back, told=told)

    def _put(self, recall: Recall, **fields: object) -> bool:
        names = ", ".join(f"{name} = ?" for name in fields)
        with self._ledger.writing() as connection:
            connection.execute(
                f"UPDATE recall SET {names} WHERE name = ?",  # noqa: S608 -- our own names
                (*fields.values(), recall.name),
            )
        return True


def ask_recall(
    ledger: Ledger, name: str, channel: str, sku: str, units: int, by: str, now_ms: int
) -> Recall:
    """Keep the wish, once under its name; whoever serves the shop carries it out."""
    with ledger.writing() as connection:
        connection.execute(
            "INSERT OR IGNORE INTO recall (name, channel, sku, units, asked_by, asked_ms, state)"
            " VALUES (?, ?, ?, ?, ?, ?, 'asked')",
            (name, channel, sku, units, by, now_ms),
        )
    return recall_of(ledger, name)


def recall_of(ledger: Ledger, name: str) -> Recall:
    """How a recall stands. Raises LookupError."""
    row = ledger.one(f"SELECT {FIELDS} FROM recall WHERE name = ?", (name,))  # noqa: S608 -- our own names
    if row is None:
        raise LookupError(f"there is no recall {name!r}")
    return Recall(*row)


def recalls(ledger: Ledger, limit: int = 500) -> list[Recall]:
    """The newest recalls first."""
    rows: list[tuple[Any, ...]] = ledger.ask(
        f"SELECT {FIELDS} FROM recall ORDER BY asked_ms DESC, name LIMIT ?",  # noqa: S608 -- our own names
        (limit,),
    )
    return [Recall(*row) for row in rows]
