"""A batch on its way to the disk, and the answers it gives once it is durable."""

from typing import Any, NamedTuple

import numpy as np

from tidegate.desk.answers import CommandAnswer, Decision, ManyDecided
from tidegate.desk.inbox import Batch
from tidegate.domain.reasons import Reason
from tidegate.record.lines import CONTINUES, PAID, Array


class Flight(NamedTuple):
    """A batch that was decided and is on its way to the disk."""

    batch: Batch
    payload: bytes
    now_ms: int
    outcomes: Array
    operations: Array
    commands: list[Any]


def answer_flight(flight: Flight, seq: int, policy_ttl_s: int) -> None:
    """Give everybody of a durable batch their answer.

    A position is an event's place in its entry: new commands first, then orders, then operations.
    """
    for command, outcome in zip(flight.batch.commands, flight.commands, strict=True):
        answer = CommandAnswer(outcome.reason, outcome.duplicate, seq, outcome.fact)
        command.done(answer, None)
    before = sum(not outcome.duplicate for outcome in flight.commands)
    if flight.batch.orders:
        answer_orders(flight, seq, policy_ttl_s, before)
    before += len(flight.outcomes)
    position = 0
    for asked in flight.batch.operations:
        rows = flight.operations[position : position + asked.size]
        asked.done(ManyDecided(rows, seq, before + position), None)
        position += asked.size


FLAGS_AT = 94  # of the flags byte in a LINE row; `record.lines` pins it


def hold_ends_ms(lines: bytes, now_ms: int, policy_ttl_s: int) -> int:
    """When the hold of an order accepted just now ends; 0 = it was paid with the order."""
    if lines[FLAGS_AT] & PAID:
        return 0
    return now_ms // 1000 * 1000 + 1000 * (int.from_bytes(lines[76:80], "little") or policy_ttl_s)


def answer_orders(flight: Flight, seq: int, policy_ttl_s: int, before: int) -> None:
    """Answer orders one by one, each with its own outcome row."""
    position = 0
    rows = flight.outcomes.tolist()
    now_ms = flight.now_ms
    for asked in flight.batch.orders:
        if type(asked.rows) is bytes:
            reason, flags, rule, has, mask, short = rows[position]
            ends = 0
            if reason == Reason.ACCEPTED and not flags:
                ends = hold_ends_ms(asked.rows, now_ms, policy_ttl_s)
            asked.done(
                Decision(reason, flags != 0, rule, has, mask, short, seq, before + position, ends),
                None,
            )
            position += 1
            continue
        count = int(np.count_nonzero(asked.rows["flags"] & CONTINUES == 0))
        decided = flight.outcomes[position : position + count]
        asked.done(ManyDecided(decided, seq, before + position), None)
        position += count
