"""The release gate: every recorded order is released, held or kept waiting, by the desk's decision.

    recorded ──► RELEASE ──► released ──(journal)──► outbox ──► warehouse
        └─► HOLD (its judgement, a change, a person) ──► on_hold

Always: the attempt's number is in the ledger before the desk is asked, so that a crash asks the
same question again. Never: anything is handed to a warehouse here; the outbox does that, from what
stands in the journal.
"""

import json
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tidegate.channels.asking import Asking, together
from tidegate.channels.ledger import Ledger, key_of
from tidegate.domain.reasons import Reason
from tidegate.record.lines import HOLD, RELEASE, Array

TURN_MAX = 2048
WAITING_MAX = 100_000  # the oldest; what a person must look after by then
OVERRIDE = 1  # OPERATION flag of a release: a person decided
INTERCEPTED = 2  # OPERATION flag of a hold: the warehouse has confirmed that it keeps the order
ASKED_MAX = 100_000
AGAIN_MS = 30_000  # a wait that nothing visible ends is asked about so often
WAITS = {  # reasons that time, money or stock may settle: kept waiting, not held
    int(Reason.PAYMENT_NOT_CONFIRMED),
    int(Reason.INCIDENT_OPEN),
    int(Reason.ALARM_RAISED),
    int(Reason.STOCK_SHORT_AT_RELEASE),
}
SHORT = int(Reason.STOCK_SHORT_AT_RELEASE)
WRONG_STATE = int(Reason.WRONG_STATE)


class Asked(NamedTuple):
    """An order of which a decision is asked."""

    key: bytes
    channel: str
    number: str
    state: str
    lines: str
    short: int
    keep: int
    reason: int
    attempt: int
    asking: int


class Gated(NamedTuple):
    """What one turn came to, counted."""

    released: int = 0
    held: int = 0
    waiting: int = 0


