"""From letters that are due to what became of them: given to the courier, noted, tried again.

Always noted after it was carried, so a letter whose end nobody saw goes again under the same key.
Never given up while it is fresh: it is tried for a day, ever more slowly, and shown meanwhile.
"""

from collections.abc import Mapping

from tidegate.watch.alerts.outbox import Outbox
from tidegate.watch.alerts.planning import Moment
from tidegate.watch.alerts.ports import Courier, Delivery, Letter

AT_A_TIME = 32  # letters looked at in one turn
RETRY_FIRST_MS, RETRY_MAX_MS = 5_000, 600_000
UNDELIVERED_AFTER = 3  # attempts by every way of a step in vain: the next step is due at once
GIVE_UP_MS = 86_400_000
NO_WAY = "this way is no longer in alerts.toml"


def retry_after_ms(attempts: int) -> int:
    """How long after so many attempts in vain the next one is due."""
    return int(min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** min(attempts - 1, 16)))


def carry(
    outbox: Outbox, courier: Courier, addresses: Mapping[str, str], going: set[int], now: Moment
) -> None:
    """Note what was done, then give what is due to the courier. `going`: what it has, kept here."""
    done = courier.done()
    if done:
        note_done(outbox, done, now)
        going.difference_update(delivery.message for delivery in done)
    due = outbox.rows(
        "SELECT message.id, way, title, body, key, level FROM message"
        " JOIN letter ON letter.id = letter WHERE state = 'due' AND due_ms <= ?"
        " ORDER BY level DESC, due_ms, message.id LIMIT ?",
        (now.steady_ms, AT_A_TIME + len(going)),
    )
    gone = []
    for message, way, title, body, key, level in due:
        if message in going:
            continue
        if way not in addresses:
            gone.append(Delivery(message, False, NO_WAY))
        elif courier.takes(way):
            going.add(message)
            courier.send(Letter(message, way, addresses[way], title, body, key, level))
    if gone:
        note_done(outbox, gone, now)


def note_done(outbox: Outbox, done: list[Delivery], now: Moment) -> None:
    """What became of letters; where nobody of a step can be reached, the next step is due."""
    with outbox.changing() as connection:
        for message, delivered, fault in done:
            if delivered:
                connection.execute(
                    "UPDATE message SET state = 'sent', attempts = attempts + 1, sent_ms = ?,"
                    " fault = '' WHERE id = ?",
                    (now.wall_ms, message),
                )
                continue
            row = connection.execute(
                "UPDATE message SET attempts = attempts + 1, fault = ? WHERE id = ?"
                " RETURNING attempts, letter",
                (fault[:200], message),
            ).fetchone()
            if row is None:
                continue
            attempts, letter = row
            connection.execute(
                "UPDATE message SET due_ms = ?, state = CASE WHEN state = 'due' AND EXISTS"
                " (SELECT 1 FROM letter WHERE letter.id = ? AND made_ms <= ?)"
                " THEN 'given_up' ELSE state END WHERE id = ?",
                (
                    now.steady_ms + retry_after_ms(attempts), letter,
                    now.steady_ms - GIVE_UP_MS, message,
                ),
            )  # fmt: skip
            if attempts == UNDELIVERED_AFTER:
                connection.execute(
                    "UPDATE alert SET next_ms = ? WHERE letter = ? AND state = 'open'"
                    " AND acked_ms = 0 AND next_ms > ? AND NOT EXISTS (SELECT 1 FROM message"
                    " WHERE message.letter = ? AND (message.state = 'sent' OR attempts < ?))",
                    (now.steady_ms, letter, now.steady_ms, letter, UNDELIVERED_AFTER),
                )
