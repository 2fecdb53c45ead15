"""The breaker 熔断: what is stopped, since when and why, and who may open it again.

    closed → open → half_open → closed          (an alarm while half open: open again)

Always latched: it opens by itself on an alarm and closes only by a person with a reason, two of
them after a shop pause, however often the process restarts. Pure: it says what is to be asked of
the desk and what was read back; it reads no clock. Never takes anything back by itself.
"""

import msgspec

from tidegate.watch.alarms import (
    CAP,
    LEVEL_NAMES,
    NOTE,
    PAUSE_PROMOTION,
    PAUSE_SHOP,
    PAUSE_SKU,
    Alarm,
)
from tidegate.watch.layout import HYPOTHESIS_NAMES, SCOPE_NAMES, SKU

CLOSED, OPEN, HALF_OPEN = "closed", "open", "half_open"
TRICKLE_MS = 15 * 60_000  # how long half open before it may be closed
AGREE_MS = 60 * 60_000  # the word of the first of two people counts so long
ASK_AGAIN_MS = 2_000  # an order to the desk that did not take effect is repeated
SPREAD_WINDOW_MS = 10 * 60_000
SPREAD_SKUS = 3  # so many SKUs paused within the window: it is the shop
SHOP, SKU_TARGET, PROMOTION_TARGET = "shop", "sku", "promotion"
HISTORY_MAX = 1000
_NO_DIGITS = str.maketrans("0123456789", "bcdfghjklm")  # no id may look like a telephone number
PAUSE, CAPPED, TRICKLE, RESUME = "pause", "cap", "trickle", "resume"  # kinds of actions
STOPPING = (PAUSE, CAPPED)  # these the breaker asks for by itself; the others are people's
_TARGETS = {PAUSE_SHOP: SHOP, PAUSE_SKU: SKU_TARGET, PAUSE_PROMOTION: PROMOTION_TARGET}


class BreakerRefused(Exception):
    """A person asked for what the breaker does not allow; the sentence says why."""


class Action(msgspec.Struct, frozen=True):
    """What the desk is to do: `pause`, `cap` (one unit an order), `trickle` (on sale again, one
    unit an order, of a promotion few orders a minute) or `resume`; of what, why, and by whose word.

    The id is the same each time it is asked, so that the desk does it once.
    """

    id: str
    kind: str
    target: str  # shop, sku, promotion
    code: str
    note: str
    actor: int = 0  # tokens of the people who asked for it, 0 = nobody did
    approver: int = 0


class Person(msgspec.Struct, frozen=True):
    """Who asked: the token of an operator, never a name. Two keys of one person are one token."""

    token: int
    reason: str


class Switch(msgspec.Struct):
    """One breaker of one target."""

    target: str
    code: str
    phase: str = CLOSED
    level: int = NOTE
    since_ms: int = 0
    alarm: str = ""  # key of the alarm that opened it
    sentence: str = ""
    action: Action | None = None  # asked of the desk, until it was read back
    asked_ms: int = 0
    confirmed_ms: int = 0  # when the desk was seen to have done it, 0 = not yet
    asked_by: Person | None = None  # the first of two people
    bounds: tuple[int, int] | None = None  # least and most of an order before it was capped
    asked_by_ms: int = 0
    fault: str = ""  # why the desk did not do it


class Event(msgspec.Struct, frozen=True):
    """One line of the breaker's history."""

    at_ms: int
    target: str
    code: str
    phase: str
    level: str
    why: str
    person: int = 0


