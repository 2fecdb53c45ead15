"""What asks before a person's data is read or a message to them leaves: one question, two answers.

Whatever holds personal data, or speaks to a person, takes a `Gate` and asks it each time, at the
moment of the act; the answer names the records that it rests on, so that it can be shown later.
This module never decides: it has the question, the answers, and a gate that refuses everything.
"""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Allow:
    """It is lawful now. `evidence` names the records: rule, notice, consent, each with its place.

    It holds for `at_ms` of the question only: whoever acts later asks again.
    """

    evidence: str


@dataclass(frozen=True, slots=True)
class Deny:
    """It is not. `reason` is a name of `GateReason`, `article` the law that it follows from."""

    reason: str
    article: str


Answer = Allow | Deny


class Gate(Protocol):
    """Default deny: whatever is not known to be lawful is refused. Never raises for a refusal."""

    def may(
        self,
        person: int,
        purpose: str,
        fields: frozenset[str],
        recipient: str,
        channel: str,
        at_ms: int,
    ) -> Answer:
        """Whether these fields of this person may be used for this purpose at this moment.

        `person` is the journal's token; `recipient` is the party that receives the fields, empty
        where nobody outside the shop does; `channel` is the way by which a message leaves, empty
        for a read; `at_ms` is UTC. An unknown person, purpose, field, recipient or channel is
        refused. Whether the asker may ask at all is for `access`.
        """
        ...


class ClosedGate:
    """Refuses everything: what stands in where no rules are in force."""

    def may(
        self,
        person: int,  # noqa: ARG002 - the port's names
        purpose: str,  # noqa: ARG002 - as above
        fields: frozenset[str],  # noqa: ARG002 - as above
        recipient: str,  # noqa: ARG002 - as above
        channel: str,  # noqa: ARG002 - as above
        at_ms: int,  # noqa: ARG002 - as above
    ) -> Answer:
        """Deny: nobody said for which purposes this shop processes personal data."""
        return Deny("rules_missing", "PIPL 5-7, 13")
