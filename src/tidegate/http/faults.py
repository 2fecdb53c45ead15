"""What the parts behind the doors raise, as the problem that a caller gets.

A fault that is not known here is an error of ours: it is logged with its kind and place, and the
caller is told to repeat the same id, because nobody knows how far it came.
"""

import structlog

from tidegate.access.operators import AccessRefused
from tidegate.access.store import AccessUnavailable
from tidegate.desk.answers import DeskBusy, DeskUnready, Undecided
from tidegate.http.errors import (
    APPROVAL_NEEDED,
    BREAKER_OPEN,
    BUSY,
    INTERNAL,
    NOT_FOUND,
    NOT_PUBLISHABLE,
    UNDECIDED,
    UNPROCESSABLE,
    UNREADY,
    Problem,
)
from tidegate.http.people_faults import people_problem
from tidegate.http.vault_faults import vault_problem
from tidegate.people.exchange import ExchangeBusy
from tidegate.people.identity import IdentityUnavailable
from tidegate.people.normalise import IdentityMalformed
from tidegate.pricing.problems import PromotionsRefused
from tidegate.pricing.publishing import TermsRefused
from tidegate.publishing.live import NotWatched
from tidegate.publishing.publication import DraftMissing, NotPublishable
from tidegate.publishing.store import DraftsUnavailable, TooManyDrafts
from tidegate.watch.breaker import BreakerRefused
from tidegate.watch.watch_file import WatchUnavailable

_RETRY_SOON_S = 1.0
_RETRY_LATER_S = 5.0

PROBLEMS_TOLD = 200  # of one file; the detail says how many more there are

_log = structlog.get_logger("tidegate.http")


def as_problem(error: BaseException) -> Problem:
    """The problem for anything that was raised."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, DeskBusy):
        return Problem(BUSY, retry_after_s=error.retry_after_s)
    if isinstance(error, ExchangeBusy):
        return Problem(BUSY, retry_after_s=_RETRY_SOON_S)
    if isinstance(error, Undecided):
        return Problem(UNDECIDED, retry_after_s=_RETRY_SOON_S)
    if isinstance(error, DeskUnready):
        return Problem(UNREADY, str(error), retry_after_s=_RETRY_LATER_S)
    if isinstance(error, AccessRefused):
        return Problem(APPROVAL_NEEDED, str(error))
    if isinstance(error, BreakerRefused):
        return Problem(BREAKER_OPEN, str(error))
    if isinstance(error, IdentityUnavailable | AccessUnavailable | WatchUnavailable):
        return Problem(UNREADY, str(error), retry_after_s=_RETRY_LATER_S)
    if isinstance(error, IdentityMalformed):
        return Problem(UNPROCESSABLE, f"buyer: {error}")
    known = publishing_problem(error) or people_problem(error) or vault_problem(error)
    if known is not None:
        return known
    # Without its text: a message may quote what was being worked on.
    _log.error("door_failed", error=type(error).__name__, at=_place(error))
    return Problem(INTERNAL)


def publishing_problem(error: BaseException) -> Problem | None:
    """The problem for what publishing raises."""
    if isinstance(error, DraftMissing):
        return Problem(NOT_FOUND, "there is no such draft", "没有此草稿")
    if isinstance(error, NotWatched | NotPublishable | TermsRefused | TooManyDrafts):
        return Problem(NOT_PUBLISHABLE, str(error))
    if isinstance(error, PromotionsRefused):
        problems = [
            {"promotion": one.promotion, "place": [str(part) for part in one.path],
             "why": one.why, "mend": one.mend} | ({"line": one.line} if one.line else {})
            for one in error.problems[:PROBLEMS_TOLD]
        ]  # fmt: skip
        return Problem(UNPROCESSABLE, str(error), figures={"problems": problems})
    if isinstance(error, DraftsUnavailable):
        return Problem(UNREADY, str(error), retry_after_s=_RETRY_LATER_S)
    return None


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return ""
    return f"{trace.tb_frame.f_code.co_name}:{trace.tb_lineno}"
