"""Roles that people have, scopes that keys have, and which role brings which scope.

A scope is a sentence about one shop: `stock:write` means stock of that shop may be changed. Nothing
is allowed that is not listed here.
This module never gives a machine the word of a person: approving, administering and the privacy
office are for people.
"""

from collections.abc import Iterable
from enum import IntFlag

ORDERS_READ = "orders:read"
ORDERS_WRITE = "orders:write"
SALES_WRITE = "sales:write"  # facts from marketplaces
STOCK_READ = "stock:read"
STOCK_WRITE = "stock:write"
CATALOGUE_READ = "catalogue:read"
CATALOGUE_WRITE = "catalogue:write"
RULES_WRITE = "rules:write"
PAUSE_WRITE = "pause:write"
RELEASE_WRITE = "release:write"
FIGURES_READ = "figures:read"
CONSENT_WRITE = "consent:write"  # what a person was shown and chose, as their channel tells it
MESSAGES_WRITE = "messages:write"  # messages to persons, through the gate
APPROVE = "approve"
PRIVACY = "privacy"
ADMIN = "admin"

READING = frozenset({ORDERS_READ, STOCK_READ, CATALOGUE_READ, FIGURES_READ})
MACHINE_SCOPES = READING | {
    ORDERS_WRITE,
    SALES_WRITE,
    STOCK_WRITE,
    CATALOGUE_WRITE,
    CONSENT_WRITE,
    MESSAGES_WRITE,
    PAUSE_WRITE,  # stopping is never the dangerous direction
}
SCOPES = MACHINE_SCOPES | {RULES_WRITE, RELEASE_WRITE, APPROVE, PRIVACY, ADMIN}


class Role(IntFlag):
    """What a person may be; several at once. The numbers are stored and keep their meaning."""

    VIEWER = 1
    OPERATOR = 2
    APPROVER = 4
    PRIVACY_OFFICER = 8
    ADMINISTRATOR = 16


ROLE_SCOPES: dict[Role, frozenset[str]] = {
    Role.VIEWER: READING,
    Role.OPERATOR: READING
    | {
        ORDERS_WRITE,
        SALES_WRITE,
        STOCK_WRITE,
        CATALOGUE_WRITE,
        RULES_WRITE,
        PAUSE_WRITE,
        RELEASE_WRITE,
        CONSENT_WRITE,
        MESSAGES_WRITE,
    },
    Role.APPROVER: READING | {APPROVE, PAUSE_WRITE},
    Role.PRIVACY_OFFICER: READING | {PRIVACY, CONSENT_WRITE, MESSAGES_WRITE},
    # Who hands out keys does not thereby set prices or approve them.
    Role.ADMINISTRATOR: READING | {ADMIN},
}


def scopes_of(roles: Role) -> frozenset[str]:
    """Every scope that a person with these roles may use."""
    return frozenset[str]().union(*(ROLE_SCOPES[role] for role in Role if role in roles))


def role_names(roles: Role) -> tuple[str, ...]:
    """`("operator", "approver")`: as they are written on pages and in commands."""
    return tuple(str(role.name).lower() for role in Role if role in roles)


def roles_from(names: Iterable[str]) -> Role:
    """The inverse of `role_names`. Raises ValueError that names the roles there are."""
    roles = Role(0)
    for name in names:
        try:
            roles |= Role[name.upper()]
        except KeyError:
            there = ", ".join(role_names(~Role(0)))
            raise ValueError(f"there is no role {name!r}; there are {there}") from None
    return roles
