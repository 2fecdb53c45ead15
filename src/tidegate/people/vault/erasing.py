"""Destroying what is held of a person: by key, by field, at the end of a purpose.

The record comes first, the tombstone second, then the key is destroyed, and only then rows and
entries are deleted: whatever is cut off is finished when the vault is opened again. What a statute
asks to keep stays under a new key, only kept, and is named with its law and its end.
This module never hands out a value.
"""

from collections.abc import Collection
from typing import NamedTuple

from tidegate.people.vault.cells import Cell
from tidegate.people.vault.events import PersonShredded, token_text
from tidegate.people.vault.parts import VaultParts
from tidegate.people.vault.register import PurposeEnds
from tidegate.people.vault.tombstones import Ordered
from tidegate.people.vault.writing import Writing

DUE_PERSONS = 500  # looked at in one piece of the retention job


class Kept(NamedTuple):
    """A value that a statute asks to keep: only kept, until that day."""

    name: str
    purpose: str
    law: str
    until_day: int


class Erased(NamedTuple):
    """What became of a person's data. `seq`: the event that orders it."""

    seq: int
    erased: tuple[str, ...]
    kept: tuple[Kept, ...]


class Retained(NamedTuple):
    """What one piece of the retention job did; `more` if it should be called again."""

    persons: int
    values: int
    more: bool


class Identity(NamedTuple):
    """A person's tokens in the identity table, and the last day of the limits that count them."""

    tokens: tuple[int, ...] = ()
    limit_end_day: int = 0


NOBODY = Identity()


class Erasing:
    """Erasures of one shop's vault. Any thread, one at a time."""

    def __init__(self, parts: VaultParts, writing: Writing) -> None:
        self._parts = parts
        self._writing = writing

    def shred(
        self, actor: int, person: int, data_classes: Collection[str], why: str,
        identity: Identity = NOBODY,
    ) -> int:  # fmt: skip
        """Destroy the keys of these classes, all of them where none is named; the event's number.

        Nothing of the class is readable from then on, in no file and no copy of one but copies of
        the keys. Asks no statute: `erase` does.
        """
        numbers = tuple(sorted(self._parts.register.data_classes[name] for name in data_classes))
        with self._parts.changing():
            return self._shred(actor, person, numbers, why, identity)

    def _shred(
        self, actor: int, person: int, numbers: tuple[int, ...], why: str, identity: Identity
    ) -> int:
        parts = self._parts
        event = PersonShredded(
            parts.now_ms(), token_text(actor), token_text(person), numbers, why,
            tuple(token_text(token) for token in identity.tokens), identity.limit_end_day,
        )  # fmt: skip
        seq = parts.stream.append(event)
        parts.log.note(Ordered(seq, event))
        for grave in (parts.keys, parts.cells, parts.index):
            grave.bury(event, seq)
        return seq

    # -- what a statute asks to keep ---------------------------------------------------------------

    def statutory(self, person: int) -> tuple[Kept, ...]:
        """What deletion would leave, and why."""
        return tuple(one for cell in self._parts.cells.of(person) for one in self._kept_of(cell))

    def _kept_of(self, cell: Cell) -> list[Kept]:
        register, found = self._parts.register, []
        for name, day in PurposeEnds.of(cell.purposes).running(self._parts.today()).days.items():
            purpose = register.purposes.get(name)
            if purpose is not None and purpose.kept_by is not None:
                found.append(Kept(cell.name, name, purpose.kept_by.law, day))
        return found

    def erase(self, actor: int, person: int, why: str, identity: Identity = NOBODY) -> Erased:
        """Destroy everything of a person but what a statute asks to keep, which is only kept."""
        parts = self._parts
        with parts.changing():
            cells = parts.cells.of(person)
            kept = {cell: self._kept_of(cell) for cell in cells}
            keeping = {cell.data_class for cell, found in kept.items() if found}
            for data_class in sorted(keeping):
                staying = {
                    cell: PurposeEnds({one.purpose: one.until_day for one in found})
                    for cell, found in kept.items()
                    if found and cell.data_class == data_class
                }
                self._writing.rewrite(actor, person, data_class, staying, (), (), why)
            if keeping:
                parts.index.drop(person)
                self._writing.restrict(actor, person, why)
            going = tuple(sorted(set(parts.register.data_classes.values()) - keeping))
            seq = self._shred(actor, person, going if keeping else (), why, identity)
        return Erased(
            seq,
            tuple(cell.name for cell, found in kept.items() if not found),
            tuple(one for found in kept.values() for one in found),
        )

    def erase_fields(self, actor: int, person: int, names: Collection[str], why: str) -> Erased:
        """Destroy these values (`phone`, `address:home`) and leave the others as they are."""
        parts = self._parts
        with parts.changing():
            cells = parts.cells.of(person)
            kept = {cell: self._kept_of(cell) for cell in cells if cell.name in names}
            stays = {
                cell: PurposeEnds({one.purpose: one.until_day for one in found})
                for cell, found in kept.items()
                if found
            } | {cell: PurposeEnds.of(cell.purposes) for cell in cells if cell.name not in names}
            seq = self._leave_only(actor, person, {cell.data_class for cell in kept}, stays, why)
        return Erased(
            seq,
            tuple(cell.name for cell, found in kept.items() if not found),
            tuple(one for found in kept.values() for one in found),
        )

    def _leave_only(
        self, actor: int, person: int, classes: Collection[int],
        stays: dict[Cell, PurposeEnds], why: str,
    ) -> int:  # fmt: skip
        """Of these classes only those values stay, each with those purposes."""
        parts = self._parts
        for data_class in sorted(classes):
            cells = [cell for cell in parts.cells.of(person) if cell.data_class == data_class]
            staying = {cell: stays[cell] for cell in cells if cell in stays}
            if staying:
                gone = tuple(sorted({cell.field for cell in cells if cell not in stays}))
                self._writing.rewrite(actor, person, data_class, staying, (), gone, why)
            else:
                self._shred(actor, person, (data_class,), why, NOBODY)
        return parts.stream.head.seq

    # -- ends of purposes --------------------------------------------------------------------------

    def retain(self, actor: int) -> Retained:
        """A piece of the daily job: purposes that are over go, and values without any with them."""
        parts, today = self._parts, self._parts.today()
        persons = parts.cells.due(today, DUE_PERSONS)
        values = 0
        for person in persons:
            with parts.changing():
                cells = parts.cells.of(person)
                running = {cell: PurposeEnds.of(cell.purposes).running(today) for cell in cells}
                touched = {
                    cell.data_class
                    for cell, ends in running.items()
                    if ends.text() != cell.purposes
                }
                stays = {cell: ends for cell, ends in running.items() if ends.days}
                values += len(cells) - len(stays)
                self._leave_only(actor, person, touched, stays, "purpose_over")
        return Retained(len(persons), values, len(persons) == DUE_PERSONS)

    def clear(self) -> bool:
        """Write the index anew and cut every log; False if a reader kept one: call it again."""
        parts = self._parts
        cut = [parts.index.clear(), parts.cells.clear_log(), parts.keys.clear_log()]
        return all(cut)
