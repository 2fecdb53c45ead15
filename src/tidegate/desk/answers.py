"""What the desk answers, and what it says when it cannot answer.

Every answer is given after the entry that decides it is durable, never before.
"""

from typing import NamedTuple

from tidegate.domain.reasons import Reason
from tidegate.record.facts import AnyFact
from tidegate.record.lines import Array


class Decision(NamedTuple):
    """One order, decided and durable."""

    reason: int
    duplicate: bool
    rule: int
    has: int
    mask: int
    short: int
    seq: int
    position: int
    hold_expires_ms: int


class ManyDecided(NamedTuple):
    """Many orders or operations, decided and durable: one OUTCOME row each."""

    outcomes: Array
    seq: int
    position: int


class CommandAnswer(NamedTuple):
    """A command, decided and durable."""

    reason: Reason
    duplicate: bool
    seq: int
    fact: AnyFact | None


class DeskStatus(NamedTuple):
    """How a desk is."""

    ready: bool
    why: str
    seq: int
    epoch: int
    inbox: int
    now_ms: int
    decided: int
    accepted: int
    live: int


class DeskBusy(Exception):
    """The inbox is full, or this channel's share of it: repeat the same id after a while."""

    def __init__(self, retry_after_s: float, why: str = "the inbox is full") -> None:
        self.retry_after_s = retry_after_s
        super().__init__(f"{why}; repeat the same id after {retry_after_s:g} s")


class DeskUnready(Exception):
    """The desk takes nothing now; the message says why and what to do."""


class Undecided(Exception):
    """Whether it was decided is not known: repeat the same id."""


def jump_text(jumped_ms: int) -> str:
    """Why a desk whose clock jumped takes nothing, and what to do."""
    return (
        f"the clock moved {jumped_ms // 1000:+} s against itself: a person must confirm it"
        " (`tidegate clock confirm`)"
    )


def low_disk_text(free_bytes: int, needed_bytes: int) -> str:
    """Why a desk takes no new orders while the disk is nearly full, and what to do."""
    return (
        f"{free_bytes >> 20} MiB of disk are free, {needed_bytes >> 20} are needed for new orders:"
        " free some space or archive old segments"
    )


def unknown_disk_text(error: OSError) -> str:
    """Why a desk takes no new orders while nobody can say how full the disk is."""
    return f"the disk does not say how much room is left ({error.strerror}): look after it"
