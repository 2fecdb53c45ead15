"""Alarms as people see them: listed, one with its history, acknowledged; and how telling goes.

Always from alerts.db, whichever process asks; what is acknowledged is acknowledged once, by the
person who was first. Never a name: whoever acknowledged is a token.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from tidegate.watch.alarms import LEVEL_NAMES
from tidegate.watch.alerts.outbox import Outbox, note_change, withdraw

LIST_MAX = 200
CHANGES_MAX = 500
AT_A_TIME = 500  # acknowledged in one transaction: others write to the file too
ACKNOWLEDGED = "acknowledged"
PULSE_STALE_MS = 20_000  # written every five seconds: older than this, nobody sends


class AlarmTold(msgspec.Struct, frozen=True):
    """One alarm. `state`: open, acknowledged, resolved; `step`: how far escalated, -1 = nobody."""

    id: int
    source: str
    key: str
    level: str
    state: str
    opened_ms: int
    sentence: str
    sentence_zh: str
    first_order: str
    money_fen: int
    switch: str
    repeats: int
    same_as: int
    step: int
    acknowledged_ms: int
    acknowledged_by: str
    note: str
    resolved_ms: int
    undelivered: int


class Change(msgspec.Struct, frozen=True):
    """One line of an alarm's history: opened, raised, escalated, acknowledged, resolved."""

    id: int
    alarm: int
    at_ms: int
    what: str
    step: int
    told: str
    person: str
    note: str


class MessageShown(msgspec.Struct, frozen=True):
    """One message to a recipient by a way. `state`: due, sent, withdrawn, given_up."""

    kind: str
    step: int
    recipient: str
    way: str
    key: str
    state: str
    attempts: int
    sent_ms: int
    fault: str


class AlarmStory(msgspec.Struct, frozen=True):
    """An alarm, what it counted, and everything that was done about it."""

    alarm: AlarmTold
    numbers: dict[str, Any]
    messages: list[MessageShown]
    history: list[Change]


class AlertStatus(msgspec.Struct, frozen=True):
    """How telling people goes. `fault`: what keeps it from going well; `sending`: somebody does."""

    open: int = 0
    unacknowledged: int = 0  # of those that want it
    oldest_unacknowledged_ms: int = 0  # when the longest waiting one was opened, 0 = none
    undelivered: int = 0
    given_up: int = 0
    levels: int = 0  # of escalation; 0 = nobody is told
    sending: bool = False
    pulse_ms: int = 0
    fault: str = ""

    @property
    def why(self) -> str:
        """Why people are not told; "" while they are."""
        if self.pulse_ms and not self.sending:
            return "nobody tells people of alarms: see why the followers do not run"
        return self.fault


_COLUMNS = (
    "alert.id, source, alert.key, level, state, acked_ms, opened_ms, english, chinese, first_order,"
    " money_fen, switch, repeats, same_as, step, acked_by, note, closed_ms,"
    " (SELECT count(*) FROM message WHERE message.letter = alert.letter AND message.state"
    " IN ('due', 'given_up') AND message.attempts > 0)"
)


def list_alarms(outbox: Outbox, state: str = "", before: int = 0, limit: int = LIST_MAX) -> list[
    AlarmTold
]:  # fmt: skip
    """The newest alarms, newest first; of one state, or of all; `before` = older than that id."""
    where = {
        "": "1", "open": "state = 'open' AND acked_ms = 0",
        ACKNOWLEDGED: "state = 'open' AND acked_ms > 0", "resolved": "state = 'resolved'",
    }[state]  # fmt: skip
    rows = outbox.rows(
        f"SELECT {_COLUMNS} FROM alert WHERE {where} AND (? = 0 OR alert.id < ?)"  # noqa: S608 -- our own words
        " ORDER BY alert.id DESC LIMIT ?",
        (before, before, max(1, min(limit, LIST_MAX))),
    )
    return [_shown(row) for row in rows]


def find_alarm(outbox: Outbox, name: str) -> AlarmTold | None:
    """An alarm by its number or its key."""
    column = "alert.id" if name.isascii() and name.isdigit() and len(name) <= 15 else "alert.key"
    rows = outbox.rows(
        f"SELECT {_COLUMNS} FROM alert WHERE {column} = ? LIMIT 1",  # noqa: S608 -- our own words
        (int(name) if column == "alert.id" else name,),
    )
    return _shown(rows[0]) if rows else None


