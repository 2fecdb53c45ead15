"""Asking the desk once: what is asked stands in the store, byte by byte, before the desk hears it.

Always: a process that was killed asks the very same rows again, so a time or an amount that moved
meanwhile is not mistaken for another wish. Never: an answer that is stored is asked for again.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tidegate.channels.asking import Asking
from tidegate.channels.ledger import Ledger
from tidegate.channels.ports import Key
from tidegate.domain.reasons import REASON_TEXTS, Reason
from tidegate.record.lines import ALL_LINES, LINE, OPERATION, OUTCOME, Array

SPACE = "\0fulfilment"  # no client's id can be in it
KEPT_MS = 40 * 86_400_000  # what was answered so long ago belongs to nothing that is still open
PRUNED = 500


class Wish(NamedTuple):
    """One operation on an order; `name` is its id."""

    name: str
    order: Key
    kind: int
    line: int = ALL_LINES
    quantity: int = 0
    amount_fen: int = 0
    flags: int = 0


class Placed(NamedTuple):
    """What came of a fact."""

    reason: int
    mask: int
    short: int


class Once:
    """One shop's questions. Called by one thread at a time."""

    def __init__(self, store: Ledger, asking: Asking) -> None:
        self._store = store
        self._asking = asking
        self._shop = asking.shop

    def operate(self, wishes: Sequence[Wish]) -> list[int]:
        """The desk's reasons, durable. Raises DeskBusy, DeskUnready, Undecided after a while."""
        answered = self._kept([(wish.name, self._row(wish).tobytes()) for wish in wishes], 0)
        open_ = [name for name, (_, outcome) in answered.items() if outcome is None]
        if open_:
            rows = np.frombuffer(b"".join(answered[name][0] for name in open_), OPERATION)
            outcomes = self._asking.operate(rows)
            self._answer(open_, outcomes)
            for name, outcome in zip(open_, outcomes, strict=True):
                answered[name] = (answered[name][0], outcome.tobytes())
        return [int(_outcome(answered[wish.name][1])["reason"]) for wish in wishes]

    def place(self, name: str, rows: bytes) -> Placed:
        """Record a fact; `rows` count only where nothing was asked under this name before."""
        kept, outcome = self._kept([(name, rows)], 1)[name]
        if outcome is None:
            outcomes = self._asking.place(np.frombuffer(bytearray(kept), LINE))
            self._answer([name], outcomes)
            outcome = outcomes[0].tobytes()
        found = _outcome(outcome)
        return Placed(int(found["reason"]), int(found["mask"]), int(found["short"]))

    def prune(self, now_ms: int) -> int:
        """Let go of what was answered long ago; how much."""
        with self._store.writing() as connection:
            found = connection.execute(
                "DELETE FROM asked WHERE name IN (SELECT name FROM asked WHERE at_ms < ?"
                " AND outcome IS NOT NULL LIMIT ?)",
                (now_ms - KEPT_MS, PRUNED),
            )
        return found.rowcount

    def _row(self, wish: Wish) -> Array:
        row = np.zeros(1, OPERATION)
        row["id_hi"], row["id_lo"] = self._shop.order_key(SPACE, wish.name)
        row["order_hi"], row["order_lo"] = wish.order
        row["line"], row["kind"], row["flags"] = wish.line, wish.kind, wish.flags
        row["quantity"], row["amount_fen"] = wish.quantity, wish.amount_fen
        return row

    def _kept(
        self, asked: Sequence[tuple[str, bytes]], is_order: int
    ) -> dict[str, tuple[bytes, bytes | None]]:
        """Rows and answers as they are stored; what is new is stored first."""
        now_ms = self._shop.now_ms()
        with self._store.writing() as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO asked VALUES (?, ?, ?, NULL, ?)",
                [(name, is_order, rows, now_ms) for name, rows in asked],
            )
        found = self._store.of_many(
            "SELECT name, rows, outcome FROM asked WHERE name IN", [name for name, _ in asked]
        )
        return {name: (rows, outcome) for name, rows, outcome in found}

    def _answer(self, names: Sequence[str], outcomes: Array) -> None:
        with self._store.writing() as connection:
            connection.executemany(
                "UPDATE asked SET outcome = ? WHERE name = ?",
                [(outcome.tobytes(), name) for name, outcome in zip(names, outcomes, strict=True)],
            )


def _outcome(data: bytes | None) -> Array:
    assert data is not None, "asked for after it was answered"
    found: Array = np.frombuffer(data, OUTCOME)[0]
    return found


def words(reason: int) -> str:
    """A reason's name; "" for acceptance."""
    return REASON_TEXTS[Reason(reason)].name if reason else ""
