"""What is done to a journal's SQLite file besides appending: pruning its start, restoring it.

Always: each step is one transaction and leaves a journal that checks. Never: it decides what may
be pruned (`archive` does), or changes an entry.
"""

import sqlite3
from collections.abc import Sequence

from tidegate.journal.chain import Chain
from tidegate.journal.protocol import GENESIS, Entry, Head
from tidegate.journal.sqlite_file import base_of, head_of

PRUNE_ENTRIES = 64  # a transaction: the writer waits for no more

_LAST_TO_GO = "SELECT seq, epoch, hash FROM entry WHERE seq <= ? ORDER BY seq DESC LIMIT 1"
_SET_BASE = "UPDATE base SET seq = ?, epoch = ?, hash = ?"


def prune_some(connection: sqlite3.Connection, through_seq: int) -> Head:
    """Delete the oldest entries, not beyond `through_seq` and not many; the new base."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        base = base_of(connection)
        row = connection.execute(
            _LAST_TO_GO, (min(through_seq, base.seq + PRUNE_ENTRIES),)
        ).fetchone()
        if row is not None:
            connection.execute("DELETE FROM entry WHERE seq <= ?", (row[0],))
            connection.execute(_SET_BASE, row)
            base = Head(*row)
        connection.execute("COMMIT")
    except BaseException:
        _roll_back(connection)
        raise
    return base


def take_over(
    connection: sqlite3.Connection, chain: Chain, base: Head, entries: Sequence[Entry]
) -> Head:
    """Insert checked entries of another copy of this journal; the new head."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        head = head_of(connection)
        if head == GENESIS and base != GENESIS:
            connection.execute(_SET_BASE, base)
            head = base
        head = chain.check(entries, head)
        connection.executemany("INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?)", entries)
        connection.execute("COMMIT")
    except BaseException:
        _roll_back(connection)
        raise
    return head


def _roll_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        connection.execute("ROLLBACK")
