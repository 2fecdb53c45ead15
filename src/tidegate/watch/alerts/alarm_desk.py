"""What people ask about alarms, and their acknowledgements, for whoever serves them.

Always from alerts.db, opened when it is first needed, beside the process that sends. Never: a call
sends anything, or waits for who does. Any thread may call; each call may raise WatchUnavailable.
"""

import threading
from collections.abc import Callable
from pathlib import Path

from tidegate.watch.alerts import shown
from tidegate.watch.alerts.outbox import Outbox


class AlarmDesk:
    """One shop's alarms. See the module."""

    def __init__(self, path: Path, now_ms: Callable[[], int]) -> None:
        """`path` of alerts.db. Nothing is opened yet."""
        self._path, self._now_ms = path, now_ms
        self._outbox: Outbox | None = None
        self._lock = threading.Lock()

    def close(self) -> None:
        """Give the file back."""
        with self._lock:
            outbox, self._outbox = self._outbox, None
        if outbox is not None:
            outbox.close()

    def alarms(self, state: str, before: int, limit: int) -> list[shown.AlarmTold]:
        """The newest, newest first."""
        return shown.list_alarms(self._opened(), state, before, limit)

    def story(self, name: str) -> shown.AlarmStory | None:
        """One, by its number or key."""
        outbox = self._opened()
        found = shown.find_alarm(outbox, name)
        return None if found is None else shown.story_of(outbox, found)

    def acknowledge(self, name: str, person: str, note: str) -> tuple[shown.AlarmTold, int] | None:
        """A person takes one up; how it stands then, and 1 where that was news. None: no such."""
        outbox = self._opened()
        found = shown.find_alarm(outbox, name)
        if found is None:
            return None
        taken = shown.acknowledge(outbox, [found.id], person, note, self._now_ms())
        after = shown.find_alarm(outbox, str(found.id))
        assert after is not None, "what was just acknowledged is not forgotten"
        return after, taken

    def acknowledge_until(self, until: int, person: str, note: str) -> int:
        """A person takes up every open alarm up to a number; how many."""
        outbox = self._opened()
        waiting = shown.unacknowledged_until(outbox, until)
        return shown.acknowledge(outbox, waiting, person, note, self._now_ms())

    def changes(self, after: int) -> list[tuple[shown.Change, shown.AlarmTold]]:
        """What happened to alarms after a change's number, each with how the alarm stands now."""
        outbox = self._opened()
        found = []
        for change in shown.changes(outbox, after):
            alarm = shown.find_alarm(outbox, str(change.alarm))
            if alarm is not None:  # forgotten this very moment
                found.append((change, alarm))
        return found

    def newest_change(self) -> int:
        """The number of the newest change."""
        return shown.newest_change(self._opened())

    def status(self) -> shown.AlertStatus:
        """How telling people goes."""
        return shown.status_of(self._opened(), self._now_ms())

    def _opened(self) -> Outbox:
        with self._lock:
            if self._outbox is None:
                self._outbox = Outbox(self._path)
            return self._outbox
