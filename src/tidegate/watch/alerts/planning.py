"""Which letters are to be written now: to whom, about what, at which step; as rows of the outbox.

Always so few that people read them: beyond LETTERS_MAX in ten minutes the rest goes together in
one letter a minute. Never waits for a way: writing a letter and carrying it are two things.
"""

import hashlib
import sqlite3
from collections.abc import Sequence
from typing import Any, NamedTuple

from tidegate.watch.alarms import NOTE
from tidegate.watch.alerts.outbox import (
    ESCALATED,
    NEVER_MS,
    RAISED,
    RESOLVED_LETTER,
    Outbox,
    note_change,
)
from tidegate.watch.alerts.recipients import Recipients
from tidegate.watch.alerts.wording import Shop, Subject, digest_of, letter_of

LETTERS_MAX = 12  # about single alerts, in WINDOW_MS
WINDOW_MS = 10 * 60_000
DIGEST_MS = 60_000  # at most one letter about many in so long
ALONE = 3  # of a flood: the worst so many get letters of their own
STEPS_MAX = 64  # of escalation: then the alert stands in the status and is told no more
WORST = 5  # that a digest names

Pairs = Sequence[tuple[str, str]]

_SUBJECT = "id, level, english, chinese, money_fen, repeats, source"
_WAITING = {
    RAISED: "state = 'open' AND same_as = 0 AND acked_ms = 0 AND step = -1",
    ESCALATED: (
        "state = 'open' AND same_as = 0 AND acked_ms = 0 AND stale = 0 AND step >= 0"
        " AND next_ms <= :now AND level >= :least"
    ),
    RESOLVED_LETTER: "state = 'resolved' AND over_told = 0",
}


class Moment(NamedTuple):
    """Now: by the steady time that alerts wait by, and by the clock on the wall."""

    steady_ms: int
    wall_ms: int


class Plan(NamedTuple):
    """One letter to be written: about these alerts (`where`), for these recipients."""

    kind: str
    step: int
    level: int
    title: str
    body: str
    pairs: Pairs
    keyed: str  # what makes its keys: the same letter has the same keys
    alerts: int


def plan_letters(outbox: Outbox, shop: Shop, known: Recipients, now: Moment) -> int:
    """Write every letter that is due; how many."""
    written = 0
    for kind in (RAISED, ESCALATED, RESOLVED_LETTER):
        for step in _steps(outbox, kind, known, now):
            written += _Kind(outbox, shop, known, now, kind, step).write()
    return written


def _steps(outbox: Outbox, kind: str, known: Recipients, now: Moment) -> list[int]:
    """The steps that alerts of this kind stand at: they are told in letters of their own."""
    if kind != ESCALATED:
        waiting = outbox.rows(
            f"SELECT 1 FROM alert WHERE {_WAITING[kind]} LIMIT 1"  # noqa: S608 -- our own words
        )
        return [-1] if waiting else []
    rows = outbox.rows(
        f"SELECT DISTINCT step FROM alert WHERE {_WAITING[kind]} ORDER BY step",  # noqa: S608 -- as above
        {"now": now.steady_ms, "least": known.escalates_from},
    )
    return [int(step) for (step,) in rows]


