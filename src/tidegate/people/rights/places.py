"""Every place where something of a person may lie: each can look for it, and each can erase it.

A request to delete goes through all of them, and one that cannot answer keeps the request open. A
place that was left out of the list is a fault of the list: there is one list, made in one place.
This module never keeps what it was told to look for.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import msgspec


@dataclass(frozen=True, repr=False)
class Subject:
    """Whom to look for: a token, their values by field, their tokens in the identity table."""

    person: int
    values: Mapping[str, str] = field(default_factory=dict)
    identity_tokens: Sequence[int] = ()
    identity_hashes: Sequence[bytes] = ()
    shared: frozenset[str] = frozenset()  # names of values that others may have too: people's names

    @property
    def own_values(self) -> list[str]:
        """Values that point to them alone: what files are searched for."""
        return [value for name, value in self.values.items() if name not in self.shared]

    @property
    def shared_values(self) -> list[str]:
        """Values that count only where one of their own stands beside them."""
        return [value for name, value in self.values.items() if name in self.shared]

    def __repr__(self) -> str:
        return f"Subject({self.person:016x})"


class Found(NamedTuple):
    """Something in a place, named without saying what it holds."""

    what: str
    number: int


class Outcome(msgspec.Struct, frozen=True):
    """What became of it in one place. `until_day`: kept until then, and why; 0: nothing is kept."""

    place: str
    found: int
    erased: int
    kept: int = 0
    until_day: int = 0
    why: str = ""


class PlaceFailed(Exception):
    """A place could not be searched or emptied; the message says what to do, and no value."""


class Place(Protocol):
    """One place."""

    @property
    def name(self) -> str:
        """What certificates call it."""
        ...

    def find(self, subject: Subject) -> list[Found]:
        """What there is of this person. Raises PlaceFailed."""
        ...

    def erase(self, subject: Subject, why: str) -> Outcome:
        """Erase it, again without harm. Raises PlaceFailed."""
        ...


class Places:
    """All of them, in the order in which they are emptied.

    The vault, which knows values, comes after these, and `after` when it is empty: what
    the gate knows goes last, because a gate that knows nobody lets nobody read.
    """

    def __init__(self, places: Sequence[Place], after: Sequence[Place] = ()) -> None:
        self._before = tuple(places)
        self._after = tuple(after)
        self._places = (*places, *after)
        names = [place.name for place in self._places]
        assert len(set(names)) == len(names), "each place once"

    def __iter__(self) -> Iterator[Place]:
        return iter(self._places)

    @property
    def names(self) -> tuple[str, ...]:
        """What they are called."""
        return tuple(place.name for place in self._places)

    def find(self, subject: Subject) -> dict[str, list[Found]]:
        """What there is of a person, place by place. Raises PlaceFailed."""
        return {place.name: place.find(subject) for place in self._places}

    def erase(self, subject: Subject, why: str) -> list[Outcome]:
        """Empty all before the vault. Raises PlaceFailed at the first that fails: begin again."""
        return [place.erase(subject, why) for place in self._before]

    def finish(self, subject: Subject, why: str) -> list[Outcome]:
        """Empty those that come after the vault. Raises PlaceFailed: begin again."""
        return [place.erase(subject, why) for place in self._after]
