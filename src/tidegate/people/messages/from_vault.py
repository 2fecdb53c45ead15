"""Addresses from the vault: read for one message, at the moment of sending, on record there.

The vault asks the gate itself before it reads. This module never keeps what it read.
"""

from collections.abc import Iterable
from typing import Protocol

from tidegate.journal.protocol import JournalError
from tidegate.people.messages.port import AddressMissing, AddressUnavailable
from tidegate.people.vault.parts import Asking, VaultRefused
from tidegate.people.vault.sealing import Tampered

MESSAGES = 0  # the actor of what the shop does by itself


class Reads(Protocol):
    """The vault's reading side, as `vault.reading.Reading` has it."""

    def read(
        self, asking: Asking, person: int, fields: Iterable[str], *, whole: bool = False
    ) -> dict[str, str]:
        """Values by name. Raises VaultRefused."""
        ...


class VaultAddresses:
    """See `port.Addresses`. Where no vault was named yet, nothing leaves."""

    def __init__(self) -> None:
        self._reading: Reads | None = None

    def read_from(self, reading: Reads) -> None:
        """Use this vault from now on."""
        self._reading = reading

    def address(self, person: int, purpose: str, channel: str, field: str) -> str:
        """The one value. Raises AddressMissing, AddressUnavailable."""
        if self._reading is None:
            raise AddressUnavailable
        try:
            values = self._reading.read(
                Asking(MESSAGES, purpose, channel=channel), person, [field], whole=True
            )
        except VaultRefused as no:
            raise AddressMissing(no.reason) from None
        except (JournalError, OSError, Tampered) as error:
            raise AddressUnavailable from error
        if field not in values:
            raise AddressMissing("not_held")
        return values[field]
