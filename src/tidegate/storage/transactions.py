"""One transaction on a connection: durable at its end, undone where something is raised.

Always takes the write lock at once, so that what is read inside stays as it is. Never commits half.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Everything in the block, or nothing. The connection is in autocommit mode."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
