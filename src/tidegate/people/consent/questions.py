"""Questions that wait for an answer, those that were answered, and the actions that did it: a fold.

An answer counts once: the id of its question and that of the action behind it are known as used
for as long as anybody could try them again. What is older is forgotten, so memory has a bound.
This module never decides; `ledger` does.
"""

from collections import deque
from collections.abc import Mapping
from typing import Any, NamedTuple

from tidegate.people.consent.standing import ASKED_EVENT, GRANTED_EVENT, REFUSED_EVENT
from tidegate.people.stream import Recorded, token_of


class Asked(NamedTuple):
    """A question that waits for its answer."""

    ask: str
    person: int
    purpose: str
    generation: int
    screen: str
    at_ms: int
    until_ms: int
    served: str
    event_screen: Mapping[str, Any]


class Questions:
    """Questions that wait, those that were answered, and the actions that answered them: a fold.

    Bounded by time: what is older than a question may live is forgotten.
    """

    def __init__(self, lapse_ms: int) -> None:
        self._lapse_ms = lapse_ms
        self._open: dict[str, Asked] = {}
        self._of_person: dict[int, list[str]] = {}
        self._done: dict[str, int] = {}
        self._actions: dict[str, int] = {}
        self._ages: deque[tuple[int, str]] = deque()
        self._done_ages: deque[tuple[int, str, str]] = deque()

    def open(self, ask: str, person: int) -> Asked | None:
        """The question of that id to that person, if it waits for an answer."""
        asked = self._open.get(ask)
        return asked if asked is not None and asked.person == person else None

    def is_answered(self, ask: str) -> bool:
        """Whether it has its answer."""
        return ask in self._done

    def is_known(self, ask: str) -> bool:
        """Whether there is or was such a question."""
        return ask in self._open or ask in self._done

    def is_used(self, action: str) -> bool:
        """Whether an action answered a question already."""
        return action in self._actions

    def shares_screen(self, person: int, purpose: str, screen: str, at_ms: int) -> bool:
        """Whether the same screen asks this person about another purpose now."""
        asks = [self._open[ask] for ask in self._of_person.get(person, ())]
        return any(
            one.screen == screen and one.purpose != purpose and one.until_ms > at_ms for one in asks
        )

    def fold(self, recorded: Recorded) -> None:
        """Take in one event of the stream."""
        event = recorded.event
        kind = event["kind"]
        if kind == ASKED_EVENT:
            self._asked(event)
        elif kind in {GRANTED_EVENT, REFUSED_EVENT} and "ask" in event:
            self._answered(event)

    def _asked(self, event: Mapping[str, Any]) -> None:
        self._forget_before(event["at_ms"])
        asked = Asked(
            event["ask"], token_of(event["person"]), event["purpose"], event["generation"],
            event["screen"]["id"], event["at_ms"], event["until_ms"], event["served"],
            event["screen"],
        )  # fmt: skip
        for other in tuple(self._of_person.get(asked.person, ())):
            if self._open[other].purpose == asked.purpose:
                self._close(other)  # the same question anew takes the place of the one before
        self._of_person.setdefault(asked.person, []).append(asked.ask)
        self._open[asked.ask] = asked
        self._ages.append((asked.until_ms, asked.ask))

    def _close(self, ask: str) -> None:
        asked = self._open.pop(ask, None)
        if asked is None:
            return
        asks = self._of_person[asked.person]
        asks.remove(ask)
        if not asks:
            del self._of_person[asked.person]

    def _answered(self, event: Mapping[str, Any]) -> None:
        self._close(event["ask"])
        until_ms = event["at_ms"] + 2 * self._lapse_ms
        self._done[event["ask"]] = self._actions[event["action"]] = until_ms
        self._done_ages.append((until_ms, event["ask"], event["action"]))

    def _forget_before(self, at_ms: int) -> None:
        while self._ages and self._ages[0][0] + self._lapse_ms <= at_ms:
            _, ask = self._ages.popleft()
            self._close(ask)
        while self._done_ages and self._done_ages[0][0] <= at_ms:
            _, ask, action = self._done_ages.popleft()
            self._done.pop(ask, None)
            self._actions.pop(action, None)