class ReleaseGate:
    """One shop's gate over all its channels. Called from one thread at a time."""

    def __init__(self, ledger: Ledger, asking: Asking, look_every_ms: int = 0) -> None:
        """`look_every_ms`: how often it is looked at what waits for stock."""
        self._look_every_ms = look_every_ms
        self._next_short_ms = 0
        self._ledger = ledger
        self._asking = asking
        self._next_look_ms = 0
        self._asked_at: dict[bytes, tuple[int, ...]] = {}

    def turn(self, now_ms: int) -> Gated:
        """Decide what is recorded, and what waits and may be settled now."""
        total = self._look_at_waiting(now_ms)
        while asked := self._recorded():
            total = _sum(total, self._decide(asked))
            if len(asked) < TURN_MAX:
                break
        return total

    # -- which -----------------------------------------------------------------------------------

    def _recorded(self) -> list[Asked]:
        return self._rows("state = 'recorded' ORDER BY placed_ms LIMIT ?", TURN_MAX)

    def _rows(self, where: str, *values: object) -> list[Asked]:
        fields = ", ".join(Asked._fields)
        statement = f"SELECT {fields} FROM orders WHERE {where}"  # noqa: S608 -- our words
        return [Asked(*row) for row in self._ledger.ask(statement, values)]

    def _look_at_waiting(self, now_ms: int) -> Gated:
        """Ask again for what waits: for stock where there is some now, the rest now and then."""
        if now_ms < self._next_short_ms:
            return Gated()
        waiting = self._rows("state = 'waiting' ORDER BY placed_ms LIMIT ?", WAITING_MAX)
        # A long queue is looked at less often: it must not take the gate's time from what is new.
        often = 1 + len(waiting) // TURN_MAX
        self._next_short_ms = now_ms + self._look_every_ms * often
        short = [order for order in waiting if order.reason == SHORT]
        again = self._coverable(short)
        if now_ms >= self._next_look_ms:
            self._next_look_ms = now_ms + AGAIN_MS
            again += [order for order in waiting if order.reason != SHORT]
        return self._decide(again[:TURN_MAX]) if again else Gated()

    def _coverable(self, orders: Sequence[Asked]) -> list[Asked]:
        """Those that the units on hand could serve, the oldest first; a guess, the desk decides.

        One that was asked about, to no avail, is asked about again when its shelf has changed.
        """
        found: list[Asked] = []
        left: dict[tuple[str, str], int] = {}
        for order in orders:
            wanted: dict[str, int] = {}
            for sku, units in json.loads(order.lines):
                wanted[sku] = wanted.get(sku, 0) + units
            self._fill(left, order.channel, list(wanted))
            shelf = tuple(max(0, left[order.channel, sku]) for sku in wanted)
            covers = [
                min(units, there) for units, there in zip(wanted.values(), shelf, strict=True)
            ]
            if sum(covers) < order.short or self._asked_at.get(order.key) == shelf:
                continue
            self._asked_at[order.key] = shelf
            for sku, units in zip(wanted, covers, strict=True):
                left[order.channel, sku] -= min(units, order.short)
            found.append(order)
        if len(self._asked_at) > ASKED_MAX:
            self._asked_at.clear()
        return found

    def _fill(self, left: dict[tuple[str, str], int], channel: str, skus: list[str]) -> None:
        unknown = [sku for sku in skus if (channel, sku) not in left]
        for sku, free in zip(unknown, self._asking.shop.free(channel, unknown), strict=True):
            # A debt that is covered becomes a promise: what is left of the shelf decides.
            left[channel, sku] = free.on_hand - free.promised

    # -- what ------------------------------------------------------------------------------------

    def _decide(self, orders: Sequence[Asked]) -> Gated:
        """Ask the desk: hold what is kept, release the rest; then hold what is judged."""
        kept = [order for order in orders if order.keep]
        free = [order for order in orders if not order.keep]
        held = self._ask(kept, HOLD)
        answers = self._ask(free, RELEASE)
        judged = [
            (order, reason)
            for order, reason in zip(free, answers, strict=True)
            if reason and reason not in WAITS and reason != WRONG_STATE
        ]
        self._ask([order for order, _ in judged], HOLD, [reason for _, reason in judged])
        released = answers.count(0)
        return Gated(released, len(held) + len(judged), len(answers) - released - len(judged))

    def _ask(
        self, orders: Sequence[Asked], kind: int, why: Sequence[int] | None = None
    ) -> list[int]:
        """The desk's reasons, stored with what follows from them."""
        if not orders:
            return []
        attempts = [order.attempt if order.asking == kind else order.attempt + 1
                    for order in orders]  # fmt: skip
        with self._ledger.writing() as connection:
            connection.executemany(
                "UPDATE orders SET attempt = ?, asking = ? WHERE key = ?",
                [(n, kind, order.key) for n, order in zip(attempts, orders, strict=True)],
            )
        rows = together(
            [
                self._row(order, attempt, kind)
                for order, attempt in zip(orders, attempts, strict=True)
            ]
        )
        reasons: list[int] = self._asking.operate(rows)["reason"].tolist()
        states = self._states(orders, reasons, kind)
        with self._ledger.writing() as connection:
            connection.executemany(
                "UPDATE orders SET asking = 0, state = ?, reason = ?, owner = CASE WHEN ? = ?"
                " AND owner = '' THEN 'stock' ELSE owner END WHERE key = ?",
                [
                    (state, why[place] if why and not reason else reason, reason, SHORT, order.key)
                    for place, (order, state, reason) in enumerate(
                        zip(orders, states, reasons, strict=True)
                    )
                ],
            )
        return reasons

    def _row(self, order: Asked, attempt: int, kind: int) -> Array:
        name = f"gate\0{order.channel}\0{order.number}\0{kind}\0{attempt}"
        return self._asking.operation(name, key_of(order.key), kind)

    def _states(self, orders: Sequence[Asked], reasons: Sequence[int], kind: int) -> list[str]:
        """Where each answer leaves its order; what is in no state for it is looked up."""
        found: list[str] = []
        odd = [place for place, reason in enumerate(reasons) if reason and reason not in WAITS]
        now: dict[int, str] = dict(
            zip(odd, self._asking.shop.states([key_of(orders[p].key) for p in odd]), strict=True)
        )
        for place, reason in enumerate(reasons):
            if not reason:
                found.append("released" if kind == RELEASE else "on_hold")
            elif reason in WAITS:
                found.append("waiting")
            else:
                found.append(ledger_state(now[place]))
        return found


def ledger_state(desk_state: str) -> str:
    """A state of the desk in the ledger's words."""
    words = {"pre_held": "unpaid", "committed": "waiting", "on_hold": "on_hold",
             "released": "released", "shipped": "closed", "closed": "closed"}  # fmt: skip
    return words.get(desk_state, "waiting")


def release_rows(
    asking: Asking, orders: Sequence[tuple[bytes, str]], run: str, exception: str = ""
) -> Array:
    """A person's releases of (key, number), under ids of one run and what two people approved."""
    drawn = asking.shop.exception_number(exception) if exception else 0
    return together(
        [
            asking.operation(
                f"{run}\0{number}", key_of(key), RELEASE, flags=OVERRIDE, exception=drawn
            )
            for key, number in orders
        ]
    )


def accepted(outcomes: Array) -> list[bool]:
    """Which were accepted."""
    found: list[bool] = np.equal(outcomes["reason"], 0).tolist()
    return found


def _sum(one: Gated, other: Gated) -> Gated:
    return Gated(*(a + b for a, b in zip(one, other, strict=True)))
