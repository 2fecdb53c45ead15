"""What a person may be shown of their own choices: how each purpose stands, and receipts.

Everything comes from events and their proofs. Never shows anything about anybody else.
"""

from typing import Any, NamedTuple

import msgspec

from tidegate.people.consent import standing as st
from tidegate.people.consent.receipts import EVENT_STATES, Told, receipt
from tidegate.people.consent.standing import State
from tidegate.people.gate import NO_FIELDS
from tidegate.people.gate_port import Allow
from tidegate.people.notices.document import Language, consent_mode
from tidegate.people.proofs import PeopleProofs
from tidegate.people.shop_people import ShopPeople
from tidegate.people.stream import Place

_decode = msgspec.json.Decoder(dict[str, Any]).decode


class Switch(NamedTuple):
    """One purpose that rests on consent, as the person sees it."""

    purpose: str
    words: str
    mode: str
    state: str
    is_open: bool  # the gate lets it through now, quiet hours and the like left aside
    entry: str
    at_ms: int


def switches(people: ShopPeople, person: int, language: Language, at_ms: int) -> list[Switch]:
    """Each purpose of consent with its switch; off where nothing was said."""
    told = {
        name: (state, str(place), said_ms)
        for name, state, place, said_ms in people.standing.told_of(person)
    }
    found = []
    for name in people.notices.purposes():
        one = people.notices.purpose(name)
        if one is None or one.purpose.basis != "consent":
            continue
        state, place, said_ms = told.get(name, (State.NONE, "", 0))
        is_open = isinstance(people.gate.may(person, name, NO_FIELDS, "", "", at_ms), Allow)
        found.append(
            Switch(
                name, one.purpose.title.of(language),
                consent_mode(one.published.notice, one.purpose, people.notices.sensitive),
                state.name.lower(), is_open, place, said_ms,
            )
        )  # fmt: skip
    return found


def receipt_of(
    people: ShopPeople,
    proofs: PeopleProofs,
    shop: str,
    person: int,
    purpose: str,
    language: Language,
) -> dict[str, Any]:
    """The receipt of everything a person said about a purpose. Raises LookupError where nothing."""
    told: list[Told] = []
    version: tuple[str, int] | None = None
    for place in people.history.of(person):
        event = _decode(proofs.event(place))
        if event["kind"] not in EVENT_STATES or event["purpose"] != purpose:
            continue
        told.append(Told(place, event, proofs.prove(place)))
        if event["kind"] == st.GRANTED_EVENT:
            version = (event["notice"], event["version"])
    if not told:
        raise LookupError(f"this person said nothing about {purpose}")
    if version is None:
        version = _version_at(people, purpose, told[-1].place)
    published = people.notices.versions(version[0])[version[1] - 1]
    return receipt(shop, purpose, published, told, people.pack, language)


def _version_at(people: ShopPeople, purpose: str, place: Place) -> tuple[str, int]:
    """The notice that named the purpose when something else than a yes was said."""
    for name in people.notices.names():
        for published in reversed(people.notices.versions(name)):
            if published.place < place and purpose in published.notice.purposes:
                return name, published.version
    raise LookupError(f"no notice ever named {purpose}")
