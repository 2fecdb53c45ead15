"""A batch on its way to the disk, and the answers it gives once it is durable.

Always: whoever waits in a batch hears once, whatever becomes of the others' callbacks. Never: an
answer is made from anything but what the batch decided and the order that it repeats.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import structlog

from tidegate.desk.answers import CommandAnswer, Decision, DeskUnready, ManyDecided
from tidegate.desk.inbox import Asked, AskedCommand, Batch
from tidegate.domain.reasons import Reason
from tidegate.engine import layout as lo
from tidegate.engine.index import NONE
from tidegate.engine.machine import Machine
from tidegate.engine.tables import find_id, hash_id
from tidegate.record import facts as f
from tidegate.record.lines import CONTINUES, FACT, PAID, Array

log = structlog.get_logger("tidegate.desk")

NOTHING: Array = np.zeros(0, np.uint8)
EMPTY = Batch([], [], [])


class Flight(NamedTuple):
    """A batch that was decided and is on its way to the disk."""

    batch: Batch
    payload: bytes
    now_ms: int
    hold_ttl_s: int  # the shop's policy when it was decided
    hold_ttl_max_s: int
    outcomes: Array
    operations: Array
    commands: list[Any]
    notes: list[f.Note]

    def confirms_clock(self) -> bool:
        """Whether a person's new word on the time is in it; an old one again is not."""
        return any(
            isinstance(outcome.fact, f.ClockConfirmed) and not outcome.duplicate
            for outcome in self.commands
        )


def tell(asked: Asked | AskedCommand, answer: object, error: BaseException | None) -> None:
    """Tell one who waits; a fault in their callback must not take the others' answers."""
    try:
        asked.done(answer, error)
    except Exception:
        log.exception("answer_not_taken")


def refuse(batch: Batch, error: Exception) -> None:
    """Tell everybody of a batch that it came to nothing."""
    for command in batch.commands:
        tell(command, None, error)
    refuse_rows((*batch.orders, *batch.operations), error)


def refuse_rows(waiting: Sequence[Asked], error: Exception) -> None:
    """Tell those who wait for rows that they came to nothing."""
    for asked in waiting:
        tell(asked, None, error)


def without_orders(batch: Batch, why: str) -> Batch:
    """A batch whose orders are refused, so that what frees or stops something may go on."""
    refuse_rows(batch.orders, DeskUnready(why))
    return batch._replace(orders=[])


def answer_flight(flight: Flight, seq: int, machine: Machine) -> None:
    """Give everybody of a durable batch their answer.

    A position is an event's place in its entry: new commands first, then orders, then operations.
    """
    for command, outcome in zip(flight.batch.commands, flight.commands, strict=True):
        answer = CommandAnswer(outcome.reason, outcome.duplicate, seq, outcome.fact)
        tell(command, answer, None)
    before = sum(not outcome.duplicate for outcome in flight.commands)
    if flight.batch.orders:
        answer_orders(flight, seq, machine, before)
    before += len(flight.outcomes)
    position = 0
    for asked in flight.batch.operations:
        rows = flight.operations[position : position + asked.size]
        tell(asked, ManyDecided(rows, seq, before + position), None)
        position += asked.size


FLAGS_AT = 94  # of the flags byte in a LINE row; `record.lines` pins it


def hold_ends_ms(lines: bytes, decided_s: int, flight: Flight) -> int:
    """When the hold of an order accepted at a second ends; 0 = none: paid, or a marketplace's."""
    if lines[FLAGS_AT] & (PAID | FACT):
        return 0
    ttl_s = int.from_bytes(lines[76:80], "little") or flight.hold_ttl_s
    return 1000 * (decided_s + min(ttl_s, flight.hold_ttl_max_s))


def repeated_hold_ends_ms(lines: bytes, flight: Flight, machine: Machine) -> int:
    """What a repeat of an accepted order is told of its hold: the end that it has.

    Once the hold is over it is the end that it had, by the policy of today.
    """
    if lines[FLAGS_AT] & (PAID | FACT):
        return 0
    s = machine.state
    hi, low = (np.uint64(int.from_bytes(lines[at : at + 8], "little")) for at in (0, 8))
    entry = int(find_id(s, hi, low, np.uint64(hash_id(s, hi, low))))
    if entry == NONE:
        return 0  # forgotten by a batch that was decided meanwhile
    order = s.orders[entry]
    if int(order["state"]) == lo.PRE_HELD:
        return 1000 * int(s.blocks[int(order["block"])])
    return hold_ends_ms(lines, int(order["decided_at_s"]), flight)


def answer_orders(flight: Flight, seq: int, machine: Machine, before: int) -> None:
    """Answer orders one by one, each with its own outcome row."""
    position = 0
    rows = flight.outcomes.tolist()
    now_s = flight.now_ms // 1000
    for asked in flight.batch.orders:
        if type(asked.rows) is bytes:
            reason, flags, rule, has, mask, short = rows[position]
            ends = 0
            if reason == Reason.ACCEPTED:
                if flags:
                    ends = repeated_hold_ends_ms(asked.rows, flight, machine)
                else:
                    ends = hold_ends_ms(asked.rows, now_s, flight)
            place = before + position
            tell(
                asked,
                Decision(reason, flags != 0, rule, has, mask, short, seq, place, ends),
                None,
            )
            position += 1
            continue
        count = int(np.count_nonzero(asked.rows["flags"] & CONTINUES == 0))
        decided = flight.outcomes[position : position + count]
        tell(asked, ManyDecided(decided, seq, before + position), None)
        position += count
