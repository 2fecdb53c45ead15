"""How a message leaves: what every transport is handed and what it may answer.

An outcome is what is known, no more: a transport that cannot tell whether the message was taken
says so, and then nobody sends it a second time by itself.
"""

from enum import Enum
from typing import NamedTuple, Protocol


class Outcome(Enum):
    """What became of handing a message over."""

    SENT = "sent"
    REFUSED = "refused"  # for good: the address or the message is not taken
    LATER = "later"  # surely not taken: it may be handed over again
    UNKNOWN = "unknown"  # perhaps taken


class Handed(NamedTuple):
    """The outcome, and a code of the other side's: never its words, which may quote an address."""

    outcome: Outcome
    code: str = ""


class Message(NamedTuple):
    """One message with its address, for the moment in which it leaves."""

    key: str  # the same for the same message: what a receiver may know it again by
    to: str
    sender: str
    subject: str
    body: str
    at_ms: int
    is_marketing: bool


class Transport(Protocol):
    """One way out. One thread at a time; never raises for what the other side does."""

    @property
    def counts_once(self) -> bool:
        """Whether the other side takes the same key once, however often it is handed over."""
        ...

    def hand_over(self, message: Message) -> Handed:
        """Try once."""
        ...

    def rest(self) -> None:
        """Nothing more for now: let go of connections."""
        ...
