"""What the vault, the rights desk and the duties raise, as the problem that a caller gets.

A refusal is on record before it comes here. No value of anybody is in any of these texts.
"""

from tidegate.http.errors import NOT_FOUND, NOT_LAWFUL, UNPROCESSABLE, UNREADY, Problem
from tidegate.people.duties.documents import DocumentIncomplete
from tidegate.people.duties.store import DutyRefused
from tidegate.people.rights.desk import RightsRefused
from tidegate.people.rights.places import PlaceFailed
from tidegate.people.vault.parts import VaultInterrupted, VaultRefused

_MISSING = ("unknown_request", "not_held")
_RETRY_S = 60.0


def vault_problem(error: BaseException) -> Problem | None:
    """The problem for what was raised; None for anything else."""
    if isinstance(error, VaultRefused):
        kind = NOT_FOUND if error.reason == "not_held" else NOT_LAWFUL
        figures = {"why": error.reason, "article": error.article}
        return Problem(kind, str(error), figures=figures)
    if isinstance(error, RightsRefused):
        kind = NOT_FOUND if error.reason in _MISSING else UNPROCESSABLE
        return Problem(kind, str(error), figures={"why": error.reason})
    if isinstance(error, VaultInterrupted):
        return Problem(UNREADY, str(error), retry_after_s=_RETRY_S)
    if isinstance(error, PlaceFailed):
        return Problem(UNREADY, f"nothing was ended: {error}", retry_after_s=_RETRY_S)
    if isinstance(error, DocumentIncomplete | DutyRefused):
        return Problem(UNPROCESSABLE, str(error))
    return None
