"""Everything of one shop that concerns persons' choices, put together on one stream.

The folds are whole before anything is asked, because opening the stream replays it into them.
This module opens nothing: the journal comes in.
"""

from collections.abc import Callable
from dataclasses import dataclass

from tidegate.journal.protocol import Journal
from tidegate.people.consent.history import History
from tidegate.people.consent.ledger import Ledger
from tidegate.people.consent.questions import Questions
from tidegate.people.consent.standing import FORGOTTEN_EVENT, Standing
from tidegate.people.gate import PeopleGate
from tidegate.people.local_minutes import LocalMinutes
from tidegate.people.messages.templates import Templates
from tidegate.people.notices.shelf import Notices
from tidegate.people.pack import HOUR_MS, Pack
from tidegate.people.stream import PeopleStream, Recorded, token_of

STREAM = "people:{shop}"


@dataclass(frozen=True)
class ShopPeople:
    """One shop's stream, what is known from it, and what may be asked of it."""

    pack: Pack
    stream: PeopleStream
    notices: Notices
    standing: Standing
    questions: Questions
    history: History
    ledger: Ledger
    gate: PeopleGate
    templates: Templates


def open_people(
    journal: Journal,
    owner: str,
    zone: Callable[[], str],
    pack: Pack,
    *more: Callable[[Recorded], None],
) -> ShopPeople:
    """Replay the journal, become its owner, and have everything stand. `more`: other folds.

    Raises what the journal raises.
    """
    notices, standing = Notices(pack), Standing()
    templates, history = Templates(notices), History()
    questions = Questions(pack.number("ask_open_hours") * HOUR_MS)

    def forget(recorded: Recorded) -> None:
        if recorded.event["kind"] == FORGOTTEN_EVENT:
            notices.forget(token_of(recorded.event["person"]))

    folds = (
        notices.fold,
        standing.fold,
        questions.fold,
        templates.fold,
        history.fold,
        forget,
        *more,
    )
    stream = PeopleStream(journal, owner, folds)
    ledger = Ledger(stream, notices, standing, questions)
    gate = PeopleGate(notices, standing, LocalMinutes(zone))
    return ShopPeople(
        pack, stream, notices, standing, questions, history, ledger, gate, templates
    )  # fmt: skip
