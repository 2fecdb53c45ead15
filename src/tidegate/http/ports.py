"""What the doors need of the rest of the house, and nothing more.

Every port is a Protocol that the real thing satisfies as it is; only bootstrap knows the real
things. A door never reaches past these into a journal or a table.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from tidegate.access.approvals import Approval, Proposal
from tidegate.access.principal import Principal
from tidegate.desk.answers import CommandAnswer, DeskStatus, ManyDecided
from tidegate.record.facts import Command
from tidegate.views.events import Event

Rows = npt.NDArray[np.void]
Done = Callable[[Any, BaseException | None], None]


# -- access ----------------------------------------------------------------------------------------


class Access(Protocol):
    """Keys to principals."""

    def authenticate(self, key: str) -> Principal | None:
        """The principal of a valid key, else None; cheap enough for every order."""


class Approvals(Protocol):
    """What one person proposed and another approves. Every call reads or writes a file."""

    def propose(
        self,
        shop: str,
        content: bytes,
        proposer: Principal,
        reason: str,
        ttl_ms: int,
        request_id: str = "",
    ) -> Proposal:
        """Keep it for a second person; once under a `request_id`. Raises AccessRefused."""

    def pending(self, shop: str) -> list[Proposal]:
        """What waits."""

    def approve(self, proposal_id: bytes, digest: bytes, approver: Principal) -> Approval:
        """The second person's word on exactly that content. Raises AccessRefused."""

    def withdraw(self, proposal_id: bytes, by: Principal) -> None:
        """Take it back. Raises AccessRefused."""


# -- people ----------------------------------------------------------------------------------------


class Exchange(Protocol):
    """Buyers' keys to random tokens; one a shop."""

    def resolve(
        self,
        keys: Sequence[tuple[int, str]],
        done: Callable[[list[int], BaseException | None], None],
    ) -> list[int] | None:
        """Durable tokens of (kind, value) pairs at once, or None and `done(tokens, None)` later.

        Raises IdentityMalformed or ExchangeBusy at once; `done` may get IdentityUnavailable.
        """

    async def exchanged(self, keys: Sequence[tuple[int, str]]) -> list[int]:
        """The same, awaited."""


# -- desk ------------------------------------------------------------------------------------------


class Catalogue(Protocol):
    """Codes to dense numbers, as of the last durable record."""

    def sku_number(self, code: str) -> int:
        """NO_SKU if unknown."""

    def promotion_number(self, code: str) -> int:
        """A number no guard lets through if unknown."""

    def exception_number(self, code: str) -> int:
        """A number that lifts no guard if unknown."""

    def channel_number(self, code: str) -> int | None:
        """None if unknown."""


class Desk(Protocol):
    """One shop's desk. Calls raise DeskBusy or DeskUnready at once; futures may raise Undecided."""

    @property
    def catalogue(self) -> Catalogue:
        """The shop's codes."""

    @property
    def machine(self) -> Any:  # noqa: ANN401  the engine's, which an edge may not name
        """The engine, to look at: rules and names, for telling people why."""

    def order_key(self, channel: str, order_id: str, /) -> tuple[int, int]:
        """The keyed 128-bit hash of an order's name."""

    def submit(self, lines: bytes, done: Done) -> None:
        """Decide one order; `done(Decision, None)` or `done(None, error)` later."""

    def place_rows(self, rows: Rows) -> asyncio.Future[ManyDecided]:
        """Decide many orders."""

    def operate(self, rows: Rows) -> asyncio.Future[ManyDecided]:
        """Decide operations."""

    def command(
        self, command: Command, command_id: str, actor: int, approver: int = 0
    ) -> asyncio.Future[CommandAnswer]:
        """Decide a command."""

    def available(self, sku: int, channel: int) -> int:
        """Units that could be sold now."""

    def status(self) -> DeskStatus:
        """How the desk is."""


# -- views -----------------------------------------------------------------------------------------


class Views(Protocol):
    """What follows the journal and may lag."""

    def story(self, channel: str, order_id: str) -> object | None:
        """Every event of one order, ready for JSON; None if unknown. Reads files."""

    def followed_seq(self) -> int:
        """The newest entry that the views have taken in. Reads a file."""

    def decided(self, after_seq: int) -> AsyncIterator[Event]:
        """Everything decided after an entry, and then as it is decided; never ends by itself."""


# -- the world -------------------------------------------------------------------------------------


class Clock(Protocol):
    """Time as it is injected."""

    def now_ms(self) -> int:
        """UTC milliseconds."""

    def monotonic_s(self) -> float:
        """Seconds that never go back."""
