"""Who is who without saying who: exchanges keyed hashes of accounts, phones, addresses and devices
for random tokens, the only names of people that a journal knows.

A token is durable before it is handed out, and the same value gets the same token until its person
is forgotten and the last limit period that needs it is over; afterwards it gets a new one.
This module never stores, logs or raises a plain value.
"""

import contextlib
import hashlib
import hmac
import os
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from tidegate.people import identity_schema as sql
from tidegate.people.identity_store import Arrivals, IdentityStore, IdentityUnavailable
from tidegate.people.identity_upkeep import IdentityUpkeep, KindCount, Swept, pause
from tidegate.people.normalise import KIND_NAMES, NORMALISERS

__all__ = [
    "CACHE_ENTRIES_MAX",
    "RETENTION_DAYS",
    "IdentityTable",
    "IdentityUnavailable",
    "KindCount",
    "Swept",
    "WrongKey",
]

KEY_BYTES = 32
RETENTION_DAYS = sql.RETENTION_DAYS  # "in total" limits end with their rule, or so many days after
CACHE_ENTRIES_MAX = 1 << 19  # 140 bytes each, measured
UNSETTLED_MAX = 1 << 18
TOUCHED_MAX = 1 << 17

_BLOCK_TOKENS = 1 << 14
_SUFFIX_BITS = 32
_SUFFIX_BYTES = 4
_KIND_DIGITS = tuple(str(kind) for kind in range(len(KIND_NAMES)))
_SETTLE_PER_NEW = 4  # at the bound, settling is four times as fast as arriving
_UPKEEP_ROWS = 2048
_URGENT_DAYS = 60  # who would die so soon is touched in the exchange itself


class WrongKey(Exception):
    """The file was filled with another identity key than the one given."""


