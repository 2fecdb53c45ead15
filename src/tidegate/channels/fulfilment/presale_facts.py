"""A marketplace's presale: deposit and balance events, in any order, as one fact judged once.

Always: the order is recorded at deposit + balance by the channel's own intake, unpaid until the
balance is known, and ended by the platform's word alone. Never: an event is acknowledged before the
order is recorded or parked, or one that is late or doubled changes what is known.
"""

from typing import Literal, NamedTuple

import msgspec

from tidegate.channels.feed_order import FeedOrder, Malformed
from tidegate.channels.fulfilment.ports import NotDone, TakeIn
from tidegate.channels.intake import Taken
from tidegate.channels.ledger import Ledger

Event = Literal["deposit", "balance", "closed"]
FATES: dict[str, str] = {"kept": "kept", "refunded": "refund_due", "": ""}


class PresaleEvent(NamedTuple):
    """One event of a platform; `order` is the whole order, its status is not looked at."""

    event: Event
    at_ms: int
    order: FeedOrder
    deposit_fen: int
    balance_fen: int
    balance_until_ms: int = 0  # 0 = the platform does not say
    fate: Literal["", "kept", "refunded"] = ""  # of the deposit, with `closed`


class Known(NamedTuple):
    """An event that was heard."""

    channel: str
    number: str
    event: str
    at_ms: int
    deposit_fen: int
    balance_fen: int
    balance_until_ms: int
    fate: str


class FactStands(NamedTuple):
    """How a marketplace's presale stands."""

    channel: str
    number: str
    state: str  # deposit_paid, paid, closed
    deposit_fen: int
    balance_fen: int
    is_overdue: bool
    deposit: str  # "", kept, refund_due
    balance: str  # "", refund_due: paid, and the platform closed the order
    flags: tuple[str, ...]


class PresaleFacts:
    """One shop's presales on marketplaces. Called by one thread at a time."""

    def __init__(self, store: Ledger, take_in: TakeIn) -> None:
        self._store = store
        self._take_in = take_in

    def hear(self, channel: str, event: PresaleEvent, now_ms: int) -> FactStands:
        """Take in one event. Raises NotDone (it is parked), and what the desk raises."""
        order = event.order
        if event.deposit_fen + event.balance_fen != order.charged_fen:
            why = "deposit and balance are not what is charged"
            self._take_in(channel, [], [Malformed(order.number, why)])
            raise NotDone("amount_mismatch", f"{why}; parked")
        told = Known(channel, order.number, event.event, event.at_ms, event.deposit_fen,
                     event.balance_fen, event.balance_until_ms, event.fate)  # fmt: skip
        heard = {known.event: known for known in self._heard(channel, order.number)}
        heard.setdefault(event.event, told)  # what was heard first of a kind stands
        taken = self._take_in(channel, [as_one_order(order, heard)], [])
        if _is_parked(taken):
            raise NotDone("parked", "recorded when its item is mapped; push it again then")
        with self._store.writing() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO presale_event VALUES (?, ?, ?, ?, ?, ?, ?, ?)", told
            )
        return stands(list(heard.values()), now_ms)

    def listed(self, now_ms: int, *, overdue: bool = False, limit: int = 200) -> list[FactStands]:
        """How presales stand, the oldest first."""
        numbers = self._store.ask(
            "SELECT channel, number, min(at_ms) FROM presale_event GROUP BY channel, number"
            " HAVING ? = 0 OR (sum(event <> 'deposit') = 0 AND max(balance_until_ms) > 0"
            " AND max(balance_until_ms) < ?) ORDER BY 3, 1, 2 LIMIT ?",
            (int(overdue), now_ms, limit),
        )
        return [stands(self._heard(channel, number), now_ms) for channel, number, _ in numbers]

    def _heard(self, channel: str, number: str) -> list[Known]:
        return [
            Known(*row)
            for row in self._store.ask(
                "SELECT * FROM presale_event WHERE channel = ? AND number = ? ORDER BY at_ms",
                (channel, number),
            )
        ]


def as_one_order(order: FeedOrder, heard: dict[str, Known]) -> FeedOrder:
    """The order as all events together tell it, whichever came first."""
    status = "cancelled" if "closed" in heard else "paid" if "balance" in heard else "unpaid"
    changed_ms = max(known.at_ms for known in heard.values())
    return msgspec.structs.replace(
        order, status=status, changed_at=max(changed_ms, order.placed_at)
    )


def stands(heard: list[Known], now_ms: int) -> FactStands:
    """What the events of one order come to."""
    by_event = {known.event: known for known in heard}
    first = heard[0]
    closed = by_event.get("closed")
    until_ms = max(known.balance_until_ms for known in heard)
    flags = []
    if len({(known.deposit_fen, known.balance_fen) for known in heard}) > 1:
        flags.append("terms_changed")
    if closed and "balance" in by_event and by_event["balance"].at_ms > closed.at_ms:
        flags.append("paid_after_closing")
    paid = "balance" in by_event
    return FactStands(
        first.channel, first.number,
        "closed" if closed else "paid" if paid else "deposit_paid",
        first.deposit_fen, first.balance_fen,
        bool(until_ms) and now_ms > until_ms and not paid and not closed,
        FATES[closed.fate or "refunded"] if closed else "",
        "refund_due" if closed and paid else "",
        tuple(flags),
    )  # fmt: skip


def _is_parked(taken: Taken) -> bool:
    return taken.parked > 0
