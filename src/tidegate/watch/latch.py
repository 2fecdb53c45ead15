"""The breaker on disk, for the process that watches and the one that serves: one file, one truth.

Always: each change is read, made and written back in one durable transaction, so that two processes
never undo each other's, and an alarm and what it opened stand or fall together. Never asks the desk
for anything: what is to be asked comes back to the caller.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import msgspec

from tidegate.watch.alarm_store import close_alarms_of, record_alarm
from tidegate.watch.alarms import NOTE, Alarm
from tidegate.watch.breaker import CLOSED, Action, Breaker, key_of, target_of
from tidegate.watch.watch_file import WatchFile, WatchUnavailable

Change = Callable[[Breaker], tuple[Action, ...]]
AtOnce = Callable[[list[Action]], None]


class Latch:
    """The breaker of one shop. Any thread may call. Every call may raise WatchUnavailable."""

    def __init__(self, file: WatchFile) -> None:
        self._file = file

    def breaker(self) -> Breaker:
        """The breaker as it stands."""
        return _decoded(self._file.rows("SELECT document FROM breaker"))

    def take(
        self, alarms: Sequence[Alarm], now_ms: int, at_once: AtOnce = lambda _: None
    ) -> tuple[list[Alarm], list[Action]]:
        """Keep alarms and open what they ask for; those that are new, and what to ask the desk.

        `at_once` is called with the latter while all of it is being made durable: a pause need not
        wait for a disk. Should this process die then, the same entries raise the same alarms.
        """
        new: list[Alarm] = []
        actions: list[Action] = []
        with self._changing() as (breaker, connection):
            for alarm in alarms:
                switch = "" if alarm.level == NOTE else key_of(*target_of(alarm))
                if record_alarm(connection, alarm, alarm.key, switch):
                    new.append(alarm)
                    actions += breaker.on_alarm(alarm, now_ms)
            at_once(actions)
        return new, actions

    def change(self, change: Change) -> tuple[Action, ...]:
        """Do something to the breaker; what it asks of the desk. Raises what `change` raises.

        Alarms end with the switch that they opened.
        """
        with self._changing() as (breaker, connection):
            before = set(breaker.switches)
            actions = change(breaker)
            now_ms = max((line.at_ms for line in breaker.history), default=1)
            for name in before:
                switch = breaker.switches.get(name)
                if switch is None or switch.phase == CLOSED:
                    close_alarms_of(connection, name, now_ms)
        return actions

    @contextmanager
    def _changing(self) -> Iterator[tuple[Breaker, sqlite3.Connection]]:
        with self._file.changing() as connection:
            found = connection.execute("SELECT document FROM breaker").fetchall()
            breaker = _decoded(found)
            yield breaker, connection
            document = msgspec.json.encode(breaker)
            if not found or found[0][0] != document:
                connection.execute("INSERT OR REPLACE INTO breaker VALUES (1, ?)", (document,))


def _decoded(rows: Sequence[tuple[bytes]]) -> Breaker:
    if not rows:
        return Breaker()
    try:
        return msgspec.json.decode(rows[0][0], type=Breaker)
    except msgspec.MsgspecError as error:
        raise WatchUnavailable(
            f"watch.db: the breaker cannot be read ({error}); restore the file from a backup"
        ) from error
