"""alerts.db: alarms that people are told of, letters to them, and what became of each.

Always one durable transaction a change (`synchronous=FULL`): a letter stands here with its key
before it is sent, so that it is sent again only under the same key. Never an address, never a name
of a person: recipients are duties, whoever acknowledged is a token.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tidegate.storage.sqlite_schema import Migration, Schema
from tidegate.watch.alerts.ports import Told
from tidegate.watch.watch_file import WatchFile

OPEN, RESOLVED = "open", "resolved"
DUE, SENT, WITHDRAWN, GIVEN_UP = "due", "sent", "withdrawn", "given_up"
RAISED, ESCALATED, RESOLVED_LETTER, TEST = "raised", "escalated", "resolved", "test"
NOBODY_YET = -1  # the step of an alert that nobody was told of
SAME_MS = 30 * 60_000  # so long after an acknowledgement the same thing again is the same alert
STALE_MS = 86_400_000  # older than this when first heard of: no reason to wake anybody
NEVER_MS = 1 << 62
KEPT_MAX = 100_000  # alarms that are over
FORGOTTEN_AT_ONCE = 1_000

_TABLES = (
    "CREATE TABLE taken (source TEXT PRIMARY KEY, cursor INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    # `same_as`: the alert that tells of this one too; `step`: how far escalated, -1 nobody told.
    # All `…_ms` but those of `next_ms` and letters' `due_ms`, `made_ms` are wall time.
    """CREATE TABLE alert (
        id INTEGER PRIMARY KEY AUTOINCREMENT, source TEXT NOT NULL, alarm INTEGER NOT NULL,
        key TEXT NOT NULL, subject TEXT NOT NULL, level INTEGER NOT NULL,
        opened_ms INTEGER NOT NULL, english TEXT NOT NULL, chinese TEXT NOT NULL,
        numbers TEXT NOT NULL, first_order TEXT NOT NULL, money_fen INTEGER NOT NULL,
        switch TEXT NOT NULL, state TEXT NOT NULL, closed_ms INTEGER NOT NULL DEFAULT 0,
        stale INTEGER NOT NULL DEFAULT 0, same_as INTEGER NOT NULL DEFAULT 0,
        repeats INTEGER NOT NULL DEFAULT 0, acked_ms INTEGER NOT NULL DEFAULT 0,
        acked_by TEXT NOT NULL DEFAULT '', acked_at INTEGER NOT NULL DEFAULT 0,
        note TEXT NOT NULL DEFAULT '', step INTEGER NOT NULL DEFAULT -1,
        next_ms INTEGER NOT NULL DEFAULT 0, letter INTEGER NOT NULL DEFAULT 0,
        over_told INTEGER NOT NULL DEFAULT 0,
        UNIQUE (source, key)) STRICT""",
    "CREATE INDEX alert_open ON alert (state, same_as, step) WHERE state = 'open'",
    "CREATE INDEX alert_over ON alert (id) WHERE state = 'resolved' AND over_told = 0",
    "CREATE INDEX alert_subject ON alert (subject, id) WHERE state = 'open'",
    "CREATE INDEX alert_same ON alert (same_as) WHERE same_as > 0",
    """CREATE TABLE letter (
        id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, step INTEGER NOT NULL,
        made_ms INTEGER NOT NULL, alerts INTEGER NOT NULL, level INTEGER NOT NULL,
        title TEXT NOT NULL, body TEXT NOT NULL) STRICT""",
    "CREATE INDEX letter_made ON letter (made_ms)",
    """CREATE TABLE covered (
        alert INTEGER, letter INTEGER, PRIMARY KEY (alert, letter)) STRICT, WITHOUT ROWID""",
    """CREATE TABLE message (
        id INTEGER PRIMARY KEY AUTOINCREMENT, letter INTEGER NOT NULL, key TEXT NOT NULL UNIQUE,
        recipient TEXT NOT NULL, way TEXT NOT NULL, state TEXT NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0, due_ms INTEGER NOT NULL,
        sent_ms INTEGER NOT NULL DEFAULT 0, fault TEXT NOT NULL DEFAULT '') STRICT""",
    "CREATE INDEX message_due ON message (due_ms) WHERE state = 'due'",
    "CREATE INDEX message_of ON message (letter)",
    """CREATE TABLE change (
        id INTEGER PRIMARY KEY AUTOINCREMENT, alert INTEGER NOT NULL, at_ms INTEGER NOT NULL,
        what TEXT NOT NULL, step INTEGER NOT NULL, told TEXT NOT NULL DEFAULT '',
        person TEXT NOT NULL DEFAULT '', note TEXT NOT NULL DEFAULT '') STRICT""",
    "CREATE INDEX change_of ON change (alert)",
    """CREATE TABLE pulse (
        one INTEGER PRIMARY KEY CHECK (one = 1), wall_ms INTEGER NOT NULL,
        steady_ms INTEGER NOT NULL, fault TEXT NOT NULL, levels INTEGER NOT NULL) STRICT""",
)
SCHEMA = Schema("alerts", (Migration(1, _TABLES),))

Row = tuple[Any, ...]


class Outbox(WatchFile):
    """The file. Any thread, and more than one process, may call; each change is one transaction."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, SCHEMA)

    def one(self, query: str, values: Sequence[object] | Mapping[str, object] = ()) -> Row:
        """The only row of a query that has one."""
        (row,) = self.rows(query, values)
        return row

    def count(self, query: str, values: Sequence[object] | Mapping[str, object] = ()) -> int:
        """The only number of a query that has one."""
        return int(self.one(query, values)[0])

    def cursor(self, source: str) -> int:
        """The newest alarm taken from a source."""
        rows = self.rows("SELECT cursor FROM taken WHERE source = ?", (source,))
        return int(rows[0][0]) if rows else 0

    def read_again(self, source: str) -> None:
        """Read a source from its beginning: it was put back. What is known under its key stays."""
        with self.changing() as connection:
            connection.execute("INSERT OR REPLACE INTO taken VALUES (?, 0)", (source,))

    def steady_ms(self) -> int:
        """The newest steady time on record."""
        rows = self.rows("SELECT steady_ms FROM pulse")
        return int(rows[0][0]) if rows else 0

    def take(self, source: str, alarms: Sequence[Told], wall_ms: int, steady_ms: int) -> int:
        """Keep alarms and how far the source is read; how many of them were new."""
        new = 0
        with self.changing() as connection:
            for alarm in alarms:
                same = connection.execute(
                    "SELECT id FROM alert WHERE subject = ? AND state = 'open' AND source = ?"
                    " AND same_as = 0 AND level >= ? AND key <> ?"
                    " AND (acked_ms = 0 OR acked_at > ?) ORDER BY id DESC LIMIT 1",
                    (subject_of(alarm.key), source, alarm.level, alarm.key, steady_ms - SAME_MS),
                ).fetchone()
                same_as = int(same[0]) if same else 0
                state = RESOLVED if alarm.closed_ms else OPEN
                stale = int(wall_ms - alarm.opened_ms > STALE_MS)
                added = connection.execute(
                    "INSERT INTO alert (source, alarm, key, subject, level, opened_ms, english,"
                    " chinese, numbers, first_order, money_fen, switch, state, closed_ms, stale,"
                    " same_as, over_told) VALUES"
                    " (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                    (
                        source, alarm.id, alarm.key, subject_of(alarm.key), alarm.level,
                        alarm.opened_ms, alarm.english, alarm.chinese, alarm.numbers,
                        alarm.first_order, alarm.money_fen, alarm.switch, state, alarm.closed_ms,
                        stale, same_as, int(bool(same_as) or (stale and state == RESOLVED)),
                    ),
                )  # fmt: skip
                if not added.rowcount:
                    continue
                new += 1
                note_change(connection, int(added.lastrowid or 0), wall_ms, "opened")
                if same_as:
                    connection.execute(
                        "UPDATE alert SET repeats = repeats + 1,"
                        " money_fen = max(money_fen, ?) WHERE id = ?",
                        (alarm.money_fen, same_as),
                    )
            if alarms:
                connection.execute(
                    "INSERT OR REPLACE INTO taken VALUES (?, ?)", (source, alarms[-1].id)
                )
        return new

    def close_alarms(self, closed: Sequence[tuple[int, int]]) -> None:
        """Mark (alert, closed_ms) as over: their letters wait no more, an end is to be told.

        An alert that tells of others is over when they are.
        """
        with self.changing() as connection:
            for alert, closed_ms in closed:
                over = connection.execute(
                    "UPDATE alert SET state = 'resolved', closed_ms = ? WHERE id = ?"
                    " AND state = 'open' AND NOT EXISTS (SELECT 1 FROM alert AS other"
                    " WHERE other.same_as = alert.id AND other.state = 'open')",
                    (closed_ms, alert),
                )
                if over.rowcount:
                    note_change(connection, alert, closed_ms, "resolved")
                    withdraw(connection, alert)

    def forget(self, most: int = KEPT_MAX) -> int:
        """Forget the oldest alarms that are over and told, beyond `most`; how many, a part a call.

        Their cursor stays, so that none is taken again.
        """
        rows = self.rows(
            "SELECT id FROM alert WHERE state = 'resolved' AND over_told = 1"
            " AND id <= (SELECT id FROM alert WHERE state = 'resolved' AND over_told = 1"
            " ORDER BY id DESC LIMIT 1 OFFSET ?) ORDER BY id LIMIT ?",
            (most, FORGOTTEN_AT_ONCE),
        )
        if not rows:
            return 0
        with self.changing() as connection:
            for table in ("covered", "change"):
                connection.executemany(f"DELETE FROM {table} WHERE alert = ?", rows)  # noqa: S608 -- our own words
            connection.executemany("DELETE FROM alert WHERE id = ?", rows)
            connection.execute(
                "DELETE FROM message WHERE state <> 'due' AND letter NOT IN"
                " (SELECT letter FROM covered)"
            )
            connection.execute("DELETE FROM letter WHERE id NOT IN (SELECT letter FROM message)")
        return len(rows)

    def beat(self, wall_ms: int, steady_ms: int, fault: str, levels: int) -> None:
        """Note that the sender lives, and what keeps it from telling anybody, if something does."""
        with self.changing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO pulse VALUES (1, ?, ?, ?, ?)",
                (wall_ms, steady_ms, fault[:200], levels),
            )


def subject_of(key: str) -> str:
    """What an alarm is about: its key without the moment at its end."""
    rest, _, last = key.rpartition("-")
    return rest if rest and last.isdigit() else key


def note_change(  # what stands in a line of an alert's history
    connection: Any,  # noqa: ANN401 -- an open transaction
    alert: int, at_ms: int, what: str, step: int = NOBODY_YET, told: str = "", person: str = "",
    note: str = "",
) -> None:  # fmt: skip
    """One line of an alert's history; inside a transaction of the caller's."""
    connection.execute(
        "INSERT INTO change (alert, at_ms, what, step, told, person, note)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (alert, at_ms, what, step, told, person, note),
    )


def withdraw(connection: Any, alert: int) -> None:  # noqa: ANN401 -- an open transaction
    """Letters of this alert alone that did not leave yet have become needless."""
    connection.execute(
        "UPDATE message SET state = 'withdrawn' WHERE state = 'due' AND letter IN"
        " (SELECT letter.id FROM covered JOIN letter ON letter.id = covered.letter"
        " WHERE covered.alert = ? AND letter.alerts = 1)",
        (alert,),
    )
