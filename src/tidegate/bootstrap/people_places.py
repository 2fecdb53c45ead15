"""What a shop's choices and messages have of a person, as places that requests search and empty.

Always told to the stream of the people first: the gate refuses a person who is forgotten at once.
Never: a consent is deleted; who gave it is nobody any more, that it was given stays (Art. 69).
"""

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tidegate.people.consent.showing import switches
from tidegate.people.consent.standing import (
    FORGOTTEN_EVENT,
    RESTRICTED_EVENT,
    UNRESTRICTED_EVENT,
)
from tidegate.people.messages.outbox import Outbox
from tidegate.people.messages.port import MessagePort, Wanted
from tidegate.people.rights.desk import RightsRefused
from tidegate.people.rights.places import Found, Outcome, Subject
from tidegate.people.shop_people import ShopPeople
from tidegate.people.stream import token_text


class ConsentPlace:
    """Notices that were shown, consents, age, guardian: what the gate knows of a person."""

    name = "consents"

    def __init__(self, people: ShopPeople, now_ms: Callable[[], int]) -> None:
        self._people = people
        self._now_ms = now_ms

    def find(self, subject: Subject) -> list[Found]:
        """Whether the gate knows them."""
        known = [one for one in self._tokens(subject) if self._is_known(one)]
        return [Found("persons that the gate knows", len(known))] if known else []

    def erase(self, subject: Subject, why: str) -> Outcome:  # noqa: ARG002  the stream says why
        """The gate forgets them: every question about them is refused from now on."""
        known = [one for one in self._tokens(subject) if self._is_known(one)]
        for person in sorted({*known, subject.person}):
            self._people.stream.record(
                person,
                {"kind": FORGOTTEN_EVENT, "at_ms": self._now_ms(), "person": token_text(person)},
            )
        return Outcome(
            self.name, len(known), len(known), why="what was agreed to stays as proof: PIPL 69"
        )

    def _is_known(self, person: int) -> bool:
        """Something was said by them, or shown to them."""
        notices = self._people.notices
        return person in self._people.standing.rows or any(
            notices.served_version(person, name) is not None for name in notices.names()
        )

    @staticmethod
    def _tokens(subject: Subject) -> set[int]:
        return {subject.person, *subject.identity_tokens}


class MessagePlace:
    """Messages that wait, were sent or failed: templates and tokens."""

    name = "messages"

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    def find(self, subject: Subject) -> list[Found]:
        """How many messages are kept."""
        count = len(self._outbox.of_person(subject.person))
        return [Found("messages", count)] if count else []

    def erase(self, subject: Subject, why: str) -> Outcome:  # noqa: ARG002  the stream says why
        """Nothing is sent any more, and nothing of it is kept."""
        gone = self._outbox.forget({subject.person, *subject.identity_tokens})
        return Outcome(self.name, gone, gone)


CODE_TEMPLATE = "rights-code"  # with a value `code` of the kind number


def code_sender(port: MessagePort) -> Callable[[int, str, str], None]:
    """Sends a one-time code as a message behind the gate, to an address that the vault holds."""

    def send(person: int, channel: str, code: str) -> None:
        key = f"{CODE_TEMPLATE}-{secrets.token_hex(8)}"
        wanted = Wanted(key, person, CODE_TEMPLATE, channel, "zh-CN", {"code": int(code)})
        try:
            port.send(wanted, 0)
        except LookupError:
            raise RightsRefused(
                "template_missing", f"put a message template {CODE_TEMPLATE} with a number `code`"
            ) from None

    return send


def message_folders(outbox: Outbox) -> list[Path]:
    """Where messages are written that somebody else takes away: addresses stand in them."""
    return [Path(way.settings["folder"]) for way in outbox.ways() if way.kind == "files"]


def collectors_of(people: ShopPeople, now_ms: Callable[[], int]) -> dict[str, Callable[[int], Any]]:
    """What a person's own copy shows besides the vault: each consent as it stands."""

    def consents(person: int) -> list[dict[str, Any]]:
        if person not in people.standing.rows:
            return []
        return [
            {"purpose": one.purpose, "words": one.words, "state": one.state, "entry": one.entry}
            for one in switches(people, person, "zh-CN", now_ms())
        ]

    return {"consents": consents}


def restriction_teller(
    people: ShopPeople, now_ms: Callable[[], int]
) -> Callable[[int, bool], None]:
    """Lets the gate know that a person's data is only kept, or no longer."""

    def tell(person: int, is_restricted: bool) -> None:
        kind = RESTRICTED_EVENT if is_restricted else UNRESTRICTED_EVENT
        people.stream.record(
            person, {"kind": kind, "at_ms": now_ms(), "person": token_text(person)}
        )

    return tell