class IdentityTable:
    """The exchange of one shop. Any thread may call anything; `token_or_zero` never waits.

    `today` says the shop's local day number. `tick` must be called at least once a day, and more
    often where another process may forget persons (see docs/reference/identity.md).
    """

    def __init__(
        self,
        store: IdentityStore,
        key: bytes,
        today: Callable[[], int],
        random_bytes: Callable[[int], bytes] = os.urandom,
        cache_entries_max: int = CACHE_ENTRIES_MAX,
        unsettled_max: int = UNSETTLED_MAX,
    ) -> None:
        assert len(key) == KEY_BYTES, "an identity key has 32 bytes"
        self._store = store
        self._upkeep = IdentityUpkeep(store)
        self._today = today
        self._random_bytes = random_bytes
        self._half = max(1, cache_entries_max // 2)
        self._unsettled_max = unsettled_max
        # A keyed state per kind, made once and copied: the kind is mixed in as `person`.
        self._states = tuple(
            hashlib.blake2b(digest_size=sql.HASH_BYTES, key=key, person=name.encode())
            for name in KIND_NAMES
        )
        # Two generations: `young` holds only persons who were noted as here on `_day`.
        self._young: dict[bytes, int] = {}
        self._old: dict[bytes, int] = {}
        self._old_day = self._day = today()
        self._touched: deque[bytes] = deque(maxlen=TOUCHED_MAX)
        self._period_end_day = 0
        self._block = 0
        self._block_used: set[int] = set()
        self._exchanges = self._exchanges_seen = 0
        store.on_forgotten = self._drop
        self._check_key(key)
        store.refresh()

    @classmethod
    def open(
        cls,
        path: Path,
        key: bytes,
        today: Callable[[], int],
        random_bytes: Callable[[int], bytes] = os.urandom,
        cache_entries_max: int = CACHE_ENTRIES_MAX,
        unsettled_max: int = UNSETTLED_MAX,
    ) -> "IdentityTable":
        """Open or create the file. Raises WrongKey, storage's errors, IdentityUnavailable."""
        store = IdentityStore(path)
        try:
            return cls(store, key, today, random_bytes, cache_entries_max, unsettled_max)
        except BaseException:
            store.close()
            raise

    def _check_key(self, key: bytes) -> None:
        check = hashlib.blake2b(b"tidegate identity key check", digest_size=16, key=key).digest()
        if not hmac.compare_digest(self._store.key_check(check), check):
            raise WrongKey(
                f"{self._store.path} was filled with another identity.key; every buyer would be "
                "taken for a new one. Restore the secrets that belong to this store"
            )

    # -- the hot path --------------------------------------------------------------------------

    def keyed_hash(self, kind: int, value: str) -> bytes:
        """16 bytes that stand for a value of that kind. Raises IdentityMalformed."""
        state = self._states[kind].copy()
        state.update(NORMALISERS[kind](value).encode("utf-8", "surrogatepass"))
        return state.digest()

    def lookup_cached(self, hashed: bytes) -> int:
        """The token if it is in memory, else 0; reads no file and takes no lock."""
        return self._young.get(hashed, 0) or self._promote(hashed)

    def token_or_zero(self, kind: int, value: str) -> int:
        """`lookup_cached` of a plain value. Raises IdentityMalformed."""
        state = self._states[kind].copy()
        state.update(NORMALISERS[kind](value).encode("utf-8", "surrogatepass"))
        hashed = state.digest()
        return self._young.get(hashed, 0) or self._promote(hashed)

    def _promote(self, hashed: bytes) -> int:
        token = self._old.get(hashed, 0)
        if token:
            if self._old_day != self._day:
                self._touched.append(hashed)
            self._cache(hashed, token)
        return token

    def _cache(self, hashed: bytes, token: int) -> None:
        if len(self._young) >= self._half:
            self._old, self._old_day, self._young = self._young, self._day, {}
        self._young[hashed] = token

    def _drop(self, hashes: Iterable[bytes]) -> None:
        for hashed in hashes:
            self._young.pop(hashed, None)
            self._old.pop(hashed, None)

    # -- the exchange --------------------------------------------------------------------------

    def tokens(self, keys: Sequence[tuple[int, bytes]]) -> list[int]:
        """A token for each (kind, hash), minted where there was none, durable on return.

        At most 16,384 new ones share a transaction. Raises IdentityUnavailable; then the same call
        may be made again, and nothing was handed out.
        """
        if self._today() != self._day:
            self.tick()
        found = [self.lookup_cached(hashed) for _, hashed in keys]
        if 0 not in found:
            return found
        kinds = {key[1]: key[0] for key, token in zip(keys, found, strict=True) if not token}
        missing = list(kinds)
        answers: dict[bytes, int] = {}
        for at in range(0, len(missing), sql.BATCH_MAX):
            answers.update(self._exchange(missing[at : at + sql.BATCH_MAX], kinds))
        if self._store.unsettled_count >= self._unsettled_max:
            # A sweep may have the turn: then up to twice the bound may wait for it.
            is_full = self._store.unsettled_count >= 2 * self._unsettled_max
            self._upkeep.settle(_SETTLE_PER_NEW * len(missing), wait=is_full)
        return [token or answers[key[1]] for key, token in zip(keys, found, strict=True)]

    def _exchange(self, hashes: Sequence[bytes], kinds: dict[bytes, int]) -> dict[bytes, int]:
        store = self._store
        with store.writing():
            self._exchanges += 1
            answers: dict[bytes, int] = {}
            new: list[bytes] = []
            for hashed in hashes:
                if token := store.unsettled(hashed):
                    answers[hashed] = token
                    self._touched.append(hashed)  # perhaps it arrived on an earlier day
                else:
                    new.append(hashed)
            fleeting: set[bytes] = set()
            if new:
                new.sort()  # neighbours share a page of the tree: a third faster at a million
                digits = "".join([_KIND_DIGITS[kinds[hashed]] for hashed in new])
                arrivals = self._arrivals(new, digits, self._mint(len(new)))
                if store.append_if_new(arrivals):
                    answers.update(zip(new, arrivals.tokens, strict=True))
                else:
                    answers.update(self._exchange_known(arrivals, fleeting))
            for hashed, token in answers.items():
                if hashed not in fleeting:
                    self._cache(hashed, token)
        return answers

    def _exchange_known(self, asked: Arrivals, fleeting: set[bytes]) -> dict[bytes, int]:
        """Some of those asked for are known after all: look them up, append the others.

        Whoever waits for the last day goes to `fleeting`: not to be kept in memory.
        """
        store, today = self._store, self._day
        with store.looking():
            answers: dict[bytes, int] = {}
            buried: list[bytes] = []
            urgent: list[bytes] = []
            for row in store.look_up(asked.hashes):
                hashed = asked.hashes[row.place]
                if row.dies_after_day < today:
                    buried.append(hashed)  # due, swept or not: who comes back now is somebody new
                    continue
                answers[hashed] = row.token
                if row.is_forgotten:
                    fleeting.add(hashed)
                if row.last_used_day < today:
                    soon = row.dies_after_day < today + _URGENT_DAYS
                    (urgent if soon else self._touched).append(hashed)
            for hashed in asked.hashes:
                if token := store.unsettled(hashed):  # another process has just stored it
                    answers[hashed] = token
            rest = [i for i, hashed in enumerate(asked.hashes) if hashed not in answers]
            arrivals = self._arrivals(
                [asked.hashes[i] for i in rest],
                "".join([asked.kinds[i] for i in rest]),
                [asked.tokens[i] for i in rest],
            )
            if buried:
                store.bury(buried)
            if urgent:
                store.touch(urgent, today, self._keep_until_day())
            if rest:
                store.append(arrivals)
        if rest:
            store.appended(arrivals)
        answers.update(zip(arrivals.hashes, arrivals.tokens, strict=True))
        return answers

    def _arrivals(self, hashes: Sequence[bytes], kinds: str, tokens: Sequence[int]) -> Arrivals:
        return Arrivals(hashes, kinds, tokens, self._day, self._keep_until_day())

    def _mint(self, count: int) -> list[int]:
        """Random non-zero tokens that nobody has: the upper half is a block of this process."""
        if not self._block or len(self._block_used) + count > _BLOCK_TOKENS:
            self._block = 0
            while not self._block:
                block = int.from_bytes(self._random_bytes(_SUFFIX_BYTES), "big")
                if block and self._store.take_block(block):
                    self._block, self._block_used = block, set()
        base, used = self._block << _SUFFIX_BITS, self._block_used
        tokens: list[int] = []
        while len(tokens) < count:
            for suffix in array("I", self._random_bytes(_SUFFIX_BYTES * (count - len(tokens)))):
                if suffix not in used:
                    used.add(suffix)
                    tokens.append(base | suffix)
        return tokens

    def known_tokens(self, hashes: Sequence[bytes]) -> list[int]:
        """The tokens of those who are known now, 0 for the others; nobody becomes known by it.

        At most 16,384 hashes. Raises IdentityUnavailable.
        """
        assert len(hashes) <= sql.BATCH_MAX, "ask in batches"
        store = self._store
        with store.writing(), store.looking():
            found = [store.unsettled(hashed) for hashed in hashes]
            for row in store.look_up(hashes):
                if row.dies_after_day >= self._day:
                    found[row.place] = row.token
        return found

    def last_day_of(self, hashes: Sequence[bytes]) -> int:
        """The last day of the longest life among these settled persons, 0 where there is none."""
        with self._store.writing(), self._store.looking():
            return max((row.dies_after_day for row in self._store.look_up(hashes)), default=0)

    def living(self, tokens: Sequence[int]) -> int:
        """How many of these tokens still lead to a keyed hash; reads through the whole table."""
        return len(self._upkeep.hashes_of(tokens))

    # -- days and lives ------------------------------------------------------------------------

    def set_period_end(self, day: int) -> None:
        """The last day of the longest limit period that runs now, by the shop's rules.

        Persons who are met from now on live at least so long. Until it is called, 400 days.
        """
        self._period_end_day = day

    @property
    def limit_end_day(self) -> int:
        """The last day of the longest limit period that counts whoever is met today."""
        return self._keep_until_day()

    def _keep_until_day(self) -> int:
        latest = self._day + RETENTION_DAYS
        return max(self._day, min(self._period_end_day or latest, latest))

    def tick(self) -> None:
        """Notice a new day, and what other processes did: call it once a second or so."""
        day = self._today()
        with self._store.writing():
            if day > self._day:
                # Half of the memory goes each day: nobody stays in it who was not here lately.
                self._old = self._young if day == self._day + 1 else {}
                self._old_day, self._day, self._young = self._day, day, {}
            self._store.refresh()
        if self._store.unsettled_since_day < self._day - _URGENT_DAYS:
            self._upkeep.settle_all()  # only a settled person can be found to be due

    def forget(self, tokens: Sequence[int], keep_until_day: int) -> int:
        """Let the persons behind these tokens die after `keep_until_day`, or their own if later.

        `keep_until_day` is the end of the last limit period that counts them; tomorrow at the
        earliest, so that every process hears of it. Reads through the whole table. Returns how
        many were found.
        """
        return self.forget_hashes(self._upkeep.hashes_of(tokens), keep_until_day)

    def forget_hashes(self, hashes: Sequence[bytes], keep_until_day: int) -> int:
        """As `forget`, for persons who say who they are: `keyed_hash` of what they say."""
        self.tick()
        return self._upkeep.forget(hashes, self._day, max(keep_until_day, self._day + 1))

    def sweep(self, between: Callable[[], None] = pause) -> Swept:
        """Delete everybody who is due today, for good: file and WAL hold nothing of them after.

        `between` is called after each piece; it may raise, and the next sweep does the rest.
        """
        self.tick()
        self._settle_touched()
        swept = self._upkeep.sweep(self._day, between)
        if swept.deleted:
            self._young, self._old = {}, {}
        return swept

    # -- upkeep --------------------------------------------------------------------------------

    def upkeep(self) -> bool:
        """A slice of the housekeeping, for a thread beside the exchange; True if more waits.

        While exchanges come in it does only what cannot wait.
        """
        self.tick()
        idle, self._exchanges_seen = self._exchanges == self._exchanges_seen, self._exchanges
        more = False
        unsettled = self._store.unsettled_count
        if unsettled and (idle or unsettled > self._unsettled_max // 2):
            more = self._upkeep.settle(_UPKEEP_ROWS)
        if idle or len(self._touched) > TOUCHED_MAX // 2:
            self._flush_touched(_UPKEEP_ROWS)
            more = more or bool(self._touched)
        self._upkeep.checkpoint()
        return more

    def _flush_touched(self, rows_max: int) -> None:
        hashes: set[bytes] = set()
        for _ in range(min(rows_max, len(self._touched))):
            hashed = self._touched.popleft()
            if self._store.unsettled(hashed):
                self._touched.append(hashed)  # its row is not there yet
            else:
                hashes.add(hashed)
        self._upkeep.touch(list(hashes), self._day, self._keep_until_day())

    def _settle_touched(self) -> None:
        if self._touched:
            self._upkeep.settle_all()
            self._flush_touched(len(self._touched))

    def counts(self) -> list[KindCount]:
        """Settled persons by kind; reads through the whole table."""
        return self._upkeep.counts()

    @property
    def unsettled_count(self) -> int:
        """Persons who have arrived and are not settled yet."""
        return self._store.unsettled_count

    def close(self) -> None:
        """Close the file; every token that was handed out is in it."""
        with contextlib.suppress(IdentityUnavailable):  # a last-used day lost is no harm
            self._settle_touched()
        self._store.close()
