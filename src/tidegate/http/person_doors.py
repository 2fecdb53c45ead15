"""What the doors reach of a shop's vault, rights desk and duties, and how persons are named there.

A person's token is written with letters only, so that no filter takes it for a telephone number.
Nothing here decides: the vault asks its gate, the rights desk its rules.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tidegate.http.errors import NOT_FOUND, Problem
from tidegate.people.duties.inspection import manifest, pages
from tidegate.people.duties.store import Duties
from tidegate.people.rights.desk import RightsDesk
from tidegate.people.rights.store import Request, RightsStore
from tidegate.people.rights.terms import date_text, moment_text
from tidegate.people.vault.vault import Vault

_DIGITS = "0123456789abcdef"
_LETTERS = "abcdefghijklmnop"
NAME_CHARS = 16


@dataclass(frozen=True)
class PersonDoors:
    """One shop's."""

    vault: Vault
    rights: RightsDesk
    requests: RightsStore
    duties: Duties

    def inspection(self) -> dict[str, dict[str, Any]]:
        """Every page of the pack, and the hashes of them all, signed."""
        made = pages(self.vault, self.rights, self.requests, self.duties)
        return made | {
            "manifest": manifest(made, self.rights.certifier.sign, self.vault.parts.shop)
        }


def person_name(token: int) -> str:
    """A token as doors write it: sixteen letters."""
    return f"{token:016x}".translate(str.maketrans(_DIGITS, _LETTERS))


def person_token(name: str) -> int:
    """The inverse of `person_name`. Raises Problem for anything else."""
    if len(name) != NAME_CHARS or set(name) - set(_LETTERS):
        raise Problem(NOT_FOUND, "a person is named by sixteen letters", "人员以十六个字母表示")
    return int(name.translate(str.maketrans(_LETTERS, _DIGITS)), 16)


def shown(request: Request, names: Callable[[int], str] = person_name) -> dict[str, Any]:
    """A request as doors show it."""
    return {
        "id": request.id, "person": names(request.person), "kind": request.kind,
        "asked_by": request.asked_by, "state": request.state, "checked_by": request.checked_by,
        "opened": moment_text(request.opened_ms), "due": date_text(request.due_day),
        "ended": moment_text(request.ended_ms) if request.ended_ms else "",
        "ground": request.why, "outcome": request.document,
    }  # fmt: skip
