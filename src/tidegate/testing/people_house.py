"""A shop's people with a clock in hand: for tests and for measuring.

Always the real stream, shelf, ledger and gate, over a journal in memory; the notice is the example
that the product gives away. Never: a consent that did not come through the ledger.
"""

import itertools
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import msgspec

from tidegate.journal.memory import MemoryJournal, MemoryStore
from tidegate.people.consent.ledger import Reply, Screen
from tidegate.people.consent.standing import State
from tidegate.people.gate_port import Answer, Deny
from tidegate.people.notices.document import Notice
from tidegate.people.notices.reading import example_text, read_notice
from tidegate.people.notices.shelf import Published
from tidegate.people.pack import load_pack
from tidegate.people.shop_people import ShopPeople, open_people

NOON_MS = 1_793_160_000_000  # 2026-10-28 12:00 in Shanghai
ZONE = "Asia/Shanghai"
ACTOR = 0xAC
PUSH, PERSONAL, SERVICE, TAX = "marketing.push", "marketing.personal", "order.fulfil", "tax.keep"
SHARE, BANK, ABROAD = "share.partner", "refund.bank", "support.abroad"
NO_FIELDS: frozenset[str] = frozenset()


def fair_screen(name: str = "consent-1", **changes: Any) -> Screen:  # noqa: ANN401  any field
    """A screen with nothing wrong with it, but for the changes."""
    fair = Screen(id=name, sha256="0" * 64, agree_steps=1, refuse_steps=1, withdraw_steps=1)
    return msgspec.structs.replace(fair, **changes)


@lru_cache(maxsize=1)
def example_notice() -> Notice:
    """The notice that the product gives away."""
    return read_notice(example_text())


def changed_purpose(notice: Notice, name: str, **changes: Any) -> Notice:  # noqa: ANN401  any field
    """The notice with one purpose changed."""
    purpose = msgspec.structs.replace(notice.purposes[name], **changes)
    return msgspec.structs.replace(notice, purposes=notice.purposes | {name: purpose})


def without_purpose(notice: Notice, name: str) -> Notice:
    """The notice without one purpose."""
    left = {key: purpose for key, purpose in notice.purposes.items() if key != name}
    return msgspec.structs.replace(notice, purposes=left)


class PeopleHouse:
    """Opens, asks, answers; `now_ms` is whatever the test says."""

    def __init__(self, notice: Notice | None = None) -> None:
        self.store = MemoryStore("people:own")
        self.now_ms = NOON_MS
        self.numbers = itertools.count(1)
        self.people: ShopPeople = self.opened()
        if notice is not None:
            self.publish(notice)

    def opened(self) -> ShopPeople:
        """The shop's people as the journal says."""
        return open_people(MemoryJournal(self.store), "test", lambda: ZONE, load_pack())

    def reopen(self) -> None:
        """As after a restart."""
        self.people = self.opened()

    def later(self, *, hours: float = 0, days: float = 0) -> None:
        """Let time pass."""
        self.now_ms += int((hours + 24 * days) * 3_600_000)

    def publish(self, notice: Notice, same: Mapping[str, str] | None = None) -> Published:
        """Put a notice in force."""
        people = self.people
        return people.notices.publish(people.stream, notice, ACTOR, self.now_ms, same)

    def serve(self, person: int) -> None:
        """Show the person the notice that stands."""
        people = self.people
        people.notices.serve(people.stream, person, "main", "zh-CN", "plain", "start", self.now_ms)

    def ask(
        self,
        person: int,
        purpose: str,
        screen: Screen | None = None,
        *,
        by_person: bool = False,
    ) -> str:
        """Ask a question of a person who was shown the notice; its id."""
        ask = f"ask-{next(self.numbers)}"
        shown = screen or fair_screen(f"screen-{ask}")
        self.people.ledger.ask(person, purpose, shown, ask, ACTOR, self.now_ms, by_person=by_person)
        return ask

    def answer(
        self, person: int, ask: str, *, agrees: bool, guardian: int = 0, action: str = ""
    ) -> State:
        """Answer it by an action of its own."""
        by: Any = "guardian" if guardian else "self"
        name = action or f"click-{next(self.numbers)}"
        reply = Reply(ask, name, agrees, by, guardian)
        return self.people.ledger.answer(person, reply, ACTOR, self.now_ms)[0]

    def agree(self, person: int, purpose: str, guardian: int = 0) -> None:
        """Everything that leads to a consent."""
        self.serve(person)
        ask = self.ask(person, purpose, by_person=True)
        self.answer(person, ask, agrees=True, guardian=guardian)

    def refuse(self, person: int, purpose: str) -> None:
        """Asked, and a no."""
        self.serve(person)
        self.answer(person, self.ask(person, purpose), agrees=False)

    def withdraw(self, person: int, purpose: str) -> State:
        """Take it back."""
        action = f"click-{next(self.numbers)}"
        return self.people.ledger.withdraw(person, purpose, action, ACTOR, self.now_ms)[0]

    def may(
        self,
        person: int,
        purpose: str,
        fields: frozenset[str] = NO_FIELDS,
        recipient: str = "",
        channel: str = "",
    ) -> Answer:
        """Ask the gate now."""
        return self.people.gate.may(person, purpose, fields, recipient, channel, self.now_ms)

    def why(self, *question: Any, **more: Any) -> str:  # noqa: ANN401  as `may`
        """The reason of a refusal, empty where it is allowed."""
        answer = self.may(*question, **more)
        return answer.reason if isinstance(answer, Deny) else ""

    def sent(self, person: int, channel: str, *, marketing: bool = True) -> None:
        """A message that left."""
        event = {
            "kind": "message.sent", "at_ms": self.now_ms, "person": f"{person:016x}",
            "channel": channel, "marketing": marketing,
        }  # fmt: skip
        self.people.stream.record(person, event)

    def note(self, kind: str, person: int) -> None:
        """An event about a person that others record: restricted, unrestricted, forgotten."""
        event = {"kind": kind, "at_ms": self.now_ms, "person": f"{person:016x}"}
        self.people.stream.record(person, event)


Opened = Callable[[], PeopleHouse]
