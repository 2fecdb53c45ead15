"""The documents that a person gets: all of their data, what of it may be taken along, and why.

Values are read behind the gate, for the purpose of answering, and on record like any reading.
This module never gives one person what is another's, and never keeps what it made.
"""

import html
from collections.abc import Callable, Mapping
from typing import Any

from tidegate.people.identity import IdentityTable
from tidegate.people.rights.places import Places
from tidegate.people.rights.places_here import subject_of
from tidegate.people.rights.store import Request, RightsStore
from tidegate.people.rights.terms import date_text, moment_text
from tidegate.people.vault.reading import Held
from tidegate.people.vault.vault import Vault

FORMAT = "tidegate personal data v1"


class Answers:
    """Documents of one shop's persons."""

    def __init__(
        self,
        vault: Vault,
        identity: IdentityTable,
        store: RightsStore,
        collectors: Mapping[str, Callable[[int], Any]],
        places: Places,
    ) -> None:
        self._vault = vault
        self._identity = identity
        self._store = store
        self._collectors = collectors
        self._places = places

    def whole(self, actor: int, request: Request) -> dict[str, Any]:
        """Everything that is held, why, until when, who read it, and every request (Art. 45)."""
        person = request.person
        held = self._vault.reading.held(person)
        values = self._vault.reading.read_for_request(actor, person, request.id)
        register = self._vault.parts.register
        subject = subject_of(self._identity, register, person, values)
        readers = self._vault.reading.readers(person)
        restriction = self._vault.reading.restriction(person)
        document = self._head(person) | {
            "held": [self._shown(one, values) for one in held],
            "only_kept_since": moment_text(restriction.since_ms) if restriction else "",
            "readings": [
                {
                    "at": moment_text(event.at_ms), "operator": event.actor,
                    "purpose": event.purpose, "basis": event.basis, "fields": list(event.fields),
                    "recipient": event.recipient, "masked": event.is_masked,
                }
                for event in readers
            ],
            "requests": [
                {
                    "id": one.id, "kind": one.kind, "opened": moment_text(one.opened_ms),
                    "state": one.state, "ended": moment_text(one.ended_ms) if one.ended_ms else "",
                }
                for one in self._store.of(person)
            ],
            "elsewhere": {
                name: [{"what": found.what, "number": found.number} for found in there]
                for name, there in self._places.find(subject).items()
            },
        }  # fmt: skip
        return document | {name: collect(person) for name, collect in self._collectors.items()}

    def portable(self, actor: int, request: Request) -> dict[str, Any]:
        """What was given by consent or under a contract, for machines (Art. 45, 网数条例 25)."""
        person, purposes = request.person, self._vault.parts.register.purposes
        held = [
            one
            for one in self._vault.reading.held(person)
            if any(purposes[name].portable for name in one.purposes if name in purposes)
        ]
        values = self._vault.reading.read_for_request(actor, person, request.id)
        return self._head(person) | {
            "data": [
                {"field": one.field, "name": one.name, "value": values[one.name]} for one in held
            ]
        }

    def explained(self, person: int) -> list[dict[str, Any]]:
        """For which purposes a person's data is held, by the register (Art. 48)."""
        register = self._vault.parts.register
        names = sorted({name for one in self._vault.reading.held(person) for name in one.purposes})
        return [
            {
                "purpose": name, "en": purpose.english, "zh": purpose.chinese,
                "basis": purpose.basis, "method": purpose.method, "days": purpose.days,
                "fields": list(purpose.fields), "recipients": list(purpose.recipients),
                "kept_by": purpose.kept_by.law if purpose.kept_by else "",
            }
            for name in names
            if (purpose := register.purposes.get(name)) is not None
        ]  # fmt: skip

    def _head(self, person: int) -> dict[str, Any]:
        parts = self._vault.parts
        return {
            "format": FORMAT, "shop": parts.shop, "person": f"{person:016x}",
            "made": moment_text(parts.now_ms()), "register": parts.register.version,
        }  # fmt: skip

    def _shown(self, one: Held, values: Mapping[str, str]) -> dict[str, Any]:
        register = self._vault.parts.register
        rule = register.fields[one.field]
        return {
            "name": one.name, "en": rule.english, "zh": rule.chinese,
            "value": values.get(one.name, ""), "since": moment_text(one.stored_ms),
            "purposes": [
                {
                    "purpose": name, "until": date_text(day),
                    "en": register.purposes[name].english if name in register.purposes else "",
                    "zh": register.purposes[name].chinese if name in register.purposes else "",
                    "basis": register.purposes[name].basis if name in register.purposes else "",
                }
                for name, day in sorted(one.purposes.items())
            ],
        }  # fmt: skip


def as_html(title: str, document: Mapping[str, Any]) -> str:
    """Any of the documents to print: headings and lists, no script, nothing from outside."""
    return (
        '<!doctype html><html lang="zh-CN"><meta charset="utf-8">'
        f"<title>{html.escape(title)}</title>"
        "<style>body{font:16px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}"
        "dt{font-weight:bold}dd{margin:0 0 .5em 1.5em}</style>"
        f"<h1>{html.escape(title)}</h1>{_shown(document)}</html>"
    )


def _shown(value: Any) -> str:  # noqa: ANN401  any JSON value
    if isinstance(value, Mapping):
        rows = (f"<dt>{html.escape(str(k))}</dt><dd>{_shown(v)}</dd>" for k, v in value.items())
        return f"<dl>{''.join(rows)}</dl>"
    if isinstance(value, list | tuple):
        return f"<ul>{''.join(f'<li>{_shown(one)}</li>' for one in value)}</ul>"
    return html.escape(str(value))
