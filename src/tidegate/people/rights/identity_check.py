"""Who asks is who they say: checked before anything is shown, changed or destroyed.

Ways: a code sent to an address that the vault holds for that person, or an operator's word that
they saw proof. Which way it was, and whose word, is on record; a wrong code says nothing else.
This module never sees where a code goes: whoever delivers it reads the vault behind the gate.
"""

import hmac
from collections.abc import Callable
from hashlib import sha256
from typing import NamedTuple, Protocol

from tidegate.people.rights.store import CodeSent, Request, RightsStore

CODE_MIN, CODE_END = 100_000, 1_000_000  # six digits
CODE_TTL_MS = 10 * 60_000
TRIES_MAX = 5
SALT_BYTES = 16
WAYS = ("account_session", "document_seen", "called_back", "court_order", "kinship_shown")


class Checked(NamedTuple):
    """Whether it is them, and how that is known."""

    is_shown: bool
    way: str


class IdentityCheck(Protocol):
    """One way of checking."""

    def check(self, request: Request, proof: str) -> Checked:
        """Look at the proof. Never raises for a wrong one."""
        ...


class SeenByOperator:
    """The word of the operator who asks: what they saw, from a list; kin show that they are kin."""

    def check(self, request: Request, proof: str) -> Checked:
        """`proof` is one of WAYS."""
        if proof not in WAYS or (request.asked_by == "kin") != (proof == "kinship_shown"):
            return Checked(False, "")
        return Checked(True, proof)


class CodeCheck:
    """A code of six digits that lives ten minutes and five tries."""

    def __init__(
        self,
        store: RightsStore,
        deliver: Callable[[int, str, str], None],
        now_ms: Callable[[], int],
        random_bytes: Callable[[int], bytes],
    ) -> None:
        """`deliver(person, channel, code)` sends it to an address that is held, or raises."""
        self._store = store
        self._deliver = deliver
        self._now_ms = now_ms
        self._random_bytes = random_bytes

    def send(self, request: Request, channel: str) -> None:
        """Send a new code; earlier ones are worth nothing any more."""
        drawn = int.from_bytes(self._random_bytes(8), "big")
        code = str(CODE_MIN + drawn % (CODE_END - CODE_MIN))  # no zero in front that gets lost
        salt = self._random_bytes(SALT_BYTES)
        ends_ms = self._now_ms() + CODE_TTL_MS
        self._store.put_code(request.id, CodeSent(salt, _hash(salt, request.id, code), ends_ms, 0))
        self._deliver(request.person, channel, code)

    def check(self, request: Request, proof: str) -> Checked:
        """`proof` is the code; a right one serves once."""
        sent = self._store.take_try(request.id)
        if sent is None or sent.tries >= TRIES_MAX or self._now_ms() > sent.ends_ms:
            return Checked(False, "")
        if not hmac.compare_digest(sent.hash, _hash(sent.salt, request.id, proof)):
            return Checked(False, "")
        self._store.drop_code(request.id)
        return Checked(True, "one_time_code")


def _hash(salt: bytes, request_id: str, code: str) -> bytes:
    return hmac.new(salt, f"{request_id} {code}".encode(), sha256).digest()
