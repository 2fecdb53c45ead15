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

CLOSED, OPEN, HALF_OPEN = "closed", "open", "half_open"
TRICKLE_MS = 15 * 60_000  # how long half open before it may be closed
ASK_AGAIN_MS = 2_000  # an order to the desk that did not take effect is repeated
SPREAD_WINDOW_MS = 10 * 60_000
SPREAD_SKUS = 3  # so many SKUs paused within the window: it is the shop
SHOP, SKU_TARGET, PROMOTION_TARGET = "shop", "sku", "promotion"
HISTORY_MAX = 1000
_TARGETS = {PAUSE_SHOP: SHOP, PAUSE_SKU: SKU_TARGET, PAUSE_PROMOTION: PROMOTION_TARGET}


class BreakerRefused(Exception):
    """A person asked for what the breaker does not allow; the sentence says why."""


class Action(msgspec.Struct, frozen=True):
    """What the desk is to do: `pause`, `cap` (one unit an order) or `resume`, of what, and why.

    The id is the same each time it is asked, so that the desk does it once.
    """

    id: str
    kind: str
    target: str  # shop, sku, promotion
    code: str
    note: str


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
        target = _TARGETS.get(alarm.level) or ("sku" if alarm.scope == 0 else "shop")
        code = "" if target == SHOP else alarm.code
        actions = self._open(target, code, alarm.level, alarm.key, alarm.english, now_ms)
        if self._is_spreading(now_ms):
            why = f"{SPREAD_SKUS} SKUs were paused within {SPREAD_WINDOW_MS // 60_000} minutes"
            actions += self._open(SHOP, "", PAUSE_SHOP, alarm.key, why, now_ms)
        return actions

    def stop_shop(self, person: Person, now_ms: int) -> tuple[Action, ...]:
        """一键停售: a person stops the shop."""
        _require_reason(person)
        return self._open(SHOP, "", PAUSE_SHOP, "", person.reason, now_ms, person.token)

    def _open(
        self, target: str, code: str, level: int, key: str, why: str, now_ms: int, person: int = 0
    ) -> tuple[Action, ...]:
        switch = self.switch(target, code)
        if switch.phase == OPEN and switch.level >= level:
            return ()
        switch.phase, switch.level = OPEN, level
        switch.since_ms, switch.alarm, switch.sentence = now_ms, key, why
        switch.asked_by = None
        self._note(switch, why, now_ms, person)
        return (self._ask(switch, "cap" if level == CAP else "pause", why, now_ms),)

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
        """What to ask of the desk again, because it was not seen to have taken effect."""
        found = []
        for switch in self.switches.values():
            if switch.action is None or now_ms - switch.asked_ms < ASK_AGAIN_MS:
                continue
            switch.asked_ms = now_ms
            found.append(switch.action)
        return tuple(found)

    def read_back(self, action: Action, now_ms: int) -> None:
        """The desk was seen to have done this. An older action's reading changes nothing."""
        switch = self.switch(action.target, action.code)
        if switch.action is not None and switch.action.id == action.id:
            switch.action, switch.confirmed_ms = None, now_ms
            if action.kind == "resume":
                switch.bounds = None

    # -- closing ----------------------------------------------------------------------------------

    def half_open(self, target: str, code: str, person: Person, now_ms: int) -> tuple[Action, ...]:
        """A person lets a trickle through: one unit an order. After a shop pause a second must
        agree. Raises BreakerRefused.
        """
        switch = self._require(target, code, OPEN, person)
        if switch.level == PAUSE_SHOP and not self._agreed(switch, person, now_ms):
            return ()
        switch.phase, switch.since_ms, switch.asked_by = HALF_OPEN, now_ms, None
        self._note(switch, person.reason, now_ms, person.token)
        return (self._ask(switch, "cap", person.reason, now_ms),)

    def close(self, target: str, code: str, person: Person, now_ms: int) -> tuple[Action, ...]:
        """A person ends it, after the trickle was quiet; after a shop pause a second must agree.

        Raises BreakerRefused.
        """
        switch = self._require(target, code, HALF_OPEN, person)
        left_ms = switch.since_ms + TRICKLE_MS - now_ms
        if left_ms > 0:
            raise BreakerRefused(
                f"half open for {left_ms // 1000} more seconds before it may close"
            )
        if switch.level == PAUSE_SHOP and not self._agreed(switch, person, now_ms):
            return ()
        switch.phase, switch.level, switch.asked_by = CLOSED, NOTE, None
        self._note(switch, person.reason, now_ms, person.token)
        return (self._ask(switch, "resume", person.reason, now_ms),)

    def _require(self, target: str, code: str, phase: str, person: Person) -> Switch:
        _require_reason(person)
        switch = self.switches.get(_key(target, code))
        now = CLOSED if switch is None else switch.phase
        if switch is None or now != phase:
            raise BreakerRefused(f"{target} {code} is {now}, not {phase}".replace("  ", " "))
        return switch

    def _agreed(self, switch: Switch, person: Person, now_ms: int) -> bool:
        if switch.asked_by is None:
            switch.asked_by = person
            self._note(switch, f"first of two: {person.reason}", now_ms, person.token)
            return False
        if switch.asked_by.token == person.token:
            raise BreakerRefused("a second person must agree; the first was the same")
        return True

    # -- bookkeeping ------------------------------------------------------------------------------

    def switch(self, target: str, code: str) -> Switch:
        """The switch of a target, closed where there was none."""
        return self.switches.setdefault(_key(target, code), Switch(target, code))

    def _ask(self, switch: Switch, kind: str, why: str, now_ms: int) -> Action:
        self.count += 1
        action = Action(f"breaker-{self.count}", kind, switch.target, switch.code, why)
        switch.action, switch.asked_ms, switch.confirmed_ms = action, now_ms, 0
        return action

    def _note(self, switch: Switch, why: str, now_ms: int, person: int) -> None:
        level = LEVEL_NAMES[switch.level]
        line = Event(now_ms, switch.target, switch.code, switch.phase, level, why, person)
        self.history = [*self.history[-HISTORY_MAX + 1 :], line]


def _key(target: str, code: str) -> str:
    return f"{target}:{code}"


def _require_reason(person: Person) -> None:
    if not person.reason.strip():
        raise BreakerRefused("a reason must be given")
