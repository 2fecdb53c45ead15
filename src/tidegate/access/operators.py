"""Operators and machines: the people who run the shops, and the programs that sell through them.

A person is one row and one random token however many keys they hold, and there is always an active
administrator once there has been one.
This module never tells a journal a name: names stay in access.db.
"""

import os
import sqlite3
from collections.abc import Callable
from typing import NamedTuple

from tidegate.access.roles import Role, role_names
from tidegate.access.store import HOUSE, TOKEN_BYTES, AccessStore, token_bytes, token_number

NAME_LENGTH_MAX = 64


class AccessRefused(Exception):
    """A change that access does not allow; the message says why and what to do instead."""


class Party(NamedTuple):
    """A person or a machine as access.db knows them."""

    token: int
    is_person: bool
    name: str
    roles: Role
    is_active: bool
    created_at_ms: int


class Operators:
    """The services behind `tidegate operator`. `actor` is the token of whoever does it."""

    def __init__(
        self, store: AccessStore, random_bytes: Callable[[int], bytes] = os.urandom
    ) -> None:
        self._store = store
        self._random_bytes = random_bytes

    def create_first_administrator(self, name: str) -> Party:
        """The first person, made at the machine's own console; only while there is nobody."""
        with self._store.changing(HOUSE, "first_administrator", "") as connection:
            if connection.execute("SELECT count(*) FROM party").fetchone()[0]:
                raise AccessRefused(
                    "there are operators already; ask an administrator for an account of your own"
                )
            roles = Role.ADMINISTRATOR | Role.OPERATOR | Role.APPROVER | Role.PRIVACY_OFFICER
            return self._insert(connection, name, is_person=True, roles=roles | Role.VIEWER)

    def create_operator(self, name: str, roles: Role, actor: int) -> Party:
        """A person with their own name. Whoever shares one cannot be told apart afterwards."""
        detail = ",".join(role_names(roles))
        with self._store.changing(actor, "create_operator", "", detail) as connection:
            return self._insert(connection, name, is_person=True, roles=roles)

    def create_machine(self, name: str, actor: int) -> Party:
        """A program: a channel's client, an importer. It has no roles and can never approve."""
        with self._store.changing(actor, "create_machine", "") as connection:
            return self._insert(connection, name, is_person=False, roles=Role(0))

    def set_roles(self, token: int, roles: Role, actor: int) -> Party:
        """Give a person exactly these roles. Raises AccessRefused for a machine."""
        detail = ",".join(role_names(roles))
        with self._store.changing(actor, "set_roles", f"{token:016x}", detail) as connection:
            if not self._find(connection, token).is_person:
                raise AccessRefused("a machine has no roles; its keys' scopes say what it may do")
            connection.execute(
                "UPDATE party SET roles = ? WHERE token = ?", (int(roles), token_bytes(token))
            )
            self._keep_an_administrator(connection)
            return self._find(connection, token)

    def suspend(self, token: int, actor: int) -> Party:
        """All keys of this person or machine stop working within a second."""
        return self._set_active(token, actor, is_active=False)

    def resume(self, token: int, actor: int) -> Party:
        """Their keys work again, except those that were revoked or expired."""
        return self._set_active(token, actor, is_active=True)

    def list_parties(self) -> list[Party]:
        """Everybody, by name."""
        with self._store.reading() as connection:
            rows = connection.execute(f"{_SELECT} ORDER BY name").fetchall()
        return [_party(row) for row in rows]

    def party(self, token: int) -> Party:
        """One person or machine. Raises AccessRefused if there is none."""
        with self._store.reading() as connection:
            return self._find(connection, token)

    def _set_active(self, token: int, actor: int, *, is_active: bool) -> Party:
        what = "resume" if is_active else "suspend"
        with self._store.changing(actor, what, f"{token:016x}") as connection:
            self._find(connection, token)
            connection.execute(
                "UPDATE party SET is_active = ? WHERE token = ?",
                (int(is_active), token_bytes(token)),
            )
            self._keep_an_administrator(connection)
            return self._find(connection, token)

    def _insert(
        self, connection: sqlite3.Connection, name: str, *, is_person: bool, roles: Role
    ) -> Party:
        name = name.strip()
        if not 0 < len(name) <= NAME_LENGTH_MAX or not name.isprintable():
            raise AccessRefused(f"a name has 1 to {NAME_LENGTH_MAX} printable characters")
        token = 0
        while not token:
            token = int.from_bytes(self._random_bytes(TOKEN_BYTES), "big")
        created_at_ms = self._store.now_ms()
        try:
            connection.execute(
                "INSERT INTO party VALUES (?, ?, ?, ?, 1, ?)",
                (token_bytes(token), int(is_person), name, int(roles), created_at_ms),
            )
        except sqlite3.IntegrityError as error:
            raise AccessRefused("that name is taken; one name is one person or machine") from error
        return Party(token, is_person, name, roles, True, created_at_ms)

    def _find(self, connection: sqlite3.Connection, token: int) -> Party:
        row = connection.execute(f"{_SELECT} WHERE token = ?", (token_bytes(token),)).fetchone()
        if row is None:
            raise AccessRefused(f"there is no operator or machine with token {token:016x}")
        return _party(row)

    def _keep_an_administrator(self, connection: sqlite3.Connection) -> None:
        left = connection.execute(
            "SELECT count(*) FROM party WHERE is_active = 1 AND roles & ? != 0",
            (int(Role.ADMINISTRATOR),),
        ).fetchone()[0]
        if not left:
            raise AccessRefused(
                "nobody would be left to administer this store; make another person an "
                "administrator first"
            )


_SELECT = "SELECT token, is_person, name, roles, is_active, created_at_ms FROM party"


def _party(row: tuple[bytes, int, str, int, int, int]) -> Party:
    token, is_person, name, roles, is_active, created_at_ms = row
    return Party(
        token_number(token), bool(is_person), name, Role(roles), bool(is_active), created_at_ms
    )
