"""Reading from the vault: who asks, for which purpose, on which ground, and on record first.

A value is handed out only after its reading is durable on record; masked unless its whole is asked
for. Every step that fails ends in a refusal that is on record as well.
This module never changes what is held.
"""

import hmac
from collections.abc import Iterable
from typing import NamedTuple

from tidegate.people.normalise import KIND_NAMES, IdentityMalformed, normalise
from tidegate.people.vault.cells import Cell, Restriction
from tidegate.people.vault.events import FieldsRead, PersonFound, token_text
from tidegate.people.vault.masking import masked
from tidegate.people.vault.parts import Asking, KeyGone, VaultParts
from tidegate.people.vault.register import FieldRule, PurposeEnds
from tidegate.people.vault.sealing import Tampered


class Held(NamedTuple):
    """What is held of a person, without its value."""

    name: str
    field: str
    data_class: str
    purposes: dict[str, int]  # with the last day of each
    stored_ms: int


class Reading:
    """Reads of one shop's vault. Any thread."""

    def __init__(self, parts: VaultParts) -> None:
        self._parts = parts

    def read(
        self, asking: Asking, person: int, fields: Iterable[str], *, whole: bool = False
    ) -> dict[str, str]:
        """The values of these fields by name (`phone`, `address:home`), masked unless `whole`.

        Raises VaultRefused; then the refusal is on record. A field that is not held is left out.
        For `rights.answer` only the address that an answer leaves by, when it leaves.
        """
        asked = frozenset(fields)
        if asking.purpose == RIGHTS and not (asking.channel and len(asked) == 1):
            raise self._parts.refuse(
                asking, person, asked, "request_needed", "PIPL 45, 50",
                "what a person may see of their own is given in their request, identity checked",
            )  # fmt: skip
        return self._read(asking, person, asked, whole=whole)

    def read_for_request(self, actor: int, person: int, request: str) -> dict[str, str]:
        """Everything that is held of a person, for their own request and whatever it is held for.

        The caller checked who asks. Raises VaultRefused, as `read` does.
        """
        asking = Asking(actor, RIGHTS, ticket=f"request {request}")
        held = frozenset(cell.field for cell in self._parts.cells.of(person))
        return self._read(asking, person, held, whole=True) if held else {}

    def _read(
        self, asking: Asking, person: int, asked: frozenset[str], *, whole: bool
    ) -> dict[str, str]:
        parts = self._parts
        purpose = parts.purpose_for(asking, person, asked)
        restriction = parts.cells.restriction(person)
        if restriction is not None and not purpose.while_restricted:
            raise parts.refuse(
                asking, person, asked, "restricted", "PIPL 47",
                "this person's data is only kept",
            )  # fmt: skip
        cells = parts.cells.of(person, asked)
        if not cells:
            raise parts.refuse(asking, person, asked, "not_held", "", "nothing of this is held")
        if asking.purpose != RIGHTS:
            self._require_bound(asking, person, asked, cells)
        evidence = parts.ask_gate(asking, person, asked)
        values = self._values(asking, person, asked, cells)
        parts.stream.append(
            FieldsRead(
                parts.now_ms(), token_text(asking.actor), token_text(person), asking.purpose,
                purpose.basis, tuple(sorted(asked)), evidence, asking.recipient, asking.channel,
                asking.ticket, is_masked=not whole,
            )
        )  # fmt: skip
        if whole:
            return values
        rules = parts.register.fields
        return {cell.name: masked(rules[cell.field].mask, values[cell.name]) for cell in cells}

    def _require_bound(
        self, asking: Asking, person: int, asked: frozenset[str], cells: list[Cell]
    ) -> None:
        """Each value itself is bound to the purpose, and the purpose is not over."""
        today = self._parts.today()
        for cell in cells:
            last_day = PurposeEnds.of(cell.purposes).days.get(asking.purpose)
            if last_day is None:
                raise self._parts.refuse(
                    asking, person, asked, "wrong_purpose", "PIPL 6",
                    f"{cell.name} was not taken in for {asking.purpose}",
                )  # fmt: skip
            if last_day < today:
                raise self._parts.refuse(
                    asking, person, asked, "basis_expired", "PIPL 19, 47",
                    f"{cell.name} was to be kept for {asking.purpose} until day {last_day}",
                )  # fmt: skip

    def _values(
        self, asking: Asking, person: int, asked: frozenset[str], cells: list[Cell]
    ) -> dict[str, str]:
        try:
            return {cell.name: self._parts.plain(cell) for cell in cells}
        except KeyGone as gone:
            reason, detail = "key_gone", str(gone)
        except Tampered as tampered:
            reason, detail = "tampered", f"a value does not open: {tampered}"
        raise self._parts.refuse(asking, person, asked, reason, "PIPL 9, 51", detail)

    def find(self, asking: Asking, field: str, value: str) -> int:
        """The person who has this value, 0 where there is nobody. Raises VaultRefused.

        Who shares the entry without having the value is looked at here and nowhere mentioned.
        """
        parts = self._parts
        parts.purpose_for(asking, 0, frozenset({field}))
        rule = parts.register.fields[field]
        spelling = spelled(rule, value)
        if not rule.index_bits or not spelling:
            raise parts.refuse(
                asking, 0, frozenset({field}), "not_indexed", "PIPL 6",
                "nobody is found by this field, or the value has no one spelling",
            )  # fmt: skip
        bits = parts.index.bits_of(field, spelling, rule.index_bits)
        person = next(
            (one for one in parts.index.candidates(field, bits) if self._has(one, field, spelling)),
            0,
        )
        evidence = parts.ask_gate(asking, person, frozenset({field})) if person else ""
        parts.stream.append(
            PersonFound(
                parts.now_ms(), token_text(asking.actor), token_text(person) if person else "",
                field, asking.purpose, evidence,
            )
        )  # fmt: skip
        return person

    def _has(self, person: int, field: str, spelling: str) -> bool:
        rule = self._parts.register.fields[field]
        for cell in self._parts.cells.of(person, frozenset({field})):
            try:
                own = spelled(rule, self._parts.plain(cell))
            except Tampered:
                continue  # reading it says so; finding must not depend on who is damaged
            if hmac.compare_digest(
                own.encode("utf-8", "surrogatepass"), spelling.encode("utf-8", "surrogatepass")
            ):
                return True
        return False

    def held(self, person: int) -> list[Held]:
        """What is held, why and until when; no values, so nothing is read."""
        register = self._parts.register
        return [
            Held(
                cell.name, cell.field, register.fields[cell.field].data_class,
                dict(PurposeEnds.of(cell.purposes).days), cell.stored_ms,
            )
            for cell in self._parts.cells.of(person)
        ]  # fmt: skip

    def restriction(self, person: int) -> Restriction | None:
        """Whether this person's data is only kept."""
        return self._parts.cells.restriction(person)

    def readers(self, person: int, limit: int = 1_000) -> list[FieldsRead]:
        """Who read this person's data, the newest last; goes through the stream."""
        text = token_text(person)
        found = [
            recorded.event
            for recorded in self._parts.stream.after(0)
            if isinstance(recorded.event, FieldsRead) and recorded.event.person == text
        ]
        return found[-limit:]


RIGHTS = "rights.answer"


def spelled(rule: FieldRule, value: str) -> str:
    """The one spelling that a value is indexed under, "" where it has none."""
    if not rule.spelling:
        return ""
    try:
        return normalise(KIND_NAMES.index(rule.spelling), value)
    except IdentityMalformed:
        return ""
