"""What is said on the way to publishing: wishes, proposals, and what a check must be for them.

Always values: what two people approve is the whole of a `Publication`, behind one digest. Nothing
here asks a desk or a file.
"""

import msgspec

from tidegate.pricing.publishing import (
    FLOOR,
    LIST_COLLAR,
    MEDIAN_COLLAR,
    Allowed,
    Checked,
    Counterexample,
    Terms,
    configuration_hash,
)
from tidegate.pricing.standing import floors_by_code, proposed_book
from tidegate.publishing.checking import CheckAsked, CheckDone
from tidegate.publishing.store import Draft

BOUND_WORDS = {
    FLOOR: "floor",
    LIST_COLLAR: "collar against the list price",
    MEDIAN_COLLAR: "collar against what was received in 30 days",
}
PUBLICATION = b'{"publication":'


class DraftMissing(Exception):
    """There is no draft of that code."""


class NotPublishable(Exception):
    """The draft is not as far as that; the message says what comes first."""


class Publication(msgspec.Struct, frozen=True):
    """What the second person reads and approves: all of it stands behind one digest."""

    code: str
    document: str
    digest: str
    expected_version: int
    verdict: str
    why: str
    counterexample: Counterexample | None
    exceptions: tuple[Allowed, ...]
    expires_ms: int
    reason: str
    surroundings: str = ""


class Proposed(msgspec.Struct, frozen=True):
    """The form of a proposal's content."""

    publication: Publication


class ForceWish(msgspec.Struct, frozen=True):
    """What the first of two people wants of what was not proved."""

    code: str
    digest: str
    reason: str
    terms: Terms
    expires_ms: int
    request_id: str = ""


def checked_of(draft: Draft, digest: str, now_ms: int) -> CheckDone:
    """The check that somebody read, which must be the draft's last. Raises NotPublishable."""
    if draft.promotion.end_ms <= now_ms:
        raise NotPublishable("its window is over: set another end")
    if draft.shadow_channel:
        raise NotPublishable("it is set up at a platform: nothing of it is published here")
    if draft.check is None:
        raise NotPublishable("check it first")
    if draft.check.digest != digest:
        raise NotPublishable("it was checked again since: read the answer, and name its digest")
    return draft.check


def digest_of(asked: CheckAsked) -> str:
    """What was checked, as one hash. Raises PromotionsRefused."""
    book = proposed_book(asked.prices, asked.proposed, asked.now_ms)
    floors = floors_by_code(asked.prices)
    return configuration_hash(book, floors, asked.proposed)


def is_publication(content: bytes) -> bool:
    """Whether a proposal is about publishing."""
    return content.startswith(PUBLICATION)


def publication_of(content: bytes) -> Publication:
    """What a proposal is about."""
    return msgspec.json.decode(content, type=Proposed).publication


def summary(checked: Checked) -> str:
    """A verdict in one line."""
    if checked.counterexample is None:
        return checked.verdict if not checked.why else f"{checked.verdict}: {checked.why}"
    found = checked.counterexample
    lines = ", ".join(f"{units} × {sku}" for sku, units in found.lines)
    return (
        f"{checked.verdict}: {lines} leaves {found.receivable_fen} fen for {found.sku}, "
        f"its {BOUND_WORDS[found.bound]} is {found.floor_fen}"
    )
