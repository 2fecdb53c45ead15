"""What the journal says of a channel's orders: releases, holds and ends, whoever asked for them.

Always: an order goes to the outbox because its release stands in the journal, and for no other
reason; the cursor moves in the same transaction. Never: decides, or skips an entry.
"""

import sqlite3
from collections.abc import Callable, Sequence

from tidegate.channels.ledger import Ledger, key_bytes
from tidegate.channels.release_gate import OVERRIDE, ledger_state
from tidegate.journal.follow import BATCH, GENESIS, Entry, Follower, Head, JournalReader
from tidegate.record import entry as en
from tidegate.record.lines import CANCEL, DUPLICATE, HOLD, RELEASE, SHIP

NAME = "orders"
STEP_BYTES = 2 << 20
OF_INTEREST = (CANCEL, HOLD, RELEASE, SHIP)
States = Callable[[Sequence[tuple[int, int]]], list[str]]


class JournalOrders:
    """Follows one shop's journal into its ledger."""

    def __init__(
        self, ledger: Ledger, open_journal: Callable[[], JournalReader], states: States
    ) -> None:
        """`states` says how orders stand at the desk now."""
        self._ledger = ledger
        self._states = states
        self._follower = Follower(open_journal, self._cursor())

    def turn(self) -> int:
        """Take in what is new, a few megabytes at most; how many entries."""
        before = self._follower.cursor
        entries = self._follower.poll(STEP_BYTES)
        if not entries:
            return 0
        try:
            with self._ledger.writing() as connection:
                for entry in entries:
                    if entry.kind == BATCH:
                        self._take(connection, entry)
                head = self._follower.cursor
                connection.execute(
                    "INSERT OR REPLACE INTO followed VALUES (?, ?, ?, ?)",
                    (NAME, head.seq, head.epoch, head.hash),
                )
        except BaseException:
            self._follower.cursor = before
            raise
        return len(entries)

    def close(self) -> None:
        """Let go of the journal."""
        self._follower.close()

    def _cursor(self) -> Head:
        row = self._ledger.one("SELECT seq, epoch, hash FROM followed WHERE name = ?", (NAME,))
        return Head(*row) if row else GENESIS

    def _take(self, connection: sqlite3.Connection, entry: Entry) -> None:
        for frame in en.read_frames(en.aligned(entry.payload)):
            if frame.kind != en.OPERATIONS:
                continue
            rows, outcomes = en.read_operations(frame.body)
            fresh = (outcomes["reason"] == 0) & (outcomes["flags"] & DUPLICATE == 0)
            for row in rows[fresh]:
                kind = int(row["kind"])
                if kind in OF_INTEREST:
                    key = (int(row["order_hi"]), int(row["order_lo"]))
                    self._note(connection, key, kind, is_approved=bool(row["flags"] & OVERRIDE))

    def _note(
        self, connection: sqlite3.Connection, key: tuple[int, int], kind: int, *, is_approved: bool
    ) -> None:
        if kind == RELEASE:  # a person's word ends what keeps it; the gate's own release does not
            connection.execute(
                "UPDATE orders SET state = 'released', keep = CASE ?1 WHEN 1 THEN 0 ELSE keep END,"
                " intercept = CASE ?1 WHEN 1 THEN '' ELSE intercept END,"
                " push = CASE push WHEN '' THEN 'due' ELSE push END WHERE key = ?2"
                " AND state <> 'closed'",
                (int(is_approved), key_bytes(key)),
            )
        elif kind == HOLD:
            connection.execute(
                "UPDATE orders SET state = 'on_hold' WHERE key = ? AND state <> 'closed'",
                (key_bytes(key),),
            )
        elif ledger_state(self._states([key])[0]) == "closed":
            connection.execute(
                "UPDATE orders SET state = 'closed', push = CASE push WHEN 'due' THEN ''"
                " ELSE push END WHERE key = ?",
                (key_bytes(key),),
            )
