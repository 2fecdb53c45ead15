"""Taking values into the vault, correcting them, restricting a person.

A value comes in with at least one purpose of the register that needs its field, after the gate
allowed each; what replaces another value gets a new key, so that the old one is gone.
This module never hands out a value.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from tidegate.people.filter import find
from tidegate.people.vault.blind_index import Entry
from tidegate.people.vault.cells import Cell
from tidegate.people.vault.events import (
    FieldsStored,
    KeyReplaced,
    ProcessingRestricted,
    RestrictionLifted,
    token_text,
)
from tidegate.people.vault.parts import Asking, VaultParts
from tidegate.people.vault.reading import spelled
from tidegate.people.vault.register import PurposeEnds
from tidegate.people.vault.sealing import Tampered
from tidegate.people.vault.tombstones import Ordered

VALUE_CHARS_MAX = 4096
VALUES_MAX = 64  # of one person at once
_ITEM = re.compile(r"[a-z0-9-]{0,32}", re.ASCII)


class NewValue(NamedTuple):
    """What is to be held. `item` tells several values of one field apart."""

    field: str
    value: str
    purposes: tuple[str, ...]
    item: str = ""


class Writing:
    """Writes of one shop's vault. Any thread, one at a time."""

    def __init__(self, parts: VaultParts) -> None:
        self._parts = parts

    def store(self, actor: int, person: int, values: Sequence[NewValue], ticket: str = "") -> None:
        """Take values in, durably; one that is there already is replaced. All or none.

        Raises VaultRefused, on record: no purpose, a purpose that does not need the field, no
        approved assessment, a plain value where only a handle may be, or the gate.
        """
        parts = self._parts
        self._require_sound(actor, person, values)
        wanted: dict[str, set[str]] = {}
        for one in values:
            for purpose in one.purposes:
                wanted.setdefault(purpose, set()).add(one.field)
        evidence = []
        for name, fields in sorted(wanted.items()):
            asking = Asking(actor, name, ticket=ticket)
            parts.purpose_for(asking, person, frozenset(fields))
            evidence.append(parts.ask_gate(asking, person, frozenset(fields)))
        with parts.changing():
            seq = parts.stream.append(
                FieldsStored(
                    parts.now_ms(), token_text(actor), token_text(person),
                    tuple(sorted({one.field for one in values})), tuple(sorted(wanted)),
                    tuple(evidence),
                )
            )  # fmt: skip
            self._put(actor, person, values, seq)

    def _require_sound(self, actor: int, person: int, values: Sequence[NewValue]) -> None:
        parts = self._parts
        fields = frozenset(one.field for one in values)
        asking = Asking(actor, "")

        def refuse(reason: str, article: str, detail: str) -> Exception:
            return parts.refuse(asking, person, fields, reason, article, detail)

        if not 0 < len(values) <= VALUES_MAX or person <= 0:
            raise refuse("malformed", "", f"1 to {VALUES_MAX} values of one person")
        if len({(one.field, one.item) for one in values}) != len(values):
            raise refuse("malformed", "", "each field and item once")
        for one in values:
            rule = parts.register.fields.get(one.field)
            if rule is None:
                raise refuse("unknown_field", "PIPL 6", "the register has no such field")
            if not one.purposes:
                raise refuse("purpose_missing", "PIPL 6", f"say what {one.field} is needed for")
            if not 0 < len(one.value) <= VALUE_CHARS_MAX:
                raise refuse("malformed", "", f"{one.field}: 1 to {VALUE_CHARS_MAX} characters")
            if not _ITEM.fullmatch(one.item):
                raise refuse("malformed", "", "an item is letters, digits and dashes")
            if rule.handle_only and not is_handle(one.value):
                raise refuse(
                    "handle_needed", "PIPL 6, 51",
                    f"{one.field}: keep the platform's handle or ciphertext, not the plain value",
                )  # fmt: skip

    def _put(self, actor: int, person: int, values: Sequence[NewValue], seq: int) -> None:
        parts = self._parts
        there = {(cell.field, cell.item): cell for cell in parts.cells.of(person)}
        by_class: dict[int, list[NewValue]] = {}
        for one in values:
            by_class.setdefault(parts.register.class_of(one.field), []).append(one)
        for data_class, group in sorted(by_class.items()):
            if any((one.field, one.item) in there for one in group):
                kept = {
                    cell: PurposeEnds.of(cell.purposes)
                    for cell in there.values()
                    if cell.data_class == data_class
                    and (cell.field, cell.item) not in {(one.field, one.item) for one in group}
                }
                replaced = tuple(sorted({one.field for one in group}))
                self.rewrite(actor, person, data_class, kept, group, replaced, "replaced")
            else:
                number, key = parts.keys.key_to_store_with(person, data_class)
                parts.cells.add([self._cell(person, one, data_class, number, key) for one in group])
        self._index(person, values, seq)

    def rewrite(
        self,
        actor: int,
        person: int,
        data_class: int,
        kept: Mapping[Cell, PurposeEnds],
        added: Sequence[NewValue],
        changed: tuple[str, ...],
        why: str,
    ) -> None:
        """Only these values of a class stay, under a new key; the keys before it are destroyed.

        Call it inside `parts.changing()`. Cut off anywhere, `mend` finishes it.
        """
        parts = self._parts
        plain = [(cell, ends, parts.plain(cell)) for cell, ends in kept.items()]
        number, key = parts.keys.begin_replacing(person, data_class)
        event = KeyReplaced(
            parts.now_ms(), token_text(actor), token_text(person), data_class, number, changed, why
        )
        seq = parts.stream.append(event)
        parts.log.note(Ordered(seq, event))
        rows = [
            parts.sealed(
                cell._replace(
                    key_number=number, version=cell.version + 1, purposes=ends.text(), sealed=b""
                ),
                key,
                value,
            )
            for cell, ends, value in plain
        ]
        rows += [self._cell(person, one, data_class, number, key) for one in added]
        parts.cells.replace_class(person, data_class, rows)
        parts.keys.end_replacing(person, data_class, number, seq)
        parts.cells.clear_log()
        if changed:
            parts.index.drop(person, changed)
            same = [NewValue(cell.field, value, ()) for cell, _, value in plain]
            self._index(person, [*added, *(one for one in same if one.field in changed)], seq)

    def _cell(
        self, person: int, one: NewValue, data_class: int, key_number: int, key: bytes
    ) -> Cell:
        parts, today = self._parts, self._parts.today()
        ends = PurposeEnds(
            {name: today + parts.register.purposes[name].days for name in one.purposes}
        )
        empty = Cell(
            person, one.field, one.item, data_class, key_number, 1, ends.text(), parts.now_ms(), b""
        )
        return parts.sealed(empty, key, one.value)

    def _index(self, person: int, values: Sequence[NewValue], seq: int) -> None:
        """Enter values, and note in the same transaction that the index is as far as `seq`."""
        entries: list[Entry] = []
        for one in values:
            rule = self._parts.register.fields[one.field]
            spelling = spelled(rule, one.value)
            if rule.index_bits and spelling:
                bits = self._parts.index.bits_of(one.field, spelling, rule.index_bits)
                data_class = self._parts.register.class_of(one.field)
                entries.append(Entry(one.field, bits, person, data_class))
        self._parts.index.add(entries, seq)

    def reindex(self, persons: Iterable[int]) -> None:
        """Make the entries of these persons anew from their values: a crash may have lost some."""
        parts = self._parts
        for person in sorted(set(persons)):
            values = []
            is_only_kept = parts.cells.restriction(person) is not None
            for cell in parts.cells.of(person):
                rule = parts.register.fields.get(cell.field)
                if rule is None or not rule.index_bits or is_only_kept:
                    continue
                try:
                    values.append(NewValue(cell.field, parts.plain(cell), ()))
                except Tampered:
                    continue  # reading it says so
            parts.index.drop(person)
            self._index(person, values, 0)

    def mend(self) -> int:
        """Finish replacements that a crash cut off; how many those were. Before `catch_up`."""
        parts = self._parts
        unfinished = parts.keys.unfinished()
        for person, data_class, number in unfinished:
            cells = [cell for cell in parts.cells.of(person) if cell.data_class == data_class]
            key = parts.keys.key(person, data_class, number)
            if key is not None and any(cell.key_number < number for cell in cells):
                moved = [
                    cell
                    if cell.key_number == number
                    else parts.sealed(
                        cell._replace(key_number=number, version=cell.version + 1, sealed=b""),
                        key,
                        parts.plain(cell),
                    )
                    for cell in cells
                ]
                parts.cells.replace_class(person, data_class, moved)
            parts.keys.end_replacing(person, data_class, number, parts.keys.applied_seq)
            parts.cells.clear_log()
        return len(unfinished)

    # -- restricting -----------------------------------------------------------------------------

    def restrict(self, actor: int, person: int, why: str) -> None:
        """Only keep a person's data from now on (Art. 44, 47)."""
        parts = self._parts
        with parts.changing():
            now_ms = parts.now_ms()
            parts.stream.append(
                ProcessingRestricted(now_ms, token_text(actor), token_text(person), why)
            )
            parts.cells.restrict(person, now_ms, why)

    def lift(self, actor: int, person: int, why: str) -> None:
        """Use a person's data again as before."""
        parts = self._parts
        with parts.changing():
            parts.stream.append(
                RestrictionLifted(parts.now_ms(), token_text(actor), token_text(person), why)
            )
            parts.cells.lift(person)


_HANDLE = re.compile(r"[A-Za-z0-9\-_.~+/=:|$#]{8,}")


def is_handle(value: str) -> bool:
    """Whether a value can be a platform's handle or ciphertext: no words, no telephone number."""
    is_opaque = bool(_HANDLE.fullmatch(value)) and not value.isdigit()
    return is_opaque and not find(value[:200])
