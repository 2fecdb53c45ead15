"""Alarms as they are kept: each once under its key, with a number that never changes.

Always durable before anybody acts on it, and found again by `after` in the order in which it came.
Never changes what an alarm said: it is opened, and once it is over it is closed.
"""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec

from tidegate.watch import layout as lo
from tidegate.watch.alarms import LEVEL_NAMES, Alarm
from tidegate.watch.watch_file import WatchFile

State = Literal["open", "closed"]
OPEN_STATE: State = "open"
CLOSED_STATE: State = "closed"
LIST_MAX = 1_000

_COLUMNS = (
    "id, key, opened_ms, level, sentence, chinese, numbers, first_order, money_fen, switch,"
    " closed_ms"
)


class StoredAlarm(NamedTuple):
    """An alarm with its number. `numbers` is a JSON object of everything that was counted."""

    id: int
    key: str
    opened_ms: int
    level: int  # alarms.LEVEL_NAMES
    sentence: str
    chinese: str
    numbers: str
    first_order: str  # keyed hash
    money_fen: int
    state: State
    closed_ms: int  # 0 = open
    switch: str  # of the breaker, "sku:CODE"; "" = a note, which opened none


StoredAlarms = list[StoredAlarm]  # `AlarmStore.list` hides the name of the type


class AlarmStore:
    """The alarms of one shop. Any thread may call. Every call may raise WatchUnavailable."""

    def __init__(self, path: Path, file: WatchFile | None = None) -> None:
        """`path` of watch.db; `file`: that file, where the caller has it open already."""
        self._file = file or WatchFile(path)

    def record(self, alarm: Alarm, key: str) -> bool:
        """Keep an alarm; False where it stands there already under its key."""
        with self._file.changing() as connection:
            return record_alarm(connection, alarm, key)

    def after(self, cursor: int, limit: int) -> StoredAlarms:
        """The alarms with higher numbers than `cursor`, oldest first. 0 = from the beginning."""
        return self._found("WHERE id > ? ORDER BY id LIMIT ?", (cursor, min(limit, LIST_MAX)))

    def get(self, alarm_id: int) -> StoredAlarm | None:
        """One alarm; None where there is none."""
        found = self._found("WHERE id = ?", (alarm_id,))
        return found[0] if found else None

    def list(self, state: State | None = None) -> StoredAlarms:
        """The newest LIST_MAX alarms, newest first; of one state, or of both."""
        clause = {None: "", "open": "WHERE closed_ms = 0", "closed": "WHERE closed_ms > 0"}[state]
        return self._found(f"{clause} ORDER BY id DESC LIMIT ?", (LIST_MAX,))

    def newest(self) -> int:
        """The number of the newest alarm, 0 while there is none."""
        return int(self._file.rows("SELECT coalesce(max(id), 0) FROM alarm")[0][0])

    def is_known(self, key: str) -> bool:
        """Whether an alarm with this key was kept."""
        return bool(self._file.rows("SELECT 1 FROM alarm WHERE key = ?", (key,)))

    def close_notes(self, opened_before_ms: int, now_ms: int) -> int:
        """Close notes that are over; how many those were."""
        with self._file.changing() as connection:
            return connection.execute(
                "UPDATE alarm SET closed_ms = ? WHERE closed_ms = 0 AND switch = ''"
                " AND opened_ms < ?",
                (max(now_ms, 1), opened_before_ms),
            ).rowcount

    def close(self) -> None:
        """Give the file back."""
        self._file.close()

    def _found(self, clause: str, values: Sequence[object]) -> StoredAlarms:
        query = f"SELECT {_COLUMNS} FROM alarm {clause}"  # noqa: S608 -- clauses of this module
        return [_stored(row) for row in self._file.rows(query, values)]


def record_alarm(connection: sqlite3.Connection, alarm: Alarm, key: str, switch: str = "") -> bool:
    """The same inside a transaction of the caller's."""
    return bool(
        connection.execute(
            "INSERT INTO alarm (key, opened_ms, level, sentence, chinese, numbers, first_order,"
            " money_fen, switch) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (key, alarm.at_ms, alarm.level, alarm.english, alarm.chinese, numbers_of(alarm),
             alarm.first_order, alarm.stake_fen, switch),
        ).rowcount
    )  # fmt: skip


def close_alarms_of(connection: sqlite3.Connection, switch: str, now_ms: int) -> None:
    """Close every alarm of a switch that people closed; inside a transaction of the caller's."""
    connection.execute(
        "UPDATE alarm SET closed_ms = ? WHERE closed_ms = 0 AND switch = ?",
        (max(now_ms, 1), switch),
    )


def numbers_of(alarm: Alarm) -> str:
    """What an alarm counted, as a JSON object."""
    left_out = {"key", "english", "chinese", "first_order"}
    numbers = {name: value for name, value in alarm._asdict().items() if name not in left_out}
    numbers["hypothesis"] = lo.HYPOTHESIS_NAMES[alarm.hypothesis]
    numbers["scope"] = lo.SCOPE_NAMES[alarm.scope]
    numbers["level"] = LEVEL_NAMES[alarm.level]
    return msgspec.json.encode(numbers).decode()


def _stored(row: tuple[Any, ...]) -> StoredAlarm:
    told, (switch, closed_ms) = row[:9], row[9:]
    state = CLOSED_STATE if closed_ms else OPEN_STATE
    return StoredAlarm._make((*told, state, closed_ms, switch))
