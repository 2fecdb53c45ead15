"""From a key to a principal, fast enough for every order.

All working keys are in memory; a change by any process is noticed within REVALIDATE_S, and if
access.db cannot be read for longer than TRUST_S nobody is let in.
This module never remembers a key that it does not know: a flood of wrong ones costs no memory.
"""

from collections.abc import Callable
from hashlib import sha256
from hmac import compare_digest

from tidegate.access.keyring import Keyring
from tidegate.access.keys import ID_END, ID_START, KEY_LENGTH
from tidegate.access.principal import Principal
from tidegate.access.store import AccessStore, AccessUnavailable

REVALIDATE_S = 0.5
TRUST_S = 1.0
DAY_MS = 86_400_000
NEVER_MS = 1 << 62


class _Entry:
    """A working key in memory: its hash, never the key itself."""

    __slots__ = ("expires_at_ms", "hash", "principal", "used_day")

    def __init__(self, hashed: bytes, principal: Principal, expires_at_ms: int, day: int) -> None:
        self.hash = hashed
        self.principal = principal
        self.expires_at_ms = expires_at_ms
        self.used_day = day


class Authenticator:
    """One process's view of the keys. `monotonic_s` paces it, the store's clock ends keys."""

    def __init__(
        self, store: AccessStore, keyring: Keyring, monotonic_s: Callable[[], float]
    ) -> None:
        self._store = store
        self._keyring = keyring
        self._monotonic_s = monotonic_s
        self._now_ms = store.now_ms
        self._entries: dict[str, _Entry] = {}
        self._used: dict[str, int] = {}
        self._generation = -1
        self._look_at_s = self._trust_until_s = monotonic_s()

    def authenticate(self, key: str) -> Principal | None:
        """The principal of a key that works now, else None.

        Raises AccessUnavailable when access.db has not been readable for TRUST_S.
        """
        now_s = self._monotonic_s()
        if now_s >= self._look_at_s:
            self._revalidate(now_s)
        if len(key) != KEY_LENGTH:
            return None
        # The id is no secret, so a dictionary may look for it; the hash is compared in constant
        # time, and it covers the whole key.
        entry = self._entries.get(key[ID_START:ID_END])
        if entry is None:
            return None
        if not compare_digest(entry.hash, sha256(key.encode("utf-8", "surrogatepass")).digest()):
            return None
        now_ms = self._now_ms()
        if entry.expires_at_ms <= now_ms:
            return None
        day = now_ms // DAY_MS
        if entry.used_day != day:
            entry.used_day = day
            self._used[entry.principal.key_id] = day
        return entry.principal

    def flush_used(self) -> None:
        """Write down which keys were used on which day: now and then, beside the requests.

        Raises AccessUnavailable; then the next call writes it.
        """
        used, self._used = self._used, {}
        if not used:
            return
        try:
            self._keyring.note_used(dict(used))  # a request may be adding to it at this moment
        except AccessUnavailable:
            self._used = {**used, **self._used}
            raise

    def _revalidate(self, now_s: float) -> None:
        try:
            generation = self._store.generation()
            if generation != self._generation:
                self._load()
                self._generation = generation
        except AccessUnavailable:
            if now_s >= self._trust_until_s:
                raise
            return
        self._look_at_s = now_s + REVALIDATE_S
        self._trust_until_s = now_s + TRUST_S

    def _load(self) -> None:
        self._entries = {
            key.key_id: _Entry(
                key.hash,
                key.principal,
                NEVER_MS if key.expires_at_ms is None else key.expires_at_ms,
                -1 if key.last_used_day is None else key.last_used_day,
            )
            for key in self._keyring.working_keys()
        }
