"""What the catalogue said at any moment: codes, prices, floors, rules, policy, by number and place.

Always: every fact of a command is kept with its place, so that a reason is told with the numbers in
force when it was given. Never: a name of a person; facts hold none.
"""

import sqlite3
from collections.abc import Iterable
from typing import Any

import msgspec

from tidegate.record import facts as f
from tidegate.views.gathered import ToldCommand

NEWEST = (1 << 63) - 1  # later than every place

_DECODER = msgspec.msgpack.Decoder(f.AnyFact)
_ENCODER = msgspec.msgpack.Encoder()

Key = tuple[str, int]
Found = Any  # a fact or None; the scope says which kind


def keys_of_fact(fact: f.Fact) -> Key | None:
    """Under which scope and number a fact is looked up; None for facts that name nothing."""
    if isinstance(fact, f.SkuPut):
        return ("sku", fact.number)
    if isinstance(fact, f.CodePut):
        return (fact.scope, fact.number)
    if isinstance(fact, f.PromotionPublished):
        return ("promotion", fact.number)
    if isinstance(fact, f.GroupPut):
        return ("group", fact.number)
    if isinstance(fact, f.RulePut):
        return ("rule", fact.number)
    if isinstance(fact, f.ExceptionPut):
        return ("exception", fact.number)
    if isinstance(fact, f.FlagSet):
        return (f"flags of {fact.scope}", fact.number)
    if isinstance(fact, f.PolicySet):
        return ("policy", 0)
    return None


def store_names(connection: sqlite3.Connection, commands: Iterable[ToldCommand]) -> None:
    """Keep the facts of commands, inside the caller's transaction."""
    rows = []
    for told in commands:
        fact = told.envelope.fact
        key = keys_of_fact(fact) if fact is not None else None
        if key is not None:
            rows.append((*key, told.place, _ENCODER.encode(fact)))
    connection.executemany("INSERT INTO named VALUES (?, ?, ?, ?)", rows)


class Names:
    """Looks facts up, those of the file and then those that were `tell`-ed since."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._later: dict[Key, list[tuple[int, f.Fact]]] = {}

    def tell(self, place: int, fact: f.Fact | None) -> None:
        """Know a fact that the file does not hold yet; places rise from call to call."""
        key = keys_of_fact(fact) if fact is not None else None
        if key is not None and fact is not None:
            self._later.setdefault(key, []).append((place, fact))

    def at(self, scope: str, number: int, place: int = NEWEST) -> Found:
        """The fact in force just before an event; None when there was none."""
        for told, fact in reversed(self._later.get((scope, number), [])):
            if told < place:
                return fact
        row = self._connection.execute(
            "SELECT fact FROM named WHERE scope = ? AND number = ? AND place < ?"
            " ORDER BY place DESC LIMIT 1",
            (scope, number, place),
        ).fetchone()
        return _DECODER.decode(row[0]) if row else None

    def history(self, scope: str, number: int, place: int = NEWEST) -> list[Any]:
        """Every fact of one number before an event, oldest first."""
        rows = self._connection.execute(
            "SELECT fact FROM named WHERE scope = ? AND number = ? AND place < ? ORDER BY place",
            (scope, number, place),
        )
        stored = [_DECODER.decode(data) for (data,) in rows]
        later = self._later.get((scope, number), [])
        return stored + [fact for told, fact in later if told < place]

    def all_at(self, scope: str, place: int = NEWEST) -> list[Any]:
        """The facts in force of every number of a scope, in number order."""
        rows = self._connection.execute(
            "SELECT number, fact, max(place) FROM named WHERE scope = ? AND place < ?"
            " GROUP BY number",
            (scope, place),
        )
        found = {number: _DECODER.decode(data) for number, data, _ in rows}
        for (of, number), told in self._later.items():
            before = [fact for when, fact in told if of == scope and when < place]
            if before:
                found[number] = before[-1]
        return [found[number] for number in sorted(found)]

    def code(self, scope: str, number: int) -> str:
        """The code of a number, as it is now; "#12" for one that nothing is known of."""
        fact = self.at(scope, number)
        if fact is None:
            return "shared" if (scope, number) == ("pool", 0) else f"#{number}"
        return str(fact.code)

    def policy(self, place: int = NEWEST) -> dict[str, int]:
        """The shop's settings that were ever set, as they were just before an event."""
        values: dict[str, int] = {}
        for fact in self.history("policy", 0, place):
            values.update(fact.values)
        return values

    def zone(self, default: str) -> str:
        """The shop's time zone."""
        fact = self.at("policy", 0)
        return str(fact.zone) if fact is not None else default