def story_of(outbox: Outbox, alarm: AlarmTold) -> AlarmStory:
    """Everything that is known of an alarm."""
    (numbers,) = outbox.one("SELECT numbers FROM alert WHERE id = ?", (alarm.id,))
    messages = outbox.rows(
        "SELECT kind, step, recipient, way, message.key, state, attempts, sent_ms, fault"
        " FROM message JOIN letter ON letter.id = message.letter WHERE letter.id IN"
        " (SELECT letter FROM covered WHERE alert = ?) ORDER BY message.id LIMIT ?",
        (alarm.id, CHANGES_MAX),
    )
    return AlarmStory(
        alarm,
        numbers_in(numbers),
        [MessageShown(*row) for row in messages],
        changes(outbox, 0, alarm=alarm.id),
    )


def numbers_in(text: str) -> dict[str, Any]:
    """What an alarm counted; a source that wrote no object counted nothing."""
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.MsgspecError:
        return {}


def changes(outbox: Outbox, after: int, alarm: int = 0, limit: int = CHANGES_MAX) -> list[Change]:
    """What happened to alarms after a change's number, oldest first; of one alarm, or of all."""
    rows = outbox.rows(
        "SELECT id, alert, at_ms, what, step, told, person, note FROM change"
        " WHERE id > ? AND alert > 0 AND (? = 0 OR alert = ?) ORDER BY id LIMIT ?",
        (after, alarm, alarm, limit),
    )
    return [Change(*row) for row in rows]


def newest_change(outbox: Outbox) -> int:
    """The number of the newest change."""
    return outbox.count("SELECT coalesce(max(id), 0) FROM change")


def acknowledge(outbox: Outbox, alarms: Sequence[int], person: str, note: str, now_ms: int) -> int:
    """A person takes these alarms up: they are escalated no more. How many that was news for."""
    steady_ms = outbox.steady_ms()
    taken = 0
    for at in range(0, len(alarms), AT_A_TIME):
        with outbox.changing() as connection:
            for alarm in alarms[at : at + AT_A_TIME]:
                took = connection.execute(
                    "UPDATE alert SET acked_ms = ?, acked_by = ?, acked_at = ?, note = ?,"
                    " state = CASE WHEN source = 'drill' THEN 'resolved' ELSE state END,"
                    " over_told = max(over_told, source = 'drill')"
                    " WHERE (id = ? OR (same_as = ? AND same_as > 0)) AND acked_ms = 0",
                    (now_ms, person, steady_ms, note, alarm, alarm),
                ).rowcount
                if took:
                    taken += 1
                    withdraw(connection, alarm)
                    note_change(connection, alarm, now_ms, ACKNOWLEDGED, person=person, note=note)
    return taken


def unacknowledged_until(outbox: Outbox, until: int) -> list[int]:
    """The numbers of the open alarms that nobody acknowledged, up to one; for a whole flood."""
    rows = outbox.rows(
        "SELECT id FROM alert WHERE state = 'open' AND acked_ms = 0 AND same_as = 0 AND id <= ?"
        " ORDER BY id",
        (until,),
    )
    return [int(number) for (number,) in rows]


def status_of(outbox: Outbox, now_ms: int, least_level: int = 1) -> AlertStatus:
    """How telling goes. `least_level`: of the alarms that want an acknowledgement."""
    opened = outbox.count("SELECT count(*) FROM alert WHERE state = 'open'")
    waiting, oldest_ms = outbox.one(
        "SELECT count(*), coalesce(min(opened_ms), 0) FROM alert"
        " WHERE state = 'open' AND acked_ms = 0 AND same_as = 0 AND level >= ?",
        (least_level,),
    )
    undelivered, given_up = outbox.one(
        "SELECT coalesce(sum(state = 'due' AND attempts > 0), 0),"
        " coalesce(sum(state = 'given_up'), 0)"
        " FROM message WHERE state IN ('due', 'given_up')"
    )
    pulse = outbox.rows("SELECT wall_ms, fault, levels FROM pulse")
    wall_ms, fault, levels = pulse[0] if pulse else (0, "", 0)
    sending = bool(pulse) and abs(now_ms - wall_ms) <= PULSE_STALE_MS
    return AlertStatus(
        opened, waiting, oldest_ms, undelivered, given_up, levels, sending, wall_ms, fault
    )


def _shown(row: tuple[Any, ...]) -> AlarmTold:
    (
        number, source, key, level, state, acked_ms, opened_ms, english, chinese, first_order,
        money_fen, switch, repeats, same_as, step, acked_by, note, closed_ms, undelivered,
    ) = row  # fmt: skip
    state = ACKNOWLEDGED if state == "open" and acked_ms else state
    return AlarmTold(
        number, source, key, LEVEL_NAMES[level], state, opened_ms, english, chinese, first_order,
        money_fen, switch, repeats, same_as, step, acked_ms, acked_by, note, closed_ms, undelivered,
    )  # fmt: skip
