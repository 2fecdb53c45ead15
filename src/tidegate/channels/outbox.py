"""From the gate to the warehouse: released orders are handed over, and stopped there where need be.

Always: an order is marked as sent before it is, and one whose fate is unknown is read back before
anything else is done with it. Never: an order goes that was not released in the journal.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tidegate.channels.asking import Asking, together
from tidegate.channels.ledger import Ledger, key_of
from tidegate.channels.ports import Taken, Unanswered, Warehouse
from tidegate.channels.release_gate import INTERCEPTED, ledger_state
from tidegate.record.lines import CANCEL, HOLD

PIECE_MAX = 200
HELD_THERE: Mapping[str, str] = {"held": "done", "gone": "too_late", "absent": "done"}
THERE: Mapping[str, str] = {"absent": "due"}
HANDED: Mapping[str, str] = {"done": "pushed", "refused": "refused", "too_late": "pushed"}
STOPPED: Mapping[str, str] = {"done": "done", "too_late": "too_late", "refused": "too_late"}


class Handed(NamedTuple):
    """What one turn came to, counted."""

    pushed: int = 0
    unknown: int = 0
    refused: int = 0
    stopped: int = 0
    too_late: int = 0


class Outbox:
    """One channel's way to its warehouse. Called from one thread at a time."""

    def __init__(self, channel: str, ledger: Ledger, asking: Asking, warehouse: Warehouse) -> None:
        self.channel = channel
        self._ledger = ledger
        self._asking = asking
        self._warehouse = warehouse

    def turn(self) -> Handed:
        """Settle what is unknown, hand over what is due, stop what is to be stopped."""
        counts = dict.fromkeys(Handed._fields, 0)
        self._settle(counts)
        self._push(counts)
        self._stop(counts)
        return Handed(**counts)

    # -- handing over ----------------------------------------------------------------------------

    def _settle(self, counts: dict[str, int]) -> None:
        """Read back what was sent and not answered: it is there, or it is due again."""
        lost = self._waiting("push IN ('sent', 'unknown')")
        if not lost:
            return
        try:
            found = self._warehouse.read([number for _, number in lost])
        except Unanswered:
            self._mark("push", [(key, "unknown") for key, _ in lost])
            counts["unknown"] += len(lost)
            return
        self._mark("push", said(lost, found, THERE, "pushed"))

    def _push(self, counts: dict[str, int]) -> None:
        while due := self._waiting("push = 'due' AND state = 'released' AND keep = 0"):
            self._mark("push", [(key, "sent") for key, _ in due])
            try:
                answers = self._warehouse.push([number for _, number in due])
            except Unanswered:
                answers = ["unknown"] * len(due)
            self._mark("push", said(due, answers, HANDED, "unknown"))
            counts["pushed"] += answers.count("done")
            counts["refused"] += answers.count("refused")
            counts["unknown"] += answers.count("unknown")
            if "unknown" in answers:
                return  # read back first, in the next turn

    # -- stopping there --------------------------------------------------------------------------

    def _stop(self, counts: dict[str, int]) -> None:
        """Ask for what is wanted, read back what is unknown; cancelled ones give units back."""
        lost = self._waiting("intercept = 'unknown'")
        if lost:
            self._read_back(lost)
        wanted = self._waiting("intercept = 'wanted'")
        if wanted:
            self._mark("intercept", [(key, "unknown") for key, _ in wanted])
            answers: Sequence[Taken] = self._intercepted([number for _, number in wanted])
            self._mark("intercept", said(wanted, answers, STOPPED, "unknown"))
            counts["stopped"] += answers.count("done")
            counts["too_late"] += len(answers) - answers.count("done") - answers.count("unknown")
        self._cancel_stopped()
        self._hold_stopped()

    def _intercepted(self, numbers: Sequence[str]) -> Sequence[Taken]:
        try:
            return self._warehouse.intercept(numbers)
        except Unanswered:
            return ["unknown"] * len(numbers)

    def _read_back(self, lost: Sequence[tuple[bytes, str]]) -> None:
        try:
            found = self._warehouse.read([number for _, number in lost])
        except Unanswered:
            return
        self._mark("intercept", said(lost, found, HELD_THERE, "wanted"))

    def _cancel_stopped(self) -> None:
        """Orders that the buyer cancelled and the warehouse has stopped are cancelled here."""
        stopped = self._waiting(
            "intercept = 'done' AND status = 'cancelled' AND state = 'released'"
        )
        if not stopped:
            return
        rows = [
            self._asking.operation(f"{self.channel}\0{number}\0stopped", key_of(key), CANCEL)
            for key, number in stopped
        ]
        outcomes = self._asking.operate(together(rows))
        with self._ledger.writing() as connection:
            connection.executemany(
                "UPDATE orders SET state = 'closed', reason = ? WHERE key = ?",
                [(int(reason), key) for (key, _), reason
                 in zip(stopped, outcomes["reason"].tolist(), strict=True)],
            )  # fmt: skip

    def _hold_stopped(self) -> None:
        """Every other order that the warehouse has stopped is held by the desk again.

        The id is new at each interception; one that was asked for before a crash finds it held.
        """
        stopped = self._waiting(
            "intercept = 'done' AND status <> 'cancelled' AND state = 'released'"
        )
        if not stopped:
            return
        now_ms = self._asking.shop.now_ms()
        rows = [
            self._asking.operation(
                f"{self.channel}\0{number}\0intercepted\0{now_ms}", key_of(key), HOLD,
                flags=INTERCEPTED,
            )
            for key, number in stopped
        ]  # fmt: skip
        self._asking.operate(together(rows))
        now = self._asking.shop.states([key_of(key) for key, _ in stopped])
        with self._ledger.writing() as connection:
            connection.executemany(
                "UPDATE orders SET state = ?, push = '' WHERE key = ?",
                [(ledger_state(state), key) for (key, _), state in zip(stopped, now, strict=True)],
            )

    # -- the ledger ------------------------------------------------------------------------------

    def _waiting(self, where: str) -> list[tuple[bytes, str]]:
        rows = self._ledger.ask(
            f"SELECT key, number FROM orders WHERE channel = ? AND {where}"  # noqa: S608 -- our own words
            " ORDER BY placed_ms LIMIT ?",
            (self.channel, PIECE_MAX),
        )
        return [(key, number) for key, number in rows]

    def _mark(self, column: str, marks: Sequence[tuple[bytes, str]]) -> None:
        with self._ledger.writing() as connection:
            connection.executemany(
                f"UPDATE orders SET {column} = ? WHERE key = ?",  # noqa: S608 -- our own names
                [(word, key) for key, word in marks],
            )


def said(
    orders: Sequence[tuple[bytes, str]],
    answers: Sequence[str],
    words: Mapping[str, str],
    otherwise: str,
) -> list[tuple[bytes, str]]:
    """What each order's answer means for the ledger."""
    return [
        (key, words.get(answer, otherwise))
        for (key, _), answer in zip(orders, answers, strict=True)
    ]
