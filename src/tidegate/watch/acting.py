"""What the breaker wants, asked of the desk and read back.

Always through the desk's own door, and a switch counts as done only once the desk was seen to have
it in force; what failed is asked again under the same id. Never decides what is to be stopped, and
never starts a sale: that takes people.
"""

from collections.abc import Iterable
from typing import NamedTuple, Protocol

import structlog

from tidegate.watch.alarms import CAP
from tidegate.watch.breaker import (
    CAPPED,
    CLOSED,
    HALF_OPEN,
    PAUSE,
    PROMOTION_TARGET,
    RESUME,
    TRICKLE,
    Action,
    Breaker,
)
from tidegate.watch.latch import Latch

CAP_UNITS = 1

log = structlog.get_logger("tidegate.watch")


class InForce(NamedTuple):
    """How a target is at the desk. `trickles`: a promotion that takes few orders a minute."""

    known: bool
    paused: bool
    quantity_min: int
    quantity_max: int
    trickles: bool = False

    def capped(self, target: str) -> bool:
        """One unit an order; of a promotion, few orders a minute."""
        return self.trickles if target == PROMOTION_TARGET else self.quantity_max == CAP_UNITS


class NothingToStop(Exception):
    """The desk knows no such target, or will never do this: asking again is of no use."""


class DeskPort(Protocol):
    """The desk as the watch knows it. Raises OSError where it cannot be asked."""

    def act(self, action: Action) -> None:
        """Ask; an action with the same id counts once. Raises NothingToStop."""

    def in_force(self, target: str, code: str) -> InForce:
        """How a target is now."""


def is_so(action: Action, now: InForce) -> bool:
    """Whether what an action asks for is in force."""
    if action.kind == PAUSE:
        return now.paused
    capped = now.capped(action.target)
    if action.kind == CAPPED:
        return capped or now.paused
    assert action.kind in {TRICKLE, RESUME}, action.kind
    return not now.paused and (capped or action.kind == RESUME)


def carry_out(latch: Latch, desk: DeskPort, actions: Iterable[Action], now_ms: int) -> list[str]:
    """Ask the desk for these and read back; a sentence for each that failed.

    A desk that cannot be reached is not the end: the switch stays open, and `Breaker.due` gives
    the action again.
    """
    faults = []
    for action in actions:
        try:
            if action.kind == CAPPED:
                _remember_bounds(latch, desk, action)
            desk.act(action)
            is_done = is_so(action, desk.in_force(action.target, action.code))
            why, is_over = "" if is_done else "asked, and not in force yet", False
        except (OSError, NothingToStop) as error:
            why, is_over = str(error) or type(error).__name__, isinstance(error, NothingToStop)
        if why:
            faults.append(f"{action.kind} {action.target} {action.code}: {why}")
            log.error("breaker_not_in_force", action=action.id, error=why, asked_again=not is_over)
            _note_failure(latch, action, why, forever=is_over)
        else:
            _confirm(latch, action, now_ms)
    return faults


def look_again(latch: Latch, desk: DeskPort, now_ms: int) -> tuple[Action, ...]:
    """Whether what stands open is still in force; what to ask for again where it was lifted."""
    found: tuple[Action, ...] = ()
    for switch in latch.breaker().switches.values():
        if switch.phase == CLOSED or switch.action is not None or not switch.confirmed_ms:
            continue
        only_capped = switch.phase == HALF_OPEN or switch.level == CAP
        now = desk.in_force(switch.target, switch.code)
        holds = now.paused or (only_capped and now.capped(switch.target))
        if now.known and not holds:
            target, code = switch.target, switch.code
            found += _lifted(latch, target, code, now_ms)
    return found


def _lifted(latch: Latch, target: str, code: str, now_ms: int) -> tuple[Action, ...]:
    return latch.change(lambda breaker: breaker.lifted(target, code, now_ms))


def _remember_bounds(latch: Latch, desk: DeskPort, action: Action) -> None:
    """Before the first cap: kept durably, since the cap itself would hide them."""
    switch = latch.breaker().switches.get(f"{action.target}:{action.code}")
    if switch is None or switch.bounds is not None:
        return
    now = desk.in_force(action.target, action.code)
    if now.known and now.quantity_max != CAP_UNITS:
        _change(latch, lambda b: b.remember_bounds(action, (now.quantity_min, now.quantity_max)))


def _confirm(latch: Latch, action: Action, now_ms: int) -> None:
    _change(latch, lambda breaker: breaker.read_back(action, now_ms))


def _note_failure(latch: Latch, action: Action, why: str, *, forever: bool) -> None:
    _change(latch, lambda breaker: breaker.failed(action, why, forever=forever))


class _Quiet(Protocol):
    def __call__(self, breaker: Breaker, /) -> None: ...


def _change(latch: Latch, change: _Quiet) -> None:
    def quietly(breaker: Breaker) -> tuple[Action, ...]:
        change(breaker)
        return ()

    latch.change(quietly)