class _Kind:
    """The letters of one kind at one step."""

    def __init__(
        self, outbox: Outbox, shop: Shop, known: Recipients, now: Moment, kind: str, step: int
    ) -> None:
        self._outbox, self._shop, self._known, self._now = outbox, shop, known, now
        self._kind, self._from_step = kind, step
        self._step = step + 1 if kind != RESOLVED_LETTER else 0
        self._where = _WAITING[kind] + (" AND step = :step" if kind == ESCALATED else "")
        self._values: dict[str, object] = {
            "now": now.steady_ms, "least": known.escalates_from, "step": step,
        }  # fmt: skip

    def write(self) -> int:
        """As many letters of their own as there is room for, the rest in one."""
        with self._outbox.changing() as connection:
            total = int(self._ask(connection, "count(*)")[0][0])
            alone = self._alone(connection, total)
            if alone < 0:
                return 0
            worst_first = f"ORDER BY level DESC, money_fen DESC, id LIMIT {alone}"
            for row in self._ask(connection, _SUBJECT, worst_first):
                self._one(connection, Subject(*row))
            if total == alone:
                return alone
            self._many(connection)
            return alone + 1

    def _alone(self, connection: sqlite3.Connection, total: int) -> int:
        """How many alerts get letters of their own; -1: all wait for the next letter about many."""
        room = self._room(connection)
        if total <= room:
            return total
        least = 0 if room == 0 else 1  # once there is no room any letter counts, not only of many
        if connection.execute(
            "SELECT 1 FROM letter WHERE alerts > ? AND made_ms > ? LIMIT 1",
            (least, self._now.steady_ms - DIGEST_MS),
        ).fetchone():
            return -1
        return 1 if total == 1 else min(ALONE, max(0, room - 1))

    def _ask(
        self, connection: sqlite3.Connection, columns: str, ending: str = ""
    ) -> list[tuple[Any, ...]]:
        query = f"SELECT {columns} FROM alert WHERE {self._where} {ending}"  # noqa: S608 -- our own words
        return connection.execute(query, self._values).fetchall()

    def _room(self, connection: sqlite3.Connection) -> int:
        (made,) = connection.execute(
            "SELECT count(*) FROM letter WHERE made_ms > ?", (self._now.steady_ms - WINDOW_MS,)
        ).fetchone()
        return max(0, LETTERS_MAX - int(made))

    def _one(self, connection: sqlite3.Connection, subject: Subject) -> None:
        title, body = letter_of(self._shop, self._kind, self._step, subject)
        source, key = connection.execute(
            "SELECT source, key FROM alert WHERE id = ?", (subject.id,)
        ).fetchone()
        pairs = self._pairs(connection, "SELECT :id AS id", {"id": subject.id})
        plan = Plan(
            self._kind, self._step, subject.level, title, body, pairs, f"{source}\0{key}", 1
        )
        letter = write_letter(connection, self._shop.name, plan, self._now.steady_ms)
        self._told(connection, letter, plan, "id = :id", {"id": subject.id})

    def _many(self, connection: sqlite3.Connection) -> None:
        counts = {
            int(level): int(number)
            for level, number in self._ask(connection, "level, count(*)", "GROUP BY level")
        }
        worst = [
            Subject(*row)
            for row in self._ask(
                connection, _SUBJECT, f"ORDER BY level DESC, money_fen DESC, id LIMIT {WORST}"
            )
        ]
        (first, last), total = self._ask(connection, "min(id), max(id)")[0], sum(counts.values())
        title, body = digest_of(self._shop, self._kind, self._step, counts, worst, last)
        inner = f"SELECT id FROM alert WHERE {self._where}"  # noqa: S608 -- our own words
        pairs = self._pairs(connection, inner, self._values)
        keyed = f"digest\0{first}\0{last}\0{total}"
        plan = Plan(self._kind, self._step, max(counts), title, body, pairs, keyed, total)
        letter = write_letter(connection, self._shop.name, plan, self._now.steady_ms)
        self._told(connection, letter, plan, self._where, self._values)

    def _pairs(
        self, connection: sqlite3.Connection, alerts: str, values: dict[str, object]
    ) -> Pairs:
        """Whoever is on duty; of what is over, whoever was told of it."""
        if self._kind != RESOLVED_LETTER:
            return self._known.at_step(self._step, self._now.wall_ms)
        told: Pairs = connection.execute(
            "SELECT DISTINCT recipient, way FROM message WHERE letter IN"  # noqa: S608 -- our own words
            f" (SELECT letter FROM covered WHERE alert IN ({alerts})) ORDER BY 1, 2", values,
        ).fetchall()  # fmt: skip
        return told or self._known.at_step(0, self._now.wall_ms)

    def _told(
        self, connection: sqlite3.Connection, letter: int, plan: Plan, where: str,
        values: dict[str, object],
    ) -> None:  # fmt: skip
        """Every alert of a letter moves on; what it waits for next follows from its step."""
        names = ", ".join(dict.fromkeys(name for name, _ in plan.pairs))
        change = {"letter": letter, "what": self._kind, "at": self._now.wall_ms, "names": names}
        connection.execute(
            "INSERT INTO change (alert, at_ms, what, step, told)"  # noqa: S608 -- our own words
            f" SELECT id, :at, :what, {self._step}, :names FROM alert WHERE {where}",
            {**values, **change},
        )
        connection.execute(
            f"INSERT INTO covered SELECT id, :letter FROM alert WHERE {where}",  # noqa: S608 -- as above
            {**values, **change},
        )
        if self._kind == RESOLVED_LETTER:
            moved, more = "over_told = 1, letter = :letter", {}
        else:
            wait_ms = self._known.wait_ms(self._step)
            more = {
                "to": self._step,
                "due": NEVER_MS if self._step >= STEPS_MAX else self._now.steady_ms + wait_ms,
            }
            moved = "step = :to, next_ms = :due, letter = :letter"
        connection.execute(
            f"UPDATE alert SET {moved} WHERE {where}",  # noqa: S608 -- as above
            {**values, **change, **more},
        )


def write_letter(connection: sqlite3.Connection, shop: str, plan: Plan, due_ms: int) -> int:
    """A letter and its messages, each with a key that the same letter would get again."""
    letter = connection.execute(
        "INSERT INTO letter (kind, step, made_ms, alerts, level, title, body)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (plan.kind, plan.step, due_ms, plan.alerts, plan.level, plan.title, plan.body),
    ).lastrowid
    assert letter is not None
    connection.executemany(
        "INSERT INTO message (letter, key, recipient, way, state, due_ms)"
        " VALUES (?, ?, ?, ?, 'due', ?) ON CONFLICT DO NOTHING",
        [
            (letter, key_of(shop, plan.kind, plan.keyed, plan.step, name, way), name, way, due_ms)
            for name, way in plan.pairs
        ],
    )
    return letter


def key_of(shop: str, kind: str, keyed: str, step: int, recipient: str, way: str) -> str:
    """The key of a message: the same whenever and however often it is written or sent."""
    text = "\0".join((shop, kind, keyed, str(step), recipient, way))
    return "tidegate-" + hashlib.sha256(text.encode()).hexdigest()[:32]


def write_test(
    outbox: Outbox, shop: str, known: Recipients, text: tuple[str, str], now: Moment, number: int
) -> int:
    """A letter to everybody by every way, which is no alert's. Its number."""
    plan = Plan("test", 0, NOTE, *text, known.everybody(), f"{number}-{now.wall_ms}", 0)
    with outbox.changing() as connection:
        letter = write_letter(connection, shop, plan, now.steady_ms)
        note_change(connection, 0, now.wall_ms, "test")
    return letter
