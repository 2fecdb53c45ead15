"""What alerts need of the rest: alarms to tell of, and somebody who carries messages.

Always: an alarm keeps its number and key for ever; a courier answers once a letter. Never: a
source waits for anybody to be told.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from tidegate.watch.alarm_store import AlarmStore, StoredAlarm

UNKNOWN_MS = 1  # when an alarm was over that its source does not know any more


class Told(NamedTuple):
    """An alarm as its source tells it. No text of it names a person."""

    id: int
    key: str
    opened_ms: int
    level: int  # alarms.LEVEL_NAMES
    english: str
    chinese: str
    numbers: str  # a JSON object of what was counted
    first_order: str  # keyed hash
    money_fen: int
    switch: str = ""  # of the breaker, "sku:CODE"; "" = none
    closed_ms: int = 0  # 0 = open


class AlarmSource(Protocol):
    """Where alarms come from: the watch, the channels. Calls may raise what reading a file may."""

    @property
    def name(self) -> str:
        """Which source; never changes."""
        ...

    def after(self, cursor: int, limit: int) -> Sequence[Told]:
        """Alarms with higher numbers than the cursor, oldest first."""
        ...

    def newest(self) -> int:
        """The number of the newest alarm, 0 while there is none."""
        ...

    def closed_ms(self, alarm_id: int) -> int:
        """When an alarm was over; 0 while it is not. One that nobody knows any more is over."""
        ...

    def close(self) -> None:
        """Let go of everything."""
        ...


class Letter(NamedTuple):
    """One message on its way. Printing it shows no address."""

    message: int
    way: str
    address: str  # as apprise writes it; holds the way's secrets
    title: str
    body: str
    key: str  # the same each time it is sent
    level: int

    def __repr__(self) -> str:
        return f"Letter({self.message}, {self.way})"


class Delivery(NamedTuple):
    """What came of a letter. `fault`: why not, without any address."""

    message: int
    delivered: bool
    fault: str = ""


class Courier(Protocol):
    """Carries letters beside whoever gives them. Called from one thread."""

    def takes(self, way: str) -> bool:
        """Whether it has room, and carries nothing by that way just now."""
        ...

    def send(self, letter: Letter) -> None:
        """Begin; `done` tells what came of it."""
        ...

    def done(self) -> list[Delivery]:
        """What was finished since the last call. Never waits."""
        ...

    def close(self) -> None:
        """End; what is on its way may arrive or not."""
        ...


class WatchAlarms:
    """The watch's own alarms as a source."""

    name = "watch"

    def __init__(self, store: AlarmStore) -> None:
        self._store = store

    def after(self, cursor: int, limit: int) -> list[Told]:
        """See AlarmSource."""
        return [told_of(alarm) for alarm in self._store.after(cursor, limit)]

    def newest(self) -> int:
        """See AlarmSource."""
        return self._store.newest()

    def closed_ms(self, alarm_id: int) -> int:
        """See AlarmSource."""
        found = self._store.get(alarm_id)
        return found.closed_ms if found is not None else UNKNOWN_MS

    def close(self) -> None:
        """See AlarmSource."""
        self._store.close()


def told_of(alarm: StoredAlarm) -> Told:
    """A stored alarm as it is told."""
    return Told(
        alarm.id, alarm.key, alarm.opened_ms, alarm.level, alarm.sentence, alarm.chinese,
        alarm.numbers, alarm.first_order, alarm.money_fen, alarm.switch, alarm.closed_ms,
    )  # fmt: skip
