"""What changed between two versions of a notice, and for which purposes people are asked again.

A change of purpose, method, fields, recipients, or one to the person's disadvantage is material
(PIPL 14, 23): consents that were given before no longer open the gate.
This module never calls a change of substance mere wording, whoever says so.
"""

from collections.abc import Iterator
from typing import NamedTuple

from tidegate.people.notices.document import ChannelTerms, Notice, Purpose, Recipient

WORDING = frozenset(("title", "method"))  # a person may judge that only the words changed


class Change(NamedTuple):
    """What changed for one purpose, by the name of what changed."""

    purpose: str
    what: str


def material_changes(old: Notice, new: Notice) -> tuple[Change, ...]:
    """Every material change of a purpose that both versions have."""
    return tuple(
        Change(name, what)
        for name, purpose in new.purposes.items()
        if name in old.purposes
        for what in _changes(old, new, old.purposes[name], purpose)
    )


def asked_again(
    changes: tuple[Change, ...], same_meaning: frozenset[str]
) -> dict[str, tuple[str, ...]]:
    """The purposes that people are asked about again, with what changed.

    `same_meaning`: purposes of which a person judged that only words changed; it counts where
    nothing else did.
    """
    found: dict[str, list[str]] = {}
    for change in changes:
        found.setdefault(change.purpose, []).append(change.what)
    return {
        purpose: tuple(what)
        for purpose, what in found.items()
        if not (purpose in same_meaning and WORDING.issuperset(what))
    }


def _changes(old: Notice, new: Notice, before: Purpose, after: Purpose) -> Iterator[str]:
    if old.operator.name != new.operator.name:
        yield "operator"
    for name in ("title", "method", "basis", "act", "marketing"):
        if getattr(before, name) != getattr(after, name):
            yield name
    if after.personalised and not before.personalised:
        yield "personalised"
    if _added(old, new, before, after):
        yield "fields"
    if any(_is_new_recipient(old, new, before, name) for name in after.recipients):
        yield "recipients"
    if _lasts_longer(before, after):
        yield "retention"
    if set(after.necessary_for) - set(before.necessary_for):
        yield "necessary_for"
    if any(
        name not in before.channels or _is_louder(old.channels.get(name), new.channels.get(name))
        for name in after.channels
    ):
        yield "channels"


def _added(old: Notice, new: Notice, before: Purpose, after: Purpose) -> bool:
    """Whether a field came to the purpose, or one of its fields became another kind."""
    return any(
        name not in before.fields
        or name not in old.fields
        or name not in new.fields
        or old.fields[name].category != new.fields[name].category
        for name in after.fields
    )


def _is_new_recipient(old: Notice, new: Notice, before: Purpose, name: str) -> bool:
    was, now = old.recipients.get(name), new.recipients.get(name)
    if name not in before.recipients or was is None or now is None:
        return True
    return _told(was) != _told(now)


def _told(recipient: Recipient) -> tuple[object, ...]:
    """What makes it another recipient; a new contact address does not."""
    return (
        recipient.name, recipient.purpose, recipient.method, recipient.region, recipient.entrusted,
    )  # fmt: skip


def _lasts_longer(before: Purpose, after: Purpose) -> bool:
    if before.retention.days and after.retention.days:
        return after.retention.days > before.retention.days
    return (before.retention.days, before.retention.rule) != (
        after.retention.days,
        after.retention.rule,
    )


def _is_louder(was: ChannelTerms | None, now: ChannelTerms | None) -> bool:
    """Whether messages may come oftener, at more hours, or from somebody else."""
    if was is None or now is None:
        return True
    if was.sender != now.sender:
        return True
    if (was.quiet_from_minute, was.quiet_to_minute) != (now.quiet_from_minute, now.quiet_to_minute):
        return True
    if was.frequency is None or now.frequency is None:
        return was.frequency is not None
    return now.frequency.count * was.frequency.days > was.frequency.count * now.frequency.days or (
        now.frequency.count > was.frequency.count
    )
