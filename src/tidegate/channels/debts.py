"""Oversold debt (超卖): what stock does not cover has an owner, a way out and a deadline.

Always: a debt stands here from the judgement until its order is released or closed, whichever way
was chosen. Never: units are made up, or an order is closed where its platform does not let a seller
close it: the table of capabilities says so.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

from tidegate.channels.capabilities import Capabilities
from tidegate.channels.ledger import Ledger
from tidegate.channels.ports import OrderCloser, RefusedOutside, Unanswered

Way = Literal["restock", "substitute", "ask_buyer", "close"]
OWNER = "stock"  # until a person takes it
DUE_MS = 48 * 3_600_000
TURN_MAX = 2_000
CLOSE_MAX = 200
OPEN = (
    "INSERT OR IGNORE INTO debt (key, channel, number, units, opened_ms, due_ms, owner)"
    " SELECT o.key, o.channel, o.number, o.short, ?, ?, ? FROM orders o WHERE o.short > 0"
    " AND o.state IN ('unpaid', 'recorded', 'waiting', 'on_hold')"
    " AND NOT EXISTS (SELECT 1 FROM debt d WHERE d.key = o.key) LIMIT ?"
)
SETTLE = (
    "UPDATE debt SET settled_ms = ?, outcome = coalesce((SELECT o.state FROM orders o"
    " WHERE o.key = debt.key), 'gone') WHERE settled_ms = 0 AND NOT EXISTS (SELECT 1 FROM orders o"
    " WHERE o.key = debt.key AND o.state IN ('unpaid', 'recorded', 'waiting', 'on_hold'))"
)
WAYS: dict[Way, str] = {
    "restock": "it goes as soon as stock covers it · 补货后自动放行",
    "substitute": "send another product on a reissue order, then cancel this one · 换货补发",
    "ask_buyer": "the buyer decides: wait, take another product, or a refund · 联系买家",
    "close": "the platform is asked to close it · 关闭订单",
}

CloserOf = Callable[[str], OrderCloser | None]


class NotAWay(ValueError):
    """This way out is not open for the order; the message says which are."""


class Debt(NamedTuple):
    """One debt. `units`: what was not covered when it was judged."""

    channel: str
    number: str
    units: int
    opened_ms: int
    due_ms: int
    owner: str
    way: str
    told: str
    decided_by: str
    decided_ms: int
    closing: str
    settled_ms: int
    outcome: str


FIELDS = ", ".join(Debt._fields)


class Debts:
    """One shop's debts, kept in step with its orders. Called from one thread at a time."""

    def __init__(self, ledger: Ledger, closer_of: CloserOf) -> None:
        self._ledger = ledger
        self._closer_of = closer_of

    def turn(self, now_ms: int) -> tuple[int, int]:
        """Open what is new, settle what is over, close what may be; opened and settled."""
        with self._ledger.writing() as connection:
            opened = connection.execute(OPEN, (now_ms, now_ms + DUE_MS, OWNER, TURN_MAX)).rowcount
            settled = connection.execute(SETTLE, (max(1, now_ms),)).rowcount
        self._close()
        return opened, settled

    def _close(self) -> None:
        """Ask platforms to close; that it is closed, the feed says."""
        wanted = self._ledger.ask(
            "SELECT channel, number FROM debt WHERE closing IN ('wanted', 'unknown')"
            " AND settled_ms = 0 ORDER BY channel LIMIT ?",
            (CLOSE_MAX,),
        )
        for channel in sorted({name for name, _ in wanted}):
            numbers = [number for name, number in wanted if name == channel]
            closer = self._closer_of(channel)
            if closer is None:
                self._mark(channel, [(number, "person") for number in numbers])
                continue
            try:
                answers: Sequence[str] = closer.close_orders(numbers)
            except Unanswered:
                answers = ["unknown"] * len(numbers)
            except RefusedOutside as refused:
                self._mark(channel, [(number, "refused") for number in numbers], str(refused))
                continue
            words = {"done": "asked", "refused": "refused", "too_late": "refused"}
            marks = [words.get(answer, "unknown") for answer in answers]
            self._mark(channel, list(zip(numbers, marks, strict=True)))

    def _mark(self, channel: str, marks: Sequence[tuple[str, str]], why: str = "") -> None:
        with self._ledger.writing() as connection:
            connection.executemany(
                "UPDATE debt SET closing = ?, told = CASE ? WHEN '' THEN told ELSE ? END"
                " WHERE channel = ? AND number = ?",
                [(word, why, why[:200], channel, number) for number, word in marks],
            )


