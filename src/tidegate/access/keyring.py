"""Issuing, rotating and revoking keys, and reading them back as principals.

A key is shown once, when it is made; what is stored cannot be turned back into it.
This module never widens a key: what its owner may not do, none of its keys can.
"""

import os
import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import NamedTuple

from tidegate.access.keys import key_hash, key_id, make_key
from tidegate.access.operators import AccessRefused
from tidegate.access.principal import Principal
from tidegate.access.roles import MACHINE_SCOPES, SCOPES, Role, scopes_of
from tidegate.access.store import AccessStore, token_bytes, token_number

KEYS_MAX = 10_000  # that work; every process keeps them in memory
EVERYTHING = "*"

_SELECT = """SELECT k.key_id, k.hash, k.scopes, k.shops, k.channels, k.created_at_ms,
    k.expires_at_ms, k.revoked_at_ms, k.rotated_to, k.last_used_day,
    p.token, p.is_person, p.roles, p.is_active
    FROM key AS k JOIN party AS p ON p.token = k.owner"""


class NewKey(NamedTuple):
    """A key that was just made. `key` is not kept anywhere: show it once, then drop it."""

    key_id: str
    key: str


class Key(NamedTuple):
    """A key as it is stored; None: no bound, not yet."""

    key_id: str
    hash: bytes
    principal: Principal
    created_at_ms: int
    expires_at_ms: int | None
    revoked_at_ms: int | None
    rotated_to: str | None
    last_used_day: int | None


class Keyring:
    """The services behind `tidegate key`. `actor` is the token of whoever does it."""

    def __init__(
        self, store: AccessStore, random_bytes: Callable[[int], bytes] = os.urandom
    ) -> None:
        self._store = store
        self._random_bytes = random_bytes

    def issue(
        self,
        owner: int,
        actor: int,
        *,
        scopes: Iterable[str] = (EVERYTHING,),
        shops: Iterable[str] = (EVERYTHING,),
        channels: Iterable[str] = (EVERYTHING,),
        expires_at_ms: int | None = None,
    ) -> NewKey:
        """A key for a person or machine. `*` as a scope: whatever the person's roles allow.

        Raises AccessRefused: no such owner, a scope that is unknown or not for machines, an expiry
        in the past, too many keys.
        """
        columns = (_column(scopes), _column(shops), _column(channels))
        new = self._new_key()
        now_ms = self._store.now_ms()
        if expires_at_ms is not None and expires_at_ms <= now_ms:
            raise AccessRefused("the key would have expired before it was made")
        with self._store.changing(actor, "issue_key", new.key_id, columns[0]) as connection:
            self._check_owner(connection, owner, columns[0])
            self._insert(connection, new, owner, columns, expires_at_ms)
        return new

    def rotate(self, old_id: str, actor: int, *, overlap_ms: int) -> NewKey:
        """A new key with the same rights; the old one works for `overlap_ms` more, then ends."""
        new = self._new_key()
        with self._store.changing(actor, "rotate_key", old_id, new.key_id) as connection:
            row = connection.execute(
                "SELECT owner, scopes, shops, channels, expires_at_ms, revoked_at_ms, rotated_to "
                "FROM key WHERE key_id = ?",
                (old_id,),
            ).fetchone()
            if row is None or row[5] is not None or row[6] is not None:
                raise AccessRefused(f"{old_id} is not a key that can be rotated; issue a new one")
            owner, scopes, shops, channels, expires_at_ms = row[:5]
            now_ms = self._store.now_ms()
            if expires_at_ms is not None and expires_at_ms <= now_ms:
                raise AccessRefused(f"{old_id} has expired; issue a new key")
            self._insert(
                connection, new, token_number(owner), (scopes, shops, channels), expires_at_ms
            )
            ends_at_ms = min(now_ms + overlap_ms, expires_at_ms or now_ms + overlap_ms)
            connection.execute(
                "UPDATE key SET rotated_to = ?, expires_at_ms = ? WHERE key_id = ?",
                (new.key_id, ends_at_ms, old_id),
            )
        return new

    def revoke(self, key_id: str, actor: int) -> None:
        """The key stops working within a second, in every process. Raises AccessRefused."""
        with self._store.changing(actor, "revoke_key", key_id) as connection:
            revoked = connection.execute(
                "UPDATE key SET revoked_at_ms = ? WHERE key_id = ? AND revoked_at_ms IS NULL",
                (self._store.now_ms(), key_id),
            ).rowcount
            if not revoked:
                raise AccessRefused(f"{key_id} is not a key that works; nothing was changed")

    def list_keys(self) -> list[Key]:
        """Every key there ever was, oldest first; none of them can be shown again."""
        with self._store.reading() as connection:
            rows = connection.execute(f"{_SELECT} ORDER BY k.created_at_ms, k.key_id").fetchall()
        return [_key(row) for row in rows]

    def working_keys(self) -> list[Key]:
        """The keys that are neither revoked nor expired, of owners who are active."""
        with self._store.reading() as connection:
            rows = connection.execute(
                f"""{_SELECT} WHERE k.revoked_at_ms IS NULL AND p.is_active = 1
                    AND (k.expires_at_ms IS NULL OR k.expires_at_ms > ?)""",
                (self._store.now_ms(),),
            ).fetchall()
        return [_key(row) for row in rows]

    def principal(self, key_id: str) -> Principal | None:
        """The key's owner and rights as they are this moment; `is_active` False once it ended."""
        with self._store.reading() as connection:
            row = connection.execute(f"{_SELECT} WHERE k.key_id = ?", (key_id,)).fetchone()
        if row is None:
            return None
        key = _key(row)
        is_over = key.expires_at_ms is not None and key.expires_at_ms <= self._store.now_ms()
        return replace(key.principal, is_active=False) if is_over else key.principal

    def note_used(self, days: dict[str, int]) -> None:
        """Write down the day each key was last used. Not a change: the generation stays."""
        with self._store.reading() as connection:
            connection.executemany(
                "UPDATE key SET last_used_day = ? WHERE key_id = ?",
                [(day, key) for key, day in days.items()],
            )

    def _new_key(self) -> NewKey:
        key = make_key(self._random_bytes)
        return NewKey(key_id(key), key)

    def _check_owner(self, connection: sqlite3.Connection, owner: int, scopes: str) -> None:
        row = connection.execute(
            "SELECT is_person FROM party WHERE token = ?", (token_bytes(owner),)
        ).fetchone()
        if row is None:
            raise AccessRefused(f"there is no operator or machine with token {owner:016x}")
        asked = set(scopes.split(" "))
        # `*` is not for machines: theirs are spelt out.
        allowed_set = SCOPES | {EVERYTHING} if row[0] else MACHINE_SCOPES
        wrong = asked - allowed_set
        if wrong:
            allowed = ", ".join(sorted(allowed_set))
            raise AccessRefused(
                f"not a scope here: {', '.join(sorted(wrong))}. There are: {allowed}"
            )

    def _insert(
        self,
        connection: sqlite3.Connection,
        new: NewKey,
        owner: int,
        columns: tuple[str, str, str],
        expires_at_ms: int | None,
    ) -> None:
        now_ms = self._store.now_ms()
        working = connection.execute(
            "SELECT count(*) FROM key WHERE revoked_at_ms IS NULL "
            "AND (expires_at_ms IS NULL OR expires_at_ms > ?)",
            (now_ms,),
        ).fetchone()[0]
        if working >= KEYS_MAX:
            raise AccessRefused(f"{KEYS_MAX:,} keys work already; revoke those that nobody uses")
        connection.execute(
            "INSERT INTO key (key_id, owner, hash, scopes, shops, channels, created_at_ms, "
            "expires_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                new.key_id,
                token_bytes(owner),
                key_hash(new.key),
                *columns,
                now_ms,
                expires_at_ms,
            ),
        )