class Breaker(msgspec.Struct):
    """Every switch of one shop. `msgspec.json` keeps it over restarts."""

    switches: dict[str, Switch] = {}
    history: list[Event] = []
    count: int = 0  # of actions, for their ids
    handled: list[str] = []  # keys of the last alarms: one that comes again opens nothing

    # -- opening ----------------------------------------------------------------------------------

    def on_alarm(self, alarm: Alarm, now_ms: int) -> tuple[Action, ...]:
        """Open what the alarm asks for, and what follows from it; nothing for a note.

        An alarm that comes again, since the watch went back to what it had saved, does nothing.
        """
        if alarm.level == NOTE or alarm.key in self.handled:
            return ()
        self.handled = [*self.handled[-HISTORY_MAX + 1 :], alarm.key]
        target, code = target_of(alarm)
        note = f"the watch: {HYPOTHESIS_NAMES[alarm.hypothesis]}, {SCOPE_NAMES[alarm.scope]}"
        actions = self._open(target, code, alarm.level, alarm.key, alarm.english, now_ms, note)
        if self._is_spreading(now_ms):
            why = f"{SPREAD_SKUS} SKUs were paused within {SPREAD_WINDOW_MS // 60_000} minutes"
            actions += self._open(SHOP, "", PAUSE_SHOP, alarm.key, why, now_ms, note)
        return actions

    def stop_shop(self, person: Person, now_ms: int) -> tuple[Action, ...]:
        """一键停售: a person stops the shop. Where it is stopped already, nothing changes."""
        _require_reason(person)
        why = person.reason
        return self._open(SHOP, "", PAUSE_SHOP, "", why, now_ms, why, person.token)

    def lifted(self, target: str, code: str, now_ms: int) -> tuple[Action, ...]:
        """What was in force is so no more, and nobody closed the breaker: ask for it again."""
        switch = self.switch(target, code)
        if switch.phase == CLOSED or switch.action is not None:
            return ()
        why = f"{switch.sentence} (lifted past the breaker, and asked again)"
        if switch.phase == HALF_OPEN and target == PROMOTION_TARGET:
            switch.phase, switch.since_ms, switch.asked_by = OPEN, now_ms, None
        self._note(switch, why, now_ms, 0)
        kind = CAPPED if switch.phase == HALF_OPEN or switch.level == CAP else PAUSE
        return (self._ask(switch, kind, "the watch: lifted past the breaker", now_ms),)

    def _open(
        self, target: str, code: str, level: int, key: str, why: str, now_ms: int, note: str,
        person: int = 0,
    ) -> tuple[Action, ...]:  # fmt: skip
        """`why` is what people read, `note` what stands on record: without a number in it."""
        switch = self.switch(target, code)
        if switch.phase == OPEN and switch.level >= level:
            return ()
        switch.phase, switch.level = OPEN, level
        switch.since_ms, switch.alarm, switch.sentence = now_ms, key, why
        switch.asked_by = None
        self._note(switch, why, now_ms, person)
        return (self._ask(switch, CAPPED if level == CAP else PAUSE, note, now_ms, person),)

    def _is_spreading(self, now_ms: int) -> bool:
        recent = [
            switch
            for switch in self.switches.values()
            if switch.target == SKU_TARGET
            and switch.phase == OPEN
            and switch.level == PAUSE_SKU
            and now_ms - switch.since_ms <= SPREAD_WINDOW_MS
        ]
        return len(recent) >= SPREAD_SKUS

    # -- reading back -----------------------------------------------------------------------------

    def due(self, now_ms: int) -> tuple[Action, ...]:
        """What to ask of the desk again, because it was not seen to have taken effect; the gravest
        first. What people asked for is theirs to repeat.
        """
        waiting = [
            switch
            for switch in self.switches.values()
            if switch.action is not None
            and switch.action.kind in STOPPING
            and abs(now_ms - switch.asked_ms) >= ASK_AGAIN_MS
        ]
        for switch in waiting:
            switch.asked_ms = now_ms
        waiting.sort(key=lambda switch: -switch.level)
        return tuple(switch.action for switch in waiting if switch.action is not None)

    def read_back(self, action: Action, now_ms: int) -> None:
        """The desk was seen to have done this. An older action's reading changes nothing."""
        switch = self.switch(action.target, action.code)
        if switch.action is not None and switch.action.id == action.id:
            switch.action, switch.confirmed_ms, switch.fault = None, now_ms, ""
            if action.kind == RESUME:  # its story stays in the history
                del self.switches[key_of(action.target, action.code)]

    def remember_bounds(self, action: Action, bounds: tuple[int, int] | None) -> None:
        """Keep what an order's bounds were before the first cap: they are given back."""
        switch = self.switch(action.target, action.code)
        switch.bounds = switch.bounds or bounds

    def failed(self, action: Action, why: str, *, forever: bool) -> None:
        """The desk did not do it. `forever`: there is nothing that could be stopped."""
        switch = self.switch(action.target, action.code)
        if switch.action is not None and switch.action.id == action.id:
            switch.fault = why
            if forever:
                switch.action = None

    # -- closing ----------------------------------------------------------------------------------

    def half_open(self, target: str, code: str, person: Person, now_ms: int) -> tuple[Action, ...]:
        """A person lets a trickle through. After a shop pause a second must agree.

        Nothing comes back for the first of two. Raises BreakerRefused.
        """
        switch = self._require(target, code, OPEN, person)
        people = self._people(switch, person, now_ms)
        if not people:
            return ()
        switch.phase, switch.since_ms, switch.asked_by = HALF_OPEN, now_ms, None
        self._note(switch, person.reason, now_ms, person.token)
        return (self._ask(switch, TRICKLE, person.reason, now_ms, *people),)

    def close(self, target: str, code: str, person: Person, now_ms: int) -> tuple[Action, ...]:
        """A person ends it, after the trickle was quiet; after a shop pause a second must agree.

        Nothing comes back for the first of two. Raises BreakerRefused.
        """
        switch = self._require(target, code, HALF_OPEN, person)
        left_ms = switch.since_ms + TRICKLE_MS - now_ms
        if left_ms > 0:
            raise BreakerRefused(
                f"half open for {left_ms // 1000} more seconds before it may close"
            )
        people = self._people(switch, person, now_ms)
        if not people:
            return ()
        switch.phase, switch.level, switch.asked_by = CLOSED, NOTE, None
        self._note(switch, person.reason, now_ms, person.token)
        return (self._ask(switch, RESUME, person.reason, now_ms, *people),)

    def repeated(self, target: str, code: str, kind: str) -> tuple[Action, ...]:
        """What people asked for and was not seen in force, to be asked again as it was."""
        switch = self.switches.get(key_of(target, code))
        action = None if switch is None else switch.action
        return () if action is None or action.kind != kind else (action,)

    def _require(self, target: str, code: str, phase: str, person: Person) -> Switch:
        _require_reason(person)
        switch = self.switches.get(key_of(target, code))
        now = CLOSED if switch is None else switch.phase
        if switch is None or now != phase:
            raise BreakerRefused(f"{target} {code} is {now}, not {phase}".replace("  ", " "))
        return switch

    def _people(self, switch: Switch, person: Person, now_ms: int) -> tuple[int, ...]:
        """Whose word it is, one's or two people's; none while the second is missing."""
        if switch.level != PAUSE_SHOP:
            return (person.token,)
        first = switch.asked_by
        if first is None or not 0 <= now_ms - switch.asked_by_ms <= AGREE_MS:
            switch.asked_by, switch.asked_by_ms = person, now_ms
            self._note(switch, f"first of two: {person.reason}", now_ms, person.token)
            return ()
        if first.token == person.token:
            raise BreakerRefused("a second person must agree; the first was the same")
        return (first.token, person.token)

    # -- bookkeeping ------------------------------------------------------------------------------

    def switch(self, target: str, code: str) -> Switch:
        """The switch of a target, closed where there was none."""
        return self.switches.setdefault(key_of(target, code), Switch(target, code))

    def phase(self, target: str, code: str) -> str:
        """How a target's switch stands; closed where there is none."""
        switch = self.switches.get(key_of(target, code))
        return CLOSED if switch is None else switch.phase

    def _ask(
        self, switch: Switch, kind: str, why: str, now_ms: int, actor: int = 0, approver: int = 0
    ) -> Action:
        self.count += 1
        # With the moment: a breaker that lost its file must not count from one under old names.
        named = f"breaker-{now_ms}-{self.count}".translate(_NO_DIGITS)
        action = Action(named, kind, switch.target, switch.code, why, actor, approver)
        switch.action, switch.asked_ms, switch.confirmed_ms = action, now_ms, 0
        return action

    def _note(self, switch: Switch, why: str, now_ms: int, person: int) -> None:
        level = LEVEL_NAMES[switch.level]
        line = Event(now_ms, switch.target, switch.code, switch.phase, level, why, person)
        self.history = [*self.history[-HISTORY_MAX + 1 :], line]


def key_of(target: str, code: str) -> str:
    """The name of a switch."""
    return f"{target}:{code}"


def target_of(alarm: Alarm) -> tuple[str, str]:
    """What an alarm asks to be stopped: a kind of target and its code."""
    target = _TARGETS.get(alarm.level) or (SKU_TARGET if alarm.scope == SKU else SHOP)
    return target, "" if target == SHOP else alarm.code


def _require_reason(person: Person) -> None:
    if not person.reason.strip():
        raise BreakerRefused("a reason must be given")
