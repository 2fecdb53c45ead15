"""One word that stops every channel of a shop (一键停售), and the word that lets one sell again.

Always: the intention is durable when the call returns; the ladder of each channel carries it out
and reads it back. Never: waits for a channel, or starts anything again by itself.
"""

from typing import NamedTuple

from tidegate.channels.ledger import Ledger


class Stopped(NamedTuple):
    """What a stop came to: channels that are being stopped now, and those that were already."""

    now: list[str]
    before: list[str]


def stop_all(ledger: Ledger, reason: str, actor: str, now_ms: int) -> Stopped:
    """Stop every connected channel."""
    return stop_some(ledger, None, reason, actor, now_ms)


def stop_some(ledger: Ledger, channel: str | None, reason: str, actor: str, now_ms: int) -> Stopped:
    """Stop one connected channel, or all of them. Raises LookupError for one that is not."""
    with ledger.writing() as connection:
        rows = connection.execute(
            "SELECT channel, stopped FROM connection WHERE ? IS NULL OR channel = ?"
            " ORDER BY channel",
            (channel, channel),
        ).fetchall()
        if channel is not None and not rows:
            raise LookupError(f"channel {channel} is not connected")
        going = [name for name, stopped in rows if not stopped]
        connection.executemany(
            "UPDATE connection SET stopped = 1, stopped_by = ?, stop_reason = ?, stopped_ms = ?"
            " WHERE channel = ?",
            [(actor, reason[:200], now_ms, name) for name in going],
        )
    return Stopped(going, [name for name, stopped in rows if stopped])


def resume_one(ledger: Ledger, channel: str, actor: str) -> None:
    """Let a channel sell again; automatic audit stays off. Raises LookupError."""
    with ledger.writing() as connection:
        found = connection.execute(
            "UPDATE connection SET stopped = 0, stopped_by = ?, stop_reason = '', stopped_ms = 0"
            " WHERE channel = ?",
            (actor, channel),
        )
        if not found.rowcount:
            raise LookupError(f"channel {channel} is not connected")
        connection.execute("DELETE FROM rung WHERE channel = ?", (channel,))
