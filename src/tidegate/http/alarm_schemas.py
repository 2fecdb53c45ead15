"""The bodies of alarms: what is given to acknowledge them, and pages of them.

Always bounded. Never a name: whoever acknowledged is a token, in hex.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from tidegate.http.schemas import Body, Note
from tidegate.watch.alerts.shown import AlarmTold, Change


class Acknowledge(Body, frozen=True):
    """A person takes an alarm up."""

    note: Note = ""


class AcknowledgeUntil(Body, frozen=True):
    """A person takes up every open alarm up to this number."""

    until: Annotated[int, Meta(ge=1, le=2**53)]
    note: Note = ""


class Acknowledged(msgspec.Struct, frozen=True):
    """How many alarms that was news for, and how the one that was named stands now."""

    taken: int
    alarm: AlarmTold | None


class AlarmPage(msgspec.Struct, frozen=True):
    """Alarms, newest first; `next` is the `before` of the next page, "" at the end."""

    items: list[AlarmTold]
    next: str


class AlarmChanged(msgspec.Struct, frozen=True):
    """One event of the stream: what happened, and how the alarm stands."""

    change: Change
    alarm: AlarmTold
