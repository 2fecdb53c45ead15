"""What reading, writing and erasing share: the vault's files, its register, gate, days and record.

A refusal is put on record before it is raised. Nothing here hands out a value.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import RLock
from typing import NamedTuple

from tidegate.journal.protocol import StoreFull
from tidegate.people.filter import find
from tidegate.people.gate_port import Allow, Gate
from tidegate.people.vault.blind_index import BlindIndex
from tidegate.people.vault.cells import Cell, CellStore
from tidegate.people.vault.events import AccessRefused, token_text
from tidegate.people.vault.key_store import KeyStore
from tidegate.people.vault.register import Purpose, Register
from tidegate.people.vault.sealing import NONCE_BYTES, Tampered, seal, unseal
from tidegate.people.vault.stream import EventStream
from tidegate.people.vault.tombstones import TombstoneLog


class VaultRefused(Exception):
    """Nothing was handed out or changed, and that is on record. `reason` is a fixed name."""

    def __init__(self, reason: str, article: str, detail: str) -> None:
        self.reason = reason
        self.article = article
        super().__init__(f"{reason}: {detail}" + (f" ({article})" if article else ""))


class Asking(NamedTuple):
    """Who asks for what: an operator's token, a purpose, to whom it goes and by which way.

    `ticket` says why now, in words without personal data.
    """

    actor: int
    purpose: str
    recipient: str = ""
    channel: str = ""
    ticket: str = ""


class VaultInterrupted(Exception):
    """A change was cut off by a fault: the vault is read on, and changed when it was reopened."""


@dataclass
class Health:
    """What cut a change off; "" while nothing did."""

    fault: str = ""


@dataclass(frozen=True)
class VaultParts:
    """One shop's vault, opened."""

    shop: str
    register: Register
    keys: KeyStore
    cells: CellStore
    index: BlindIndex
    stream: EventStream
    log: TombstoneLog
    gate: Gate
    now_ms: Callable[[], int]
    today: Callable[[], int]
    is_assessed: Callable[[str], bool]
    random_bytes: Callable[[int], bytes] = os.urandom
    turn: RLock = field(default_factory=RLock)  # writers and erasers, one at a time
    health: Health = field(default_factory=Health)

    @contextmanager
    def changing(self) -> Iterator[None]:
        """One change at a time. One that a fault cuts off is finished when the vault is opened.

        Until then there are no others: files note how far they are by the order of changes.
        Raises VaultInterrupted.
        """
        with self.turn:
            if self.health.fault:
                raise VaultInterrupted(
                    f"a change was cut off ({self.health.fault}): restart, and it is finished"
                )
            try:
                yield
            except (VaultRefused, VaultInterrupted, StoreFull):
                raise  # nothing was begun
            except BaseException as fault:
                self.health.fault = type(fault).__name__
                raise

    # -- sealing ---------------------------------------------------------------------------------

    def sealed(self, cell: Cell, key: bytes, value: str) -> Cell:
        """The row with its value sealed where it stands."""
        content = value.encode("utf-8", "surrogatepass")
        nonce = self.random_bytes(NONCE_BYTES)
        return cell._replace(sealed=seal(key, content, cell.place(self.shop).bound(), nonce))

    def plain(self, cell: Cell) -> str:
        """A row's value. Raises Tampered, KeyGone."""
        key = self.keys.key(cell.person, cell.data_class, cell.key_number)
        if key is None:
            raise KeyGone(
                f"the key of {cell.name} was destroyed, or is not in this copy of the keys"
            )
        content = unseal(key, cell.sealed, cell.place(self.shop).bound())
        return content.decode("utf-8", "surrogatepass")

    # -- refusing --------------------------------------------------------------------------------

    def refuse(
        self, asking: Asking, person: int, fields: frozenset[str], reason: str, article: str,
        detail: str,
    ) -> VaultRefused:  # fmt: skip
        """Put a refusal on record; what comes back is for the caller to raise."""
        known = tuple(sorted(fields & set(self.register.fields)))
        is_known = asking.purpose in self.register.purposes
        self.stream.append(
            AccessRefused(
                self.now_ms(), token_text(asking.actor), token_text(person),
                asking.purpose if is_known else "", known, reason, article,
                _clean(asking.recipient), _clean(asking.channel), _clean(asking.ticket),
            )
        )  # fmt: skip
        return VaultRefused(reason, article, detail)

    def purpose_for(self, asking: Asking, person: int, fields: frozenset[str]) -> Purpose:
        """The purpose asked for, if it covers these fields at all. Raises VaultRefused."""
        unknown = sorted(fields - set(self.register.fields))
        if unknown or not fields:
            raise self.refuse(
                asking, person, fields, "unknown_field", "PIPL 6",
                "name fields of the register, at least one",
            )  # fmt: skip
        purpose = self.register.purposes.get(asking.purpose)
        if purpose is None:
            raise self.refuse(
                asking, person, fields, "unknown_purpose", "PIPL 6, 13",
                "name a purpose of the register",
            )  # fmt: skip
        if stray := sorted(fields - set(purpose.fields)):
            raise self.refuse(
                asking, person, fields, "wrong_purpose", "PIPL 6",
                f"{asking.purpose} does not need {', '.join(stray)}",
            )  # fmt: skip
        if purpose.needs_assessment and not self.is_assessed(asking.purpose):
            raise self.refuse(
                asking, person, fields, "assessment_missing", "PIPL 55",
                f"{asking.purpose} needs an approved impact assessment first",
            )  # fmt: skip
        if find(asking.ticket) or find(asking.recipient) or find(asking.channel):
            raise self.refuse(
                asking, person, fields, "personal_text", "PIPL 6",
                "ticket, recipient and channel are put on record: leave personal data out",
            )  # fmt: skip
        return purpose

    def ask_gate(self, asking: Asking, person: int, fields: frozenset[str]) -> str:
        """The gate's evidence. Raises VaultRefused where it says no."""
        answer = self.gate.may(
            person, asking.purpose, fields, asking.recipient, asking.channel, self.now_ms()
        )
        if isinstance(answer, Allow):
            return answer.evidence
        raise self.refuse(
            asking, person, fields, f"gate:{answer.reason}", answer.article, "the gate refuses it"
        )


class KeyGone(Tampered):
    """There is no key for a row."""


def _clean(text: str) -> str:
    return "" if find(text) else text
