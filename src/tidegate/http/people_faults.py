"""What the people's parts raise, as the problem that a caller gets.

Refusals name the reason and the article; nothing of a person is repeated.
"""

from tidegate.http.errors import (
    KEY_REUSED,
    NOT_LAWFUL,
    NOTICE_INCOMPLETE,
    UNPROCESSABLE,
    UNREADY,
    Problem,
)
from tidegate.people.messages.advertising import AdvertisingFound
from tidegate.people.messages.outbox import KeyReused
from tidegate.people.messages.port import MessageRefused
from tidegate.people.messages.templates import TemplateRefused
from tidegate.people.notices.required import NoticeIncomplete
from tidegate.people.refusals import CONSENT_WORDS, GATE_WORDS, ConsentRefused, GateReason
from tidegate.people.stream import StreamFailed

_RETRY_LATER_S = 5.0
_GATE_BY_WORD = {reason.word: words for reason, words in GATE_WORDS.items()}
assert len(_GATE_BY_WORD) == len(GateReason)


def people_problem(error: BaseException) -> Problem | None:
    """The problem for what notices, consents, the gate and messages raise."""
    if isinstance(error, ConsentRefused | MessageRefused):
        words = CONSENT_WORDS.get(error.reason) or _GATE_BY_WORD[error.reason]
        figures = {"why": error.reason, "article": error.article}
        return Problem(NOT_LAWFUL, words.english, words.chinese, figures=figures)
    if isinstance(error, NoticeIncomplete):
        gaps = [gap._asdict() for gap in error.gaps]
        return Problem(NOTICE_INCOMPLETE, str(error), figures={"gaps": gaps})
    if isinstance(error, TemplateRefused | AdvertisingFound):
        return Problem(UNPROCESSABLE, str(error))
    if isinstance(error, KeyReused):
        return Problem(KEY_REUSED)
    if isinstance(error, StreamFailed):
        return Problem(UNREADY, str(error), retry_after_s=_RETRY_LATER_S)
    return None