def _column(names: Iterable[str]) -> str:
    unique = sorted(set(names))
    if not unique or any(not name or " " in name for name in unique):
        raise AccessRefused(
            "scopes, shops and channels are names without spaces, at least one each"
        )
    return EVERYTHING if EVERYTHING in unique else " ".join(unique)


def _set(column: str) -> frozenset[str] | None:
    return None if column == EVERYTHING else frozenset(column.split(" "))


def _key(row: tuple[object, ...]) -> Key:
    (key, hashed, scopes, shops, channels, created, expires, revoked, rotated, used) = row[:10]
    token, is_person, roles, is_active = row[10:]
    asked = _set(str(scopes))
    allowed = scopes_of(Role(_int(roles))) if is_person else MACHINE_SCOPES
    principal = Principal(
        person_token=token_number(_bytes(token)),
        is_person=bool(is_person),
        roles=Role(_int(roles)),
        scopes=frozenset(allowed if asked is None else allowed & asked),
        shop_set=_set(str(shops)),
        channel_set=_set(str(channels)),
        key_id=str(key),
        is_active=bool(is_active) and revoked is None,
    )
    return Key(
        str(key),
        _bytes(hashed),
        principal,
        _int(created),
        None if expires is None else _int(expires),
        None if revoked is None else _int(revoked),
        None if rotated is None else str(rotated),
        None if used is None else _int(used),
    )


def _int(value: object) -> int:
    assert isinstance(value, int)
    return value


def _bytes(value: object) -> bytes:
    assert isinstance(value, bytes)
    return value