def decide_debt(
    ledger: Ledger,
    kind: Capabilities,
    channel: str,
    number: str,
    *,
    way: Way,
    owner: str,
    due_ms: int,
    note: str,
    by: str,
    now_ms: int,
) -> Debt:
    """A person takes a debt and says how it ends. Raises LookupError, NotAWay."""
    row = ledger.one(
        "SELECT o.status FROM debt d JOIN orders o USING (key)"
        " WHERE d.channel = ? AND d.number = ? AND d.settled_ms = 0",
        (channel, number),
    )
    if row is None:
        raise LookupError(f"there is no open debt of order {number} on {channel}")
    if way == "close" and not _may_close(kind, row[0]):
        raise NotAWay(
            f"a seller closes {kind.may_close} orders on {kind.english}, as far as is known:"
            " ask the buyer to apply for a refund, restock or substitute"
        )
    with ledger.writing() as connection:
        connection.execute(
            "UPDATE debt SET way = ?, owner = ?, due_ms = ?, told = ?, decided_by = ?,"
            " decided_ms = ?, closing = CASE WHEN ? = 'close' AND closing IN ('', 'refused',"
            " 'person') THEN 'wanted' WHEN ? <> 'close' THEN '' ELSE closing END"
            " WHERE channel = ? AND number = ?",
            (way, owner or OWNER, due_ms, note[:200], by, now_ms, way, way, channel, number),
        )
        if way in ("substitute", "ask_buyer", "close"):  # stock that comes is not for this one
            connection.execute(
                "UPDATE orders SET keep = 1 WHERE channel = ? AND number = ?", (channel, number)
            )
        elif way == "restock":  # one that is on hold by now is released by a person, in a run
            connection.execute(
                "UPDATE orders SET keep = 0, owner = ? WHERE channel = ? AND number = ?"
                " AND flags = ''",
                (owner or OWNER, channel, number),
            )
    return debts(ledger, channel=channel, number=number)[0]


def _may_close(kind: Capabilities, status: str) -> bool:
    return kind.may_close == "any" or (kind.may_close == "unpaid" and status == "unpaid")


def debts(
    ledger: Ledger,
    *,
    channel: str = "",
    number: str = "",
    is_open: bool = True,
    after: tuple[int, str] = (0, ""),
    limit: int = 500,
) -> list[Debt]:
    """Debts by deadline, behind a (deadline, number)."""
    parts, values = ["(due_ms, number) > (?, ?)"], list[Any](after)
    for name, value in (("channel", channel), ("number", number)):
        if value:
            parts.append(f"{name} = ?")
            values.append(value)
    if is_open:
        parts.append("settled_ms = 0")
    rows = ledger.ask(
        f"SELECT {FIELDS} FROM debt WHERE {' AND '.join(parts)} ORDER BY due_ms, number LIMIT ?",  # noqa: S608 -- our own names
        (*values, limit),
    )
    return [Debt(*row) for row in rows]


def owed(ledger: Ledger, now_ms: int) -> dict[str, int]:
    """Open debts in figures: orders, units, and how many are past their deadline."""
    row = ledger.one(
        "SELECT count(*), coalesce(sum(units), 0), coalesce(sum(due_ms < ?), 0) FROM debt"
        " WHERE settled_ms = 0",
        (now_ms,),
    )
    orders, units, late = row or (0, 0, 0)
    return {"orders": orders, "units": units, "late": late}
